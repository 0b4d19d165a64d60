//! The clocks of the nodes: what a node takes for the time, and when its timers run out in cluster time.

use super::{Backend, World, nodes::Cause, queue::Due};
use crate::{
    event::{EventKind, ViewChange},
    fault::{ClockSkew, ClockTurn},
    host::{Input, TimerToken},
    ids::NodeId,
    time::Timestamp,
};

impl<B: Backend> World<B> {
    /// Returns what the clock of a node shows.
    pub(super) fn node_time(&mut self, node: NodeId, now: Timestamp) -> Timestamp {
        self.nodes.get_mut(node).map_or(now, |slot| slot.machine.show_time(now))
    }

    /// Arms a timer that runs out at a time by the node's own clock.
    pub(super) fn arm(&mut self, node: NodeId, incarnation: u32, token: TimerToken, at: Timestamp) {
        let clock = self.clock_of(node);
        let drifts = clock.drift().ppm != 0;
        if let Some(process) = self.process_mut(node) {
            process.armed.push((token, at));
        }
        self.queue.push(clock.cluster_time(at), Due::Timer { node, incarnation, token });
        if drifts {
            self.count(node, |counters| counters.timers_moved += 1);
        }
    }

    /// A timer is due: it runs out, unless the clock has been turned since it was armed, and says that it is too early.
    pub(super) fn ring(&mut self, now: Timestamp, node: NodeId, incarnation: u32, token: TimerToken) {
        if self.incarnation(node) != Some(incarnation) {
            return;
        }
        let shown = self.clock_of(node).node_time(now);
        let Some(process) = self.process_mut(node) else { return };
        if let Ok(place) = process.armed.binary_search_by_key(&token, |(armed, _)| *armed)
            && process.armed[place].1 <= shown
        {
            process.armed.remove(place);
            self.input(now, node, incarnation, Cause::Timer, Input::Timer(token));
        }
    }

    /// Turns a clock. Returns whether that changed anything.
    pub(super) fn turn(&mut self, now: Timestamp, node: NodeId, turn: ClockTurn) -> bool {
        let before = self.clock_of(node);
        let after = before.turned(now, turn);
        let same = |a: ClockSkew, b: ClockSkew| (a.offset_at(now), a.drift()) == (b.offset_at(now), b.drift());
        if same(before, after) {
            return false;
        }
        let Some(slot) = self.nodes.get_mut(node) else { return false };
        slot.machine.faults.clock = after;
        let incarnation = slot.incarnation;
        let Some(process) = slot.process.as_mut() else { return true };
        match turn {
            ClockTurn::Jump(_) | ClockTurn::Drift(_) => {}
            // A span that is left stays the same span.
            ClockTurn::Offset(_) | ClockTurn::True => {
                let (old, new) = (before.node_time(now), after.node_time(now));
                for (_, at) in &mut process.armed {
                    *at = new + at.since(old);
                }
            }
        }
        let armed = process.armed.clone();
        let mut moved = 0;
        for (token, at) in armed {
            let due = after.cluster_time(at).max(now);
            moved += u64::from(!matches!(turn, ClockTurn::Offset(_)));
            self.queue.push(due, Due::Timer { node, incarnation, token });
        }
        self.count(node, |counters| counters.timers_moved += moved);
        if let Some(process) = self.process_mut(node) {
            process.forget_shown_times();
        }
        true
    }

    /// Translates the times that a node tells: the trace is in cluster time.
    pub(super) fn in_cluster_time(&self, node: NodeId, mut event: EventKind) -> EventKind {
        let clock = self.clock_of(node);
        if clock.is_true() {
            return event;
        }
        if let EventKind::ViewChanged { changes, .. } = &mut event {
            for change in changes {
                match change {
                    ViewChange::Timer(Some(timer)) => {
                        timer.from = clock.cluster_time(timer.from);
                        timer.until = clock.cluster_time(timer.until);
                    }
                    ViewChange::Peer(_, Some(peer)) => {
                        peer.last_heard = peer.last_heard.map(|heard| clock.cluster_time(heard));
                    }
                    // Nothing else in a view is a time.
                    _ => {}
                }
            }
        }
        event
    }

    fn clock_of(&self, node: NodeId) -> ClockSkew {
        self.nodes.get(node).map_or_else(ClockSkew::default, |slot| slot.machine.faults.clock)
    }
}
