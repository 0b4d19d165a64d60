//! A run made by hand, and a stage on which one view is shown.

use std::cell::RefCell;

use bytes_of::payload;
use cluster_core::{
    command::{Author, Command},
    event::{
        EntryBrief, EntryKind, EventKind, Family, MessageInfo, Milestone, Outcome, RoleKind, TraceEvent, ViewChange,
    },
    fault::{Fault, LinkRules},
    ids::{ClientId, Endpoint, Epoch, LogIndex, MsgId, NodeId, OpId, Seq},
    name::Name,
    request::Request,
    spec::ClusterSpec,
    time::Timestamp,
    trace::{ClusterState, TraceStore},
};
use faultline::{
    action::{Action, Selection},
    ctx::ViewCtx,
    playback::Cursor,
    theme::Theme,
    views::{VIEWS, View},
};

mod bytes_of {
    /// Returns an empty payload, whatever its type is called.
    pub(super) fn payload<T: Default>() -> T {
        T::default()
    }
}

/// Collects events in order.
#[derive(Default)]
pub(crate) struct Run {
    events: Vec<TraceEvent>,
}

impl Run {
    /// Adds an event and returns its number.
    pub(crate) fn at(&mut self, secs: f64, cause: Option<Seq>, kind: EventKind) -> Seq {
        let seq = Seq(self.events.len() as u64);
        self.events.push(TraceEvent { seq, at: Timestamp::from_secs_f64(secs), cause, kind });
        seq
    }

    /// Returns the run as a store.
    pub(crate) fn store(self, nodes: u16) -> TraceStore {
        let mut store = TraceStore::new(ClusterSpec { nodes: (1..=nodes).map(NodeId).collect(), ..Default::default() });
        store.append(self.events);
        store
    }
}

/// A run of half a minute: n1 leads, clients write, n3 crashes at 8 s and is back at 14 s, n2 is cut off from 17 to 23 s.
pub(crate) fn half_a_minute(nodes: u16) -> TraceStore {
    let mut run = Run::default();
    for node in (1..=nodes).map(NodeId) {
        run.at(0.0, None, EventKind::NodeStarted { node, incarnation: 0, port: 0 });
    }
    let n1 = NodeId(1);
    let campaign = Milestone::ElectionStarted { epoch: Epoch(1) };
    run.at(0.7, None, EventKind::Milestone { node: n1, milestone: campaign });
    run.at(0.8, None, EventKind::Milestone { node: n1, milestone: Milestone::LeaderElected { epoch: Epoch(1) } });
    let role = ViewChange::Role(RoleKind::Leader, Name::new("leader"));
    run.at(0.8, None, EventKind::ViewChanged { node: n1, changes: vec![role, ViewChange::Epoch(Epoch(1))] });
    for tenth in 10..300_u64 {
        let secs = tenth as f64 / 10.0;
        faults(&mut run, tenth, secs, nodes);
        operation(&mut run, tenth, secs, nodes);
    }
    run.store(nodes)
}

fn down(node: u16, tenth: u64) -> bool {
    node == 3 && (80..140).contains(&tenth) || node == 2 && (170..230).contains(&tenth)
}

fn faults(run: &mut Run, tenth: u64, secs: f64, nodes: u16) {
    let n3 = NodeId(3);
    match tenth {
        80 => {
            let command = Command::Inject(vec![Fault::Crash(n3)]);
            let cause = run.at(secs, None, EventKind::CommandIssued { by: Author::User, command });
            run.at(secs, Some(cause), EventKind::NodeCrashed { node: n3 });
        }
        140 => {
            run.at(secs, None, EventKind::NodeStarted { node: n3, incarnation: 1, port: 0 });
        }
        170 | 230 => {
            let rules = Box::new(LinkRules { cut: tenth == 170, ..LinkRules::default() });
            let n2 = Endpoint::Node(NodeId(2));
            for other in (1..=nodes).map(NodeId).map(Endpoint::Node).filter(|other| *other != n2) {
                run.at(secs, None, EventKind::LinkChanged { from: n2, to: other, rules: rules.clone() });
                run.at(secs, None, EventKind::LinkChanged { from: other, to: n2, rules: rules.clone() });
            }
        }
        _ => {}
    }
}

fn operation(run: &mut Run, tenth: u64, secs: f64, nodes: u16) {
    let (op, client) = (OpId(tenth), ClientId(1));
    let request = Request::Put { key: format!("k{}", tenth % 8).into(), value: tenth.to_string().into() };
    let invoked = run.at(secs, None, EventKind::OpInvoked { op, client, request });
    let entry = EntryBrief { epoch: Epoch(1), op: Some(op), kind: EntryKind::Put, bytes: 32 };
    let index = LogIndex(tenth - 9);
    let leader = NodeId(1);
    run.at(secs, Some(invoked), EventKind::LogSpliced { node: leader, from: index, entries: vec![entry] });
    for node in (2..=nodes).filter(|node| !down(*node, tenth)).map(NodeId) {
        let msg = MsgId(tenth * 1000 + u64::from(node.0));
        let info = MessageInfo { name: Name::new("AppendEntries"), family: Family::Append, refuses: false };
        let (from, to) = (leader.into(), node.into());
        let due = Timestamp::from_secs_f64(secs + 0.04);
        let sent = EventKind::FrameSent { msg, from, to, info, due, bytes: 212, payload: payload() };
        let sent = run.at(secs + 0.01, Some(invoked), sent);
        run.at(secs + 0.04, Some(sent), EventKind::FrameDelivered { msg });
        let back = node.0 == 3 && tenth == 140 || node.0 == 2 && tenth == 230;
        let (from, count) = if back { (LogIndex(1), index.0 as usize) } else { (index, 1) };
        run.at(secs + 0.04, Some(sent), EventKind::LogSpliced { node, from, entries: vec![entry; count] });
    }
    let outcome = match tenth {
        80..90 => Outcome::NoAnswer,
        _ => Outcome::Written { at: index },
    };
    run.at(secs + 0.08, Some(invoked), EventKind::OpReturned { op, outcome, node: Some(leader) });
}

/// One view, what it is shown, and what it asked for.
pub(crate) struct Stage {
    /// The view.
    pub(crate) view: Box<dyn View>,
    /// The run.
    pub(crate) store: TraceStore,
    /// The cluster at the cursor.
    pub(crate) state: ClusterState,
    /// The cursor.
    pub(crate) cursor: Cursor,
    /// What is selected.
    pub(crate) selection: Selection,
    /// The looks.
    pub(crate) theme: Theme,
    /// Whether there is a cluster.
    pub(crate) commandable: bool,
    /// What the view asked for.
    pub(crate) actions: RefCell<Vec<Action>>,
}

impl Stage {
    /// Shows a view at the end of a run.
    pub(crate) fn new(id: &str, store: TraceStore, theme: Theme) -> Self {
        let row = VIEWS.iter().find(|row| row.id == id).unwrap_or_else(|| panic!("no view {id}"));
        let (state, at, next) = (store.latest().clone(), store.end(), store.len());
        let cursor = Cursor { live: true, next, at, ..Cursor::default() };
        let (selection, actions) = (Selection::Nothing, RefCell::default());
        Self { view: (row.make)(), store, state, cursor, selection, theme, commandable: true, actions }
    }

    /// Moves the cursor.
    pub(crate) fn seek(&mut self, secs: f64) {
        let at = Timestamp::from_secs_f64(secs);
        let next = self.store.seq_at(at);
        self.state = self.store.state_at(next);
        self.cursor = Cursor { live: false, next, at, ..self.cursor };
    }

    /// Lays the view out and carries out what can be without an app.
    pub(crate) fn ui(&mut self, ui: &mut egui::Ui) {
        let mut ctx = ViewCtx::new(&self.store, &self.state, self.cursor, &self.selection, &self.theme, &self.actions);
        ctx.commandable = self.commandable;
        self.view.ui(ui, &ctx);
        if let Some(Action::Select(selection)) = self.actions.borrow().last() {
            self.selection = selection.clone();
        }
    }

    /// Returns whether the view asked for this.
    pub(crate) fn asked(&self, action: &Action) -> bool {
        self.actions.borrow().contains(action)
    }
}
