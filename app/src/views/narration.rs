//! What happened, in plain sentences; a click goes there. The list grows along with the run.

use cluster_core::{
    event::{EventKind, Milestone},
    ids::Seq,
    registry::protocol,
    time::Timestamp,
    trace::{ClusterState, TraceStore, sentence},
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
    state: ClusterState,
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
        let until = Seq(store.len().0.min(self.state.next.0 + budget));
        let from = self.state.next;
        store.each(from..until, &mut |event| {
            if let Some(text) = sentence(event, &self.state, epoch_word) {
                self.lines.push(Line { seq: event.seq, at: event.at, icon: icon(&event.kind), text });
            }
            self.state.apply(event);
        });
        self.run.mark(store, self.state.next);
        self.state.next > from
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
        EventKind::DiskWiped { .. } | EventKind::CommandRefused { .. } | EventKind::FrameRejected { .. } => Icon::Loss,
        EventKind::Milestone { milestone, .. } => match milestone {
            Milestone::PreVoteStarted { .. }
            | Milestone::ElectionStarted { .. }
            | Milestone::VoteGranted { .. }
            | Milestone::TransferStarted { .. } => Icon::Vote,
            Milestone::LeaderElected { .. } => Icon::Leader,
            Milestone::EntriesErased { .. } | Milestone::Suspected { .. } | Milestone::Fenced { .. } => Icon::Loss,
            Milestone::SteppedDown { .. }
            | Milestone::SnapshotTaken { .. }
            | Milestone::SnapshotSent { .. }
            | Milestone::SnapshotInstalled { .. }
            | Milestone::MembersChanged { .. }
            | Milestone::ModeChanged { .. }
            | Milestone::Applied { .. }
            | Milestone::Recovered { .. } => Icon::News,
        },
        EventKind::ConnectionOpened { .. }
        | EventKind::ConnectionLost { .. }
        | EventKind::FrameSent { .. }
        | EventKind::FrameDelivered { .. }
        | EventKind::FrameDropped { .. }
        | EventKind::TimerFired { .. }
        | EventKind::DiskSynced { .. }
        | EventKind::LogSpliced { .. }
        | EventKind::ViewChanged { .. }
        | EventKind::ClientChanged { .. }
        | EventKind::OpInvoked { .. }
        | EventKind::OpReturned { .. } => Icon::News,
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
    seen_next: Option<Seq>,
}

impl View for NarrationView {
    fn ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>) {
        let advanced = self.story.advance(ctx.store, EVENTS_PER_FRAME);
        let (read, all) = (self.story.state.next.0, ctx.store.len().0);
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
        let mut area = ScrollArea::vertical().auto_shrink(false).stick_to_bottom(ctx.cursor.live);
        let moved = self.seen_next != Some(ctx.cursor.next);
        if moved && !ctx.cursor.live {
            let top = past as f32 * sizes::STORY_ROW_PX - ui.available_height() / 2.0;
            area = area.vertical_scroll_offset(top.max(0.0));
        }
        self.seen_next = Some(ctx.cursor.next);
        ui.spacing_mut().item_spacing.y = 0.0;
        area.show_rows(ui, sizes::STORY_ROW_PX, lines.len(), |ui, rows| {
            for row in rows {
                let looks = Looks { ahead: row >= past, here: row + 1 == past && !ctx.cursor.live };
                line_ui(ui, ctx, &lines[row], looks);
            }
        });
    }
}

/// How a line stands to the cursor.
struct Looks {
    ahead: bool,
    here: bool,
}

fn line_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, line: &Line, looks: Looks) {
    let theme = ctx.theme;
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), sizes::STORY_ROW_PX));
    let response = ui.interact(rect, ui.scope_id().with(line.seq), Sense::click());
    let label = format!("{}, {}", line.at, line.text);
    response.widget_info(|| WidgetInfo::selected(egui::Role::ListItem, true, looks.here, &label));
    if response.clicked() {
        ctx.act(Action::SeekEvent(line.seq));
    }
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
    let y = rect.center().y;
    let time_x = rect.left() + sizes::TIME_PX;
    let mono = FontId::monospace(sizes::TEXT_PX);
    painter.text(pos2(time_x, y), Align2::RIGHT_CENTER, line.at.to_string(), mono, ink(theme.text_weak));
    let icon_x = time_x + sizes::ICON_PX;
    painter.text(pos2(icon_x, y), Align2::CENTER_CENTER, glyph, FontId::proportional(sizes::STORY_PX), ink(color));
    let font = FontId::proportional(sizes::STORY_PX);
    let text_x = icon_x + sizes::ICON_PX;
    let mut job = egui::text::LayoutJob::simple_singleline(line.text.clone(), font, ink(theme.text));
    job.wrap = egui::text::TextWrapping::truncate_at_width((rect.right() - text_x - 4.0).max(20.0));
    let galley = painter.layout_job(job);
    let cut = galley.elided;
    painter.galley(pos2(text_x, y - galley.size().y / 2.0), galley, theme.text);
    if cut {
        response.on_hover_text(&line.text);
    }
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
    fn a_long_run_is_read_in_bounded_steps() {
        let mut story = Story::default();
        story.advance(&store(&[1, 2, 3]), 2);
        assert_eq!(story.lines.len(), 2);
    }
}
