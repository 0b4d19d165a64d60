//! Measures messages in CPU time: five nodes that gossip, on this simulator, on turmoil and on madsim, in rounds that take
//! turns. Given is the program that measures ours: it is compiled without the flag that one of the others needs.
//!
//! `.ci/gossip-bench [ROUNDS]`

#[path = "../../examples/gossip_bench/cpu.rs"]
mod cpu;
mod madsim_peer;
mod turmoil_peer;
#[path = "../../examples/gossip_bench/workload.rs"]
mod workload;

use std::process::Command;

use workload::{BYTES, COUNTS, Failure, median, rate};

/// The same allocator for all.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let ours = args.next().ok_or("give the program `gossip_bench`, and a number of rounds")?;
    let rounds = args.next().map_or(Ok(5), |rounds| rounds.parse::<usize>())?;
    println!(
        "messages a CPU second, five nodes, {BYTES} bytes; medians of {rounds} rounds; ratios: round by round, and of the best"
    );
    for count in COUNTS {
        let mut rates = [const { Vec::new() }; 3];
        for _ in 0..rounds {
            rates[0].push(measured_by(&ours, count)?);
            rates[1].push(rate(count, turmoil_peer::run)?);
            rates[2].push(rate(count, madsim_peer::run)?);
        }
        let ratio = |peer: usize| median(rates[0].iter().zip(&rates[peer]).map(|(ours, peer)| ours / peer).collect());
        // Whatever else the machine does only ever adds time: the best rounds are the least disturbed.
        let best = |of: usize| rates[of].iter().copied().fold(0.0, f64::max);
        let ratio = |peer: usize| format!("{:.1}, {:.1}", ratio(peer), best(0) / best(peer));
        let [ours, turmoil, madsim] = rates.each_ref().map(|rates| median(rates.clone()) / 1e6);
        println!(
            "{count:>2} a peer and ms: faultline {ours:.2} M, turmoil {turmoil:.2} M ({}), madsim {madsim:.2} M ({})",
            ratio(1),
            ratio(2)
        );
    }
    Ok(())
}

fn measured_by(program: &str, count: u64) -> Result<f64, Failure> {
    let output = Command::new(program).args(["once", &count.to_string()]).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
