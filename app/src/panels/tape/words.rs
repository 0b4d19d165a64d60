//! What the bars of faults are called.

use std::collections::BTreeMap;

use cluster_core::{
    command::Command,
    event::{EventKind, TraceEvent},
    fault::Fault,
    ids::Seq,
    trace::{Broken, TraceStore},
};

use super::geometry::{FaultBar, broken_words};
use crate::widgets::{
    faults::{fault_word, partition_words},
    run_mark::RunMark,
};

/// The names of bars: read once, because old events have to be unpacked.
#[derive(Default)]
pub(super) struct BarWords {
    run: RunMark,
    known: BTreeMap<(Seq, usize), String>,
}

impl BarWords {
    /// Gives each bar its name.
    pub(super) fn label(&mut self, store: &TraceStore, bars: Vec<FaultBar>) -> Vec<(FaultBar, String)> {
        if !self.run.is_of(store) {
            self.known.clear();
        }
        self.run.mark(store, store.len());
        let labeled = |bar: FaultBar| {
            let words = self.known.entry((bar.seq, bar.count)).or_insert_with(|| bar_words(store, &bar)).clone();
            (bar, words)
        };
        bars.into_iter().map(labeled).collect()
    }
}

fn bar_words(store: &TraceStore, bar: &FaultBar) -> String {
    let event = store.event(bar.seq);
    let word = |event: Option<&TraceEvent>| event.map_or("broken", |event| fault_word(&event.kind));
    // One word for all, if they have one in common.
    let last = if bar.last == bar.seq { None } else { store.event(bar.last) };
    let common = last.is_none_or(|last| word(Some(&last)) == word(event.as_ref()));
    let word = if common { word(event.as_ref()) } else { "broken" };
    let cause = event.and_then(|event| event.cause).and_then(|cause| store.event(cause));
    if let Some(EventKind::CommandIssued { command: Command::Inject(faults), .. }) = cause.map(|cause| cause.kind)
        && let [Fault::Partition(parts)] = &faults[..]
    {
        return partition_words(parts, store.spec().nodes.len());
    }
    match (bar.first, bar.count) {
        (first, 1) => format!("{} {word}", broken_words(first)),
        (Broken::Node(_) | Broken::Machine(..), count) => format!("{count} nodes {word}"),
        (Broken::Link(_), count) => format!("{count} links {word}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn bars_are_called_by_what_was_done() {
        let (spec, events) = testing::plausible_run();
        let mut store = TraceStore::new(spec);
        store.append(events);
        let axis = super::super::Axis { left: 0.0, right: 1000.0, from: 0.0, to: 30.0 };
        let bars = super::super::geometry::layout_faults(&store.timeline().spans, &axis);
        let words: Vec<_> = BarWords::default().label(&store, bars).into_iter().map(|(_, words)| words).collect();
        assert_eq!(words, ["n1 crashed", "Partition n4 | rest", "n5 frozen"]);
    }
}
