//! The dialog that starts another cluster: protocol, nodes, patience, clients, seed and knobs.

use std::time::Duration;

use cluster_core::{
    ids::{ClientId, NodeId},
    origin::BackendKind,
    protocol::{Knob, KnobValues},
    registry::{self, PROTOCOLS},
    spec::{CLIENTS_MAX, ClientSpec, ClusterSpec, Load, NODES_MAX},
    time::TimingProfile,
};
use egui::{Button, ComboBox, DragValue, Grid, RichText, ScrollArea, Ui};

use crate::{
    action::Action,
    ctx::ViewCtx,
    format,
    panels::Chrome,
    source::Start,
    theme::{DIALOG_WIDTH, LIST_HEIGHT, SPACE},
};

/// The cluster that is about to be started.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// What is to run it.
    pub backend: BackendKind,
    /// The cluster.
    pub spec: ClusterSpec,
}

/// Opens the dialog; it begins with the cluster that is shown.
pub fn open_new_cluster(ctx: &ViewCtx<'_>, chrome: &mut Chrome) {
    chrome.draft = Some(Draft { backend: ctx.store.origin().backend, spec: ctx.store.spec().clone() });
}

/// Lays the dialog out, while it is open.
pub fn new_cluster_ui(egui: &egui::Context, ctx: &ViewCtx<'_>, chrome: &mut Chrome) {
    let Some(draft) = &mut chrome.draft else { return };
    let frame = egui::Frame::popup(&egui.global_style()).inner_margin(3.0 * SPACE);
    let modal = egui::Modal::new(egui::Id::unique("new cluster")).frame(frame).show(egui, |ui| {
        ui.set_width(DIALOG_WIDTH);
        ui.heading("New cluster");
        ui.weak("The one that runs ends in good order; its recording is kept.");
        ui.add_space(SPACE);
        backend_ui(ui, &mut draft.backend);
        ui.add_space(SPACE);
        cluster_ui(ui, &mut draft.spec);
        ui.add_space(SPACE);
        knobs_ui(ui, &mut draft.spec);
        ui.add_space(SPACE);
        end_ui(ui, ctx, &draft.spec)
    });
    match modal.inner {
        Some(End::Start) => {
            if let Some(draft) = chrome.draft.take() {
                ctx.act(Action::Start(Start::Cluster(draft.backend, Box::new(draft.spec))));
            }
        }
        Some(End::Cancel) => chrome.draft = None,
        None if modal.should_close() => chrome.draft = None,
        None => {}
    }
}

enum End {
    Start,
    Cancel,
}

/// What runs the cluster: the first choice, as everything else depends on it.
fn backend_ui(ui: &mut Ui, backend: &mut BackendKind) {
    ui.horizontal(|ui| {
        for kind in BackendKind::ALL {
            let (word, about) = match kind {
                BackendKind::Live => ("Real nodes", "Sockets, files and threads on this machine, in real time"),
                BackendKind::Sim => {
                    ("Simulated", "Virtual time from one seed: at any speed, in single steps, and again exactly")
                }
            };
            ui.selectable_value(backend, kind, RichText::new(word).strong()).on_hover_text(about);
        }
    });
    ui.weak(match backend {
        BackendKind::Live => "Sockets, files and threads on this machine, in real time at most.",
        BackendKind::Sim => "The same nodes in virtual time: at any speed, and the same run again for the same seed.",
    });
}

fn cluster_ui(ui: &mut Ui, draft: &mut ClusterSpec) {
    Grid::new("cluster").num_columns(2).spacing([2.0 * SPACE, SPACE]).show(ui, |ui| {
        let label = ui.label("Protocol");
        protocol_ui(ui, draft).labelled_by(label.id);
        ui.end_row();
        let label = ui.label("Nodes");
        nodes_ui(ui, draft).labelled_by(label.id);
        ui.end_row();
        let label = ui.label("Timing profile");
        profile_ui(ui, draft).labelled_by(label.id);
        ui.end_row();
        let label = ui.label("Clients");
        ui.horizontal(|ui| clients_ui(ui, draft, label.id));
        ui.end_row();
        let label = ui.label("Seed");
        let seed = ui.add(DragValue::new(&mut draft.seed)).labelled_by(label.id);
        seed.on_hover_text("Everything random follows from it");
        ui.end_row();
        ui.label("Disk");
        ui.checkbox(&mut draft.fsync, "Wait for the disk before saying yes")
            .on_hover_text("Without it the cluster is faster, and a power loss loses acknowledged writes");
        ui.end_row();
    });
}

fn protocol_ui(ui: &mut Ui, draft: &mut ClusterSpec) -> egui::Response {
    let title = registry::title(draft);
    let combo = ComboBox::from_id_salt("protocol").width(200.0).selected_text(title).show_ui(ui, |ui| {
        for row in PROTOCOLS {
            if ui.selectable_label(row.id == draft.protocol, row.title).clicked() && row.id != draft.protocol {
                draft.protocol = row.id.to_owned();
                // Knobs of one protocol mean nothing to another.
                draft.knobs.clear();
            }
        }
    });
    combo.response
}

fn nodes_ui(ui: &mut Ui, draft: &mut ClusterSpec) -> egui::Response {
    let mut count = draft.nodes.len();
    let response = ui.add(DragValue::new(&mut count).range(1..=NODES_MAX));
    if count != draft.nodes.len() {
        draft.nodes = (1..=count as u16).map(NodeId).collect();
        let known = |node: &NodeId| usize::from(node.0) <= count;
        draft.clients.iter_mut().for_each(|client| client.knows.retain(known));
    }
    response
}

fn profile_ui(ui: &mut Ui, draft: &mut ClusterSpec) -> egui::Response {
    let words = |profile: TimingProfile| {
        let (election, link) = (profile.election_min(), profile.link_delay().0);
        let link = if link == Duration::ZERO { "no delay".to_owned() } else { format::duration(link) };
        format!("{}  (election timeout from {}, links {link})", profile.word(), format::duration(election))
    };
    let combo = ComboBox::from_id_salt("profile").width(200.0).selected_text(draft.profile.word());
    let combo = combo.show_ui(ui, |ui| {
        for profile in TimingProfile::ALL {
            ui.selectable_value(&mut draft.profile, profile, words(profile));
        }
    });
    combo.response.on_hover_text(words(draft.profile))
}

/// How many clients there are, and how much each asks; what else they do is set at the client itself.
fn clients_ui(ui: &mut Ui, draft: &mut ClusterSpec, label: egui::Id) {
    let mut count = draft.clients.len();
    ui.add(DragValue::new(&mut count).range(0..=CLIENTS_MAX)).labelled_by(label);
    if count != draft.clients.len() {
        let like = draft.clients.first().cloned().unwrap_or_default();
        draft.clients = (1..=count as u16).map(|n| ClientSpec { id: ClientId(n), ..like.clone() }).collect();
    }
    let Some(first) = draft.clients.first() else { return };
    ui.weak("each asks");
    match first.load {
        Load::Open { rate_hz } => {
            let mut rate = rate_hz;
            ui.add(DragValue::new(&mut rate).range(0.1..=1000.0).speed(0.1)).on_hover_text("Operations a second");
            ui.weak("times a second");
            if rate != rate_hz {
                draft.clients.iter_mut().for_each(|client| client.load = Load::Open { rate_hz: rate });
            }
        }
        Load::Closed { .. } => drop(ui.weak("again as soon as it is answered")),
        Load::Idle => drop(ui.weak("nothing")),
    }
}

fn knobs_ui(ui: &mut Ui, draft: &mut ClusterSpec) {
    let Some(row) = registry::protocol(&draft.protocol) else { return };
    ui.label(RichText::new(format!("Knobs of {}", row.title)).strong());
    ScrollArea::vertical().max_height(LIST_HEIGHT).auto_shrink([false, true]).show(ui, |ui| {
        for knob in row.knobs {
            let mut value = draft.knobs.get(knob.name).cloned().unwrap_or_else(|| knob.default.to_owned());
            ui.horizontal(|ui| {
                let label = ui.label(RichText::new(knob.name).monospace());
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    knob_ui(ui, knob, &mut value).labelled_by(label.id);
                });
            });
            ui.add(egui::Label::new(RichText::new(knob.about).small().weak()).wrap());
            ui.add_space(0.5 * SPACE);
            // Only what differs is part of the cluster, so that its description stays short.
            if value == knob.default {
                draft.knobs.remove(knob.name);
            } else {
                draft.knobs.insert(knob.name.to_owned(), value);
            }
        }
    });
}

/// Lets a knob be turned.
pub(super) fn knob_ui(ui: &mut Ui, knob: &Knob, value: &mut String) -> egui::Response {
    let pick = |ui: &mut Ui, value: &mut String, words: &[&str]| {
        let combo = ComboBox::from_id_salt(knob.name).width(120.0).selected_text(value.clone()).show_ui(ui, |ui| {
            for word in words {
                ui.selectable_value(value, (*word).to_owned(), *word);
            }
        });
        combo.response
    };
    match knob.values {
        KnobValues::Flag => pick(ui, value, &["on", "off"]),
        KnobValues::OneOf(words) => pick(ui, value, words),
        KnobValues::Number(..) | KnobValues::Duration => {
            let edit = egui::TextEdit::singleline(value).desired_width(104.0);
            ui.add(edit).on_hover_text(knob.values.expected())
        }
    }
}

/// The buttons, and what is wrong, if anything is.
fn end_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, draft: &ClusterSpec) -> Option<End> {
    let wrong = registry::check(draft).err().map(|error| error.to_string());
    if let Some(wrong) = &wrong {
        ui.colored_label(ctx.theme.warn, format!("⚠ {wrong}"));
    }
    let why_not = wrong.as_deref().unwrap_or("This window can start no cluster");
    ui.horizontal(|ui| {
        let start = ui.add_enabled(wrong.is_none() && ctx.startable, Button::new(RichText::new("Start").strong()));
        let started = start.on_disabled_hover_text(why_not).clicked();
        let canceled = ui.button("Cancel").clicked();
        match (started, canceled) {
            (true, _) => Some(End::Start),
            (false, true) => Some(End::Cancel),
            (false, false) => None,
        }
    })
    .inner
}
