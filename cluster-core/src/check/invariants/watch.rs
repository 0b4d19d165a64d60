//! Watches a run for the first moment at which an invariant of its protocol does not hold.

use std::collections::BTreeMap;

use super::{
    Invariant, Lineage,
    epochs::EpochLog,
    executed::Executed,
    positions::{Applied, Hashed, Positions, Seen},
    reigns::{Commit, Missing, Reigns},
};
use crate::{
    event::{Conclusion, EntryBrief, EventKind, Finding, Milestone, RoleKind, TraceEvent, ViewChange},
    ids::{Epoch, LogIndex, NodeId, OpId, Seq},
    name::Name,
    spec::ClusterSpec,
    trace::Observer,
};

/// How many violations of one invariant are told: the first says what happened, a few more how it went on.
const TOLD_MAX: usize = 8;

/// Watches the invariants of one protocol. Each event costs a step or two, each entry of a log and each application one.
#[derive(Debug)]
pub struct Invariants {
    lineage: Lineage,
    nodes: BTreeMap<NodeId, Watched>,
    positions: Positions,
    reigns: Reigns,
    executed: Executed,
    /// What was told: the invariant, and the index or epoch.
    told: Vec<(Invariant, u64)>,
}

/// What is known of a node.
#[derive(Debug, Default)]
struct Watched {
    log: EpochLog,
    /// The epoch in which it leads.
    leads: Option<Epoch>,
    role: RoleKind,
    epoch: Epoch,
    applied: LogIndex,
    /// The hash of its map.
    state: u64,
}

impl Invariants {
    /// Watches a run of a protocol as it is by default; `None` if nothing is known of what it promises.
    pub fn of(protocol: &str) -> Option<Self> {
        Lineage::of(protocol).map(Self::new)
    }

    /// Watches a run of a cluster; `None` if nothing is known of what it promises.
    pub fn promised(spec: &ClusterSpec) -> Option<Self> {
        Lineage::promised(spec).map(Self::new)
    }

    fn new(lineage: Lineage) -> Self {
        Self {
            lineage,
            nodes: BTreeMap::new(),
            positions: Positions::default(),
            reigns: Reigns::default(),
            executed: Executed::default(),
            told: Vec::new(),
        }
    }

    /// Returns whose invariants are watched.
    pub fn lineage(&self) -> Lineage {
        self.lineage
    }

    fn on_milestone(&mut self, node: NodeId, milestone: &Milestone, seq: Seq, found: &mut Vec<Finding>) {
        match milestone {
            Milestone::LeaderElected { epoch } => self.on_elected(node, *epoch, seq, found),
            Milestone::SteppedDown { .. } => self.node(node).leads = None,
            Milestone::SnapshotInstalled { index } => {
                let watched = self.node(node);
                watched.log.reset(*index);
            }
            Milestone::Applied { op, index } if self.lineage.applies_one_log() => {
                let epoch = self.node(node).log.at(*index);
                self.on_applied(*index, Applied { epoch, op: Some(*op), node, seq }, found);
            }
            // The rest changes neither who leads, nor a log, nor a state.
            _ => {}
        }
    }

    fn on_elected(&mut self, node: NodeId, epoch: Epoch, seq: Seq, found: &mut Vec<Finding>) {
        let watched = self.nodes.entry(node).or_default();
        if watched.leads.replace(epoch) == Some(epoch) {
            return;
        }
        if let Some(other) = self.reigns.elect(epoch, node, seq, &watched.log) {
            let (other, since) = (other.node, other.seq);
            let Some(invariant) = self.lineage.one_leader() else { return };
            let word = self.lineage.epoch_word();
            let sentence = if invariant == Invariant::SingleWriter {
                format!("{node} is primary in {word} {epoch}, in which {other} was, too")
            } else {
                format!("{node} was elected in {word} {epoch}, in which {other} was, too")
            };
            let finding = Finding { epochs: vec![epoch], ..of_nodes([other, node], [since, seq]) };
            self.tell(invariant, epoch.0, sentence, finding, found);
        }
        let log = &self.nodes[&node].log;
        if self.lineage == Lineage::Raft
            && let Some(missing) = self.reigns.lacks(epoch, node, seq, log)
        {
            self.tell_missing(missing, found);
        }
    }

    fn on_spliced(&mut self, at: (NodeId, Seq), from: LogIndex, entries: &[EntryBrief], found: &mut Vec<Finding>) {
        let (node, seq) = at;
        if self.lineage == Lineage::Rpc {
            return self.on_executed(at, from, entries, found);
        }
        let watched = self.nodes.entry(node).or_default();
        let from = LogIndex(from.0.max(1));
        let erased = watched.log.splice(from, entries.iter().map(|entry| entry.epoch));
        if let (Some(index), Some(epoch)) = (erased, watched.leads) {
            let sentence = format!("{node} leads in term {epoch} and erased entry {index} of its own log");
            let finding = Finding { indexes: vec![index], epochs: vec![epoch], ..of_nodes([node], [seq]) };
            self.tell(Invariant::LeaderAppendOnly, index.0, sentence, finding, found);
        }
        let mut before = self.nodes.get(&node).and_then(|watched| watched.log.at(LogIndex(from.0 - 1)));
        for (index, entry) in (from.0..).map(LogIndex).zip(entries) {
            let seen = Seen { entry: *entry, before, node, seq };
            before = Some(entry.epoch);
            if let Some(other) = self.positions.see(index, seen) {
                self.tell_mismatch(index, &other, &seen, found);
            }
        }
        self.reigns.forget_before(self.positions.first());
    }

    /// Entries of a server's journal are requests that it executed.
    fn on_executed(&mut self, at: (NodeId, Seq), from: LogIndex, entries: &[EntryBrief], found: &mut Vec<Finding>) {
        let (node, seq) = at;
        for twice in self.executed.splice(node, from, entries, seq) {
            let (op, first, again) = (twice.op, twice.first, twice.again);
            let sentence = format!("{node} executed {op} twice, as entry {} and as entry {again}", first.0);
            let indexes = vec![first.0, again];
            let finding = Finding { indexes, ops: vec![op], ..of_nodes([node], [first.1, seq]) };
            self.tell(Invariant::AtMostOnce, op.0, sentence, finding, found);
        }
    }

    fn tell_mismatch(&mut self, index: LogIndex, other: &Seen, seen: &Seen, found: &mut Vec<Finding>) {
        let (node, epoch) = (seen.node, seen.entry.epoch);
        let what = if other.entry != seen.entry {
            format!("{} there and {} here", entry_words(&other.entry), entry_words(&seen.entry))
        } else {
            let before = |seen: &Seen| seen.before.map_or_else(String::new, |epoch| format!("one of term {epoch}"));
            format!("behind {} there and behind {} here", before(other), before(seen))
        };
        let ops = [other.entry.op, seen.entry.op].into_iter().flatten().collect();
        let indexes = vec![index];
        let finding =
            Finding { indexes, epochs: vec![epoch], ops, ..of_nodes([other.node, node], [other.seq, seen.seq]) };
        let leads = self.nodes.get(&node).is_some_and(|watched| watched.leads.is_some());
        if other.node == node && leads {
            let sentence = format!("{node} leads in term {epoch} and wrote entry {index} of its own log anew: {what}");
            return self.tell(Invariant::LeaderAppendOnly, index.0, sentence, finding, found);
        }
        let sentence =
            format!("entry {index} of term {epoch} is not the same in the logs of {} and {node}: {what}", other.node);
        self.tell(Invariant::LogMatching, index.0, sentence, finding, found);
    }

    fn on_view(&mut self, node: NodeId, changes: &[ViewChange], seq: Seq, found: &mut Vec<Finding>) {
        let watched = self.nodes.entry(node).or_default();
        let (mut committed, mut applied) = (None, None);
        let mut reign = false;
        for change in changes {
            match change {
                ViewChange::Role(role, _) => (watched.role, reign) = (*role, true),
                ViewChange::Epoch(epoch) => (watched.epoch, reign) = (*epoch, true),
                ViewChange::CommitIndex(index) => committed = Some(*index),
                ViewChange::AppliedIndex(index) => applied = Some(*index),
                ViewChange::State { hash, .. } => watched.state = *hash,
                // Nothing else is what an invariant is about.
                _ => {}
            }
        }
        let (role, epoch) = (watched.role, watched.epoch);
        if reign && role == RoleKind::Leader {
            self.on_elected(node, epoch, seq, found);
        } else if reign {
            watched.leads = None;
        }
        if !self.lineage.applies_one_log() {
            return;
        }
        let watched = self.nodes.entry(node).or_default();
        if self.lineage == Lineage::Raft
            && let Some(index) = committed
            && let Some(missing) = self.reigns.commit(index, &watched.log, Commit { epoch, node, seq })
        {
            self.tell_missing(missing, found);
        }
        if let Some(index) = applied {
            self.on_applied_through(node, index, seq, found);
            self.on_state(node, seq, found);
        }
    }

    /// A node applied everything up to `index`.
    fn on_applied_through(&mut self, node: NodeId, index: LogIndex, seq: Seq, found: &mut Vec<Finding>) {
        let Some(watched) = self.nodes.get_mut(&node) else { return };
        let from = watched.applied.next().max(watched.log.first()).max(self.positions.first());
        watched.applied = index;
        let until = index.min(watched.log.last());
        for index in (from.0..=until.0).map(LogIndex) {
            let Some(epoch) = self.nodes.get(&node).and_then(|watched| watched.log.at(index)) else { continue };
            let op = self.positions.entry(index, epoch).and_then(|seen| seen.entry.op);
            self.on_applied(index, Applied { epoch: Some(epoch), op, node, seq }, found);
        }
    }

    fn on_applied(&mut self, index: LogIndex, applied: Applied, found: &mut Vec<Finding>) {
        let Some(other) = self.positions.apply(index, applied) else { return };
        let word = self.lineage.epoch_word();
        let words = |applied: &Applied| {
            let epoch = applied.epoch.map_or_else(String::new, |epoch| format!(" of {word} {epoch}"));
            format!("{}{epoch}", applied.op.map_or_else(|| "an entry".to_owned(), |op| op.to_string()))
        };
        let sentence = format!(
            "{} applied {} at {index}, where {} had applied {}",
            applied.node,
            words(&applied),
            other.node,
            words(&other)
        );
        let finding = Finding {
            indexes: vec![index],
            epochs: [other.epoch, applied.epoch].into_iter().flatten().collect(),
            ops: [other.op, applied.op].into_iter().flatten().collect(),
            ..of_nodes([other.node, applied.node], [other.seq, applied.seq])
        };
        self.tell(self.one_log(), index.0, sentence, finding, found);
    }

    /// A node's map is another one, or the same after more entries.
    fn on_state(&mut self, node: NodeId, seq: Seq, found: &mut Vec<Finding>) {
        let watched = self.node(node);
        let (index, hashed) = (watched.applied, Hashed { hash: watched.state, node, seq });
        let Some(other) = self.positions.hash(index, hashed) else { return };
        let sentence = format!(
            "after entry {index} the map of {node} is another than that of {} was: they applied something else",
            other.node
        );
        let finding = Finding { indexes: vec![index], ..of_nodes([other.node, node], [other.seq, hashed.seq]) };
        self.tell(self.one_log(), index.0, sentence, finding, found);
    }

    /// What the lineage promises of what is applied.
    fn one_log(&self) -> Invariant {
        match self.lineage {
            Lineage::Raft | Lineage::PrimaryBackup | Lineage::Rpc | Lineage::Swim => Invariant::StateMachineSafety,
            Lineage::OmniPaxos => Invariant::UniformAgreement,
        }
    }

    fn tell_missing(&mut self, missing: Missing, found: &mut Vec<Finding>) {
        let Missing { index, epoch, commit, leader, leads_in, elected } = missing;
        let op = self.positions.entry(index, epoch).and_then(|seen| seen.entry.op);
        let what = op.map_or_else(String::new, |op| format!(", which carries {op},"));
        let sentence = format!(
            "{leader} was elected in term {leads_in} without entry {index} of term {epoch}{what} that {} knew to be \
             committed in term {}",
            commit.node, commit.epoch
        );
        let finding = Finding {
            indexes: vec![index],
            epochs: vec![epoch, leads_in],
            ops: op.into_iter().collect(),
            ..of_nodes([commit.node, leader], [commit.seq, elected])
        };
        self.tell(Invariant::LeaderCompleteness, leads_in.0, sentence, finding, found);
    }

    fn tell(&mut self, invariant: Invariant, at: u64, sentence: String, finding: Finding, found: &mut Vec<Finding>) {
        let row = invariant.row();
        let times = self.told.iter().filter(|(other, _)| *other == invariant).count();
        if row.lineage == self.lineage && times < TOLD_MAX && !self.told.contains(&(invariant, at)) {
            self.told.push((invariant, at));
            found.push(Finding { promise: Name::new(row.id), conclusion: Conclusion::Violated, sentence, ..finding });
        }
    }

    fn node(&mut self, node: NodeId) -> &mut Watched {
        self.nodes.entry(node).or_default()
    }
}

impl Observer for Invariants {
    fn observe(&mut self, event: &TraceEvent, found: &mut Vec<Finding>) {
        match &event.kind {
            EventKind::Milestone { node, milestone } => self.on_milestone(*node, milestone, event.seq, found),
            EventKind::ViewChanged { node, changes } => self.on_view(*node, changes, event.seq, found),
            EventKind::LogSpliced { node, from, entries } => {
                self.on_spliced((*node, event.seq), *from, entries, found);
            }
            // What a process knew dies with it; its log stays on the disk, and is told anew.
            EventKind::NodeStarted { node, .. }
            | EventKind::NodeCrashed { node }
            | EventKind::NodeLostPower { node, .. }
            | EventKind::NodeStopped { node }
            | EventKind::NodeFailed { node, .. } => {
                let watched = self.node(*node);
                *watched = Watched { log: std::mem::take(&mut watched.log), ..Watched::default() };
            }
            EventKind::DiskWiped { node } => {
                *self.node(*node) = Watched::default();
                self.executed.forget(*node);
            }
            // Nothing else is what an invariant is about; above all no frame, and most events are of frames.
            _ => {}
        }
    }
}

fn of_nodes<const N: usize, const M: usize>(nodes: [NodeId; N], evidence: [Seq; M]) -> Finding {
    let (mut nodes, mut evidence) = (nodes.to_vec(), evidence.to_vec());
    nodes.dedup();
    evidence.sort_unstable();
    evidence.dedup();
    Finding { nodes, evidence, ..Finding::default() }
}

fn entry_words(entry: &EntryBrief) -> String {
    let op = |op: OpId| format!("{op}");
    entry.op.map_or_else(|| "an entry of no client".to_owned(), op)
}
