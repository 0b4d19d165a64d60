//! What goals see: the cluster and what happened to it in one phase, in the words of the vocabulary.

use std::collections::{BTreeSet, VecDeque};

use cel::{
    Context,
    common::{
        types::{CelBool, CelDouble, CelInt, CelList, CelString},
        value::Val,
    },
};

use super::{
    acts::Acts,
    expr::{
        ACTS_MAX, Cell, Expr, Row,
        vocabulary::{CONFLICT, DROP, ERASED, KNOB, NEWS, NODE, ROLE, SYNC},
    },
    model::scale,
    ops::Ops,
    views::{Views, is_slow},
    votes::Votes,
};
use crate::{
    command::Command,
    event::{EventKind, Milestone, RoleKind, TraceEvent, ViewChange},
    ids::{Endpoint, NodeId, OpId, Seq},
    registry,
    request::op_of,
    spec::ClusterSpec,
    time::Timestamp,
    trace::{ClusterState, Conflicts, Effects, Ledger, NodeStatus},
};

/// How long a refused write still counts as an attempt, in seconds.
const TRYING: f64 = 2.0;
/// How often what only time changes is looked at, in seconds.
const LOOK: f64 = 0.02;

/// A moment, and what it tells.
pub(super) type Happened = (&'static str, Row);

/// Which of the names may have another value.
pub(super) type Changed = u8;
const NODES: Changed = 1;
const OPS: Changed = 2;
const ACTS: Changed = 4;
const TIME: Changed = 8;
const LOSSES: Changed = 16;
const DROPS: Changed = 32;
/// All of them.
pub(super) const ALL: Changed = 63;

/// The lists that somebody speaks of: what nobody speaks of is not made anew with every event.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    nodes: bool,
    views: bool,
    elections: bool,
    failed_elections: bool,
    knobs: bool,
    ops: bool,
    drops: bool,
    conflicts: bool,
    acts: bool,
}

/// What goals see.
pub(super) struct Sight {
    state: ClusterState,
    scale: f64,
    wanted: Wanted,
    context: Context<'static, 'static>,
    ledger: Ledger,
    ops: Ops,
    acts: Acts,
    done: VecDeque<Row>,
    elections: VecDeque<Row>,
    effects: Effects,
    drops: VecDeque<Row>,
    last_act: f64,
    most_leaders: usize,
    votes: Votes,
    views: Views,
    conflicts: Conflicts,
    quorum: BTreeSet<NodeId>,
    lost: Vec<OpId>,
    /// The command that comes before the operation that it asks for.
    asked: Option<(Seq, NodeId)>,
    /// For how long somebody tried to write, since a write succeeded.
    tried: f64,
    refused: Option<f64>,
    now: f64,
    looked: f64,
}

impl Sight {
    /// Begins with a cluster. Whatever is asked of it later must be among `exprs`.
    pub(super) fn new(spec: &ClusterSpec, exprs: &[&Expr]) -> Self {
        let wants = |name: &str| exprs.iter().any(|expr| expr.names(name));
        let wanted = Wanted {
            nodes: wants("nodes"),
            views: wants("views"),
            elections: wants("elections"),
            failed_elections: wants("failed_elections"),
            knobs: wants("knobs"),
            ops: wants("ops"),
            drops: wants("drops"),
            conflicts: wants("conflicts"),
            acts: wants("acts"),
        };
        let mut sight = Self {
            state: ClusterState::before(spec),
            scale: scale(spec.profile),
            wanted,
            context: Context::default(),
            ledger: Ledger::default(),
            ops: Ops::default(),
            acts: Acts::default(),
            done: VecDeque::new(),
            elections: VecDeque::new(),
            effects: Effects::new(registry::protocol(&spec.protocol).is_none_or(|row| row.replicates)),
            drops: VecDeque::new(),
            last_act: 0.0,
            most_leaders: 0,
            votes: Votes::default(),
            views: Views::default(),
            conflicts: Conflicts::default(),
            quorum: BTreeSet::new(),
            lost: Vec::new(),
            asked: None,
            tried: 0.0,
            refused: None,
            now: 0.0,
            looked: 0.0,
        };
        sight.tell(ALL);
        sight
    }

    /// Returns the cluster.
    pub(super) fn state(&self) -> &ClusterState {
        &self.state
    }

    /// Returns what expressions see.
    pub(super) fn context(&self) -> &Context<'static, 'static> {
        &self.context
    }

    /// Returns which names an expression speaks of.
    pub(super) fn speaks_of(expr: &Expr) -> Changed {
        expr.changed_by(|| Self::names_of(expr))
    }

    fn names_of(expr: &Expr) -> Changed {
        let of = |names: &[&str], bit| if names.iter().any(|name| expr.names(name)) { bit } else { 0 };
        let nodes = [
            "nodes",
            "leader",
            "leaders",
            "size",
            "alive",
            "most_leaders",
            "agree",
            "cut_links",
            "broken",
            "elections",
            "failed_elections",
            "knobs",
            "steady",
            "views",
        ];
        of(&nodes, NODES)
            | of(&["ops"], OPS)
            | of(&["lost", "conflicts"], LOSSES)
            | of(&["drops"], DROPS)
            | of(&["acts", "last_act"], ACTS)
            | of(&["time", "unavailable", "steady", "slow_for"], TIME)
    }

    /// Takes an event over. Returns the moments it is, and what may be otherwise after it.
    pub(super) fn next(&mut self, event: &TraceEvent) -> (Vec<Happened>, Changed) {
        self.pass(event.at);
        let now = self.now;
        let mut moments = self.acts.next(event, &self.state, now);
        for (_, row) in &moments {
            push(&mut self.done, row.clone());
            self.last_act = now;
        }
        let mut changed = if moments.is_empty() { 0 } else { ACTS };
        self.erased(event, &mut moments);
        changed |= self.dropped(event);
        self.state.apply(event);
        for (op, times) in self.effects.apply(event) {
            changed |= if self.ops.took_effect(op, times) { OPS } else { 0 };
        }
        changed |= self.happened(event, &mut moments);
        if changed & NODES != 0 {
            self.follow_quorum(&mut changed);
            self.votes.look(&self.state, now);
            self.views.look(&self.state);
        }
        if self.conflicts.apply(event, &self.state) {
            changed |= LOSSES;
        }
        self.follow_losses(event, &mut changed);
        if now - self.looked >= LOOK {
            self.looked = now;
            changed |= TIME;
        }
        self.tell(changed);
        (moments, changed)
    }

    fn pass(&mut self, at: Timestamp) {
        let now = at.as_secs_f64() / self.scale;
        if self.is_tried() {
            self.tried += now - self.now;
        }
        self.views.pass(now - self.now);
        self.now = now;
    }

    fn is_tried(&self) -> bool {
        self.ops.writes_open() || self.refused.is_some_and(|at| self.now - at < TRYING)
    }

    fn happened(&mut self, event: &TraceEvent, moments: &mut Vec<Happened>) -> Changed {
        match &event.kind {
            EventKind::CommandIssued { command: Command::Submit { node, .. }, .. } => {
                self.asked = Some((event.seq, *node));
                0
            }
            EventKind::OpInvoked { op, client, request } => {
                let asked = self.asked.take_if(|(seq, _)| event.cause == Some(*seq)).map(|(_, node)| node);
                self.ops.invoked(*op, *client, request, asked, self.now);
                self.ops.with_quorum(&self.quorum);
                let row = self.ops.rows().last().cloned();
                moments.extend(row.map(|row| ("op.invoke", row)));
                OPS
            }
            EventKind::FrameSent { from: Endpoint::Client(_), to: Endpoint::Node(node), payload, .. } => {
                let Some(op) = op_of(payload) else { return 0 };
                self.ops.asked(op, *node, self.effects.attempts(op));
                self.ops.with_quorum(&self.quorum);
                OPS
            }
            EventKind::OpReturned { op, outcome, node } => {
                let Some((result, row)) = self.ops.returned(*op, outcome, *node, self.now) else { return 0 };
                if self.ops.is_write(*op) {
                    match result {
                        "ok" => (self.tried, self.refused) = (0.0, None),
                        _ => self.refused = Some(self.now),
                    }
                }
                let moment = match result {
                    "ok" => "op.ok",
                    "fail" => "op.fail",
                    _ => "op.timeout",
                };
                moments.push((moment, row));
                OPS
            }
            EventKind::ViewChanged { node, changes } => self.view_changed(*node, changes, moments),
            EventKind::Milestone { node, milestone } => {
                let news = |mode: &str, index: u64| {
                    Row::new(&NEWS, &[node.to_string().into(), mode.into(), Cell::count(index)])
                };
                match milestone {
                    Milestone::SnapshotInstalled { index } => moments.push(("snapshot.install", news("", index.0))),
                    Milestone::ModeChanged { mode, .. } => moments.push(("mode.change", news(mode.as_str(), 0))),
                    Milestone::LogSynced { from, entries, index } => {
                        let (node, from) = (node.to_string().into(), from.to_string().into());
                        let cells = [node, from, Cell::count(*entries), Cell::count(index.0)];
                        moments.push(("log.sync", Row::new(&SYNC, &cells)));
                    }
                    _ => {} // No goal speaks of the others.
                }
                match self.votes.next(milestone, self.now) {
                    Some(failed) => {
                        moments.push(("election.fail", failed));
                        NODES
                    }
                    None => 0,
                }
            }
            EventKind::KnobChanged { .. } => NODES,
            EventKind::LogSpliced { .. }
            | EventKind::NodeStarted { .. }
            | EventKind::NodeCrashed { .. }
            | EventKind::NodeLostPower { .. }
            | EventKind::NodeStopped { .. }
            | EventKind::NodeFroze { .. }
            | EventKind::NodeUnfroze { .. }
            | EventKind::NodeFailed { .. }
            | EventKind::NodeFaultsChanged { .. }
            | EventKind::LinkChanged { .. } => NODES,
            // Nothing else changes what goals speak of.
            _ => 0,
        }
    }

    /// Keeps what was dropped; the state is the one before it, which knows the message.
    fn dropped(&mut self, event: &TraceEvent) -> Changed {
        let EventKind::FrameDropped { msg, reason } = &event.kind else { return 0 };
        let Some(flight) = self.state.flights.get(msg) else { return 0 };
        let dir = match (flight.from, flight.to) {
            (Endpoint::Client(_), _) => "request",
            (_, Endpoint::Client(_)) => "reply",
            (Endpoint::Node(_), Endpoint::Node(_)) => "peer",
        };
        let (from, to) = (flight.from.to_string().into(), flight.to.to_string().into());
        push(&mut self.drops, Row::new(&DROP, &[reason.word().into(), dir.into(), from, to, self.now.into()]));
        DROPS
    }

    fn view_changed(&mut self, node: NodeId, changes: &[ViewChange], moments: &mut Vec<Happened>) -> Changed {
        let epoch = self.state.nodes.get(&node).map_or(0, |node| node.view.epoch.0);
        let mut changed = 0;
        for change in changes {
            match change {
                ViewChange::Role(role, name) => {
                    let leads = *role == RoleKind::Leader;
                    let cells = [
                        node.to_string().into(),
                        name.as_str().into(),
                        leads.into(),
                        Cell::count(epoch),
                        self.now.into(),
                    ];
                    let row = Row::new(&ROLE, &cells);
                    if leads {
                        push(&mut self.elections, row.clone());
                        self.most_leaders = self.most_leaders.max(self.state.leaders().count());
                    }
                    moments.push(("role.change", row));
                    changed |= NODES;
                }
                ViewChange::Timer(_)
                | ViewChange::Peer(..)
                | ViewChange::WaitingFor(_)
                | ViewChange::Extra(_)
                | ViewChange::PersistedIndex(_)
                | ViewChange::FirstIndex(_)
                | ViewChange::VotedFor(_)
                | ViewChange::Votes(_)
                | ViewChange::Snapshot(_) => {}
                ViewChange::Epoch(_)
                | ViewChange::Leader(_)
                | ViewChange::CommitIndex(_)
                | ViewChange::AppliedIndex(_)
                | ViewChange::State { .. }
                | ViewChange::Members { .. }
                | ViewChange::Opinion(..)
                | ViewChange::Detector(_) => changed |= NODES,
            }
        }
        changed
    }

    /// Tells of the entries that an event erases; the state is the one before it.
    fn erased(&self, event: &TraceEvent, moments: &mut Vec<Happened>) {
        let EventKind::LogSpliced { node, from, entries } = &event.kind else { return };
        let Some(log) = self.state.nodes.get(node).map(|node| &node.log) else { return };
        let behind: Vec<_> = log.iter().filter(|(index, _)| index >= from).collect();
        let same = behind.iter().zip(entries).take_while(|((_, old), new)| *old == *new).count();
        for (index, entry) in behind.into_iter().skip(same) {
            let op = entry.op.map_or(0, |op| op.0);
            let cells = [node.to_string().into(), Cell::count(op), Cell::count(index.0), Cell::count(entry.epoch.0)];
            moments.push(("log.truncate", Row::new(&ERASED, &cells)));
        }
    }

    fn follow_quorum(&mut self, changed: &mut Changed) {
        let state = &self.state;
        self.quorum = state.nodes.keys().filter(|node| state.quorum_connected(**node)).copied().collect();
        if self.ops.with_quorum(&self.quorum) {
            *changed |= OPS;
        }
    }

    fn follow_losses(&mut self, event: &TraceEvent, changed: &mut Changed) {
        self.ledger.apply(event, &self.state);
        if *changed & (NODES | OPS) == 0 || (self.ledger.lost_so_far() == 0 && self.lost.is_empty()) {
            return;
        }
        let lost: Vec<OpId> = self.ledger.lost().map(|write| write.op).collect();
        if lost != self.lost {
            self.lost = lost;
            *changed |= LOSSES;
        }
    }

    /// Tells expressions of what changed.
    fn tell(&mut self, changed: Changed) {
        let int = |number: usize| Box::new(CelInt::from(number as i64)) as Box<dyn Val>;
        self.tell_lists(changed);
        if changed & NODES != 0 {
            let state = &self.state;
            let up = |status: &NodeStatus| *status == NodeStatus::Up;
            let alive = state.nodes.values().filter(|node| up(&node.status)).count();
            let hashes: BTreeSet<u64> = state.nodes.values().map(|node| node.view.state_hash).collect();
            let leaders = state.leaders().map(|(node, _)| Box::new(CelString::from(node.to_string())) as Box<dyn Val>);
            let leader = state.leader().map_or_else(String::new, |leader| leader.to_string());
            let told: [(&str, Box<dyn Val>); 8] = [
                ("leader", Box::new(CelString::from(leader))),
                ("leaders", Box::new(CelList::from(leaders.collect::<Vec<_>>()))),
                ("size", int(state.nodes.len())),
                ("alive", int(alive)),
                ("most_leaders", int(self.most_leaders)),
                ("agree", Box::new(CelBool::from(alive == state.nodes.len() && hashes.len() == 1))),
                ("cut_links", int(cut_pairs(state))),
                ("broken", int(state.faults.len())),
            ];
            told.into_iter().for_each(|(name, value)| self.context.add_variable_as_val(name, value));
        }
        if changed & LOSSES != 0 {
            let lost: Vec<Box<dyn Val>> = self.lost.iter().map(|op| int(op.0 as usize)).collect();
            self.context.add_variable_as_val("lost", Box::new(CelList::from(lost)));
        }
        if changed & ACTS != 0 {
            self.context.add_variable_as_val("last_act", Box::new(CelDouble::from(self.last_act)));
        }
        if changed & (NODES | TIME) != 0 {
            let steady = self.votes.steady(self.now);
            self.context.add_variable_as_val("steady", Box::new(CelDouble::from(steady)));
        }
        if changed & TIME != 0 {
            let unavailable = if self.is_tried() { self.tried } else { 0.0 };
            self.context.add_variable_as_val("slow_for", Box::new(CelDouble::from(self.views.slow_for())));
            self.context.add_variable_as_val("time", Box::new(CelDouble::from(self.now)));
            self.context.add_variable_as_val("unavailable", Box::new(CelDouble::from(unavailable)));
        }
    }

    /// Tells expressions of the lists that changed, and that they speak of.
    fn tell_lists(&mut self, changed: Changed) {
        let Wanted { nodes, views, elections, failed_elections, knobs, ops, drops, conflicts, acts } = self.wanted;
        if changed & NODES != 0 {
            if nodes {
                self.context.add_variable_as_val("nodes", list(&self.node_rows()));
            }
            if views {
                self.context.add_variable_as_val("views", list(&self.views.rows(&self.state)));
            }
            if elections {
                self.context.add_variable_as_val("elections", list(&self.elections));
            }
            if failed_elections {
                self.context.add_variable_as_val("failed_elections", list(self.votes.failed()));
            }
            if knobs {
                let knobs = self.state.knobs.iter().map(|(knob, value)| [knob.as_str().into(), value.as_str().into()]);
                let knobs: Vec<Row> = knobs.map(|cells| Row::new(&KNOB, &cells)).collect();
                self.context.add_variable_as_val("knobs", list(&knobs));
            }
        }
        if changed & OPS != 0 && ops {
            self.context.add_variable_as_val("ops", list(self.ops.rows()));
        }
        if changed & DROPS != 0 && drops {
            self.context.add_variable_as_val("drops", list(&self.drops));
        }
        if changed & LOSSES != 0 && conflicts {
            let conflicts = self.conflicts.found().map(|(key, (one, other))| {
                Row::new(&CONFLICT, &[key.to_string().into(), Cell::count(one.0), Cell::count(other.0)])
            });
            self.context.add_variable_as_val("conflicts", list(&conflicts.collect::<Vec<_>>()));
        }
        if changed & ACTS != 0 && acts {
            self.context.add_variable_as_val("acts", list(&self.done));
        }
    }

    fn node_rows(&self) -> Vec<Row> {
        let state = &self.state;
        let ahead = state.nodes.values().map(|node| node.view.applied_index.0).max().unwrap_or(0);
        let row = |(id, node): (&NodeId, &crate::trace::NodeState)| {
            let (view, up) = (&node.view, node.status == NodeStatus::Up);
            let others = || state.nodes.keys().filter(move |other| *other != id).map(|other| Endpoint::from(*other));
            let here = Endpoint::from(*id);
            Row::new(
                &NODE,
                &[
                    id.to_string().into(),
                    up.into(),
                    (node.status == NodeStatus::Frozen).into(),
                    (node.status.is_running() && view.role == RoleKind::Leader).into(),
                    view.role_name.as_str().into(),
                    Cell::count(view.epoch.0),
                    view.leader.map_or_else(String::new, |leader| leader.to_string()).into(),
                    Cell::count(node.log.last().0),
                    Cell::count(view.commit_index.0),
                    Cell::count(view.applied_index.0),
                    Cell::count(ahead - view.applied_index.0),
                    format!("{:016x}", view.state_hash).into(),
                    self.quorum.contains(id).into(),
                    Cell::count(others().filter(|other| state.linked(*other, here)).count() as u64),
                    Cell::count(others().filter(|other| state.linked(here, *other)).count() as u64),
                    is_slow(node).into(),
                    self.views.healthy(*id, node).into(),
                ],
            )
        };
        state.nodes.iter().map(row).collect()
    }
}

fn push(rows: &mut VecDeque<Row>, row: Row) {
    if rows.len() == ACTS_MAX {
        rows.pop_front();
    }
    rows.push_back(row);
}

fn list<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Box<dyn Val> {
    let rows: Vec<Box<dyn Val>> = rows.into_iter().map(|row| Box::new(row.clone()) as Box<dyn Val>).collect();
    Box::new(CelList::from(rows))
}

fn cut_pairs(state: &ClusterState) -> usize {
    let cut = state.links.iter().filter(|(_, link)| link.rules.cut).map(|(ends, _)| *ends);
    let nodes = cut.filter_map(|(from, to)| Some((from.node()?, to.node()?)));
    nodes.map(|(from, to)| (from.min(to), from.max(to))).collect::<BTreeSet<_>>().len()
}
