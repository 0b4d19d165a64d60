//! The ledger on traces by hand.

use super::*;
use crate::{
    event::{EntryBrief, EntryKind},
    ids::{Epoch, Seq},
    spec::ClusterSpec,
};

struct Books {
    ledger: Ledger,
    state: ClusterState,
}

impl Books {
    fn new() -> Self {
        Self { ledger: Ledger::default(), state: ClusterState::before(&ClusterSpec::default()) }
    }

    fn tell(&mut self, kind: EventKind) {
        let seq = self.state.next;
        let event = TraceEvent { seq, at: Timestamp(seq.0 * 1000), cause: None::<Seq>, kind };
        self.state.apply(&event);
        self.ledger.apply(&event, &self.state);
    }

    fn write(&mut self, op: u64, key: &str, index: u64) {
        let request = Request::Put { key: key.into(), value: op.to_string().into() };
        self.tell(EventKind::OpInvoked { op: OpId(op), client: ClientId(1), request });
        for node in 1..=2 {
            self.log(node, index, &[op]);
        }
        self.tell(EventKind::OpReturned {
            op: OpId(op),
            outcome: Outcome::Written { at: LogIndex(index) },
            node: None,
        });
    }

    fn log(&mut self, node: u16, from: u64, ops: &[u64]) {
        let entry = |op: &u64| EntryBrief { epoch: Epoch(1), op: Some(OpId(*op)), kind: EntryKind::Put, bytes: 1 };
        let entries = ops.iter().map(entry).collect();
        self.tell(EventKind::LogSpliced { node: NodeId(node), from: LogIndex(from), entries });
    }

    fn persisted(&mut self, node: u16, index: u64) {
        let changes = vec![ViewChange::PersistedIndex(LogIndex(index))];
        self.tell(EventKind::ViewChanged { node: NodeId(node), changes });
    }
}

#[test]
fn a_write_is_followed_to_the_disks_that_have_it_and_to_its_successor() {
    let mut books = Books::new();
    books.write(1, "k", 1);
    books.persisted(1, 1);
    assert_eq!(books.ledger.lost_so_far(), 0);
    let fate = books.ledger.fate(OpId(1)).expect("acknowledged");
    assert_eq!((fate.durable_on, fate.in_logs_of), (vec![NodeId(1)], vec![NodeId(1), NodeId(2)]));
    assert_eq!((fate.superseded_by, fate.lost), (None, false));
    books.write(2, "k", 2);
    assert_eq!(books.ledger.fate(OpId(1)).expect("remembered").superseded_by, Some(OpId(2)));
    books.persisted(2, 2);
    let fates = Fates { acknowledged: 2, superseded: 1, lost: 0, durable_on: BTreeMap::from([(1, 1)]) };
    assert_eq!(books.ledger.fates(), fates);
    books.tell(EventKind::DiskWiped { node: NodeId(1) });
    books.tell(EventKind::DiskWiped { node: NodeId(2) });
    assert_eq!(books.ledger.fates().lost, 2);
    assert_eq!(books.ledger.fate(OpId(3)), None);
}

#[test]
fn a_long_run_on_few_keys_is_followed_in_bounded_memory() {
    let mut books = Books::new();
    let total = 4 * SUPERSEDED_KEPT as u64;
    books.write(0, "early", 1);
    for op in 1..total {
        books.write(op, if op % 2 == 0 { "a" } else { "b" }, op + 1);
    }
    assert_eq!((books.ledger.acknowledged(), books.ledger.lost_so_far()), (total as usize, 0));
    assert!(books.ledger.acknowledged.len() <= SUPERSEDED_KEPT + 4);
    // Of a key that was written once, the write is remembered, and stands where it stood.
    let fate = books.ledger.fate(OpId(0)).expect("the latest of its key");
    assert_eq!((fate.in_logs_of.len(), fate.lost), (2, false));
    // What is erased is lost, however long the log was.
    for node in 1..=2 {
        books.log(node, total - 1, &[]);
    }
    assert_eq!(books.ledger.lost_so_far(), 2);
}
