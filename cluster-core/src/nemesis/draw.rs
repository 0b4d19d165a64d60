//! The luck of a nemesis: one draw for each kind of fault.

use std::time::Duration;

use rand::Rng;

use super::field::Field;
use crate::{
    fault::{Delay, Fault, FaultKind, LinkId, Loss, SHAPES},
    ids::{Endpoint, NodeId},
};

/// The least and the greatest mean delay that is drawn.
const DELAYS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));
/// The least and the greatest share of frames lost that is drawn.
const LOSSES: (f64, f64) = (0.05, 0.6);

/// Draws faults of a kind; none if that kind cannot strike at this moment.
pub(super) fn draw(kind: FaultKind, field: &Field, rng: &mut impl Rng) -> Vec<Fault> {
    let nodes = |rng: &mut _, fault: fn(NodeId) -> Fault| field.some_standing(rng).into_iter().map(fault).collect();
    match kind {
        FaultKind::Crash => nodes(rng, Fault::Crash),
        FaultKind::PowerLoss => nodes(rng, Fault::PowerLoss),
        FaultKind::Stop => nodes(rng, Fault::Stop),
        FaultKind::Freeze => nodes(rng, Fault::Freeze),
        FaultKind::Wipe => wipe(field, rng),
        FaultKind::Cut => links(field, rng).into_iter().map(Fault::Cut).collect(),
        FaultKind::Delay => {
            let delay = delay(rng);
            links(field, rng).into_iter().map(|link| Fault::Delay(link, delay)).collect()
        }
        FaultKind::Loss => {
            let probability = rng.random_range(LOSSES.0..=LOSSES.1);
            // Whole percents: they are read by people.
            let loss = Loss { probability: (probability * 100.0).round() / 100.0 };
            links(field, rng).into_iter().map(|link| Fault::Loss(link, loss)).collect()
        }
        FaultKind::Partition => partition(field, rng),
    }
}

fn wipe(field: &Field, rng: &mut impl Rng) -> Vec<Fault> {
    let node = field.one_of(&field.may_wipe, rng).filter(|_| field.may_fall > 0);
    node.map(Fault::Wipe).into_iter().collect()
}

/// One direction, both directions of a link, or all links of a node.
fn links(field: &Field, rng: &mut impl Rng) -> Vec<LinkId> {
    let Some(one) = field.one_of(&field.nodes, rng) else { return Vec::new() };
    let others: Vec<NodeId> = field.nodes.iter().copied().filter(|node| *node != one).collect();
    let (how, drawn) = (rng.random_range(0..4), rng.random_range(0..others.len().max(1)));
    let Some(other) = others.get(drawn).copied() else { return Vec::new() };
    let link = |from: NodeId, to: NodeId| -> LinkId { (from.into(), to.into()) };
    match how {
        0 => vec![link(one, other)],
        1 => vec![link(other, one)],
        2 => vec![link(one, other), link(other, one)],
        _ => others.into_iter().flat_map(|other| [link(one, other), link(other, one)]).collect(),
    }
}

fn delay(rng: &mut impl Rng) -> Delay {
    // Short and long delays do different things, so each order of magnitude is as likely as the others.
    let (least, most) = (DELAYS.0.as_secs_f64().ln(), DELAYS.1.as_secs_f64().ln());
    let mean = rng.random_range(least..=most).exp();
    let jitter = mean * rng.random_range(0.0..=0.5);
    let millis = |secs: f64| Duration::from_millis((secs * 1e3).round() as u64);
    Delay { mean: millis(mean), jitter: millis(jitter).min(millis(mean)) }
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
