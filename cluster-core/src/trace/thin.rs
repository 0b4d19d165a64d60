//! Keeps what the tape is drawn from bounded: of what lies too close together to be told apart, the rest is counted.

use std::collections::BTreeSet;

use super::timeline::{Band, Mark, MarkKind, Span};

/// How many bands, marks or spans there are, at most.
pub(super) const KEPT_MAX: usize = 20_000;

/// Folds reigns that are too short to be seen into the ones before. Returns how many.
pub(super) fn bands(bands: &mut Vec<Band>, least_nanos: u64) -> u64 {
    thin(bands, least_nanos, |bands, width| {
        let lasts: Vec<bool> =
            bands.windows(2).map(|pair| pair[1].from.since(pair[0].from).as_nanos() >= width).collect();
        let mut nth = 0;
        bands.retain(|_| {
            nth += 1;
            lasts.get(nth - 1).copied().unwrap_or(true)
        });
    })
}

/// Drops marks that stand beside one of the same kind at the same node. Elections go first, broken promises last.
pub(super) fn marks(marks: &mut Vec<Mark>, least_nanos: u64) -> u64 {
    thin(marks, least_nanos, |marks, width| {
        for kind in [
            MarkKind::Election,
            MarkKind::Erased,
            MarkKind::Up,
            MarkKind::Down,
            MarkKind::Leader,
            MarkKind::Command,
            MarkKind::Broken,
        ] {
            if marks.len() <= KEPT_MAX / 2 {
                return;
            }
            let mut seen = BTreeSet::new();
            marks.retain(|mark| mark.kind != kind || seen.insert((u128::from(mark.at.0) / width, mark.node)));
        }
    })
}

/// Drops faults that were mended too soon to be seen. Those that last are kept.
pub(super) fn spans(spans: &mut Vec<Span>, least_nanos: u64) -> u64 {
    thin(spans, least_nanos, |spans, width| {
        spans.retain(|span| span.until.is_none_or(|until| until.since(span.from).as_nanos() >= width));
    })
}

/// Drops with a growing width until half the bound is left, so that it costs little per moment in the long run.
fn thin<T>(all: &mut Vec<T>, least_nanos: u64, drop: impl Fn(&mut Vec<T>, u128)) -> u64 {
    if all.len() <= KEPT_MAX {
        return 0;
    }
    let before = all.len();
    let mut width = u128::from(least_nanos.max(1));
    // Beyond the longest possible time, nothing shrinks any more.
    while all.len() > KEPT_MAX / 2 && width <= u128::from(u64::MAX) {
        drop(all, width);
        width *= 2;
    }
    (before - all.len()) as u64
}
