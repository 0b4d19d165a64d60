//! Clients from outside, over real sockets: served, seen, and turned away.

use super::*;
use crate::live::DoorPorts;

/// A client with a socket of its own.
struct Caller(TcpStream);

impl Caller {
    fn dial(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
        Self(stream)
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("written");
    }

    /// Hears exactly that.
    fn hear(&mut self, wanted: &str) {
        let mut heard = vec![0; wanted.len()];
        self.0.read_exact(&mut heard).expect("an answer");
        assert_eq!(String::from_utf8_lossy(&heard), wanted);
    }

    fn hears_the_end(&mut self) -> bool {
        let mut rest = Vec::new();
        // A reset is an end as well; a deadline is none.
        match self.0.read_to_end(&mut rest) {
            Ok(_) => true,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

impl Watched {
    /// Returns the door of a node, as last opened.
    fn door(&self, node: NodeId) -> u16 {
        let port = |event: &TraceEvent| match event.kind {
            EventKind::DoorOpened { node: at, port, .. } if at == node => Some(port),
            _ => None,
        };
        self.events.iter().rev().find_map(port).expect("each node has a door")
    }

    /// Returns the leader, once it follows its own term: what it says to clients is then the same as what is true.
    fn settled(spec: ClusterSpec) -> (Self, NodeId) {
        let mut cluster = Self::start(spec, SessionOptions::default());
        let leader = cluster.wait_leader();
        cluster.put(leader, "first");
        (cluster, leader)
    }

    fn wait_visitor(&mut self) -> ClientId {
        self.wait("a visitor", |kind| match kind {
            EventKind::VisitorCame { client, .. } => Some(*client),
            _ => None,
        })
    }

    fn wait_rejection(&mut self) -> String {
        self.wait("a rejection", |kind| match kind {
            EventKind::FrameRejected { reason, .. } => Some(reason.clone()),
            _ => None,
        })
    }
}

#[test]
fn what_a_redis_client_does_is_an_operation_like_any_other_live() {
    let (mut cluster, leader) = Watched::settled(three_nodes());
    let mut caller = Caller::dial(cluster.door(leader));
    caller.send(b"SET n 41\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\nGET n\r\nPING\r\nMGET n no\r\n");
    caller.hear("+OK\r\n:42\r\n$2\r\n42\r\n+PONG\r\n*2\r\n$2\r\n42\r\n$-1\r\n");
    let client = cluster.wait_visitor();
    assert!(client.is_visitor());
    let op = cluster.wait("its operation", |kind| match kind {
        EventKind::OpInvoked { op, client: by, request: Request::Increment { .. } } if *by == client => Some(*op),
        _ => None,
    });
    cluster.wait("its result", |kind| match kind {
        EventKind::OpReturned { op: of, outcome: Outcome::Answered { .. }, .. } if *of == op => Some(()),
        _ => None,
    });
    drop(caller);
    cluster.wait("its leaving", |kind| (*kind == EventKind::VisitorLeft { client }).then_some(()));
}

#[test]
fn a_follower_sends_clients_to_the_leader_live() {
    let (mut cluster, leader) = Watched::settled(three_nodes());
    let follower = (1..=3).map(NodeId).find(|node| *node != leader).expect("three nodes");
    cluster.wait("the follower's belief", |kind| match kind {
        EventKind::ViewChanged { node, changes } if *node == follower => Some(changes.len()),
        _ => None,
    });
    let mut caller = Caller::dial(cluster.door(follower));
    caller.send(b"SET foo 1\r\n");
    caller.hear(&format!("-MOVED 12182 127.0.0.1:{}\r\n", cluster.door(leader)));
}

#[test]
fn a_crash_resets_the_clients_of_a_node_and_a_frozen_one_answers_nothing_live() {
    let (mut cluster, leader) = Watched::settled(three_nodes());
    let mut caller = Caller::dial(cluster.door(leader));
    caller.send(b"SET a 1\r\n");
    caller.hear("+OK\r\n");
    let client = cluster.wait_visitor();
    cluster.ask(Command::Inject(vec![Fault::Freeze(leader)]));
    cluster.wait("the freeze", |kind| (*kind == EventKind::NodeFroze { node: leader }).then_some(()));
    caller.send(b"SET a 2\r\n");
    caller.0.set_read_timeout(Some(Duration::from_millis(1))).expect("a deadline");
    assert!(caller.0.read(&mut [0; 8]).is_err());
    caller.0.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    cluster.ask(Command::Inject(vec![Fault::Crash(leader)]));
    cluster.wait("its leaving", |kind| (*kind == EventKind::VisitorLeft { client }).then_some(()));
    assert!(caller.hears_the_end());
    assert!(TcpStream::connect(("127.0.0.1", cluster.door(leader))).is_err());
    // What was acknowledged is there at the next leader, at the same key.
    let next = cluster.wait_leader();
    cluster.put(next, "after");
    let mut caller = Caller::dial(cluster.door(next));
    caller.send(b"GET a\r\n");
    caller.hear("$1\r\n1\r\n");
}

#[test]
fn a_client_that_leaves_hears_no_answer_to_what_is_open_live() {
    let (mut cluster, leader) = Watched::settled(three_nodes());
    // Alone, a leader can commit nothing.
    let rest = (1..=3).map(NodeId).filter(|node| *node != leader).map(Endpoint::from).collect();
    cluster.ask(Command::Inject(vec![Fault::Partition(vec![vec![leader.into()], rest])]));
    cluster.wait("the cut", |kind| matches!(kind, EventKind::LinkChanged { .. }).then_some(()));
    let mut caller = Caller::dial(cluster.door(leader));
    caller.send(b"SET a 1\r\n");
    let op = cluster.wait("its operation", |kind| match kind {
        EventKind::OpInvoked { op, client, .. } if client.is_visitor() => Some(*op),
        _ => None,
    });
    drop(caller);
    let outcome = cluster.wait("its end", |kind| match kind {
        EventKind::OpReturned { op: of, outcome, .. } if *of == op => Some(outcome.clone()),
        _ => None,
    });
    assert_eq!(outcome, Outcome::NoAnswer);
}

#[test]
fn hostile_bytes_at_a_door_are_refused_and_the_cluster_goes_on_live() {
    let (mut cluster, leader) = Watched::settled(three_nodes());
    let door = cluster.door(leader);
    let cases: [(&[u8], &str); 5] = [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP"),
        (b"\x16\x03\x01\x02\x00\x01", "binary data"),
        (b"*1\r\n$999999999\r\n", "invalid bulk length"),
        (b"*1000000\r\n", "invalid multibulk length"),
        (b"*1\r\n+PING\r\n", "expected '$'"),
    ];
    for (bytes, why) in cases {
        let mut caller = Caller::dial(door);
        caller.send(bytes);
        assert!(caller.hears_the_end(), "{why}");
        let reason = cluster.wait_rejection();
        assert!(reason.contains(why), "{reason}");
    }
    // Half of a command, and a dialer that never listens, keep nobody else from being served.
    let mut half = Caller::dial(door);
    half.send(b"*3\r\n$3\r\nSET\r\n$1000000\r\nxxx");
    let mut deaf = Caller::dial(door);
    deaf.send("GET first\r\n".repeat(2000).as_bytes());
    let mut caller = Caller::dial(door);
    caller.send(b"GET first\r\n");
    caller.hear("$5\r\nvalue\r\n");
    cluster.put(leader, "key");
}

#[test]
fn connections_beyond_the_most_are_turned_away_and_the_others_served_live() {
    let (mut cluster, leader) = Watched::settled(three_nodes());
    let door = cluster.door(leader);
    let mut first = Caller::dial(door);
    first.send(b"PING\r\n");
    first.hear("+PONG\r\n");
    let crowd: Vec<Caller> = (0..2048).map(|_| Caller::dial(door)).collect();
    let reason = cluster.wait_rejection();
    assert!(reason.contains("beyond the 2048"), "{reason}");
    let last = crowd.into_iter().next_back().map(|mut last| last.hears_the_end());
    assert_eq!(last, Some(true));
    first.send(b"GET first\r\n");
    first.hear("$5\r\nvalue\r\n");
    cluster.put(leader, "key");
}

#[test]
fn a_door_that_is_taken_is_named_before_anything_starts_live() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = taken.local_addr().expect("its address").port();
    let options = SessionOptions { doors: DoorPorts::From(port), ..SessionOptions::default() };
    let error = Session::live(three_nodes(), options).err().expect("the port is taken").to_string();
    assert!(error.starts_with(&format!("port {port} of n1")), "{error}");
    let (base_port, doors) = (Some(20_000), DoorPorts::From(20_002));
    let options = SessionOptions { base_port, doors, ..SessionOptions::default() };
    let error = Session::live(three_nodes(), options).err().expect("they overlap").to_string();
    assert!(error.contains("overlap"), "{error}");
}

#[test]
fn numbers_for_dashboards_are_given_to_who_asks_and_only_then_live() {
    let options = SessionOptions { metrics_port: Some(0), ..SessionOptions::default() };
    let mut cluster = Watched::start(three_nodes(), options);
    let leader = cluster.wait_leader();
    cluster.put(leader, "key");
    let port = cluster.session.metrics_port().expect("it was asked for");
    let mut caller = Caller::dial(port);
    caller.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut page = String::new();
    caller.0.read_to_string(&mut page).expect("a page");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0"), "{page}");
    assert!(page.contains("faultline_operations_total{kind=\"write\",outcome=\"ok\"} 1\n"), "{page}");
    assert!(page.ends_with("# EOF\n"), "{page}");
    cluster.session.finish().expect("a good end");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}
