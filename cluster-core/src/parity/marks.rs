//! What faults did so far, in words: what is counted on links and in nodes.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    fault::{LinkCounters, NodeFaultCounters},
    trace::ClusterState,
};

/// What was counted, by its word.
pub(super) type Marks = BTreeMap<&'static str, u64>;

/// Counts what all faults did so far.
///
/// Left out is what follows from others by luck: which frame overtakes which, and which waits in a pipe.
pub(super) fn marks(state: &ClusterState) -> Marks {
    let mut marks = Marks::new();
    let mut add = |mark, count| *marks.entry(mark).or_default() += count;
    for LinkCounters {
        passed: _,
        passed_bytes: _,
        cut,
        flapped,
        lost,
        burst,
        delayed,
        duplicated,
        held_back,
        reordered: _,
        corrupted,
        caught,
        throttled: _,
        queue_dropped,
        resets,
        half_opened,
        slow_closed,
        vanished,
    } in state.links.values().map(|link| link.did)
    {
        add("cut", cut);
        add("flapped", flapped);
        add("lost", lost);
        add("lost in bursts", burst);
        add("delayed", delayed);
        add("duplicated", duplicated);
        add("held back", held_back);
        add("corrupted", corrupted);
        add("caught", caught);
        add("queue full", queue_dropped);
        add("reset", resets);
        add("half-open", half_opened);
        add("slow close", slow_closed);
        add("vanished", vanished);
    }
    for NodeFaultCounters {
        waiting: _,
        inputs_slowed,
        slowed: _,
        steps_skewed,
        timers_moved,
        syncs_slowed,
        syncs_lied,
        writes_refused,
        reads_refused,
        records_torn,
        records_cut,
        bits_flipped,
    } in state.nodes.values().map(|node| node.counters)
    {
        add("inputs slowed", inputs_slowed);
        add("steps skewed", steps_skewed);
        add("timers moved", timers_moved);
        add("syncs slowed", syncs_slowed);
        add("syncs lied", syncs_lied);
        add("writes refused", writes_refused);
        add("reads refused", reads_refused);
        add("records torn", records_torn);
        add("records cut off", records_cut);
        add("bits flipped", bits_flipped);
    }
    marks
}

/// Returns what was counted since.
pub(super) fn rose(before: &Marks, state: &ClusterState) -> BTreeSet<&'static str> {
    let now = marks(state);
    now.into_iter()
        .filter(|(mark, count)| *count > before.get(mark).copied().unwrap_or(0))
        .map(|(mark, _)| mark)
        .collect()
}
