//! Which promises hold at the cursor, since when one does not, and what shows it; and what clients got while things broke.

use cluster_core::{
    check::invariants::{InvariantRow, Lineage},
    event::{Conclusion, EventKind, Finding, TraceEvent},
    ids::{OpId, Seq},
    name::Name,
    request::Request,
    trace::{FaultService, PromiseState, Served, TraceStore, line},
};
use egui::{Color32, RichText, ScrollArea, Ui};

use crate::{
    action::{Action, Selection},
    ctx::ViewCtx,
    format,
    theme::SPACE,
    views::View,
    widgets::run_mark::RunMark,
};

/// How many operations of a set or an order are listed.
const OPS_LISTED: usize = 12;
/// How many faults are listed, the latest first.
const FAULTS_LISTED: usize = 50;

/// The promises that clients rely on, whatever the protocol.
const OF_CLIENTS: [(&str, &str, &str); 5] = [
    (
        "linearizable",
        "Linearizable",
        "Each operation seems to happen at one instant between its beginning and its end (Herlihy and Wing 1990)",
    ),
    ("read-your-writes", "Read your writes", "A client sees what it wrote before (Terry et al. 1994)"),
    ("monotonic-reads", "Monotonic reads", "A client does not see something older than before (Terry et al. 1994)"),
    ("monotonic-writes", "Monotonic writes", "The writes of a client are seen in their order (Terry et al. 1994)"),
    (
        "writes-follow-reads",
        "Writes follow reads",
        "Who sees a write also sees what its writer had read before (Terry et al. 1994)",
    ),
];

/// The panel.
#[derive(Default)]
pub struct Kept {
    /// The finding that is unfolded, with the events that it names.
    open: Option<Evidence>,
    run: RunMark,
}

struct Evidence {
    seq: Seq,
    finding: Finding,
    /// What the operations of the smallest set asked, and the event by which they began.
    ops: Vec<(OpId, Seq, Request)>,
    faults: Vec<(Seq, String)>,
}

impl View for Kept {
    fn ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>) {
        if !self.run.is_of(ctx.store) {
            self.open = None;
        }
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            for (id, title, about) in OF_CLIENTS {
                self.promise_ui(ui, ctx, Name::new(id), title, |ui| drop(ui.label(about)));
            }
            if let Some(lineage) = Lineage::promised(ctx.store.spec()) {
                ui.add_space(SPACE);
                for row in lineage.invariants() {
                    self.promise_ui(ui, ctx, Name::new(row.id), row.title, |ui| sentence_ui(ui, row));
                }
            }
            service_ui(ui, ctx);
        });
        self.run.mark(ctx.store, ctx.store.len());
    }
}

impl Kept {
    fn promise_ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>, id: Name, title: &str, about: impl FnOnce(&mut Ui)) {
        let state = ctx.state.promises.get(&id).copied();
        let (sign, word, color) = looks(ctx, state);
        let response = ui
            .horizontal(|ui| {
                ui.label(RichText::new(sign).color(color).monospace());
                let text = RichText::new(title);
                ui.label(if state.is_some() { text.strong() } else { text });
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    ui.label(RichText::new(&word).small().color(color));
                });
            })
            .response;
        let response = ui.interact(response.rect, ui.scope_id().with(id.as_str()), egui::Sense::click());
        let name = format!("{title} {word}");
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &name));
        let response = response.on_hover_ui(|ui| {
            ui.set_max_width(44.0 * SPACE);
            about(ui);
        });
        let Some(state) = state else { return };
        if response.clicked() {
            let was_open = self.open.as_ref().is_some_and(|open| open.seq == state.seq);
            self.open = if was_open { None } else { Evidence::read(ctx.store, state.seq) };
            ctx.act(Action::SeekEvent(state.seq));
        }
        if let Some(open) = self.open.as_ref().filter(|open| open.seq == state.seq) {
            ui.indent(id.as_str(), |ui| open.ui(ui, ctx, state));
        }
    }
}

/// Returns the sign, the word and the color of a promise: shape and word say it, the color helps.
fn looks(ctx: &ViewCtx<'_>, state: Option<PromiseState>) -> (&'static str, String, Color32) {
    match state {
        None => ("✔", "holds".to_owned(), ctx.theme.good),
        Some(state) => {
            let times = if state.times > 1 { format!(", {}×", state.times) } else { String::new() };
            match state.conclusion {
                Conclusion::Violated => ("✖", format!("broken since {}{times}", state.since), ctx.theme.bad),
                Conclusion::Unknown => ("?", format!("unknown since {}", state.since), ctx.theme.warn),
            }
        }
    }
}

fn sentence_ui(ui: &mut Ui, row: &InvariantRow) {
    ui.label(format!("“{}”", row.sentence));
    ui.weak(row.source);
}

impl Evidence {
    fn read(store: &TraceStore, seq: Seq) -> Option<Self> {
        let EventKind::Found { finding } = store.event(seq)?.kind else { return None };
        let invoked = |seq: &Seq| match store.event(*seq)? {
            TraceEvent { seq, kind: EventKind::OpInvoked { op, request, .. }, .. } => Some((op, seq, request)),
            _ => None, // The end of an operation, or what a node did.
        };
        let mut ops: Vec<_> = finding.evidence.iter().filter_map(invoked).collect();
        ops.dedup_by_key(|(op, ..)| *op);
        let told = |seq: &Seq| Some((*seq, line(&store.event(*seq)?.kind)));
        let faults = finding.faults.iter().filter_map(told).collect();
        Some(Self { seq, finding: *finding, ops, faults })
    }

    fn ui(&self, ui: &mut Ui, ctx: &ViewCtx<'_>, state: PromiseState) {
        let finding = &self.finding;
        ui.label(&finding.sentence);
        if !self.ops.is_empty() {
            ui.weak(RichText::new("Cannot be put in any order, whether the others took effect or not").small());
            for (op, seq, request) in self.ops.iter().take(OPS_LISTED) {
                self.jump_ui(ui, ctx, *seq, &format!("{op}  {request}"), Some(*op));
            }
        }
        if !finding.order.is_empty() {
            let last: Vec<String> = finding.order.iter().rev().take(OPS_LISTED).map(OpId::to_string).collect();
            let shown: Vec<String> = last.into_iter().rev().collect();
            let hidden = finding.order.len() - shown.len();
            let more = if hidden > 0 { format!("{} before, ", format::count(hidden as u64)) } else { String::new() };
            ui.weak(RichText::new("The longest order that could be built").small());
            ui.label(RichText::new(format!("{more}{}", shown.join(" "))).monospace().small());
        }
        if self.ops.is_empty() {
            for seq in &finding.evidence {
                let text = ctx.store.event(*seq).map_or_else(|| seq.to_string(), |event| line(&event.kind));
                self.jump_ui(ui, ctx, *seq, &text, None);
            }
        }
        if !self.faults.is_empty() {
            ui.weak(RichText::new("Meanwhile").small());
            for (seq, text) in &self.faults {
                self.jump_ui(ui, ctx, *seq, text, None);
            }
        }
        if ui.button("Go to the moment it became certain").clicked() {
            ctx.act(Action::SeekEvent(state.seq));
            ctx.act(Action::Select(Selection::Event(state.seq)));
        }
        if let Some(row) = Lineage::promised(ctx.store.spec())
            .and_then(|lineage| lineage.invariants().find(|row| row.id == finding.promise.as_str()))
        {
            ui.hyperlink_to(RichText::new(row.source).small(), row.link);
        }
    }

    /// A line that leads to its event.
    fn jump_ui(&self, ui: &mut Ui, ctx: &ViewCtx<'_>, seq: Seq, text: &str, op: Option<OpId>) {
        let link = ui.add(egui::Link::new(RichText::new(text).monospace().small())).on_hover_text("Go to this moment");
        if link.clicked() {
            ctx.act(Action::SeekEvent(seq));
            ctx.act(Action::Select(op.map_or(Selection::Event(seq), Selection::Op)));
        }
    }
}

/// What clients got, in the run and while each fault lasted.
fn service_ui(ui: &mut Ui, ctx: &ViewCtx<'_>) {
    let Some(availability) = ctx.availability else { return };
    ui.add_space(1.5 * SPACE);
    ui.label(RichText::new("What clients got").strong().small());
    let (end, all) = (ctx.store.end(), availability.served(ctx.store.end()));
    ui.label(served_text(&all));
    let faults = availability.faults(end);
    for fault in faults.iter().rev().take(FAULTS_LISTED) {
        ui.add_space(0.5 * SPACE);
        fault_ui(ui, ctx, fault);
    }
    let hidden = availability.fault_count().saturating_sub(FAULTS_LISTED.min(faults.len()) as u64);
    if hidden > 0 {
        ui.weak(format::counted(hidden, "earlier fault"));
    }
}

fn fault_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, fault: &FaultService) {
    let seconds = |ms: u64| format!("{:.1} s", ms as f64 / 1e3);
    let until = fault.until_ms.map_or_else(|| "now".to_owned(), seconds);
    let title = format!("{} to {until}  {}", seconds(fault.from_ms), fault.what);
    if ui.add(egui::Link::new(RichText::new(title).small())).on_hover_text("Go to its beginning").clicked() {
        ctx.act(Action::SeekEvent(Seq(fault.seq)));
    }
    ui.weak(RichText::new(served_text(&fault.served)).small());
}

fn served_text(served: &Served) -> String {
    format!(
        "{} offered: {} acknowledged, {} refused, {} unanswered; at most {} without a write",
        format::count(served.offered),
        format::count(served.acknowledged),
        format::count(served.refused),
        format::count(served.unanswered),
        format::duration(std::time::Duration::from_millis(served.longest_unavailable_ms)),
    )
}
