//! Time along the width of the diagram: which stretch of the run is seen, and which quiet parts of it are folded.

use egui::Rangef;

use crate::theme::space_time as sizes;

/// The stretch that is seen first, in seconds.
const WIDTH_SECS: f64 = 1.5;
/// The narrowest stretch: real links take tens of microseconds.
const WIDTH_MIN_SECS: f64 = 20e-6;
/// How much of the width is left free ahead of the end of a live run.
const AHEAD_SHARE: f64 = 0.04;
/// Where the cursor comes to stand when it had left the stretch.
const HOME_SHARE: f64 = 0.7;
/// A gap is folded if it takes more than this part of the width.
const FOLD_SHARE: f64 = 0.07;

/// The stretch of time that is seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    /// From, in seconds.
    pub(super) from: f64,
    /// How long it is.
    pub(super) width: f64,
    /// Whether it moves along with the end of a live run.
    pub(super) follows: bool,
    /// The cursor as it was last brought into view.
    seen: f64,
}

impl Default for Window {
    fn default() -> Self {
        Self { from: 0.0, width: WIDTH_SECS, follows: true, seen: -1.0 }
    }
}

impl Window {
    pub(super) fn to(self) -> f64 {
        self.from + self.width
    }

    /// Brings a cursor into view that moved: by itself while live, by a seek, or by playing.
    pub(super) fn follow(&mut self, at: f64, live: bool) {
        if live && self.follows {
            self.from = (at - self.width * (1.0 - AHEAD_SHARE)).max(0.0);
        } else if !live && at != self.seen {
            let margin = 0.02 * self.width;
            if at < self.from + margin || at > self.to() - margin {
                self.from = (at - self.width * HOME_SHARE).max(0.0);
            }
        }
        if !live {
            // Whoever comes back to the end wants to follow it.
            self.follows = true;
        }
        self.seen = at;
    }

    /// Shrinks the stretch by `factor` around a moment.
    pub(super) fn zoom(&mut self, factor: f64, around: f64, end: f64) {
        let width = (self.width * factor).clamp(WIDTH_MIN_SECS, (end * 1.05).max(WIDTH_SECS));
        let share = ((around - self.from) / self.width).clamp(0.0, 1.0);
        self.from = (around - share * width).clamp(0.0, end.max(0.0));
        self.width = width;
    }

    /// Moves the stretch; that ends following unless the end is reached again.
    pub(super) fn pan(&mut self, secs: f64, end: f64) {
        self.from = (self.from + secs).clamp(0.0, (end - 0.1 * self.width).max(0.0));
        self.follows = self.to() >= end;
    }

    /// Shows the whole run.
    pub(super) fn whole(&mut self, end: f64) {
        (self.from, self.width) = (0.0, (end * 1.02).max(WIDTH_SECS));
    }
}

/// A part of the axis on which time runs evenly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Piece {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) x: Rangef,
    /// Whether nothing happens there, and it is drawn narrow.
    pub(super) folded: bool,
}

/// Time to the width of the diagram, and back.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    pub(super) pieces: Vec<Piece>,
}

impl Axis {
    /// Lays a stretch of time out over a width; `busy` are the moments in it at which something happens, in order, if
    /// quiet parts are to be folded.
    pub(super) fn layout((from, to): (f64, f64), x: Rangef, busy: Option<&[f64]>) -> Self {
        let least = (to - from) * FOLD_SHARE;
        let mut gaps = Vec::new();
        if let Some(busy) = busy {
            // A little of the gap stays on both sides, so that what is beside it does not touch the fold.
            let edge = least * 0.15;
            let mut last = from;
            for at in busy.iter().copied().chain([to]) {
                if at - last > least && at >= last {
                    gaps.push((last + edge, at - edge));
                }
                last = last.max(at);
            }
        }
        let folded: f64 = gaps.iter().map(|(from, to)| to - from).sum();
        let narrow = sizes::FOLD_PX.min(x.span() / (gaps.len() as f32 + 1.0) * 0.5);
        let wide = f64::from(x.span() - narrow * gaps.len() as f32) / (to - from - folded).max(f64::MIN_POSITIVE);
        let mut pieces = Vec::with_capacity(2 * gaps.len() + 1);
        let (mut at, mut left) = (from, x.min);
        for (gap_from, gap_to) in gaps {
            let right = left + ((gap_from - at) * wide) as f32;
            pieces.push(Piece { from: at, to: gap_from, x: Rangef::new(left, right), folded: false });
            let gap = Rangef::new(right, right + narrow);
            pieces.push(Piece { from: gap_from, to: gap_to, x: gap, folded: true });
            (at, left) = (gap_to, gap.max);
        }
        pieces.push(Piece { from: at, to, x: Rangef::new(left, x.max), folded: false });
        Self { pieces }
    }

    /// Returns where a moment is; moments outside the stretch lie outside the width.
    pub(super) fn x(&self, secs: f64) -> f32 {
        let at = self.pieces.partition_point(|piece| piece.to < secs).min(self.pieces.len() - 1);
        let piece = &self.pieces[at];
        let share = (secs - piece.from) / (piece.to - piece.from).max(f64::MIN_POSITIVE);
        piece.x.min + (share * f64::from(piece.x.span())) as f32
    }

    /// Returns which moment is there.
    pub(super) fn secs(&self, x: f32) -> f64 {
        let at = self.pieces.partition_point(|piece| piece.x.max < x).min(self.pieces.len() - 1);
        let piece = &self.pieces[at];
        let share = f64::from(x - piece.x.min) / f64::from(piece.x.span().max(f32::MIN_POSITIVE));
        piece.from + share * (piece.to - piece.from)
    }

    /// Returns how many seconds a point is wide where time is not folded.
    pub(super) fn secs_per_px(&self) -> f64 {
        let open = self.pieces.iter().filter(|piece| !piece.folded);
        let (secs, px) =
            open.fold((0.0, 0.0), |(secs, px), piece| (secs + piece.to - piece.from, px + f64::from(piece.x.span())));
        secs / px.max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_folds_time_runs_evenly_and_back() {
        let axis = Axis::layout((2.0, 4.0), Rangef::new(100.0, 300.0), None);
        assert_eq!((axis.x(3.0), axis.secs(200.0)), (200.0, 3.0));
        assert_eq!(axis.pieces.len(), 1);
    }

    #[test]
    fn a_quiet_stretch_is_folded_and_what_is_busy_gets_its_room() {
        let busy = [0.1, 0.2, 9.0, 9.1];
        let axis = Axis::layout((0.0, 10.0), Rangef::new(0.0, 1000.0), Some(&busy));
        let folded: Vec<_> = axis.pieces.iter().filter(|piece| piece.folded).collect();
        assert_eq!(folded.len(), 2, "{axis:?}");
        assert!(axis.x(0.2) - axis.x(0.1) > 20.0, "a tenth of a second is wider than without folds");
        for secs in [0.0, 0.15, 3.0, 9.05, 10.0] {
            assert!((axis.secs(axis.x(secs)) - secs).abs() < 1e-3, "{secs}");
        }
    }

    #[test]
    fn a_window_follows_the_end_until_it_is_moved_away() {
        let mut window = Window::default();
        window.follow(100.0, true);
        assert!(window.from < 100.0 && window.to() > 100.0);
        window.pan(-50.0, 100.0);
        let from = window.from;
        window.follow(101.0, true);
        assert_eq!(window.from, from);
        window.pan(500.0, 101.0);
        window.follow(102.0, true);
        assert!(window.to() > 102.0);
    }

    #[test]
    fn a_cursor_that_leaves_the_window_takes_it_along() {
        let mut window = Window::default();
        window.follow(50.0, false);
        assert!(window.from < 50.0 && window.to() > 50.0);
        let from = window.from;
        window.follow(50.1, false);
        assert_eq!(window.from, from, "a small step does not move the picture");
    }
}
