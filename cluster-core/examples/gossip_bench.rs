//! Measures messages in CPU time: five nodes that gossip, on this simulator alone. `.ci/gossip-bench` runs the same beside the
//! simulators of others.
//!
//! `cargo run --release -p cluster-core --example gossip_bench [ROUNDS]`; with `once COUNT` it prints one figure.

#[path = "gossip_bench/cpu.rs"]
mod cpu;
#[path = "gossip_bench/node.rs"]
mod node;
#[path = "gossip_bench/workload.rs"]
mod workload;

use cluster_core::trace::Recorder;
use workload::{COUNTS, Failure, median, rate};

/// The allocator of the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What becomes of the events of a run.
const RECORDINGS: [(&str, MakeRecorder); 2] =
    [("recording off", Recorder::forgetful), ("events made, kept and dropped", Recorder::kept)];

type MakeRecorder = fn() -> Recorder;

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [once, count] = &args[..]
        && once == "once"
    {
        let rate = rate(count.parse()?, |count, span| node::run(count, span, Recorder::forgetful()))?;
        println!("{rate:.0}");
        return Ok(());
    }
    let rounds = args.first().map_or(Ok(5), |rounds| rounds.parse::<usize>())?;
    for count in COUNTS {
        for (what, recorder) in RECORDINGS {
            let rates = (0..rounds).map(|_| rate(count, |count, span| node::run(count, span, recorder())));
            let median = median(rates.collect::<Result<_, _>>()?);
            let (millions, nanos) = (median / 1e6, 1e9 / median);
            println!("{count:>2} a peer and ms, {what}: {millions:.2} M messages a CPU second, {nanos:.0} ns each");
        }
    }
    Ok(())
}
