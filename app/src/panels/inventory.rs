//! What is broken now: who did it, since when, what it did so far, and how to heal it.

use std::collections::BTreeMap;

use cluster_core::{
    command::{Author, Command},
    event::EventKind,
    fault::{Ailment, Fault, Heal, LinkFault, LinkId, NodeFaultCounters},
    ids::{NodeId, Seq},
    time::Timestamp,
    trace::{Broken, ClusterState, LinkState, NodeStatus, TraceStore, TrackedFault, ailment_words, counter_words},
};
use egui::{RichText, Ui};

use super::{messages, staged::staged_ui};
use crate::{
    action::{Action, Selection},
    ctx::ViewCtx,
    format,
    theme::SPACE,
    views::View,
    widgets::faults::partition_words,
};

/// The list of what is broken.
#[derive(Default)]
pub struct Inventory {
    /// The counters when a fault began, by its event: what it did is the difference.
    baselines: BTreeMap<Seq, Baseline>,
    trap: messages::TrapForm,
}

/// What links and machines had counted at one moment.
#[derive(Default)]
struct Baseline {
    links: BTreeMap<LinkId, LinkState>,
    machines: BTreeMap<NodeId, NodeFaultCounters>,
}

/// How many parts of a cluster are named.
const PARTS_NAMED: usize = 4;

/// What broke by one command, or by itself.
#[derive(Clone, Debug, PartialEq)]
struct Group {
    /// The event that all of it goes back to.
    cause: Seq,
    what: Vec<Broken>,
    since: Timestamp,
    by: Option<Author>,
}

impl View for Inventory {
    fn ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>) {
        let groups = groups(ctx.store, ctx.state);
        self.keep_baselines(ctx.store, &groups);
        staged_ui(ui, ctx);
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            if groups.is_empty() {
                ui.weak("Nothing is broken");
            }
            parts_ui(ui, ctx);
            for group in &groups {
                ui.push_id(group.cause, |ui| self.group_ui(ui, ctx, group));
                ui.add_space(0.75 * SPACE);
            }
            messages::messages_ui(ui, ctx, &mut self.trap);
            if groups.is_empty() && ctx.state.held.is_empty() && ctx.state.traps.is_empty() {
                return;
            }
            ui.add_space(0.75 * SPACE);
            let heal_all = ui.add_enabled(ctx.commandable, egui::Button::new("Heal everything"));
            if heal_all.on_disabled_hover_text("A recording takes no commands").clicked() {
                ctx.command(Command::Heal(Heal::All));
            }
        });
    }
}

/// Says into which parts the running nodes have fallen, if they have.
fn parts_ui(ui: &mut Ui, ctx: &ViewCtx<'_>) {
    let parts = ctx.state.parts();
    if parts.len() > 1 {
        let names = |part: &Vec<NodeId>| part.iter().map(NodeId::to_string).collect::<Vec<_>>().join(" ");
        let named: Vec<String> = parts.iter().take(PARTS_NAMED).map(names).collect();
        let more = if parts.len() > PARTS_NAMED { " | …" } else { "" };
        let about = "Running nodes that can still reach each other, if need be by way of others";
        ui.label(format!("In {} parts  {}{more}", parts.len(), named.join(" | "))).on_hover_text(about);
        ui.add_space(0.75 * SPACE);
    }
}

impl Inventory {
    fn group_ui(&self, ui: &mut Ui, ctx: &ViewCtx<'_>, group: &Group) {
        let title = ctx.names.told(&title(ctx, group)).into_owned();
        ui.horizontal(|ui| {
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let button = ui.add_enabled(ctx.commandable, egui::Button::new(RichText::new("Heal").small()));
                let name = format!("Heal {title}");
                button.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, ctx.commandable, &name));
                if button.on_disabled_hover_text("A recording takes no commands").clicked() {
                    heal(ctx, group);
                }
                ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                    ui.colored_label(ctx.theme.bad, sign(ctx.state, group));
                    let name = egui::Label::new(RichText::new(&title).strong()).truncate().sense(egui::Sense::click());
                    if ui.add(name).on_hover_text("Show it in the inspector").clicked() {
                        ctx.act(Action::Select(selection(group)));
                    }
                });
            });
        });
        let who = match group.by {
            Some(Author::User) => "by you",
            Some(Author::Script) => "by the script",
            Some(Author::Lab) => "by the lab",
            Some(Author::Nemesis) => "by the nemesis",
            None => "by itself",
        };
        let since = format::duration(ctx.at.since(group.since));
        ui.weak(RichText::new(format!("{who}, for {since}; {}", self.did(ctx.state, group))).small());
    }

    /// Says what a fault did so far; one that did nothing says so.
    fn did(&self, state: &ClusterState, group: &Group) -> String {
        let none = Baseline::default();
        let before = self.baselines.get(&group.cause).unwrap_or(&none);
        if let Some(done) = machines_did(state, before, group) {
            return done;
        }
        let (mut stopped, mut slowed, mut bent) = (0, 0, 0);
        for (id, link) in &state.links {
            let was = before.links.get(id).copied().unwrap_or_default();
            let to_node = id.1.node().is_some_and(|node| group.what.contains(&Broken::Node(node)));
            if group.what.contains(&Broken::Link(*id)) {
                stopped += link.did.stopped().saturating_sub(was.did.stopped());
                slowed += link.did.slowed().saturating_sub(was.did.slowed());
                bent += link.did.bent().saturating_sub(was.did.bent());
            } else if to_node {
                stopped += link.dropped.saturating_sub(was.dropped);
            }
        }
        let deeds = [("stopped", stopped), ("slowed", slowed), ("bent", bent)];
        let words = deeds.into_iter().filter(|(_, frames)| *frames > 0);
        let words: Vec<_> =
            words.map(|(verb, frames)| format!("{verb} {}", format::counted(frames, "frame"))).collect();
        if words.is_empty() { "stopped no frame so far".to_owned() } else { words.join(", ") }
    }

    fn keep_baselines(&mut self, store: &TraceStore, groups: &[Group]) {
        self.baselines.retain(|seq, _| groups.iter().any(|group| group.cause == *seq));
        let unknown: Vec<_> =
            groups.iter().map(|group| group.cause).filter(|seq| !self.baselines.contains_key(seq)).collect();
        for seq in unknown {
            let ClusterState { links, nodes, .. } = store.state_at(seq);
            let machines = nodes.into_iter().map(|(node, state)| (node, state.counters)).collect();
            self.baselines.insert(seq, Baseline { links, machines });
        }
    }
}

/// Says what the faults of machines did so far, if the group has any.
fn machines_did(state: &ClusterState, before: &Baseline, group: &Group) -> Option<String> {
    let part = |what: &Broken| if let Broken::Machine(node, part) = what { Some((*node, *part)) } else { None };
    let parts: Vec<_> = group.what.iter().filter_map(part).collect();
    let did = |(node, part): &(NodeId, Ailment)| {
        let was = before.machines.get(node).copied().unwrap_or_default();
        let counters = state.nodes.get(node)?.counters.since(&was, *part);
        (counters != NodeFaultCounters::default()).then(|| counter_words(&counters))
    };
    let done: Vec<String> = parts.iter().filter_map(did).take(PARTS_NAMED).collect();
    match (parts.is_empty(), done.is_empty()) {
        (true, _) => None,
        (false, true) => Some("did nothing so far".to_owned()),
        (false, false) => Some(done.join("; ")),
    }
}

/// Puts together what broke by one command. In the order in which it broke.
fn groups(store: &TraceStore, state: &ClusterState) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for fault in &state.faults {
        let cause = cause(store, fault);
        match groups.iter_mut().find(|group| group.cause == cause) {
            Some(group) => group.what.push(fault.what),
            None => groups.push(Group { cause, what: vec![fault.what], since: fault.since, by: fault.by }),
        }
    }
    groups
}

fn cause(store: &TraceStore, fault: &TrackedFault) -> Seq {
    if fault.by.is_none() {
        return fault.seq;
    }
    store.event(fault.seq).and_then(|event| event.cause).unwrap_or(fault.seq)
}

fn title(ctx: &ViewCtx<'_>, group: &Group) -> String {
    if let [Broken::Node(node)] = group.what[..] {
        return format!("{node} {}", ctx.state.nodes.get(&node).map_or("is gone", |state| state.status.word()));
    }
    if let [Broken::Link((from, to))] = group.what[..] {
        return format!("{from} → {to} {}", link_words(ctx.state, (from, to)));
    }
    if let [Broken::Machine(node, part)] = group.what[..] {
        let faults = ctx.state.nodes.get(&node).map(|state| state.faults).unwrap_or_default();
        return format!("{node} {}", ailment_words(part, &faults));
    }
    let command = ctx.store.event(group.cause).map(|event| event.kind);
    if let Some(EventKind::CommandIssued { command: Command::Inject(faults), .. }) = command
        && let [Fault::Partition(parts)] = &faults[..]
    {
        return partition_words(parts, ctx.state.nodes.len());
    }
    let nodes = group.what.iter().filter(|what| !matches!(what, Broken::Link(_))).count() as u64;
    let links = group.what.len() as u64 - nodes;
    match (nodes, links) {
        (0, links) => format!("{} of links", format::counted(links, "direction")),
        (nodes, 0) => format::counted(nodes, "node"),
        (nodes, links) => {
            format!("{}, {} of links", format::counted(nodes, "node"), format::counted(links, "direction"))
        }
    }
}

/// Says what is wrong with a direction.
fn link_words(state: &ClusterState, link: LinkId) -> String {
    let Some(link) = state.links.get(&link) else { return String::new() };
    let half_open = link.half_open.map(|_| "half-open".to_owned());
    let rules = link.rules.parts().into_iter().map(|part| match part {
        LinkFault::Delay(delay) => format!("slower by {delay}"),
        LinkFault::Loss(loss) => format!("loses {loss}"),
        other => other.to_string(), // the rest is named by its verb
    });
    half_open.into_iter().chain(rules).collect::<Vec<_>>().join(", ")
}

fn sign(state: &ClusterState, group: &Group) -> &'static str {
    match group.what[0] {
        Broken::Node(node) if state.nodes.get(&node).is_some_and(|it| it.status == NodeStatus::Frozen) => "❄",
        Broken::Node(_) => "✖",
        Broken::Machine(_, Ailment::Cpu) => "🐌",
        Broken::Machine(_, Ailment::Clock) => "⏰",
        Broken::Machine(_, Ailment::Disk) => "💾",
        Broken::Link(_) => "✂",
    }
}

fn selection(group: &Group) -> Selection {
    let node = |what: &Broken| match what {
        Broken::Node(node) | Broken::Machine(node, _) => Some(*node),
        Broken::Link(_) => None,
    };
    let nodes: std::collections::BTreeSet<NodeId> = group.what.iter().filter_map(node).collect();
    match group.what[0] {
        Broken::Link(link) if nodes.is_empty() => Selection::Link(link),
        Broken::Link(_) | Broken::Node(_) | Broken::Machine(..) => Selection::Nodes(nodes),
    }
}

fn heal(ctx: &ViewCtx<'_>, group: &Group) {
    for what in &group.what {
        match what {
            Broken::Link(link) => ctx.command(Command::Heal(Heal::Link(*link))),
            Broken::Machine(node, part) => ctx.command(Command::Heal(Heal::Ailment(*node, *part))),
            Broken::Node(node) => {
                ctx.command(if ctx.state.nodes.get(node).is_some_and(|state| state.status == NodeStatus::Frozen) {
                    Command::Unfreeze(*node)
                } else {
                    Command::Restart(*node)
                })
            }
        }
    }
}
