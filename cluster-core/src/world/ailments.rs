//! What ails the machines of the nodes: changed by faults, undone by heals, counted and told.

use std::time::Duration;

use super::{Backend, World};
use crate::{
    event::EventKind,
    fault::{Ailment, ClockTurn, NodeFault, NodeFaultCounters, NodeFaults},
    ids::{NodeId, Seq},
    time::Timestamp,
};

/// A node's machine: it stays when the process goes.
#[derive(Debug, Default)]
pub(super) struct Machine {
    pub(super) faults: NodeFaults,
    counters: NodeFaultCounters,
    /// Whether something was counted since the counters were told.
    counted: bool,
    /// The counters as last told, and when.
    told: NodeFaultCounters,
    told_at: Timestamp,
}

/// How often counters that grow are told.
const TELL_EVERY: Duration = Duration::from_millis(200);

impl Machine {
    /// Returns what its clock shows a process that takes a step.
    pub(super) fn show_time(&mut self, now: Timestamp) -> Timestamp {
        let clock = self.faults.clock;
        if clock.is_true() {
            return now;
        }
        self.count(|counters| counters.steps_skewed += 1);
        clock.node_time(now)
    }

    fn count(&mut self, count: impl FnOnce(&mut NodeFaultCounters)) {
        self.counted = true;
        count(&mut self.counters);
    }
}

impl<B: Backend> World<B> {
    /// Changes what ails a machine, beside its clock. Returns whether that changed anything.
    pub(super) fn change_faults(&mut self, node: NodeId, change: impl FnOnce(&mut NodeFaults)) -> bool {
        let Some(slot) = self.nodes.get_mut(node) else { return false };
        let before = slot.machine.faults;
        change(&mut slot.machine.faults);
        slot.machine.faults != before
    }

    /// A fault changes a machine. Returns whether it did.
    pub(super) fn ail(
        &mut self,
        now: Timestamp,
        node: NodeId,
        seq: Seq,
        change: &mut dyn FnMut(&mut NodeFaults),
    ) -> bool {
        let before = self.faults_of(node);
        if !self.change_faults(node, |faults| change(faults)) {
            return false;
        }
        let after = self.faults_of(node);
        if before.slow != after.slow {
            self.tell_faults(now, node, Ailment::Cpu, Some(seq));
        }
        if before.disk != after.disk {
            self.tell_faults(now, node, Ailment::Disk, Some(seq));
        }
        true
    }

    /// A fault turns a clock. Returns whether it did.
    pub(super) fn skew(&mut self, now: Timestamp, node: NodeId, seq: Seq, turn: ClockTurn) -> bool {
        let turned = self.turn(now, node, turn);
        if turned {
            self.touched_if_running(node);
            self.tell_faults(now, node, Ailment::Clock, Some(seq));
        }
        turned
    }

    /// Checks that a fault of a node makes sense at this moment.
    pub(super) fn check_node_fault(&self, now: Timestamp, node: NodeId, fault: NodeFault) -> Result<(), String> {
        fault.check().map_err(|error| error.to_string())?;
        let clock = self.faults_of(node).clock;
        match fault {
            NodeFault::TornPowerLoss if !self.is_running(node) => Err(format!("{node} is not running")),
            NodeFault::ClockOffset(shift) => before_the_run(node, now, shift.nanos),
            NodeFault::ClockJump(by) => before_the_run(node, now, clock.offset_at(now).nanos.saturating_add(by.nanos)),
            NodeFault::TornPowerLoss
            | NodeFault::Slow(_)
            | NodeFault::ClockDrift(_)
            | NodeFault::DiskSlow(_)
            | NodeFault::DiskFull
            | NodeFault::ReadErrors(_)
            | NodeFault::BitRot
            | NodeFault::LyingSync => Ok(()),
        }
    }

    /// Returns whether a heal would change anything about a part of a machine: bits that rotted stay.
    pub(super) fn can_heal(&self, node: NodeId, part: Ailment) -> bool {
        let faults = self.faults_of(node);
        let beyond = part == Ailment::Disk && faults.disk == faults.disk.healed();
        !faults.is_healthy(part) && !beyond
    }

    /// Heals these parts of a machine. An error says what cannot be healed.
    pub(super) fn heal_machine(
        &mut self,
        now: Timestamp,
        seq: Seq,
        node: NodeId,
        parts: &[Ailment],
    ) -> Result<(), String> {
        for part in parts {
            if self.faults_of(node).is_healthy(*part) {
                continue;
            }
            let changed = match part {
                Ailment::Cpu => self.change_faults(node, |faults| faults.slow = None),
                Ailment::Clock => self.turn(now, node, ClockTurn::True),
                Ailment::Disk => self.change_faults(node, |faults| faults.disk = faults.disk.healed()),
            };
            if changed {
                self.touched_if_running(node);
                self.tell_faults(now, node, *part, Some(seq));
            }
            if *part == Ailment::Cpu {
                self.end_labor(now, node);
            }
        }
        self.tell_counters(now, node);
        match self.faults_of(node).disk.rotten {
            0 => Ok(()),
            _ if !parts.contains(&Ailment::Disk) => Ok(()),
            1 => Err(format!("a bit on the disk of {node} rotted, and no heal brings it back; wipe the disk")),
            bits => {
                Err(format!("{bits} bits on the disk of {node} rotted, and no heal brings them back; wipe the disk"))
            }
        }
    }

    /// Tells what ails one part of a machine.
    pub(super) fn tell_faults(&mut self, now: Timestamp, node: NodeId, part: Ailment, cause: Option<Seq>) {
        let faults = Box::new(self.faults_of(node));
        self.record(now, cause, EventKind::NodeFaultsChanged { node, part, faults });
    }

    /// Counts what the faults of a machine did.
    pub(super) fn count(&mut self, node: NodeId, count: impl FnOnce(&mut NodeFaultCounters)) {
        if let Some(slot) = self.nodes.get_mut(node) {
            slot.machine.count(count);
        }
    }

    /// Tells the counters, if they changed since they were told.
    pub(super) fn tell_counters(&mut self, now: Timestamp, node: NodeId) {
        let Some(slot) = self.nodes.get_mut(node) else { return };
        let machine = &mut slot.machine;
        if std::mem::take(&mut machine.counted) && machine.told != machine.counters {
            (machine.told, machine.told_at) = (machine.counters, now);
            let counters = Box::new(machine.counters);
            self.record(now, None, EventKind::NodeFaultsCounted { node, counters });
        }
    }

    /// As [`World::tell_counters`], but not again and again.
    pub(super) fn tell_counters_soon(&mut self, now: Timestamp, node: NodeId) {
        let due = self.nodes.get(node).is_some_and(|slot| {
            let Machine { told, counters, counted, told_at, .. } = &slot.machine;
            *counted && told != counters && (*told_at == Timestamp::ZERO || now.since(*told_at) >= TELL_EVERY)
        });
        if due {
            self.tell_counters(now, node);
        }
    }

    /// A node's view may show times that are other times by its clock; it shows them anew.
    fn touched_if_running(&mut self, node: NodeId) {
        if self.is_running(node) {
            self.touched.insert(node);
        }
    }

    fn faults_of(&self, node: NodeId) -> NodeFaults {
        self.nodes.get(node).map_or_else(NodeFaults::default, |slot| slot.machine.faults)
    }
}

/// Times are counted from the beginning of the run: no clock can show an earlier one.
fn before_the_run(node: NodeId, now: Timestamp, offset_nanos: i64) -> Result<(), String> {
    if i128::from(now.0) + i128::from(offset_nanos) >= 0 {
        return Ok(());
    }
    Err(format!(
        "the clock of {node} would show a time before the run began; move it back by less than {now}, or later"
    ))
}
