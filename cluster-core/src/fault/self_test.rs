//! Proves on a scratch link, in virtual time, that each kind of frame fault does what it says and leaves no trace.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Act, Bandwidth, Burst, Checksum, Corrupt, Delay, DropReason, Duplicate, FaultKind, Flap, Judgment, LinkCounters,
    LinkFault, LinkId, LinkRules, Links, Loss, Reorder, Verdict,
};
use crate::{ids::NodeId, time::Timestamp};

/// What the self-test found about one kind of fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Which.
    pub kind: FaultKind,
    /// What it did, in a few words; or what it should have done and did not.
    pub outcome: Result<String, String>,
}

/// How many frames each test sends, a millisecond apart.
const FRAMES: u64 = 400;
const PAYLOAD: usize = 84;
const BYTES: usize = 100;
const MS: Duration = Duration::from_millis(1);

/// What a test looks at.
struct Seen {
    judged: Vec<Judgment>,
    counters: LinkCounters,
}

type Test = fn(&Seen) -> Result<String, String>;

/// Tries every kind of fault that acts on frames. Takes a millisecond or two.
pub fn self_test() -> Vec<Proof> {
    let bursts = Burst { turn_bad: 0.05, turn_good: 0.25, loss_bad: 1.0, loss_good: 0.0 };
    let tests: [(LinkFault, Test); 9] = [
        (LinkFault::Cut, |seen| exactly("frames stopped", seen.counters.cut, FRAMES)),
        (LinkFault::Flap(Flap { up: 30 * MS, down: 10 * MS }), |seen| {
            exactly("frames stopped", seen.counters.flapped, FRAMES / 4)
        }),
        (LinkFault::Delay(Delay::constant(10 * MS)), |seen| {
            let late = seen.judged.iter().filter(|judged| judged.verdict == Verdict::Pass(11 * MS)).count();
            exactly("frames late by 10 ms", late as u64, FRAMES)
        }),
        (LinkFault::Loss(Loss { probability: 0.25 }), |seen| about("frames lost", seen.counters.lost, FRAMES / 4)),
        (LinkFault::Burst(bursts), |seen| {
            about("frames lost in bursts", seen.counters.burst, FRAMES / 6)?;
            let lost: Vec<bool> = seen.judged.iter().map(is_lost_in_burst).collect();
            let runs = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count() as u64;
            if 2 * runs < seen.counters.burst {
                Ok(format!("{} frames lost in {runs} bursts", seen.counters.burst))
            } else {
                Err(format!("{} frames lost in {runs} bursts: they do not cluster", seen.counters.burst))
            }
        }),
        (LinkFault::Duplicate(Duplicate { share: 0.25 }), |seen| {
            about("frames sent twice", seen.judged.iter().filter(|judged| judged.copy.is_some()).count() as u64, 100)
        }),
        (LinkFault::Reorder(Reorder { share: 0.25, by: 5 * MS }), |seen| {
            about("frames overtaken", seen.counters.reordered, FRAMES / 4)
        }),
        (LinkFault::Corrupt(Corrupt { share: 0.25, checksum: Checksum::On }), |seen| {
            let damaged = |judged: &&Judgment| judged.damage.is_some_and(|damage| damage.bit < PAYLOAD as u32 * 8);
            about("frames with one bit flipped", seen.judged.iter().filter(damaged).count() as u64, FRAMES / 4)
        }),
        (LinkFault::Bandwidth(Bandwidth { bytes_per_sec: 50_000, queue_bytes: 500 }), |seen| {
            about("frames through a pipe of half the load", seen.counters.throttled, FRAMES / 2)
        }),
    ];
    tests.into_iter().map(|(fault, test)| Proof { kind: fault.kind(), outcome: proven(fault, test) }).collect()
}

/// Breaks a link, looks at what that does, heals it, and looks whether that is like a link that was never broken.
fn proven(fault: LinkFault, test: Test) -> Result<String, String> {
    let link: LinkId = (NodeId(1).into(), NodeId(2).into());
    let mut links = Links::new(Delay::constant(MS), 1);
    fault.check().map_err(|error| error.to_string())?;
    links.change(link, |rules| fault.add_to(rules));
    let judged = send(&mut links, link, 0);
    let found = test(&Seen { judged, counters: links.counters(link) })?;
    links.change(link, |rules| *rules = LinkRules::default());
    let touched = |judged: &Judgment| judged.verdict != Verdict::Pass(MS) || judged.acts != [] as [Act; 0];
    // What is under way keeps its order, so the first frames after a heal may still wait behind it.
    match send(&mut links, link, 10_000).iter().filter(|judged| touched(judged)).count() {
        0 => Ok(found),
        left => Err(format!("healed, it still touched {left} frames")),
    }
}

fn send(links: &mut Links, link: LinkId, from_ms: u64) -> Vec<Judgment> {
    let times = (from_ms..from_ms + FRAMES).map(|ms| Timestamp(ms * 1_000_000));
    times.map(|now| links.decide(link, BYTES, PAYLOAD, now)).collect()
}

fn is_lost_in_burst(judged: &Judgment) -> bool {
    judged.verdict == Verdict::Drop(DropReason::Burst)
}

fn exactly(what: &str, found: u64, wanted: u64) -> Result<String, String> {
    let words = format!("{found} of {FRAMES} {what}");
    if found == wanted { Ok(words) } else { Err(format!("{words}, not {wanted}")) }
}

/// Chance may be off by a third.
fn about(what: &str, found: u64, wanted: u64) -> Result<String, String> {
    let words = format!("{found} of {FRAMES} {what}");
    if found.abs_diff(wanted) * 3 <= wanted { Ok(words) } else { Err(format!("{words}, not about {wanted}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_frame_fault_is_proven() {
        for proof in self_test() {
            assert!(proof.outcome.is_ok(), "{proof:?}");
        }
    }

    #[test]
    fn a_fault_that_does_nothing_is_found_out() {
        let inert = LinkFault::Loss(Loss { probability: 0.0 });
        assert!(proven(inert, |seen| about("frames lost", seen.counters.lost, FRAMES / 4)).is_err());
    }
}
