//! Simulated runs with faults, and their exports in memory.

use std::time::Duration;

use cluster_core::{
    command::Command,
    event::TraceEvent,
    fault::{Fault, Heal},
    ids::{NodeId, Seq},
    sim::Sim,
    spec::ClusterSpec,
    trace::{TraceStore, export::Exporter},
};

/// Runs five nodes: one of them is cut off and healed, then whoever leads crashes and comes back.
pub(crate) fn run(protocol: &str, seed: u64) -> TraceStore {
    let spec = ClusterSpec { protocol: protocol.to_owned(), seed, ..ClusterSpec::default() };
    let mut sim = Sim::start(&spec).expect("the cluster can be");
    let mut store = TraceStore::new(spec);
    sim.run_for(Duration::from_secs(4));
    let cut = sim.trace().latest().leader().unwrap_or(NodeId(1));
    sim.command(Command::Inject(vec![Fault::Partition(vec![vec![cut.into()]])]));
    sim.run_for(Duration::from_secs(4));
    sim.command(Command::Heal(Heal::All));
    sim.run_for(Duration::from_secs(2));
    let leader = sim.trace().latest().leader().unwrap_or(NodeId(2));
    sim.command(Command::Inject(vec![Fault::Crash(leader)]));
    sim.run_for(Duration::from_secs(3));
    sim.command(Command::Restart(leader));
    sim.run_for(Duration::from_secs(2));
    store.append(sim.trace().events(Seq(0)..sim.trace().len()));
    store
}

/// Returns all events of a run.
pub(crate) fn events(run: &TraceStore) -> Vec<TraceEvent> {
    run.events(Seq(0)..run.len())
}

/// Returns what an exporter writes of a run.
pub(crate) fn written(exporter: &mut dyn Exporter, run: &TraceStore) -> String {
    let mut out = Vec::new();
    exporter.begin(run.spec(), &mut out).expect("memory can be written");
    events(run).iter().for_each(|event| exporter.event(event, &mut out).expect("memory can be written"));
    exporter.end(&mut out).expect("memory can be written");
    String::from_utf8(out).expect("every format is text")
}
