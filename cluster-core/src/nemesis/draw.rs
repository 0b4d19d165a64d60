//! The luck of a nemesis: one draw for each kind of fault.

use rand::Rng;

use super::{
    field::Field,
    sizes::{drift, log_millis, log_uniform, percents, rule},
};
use crate::{
    fault::{ClockShift, Fault, FaultKind, LinkFault, LinkId, NodeFault, ReadErrors, SHAPES, Slowness},
    ids::{Endpoint, NodeId},
};

/// Draws faults of a kind; none if that kind cannot strike at this moment.
pub(super) fn draw(kind: FaultKind, field: &Field, rng: &mut impl Rng) -> Vec<Fault> {
    let falls = |rng: &mut _, fault: fn(NodeId) -> Fault| field.some_standing(rng).into_iter().map(fault).collect();
    let ails = |rng: &mut _, fault| machine(field, rng, fault);
    match kind {
        FaultKind::Crash => falls(rng, Fault::Crash),
        FaultKind::PowerLoss => falls(rng, Fault::PowerLoss),
        FaultKind::TornPowerLoss => falls(rng, |node| Fault::Node(node, NodeFault::TornPowerLoss)),
        FaultKind::Stop => falls(rng, Fault::Stop),
        FaultKind::Freeze => falls(rng, Fault::Freeze),
        // A node whose disk is full ends itself with its next write.
        FaultKind::DiskFull => falls(rng, |node| Fault::Node(node, NodeFault::DiskFull)),
        FaultKind::Wipe => forgets(field, &field.may_wipe, rng, Fault::Wipe),
        FaultKind::BitRot => forgets(field, &field.may_rot, rng, |node| Fault::Node(node, NodeFault::BitRot)),
        FaultKind::LyingSync => forgets(field, &field.may_wipe, rng, |node| Fault::Node(node, NodeFault::LyingSync)),
        FaultKind::Slow => {
            let factor = log_uniform(rng, 2.0, 50.0).round();
            ails(rng, NodeFault::Slow(Slowness { factor }))
        }
        FaultKind::ClockOffset => shift(field, rng).map_or_else(Vec::new, |by| ails(rng, NodeFault::ClockOffset(by))),
        FaultKind::ClockJump => shift(field, rng).map_or_else(Vec::new, |by| ails(rng, NodeFault::ClockJump(by))),
        FaultKind::ClockDrift => {
            let drift = drift(rng);
            ails(rng, NodeFault::ClockDrift(drift))
        }
        FaultKind::DiskSlow => {
            let latency = log_millis(rng, 5.0, 500.0);
            ails(rng, NodeFault::DiskSlow(latency))
        }
        FaultKind::ReadErrors => {
            let errors = if rng.random() { ReadErrors::Next } else { ReadErrors::Share(percents(rng, 0.2, 1.0)) };
            // Only a node that boots reads: those that are down come first.
            let node = field.one_of(&field.down, rng).or_else(|| field.one_of(&field.nodes, rng));
            node.map(|node| Fault::Node(node, NodeFault::ReadErrors(errors))).into_iter().collect()
        }
        FaultKind::Partition => partition(field, rng),
        FaultKind::Reset | FaultKind::HalfOpen => connection(kind, field, rng),
        FaultKind::Cut
        | FaultKind::Flap
        | FaultKind::Delay
        | FaultKind::Loss
        | FaultKind::Burst
        | FaultKind::Duplicate
        | FaultKind::Reorder
        | FaultKind::Corrupt
        | FaultKind::Bandwidth
        | FaultKind::SlowClose => {
            let rule = rule(kind, rng);
            links(field, rng).into_iter().map(|link| Fault::Link(link, rule)).collect()
        }
    }
}

/// Strikes a node that loses what was fsynced, if one may.
fn forgets(field: &Field, those: &[NodeId], rng: &mut impl Rng, fault: fn(NodeId) -> Fault) -> Vec<Fault> {
    let node = field.one_of(those, rng).filter(|_| field.may_fall > 0);
    node.map(fault).into_iter().collect()
}

/// Makes the machine of one node sick, or at times of all of them.
fn machine(field: &Field, rng: &mut impl Rng, fault: NodeFault) -> Vec<Fault> {
    let all = rng.random::<f64>() < ALL_SHARE;
    let one = field.one_of(&field.nodes, rng);
    let nodes: Vec<NodeId> = if all { field.nodes.clone() } else { one.into_iter().collect() };
    nodes.into_iter().map(|node| Fault::Node(node, fault)).collect()
}

/// By how much a clock is moved; none if that would be before the run began.
fn shift(field: &Field, rng: &mut impl Rng) -> Option<ClockShift> {
    let (by, ahead) = (log_millis(rng, 10.0, 5000.0), rng.random());
    if ahead {
        return Some(ClockShift::ahead(by));
    }
    (by < field.earliest_clock).then(|| ClockShift::back(by))
}

/// Strikes the connection of one direction, if there is one.
fn connection(kind: FaultKind, field: &Field, rng: &mut impl Rng) -> Vec<Fault> {
    let (drawn, lasts) = (rng.random_range(0..field.connected.len().max(1)), log_millis(rng, 300.0, 4000.0));
    let fault = if kind == FaultKind::Reset { LinkFault::Reset } else { LinkFault::HalfOpen(lasts) };
    field.connected.get(drawn).map(|link| Fault::Link(*link, fault)).into_iter().collect()
}

/// One direction, both directions of a link, or all links of a node.
fn links(field: &Field, rng: &mut impl Rng) -> Vec<LinkId> {
    if !field.of_clients.is_empty() {
        let (drawn, both) = (rng.random_range(0..field.of_clients.len()), rng.random::<bool>());
        let back = |(from, to): LinkId| (to, from);
        return field
            .of_clients
            .get(drawn)
            .map_or_else(Vec::new, |link| if both { vec![*link, back(*link)] } else { vec![*link] });
    }
    let Some(one) = field.one_of(&field.nodes, rng) else { return Vec::new() };
    let others: Vec<NodeId> = field.nodes.iter().copied().filter(|node| *node != one).collect();
    let (how, drawn) = (rng.random_range(0..4), rng.random_range(0..others.len().max(1)));
    let Some(other) = others.get(drawn).copied() else { return Vec::new() };
    let link = |from: NodeId, to: NodeId| -> LinkId { (from.into(), to.into()) };
    match how {
        0 => vec![link(one, other)],
        1 => vec![link(other, one)],
        2 => vec![link(one, other), link(other, one)],
        _ => others.into_iter().flat_map(|other| [link(one, other), link(other, one)]).collect(), // all that are left of four
    }
}

/// A shape of the table, or two groups of any size.
fn partition(field: &Field, rng: &mut impl Rng) -> Vec<Fault> {
    if field.nodes.len() < 2 {
        return Vec::new();
    }
    let (shaped, shape) = (rng.random::<bool>(), rng.random_range(0..SHAPES.len()));
    let middle = field.one_of(&field.nodes, rng);
    let faults = SHAPES.get(shape).filter(|_| shaped).map(|row| row.shape.faults(&field.nodes, field.leader, middle));
    match faults {
        Some(Ok(faults)) => faults,
        // A shape that this cluster is too small for, or that needs a leader.
        Some(Err(_)) | None => vec![Fault::Partition(two_groups(&field.nodes, rng))],
    }
}

fn two_groups(nodes: &[NodeId], rng: &mut impl Rng) -> Vec<Vec<Endpoint>> {
    let mut left = nodes.to_vec();
    let size = rng.random_range(1..nodes.len());
    let one: Vec<Endpoint> = (0..size).map(|_| left.remove(rng.random_range(0..left.len())).into()).collect();
    vec![one, left.into_iter().map(Endpoint::from).collect()]
}

/// How often all machines are struck alike.
const ALL_SHARE: f64 = 0.15;
