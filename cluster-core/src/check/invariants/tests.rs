//! Each invariant on a minimal bad trace, by hand, and on its good twin.

use super::*;
use crate::{
    event::{EntryBrief, EntryKind, EventKind, Finding, Milestone, RoleKind, TraceEvent, ViewChange},
    ids::{Epoch, LogIndex, NodeId, OpId, Seq},
    name::Name,
    time::Timestamp,
    trace::Observer,
};

/// A trace by hand, and what was found in it.
struct Run {
    invariants: Invariants,
    next: Seq,
    found: Vec<Finding>,
}

impl Run {
    fn of(protocol: &str) -> Self {
        Self { invariants: Invariants::of(protocol).expect("a known protocol"), next: Seq(0), found: Vec::new() }
    }

    fn raft() -> Self {
        Self::of("raft")
    }

    fn push(&mut self, kind: EventKind) -> Seq {
        let seq = self.next;
        let event = TraceEvent { seq, at: Timestamp(seq.0 * 1000), cause: None, kind };
        self.invariants.observe(&event, &mut self.found);
        self.next = seq.next();
        seq
    }

    fn elected(&mut self, node: u16, epoch: u64) -> Seq {
        let milestone = Milestone::LeaderElected { epoch: Epoch(epoch) };
        self.push(EventKind::Milestone { node: NodeId(node), milestone })
    }

    fn stepped_down(&mut self, node: u16, epoch: u64) {
        let milestone = Milestone::SteppedDown { epoch: Epoch(epoch), why: Name::new("a later term exists") };
        self.push(EventKind::Milestone { node: NodeId(node), milestone });
    }

    /// The log of a node is, from `from` on, these entries: epoch and operation.
    fn log(&mut self, node: u16, from: u64, entries: &[(u64, u64)]) -> Seq {
        let entry =
            |&(epoch, op)| EntryBrief { epoch: Epoch(epoch), op: Some(OpId(op)), kind: EntryKind::Put, bytes: 8 };
        let entries = entries.iter().map(entry).collect();
        self.push(EventKind::LogSpliced { node: NodeId(node), from: LogIndex(from), entries })
    }

    fn shows(&mut self, node: u16, changes: Vec<ViewChange>) -> Seq {
        self.push(EventKind::ViewChanged { node: NodeId(node), changes })
    }

    fn commits(&mut self, node: u16, epoch: u64, index: u64) -> Seq {
        self.shows(node, vec![ViewChange::Epoch(Epoch(epoch)), ViewChange::CommitIndex(LogIndex(index))])
    }

    fn applied(&mut self, node: u16, op: u64, index: u64) -> Seq {
        let milestone = Milestone::Applied { op: OpId(op), index: LogIndex(index) };
        self.push(EventKind::Milestone { node: NodeId(node), milestone })
    }

    /// Returns what was found: the promise, the nodes, the evidence.
    fn told(&self) -> Vec<(&str, Vec<u16>, Vec<u64>)> {
        let nodes = |finding: &Finding| finding.nodes.iter().map(|node| node.0).collect();
        let evidence = |finding: &Finding| finding.evidence.iter().map(|seq| seq.0).collect();
        self.found.iter().map(|finding| (finding.promise.as_str(), nodes(finding), evidence(finding))).collect()
    }
}

#[test]
fn two_leaders_of_one_term_break_election_safety() {
    let mut run = Run::raft();
    let first = run.elected(1, 3);
    let second = run.elected(2, 3);
    assert_eq!(run.told(), [("election-safety", vec![1, 2], vec![first.0, second.0])]);
    assert_eq!(run.found[0].sentence, "n2 was elected in term 3, in which n1 was, too");
}

#[test]
fn one_leader_a_term_is_as_it_should_be() {
    let mut run = Run::raft();
    run.elected(1, 3);
    run.shows(1, vec![ViewChange::Role(RoleKind::Leader, Name::new("leader")), ViewChange::Epoch(Epoch(3))]);
    run.elected(2, 4);
    run.elected(1, 5);
    assert_eq!(run.told(), []);
}

#[test]
fn a_leader_that_erases_its_own_entry_breaks_leader_append_only() {
    let mut run = Run::raft();
    run.log(1, 1, &[(1, 1), (2, 2)]);
    run.elected(1, 3);
    let erased = run.log(1, 2, &[(3, 3)]);
    assert_eq!(run.told(), [("leader-append-only", vec![1], vec![erased.0])]);
    assert_eq!(run.found[0].indexes, [LogIndex(2)]);
}

#[test]
fn a_deposed_leader_and_a_follower_may_erase_entries() {
    let mut run = Run::raft();
    run.log(1, 1, &[(1, 1), (2, 2)]);
    run.elected(1, 2);
    run.log(1, 3, &[(2, 9)]);
    run.stepped_down(1, 2);
    run.log(1, 2, &[(3, 3)]);
    run.log(2, 1, &[(1, 1), (2, 2)]);
    run.log(2, 2, &[(3, 3)]);
    assert_eq!(run.told(), []);
}

#[test]
fn logs_that_differ_in_or_before_an_equal_entry_break_log_matching() {
    let mut run = Run::raft();
    run.log(1, 1, &[(1, 1), (2, 2)]);
    run.log(2, 1, &[(1, 1), (2, 7)]);
    run.log(3, 1, &[(2, 5), (2, 2)]);
    assert_eq!(run.told(), [("log-matching", vec![1, 2], vec![0, 1])]);
    let mut run = Run::raft();
    run.log(1, 1, &[(1, 1), (2, 2)]);
    run.log(3, 1, &[(2, 5), (2, 2)]);
    assert_eq!(run.told(), [("log-matching", vec![1, 3], vec![0, 1])]);
    assert_eq!(run.found[0].indexes, [LogIndex(2)]);
}

#[test]
fn logs_that_differ_in_other_terms_match() {
    let mut run = Run::raft();
    run.log(1, 1, &[(1, 1), (2, 2)]);
    run.log(2, 1, &[(1, 1), (3, 7)]);
    // What stands before the first is in a snapshot, and told again at a restart.
    run.log(3, 2, &[(3, 7)]);
    run.push(EventKind::NodeStarted { node: NodeId(1), incarnation: 1, port: 0 });
    run.log(1, 1, &[(1, 1), (2, 2)]);
    assert_eq!(run.told(), []);
}

#[test]
fn a_later_leader_without_a_committed_entry_breaks_leader_completeness() {
    let mut run = Run::raft();
    run.elected(1, 1);
    run.log(1, 1, &[(1, 1), (1, 2)]);
    run.log(2, 1, &[(1, 1)]);
    let committed = run.commits(1, 1, 2);
    let elected = run.elected(2, 2);
    assert_eq!(run.told(), [("leader-completeness", vec![1, 2], vec![committed.0, elected.0])]);
    assert_eq!((run.found[0].indexes.as_slice(), run.found[0].ops.as_slice()), (&[LogIndex(2)][..], &[OpId(2)][..]));
}

/// Late acknowledgements let a deposed leader commit after its successor was elected; the successor must have had that.
#[test]
fn what_a_deposed_leader_commits_late_must_stand_in_the_log_of_its_successor() {
    let mut run = Run::raft();
    run.log(1, 1, &[(1, 1), (1, 2)]);
    run.log(2, 1, &[(1, 1), (1, 2)]);
    let elected = run.elected(2, 2);
    run.commits(1, 1, 2);
    assert_eq!(run.told(), []);
    run.log(1, 3, &[(1, 3)]);
    let committed = run.commits(1, 1, 3);
    assert_eq!(run.told(), [("leader-completeness", vec![1, 2], vec![elected.0, committed.0])]);
}

#[test]
fn a_later_leader_may_lack_what_nobody_committed_or_have_it_in_a_snapshot() {
    let mut run = Run::raft();
    run.elected(1, 1);
    run.log(1, 1, &[(1, 1), (1, 2)]);
    run.log(2, 1, &[(1, 1)]);
    run.log(3, 3, &[]);
    run.commits(1, 1, 1);
    run.elected(2, 2);
    run.commits(2, 2, 1);
    run.elected(3, 3);
    assert_eq!(run.told(), []);
}

#[test]
fn another_entry_applied_at_the_same_index_breaks_state_machine_safety() {
    let mut run = Run::raft();
    run.log(1, 1, &[(1, 1)]);
    run.log(2, 1, &[(2, 2)]);
    run.applied(1, 1, 1);
    let other = run.applied(2, 2, 1);
    run.shows(2, vec![ViewChange::AppliedIndex(LogIndex(1))]);
    assert_eq!(run.told(), [("state-machine-safety", vec![1, 2], vec![2, other.0])]);
    assert_eq!(run.found[0].sentence, "n2 applied op2 of term 2 at 1, where n1 had applied op1 of term 1");
}

#[test]
fn another_map_after_the_same_entry_breaks_state_machine_safety() {
    let mut run = Run::raft();
    let state = |hash| vec![ViewChange::AppliedIndex(LogIndex(1)), ViewChange::State { hash, keys: 1 }];
    run.shows(1, state(7));
    run.shows(2, state(8));
    assert_eq!(run.told(), [("state-machine-safety", vec![1, 2], vec![0, 1])]);
}

#[test]
fn the_same_entries_and_maps_everywhere_are_as_they_should_be() {
    let mut run = Run::raft();
    for node in 1..=3 {
        run.log(node, 1, &[(1, 1), (1, 2)]);
        run.applied(node, 1, 1);
        run.applied(node, 2, 2);
        let changes = vec![ViewChange::AppliedIndex(LogIndex(2)), ViewChange::State { hash: 7, keys: 2 }];
        run.shows(node, changes);
    }
    run.push(EventKind::NodeStarted { node: NodeId(1), incarnation: 1, port: 0 });
    run.log(1, 1, &[(1, 1), (1, 2)]);
    run.applied(1, 1, 1);
    assert_eq!(run.told(), []);
}

#[test]
fn two_primaries_of_one_epoch_break_the_single_writer_and_of_two_epochs_do_not() {
    let leads = |epoch| vec![ViewChange::Role(RoleKind::Leader, Name::new("primary")), ViewChange::Epoch(Epoch(epoch))];
    let mut run = Run::of("primary-backup");
    run.shows(1, leads(1));
    run.elected(1, 1);
    run.shows(2, leads(2));
    assert_eq!(run.told(), []);
    let second = run.shows(3, leads(1));
    assert_eq!(run.told(), [("single-writer", vec![1, 3], vec![0, second.0])]);
}

/// What Raft promises is not held against those who do not promise it.
#[test]
fn primary_backup_may_erase_and_differ() {
    let mut run = Run::of("primary-backup");
    run.elected(1, 1);
    run.log(1, 1, &[(1, 1)]);
    run.log(2, 1, &[(1, 2)]);
    run.applied(1, 1, 1);
    run.applied(2, 2, 1);
    run.log(1, 1, &[(2, 3)]);
    assert_eq!(run.told(), []);
}

/// A trace that goes wrong for ever must not drown in findings.
#[test]
fn of_one_invariant_a_few_violations_are_told() {
    let mut run = Run::raft();
    for epoch in 1..1000 {
        run.elected(1, epoch);
        run.elected(2, epoch);
    }
    assert_eq!(run.found.len(), 8);
}

/// A snapshot takes the place of a log that may have held other entries: they were never applied.
#[test]
fn what_stood_in_a_log_before_a_snapshot_took_its_place_was_not_applied() {
    let mut run = Run::raft();
    run.log(1, 1, &[(1, 1), (1, 2)]);
    run.log(2, 1, &[(2, 7), (2, 8)]);
    run.shows(2, vec![ViewChange::AppliedIndex(LogIndex(2))]);
    let installed = Milestone::SnapshotInstalled { index: LogIndex(2) };
    run.push(EventKind::Milestone { node: NodeId(1), milestone: installed });
    run.shows(1, vec![ViewChange::AppliedIndex(LogIndex(2))]);
    assert!(run.found.is_empty(), "{:?}", run.found);
}

#[test]
fn another_entry_decided_at_the_same_position_breaks_uniform_agreement() {
    let mut run = Run::of("omni-paxos");
    run.log(1, 1, &[(1003, 1)]);
    run.log(2, 1, &[(2002, 2)]);
    run.shows(1, vec![ViewChange::AppliedIndex(LogIndex(1))]);
    let other = run.shows(2, vec![ViewChange::AppliedIndex(LogIndex(1))]);
    assert_eq!(run.told(), [("uniform-agreement", vec![1, 2], vec![2, other.0])]);
    assert_eq!(run.found[0].sentence, "n2 applied op2 of ballot 2002 at 1, where n1 had applied op1 of ballot 1003");
}

#[test]
fn two_leaders_of_one_ballot_break_unique_leader_and_of_two_ballots_do_not() {
    let mut run = Run::of("omni-paxos");
    let first = run.elected(1, 1001);
    run.elected(2, 2002);
    assert_eq!(run.told(), []);
    let second = run.elected(3, 1001);
    assert_eq!(run.told(), [("unique-leader", vec![1, 3], vec![first.0, second.0])]);
}

/// A leader that has to catch up takes another log over, and erases what it had: its own log is not sacred before it leads.
#[test]
fn omni_paxos_may_erase_what_was_never_decided() {
    let mut run = Run::of("omni-paxos");
    run.log(1, 1, &[(1003, 1), (1003, 2)]);
    run.log(1, 2, &[(2002, 3)]);
    run.elected(1, 3001);
    run.shows(1, vec![ViewChange::AppliedIndex(LogIndex(2))]);
    run.log(2, 1, &[(1003, 1), (2002, 3)]);
    run.shows(2, vec![ViewChange::AppliedIndex(LogIndex(1))]);
    assert_eq!(run.told(), []);
}
