//! The labor of a slow node: what comes waits, and is taken up one by one, each after the time that its step takes.

use std::time::Duration;

use super::{
    Backend, World,
    nodes::{Held, Process, Slot},
    queue::Due,
};
use crate::{fault::Slowness, host::Input, ids::NodeId, time::Timestamp};

/// What a slow node is at.
#[derive(Debug, Default)]
pub(super) struct Labor {
    /// The step that was planned last.
    turn: u64,
    /// Whether it is still to come.
    planned: bool,
    /// Until when the step before keeps the processor busy.
    busy_until: Timestamp,
}

impl Labor {
    /// Forgets what was planned; what waits has to be planned anew.
    pub(super) fn call_off(&mut self) {
        self.planned = false;
    }
}

impl Slot {
    /// Returns whether what comes for it has to wait: it stands still, or does one thing after the other.
    pub(super) fn holds(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.frozen || self.machine.faults.slow.is_some())
    }
}

impl<B: Backend> World<B> {
    /// Plans the next step of a slow node, if something waits and none is planned.
    pub(super) fn plan_work(&mut self, now: Timestamp, node: NodeId) {
        let (Some(slow), false) = (self.slowness(node), self.is_frozen(node)) else { return };
        let Some(incarnation) = self.incarnation(node) else { return };
        let Some(process) = self.process_mut(node) else { return };
        let (waiting, cost) = (process.held.len() as u32, process.step_cost());
        let Process { labor, .. } = process;
        let mut started = false;
        if waiting > 0 && !labor.planned {
            labor.planned = true;
            labor.turn += 1;
            let (turn, at) = (labor.turn, now.max(labor.busy_until) + cost.mul_f64(slow.factor));
            self.queue.push(at, Due::Work { node, incarnation, turn });
            started = true;
        }
        self.count(node, |counters| {
            counters.waiting = waiting;
            if started {
                counters.inputs_slowed += 1;
                counters.slowed += cost.mul_f64(slow.factor - 1.0);
            }
        });
    }

    /// A slow node has taken its time: it takes one thing up, and what that cost for real it takes again and again.
    pub(super) fn work(&mut self, now: Timestamp, node: NodeId, incarnation: u32, turn: u64) {
        if self.incarnation(node) != Some(incarnation) {
            return;
        }
        let Some(process) = self.process_mut(node) else { return };
        if !process.labor.planned || process.labor.turn != turn {
            return;
        }
        process.labor.planned = false;
        // A loop that is behind looks at its timers first: they run out before it sees what came in time.
        let timer = process.held.iter().position(|held| matches!(held, Held::Input(_, Input::Timer(_))));
        let Some(held) = process.held.remove(timer.unwrap_or(0)) else { return };
        let began = self.backend.elapsed();
        match held {
            Held::Frame(frame) if self.held.holds(frame.msg) => self.held.park(frame),
            Held::Frame(frame) => self.handle(now, frame),
            Held::Input(cause, input) => self.take_in(now, node, cause, input),
        }
        let spent = self.backend.elapsed().saturating_sub(began);
        let extra = self.slowness(node).map_or(Duration::ZERO, |slow| spent.mul_f64(slow.factor - 1.0));
        self.count(node, |counters| counters.slowed += extra);
        if let Some(process) = self.process_mut(node) {
            process.labor.busy_until = now + extra;
        }
        self.plan_work(now, node);
        self.count_waiting(node);
    }

    fn count_waiting(&mut self, node: NodeId) {
        let waiting = self.process(node).map_or(0, |process| process.held.len() as u32);
        self.count(node, |counters| counters.waiting = waiting);
    }

    /// The node is as fast as ever: what waits is taken up at once.
    pub(super) fn end_labor(&mut self, now: Timestamp, node: NodeId) {
        if !self.is_frozen(node) {
            self.take_up_held(now, node);
        }
        self.count(node, |counters| counters.waiting = 0);
    }

    fn slowness(&self, node: NodeId) -> Option<Slowness> {
        self.nodes.get(node)?.machine.faults.slow
    }
}
