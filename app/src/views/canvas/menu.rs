//! The menus of the right mouse button: what can be done to a node, a link, a client.

use std::{collections::BTreeSet, time::Duration};

use cluster_core::{
    command::Command,
    event::RoleKind,
    fault::{FAULTS, Fault, FaultKind, FaultRow, Flap, Heal, Layer, LinkFault, LinkId, NodeFault, layer_of},
    ids::{ClientId, Endpoint, NodeId},
    request::{Admin, Request},
    trace::{LinkState, NodeStatus, rules_words},
};
use egui::{Popup, Response, Ui};

use crate::{
    action::{Action, Selection},
    ctx::ViewCtx,
    tools::{Menu, ToolAction, links_of},
    widgets::{break_menu::shapes_ui, machine},
};

/// One entry; `Err` says why it makes no sense.
pub(super) fn entry_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, title: &str, about: &str, possible: Result<Command, &str>) {
    let possible = ctx.check(possible);
    let response = ui.add_enabled(possible.is_ok(), egui::Button::new(title));
    match possible {
        Ok(command) => {
            if response.on_hover_text(about).clicked() {
                ctx.command(command);
                ui.close();
            }
        }
        Err(why) => drop(response.on_disabled_hover_text(why)),
    }
}

/// Shows a menu where the pointer asked for it, or, opened by a key, beside the thing itself.
pub(super) fn context_menu(response: &Response, contents: impl FnOnce(&mut Ui)) {
    let menu = Popup::context_menu(response);
    let by_pointer = response.secondary_clicked() || Popup::position_of_id(&response.ctx, menu.get_id()).is_some();
    let menu = if by_pointer { menu } else { menu.anchor(response) };
    menu.show(contents);
}

/// Opens the menu of what is selected if a key asked for it. The focus goes there, so that Tab and arrows reach its
/// entries.
pub(super) fn open_by_key(ctx: &ViewCtx<'_>, response: &Response, selected: bool) {
    if selected && ctx.tools.menu == Some(Menu::Selected) {
        response.request_focus();
        Popup::open_id(&response.ctx, Popup::default_response_id(response));
    }
}

/// What can be done with the rules of a direction and those that were copied.
fn rules_menu_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, link: LinkId) {
    let (from, to) = link;
    if ui.button("Copy its rules").on_hover_text("Then click links or nodes to give them these rules").clicked() {
        ctx.act(Action::Tool(ToolAction::Copy(link)));
        ui.close();
    }
    paste_ui(ui, ctx, "Give it the copied rules", vec![link]);
    paste_ui(ui, ctx, "Give them to both directions", vec![link, (to, from)]);
}

fn paste_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, title: &str, targets: Vec<LinkId>) {
    let Some((source, rules)) = &ctx.tools.copied else { return };
    let button = ui.add_enabled(ctx.commandable, egui::Button::new(title));
    let about = format!("{} → {}: {}", source.0, source.1, rules_words(rules));
    if button.on_hover_text(about).clicked() {
        ctx.act(Action::Tool(ToolAction::Paste(targets)));
        ui.close();
    }
}

/// What can be done to a node, or to all that are selected with it.
pub(super) fn node_menu_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, node: NodeId) {
    let chosen = match ctx.selection {
        Selection::Nodes(nodes) if nodes.contains(&node) && nodes.len() > 1 => nodes.clone(),
        Selection::Nodes(_)
        | Selection::Nothing
        | Selection::Link(_)
        | Selection::Message(_)
        | Selection::Client(_)
        | Selection::Op(_)
        | Selection::Event(_) => BTreeSet::from([node]),
    };
    ui.set_min_width(150.0);
    let names: Vec<String> = chosen.iter().map(|node| ctx.names.full(*node)).collect();
    ui.weak(names.join(", "));
    if chosen.len() == 1 {
        requests_menu_ui(ui, ctx, node);
    }
    process_menu_ui(ui, ctx, node, &chosen);
    if machine::is_offered(ctx) {
        ui.separator();
        machine::machine_menu_ui(ui, ctx, &chosen);
    }
    if ["partition", "cut", "heal"].into_iter().any(|verb| ctx.offers(verb)) {
        ui.separator();
        around_menu_ui(ui, ctx, node, &chosen);
    }
    if chosen.len() == 1 && ctx.offers("transfer") {
        ui.separator();
        entry_ui(ui, ctx, "Hand leadership to it", "The leader steps aside for it.", transfer(ctx, node));
    }
}

/// What can be done to the process of a node, or to those of all that are chosen.
fn process_menu_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, node: NodeId, chosen: &BTreeSet<NodeId>) {
    for row in FAULTS.iter().filter(|row| row.strikes_node && NodeFault::choices(row.kind).is_empty()) {
        if row.kind == FaultKind::Wipe && ctx.offers("restart") {
            restart_ui(ui, ctx, chosen);
        }
        if ctx.offers(row.verb) {
            entry_ui(ui, ctx, row.title, row.about, strike(ctx, row, chosen));
        }
        if row.kind == FaultKind::Freeze && chosen.len() == 1 && ctx.offers("unfreeze") {
            let frozen = status(ctx, node) == Some(&NodeStatus::Frozen);
            let possible = if frozen { Ok(Command::Unfreeze(node)) } else { Err("It is not frozen") };
            entry_ui(ui, ctx, "Unfreeze", "The process goes on where it stood.", possible);
        }
    }
}

/// What can be done to all that leads to the chosen nodes.
fn around_menu_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, node: NodeId, chosen: &BTreeSet<NodeId>) {
    let many = chosen.len() > 1;
    if ctx.offers("partition") {
        let ends: Vec<Endpoint> = chosen.iter().map(|node| Endpoint::Node(*node)).collect();
        let title = if many { "Cut around these" } else { "Cut around" };
        let cut = Command::Inject(vec![Fault::Partition(vec![ends])]);
        let about = if many { "They hear each other, and nobody else." } else { "Nothing passes to it or from it." };
        entry_ui(ui, ctx, title, about, Ok(cut));
    }
    if many {
        return;
    }
    if ctx.offers("partition") || ctx.offers("cut") {
        ui.menu_button("Partition", |ui| shapes_ui(ui, ctx, Some(node)));
    }
    if ctx.allowed.is_none() {
        paste_ui(ui, ctx, "Give its links the copied rules", links_of(node, ctx.state));
    }
    if ctx.offers("heal") {
        let about = "All its links and its machine are healthy again; frozen, it goes on.";
        entry_ui(ui, ctx, "Heal around", about, Ok(Command::Heal(Heal::Around(Endpoint::Node(node)))));
    }
}

/// What the lab that is open asks of nodes, with the keys and values of this attempt: one click each.
fn requests_menu_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, node: NodeId) {
    let requests = ctx.allowed.map_or(&[][..], |allowed| &allowed.requests);
    for request in requests {
        let (title, about) = match request {
            Request::Put { key, value } => {
                (format!("Write {key} = {value}"), "By your own hand, asking this node only.")
            }
            Request::Get { key } => (format!("Read {key}"), "By your own hand, asking this node only."),
            Request::Delete { key } => (format!("Delete {key}"), "By your own hand, asking this node only."),
            Request::Increment { key, by } => {
                (format!("Add {by} to {key}"), "By your own hand, asking this node only.")
            }
            _ => continue, // Labs ask nothing else of nodes.
        };
        entry_ui(ui, ctx, &title, about, Ok(Command::Submit { node, request: request.clone() }));
    }
    if !requests.is_empty() {
        ui.separator();
    }
}

fn status<'a>(ctx: &ViewCtx<'a>, node: NodeId) -> Option<&'a NodeStatus> {
    ctx.state.nodes.get(&node).map(|state| &state.status)
}

/// The fault for those of the chosen nodes that it can strike.
fn strike(ctx: &ViewCtx<'_>, row: &FaultRow, chosen: &BTreeSet<NodeId>) -> Result<Command, &'static str> {
    let mut faults = Vec::new();
    let mut refused = "There is no such node";
    for node in chosen {
        match status(ctx, *node).map(|status| fault(row.kind, *node, status)) {
            Some(Ok(fault)) => faults.push(fault),
            Some(Err(why)) => refused = why,
            None => {}
        }
    }
    if faults.is_empty() { Err(refused) } else { Ok(Command::Inject(faults)) }
}

fn fault(kind: FaultKind, node: NodeId, status: &NodeStatus) -> Result<Fault, &'static str> {
    let Some(fault) = Fault::of_process(kind, node) else { return Err("This strikes no process") };
    match (kind, status) {
        (FaultKind::Wipe, _) | (_, NodeStatus::Up) => Ok(fault),
        (FaultKind::Stop, NodeStatus::Frozen) => Err("It stands still and cannot hear the request"),
        (FaultKind::Freeze, NodeStatus::Frozen) => Err("It is frozen already"),
        (_, NodeStatus::Frozen) => Ok(fault),
        (
            _,
            NodeStatus::Starting
            | NodeStatus::Crashed
            | NodeStatus::PoweredOff
            | NodeStatus::Stopped
            | NodeStatus::Failed(_),
        ) => Err("It is not running"),
    }
}

fn restart_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, chosen: &BTreeSet<NodeId>) {
    let down = |node: &&NodeId| status(ctx, **node).is_some_and(|status| !status.is_running());
    let all_down: Vec<NodeId> = chosen.iter().filter(down).copied().collect();
    let possible = match all_down[..] {
        [] => Err("It is running"),
        [node] => Ok(Command::Restart(node)),
        [..] => Ok(Command::RestartAll),
    };
    let title = if all_down.len() > 1 { "Restart all" } else { "Restart" };
    entry_ui(ui, ctx, title, "The node starts with the disk it has.", possible);
}

fn transfer(ctx: &ViewCtx<'_>, to: NodeId) -> Result<Command, &'static str> {
    let leader = ctx.state.leader().ok_or("Nobody leads")?;
    let state = ctx.state.nodes.get(&to).ok_or("There is no such node")?;
    if leader == to {
        return Err("It leads already");
    }
    if state.status != NodeStatus::Up {
        return Err("It is not running");
    }
    if state.view.role == RoleKind::Learner {
        return Err("It has no vote");
    }
    Ok(Command::Submit { node: leader, request: Request::Admin(Admin::TransferLeadership { to }) })
}

/// What can be done to a link.
pub(super) fn link_menu_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, link: LinkId) {
    let (from, to) = link;
    let (there, back) = (link_state(ctx, link), link_state(ctx, (to, from)));
    ui.set_min_width(190.0);
    ui.weak(format!("{} to {}", ctx.names.end(from), ctx.names.end(to)));
    let strike_ui = |ui: &mut Ui, fault: LinkFault| {
        entry_ui(ui, ctx, &fault_words(fault), &about(fault.kind()), strike_link(&there, link, fault));
    };
    if ctx.offers("cut") {
        strike_ui(ui, LinkFault::Cut);
        entry_ui(ui, ctx, "Cut both directions", "No frame passes either way.", cut_both(link, &there, &back));
    }
    for (title, layer) in [("Frames", Layer::Frames), ("TCP stream", Layer::Stream)] {
        let of = |fault: &LinkFault| *fault != LinkFault::Cut && fault.layer() == layer && offered(ctx, fault.kind());
        let faults: Vec<LinkFault> = LinkFault::OFFERED.into_iter().filter(of).collect();
        if !faults.is_empty() {
            ui.menu_button(title, |ui| {
                ui.set_min_width(190.0);
                faults.into_iter().for_each(|fault| strike_ui(ui, fault));
            });
        }
    }
    ui.separator();
    if ui.button("All rules and counters…").on_hover_text("Opens the link in the inspector").clicked() {
        ctx.act(Action::Select(Selection::Link(link)));
        ui.close();
    }
    if ctx.allowed.is_none() {
        rules_menu_ui(ui, ctx, link);
    }
    if !ctx.offers("heal") {
        return;
    }
    ui.separator();
    let heal = |id: LinkId, state: &LinkState| {
        let healthy = state.rules.is_healthy() && state.half_open.is_none();
        if healthy { Err("It is healthy") } else { Ok(Command::Heal(Heal::Link(id))) }
    };
    entry_ui(ui, ctx, "Heal", "This direction is healthy again.", heal(link, &there));
    entry_ui(ui, ctx, "Heal the way back", "The other direction is healthy again.", heal((to, from), &back));
}

/// Returns whether a fault is among what can be done: a lab shows only what it offers.
fn offered(ctx: &ViewCtx<'_>, kind: FaultKind) -> bool {
    FAULTS.iter().find(|row| row.kind == kind).is_some_and(|row| ctx.offers(row.verb))
}

fn link_state(ctx: &ViewCtx<'_>, link: LinkId) -> LinkState {
    ctx.state.links.get(&link).copied().unwrap_or_default()
}

fn cut_both(link: LinkId, there: &LinkState, back: &LinkState) -> Result<Command, &'static str> {
    match (there.rules.cut && back.rules.cut, there.rules.flap.or(back.rules.flap)) {
        (true, _) => Err("Both are cut already"),
        (false, Some(_)) => Err("A link cannot be cut and flap at once; heal the one first"),
        (false, None) => Ok(Command::Inject(vec![Fault::cut(link), Fault::cut((link.1, link.0))])),
    }
}

/// The fault as it is offered, if it would change anything about this direction and can stand beside its rules.
fn strike_link(state: &LinkState, link: LinkId, fault: LinkFault) -> Result<Command, &'static str> {
    let command = Ok(Command::Inject(vec![Fault::Link(link, fault)]));
    let mut rules = state.rules;
    fault.add_to(&mut rules);
    match fault {
        LinkFault::Reset => command,
        LinkFault::HalfOpen(_) if state.half_open.is_some() => Err("It is half-open already"),
        LinkFault::HalfOpen(_) => command,
        _ if rules.check().is_err() => Err("A link cannot be cut and flap at once; heal the one first"),
        _ if rules == state.rules => Err("That is how it is already"),
        _ => command, // every other one is a rule beside those that there are
    }
}

/// The name of a fault and its numbers.
fn fault_words(fault: LinkFault) -> String {
    let title = FAULTS.iter().find(|row| row.kind == fault.kind()).map_or("", |row| row.title);
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    match fault {
        LinkFault::Cut => "Cut this direction".to_owned(),
        LinkFault::Reset => title.to_owned(),
        LinkFault::Flap(Flap { up, down }) => format!("{title} {} up, {} down", span(up), span(down)),
        LinkFault::Delay(delay) => format!("{title} {}", span(delay.mean)),
        LinkFault::Loss(loss) => format!("{title} {}", percent(loss.probability)),
        LinkFault::Burst(burst) => format!("{title} {}", percent(burst.share())),
        LinkFault::Duplicate(duplicate) => format!("{title} {}", percent(duplicate.share)),
        LinkFault::Reorder(reorder) => format!("{title} {} by {}", percent(reorder.share), span(reorder.by)),
        LinkFault::Corrupt(corrupt) => format!("{title} {}", percent(corrupt.share)),
        LinkFault::Bandwidth(pipe) => format!("{title} {} kB/s", pipe.bytes_per_sec / 1000),
        LinkFault::HalfOpen(time) | LinkFault::SlowClose(time) => format!("{title} {}", span(time)),
    }
}

/// Writes a span of a menu, without a fraction that says nothing.
fn span(span: Duration) -> String {
    match span.as_millis() {
        millis if millis % 1000 == 0 => format!("{} s", millis / 1000),
        millis => format!("{millis} ms"),
    }
}

fn about(kind: FaultKind) -> String {
    let about = FAULTS.iter().find(|row| row.kind == kind).map_or("", |row| row.about);
    let layer = layer_of(kind).map(|layer| format!("\nActs on {}", layer.words()));
    about.to_owned() + &layer.unwrap_or_default()
}

/// What can be done to a client.
pub(super) fn client_menu_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, client: ClientId) {
    let end = Endpoint::Client(client);
    ui.set_min_width(150.0);
    ui.weak(format!("client {client}"));
    if client.is_visitor() {
        // Its connection is no link of ours, and its load is not ours to change.
        ui.weak("From outside: end it where it runs");
        return;
    }
    let cut = Command::Inject(vec![Fault::Partition(vec![vec![end]])]);
    entry_ui(ui, ctx, "Cut around", "It reaches no node.", Ok(cut));
    entry_ui(ui, ctx, "Heal around", "All its links are healthy again.", Ok(Command::Heal(Heal::Around(end))));
    ui.separator();
    let remove = if client == ClientId(0) { Err("This is your own hand") } else { Ok(Command::RemoveClient(client)) };
    entry_ui(ui, ctx, "Remove", "Its open operations get no answer.", remove);
}
