//! Words for what ails the machine of a node: its speed, its clock, its disk, and what that did.

use crate::{
    event::DiskHarm,
    fault::{Ailment, DiskFaults, NodeFault, NodeFaultCounters, NodeFaults, ReadErrors},
    ids::NodeId,
    name::Name,
};

/// Returns what ails one part of a machine: `10× slower`, `clock +5.0 s`, `disk full, fsync lies`.
pub fn ailment_words(part: Ailment, faults: &NodeFaults) -> String {
    match (part, faults.slow) {
        (Ailment::Cpu, Some(slow)) => format!("{}× slower", slow.factor),
        (Ailment::Cpu, None) => "at full speed".to_owned(),
        (Ailment::Clock, _) => clock_words(faults),
        (Ailment::Disk, _) if faults.is_healthy(Ailment::Disk) => "disk healthy".to_owned(),
        (Ailment::Disk, _) => format!("disk {}", disk_words(&faults.disk).join(", ")),
    }
}

fn clock_words(faults: &NodeFaults) -> String {
    let clock = faults.clock;
    let turned_at = clock.since();
    match (clock.offset_at(turned_at), clock.drift().ppm) {
        _ if clock.is_true() => "clock true".to_owned(),
        (offset, 0) => format!("clock {offset}"),
        (offset, _) if offset.nanos == 0 => format!("clock drifts {}", clock.drift()),
        (offset, _) => format!("clock {offset}, drifts {}", clock.drift()),
    }
}

/// Returns each thing that is wrong with a disk, in a few words.
pub fn disk_words(disk: &DiskFaults) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(latency) = disk.slow {
        words.push(format!("slow (+{})", humantime::format_duration(latency)));
    }
    if disk.full {
        words.push("full".to_owned());
    }
    match disk.read_errors {
        Some(ReadErrors::Next) => words.push("fails its next read".to_owned()),
        Some(ReadErrors::Share(share)) => words.push(format!("fails {:.0} % of its reads", share * 100.0)),
        None => {}
    }
    if disk.lies {
        words.push("fsync lies".to_owned());
    }
    match disk.rotten {
        0 => {}
        1 => words.push("a bit rotted".to_owned()),
        bits => words.push(format!("{bits} bits rotted")),
    }
    words
}

/// Returns what the faults of a machine did, one thing a line: what, and how much of it.
pub fn count_lines(counters: &NodeFaultCounters) -> Vec<(&'static str, String)> {
    let NodeFaultCounters {
        waiting,
        inputs_slowed,
        slowed,
        steps_skewed,
        timers_moved,
        syncs_slowed,
        syncs_lied,
        writes_refused,
        reads_refused,
        records_torn,
        records_cut,
        bits_flipped,
    } = *counters;
    let numbers = [
        ("input waiting", "inputs waiting", u64::from(waiting)),
        ("input slowed", "inputs slowed", inputs_slowed),
        ("ms of slowness", "ms of slowness", slowed.as_millis() as u64),
        ("step by a wrong clock", "steps by a wrong clock", steps_skewed),
        ("timer moved", "timers moved", timers_moved),
        ("sync slowed", "syncs slowed", syncs_slowed),
        ("sync lied about", "syncs lied about", syncs_lied),
        ("write refused", "writes refused", writes_refused),
        ("read refused", "reads refused", reads_refused),
        ("record torn", "records torn", records_torn),
        ("record cut off", "records cut off", records_cut),
        ("bit rotted", "bits rotted", bits_flipped),
    ];
    let told = numbers.into_iter().filter(|(.., number)| *number > 0);
    told.map(|(one, many, number)| (if number == 1 { one } else { many }, number.to_string())).collect()
}

/// Returns what the faults of a machine did in one line: `12 inputs slowed, 24 ms of slowness`.
pub fn counter_words(counters: &NodeFaultCounters) -> String {
    let lines = count_lines(counters);
    if lines.is_empty() {
        return "nothing".to_owned();
    }
    lines.iter().map(|(what, number)| format!("{number} {what}")).collect::<Vec<_>>().join(", ")
}

pub(super) fn harm_words(harm: DiskHarm) -> String {
    match harm {
        DiskHarm::Torn { kept, bytes } => format!("torn: {kept} of {bytes} B on the disk"),
        DiskHarm::CutOff { bytes } => format!("does not match its checksum: {bytes} B cut off"),
        DiskHarm::BitFlipped { byte, bit } => format!("rots: bit {bit} of byte {byte}"),
    }
}

pub(super) fn node_fault_words(fault: NodeFault) -> String {
    match fault {
        NodeFault::TornPowerLoss => "power loss in the middle of a write".to_owned(),
        NodeFault::Slow(slow) => format!("{}× slowness", slow.factor),
        NodeFault::ClockOffset(shift) => format!("clock offset {shift}"),
        NodeFault::ClockJump(shift) => format!("clock jump {shift}"),
        NodeFault::ClockDrift(drift) => format!("clock drift {drift}"),
        NodeFault::DiskSlow(latency) => format!("slow disk (+{})", humantime::format_duration(latency)),
        NodeFault::DiskFull => "full disk".to_owned(),
        NodeFault::ReadErrors(ReadErrors::Next) => "read error".to_owned(),
        NodeFault::ReadErrors(ReadErrors::Share(share)) => format!("{:.0} % read errors", share * 100.0),
        NodeFault::BitRot => "bit rot".to_owned(),
        NodeFault::LyingSync => "lying fsync".to_owned(),
    }
}

pub(super) fn node_fault_phrase(node: NodeId, fault: NodeFault) -> String {
    match fault {
        NodeFault::TornPowerLoss => format!("cut the power of {node} in the middle of a write"),
        NodeFault::Slow(slow) => format!("made {node} {}× slower", slow.factor),
        NodeFault::ClockOffset(shift) => format!("put the clock of {node} {} off", shift),
        NodeFault::ClockJump(shift) => format!("let the clock of {node} jump by {shift}"),
        NodeFault::ClockDrift(drift) => format!("let the clock of {node} drift by {drift}"),
        NodeFault::DiskSlow(latency) => {
            format!("made every sync of {node} take {} longer", humantime::format_duration(latency))
        }
        NodeFault::DiskFull => format!("filled the disk of {node}"),
        NodeFault::ReadErrors(ReadErrors::Next) => format!("let the next read of {node}'s disk fail"),
        NodeFault::ReadErrors(ReadErrors::Share(share)) => {
            format!("let {:.0}% of the reads of {node}'s disk fail", share * 100.0)
        }
        NodeFault::BitRot => format!("let a bit on the disk of {node} rot"),
        NodeFault::LyingSync => format!("let the disk of {node} lie about its syncs"),
    }
}

pub(super) fn harm_sentence(node: NodeId, file: Name, record: u32, harm: DiskHarm) -> String {
    match harm {
        DiskHarm::Torn { kept, bytes } => {
            format!("{node} was writing record {record} of `{file}`: {kept} of its {bytes} bytes are on the disk")
        }
        DiskHarm::CutOff { bytes } => {
            format!(
                "{node} found that record {record} of `{file}` does not match its checksum, and cut {bytes} bytes off"
            )
        }
        DiskHarm::BitFlipped { .. } => {
            format!("One bit of record {record} of `{file}` on the disk of {node} is not what was written")
        }
    }
}

pub(super) fn ailment_sentence(node: NodeId, part: Ailment) -> String {
    match part {
        Ailment::Cpu => format!("{node} is at full speed again"),
        Ailment::Clock => format!("The clock of {node} is true again"),
        Ailment::Disk => format!("The disk of {node} is as it should be again"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        fault::{ClockShift, ClockTurn, Drift, Slowness},
        time::Timestamp,
    };

    #[test]
    fn each_part_of_a_machine_says_what_ails_it() {
        let mut faults = NodeFaults::default();
        let words = |faults: &NodeFaults| Ailment::ALL.map(|part| ailment_words(part, faults));
        assert_eq!(words(&faults), ["at full speed", "clock true", "disk healthy"]);
        faults.slow = Some(Slowness { factor: 10.0 });
        faults.clock = faults.clock.turned(Timestamp(9), ClockTurn::Offset(ClockShift::ahead(Duration::from_secs(5))));
        faults.disk.full = true;
        faults.disk.rotten = 1;
        assert_eq!(words(&faults), ["10× slower", "clock +5.0 s", "disk full, a bit rotted"]);
        faults.clock = faults.clock.turned(Timestamp(9), ClockTurn::Drift(Drift { ppm: -500_000 }));
        assert_eq!(ailment_words(Ailment::Clock, &faults), "clock +5.0 s, drifts -50 %");
    }

    #[test]
    fn counters_tell_only_what_happened() {
        assert_eq!(counter_words(&NodeFaultCounters::default()), "nothing");
        let counters = NodeFaultCounters { syncs_lied: 3, waiting: 2, ..NodeFaultCounters::default() };
        assert_eq!(counter_words(&counters), "2 inputs waiting, 3 syncs lied about");
    }
}
