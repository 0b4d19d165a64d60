//! How often each operation was sent, and how often it took effect: what no client can know, counted by an eye that sees
//! all servers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{
    event::{EventKind, TraceEvent, ViewChange},
    ids::{Endpoint, NodeId, OpId, Seq},
    request::op_of,
};

/// How many entries of a log's end are kept: what stands further back stays what it is.
const KEPT: usize = 1 << 17;

/// Counts effects.
///
/// Where each server has a state of its own, each entry of its log is one effect; what a power loss or an erased disk takes
/// is none any more. Where nodes replicate one log, an operation has taken effect once a node applied it.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    replicates: bool,
    logs: BTreeMap<NodeId, Entries>,
    times: BTreeMap<OpId, u32>,
    attempts: BTreeMap<OpId, u32>,
    /// The events by which operations under way were sent.
    sent: BTreeMap<OpId, Vec<Seq>>,
}

#[derive(Clone, Debug, Default)]
struct Entries {
    /// How many entries stand before those that are kept.
    before: u64,
    ops: VecDeque<Option<OpId>>,
}

impl Effects {
    /// Begins with a run whose nodes replicate one log, or have one each.
    pub fn new(replicates: bool) -> Self {
        Self { replicates, ..Self::default() }
    }

    /// Returns how often an operation took effect, as things stand.
    pub fn of(&self, op: OpId) -> u32 {
        self.times.get(&op).copied().unwrap_or(0)
    }

    /// Returns how often its client sent an operation. A copy that the network made is no attempt.
    pub fn attempts(&self, op: OpId) -> u32 {
        self.attempts.get(&op).copied().unwrap_or(0)
    }

    /// Takes an event over. Returns the operations that it gave, or took, an effect, with how many they have.
    pub fn apply(&mut self, event: &TraceEvent) -> Vec<(OpId, u32)> {
        match &event.kind {
            EventKind::OpInvoked { op, .. } => {
                self.sent.insert(*op, Vec::new());
                Vec::new()
            }
            EventKind::FrameSent { from: Endpoint::Client(_), to: Endpoint::Node(_), payload, .. } => {
                self.sent(event, op_of(payload));
                Vec::new()
            }
            EventKind::OpReturned { op, .. } => {
                self.sent.remove(op);
                Vec::new()
            }
            EventKind::LogSpliced { node, from, entries } => {
                let log = self.logs.entry(*node).or_default();
                let gone = log.cut(from.0.max(1));
                log.ops.extend(entries.iter().map(|entry| entry.op));
                let come = entries.iter().filter_map(|entry| entry.op).collect();
                let changed = if self.replicates { Vec::new() } else { self.count(gone, come) };
                self.logs.entry(*node).or_default().shorten();
                changed
            }
            EventKind::DiskWiped { node } => {
                let gone = self.logs.remove(node).unwrap_or_default().ops.into_iter().flatten().collect();
                if self.replicates { Vec::new() } else { self.count(gone, Vec::new()) }
            }
            EventKind::ViewChanged { node, changes } if self.replicates => {
                let applied = changes.iter().find_map(|change| match change {
                    ViewChange::AppliedIndex(index) => Some(index.0),
                    _ => None, // nothing else says what was applied
                });
                let Some((applied, log)) = applied.zip(self.logs.get_mut(node)) else { return Vec::new() };
                let ops: Vec<OpId> = log.take_until(applied).into_iter().flatten().collect();
                let new = |op: &OpId| self.times.insert(*op, 1).is_none();
                ops.into_iter().filter(new).map(|op| (op, 1)).collect()
            }
            // Nothing else changes a log, or says what was applied.
            _ => Vec::new(),
        }
    }

    fn sent(&mut self, event: &TraceEvent, op: Option<OpId>) {
        let Some((op, before)) = op.and_then(|op| Some((op, self.sent.get_mut(&op)?))) else { return };
        // The sending of the original is the cause of a copy.
        if event.cause.is_none_or(|cause| !before.contains(&cause)) {
            before.push(event.seq);
            *self.attempts.entry(op).or_default() += 1;
        }
    }

    fn count(&mut self, gone: Vec<OpId>, come: Vec<OpId>) -> Vec<(OpId, u32)> {
        let touched: BTreeSet<OpId> = gone.iter().chain(&come).copied().collect();
        let before: Vec<(OpId, u32)> = touched.into_iter().map(|op| (op, self.of(op))).collect();
        for op in gone {
            self.times.entry(op).and_modify(|times| *times = times.saturating_sub(1));
        }
        for op in come {
            *self.times.entry(op).or_default() += 1;
        }
        let after = before.into_iter().map(|(op, before)| (op, before, self.of(op)));
        // A log that is told again changes nothing.
        after.filter(|(_, before, after)| before != after).map(|(op, _, after)| (op, after)).collect()
    }
}

impl Entries {
    /// Takes everything from an index on away, and returns it.
    fn cut(&mut self, from: u64) -> Vec<OpId> {
        if from > self.before + self.ops.len() as u64 + 1 {
            // What lies between is not known.
            *self = Self { before: from - 1, ops: VecDeque::new() };
        }
        let kept = from.saturating_sub(self.before + 1) as usize;
        self.before = self.before.min(from - 1);
        self.ops.drain(kept.min(self.ops.len())..).flatten().collect()
    }

    fn take_until(&mut self, index: u64) -> Vec<Option<OpId>> {
        let count = index.saturating_sub(self.before).min(self.ops.len() as u64) as usize;
        self.before += count as u64;
        self.ops.drain(..count).collect()
    }

    fn shorten(&mut self) {
        if self.ops.len() > KEPT {
            let gone = self.ops.len() - KEPT;
            self.before += gone as u64;
            self.ops.drain(..gone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{EntryBrief, EntryKind},
        ids::{Epoch, LogIndex, Seq},
        time::Timestamp,
    };

    fn event(kind: EventKind) -> TraceEvent {
        TraceEvent { seq: Seq(1), at: Timestamp::ZERO, cause: None, kind }
    }

    fn spliced(node: u16, from: u64, ops: &[u64]) -> TraceEvent {
        let entry = |op: &u64| EntryBrief { epoch: Epoch(0), op: Some(OpId(*op)), kind: EntryKind::Put, bytes: 1 };
        let entries = ops.iter().map(entry).collect();
        event(EventKind::LogSpliced { node: NodeId(node), from: LogIndex(from), entries })
    }

    fn applied(node: u16, index: u64) -> TraceEvent {
        let changes = vec![ViewChange::AppliedIndex(LogIndex(index))];
        event(EventKind::ViewChanged { node: NodeId(node), changes })
    }

    #[test]
    fn each_execution_on_servers_of_their_own_is_an_effect() {
        let mut effects = Effects::new(false);
        assert_eq!(effects.apply(&spliced(1, 1, &[1, 2])), [(OpId(1), 1), (OpId(2), 1)]);
        assert_eq!(effects.apply(&spliced(1, 3, &[1])), [(OpId(1), 2)]);
        assert_eq!(effects.apply(&spliced(2, 1, &[2])), [(OpId(2), 2)]);
        assert_eq!(effects.of(OpId(3)), 0);
    }

    #[test]
    fn what_a_power_loss_or_an_erased_disk_takes_is_no_effect_any_more() {
        let mut effects = Effects::new(false);
        effects.apply(&spliced(1, 1, &[1, 2]));
        assert_eq!(effects.apply(&spliced(1, 1, &[1])), [(OpId(2), 0)]);
        assert_eq!(effects.apply(&spliced(1, 1, &[1])), [], "told again after a restart");
        assert_eq!(effects.apply(&event(EventKind::DiskWiped { node: NodeId(1) })), [(OpId(1), 0)]);
    }

    #[test]
    fn copies_of_one_log_are_one_effect_once_a_node_applied_it() {
        let mut effects = Effects::new(true);
        assert_eq!(effects.apply(&spliced(1, 1, &[1, 2])), []);
        assert_eq!(effects.apply(&applied(1, 1)), [(OpId(1), 1)]);
        effects.apply(&spliced(2, 1, &[1, 3]));
        assert_eq!(effects.apply(&applied(2, 2)), [(OpId(3), 1)]);
        assert_eq!((effects.of(OpId(1)), effects.of(OpId(2))), (1, 0));
    }
}
