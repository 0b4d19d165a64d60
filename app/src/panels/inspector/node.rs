//! One node: what it believes, what it has, and what can be done with it.

use std::collections::BTreeSet;

use cluster_core::{
    command::Command,
    event::{MemberStatus, NodeView, RoleKind},
    fault::{Ailment, FAULTS, Fault, FaultKind},
    ids::NodeId,
    registry,
    trace::{ClusterState, NodeState, NodeStatus, ailment_words, count_lines},
};
use egui::{RichText, Ui};

use super::{node_text, opinions::opinions_ui, ops, rows};
use crate::{
    ctx::ViewCtx,
    format,
    names::Names,
    theme::SPACE,
    widgets::{command::command_ui, machine},
};

pub(super) fn node_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, node: NodeId, form: &mut ops::OpForm) {
    let Some(state) = ctx.state.nodes.get(&node) else {
        ui.weak(format!("{node} is not there at this moment"));
        return;
    };
    let role = if state.status.is_running() { state.view.role_name.as_str() } else { state.status.word() };
    rows::title(ui, ctx, &ctx.names.full(node), role);
    headline_ui(ui, ctx, state);
    belief_ui(ui, ctx, node, state);
    let protocol = registry::protocol(&ctx.store.spec().protocol);
    if ctx.commandable {
        verbs_ui(ui, ctx, node, state);
        if protocol.is_none_or(|row| row.serves_clients) {
            ops::ops_ui(ui, ctx, node, form);
        }
    }
    door_ui(ui, state);
    status_ui(ui, ctx, state);
    machine_ui(ui, ctx, state);
    opinions_ui(ui, ctx, &state.view);
    if protocol.is_none_or(|row| row.replicates) {
        log_ui(ui, ctx, state);
    }
    peers_ui(ui, ctx, &state.view);
    more_ui(ui, ctx, &state.view);
    if ctx.commandable {
        ops::admin_ui(ui, ctx, node);
    }
}

/// The few facts that are asked for first, in one line.
fn headline_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, state: &NodeState) {
    let view = &state.view;
    let protocol = registry::protocol(&ctx.store.spec().protocol);
    let leader_word = protocol.map_or("leader", |row| row.leader_word);
    let leader = match view.leader {
        Some(leader) => format!("{leader_word} {}", ctx.names.full(leader)),
        None => format!("no {leader_word}"),
    };
    let epoch = format!("{} {}", protocol.map_or("epoch", |row| row.epoch_word), view.epoch);
    let (commit, applied) = (format::count(view.commit_index.0), format::count(view.applied_index.0));
    let facts = match (protocol.is_none_or(|row| row.replicates), view.detector) {
        (true, _) => format!("{epoch} · {leader} · commit {commit} · applied {applied}"),
        (false, Some(_)) => watched_words(view),
        (false, None) => format!("on its own · executed {applied}"),
    };
    ui.add(egui::Label::new(RichText::new(facts).small()).wrap());
    ui.add_space(0.5 * SPACE);
}

/// Says whom a node that only watches others holds for what.
fn watched_words(view: &NodeView) -> String {
    let count = |status| view.opinions.values().filter(|opinion| opinion.status == status).count();
    let (alive, suspect, dead) = (count(MemberStatus::Alive), count(MemberStatus::Suspect), count(MemberStatus::Dead));
    format!("of the others: {alive} alive · {suspect} suspect · {dead} dead")
}

/// The verbs that make sense in the node's status.
fn verbs_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, node: NodeId, state: &NodeState) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = egui::vec2(0.5 * SPACE, 0.5 * SPACE);
        if state.status == NodeStatus::Frozen {
            command_ui(ui, ctx, "Let it go on", "", Command::Unfreeze(node));
        }
        if !state.status.is_running() {
            command_ui(ui, ctx, "Restart", "", Command::Restart(node));
        }
        for row in FAULTS.iter().filter(|row| row.strikes_node && ctx.offers(row.verb)) {
            let Some(fault) = Fault::of_process(row.kind, node) else { continue };
            let sensible = match row.kind {
                FaultKind::Wipe => true,
                FaultKind::Freeze => state.status == NodeStatus::Up,
                _ => state.status.is_running(),
            };
            if sensible {
                command_ui(ui, ctx, RichText::new(row.title).small(), row.about, Command::Inject(vec![fault]));
            }
        }
        if machine::is_offered(ctx) {
            ui.menu_button(RichText::new("Machine…").small(), |ui| {
                machine::machine_menu_ui(ui, ctx, &BTreeSet::from([node]));
            });
        }
    });
    ui.add_space(0.5 * SPACE);
}

/// Says where what the node believes is not what is true.
fn belief_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, node: NodeId, state: &NodeState) {
    if let Some(text) = mistaken(ctx.state, node, state) {
        let text = ctx.names.told(&text);
        ui.add(egui::Label::new(RichText::new(format!("⚠ {text}")).color(ctx.theme.warn)).wrap());
    }
}

fn mistaken(cluster: &ClusterState, node: NodeId, state: &NodeState) -> Option<String> {
    if state.status == NodeStatus::Up && state.view.role == RoleKind::Leader && !cluster.quorum_connected(node) {
        return Some("Believes it leads, but has no majority".to_owned());
    }
    let believed = state.view.leader.filter(|leader| state.status.is_running() && Some(*leader) != cluster.leader())?;
    let runs = cluster.nodes.get(&believed).is_some_and(|state| state.status == NodeStatus::Up);
    match cluster.leader() {
        _ if believed == node => None,
        _ if !runs => Some(format!("Believes {believed} leads, which does not run")),
        Some(leader) => Some(format!("Believes {believed} leads, but {leader} does")),
        None => Some(format!("Believes {believed} leads, but nobody does")),
    }
}

fn status_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, state: &NodeState) {
    let view = &state.view;
    let protocol = registry::protocol(&ctx.store.spec().protocol);
    let word = |pick: fn(&registry::ProtocolRow) -> &'static str, otherwise| capital(protocol.map_or(otherwise, pick));
    let bad = (state.status != NodeStatus::Up).then_some(ctx.theme.bad);
    rows::section(ui, "What it believes");
    rows::grid(ui, "status", |grid| {
        let since = format::duration(ctx.at.since(state.since));
        grid.colored("Status", format!("{} for {since}", state.status.word()), bad);
        if let NodeStatus::Failed(failure) = &state.status {
            grid.colored("Why", failure.to_string(), bad);
        }
        grid.row("Role", view.role_name.as_str());
        if protocol.is_none_or(|row| row.replicates) {
            grid.row(&word(|row| row.epoch_word, "epoch"), view.epoch.to_string());
            grid.row(&word(|row| row.leader_word, "leader"), node_text(view.leader, ctx.names));
            grid.row("Voted for", node_text(view.voted_for, ctx.names));
        }
        if !view.votes.is_empty() {
            grid.row("Votes", names(&view.votes, ctx.names));
        }
        if let Some(timer) = view.timer.filter(|_| state.status.is_running()) {
            let left = format::duration(timer.until.since(ctx.at));
            grid.row("Timer", format!("{} in {left}", timer.name));
        }
        if !view.waiting_for.is_empty() {
            grid.row("Waits for", ctx.names.told(&view.waiting_for));
        }
        grid.row("Started", format::counted(u64::from(state.incarnation) + 1, "time"));
        if state.port != 0 {
            grid.row("Listens on", format!("127.0.0.1:{}", state.port));
        }
        if let Some(dir) = ctx.data_dir {
            grid.row("Data", dir);
        }
    });
}

/// The command by which a client of the user's own comes in.
fn door_ui(ui: &mut Ui, state: &NodeState) {
    if state.door == 0 || !state.status.is_running() {
        return;
    }
    rows::section(ui, "Your own client");
    let command = format!("redis-cli -c -p {}", state.door);
    ui.horizontal(|ui| {
        ui.add(egui::Label::new(RichText::new(&command).monospace().small()).selectable(true));
        let copy = ui.small_button("Copy").on_hover_text("Copy the command, to paste it in a terminal");
        if copy.clicked() {
            ui.ctx().copy_text(command);
        }
    });
}

/// What ails its machine, and what that did so far; nothing of a healthy one that always was.
fn machine_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, state: &NodeState) {
    let (faults, counted) = (&state.faults, count_lines(&state.counters));
    if Ailment::ALL.iter().all(|part| faults.is_healthy(*part)) && counted.is_empty() {
        return;
    }
    rows::section(ui, "Its machine");
    rows::grid(ui, "machine", |grid| {
        for part in Ailment::ALL {
            let bad = (!faults.is_healthy(part)).then_some(ctx.theme.warn);
            grid.colored(&capital(part.part()), ailment_words(part, faults), bad);
        }
        if !faults.clock.is_true() {
            grid.colored("Clock is off by", faults.clock.offset_at(ctx.at).to_string(), Some(ctx.theme.warn));
        }
        for (what, number) in &counted {
            grid.row(&capital(what), number);
        }
    });
}

fn log_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, state: &NodeState) {
    let view = &state.view;
    rows::section(ui, "Log and state");
    rows::grid(ui, "log", |grid| {
        grid.row("First entry", format::count(view.first_index.0.max(1)));
        grid.row("Last entry", format::count(state.log.last().0));
        grid.row("On disk", format::count(view.persisted_index.0));
        grid.row("Committed", format::count(view.commit_index.0));
        grid.row("Applied", format::count(view.applied_index.0));
        if let Some((at, entries)) = state.erased {
            let ago = format::duration(ctx.at.since(at));
            grid.colored("Erased", format!("{entries}, {ago} ago"), Some(ctx.theme.warn));
        }
        if let Some(snapshot) = view.snapshot {
            grid.row("Snapshot", format!("to {} ({})", snapshot.index, format::bytes(snapshot.bytes)));
        }
        grid.row("State", format!("{:08x}, {}", view.state_hash >> 32, format::counted(view.keys, "key")));
    });
}

fn peers_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, view: &NodeView) {
    if view.peers.is_empty() {
        return;
    }
    rows::section(ui, "What it knows of the others");
    let grid = egui::Grid::new("peers").num_columns(6).min_row_height(2.0 * SPACE).spacing([0.75 * SPACE, 0.4 * SPACE]);
    grid.show(ui, |ui| {
        for (name, about) in [
            ("", "The other node"),
            ("next", "The next entry to be sent to it"),
            ("match", "The last entry it is known to have"),
            ("mode", "How entries are sent to it"),
            ("open", "Messages to it without an answer"),
            ("heard", "When it was last heard from"),
        ] {
            ui.weak(RichText::new(name).small()).on_hover_text(about);
        }
        ui.end_row();
        for (peer, known) in &view.peers {
            // A hundred of them cost more than all the rest of the window: only what is seen is laid out.
            let row = ui.cursor().top();
            if !ui.clip_rect().y_range().expand(4.0 * SPACE).contains(row) {
                ui.allocate_space(egui::vec2(0.0, 2.0 * SPACE));
                ui.end_row();
                continue;
            }
            let heard = known.last_heard.map_or("never".to_owned(), |at| format::duration(ctx.at.since(at)));
            let cells = [
                ctx.names.short(*peer),
                known.next_index.to_string(),
                known.match_index.to_string(),
                known.mode.to_string(),
                known.in_flight.to_string(),
                heard,
            ];
            for cell in cells {
                ui.label(RichText::new(cell).monospace().small());
            }
            ui.end_row();
        }
    });
}

fn more_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, view: &NodeView) {
    if view.voters.is_empty() && view.extra.is_empty() {
        return;
    }
    rows::section(ui, "More");
    rows::grid(ui, "more", |grid| {
        if !view.voters.is_empty() {
            grid.row("Members", names(&view.voters, ctx.names));
        }
        if !view.learners.is_empty() {
            grid.row("Learners", names(&view.learners, ctx.names));
        }
        for (name, value) in &view.extra {
            grid.row(&capital(name.as_str()), value.as_str());
        }
    });
}

fn names(nodes: &[NodeId], names: &Names) -> String {
    nodes.iter().map(|node| names.short(*node)).collect::<Vec<_>>().join(" ")
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use cluster_core::{ids::Endpoint, spec::ClusterSpec};

    use super::*;

    fn cluster() -> ClusterState {
        let mut cluster = ClusterState::before(&ClusterSpec::default());
        for state in cluster.nodes.values_mut() {
            state.status = NodeStatus::Up;
            state.view.leader = Some(NodeId(1));
        }
        cluster.nodes.entry(NodeId(1)).or_default().view.role = RoleKind::Leader;
        cluster
    }

    fn says(cluster: &ClusterState, node: u16) -> Option<String> {
        mistaken(cluster, NodeId(node), &cluster.nodes[&NodeId(node)])
    }

    #[test]
    fn nothing_is_said_of_nodes_that_believe_what_is_true() {
        assert!((1..=5).all(|node| says(&cluster(), node).is_none()));
    }

    #[test]
    fn a_leader_that_was_cut_off_believes_it_leads_but_has_no_majority() {
        let mut cluster = cluster();
        for other in 2..=5 {
            let link = (Endpoint::from(NodeId(1)), Endpoint::from(NodeId(other)));
            cluster.links.entry(link).or_default().rules.cut = true;
        }
        assert_eq!(says(&cluster, 1).as_deref(), Some("Believes it leads, but has no majority"));
    }

    #[test]
    fn a_follower_of_a_crashed_leader_is_told_apart() {
        let mut cluster = cluster();
        cluster.nodes.entry(NodeId(1)).or_default().status = NodeStatus::Crashed;
        assert_eq!(says(&cluster, 2).as_deref(), Some("Believes n1 leads, which does not run"));
    }
}
