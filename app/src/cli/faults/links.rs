//! What each fault of a link does, measured on one direction of a real cluster.

use std::time::Duration;

use cluster_core::{
    command::Command,
    fault::{Bandwidth, Burst, Checksum, Corrupt, Delay, Duplicate, Fault, FaultKind, Flap, LinkFault, Loss, Reorder},
};

use super::{
    Failure, Measure, Measured,
    bench::{Bench, SPAN, Seen},
};

const MS: Duration = Duration::from_millis(1);

/// Returns how a kind is measured, if it strikes links.
pub(super) fn measure_of(kind: FaultKind) -> Option<Measure> {
    Some(match kind {
        FaultKind::Cut => cut,
        FaultKind::Flap => flap,
        FaultKind::Delay => delay,
        FaultKind::Loss => loss,
        FaultKind::Burst => burst,
        FaultKind::Duplicate => duplicate,
        FaultKind::Reorder => reorder,
        FaultKind::Corrupt => corrupt,
        FaultKind::Bandwidth => bandwidth,
        FaultKind::Reset => reset,
        FaultKind::HalfOpen => half_open,
        FaultKind::SlowClose => slow_close,
        FaultKind::Partition => partition,
        _ => return None, // the others strike nodes
    })
}

/// Breaks the link by a rule, looks at it, and heals it.
fn rule(bench: &mut Bench, fault: LinkFault, effect: impl Fn(&Seen) -> String) -> Result<Measured, Failure> {
    bench.break_link(fault);
    let link = bench.link;
    bench.until("the fault", move |state| state.links.get(&link).is_some_and(|link| !link.rules.is_healthy()))?;
    let seen = bench.watch(SPAN)?;
    Ok(Measured { setting: fault.to_string(), effect: effect(&seen), healed: bench.healed()? })
}

fn cut(bench: &mut Bench) -> Result<Measured, Failure> {
    rule(bench, LinkFault::Cut, |seen| format!("stopped {}", seen.share(seen.did.cut)))
}

fn flap(bench: &mut Bench) -> Result<Measured, Failure> {
    rule(bench, LinkFault::Flap(Flap { up: 75 * MS, down: 25 * MS }), |seen| {
        format!("stopped {}", seen.share(seen.did.flapped))
    })
}

fn delay(bench: &mut Bench) -> Result<Measured, Failure> {
    let healthy = bench.watch(SPAN)?.median();
    rule(bench, LinkFault::Delay(Delay::constant(10 * MS)), |seen| {
        let error = seen.median().as_secs_f64() * 1e3 - 10.0 - healthy.as_secs_f64() * 1e3;
        format!("{} frames late by 10 ms, median error {error:+.3} ms beside a healthy link", seen.took.len())
    })
}

fn loss(bench: &mut Bench) -> Result<Measured, Failure> {
    rule(bench, LinkFault::Loss(Loss { probability: 0.25 }), |seen| format!("lost {}", seen.share(seen.did.lost)))
}

fn burst(bench: &mut Bench) -> Result<Measured, Failure> {
    let bursts = Burst { turn_bad: 0.05, turn_good: 0.25, loss_bad: 1.0, loss_good: 0.0 };
    rule(bench, LinkFault::Burst(bursts), |seen| {
        format!("lost {}; {:.1} % in the long run", seen.share(seen.did.burst), bursts.share() * 100.0)
    })
}

fn duplicate(bench: &mut Bench) -> Result<Measured, Failure> {
    rule(bench, LinkFault::Duplicate(Duplicate { share: 0.25 }), |seen| {
        let originals = seen.sent - seen.did.duplicated;
        let share = seen.did.duplicated as f64 * 100.0 / originals.max(1) as f64;
        format!("sent {share:.1} % twice ({} of {originals} frames)", seen.did.duplicated)
    })
}

fn reorder(bench: &mut Bench) -> Result<Measured, Failure> {
    rule(bench, LinkFault::Reorder(Reorder { share: 0.25, by: 10 * MS }), |seen| {
        format!("held back {}, {} of them overtaken", seen.share(seen.did.held_back), seen.did.reordered)
    })
}

fn corrupt(bench: &mut Bench) -> Result<Measured, Failure> {
    rule(bench, LinkFault::Corrupt(Corrupt { share: 0.25, checksum: Checksum::On }), |seen| {
        format!("damaged {}, {} caught by the checksum", seen.share(seen.did.corrupted), seen.did.caught)
    })
}

fn bandwidth(bench: &mut Bench) -> Result<Measured, Failure> {
    rule(bench, LinkFault::Bandwidth(Bandwidth { bytes_per_sec: 20_000, queue_bytes: 2000 }), |seen| {
        let rate = seen.carried as f64 / seen.span.as_secs_f64() / 1e3;
        format!("carried {rate:.1} kB/s, no room for {}", seen.share(seen.did.queue_dropped))
    })
}

fn reset(bench: &mut Bench) -> Result<Measured, Failure> {
    bench.break_link(LinkFault::Reset);
    let link = bench.link;
    bench.until("the reset", move |state| state.links.get(&link).is_some_and(|link| link.did.resets > 0))?;
    let seen = bench.watch(SPAN)?;
    let effect = format!("connection reset, then {} arrived on another one", seen.share(seen.took.len() as u64));
    Ok(Measured { setting: "reset".to_owned(), effect, healed: bench.healed()? })
}

fn half_open(bench: &mut Bench) -> Result<Measured, Failure> {
    let fault = LinkFault::HalfOpen(500 * MS);
    bench.break_link(fault);
    let link = bench.link;
    bench.until("the half-open connection", move |state| {
        state.links.get(&link).is_some_and(|link| link.did.half_opened > 0)
    })?;
    let began = bench.state().at;
    bench.until("its end", move |state| state.links.get(&link).is_some_and(|link| link.half_open.is_none()))?;
    let lasted = bench.state().at.since(began).as_millis();
    let vanished = bench.state().links.get(&link).map_or(0, |link| link.did.vanished);
    let effect = format!("{vanished} frames vanished in {lasted} ms");
    Ok(Measured { setting: fault.to_string(), effect, healed: bench.healed()? })
}

fn slow_close(bench: &mut Bench) -> Result<Measured, Failure> {
    let fault = LinkFault::SlowClose(500 * MS);
    let (leader, other) = bench.link;
    let Some(dead) = other.node() else { return Err(Failure::Run("there is nobody to crash".to_owned())) };
    // The end that closes slowly is the other node's, whose news travel back to the leader.
    bench.link = (other, leader);
    bench.break_link(fault);
    bench.link = (leader, other);
    bench.command(Command::Inject(vec![Fault::Crash(dead)]));
    bench
        .until("the close", move |state| state.links.get(&(leader, other)).is_some_and(|it| it.did.slow_closed > 0))?;
    let began = bench.state().at;
    bench.until("its end", move |state| state.links.get(&(leader, other)).is_some_and(|it| it.half_open.is_none()))?;
    let late = bench.state().at.since(began).as_millis();
    let effect = format!("the crash of {dead} noticed {late} ms late");
    Ok(Measured { setting: fault.to_string(), effect, healed: bench.healed()? })
}

fn partition(bench: &mut Bench) -> Result<Measured, Failure> {
    let alone = bench.link.1;
    bench.command(Command::Inject(vec![Fault::Partition(vec![vec![alone]])]));
    bench.until("the partition", move |state| state.parts().len() > 1)?;
    let seen = bench.watch(SPAN)?;
    let cut = bench.state().links.values().filter(|link| link.rules.cut).count();
    let effect = format!("{cut} directions cut, stopped {}", seen.share(seen.did.cut));
    let setting = format!("{alone} against the rest");
    Ok(Measured { setting, effect, healed: bench.healed()? })
}
