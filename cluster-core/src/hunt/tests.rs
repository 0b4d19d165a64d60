//! What is broken is found, made small, and found again; what is correct is silent.

use std::{sync::atomic::AtomicBool, time::Duration};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::{
    command::Command,
    fault::{Delay, Fault, Heal, LinkFault},
    ids::NodeId,
    time::Timestamp,
    trace::ClusterState,
};

/// A few kinds of faults, every now and then.
struct Few {
    rng: ChaCha8Rng,
    at: Option<Timestamp>,
}

impl Few {
    fn of(seed: u64) -> Box<dyn Striker> {
        Box::new(Self { rng: ChaCha8Rng::seed_from_u64(seed), at: None })
    }
}

impl Striker for Few {
    fn wakes_at(&self) -> Option<Timestamp> {
        self.at
    }

    fn next(&mut self, now: Timestamp, state: &ClusterState) -> Vec<Command> {
        let begins = self.at.is_none();
        self.at = Some(now + Duration::from_millis(self.rng.random_range(50..900)));
        if begins {
            return Vec::new();
        }
        let nodes: Vec<NodeId> = state.nodes.keys().copied().collect();
        let node = match state.leader().filter(|_| self.rng.random()) {
            Some(leader) => leader,
            None => nodes[self.rng.random_range(0..nodes.len())],
        };
        let other = nodes[self.rng.random_range(0..nodes.len())];
        let millis = self.rng.random_range(10..600);
        let delay = LinkFault::Delay(Delay::constant(Duration::from_millis(millis)));
        vec![match self.rng.random_range(0..9) {
            0 => Command::Inject(vec![Fault::Crash(node)]),
            1 => Command::Inject(vec![Fault::PowerLoss(node)]),
            2 => Command::Inject(nodes.iter().map(|node| Fault::PowerLoss(*node)).collect()),
            3 => Command::Inject(vec![Fault::Partition(vec![vec![node.into()]])]),
            4 => Command::Inject(vec![Fault::Partition(vec![vec![node.into(), other.into()]])]),
            5 => Command::Inject(vec![Fault::Link((node.into(), other.into()), delay)]),
            6 => Command::RestartAll,
            7 => Command::Heal(Heal::Links),
            _ => Command::Heal(Heal::All),
        }]
    }
}

fn options(seeds: std::ops::RangeInclusive<u64>, enough: usize) -> HuntOptions {
    HuntOptions { seeds, enough, threads: 2, shrink_runs: 200 }
}

#[test]
fn explore() {
    let only = std::env::var("ONLY").ok();
    let seeds = std::env::var("SEEDS").map_or(200, |seeds| seeds.parse().expect("a number"));
    let protocol = std::env::var("PROTOCOL").ok();
    for row in crate::registry::PROTOCOLS {
        if protocol.as_deref().is_some_and(|only| only != row.id) {
            continue;
        }
        for name in std::iter::once("correct").chain(row.variants.iter().map(|variant| variant.name)) {
            if only.as_deref().is_some_and(|only| only != name) {
                continue;
            }
            let mut quarry = Quarry::new(row.id);
            if name != "correct" {
                quarry = quarry.with("variant", name);
            }
            let began = std::time::Instant::now();
            let report = hunt(
                &quarry,
                &nemeses(crate::nemesis::Profile::Swarm),
                &options(1..=seeds, 1),
                &|_| {},
                &AtomicBool::new(false),
            )
            .expect("sound");
            let rate = report.virtual_nanos as f64 / 1e9 / began.elapsed().as_secs_f64();
            print!("{} {name}: tried {} events {} rate {rate:.0}x ", row.id, report.seeds_tried, report.events);
            for found in &report.found {
                print!(
                    "seed {} {} -> {} [{} runs] first {} | {}",
                    found.seed,
                    found.faults_before(),
                    found.faults_after(),
                    found.shrunk.runs,
                    found.first,
                    found.shrunk.caught
                );
            }
            println!();
            if std::env::var("SHOW").is_ok() {
                for found in &report.found {
                    println!("{:?}", found.shrunk.trial.spec);
                    for timed in &found.shrunk.trial.script {
                        println!("   {} {:?}", timed.at, timed.command);
                    }
                    let mut tail = std::collections::VecDeque::new();
                    let mut watch = Watch::new(&found.shrunk.trial.spec, &quarry.checks);
                    let _ = found.shrunk.trial.run(&mut watch, &mut |event| {
                        tail.push_back(format!("{} {} {}", event.seq, event.at, crate::trace::line(&event.kind)));
                        if !matches!(
                            event.kind,
                            crate::event::EventKind::ViewChanged { .. }
                                | crate::event::EventKind::FrameSent { .. }
                                | crate::event::EventKind::FrameDelivered { .. }
                        ) {
                            println!("{} {} {}", event.seq, event.at, crate::trace::line(&event.kind));
                        }
                    });
                }
            }
        }
    }
}
