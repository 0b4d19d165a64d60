//! What happened, in plain sentences; a click goes there. The list grows along with the run.

use cluster_core::{
    event::{EventKind, MemberStatus, Milestone},
    ids::Seq,
    registry::protocol,
    time::Timestamp,
    trace::{ClusterState, Subject, TraceStore, sentence},
};
use egui::{Align2, Color32, FontId, Rect, RichText, ScrollArea, Sense, Ui, WidgetInfo, pos2, vec2};

use super::View;
use crate::{
    action::Action,
    ctx::ViewCtx,
    theme::{Theme, table as sizes},
    widgets::run_mark::RunMark,
};

/// How many events are read in one frame at most.
const EVENTS_PER_FRAME: u64 = 8192;

/// One sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    seq: Seq,
    at: Timestamp,
    icon: Icon,
    text: String,
}

/// What kind of news a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Icon {
    Deed,
    Down,
    Up,
    Vote,
    Leader,
    Loss,
    News,
}

/// All sentences of a run so far.
#[derive(Default)]
struct Story {
    run: RunMark,
    /// The cluster at `next`, without what no sentence is made of: frames and entries.
    state: ClusterState,
    /// The first event that was not read.
    next: Seq,
    lines: Vec<Line>,
}

impl Story {
    /// Reads up to `budget` more events of a run that may have grown or may be another one. Returns whether there was
    /// anything that could be read.
    fn advance(&mut self, store: &TraceStore, budget: u64) -> bool {
        if !self.run.is_of(store) {
            *self = Self { state: ClusterState::before(store.spec()), ..Self::default() };
        }
        let epoch_word = protocol(&store.spec().protocol).map_or("epoch", |row| row.epoch_word);
        let until = Seq(store.len().0.min(self.next.0 + budget));
        let from = self.next;
        store.each(from..until, &mut |event| {
            if let Some(text) = sentence(event, &self.state, epoch_word) {
                self.lines.push(Line { seq: event.seq, at: event.at, icon: icon(&event.kind), text });
            }
            self.next = event.seq.next();
            match event.kind {
                EventKind::FrameSent { .. }
                | EventKind::FrameDelivered { .. }
                | EventKind::FrameDropped { .. }
                | EventKind::LogSpliced { .. } => {}
                // Most of a run are those above; the rest is cheap to follow.
                _ => self.state.apply(event),
            }
        });
        self.run.mark(store, self.next);
        self.next > from
    }
}

fn icon(kind: &EventKind) -> Icon {
    match kind {
        EventKind::CommandIssued { .. } | EventKind::ClockChanged { .. } | EventKind::LinkChanged { .. } => Icon::Deed,
        EventKind::NodeCrashed { .. }
        | EventKind::NodeLostPower { .. }
        | EventKind::NodeStopped { .. }
        | EventKind::NodeFroze { .. }
        | EventKind::NodeFailed { .. } => Icon::Down,
        EventKind::NodeStarted { .. } | EventKind::NodeUnfroze { .. } => Icon::Up,
        EventKind::DiskWiped { .. }
        | EventKind::Found { .. }
        | EventKind::FaultsTried { .. }
        | EventKind::DiskHarmed { .. }
        | EventKind::CommandRefused { .. }
        | EventKind::FrameRejected { .. } => Icon::Loss,
        EventKind::NodeFaultsChanged { .. } | EventKind::KnobChanged { .. } | EventKind::KnobTaken { .. } => Icon::Deed,
        EventKind::Milestone { milestone, .. } => match milestone {
            Milestone::PreVoteStarted { .. }
            | Milestone::ElectionStarted { .. }
            | Milestone::VoteGranted { .. }
            | Milestone::TransferStarted { .. } => Icon::Vote,
            Milestone::LeaderElected { .. } => Icon::Leader,
            Milestone::EntriesErased { .. } | Milestone::Suspected { .. } | Milestone::Fenced { .. } => Icon::Loss,
            Milestone::MemberViewChanged { status, .. } => match status {
                MemberStatus::Dead => Icon::Loss,
                MemberStatus::Suspect => Icon::News,
                MemberStatus::Alive => Icon::Up,
            },
            Milestone::Refuted { .. } => Icon::Up,
            Milestone::SteppedDown { .. }
            | Milestone::SnapshotTaken { .. }
            | Milestone::SnapshotSent { .. }
            | Milestone::SnapshotInstalled { .. }
            | Milestone::MembersChanged { .. }
            | Milestone::ModeChanged { .. }
            | Milestone::Applied { .. }
            | Milestone::Recovered { .. }
            | Milestone::LogSynced { .. } => Icon::News,
        },
        EventKind::ConnectionOpened { .. }
        | EventKind::ConnectionLost { .. }
        | EventKind::ConnectionReset { .. }
        | EventKind::ConnectionHalfOpened { .. }
        | EventKind::LinkActed { .. }
        | EventKind::FrameSent { .. }
        | EventKind::FrameDelivered { .. }
        | EventKind::FrameDropped { .. }
        | EventKind::TimerFired { .. }
        | EventKind::DiskSynced { .. }
        | EventKind::NodeFaultsCounted { .. }
        | EventKind::LogSpliced { .. }
        | EventKind::ViewChanged { .. }
        | EventKind::ClientChanged { .. }
        | EventKind::DoorOpened { .. }
        | EventKind::VisitorCame { .. }
        | EventKind::VisitorLeft { .. }
        | EventKind::OpInvoked { .. }
        | EventKind::OpReturned { .. }
        | EventKind::FrameHeld { .. }
        | EventKind::FrameReleased { .. }
        | EventKind::TrapSet { .. }
        | EventKind::TrapSprung { .. }
        | EventKind::TrapRemoved { .. } => Icon::News,
    }
}

impl Icon {
    /// Returns the glyph and its color.
    fn look(self, theme: &Theme) -> (&'static str, Color32) {
        match self {
            Self::Deed => ("⚡", theme.warn),
            Self::Down => ("✖", theme.bad),
            Self::Up => ("▶", theme.good),
            Self::Vote => ("?", theme.accent),
            Self::Leader => ("★", theme.accent),
            Self::Loss => ("⚠", theme.bad),
            Self::News => ("•", theme.text_weak),
        }
    }
}

/// The view.
#[derive(Default)]
pub struct NarrationView {
    story: Story,
    places: Places,
    seen_next: Option<Seq>,
}

/// Where each line begins when sentences are wrapped at a width, and where the last one ends.
#[derive(Default)]
struct Places {
    width: f32,
    tops: Vec<f32>,
}

impl Places {
    /// Measures the lines that came since the last time; all of them if the width is another one.
    fn advance(&mut self, lines: &[Line], width: f32, height: impl Fn(&str) -> f32) {
        if self.width != width || self.tops.len() > lines.len() + 1 {
            *self = Self { width, tops: Vec::new() };
        }
        if self.tops.is_empty() {
            self.tops.push(0.0);
        }
        for line in &lines[self.tops.len() - 1..] {
            let end = self.tops.last().copied().unwrap_or(0.0);
            self.tops.push(end + height(&line.text));
        }
    }

    fn top(&self, line: usize) -> f32 {
        self.tops.get(line).or(self.tops.last()).copied().unwrap_or(0.0)
    }

    /// Returns the lines of which any part lies between two heights.
    fn seen(&self, from: f32, until: f32) -> std::ops::Range<usize> {
        let count = self.tops.len().saturating_sub(1);
        let first = self.tops.partition_point(|top| *top <= from).saturating_sub(1);
        first.min(count)..self.tops.partition_point(|top| *top < until).min(count)
    }
}

impl View for NarrationView {
    fn ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>) {
        let run = self.story.lines.first().map(|line| line.seq);
        let advanced = self.story.advance(ctx.store, EVENTS_PER_FRAME);
        if self.story.lines.first().map(|line| line.seq) != run {
            self.places = Places::default();
        }
        let (read, all) = (self.story.next.0, ctx.store.len().0);
        if read < all {
            let share = format!("Reading… {:.0} %", read as f64 / all as f64 * 100.0);
            ui.label(RichText::new(share).color(ctx.theme.text_weak));
            // Events that cannot be read (their file is gone) are not waited for.
            if advanced {
                ui.ctx().request_repaint();
            }
        }
        if self.story.lines.is_empty() {
            let words = RichText::new("Nothing worth telling has happened yet").color(ctx.theme.text_weak);
            ui.centered_and_justified(|ui| ui.label(words));
            return;
        }
        self.lines_ui(ui, ctx);
    }
}

impl NarrationView {
    fn lines_ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>) {
        let lines = &self.story.lines;
        let past = lines.partition_point(|line| line.seq < ctx.cursor.next || ctx.cursor.live);
        let width = (ui.available_width() - text_left() - sizes::STORY_RIGHT_PX).max(sizes::KIND_MIN_PX);
        let painter = ui.painter().clone();
        let wrapped =
            |text: &str| painter.layout(ctx.names.told(text).into_owned(), story_font(), ctx.theme.text, width);
        self.places.advance(lines, width, |text| wrapped(text).size().y + sizes::STORY_GAP_PX);
        let places = &self.places;
        let mut area = ScrollArea::vertical().auto_shrink(false).stick_to_bottom(ctx.cursor.live);
        let moved = self.seen_next != Some(ctx.cursor.next);
        if moved && !ctx.cursor.live {
            // The line at the cursor is the last one above the middle, so that it is seen what came of it, too.
            let top = places.top(past) - ui.available_height() * sizes::STORY_PAST_SHARE;
            area = area.vertical_scroll_offset(top.max(0.0));
        }
        // The line at the cursor may still have to be read.
        if self.story.next >= ctx.cursor.next {
            self.seen_next = Some(ctx.cursor.next);
        }
        area.show_viewport(ui, |ui, viewport| {
            let origin = ui.min_rect().min;
            ui.set_height(places.top(lines.len()));
            for row in places.seen(viewport.top(), viewport.bottom()) {
                let size = vec2(ui.available_width(), places.top(row + 1) - places.top(row));
                let rect = Rect::from_min_size(origin + vec2(0.0, places.top(row)), size);
                let looks = Looks { ahead: row >= past, here: row + 1 == past && !ctx.cursor.live };
                line_ui(ui, ctx, &lines[row], rect, width, looks);
            }
        });
    }
}

fn story_font() -> FontId {
    FontId::proportional(sizes::STORY_PX)
}

/// How far the sentences are from the left edge.
fn text_left() -> f32 {
    sizes::STORY_TIME_PX + 2.0 * sizes::ICON_PX
}

/// Writes a moment short: a row says `7.48`, its label the rest.
fn short_time(at: Timestamp) -> String {
    format!("{:.2}", at.as_secs_f64())
}

/// How a line stands to the cursor.
struct Looks {
    ahead: bool,
    here: bool,
}

fn line_ui(ui: &Ui, ctx: &ViewCtx<'_>, line: &Line, rect: Rect, width: f32, looks: Looks) {
    let theme = ctx.theme;
    let response = ui.interact(rect, ui.scope_id().with(line.seq), Sense::click());
    let label = format!("{}, {}", line.at, line.text);
    response.widget_info(|| WidgetInfo::selected(egui::Role::ListItem, true, looks.here, &label));
    if response.clicked() {
        ctx.act(Action::SeekEvent(line.seq));
    }
    response.context_menu(|ui| {
        if ui.button("Why?").clicked() {
            ctx.act(Action::Why(Subject::Event(line.seq)));
            ui.close();
        }
    });
    let painter = ui.painter_at(rect);
    if looks.here || response.hovered() || response.has_focus() {
        painter.rect_filled(rect, sizes::ROUNDING_PX, theme.raised);
    }
    if looks.here {
        let mark = Rect::from_min_size(rect.min, vec2(sizes::MARK_PX, rect.height()));
        painter.rect_filled(mark, 0.0, theme.accent);
    }
    let ink = |color: Color32| if looks.ahead { color.gamma_multiply(sizes::AHEAD_STRENGTH) } else { color };
    let (glyph, color) = line.icon.look(theme);
    let galley = painter.layout(ctx.names.told(&line.text).into_owned(), story_font(), ink(theme.text), width);
    // Time and icon stand beside the first line of the sentence.
    let first = galley.rows.first().map_or(sizes::STORY_PX, |row| row.height());
    let top = rect.top() + sizes::STORY_GAP_PX / 2.0;
    let y = top + first / 2.0;
    let mono = FontId::monospace(sizes::TEXT_PX);
    let time_x = rect.left() + sizes::STORY_TIME_PX;
    painter.text(pos2(time_x, y), Align2::RIGHT_CENTER, short_time(line.at), mono, ink(theme.text_weak));
    painter.text(pos2(time_x + sizes::ICON_PX, y), Align2::CENTER_CENTER, glyph, story_font(), ink(color));
    painter.galley(pos2(rect.left() + text_left(), top), galley, theme.text);
}

#[cfg(test)]
mod tests {
    use cluster_core::{event::TraceEvent, ids::NodeId, spec::ClusterSpec};

    use super::*;

    fn store(nodes: &[u16]) -> TraceStore {
        let mut store = TraceStore::new(ClusterSpec::default());
        let kinds = nodes.iter().map(|node| EventKind::NodeCrashed { node: NodeId(*node) });
        let event = |(seq, kind)| TraceEvent { seq: Seq(seq), at: Timestamp(seq), cause: None, kind };
        store.append((0..).zip(kinds).map(event).collect());
        store
    }

    #[test]
    fn the_story_grows_with_the_run_and_begins_anew_with_another() {
        let mut story = Story::default();
        story.advance(&store(&[1]), 100);
        assert_eq!(story.lines.len(), 1);
        story.advance(&store(&[1, 2, 3]), 100);
        assert_eq!(story.lines.len(), 3);
        story.advance(&store(&[2]), 100);
        assert_eq!(story.lines.len(), 1);
    }

    #[test]
    fn lines_are_placed_under_each_other_whatever_their_heights() {
        let line = |text: &str| Line { seq: Seq(0), at: Timestamp(0), icon: Icon::News, text: text.to_owned() };
        let mut lines = vec![line("a"), line("bbb")];
        let mut places = Places::default();
        let height = |text: &str| text.len() as f32 * 10.0;
        places.advance(&lines, 100.0, height);
        lines.push(line("cc"));
        places.advance(&lines, 100.0, height);
        assert_eq!(places.tops, [0.0, 10.0, 40.0, 60.0]);
        assert_eq!(places.seen(10.0, 40.0), 1..2);
        assert_eq!(places.seen(0.0, 100.0), 0..3);
        places.advance(&lines[..1], 100.0, height);
        assert_eq!(places.tops, [0.0, 10.0]);
    }

    #[test]
    fn a_long_run_is_read_in_bounded_steps() {
        let mut story = Story::default();
        story.advance(&store(&[1, 2, 3]), 2);
        assert_eq!(story.lines.len(), 2);
    }
}
