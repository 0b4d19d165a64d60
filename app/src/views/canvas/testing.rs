//! Small clusters made by hand, for tests and for the gallery; nothing here depends on a protocol or a backend.

#![allow(unreachable_pub, dead_code, reason = "the examples include this file, and each uses its part")]

use std::time::Duration;

use cluster_core::{
    event::{EntryBrief, EntryKind, Family, MessageInfo, NodeView, Outcome, RoleKind, TimerView},
    fault::{Delay, DropReason, Loss},
    ids::{ClientId, Endpoint, Epoch, LogIndex, MsgId, NodeId, OpId, Seq},
    name::Name,
    request::Request,
    time::Timestamp,
    trace::{ClientState, ClusterState, Dropped, Flight, LinkState, LogTail, NodeState, NodeStatus, OpState},
};

/// The moment at which all of these clusters are looked at.
pub fn now() -> Timestamp {
    Timestamp(10_000_000_000)
}

fn ago(millis: u64) -> Timestamp {
    now() - Duration::from_millis(millis)
}

fn later(millis: u64) -> Timestamp {
    now() + Duration::from_millis(millis)
}

/// Makes a log whose entries were made in these epochs.
pub fn log(epochs: &[u64]) -> LogTail {
    let entry = |epoch: &u64| EntryBrief { epoch: Epoch(*epoch), op: None, kind: EntryKind::Put, bytes: 24 };
    let mut log = LogTail::default();
    log.splice(LogIndex(1), &epochs.iter().map(entry).collect::<Vec<_>>());
    log
}

/// Makes a node that runs as a follower of n1 in term 2.
pub fn follower(id: u16) -> NodeState {
    let epochs = [[1u64; 9].as_slice(), &[2; 15]].concat();
    let spread = u64::from(id) * 37 % 100;
    NodeState {
        status: NodeStatus::Up,
        since: Timestamp::ZERO,
        log: log(&epochs),
        view: NodeView {
            role: RoleKind::Follower,
            role_name: Name::new("follower"),
            epoch: Epoch(2),
            leader: Some(NodeId(1)),
            commit_index: LogIndex(22),
            applied_index: LogIndex(22),
            state_hash: 0x3fa2_9c41_77aa_0315,
            timer: Some(TimerView {
                name: Name::new("election"),
                from: ago(100 + spread),
                until: later(500 + spread * 4),
            }),
            waiting_for: "waits for the leader's next message".into(),
            ..NodeView::default()
        },
        ..NodeState::default()
    }
}

fn lead(node: &mut NodeState) {
    node.view.role = RoleKind::Leader;
    node.view.role_name = Name::new("leader");
    node.view.commit_index = LogIndex(23);
    node.view.waiting_for = "waits for a majority to store entry 24".into();
    node.view.timer = Some(TimerView { name: Name::new("heartbeat"), from: ago(60), until: later(40) });
}

/// Makes a calm cluster: n1 leads, everybody follows, two clients write, frames are under way.
pub fn steady(nodes: u16) -> ClusterState {
    let mut state = ClusterState::default();
    (state.at, state.rate) = (now(), 1.0);
    state.nodes = (1..=nodes).map(|id| (NodeId(id), follower(id))).collect();
    if let Some(leader) = state.nodes.get_mut(&NodeId(1)) {
        lead(leader);
    }
    if nodes > 2
        && let Some(behind) = state.nodes.get_mut(&NodeId(3))
    {
        behind.log = log(&[[1u64; 9].as_slice(), &[2; 13]].concat());
        behind.view.commit_index = LogIndex(20);
        behind.view.applied_index = LogIndex(20);
        behind.view.state_hash = 0x91c4_0000_1234_5678;
    }
    for id in 1..=2 {
        let last = Some((ago(300 * u64::from(id)), OpId(7), Outcome::Written { at: LogIndex(22) }));
        let client = ClientState { ok: 41 + u64::from(id), failed: u64::from(id) - 1, last, ..ClientState::default() };
        state.clients.insert(ClientId(id), client);
    }
    let request = Request::Put { key: "k1".into(), value: "v".into() };
    state.ops.insert(OpId(90), OpState { client: ClientId(1), request, invoked: ago(100) });
    for id in 2..=nodes {
        let far = 12 + u64::from(id) * 9 % 30;
        if id % 2 == 0 {
            send(&mut state, NodeId(1).into(), NodeId(id).into(), "AppendEntries", Family::Append, 180, (far, 40));
        } else {
            send(&mut state, NodeId(1).into(), NodeId(id).into(), "Heartbeat", Family::Heartbeat, 40, (far, 40));
            send(&mut state, NodeId(id).into(), NodeId(1).into(), "AppendResponse", Family::Reply, 30, (far / 2, 40));
        }
    }
    send(&mut state, ClientId(1).into(), NodeId(1).into(), "Put", Family::Client, 60, (22, 40));
    state
}

/// Puts a frame under way that was sent `sent` milliseconds ago and takes `takes`.
pub fn send(
    state: &mut ClusterState,
    from: Endpoint,
    to: Endpoint,
    name: &'static str,
    family: Family,
    bytes: u32,
    (sent, takes): (u64, u64),
) {
    let msg = MsgId(state.flights.len() as u64 + 1000);
    let info = MessageInfo { name: Name::new(name), family, refuses: false };
    let due = ago(sent) + Duration::from_millis(takes);
    state.flights.insert(msg, Flight { from, to, info, sent: ago(sent), due, bytes, seq: Seq(1) });
    let link = state.links.entry((from, to)).or_default();
    link.sent += 1;
    link.last_sent = Some(ago(sent));
}

fn dropped(state: &mut ClusterState, from: u16, to: u16, millis: u64, reason: DropReason) {
    let info = MessageInfo { name: Name::new("AppendEntries"), family: Family::Append, refuses: false };
    let (from, to) = (Endpoint::Node(NodeId(from)), Endpoint::Node(NodeId(to)));
    let (sent, due) = (ago(millis), ago(millis) + Duration::from_millis(40));
    let flight = Flight { from, to, info, sent, due, bytes: 120, seq: Seq(2) };
    let msg = MsgId(state.drops.len() as u64 + 17);
    state.drops.push_back(Dropped { msg, flight, at: ago(millis), reason });
}

fn cut(state: &mut ClusterState, from: Endpoint, to: Endpoint) {
    state.links.entry((from, to)).or_default().rules.cut = true;
}

/// Makes an election: n1 is gone, n3 has two votes of five, n4 says no.
pub fn election() -> ClusterState {
    let mut state = steady(5);
    state.flights.clear();
    state.links.values_mut().for_each(|link| *link = LinkState::default());
    for (id, node) in &mut state.nodes {
        node.view.epoch = Epoch(if matches!(id.0, 2 | 3 | 5) { 3 } else { 2 });
        node.view.voters = (1..=5).map(NodeId).collect();
    }
    if let Some(node) = state.nodes.get_mut(&NodeId(1)) {
        (node.status, node.since) = (NodeStatus::Crashed, ago(1400));
    }
    if let Some(node) = state.nodes.get_mut(&NodeId(3)) {
        node.view.role = RoleKind::Candidate;
        node.view.role_name = Name::new("candidate");
        node.view.votes = vec![NodeId(3), NodeId(2)];
        node.view.waiting_for = "waits for 1 more vote".into();
    }
    for to in [4, 5] {
        send(
            &mut state,
            NodeId(3).into(),
            NodeId(to).into(),
            "RequestVote",
            Family::Vote,
            40,
            (25 - u64::from(to), 40),
        );
    }
    send(&mut state, NodeId(4).into(), NodeId(3).into(), "RequestVoteResponse", Family::Vote, 20, (17, 40));
    if let Some(flight) = state.flights.values_mut().last() {
        flight.info.refuses = true;
    }
    dropped(&mut state, 3, 1, 500, DropReason::ReceiverDown);
    state
}

/// Makes a partition: n1 and n2 on one side, n1 believes it leads; n4 leads the other side.
pub fn partition() -> ClusterState {
    let mut state = steady(5);
    for (id, node) in &mut state.nodes {
        if id.0 > 2 {
            node.view.epoch = Epoch(3);
            node.view.leader = Some(NodeId(4));
            node.log = log(&[[1u64; 9].as_slice(), &[2; 13], &[3; 4]].concat());
            node.view.commit_index = LogIndex(25);
            node.view.applied_index = LogIndex(25);
            node.view.state_hash = 0x77d1_2222_0000_aaaa;
        }
    }
    if let Some(node) = state.nodes.get_mut(&NodeId(4)) {
        lead(node);
        node.view.commit_index = LogIndex(25);
    }
    if let Some(node) = state.nodes.get_mut(&NodeId(5)) {
        node.erased = Some((ago(500), 2));
    }
    let groups = |id: u16| id <= 2;
    for a in 1..=5 {
        for b in (1..=5).filter(|b| *b != a && groups(a) != groups(*b)) {
            cut(&mut state, NodeId(a).into(), NodeId(b).into());
        }
    }
    state.flights.retain(|_, flight| match (flight.from.node(), flight.to.node()) {
        (Some(a), Some(b)) => groups(a.0) == groups(b.0),
        (None, _) | (_, None) => true,
    });
    for (i, to) in [3, 4, 5].into_iter().enumerate() {
        dropped(&mut state, 1, to, 300 + 250 * i as u64, DropReason::Cut);
    }
    state
}

/// Makes one of everything that can be wrong: frozen, crashed, stopped, without power, cut off, slow, lossy, different.
pub fn broken() -> ClusterState {
    let mut state = steady(7);
    let status =
        [(2, NodeStatus::Frozen), (3, NodeStatus::Crashed), (4, NodeStatus::PoweredOff), (5, NodeStatus::Stopped)];
    for (id, status) in status {
        if let Some(node) = state.nodes.get_mut(&NodeId(id)) {
            (node.status, node.since) = (status, ago(900));
        }
    }
    for id in (1..=7).filter(|id| *id != 6) {
        cut(&mut state, NodeId(6).into(), NodeId(id).into());
        cut(&mut state, NodeId(id).into(), NodeId(6).into());
    }
    for queued in 0..9 {
        let sent = 900 - 90 * queued;
        send(&mut state, NodeId(1).into(), NodeId(2).into(), "Heartbeat", Family::Heartbeat, 40, (sent, 40));
    }
    let slow = Delay::constant(Duration::from_millis(250));
    state.links.entry((NodeId(1).into(), NodeId(7).into())).or_default().rules.delay = Some(slow);
    let lossy = Some(Loss { probability: 0.3 });
    state.links.entry((NodeId(7).into(), NodeId(1).into())).or_default().rules.loss = lossy;
    if let Some(node) = state.nodes.get_mut(&NodeId(7)) {
        node.view.role = RoleKind::Learner;
        node.view.role_name = Name::new("learner");
        node.view.state_hash = 0xdead_beef_0000_0001;
    }
    dropped(&mut state, 7, 1, 500, DropReason::Loss);
    dropped(&mut state, 1, 3, 350, DropReason::ReceiverDown);
    state
}

/// Makes a large cluster with that many frames under way.
pub fn busy(nodes: u16, frames: u64) -> ClusterState {
    let mut state = steady(nodes);
    for i in 0..frames {
        let (a, b) = ((i * 7 % u64::from(nodes)) as u16 + 1, (i * 13 / 5 % u64::from(nodes)) as u16 + 1);
        let family = [Family::Append, Family::Reply, Family::Heartbeat, Family::Vote][(i % 4) as usize];
        if a != b {
            let sent = i * 2_654_435_761 % 1000;
            let bytes = (20 + i % 300) as u32;
            send(&mut state, NodeId(a).into(), NodeId(b).into(), "Append", family, bytes, (sent / 10, 100));
        }
    }
    state
}
