//! What each fault of a node does, measured on a follower of a real cluster under load.

use std::time::Duration;

use cluster_core::{
    command::Command,
    fault::{ClockShift, Drift, Fault, FaultKind, NodeFault, NodeFaultCounters, ReadErrors, Slowness},
    ids::NodeId,
    trace::{NodeState, NodeStatus},
};

use super::{
    Failure, Measure, Measured,
    bench::{Bench, SPAN},
};

const MS: Duration = Duration::from_millis(1);
/// How much longer the syncs of a slow disk take.
const LATE: Duration = Duration::from_millis(100);

/// Returns how a kind is measured, if it strikes nodes.
pub(super) fn measure_of(kind: FaultKind) -> Option<Measure> {
    Some(match kind {
        FaultKind::Crash => crash,
        FaultKind::PowerLoss => power_loss,
        FaultKind::Stop => stop,
        FaultKind::Freeze => freeze,
        FaultKind::Wipe => wipe,
        FaultKind::TornPowerLoss => tear,
        FaultKind::Slow => slow,
        FaultKind::ClockOffset => offset,
        FaultKind::ClockJump => jump,
        FaultKind::ClockDrift => drift,
        FaultKind::DiskSlow => disk_slow,
        FaultKind::DiskFull => disk_full,
        FaultKind::ReadErrors => read_errors,
        FaultKind::BitRot => bit_rot,
        FaultKind::LyingSync => lying_sync,
        _ => return None, // the others strike links
    })
}

/// Takes the node down by a fault, starts it again, and tells what it did and how much of its log came back.
fn down(bench: &mut Bench, setting: &str, fault: Fault) -> Result<Measured, Failure> {
    let node = bench.victim()?;
    bench.command(Command::Inject(vec![fault]));
    bench.until("the end of the node", move |state| !is_running(state.nodes.get(&node)))?;
    let had = bench.longest_log_of(node);
    let (lost, torn) = bench.records_lost(node);
    let seen = bench.watch(SPAN)?;
    let back = bench.restarted(node)?;
    let mut effect = String::new();
    if lost > 0 {
        effect.push_str(&format!("{} lost that had not been fsynced; ", count(lost.into(), "record", "records")));
    }
    if torn > 0 {
        effect.push_str(&format!("{} left half-written; ", count(torn.into(), "record", "records")));
    }
    let (arrived, sent) = (seen.took.len(), seen.sent);
    effect.push_str(&format!("{arrived} of {sent} frames arrived; {back} of {had} log entries found by the next boot"));
    Ok(Measured { setting: setting.to_owned(), effect, healed: bench.mended(node)? })
}

fn crash(bench: &mut Bench) -> Result<Measured, Failure> {
    let node = bench.victim()?;
    down(bench, "a follower", Fault::Crash(node))
}

fn power_loss(bench: &mut Bench) -> Result<Measured, Failure> {
    let node = bench.victim()?;
    slow_syncs(bench, node)?;
    down(bench, "a follower whose syncs take 100 ms longer", Fault::PowerLoss(node))
}

fn stop(bench: &mut Bench) -> Result<Measured, Failure> {
    let node = bench.victim()?;
    down(bench, "a follower", Fault::Stop(node))
}

/// The leader goes by what the node once had, so that the engine ends it, as it should: it forgot what it had promised.
/// Another leader asks.
fn wipe(bench: &mut Bench) -> Result<Measured, Failure> {
    let (node, leader) = (bench.victim()?, bench.link.0.node().unwrap_or_default());
    bench.command(Command::Inject(vec![Fault::Wipe(node)]));
    bench.until("the end of the node", move |state| !is_running(state.nodes.get(&node)))?;
    let had = bench.longest_log_of(node);
    let back = bench.restarted(node)?;
    bench.until("what came of it", move |state| has_failed(state.nodes.get(&node)))?;
    let effect = format!("{back} of {had} log entries found by the next boot; then {}", bench.failure_of(node));
    Ok(Measured { setting: "a follower".to_owned(), effect, healed: by_another_leader(bench, node, leader)? })
}

/// Lets another leader bring a node up to date whose disk was erased.
fn by_another_leader(bench: &mut Bench, node: NodeId, leader: NodeId) -> Result<String, Failure> {
    bench.command(Command::Inject(vec![Fault::Crash(leader)]));
    bench.command(Command::Restart(node));
    bench.until("another leader", move |state| state.leader().is_some_and(|now| now != leader))?;
    Ok(format!("not by a heal; by another leader: {}", bench.mended(node)?))
}

fn tear(bench: &mut Bench) -> Result<Measured, Failure> {
    let node = bench.victim()?;
    slow_syncs(bench, node)?;
    down(bench, "a follower whose syncs take 100 ms longer", Fault::Node(node, NodeFault::TornPowerLoss))
}

fn freeze(bench: &mut Bench) -> Result<Measured, Failure> {
    let node = bench.victim()?;
    bench.command(Command::Inject(vec![Fault::Freeze(node)]));
    bench.until("the freeze", move |state| {
        state.nodes.get(&node).is_some_and(|node| node.status == NodeStatus::Frozen)
    })?;
    let seen = bench.watch(SPAN)?;
    let effect = format!("handled {} of {} frames in a second", seen.took.len(), seen.sent);
    Ok(Measured { setting: "a follower".to_owned(), effect, healed: bench.mended(node)? })
}

/// Makes the machine ail, looks at what that did, and heals it.
fn ailing(
    bench: &mut Bench,
    setting: &str,
    fault: NodeFault,
    effect: impl Fn(&NodeFaultCounters) -> String,
) -> Result<Measured, Failure> {
    let node = bench.victim()?;
    bench.make_ail(node, fault)?;
    bench.watch(SPAN)?;
    let effect = effect(&bench.did_of(node));
    Ok(Measured { setting: setting.to_owned(), effect, healed: bench.mended(node)? })
}

fn slow(bench: &mut Bench) -> Result<Measured, Failure> {
    ailing(bench, "10×", NodeFault::Slow(Slowness { factor: 10.0 }), |did| {
        let each = did.slowed.as_secs_f64() * 1e6 / did.inputs_slowed.max(1) as f64;
        format!("{} inputs took {each:.0} µs longer on average", did.inputs_slowed)
    })
}

fn offset(bench: &mut Bench) -> Result<Measured, Failure> {
    let shift = ClockShift::ahead(Duration::from_secs(5));
    ailing(bench, "+5 s", NodeFault::ClockOffset(shift), |did| format!("{} steps by a wrong clock", did.steps_skewed))
}

fn jump(bench: &mut Bench) -> Result<Measured, Failure> {
    let node = bench.victim()?;
    bench.command(Command::Inject(vec![Fault::Node(node, NodeFault::ClockJump(ClockShift::ahead(SPAN)))]));
    bench.until("the jump", move |state| state.nodes.get(&node).is_some_and(|it| it.counters.timers_moved > 0))?;
    bench.watch(SPAN)?;
    let did = bench.did_of(node);
    let timers = count(did.timers_moved, "timer", "timers");
    let effect = format!("{timers} ran out early, {} steps by a wrong clock", did.steps_skewed);
    Ok(Measured { setting: "+1 s".to_owned(), effect, healed: bench.mended(node)? })
}

fn drift(bench: &mut Bench) -> Result<Measured, Failure> {
    ailing(bench, "+10 %", NodeFault::ClockDrift(Drift { ppm: 100_000 }), |did| {
        format!("{} timers moved, {} steps by a wrong clock", did.timers_moved, did.steps_skewed)
    })
}

fn disk_slow(bench: &mut Bench) -> Result<Measured, Failure> {
    ailing(bench, "+100 ms a sync", NodeFault::DiskSlow(LATE), |did| {
        format!("{} syncs a second, each 100 ms longer", did.syncs_slowed)
    })
}

fn disk_full(bench: &mut Bench) -> Result<Measured, Failure> {
    let node = bench.victim()?;
    bench.command(Command::Inject(vec![Fault::Node(node, NodeFault::DiskFull)]));
    bench.until("the end of the node", move |state| !is_running(state.nodes.get(&node)))?;
    let refused = bench.did_of(node).writes_refused;
    let effect = format!("{refused} write refused; {}", bench.failure_of(node));
    Ok(Measured { setting: "a follower".to_owned(), effect, healed: bench.mended(node)? })
}

fn read_errors(bench: &mut Bench) -> Result<Measured, Failure> {
    let node = bench.victim()?;
    bench.command(Command::Inject(vec![Fault::Node(node, NodeFault::ReadErrors(ReadErrors::Next))]));
    let effect = failed_boot(bench, node)?;
    let refused = bench.did_of(node).reads_refused;
    let effect = format!("{refused} read refused at the next boot; {effect}");
    Ok(Measured { setting: "the next read".to_owned(), effect, healed: bench.mended(node)? })
}

fn bit_rot(bench: &mut Bench) -> Result<Measured, Failure> {
    let node = bench.victim()?;
    bench.make_ail(node, NodeFault::BitRot)?;
    let effect = failed_boot(bench, node)?;
    let flipped = bench.did_of(node).bits_flipped;
    let boots = bench.boots_of(node);
    bench.command(Command::RestartWiped(node));
    bench.until("what came of a boot with an empty disk", move |state| {
        state.nodes.get(&node).is_some_and(|it| it.incarnation > boots && has_failed(Some(it)))
    })?;
    let effect = format!("{flipped} bit flipped; next boot: {effect}");
    let healed = format!("not by a heal; booted with an empty disk, {}", bench.failure_of(node));
    Ok(Measured { setting: "a follower".to_owned(), effect, healed })
}

fn lying_sync(bench: &mut Bench) -> Result<Measured, Failure> {
    let node = bench.victim()?;
    bench.make_ail(node, NodeFault::LyingSync)?;
    bench.watch(SPAN)?;
    let lied = bench.did_of(node).syncs_lied;
    bench.command(Command::Inject(vec![Fault::PowerLoss(node)]));
    bench.until("the end of the node", move |state| !is_running(state.nodes.get(&node)))?;
    let (had, (lost, _)) = (bench.longest_log_of(node), bench.records_lost(node));
    let back = bench.restarted(node)?;
    bench.watch(SPAN)?;
    let (is, has) = (bench.failure_of(node), bench.state().nodes.get(&node).map_or(0, |node| node.log.last().0));
    let effect =
        format!("{lied} syncs not done; {lost} records lost; {back} of {had} log entries found by the next boot");
    let healed = format!("not by a heal: a second later {is}, with {has} entries");
    Ok(Measured { setting: "a follower that then loses power".to_owned(), effect, healed })
}

/// Crashes the node and starts it, and tells what came of the boot.
fn failed_boot(bench: &mut Bench, node: NodeId) -> Result<String, Failure> {
    bench.command(Command::Inject(vec![Fault::Crash(node)]));
    bench.until("the crash", move |state| !is_running(state.nodes.get(&node)))?;
    bench.command(Command::Restart(node));
    bench.until("the boot", move |state| {
        state.nodes.get(&node).is_some_and(|node| matches!(node.status, NodeStatus::Failed(_) | NodeStatus::Up))
    })?;
    Ok(bench.failure_of(node))
}

/// Makes the syncs of a node so slow that a power loss finds something that was not synced.
fn slow_syncs(bench: &mut Bench, node: NodeId) -> Result<(), Failure> {
    bench.make_ail(node, NodeFault::DiskSlow(LATE))?;
    // Some of them must be under way.
    bench.until("a slow sync", move |state| state.nodes.get(&node).is_some_and(|it| it.counters.syncs_slowed > 2))?;
    bench.watch(5 * MS)?;
    Ok(())
}

fn has_failed(node: Option<&NodeState>) -> bool {
    node.is_some_and(|node| matches!(node.status, NodeStatus::Failed(_)))
}

fn is_running(node: Option<&NodeState>) -> bool {
    node.is_some_and(|node| node.status.is_running())
}

fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
