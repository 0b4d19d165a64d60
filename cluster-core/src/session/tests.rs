//! A live session from its first event to the last thread.

mod doors;

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Instant,
};

use super::*;
use crate::{
    event::{EventKind, Milestone, Outcome},
    fault::{ByHand, Checksum, Corrupt, DropReason, Fault, FaultKind, LinkFault, Times, Trap},
    ids::{ClientId, Endpoint, NodeId},
    name::Name,
    request::Request,
    spec::{ClientSpec, Load},
    time::TimingProfile,
    trace::Recording as RecordingFile,
};

/// No test waits longer for anything.
const DEADLINE: Duration = Duration::from_secs(20);

/// A session and all events that were taken from it.
pub(super) struct Watched {
    session: Session,
    events: Vec<TraceEvent>,
    /// How many of them were looked at.
    seen: usize,
}

impl Watched {
    pub(super) fn three() -> Self {
        Self::start(three_nodes(), SessionOptions::default())
    }

    fn start(spec: ClusterSpec, options: SessionOptions) -> Self {
        Self::of(Session::live(spec, options).expect("a session"))
    }

    pub(super) fn of(session: Session) -> Self {
        Self { session, events: Vec::new(), seen: 0 }
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    pub(super) fn finish(self) {
        self.session.finish().expect("a good end");
    }

    pub(super) fn ask(&self, command: Command) {
        assert!(self.session.send(Author::Script, command));
    }

    /// Waits for an event, from where the last wait ended.
    pub(super) fn wait<T>(&mut self, what: &str, mut wanted: impl FnMut(&EventKind) -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        loop {
            while let Some(event) = self.events.get(self.seen) {
                self.seen += 1;
                if let Some(found) = wanted(&event.kind) {
                    return found;
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.session.recv_batch(left) {
                Next::Batch(batch) => self.events.extend(batch),
                Next::Nothing | Next::Ended => panic!("waited in vain for {what}"),
            }
        }
    }

    pub(super) fn wait_leader(&mut self) -> NodeId {
        self.wait("a leader", |kind| match kind {
            EventKind::Milestone { node, milestone: Milestone::LeaderElected { .. } } => Some(*node),
            _ => None,
        })
    }

    pub(super) fn put(&mut self, node: NodeId, key: &str) {
        let value = "value".into();
        self.ask(Command::Submit { node, request: Request::Put { key: key.into(), value } });
        self.wait("an acknowledged put", |kind| match kind {
            EventKind::OpReturned { outcome: Outcome::Written { .. }, .. } => Some(()),
            _ => None,
        });
    }

    fn ports(&self) -> Vec<u16> {
        let port = |event: &TraceEvent| match event.kind {
            EventKind::NodeStarted { port, .. } => Some(port),
            _ => None,
        };
        self.events.iter().filter_map(port).collect()
    }
}

fn three_nodes() -> ClusterSpec {
    ClusterSpec {
        nodes: (1..=3).map(NodeId).collect(),
        profile: TimingProfile::Fast,
        clients: Vec::new(),
        ..ClusterSpec::default()
    }
}

#[test]
fn a_crashed_leader_is_followed_by_another_and_comes_back_live() {
    let mut cluster = Watched::start(three_nodes(), SessionOptions::default());
    let leader = cluster.wait_leader();
    cluster.put(leader, "before");
    cluster.ask(Command::Inject(vec![Fault::Crash(leader)]));
    let next = cluster.wait_leader();
    assert_ne!(next, leader);
    cluster.put(next, "while it is down");
    cluster.ask(Command::Restart(leader));
    cluster.wait("the entry in the log of the restarted node", |kind| match kind {
        EventKind::LogSpliced { node, entries, .. } if *node == leader && !entries.is_empty() => Some(()),
        _ => None,
    });
    cluster.session.finish().expect("a good end");
}

#[test]
fn the_end_leaves_no_port_no_data_and_a_whole_recording_live() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("run.flt");
    let options = SessionOptions { record: Some(file.clone()), ..SessionOptions::default() };
    let mut cluster = Watched::start(three_nodes(), options);
    let leader = cluster.wait_leader();
    cluster.put(leader, "key");
    let data = cluster.session.scratch.as_ref().expect("temporary data").path().to_owned();
    let ports = cluster.ports();
    assert!(data.is_dir() && ports.len() == 3);
    cluster.session.finish().expect("a good end");
    assert!(!data.exists());
    for port in ports {
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "port {port} still answers");
    }
    let mut recording = RecordingFile::open(&file).expect("a recording");
    assert_eq!((recording.torn_bytes(), recording.damage().is_none()), (0, true));
    let last = recording.blocks().len() - 1;
    let stopped = recording.read(last).expect("sound").into_iter().rev();
    assert!(stopped.take(40).any(|event| matches!(event.kind, EventKind::NodeStopped { .. })));
}

#[test]
fn a_stranger_is_turned_away_and_the_cluster_goes_on_live() {
    let mut cluster = Watched::start(three_nodes(), SessionOptions::default());
    let leader = cluster.wait_leader();
    let mut stranger = TcpStream::connect(("127.0.0.1", cluster.ports()[0])).expect("a connection");
    stranger.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("written");
    let reason = cluster.wait("the rejection", |kind| match kind {
        EventKind::FrameRejected { node: NodeId(1), reason } => Some(reason.clone()),
        _ => None,
    });
    assert!(reason.contains("stranger"), "{reason}");
    assert!(!matches!(stranger.read(&mut [0; 16]), Ok(count) if count > 0));
    cluster.put(leader, "key");
}

#[test]
fn a_paused_cluster_stands_still_and_steps_one_by_one_live() {
    let mut spec = three_nodes();
    spec.clients = vec![ClientSpec { load: Load::Closed { think: Duration::ZERO }, ..ClientSpec::default() }];
    let mut cluster = Watched::start(spec, SessionOptions::default());
    cluster.wait_leader();
    cluster.ask(Command::Pause);
    cluster.wait("the pause", |kind| matches!(kind, EventKind::ClockChanged { rate: 0.0 }).then_some(()));
    let stood = cluster.events[cluster.seen - 1].at;
    for _ in 0..20 {
        cluster.ask(Command::Step);
        cluster.wait("the step", |kind| {
            matches!(kind, EventKind::CommandIssued { command: Command::Step, .. }).then_some(())
        });
        cluster.wait("what the step did", |_| Some(()));
    }
    cluster.ask(Command::Resume);
    cluster.wait("the resumption", |kind| matches!(kind, EventKind::ClockChanged { rate: 1.0 }).then_some(()));
    let moved = cluster.events[cluster.seen - 1].at.since(stood);
    assert!(moved < Duration::from_secs(3), "{moved:?} of cluster time in 20 steps");
    cluster.wait("an acknowledged operation", |kind| match kind {
        EventKind::OpReturned { outcome, .. } if outcome.is_ok() => Some(()),
        _ => None,
    });
}

/// The same hand on real sockets: the frame has crossed its connection, and waits in front of its receiver.
#[test]
fn a_held_append_waits_and_outlives_the_crash_of_its_leader_live() {
    let mut cluster = Watched::start(three_nodes(), SessionOptions::default());
    let leader = cluster.wait_leader();
    cluster.put(leader, "before");
    let other = NodeId(if leader == NodeId(1) { 2 } else { 1 });
    let what = Some(Name::new("AppendEntries"));
    let trap = Trap { what, from: Some(leader.into()), to: Some(other.into()), times: Times::Once };
    cluster.ask(Command::Message(ByHand::SetTrap(trap)));
    cluster.put(leader, "held");
    let held = cluster.events[..cluster.seen].iter().find_map(|event| match event.kind {
        EventKind::FrameHeld { msg, by: Some(_) } => Some(msg),
        _ => None,
    });
    let msg = held.expect("the append was held");
    cluster.ask(Command::Inject(vec![Fault::Crash(leader)]));
    cluster.wait_leader();
    cluster.ask(Command::Message(ByHand::ReleaseAll));
    let end = cluster.wait("the end of the held message", |kind| match kind {
        EventKind::FrameDelivered { msg: told } | EventKind::FrameDropped { msg: told, .. } if *told == msg => {
            Some(kind.clone())
        }
        _ => None,
    });
    assert!(matches!(end, EventKind::FrameDelivered { .. }), "{end:?}");
    cluster.session.finish().expect("a good end");
}

#[test]
fn a_frozen_node_hears_nothing_and_keeps_its_connections_live() {
    let mut cluster = Watched::start(three_nodes(), SessionOptions::default());
    let leader = cluster.wait_leader();
    cluster.put(leader, "key");
    cluster.ask(Command::Inject(vec![Fault::Freeze(leader)]));
    cluster.wait("the freeze", |kind| matches!(kind, EventKind::NodeFroze { .. }).then_some(()));
    let frozen = cluster.seen;
    let next = cluster.wait_leader();
    assert_ne!(next, leader);
    let lost = |event: &TraceEvent| match event.kind {
        EventKind::ConnectionLost { from, to } => [from, to].contains(&Endpoint::Node(leader)),
        _ => false,
    };
    assert!(!cluster.events[frozen..cluster.seen].iter().any(lost));
    cluster.ask(Command::Unfreeze(leader));
    cluster.put(next, "after");
}

#[test]
fn a_taken_port_is_named_before_anything_starts_live() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = taken.local_addr().expect("its address").port();
    let options = SessionOptions { base_port: Some(port), ..SessionOptions::default() };
    let mut spec = three_nodes();
    spec.nodes = vec![NodeId(4)];
    let error = Session::live(spec, options).err().expect("the port is taken").to_string();
    assert!(error.starts_with(&format!("port {port} of n4")), "{error}");
}

#[test]
fn clients_are_served_over_their_own_connections_live() {
    let mut spec = three_nodes();
    spec.clients = (1..=3)
        .map(|id| ClientSpec {
            id: ClientId(id),
            load: Load::Closed { think: Duration::ZERO },
            ..ClientSpec::default()
        })
        .collect();
    let mut cluster = Watched::start(spec, SessionOptions::default());
    cluster.wait("a client's connection", |kind| match kind {
        EventKind::ConnectionOpened { from: Endpoint::Client(_), .. } => Some(()),
        _ => None,
    });
    cluster.wait("an acknowledged write", |kind| match kind {
        EventKind::OpReturned { outcome: Outcome::Written { .. }, .. } => Some(()),
        _ => None,
    });
}

#[test]
fn a_session_begins_with_the_test_of_its_faults_live() {
    let mut cluster = Watched::start(three_nodes(), SessionOptions::default());
    let failed = cluster.wait("the self-test", |kind| match kind {
        EventKind::FaultsTried { proofs } => Some(proofs.iter().filter(|proof| proof.outcome.is_err()).count()),
        _ => None,
    });
    assert_eq!(failed, 0);
}

#[test]
fn a_reset_loses_the_connection_and_the_next_frame_opens_another_live() {
    let mut cluster = Watched::start(three_nodes(), SessionOptions::default());
    let leader = cluster.wait_leader();
    cluster.put(leader, "before");
    let link = (Endpoint::from(leader), Endpoint::from(NodeId(if leader == NodeId(1) { 2 } else { 1 })));
    cluster.ask(Command::Inject(vec![Fault::Link(link, LinkFault::Reset)]));
    let mut wait =
        |what: &str, reached: &dyn Fn(&EventKind) -> bool| cluster.wait(what, |kind| reached(kind).then_some(()));
    wait("the reset", &|kind| matches!(kind, EventKind::ConnectionReset { from, to } if (*from, *to) == link));
    wait("its loss", &|kind| matches!(kind, EventKind::ConnectionLost { from, to } if (*from, *to) == link));
    wait("another one", &|kind| matches!(kind, EventKind::ConnectionOpened { from, to } if (*from, *to) == link));
}

#[test]
fn a_half_open_connection_stands_until_its_sender_finds_out_live() {
    let mut cluster = Watched::start(three_nodes(), SessionOptions::default());
    let leader = cluster.wait_leader();
    cluster.put(leader, "before");
    let link = (Endpoint::from(leader), Endpoint::from(NodeId(if leader == NodeId(1) { 2 } else { 1 })));
    cluster.ask(Command::Inject(vec![Fault::Link(link, LinkFault::HalfOpen(Duration::from_millis(300)))]));
    let mut wait =
        |what: &str, reached: &dyn Fn(&EventKind) -> bool| cluster.wait(what, |kind| reached(kind).then_some(()));
    wait("the break", &|kind| matches!(kind, EventKind::ConnectionHalfOpened { by: FaultKind::HalfOpen, .. }));
    wait("a frame that vanished", &|kind| matches!(kind, EventKind::FrameDropped { reason: DropReason::HalfOpen, .. }));
    wait("the end", &|kind| matches!(kind, EventKind::ConnectionLost { from, to } if (*from, *to) == link));
    wait("another one", &|kind| matches!(kind, EventKind::ConnectionOpened { from, to } if (*from, *to) == link));
}

#[test]
fn a_damaged_frame_is_caught_and_its_connection_goes_on_live() {
    let mut cluster = Watched::start(three_nodes(), SessionOptions::default());
    let leader = cluster.wait_leader();
    cluster.put(leader, "before");
    let link = (Endpoint::from(leader), Endpoint::from(NodeId(if leader == NodeId(1) { 2 } else { 1 })));
    let damage = LinkFault::Corrupt(Corrupt { share: 0.5, checksum: Checksum::On });
    cluster.ask(Command::Inject(vec![Fault::Link(link, damage)]));
    for _ in 0..3 {
        cluster.wait("a frame that was caught", |kind| match kind {
            EventKind::FrameDropped { reason: DropReason::Corrupt, .. } => Some(()),
            _ => None,
        });
    }
    cluster.put(leader, "meanwhile");
    let broke = |kind: &EventKind| matches!(kind, EventKind::ConnectionLost { from, to } if (*from, *to) == link);
    assert!(!cluster.events.iter().any(|event| broke(&event.kind)));
}
