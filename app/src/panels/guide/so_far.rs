//! How far a goal is on its way: a line of words, and a bar that fills.

use std::time::Duration;

use cluster_core::{lab::SoFar, time::Timestamp};
use egui::{Rect, RichText, Sense, Ui, pos2, vec2};

use crate::{
    ctx::ViewCtx,
    theme::{SPACE, guide as look, mix},
};

/// A bar of more parts than these is one whole.
const PARTS_MAX: u32 = 12;

/// Shows it, if there is anything to show.
pub(super) fn so_far_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, so_far: SoFar) {
    // Goals are followed to the end of the run, wherever the cursor is.
    let now = if ctx.cursor.live { ctx.at.max(ctx.store.end()) } else { ctx.store.end() };
    let Some(words) = words(so_far, now) else { return };
    ui.label(RichText::new(words).size(look::SMALL_PX).color(ctx.theme.accent));
    if let Some((share, parts)) = bar(so_far, now) {
        bar_ui(ui, ctx, share, parts);
    }
}

/// Says how far it is; nothing where nothing has begun that could be told.
fn words(so_far: SoFar, now: Timestamp) -> Option<String> {
    Some(match so_far {
        SoFar::Times { done, of } => format!("{done} of {of} times"),
        SoFar::Steps { done: 0, .. } | SoFar::Followed { done: 0, of: 1, due: None } => return None,
        SoFar::Steps { done, of } => format!("{done} of {of} steps"),
        SoFar::Followed { done, of, due } => {
            let left = due.map(|due| format!("{} left for what must follow", tenths(due.since(now))));
            let count = (of > 1).then(|| format!("{done} of {of} times"));
            count.into_iter().chain(left).collect::<Vec<_>>().join(" · ")
        }
        SoFar::Held { since: None, span } => format!("must hold for {}", round(span)),
        SoFar::Held { since: Some(since), span } => {
            format!("held for {} of {}", tenths(now.since(since).min(span)), round(span))
        }
        SoFar::AtTheEnd { enough: false, .. } => "not enough to judge by so far".to_owned(),
        SoFar::AtTheEnd { so: true, .. } => "so far so good; decided when the phase ends".to_owned(),
        SoFar::AtTheEnd { so: false, .. } => "not so at this moment; decided when the phase ends".to_owned(),
    })
}

/// Writes a time that runs: its figures keep their places.
fn tenths(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Writes a time that stands: without a fraction that says nothing.
fn round(time: Duration) -> String {
    let secs = (time.as_secs_f64() * 10.0).round() / 10.0;
    format!("{secs} s")
}

/// Returns which share of the bar is full, and in how many parts it fills; nothing where no bar would fill.
fn bar(so_far: SoFar, now: Timestamp) -> Option<(f32, u32)> {
    let parts = |done: u32, of: u32| (done as f32 / of.max(1) as f32, if of <= PARTS_MAX { of } else { 1 });
    match so_far {
        SoFar::Times { done, of } | SoFar::Steps { done, of } => Some(parts(done, of)),
        SoFar::Followed { done, of, .. } => (of > 1).then(|| parts(done.min(of), of)),
        SoFar::Held { since, span } => {
            let held = since.map_or(0.0, |since| now.since(since).as_secs_f32() / span.as_secs_f32());
            Some((held.clamp(0.0, 1.0), 1))
        }
        SoFar::AtTheEnd { .. } => None,
    }
}

fn bar_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, share: f32, parts: u32) {
    let size = vec2(ui.available_width().min(look::BAR_WIDTH), look::BAR_PX);
    let (place, _) = ui.allocate_exact_size(size + vec2(0.0, 0.5 * SPACE), Sense::hover());
    let parts = parts.max(1);
    let width = (size.x - look::BAR_GAP_PX * (parts - 1) as f32) / parts as f32;
    for part in 0..parts {
        let left = place.left() + part as f32 * (width + look::BAR_GAP_PX);
        let whole = Rect::from_min_size(pos2(left, place.top() + 0.25 * SPACE), vec2(width, look::BAR_PX));
        let full = (share * parts as f32 - part as f32).clamp(0.0, 1.0);
        ui.painter().rect_filled(whole, 0.5 * look::BAR_PX, mix(ctx.theme.surface, ctx.theme.text_weak, 0.3));
        if full > 0.0 {
            let done = Rect::from_min_size(whole.min, vec2(width * full, look::BAR_PX));
            ui.painter().rect_filled(done, 0.5 * look::BAR_PX, ctx.theme.accent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: f64) -> Timestamp {
        Timestamp::from_secs_f64(secs)
    }

    #[test]
    fn what_is_held_says_for_how_long_and_never_longer_than_it_must() {
        let held = SoFar::Held { since: Some(at(6.0)), span: Duration::from_secs(10) };
        assert_eq!(words(held, at(10.0)).as_deref(), Some("held for 4.0 s of 10 s"));
        assert_eq!(words(held, at(99.0)).as_deref(), Some("held for 10.0 s of 10 s"));
        assert_eq!(bar(held, at(10.0)), Some((0.4, 1)));
        let not_yet = SoFar::Held { since: None, span: Duration::from_millis(1500) };
        assert_eq!(words(not_yet, at(1.0)).as_deref(), Some("must hold for 1.5 s"));
    }

    #[test]
    fn what_is_counted_fills_a_part_for_each() {
        let times = SoFar::Times { done: 2, of: 3 };
        assert_eq!(words(times, at(1.0)).as_deref(), Some("2 of 3 times"));
        assert_eq!(bar(times, at(1.0)).map(|(_, parts)| parts), Some(3));
        let followed = SoFar::Followed { done: 1, of: 2, due: Some(at(9.0)) };
        assert_eq!(words(followed, at(5.0)).as_deref(), Some("1 of 2 times · 4.0 s left for what must follow"));
    }

    #[test]
    fn a_sequence_that_has_not_begun_says_nothing() {
        assert_eq!(words(SoFar::Steps { done: 0, of: 3 }, at(1.0)), None);
        assert_eq!(words(SoFar::Followed { done: 0, of: 1, due: None }, at(1.0)), None);
    }
}
