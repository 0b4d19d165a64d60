//! Whole conversations, without a socket.

use std::collections::BTreeMap;

use super::{Belief, Did, Talk};
use crate::{
    event::{NodeView, RoleKind},
    ids::{ClientId, Epoch, LogIndex, NodeId, OpId},
    name::Name,
    request::{Answer, Refusal, Request, Response},
};

/// A conversation with node 1 of three, which follows node 2.
struct Bench {
    talk: Talk,
    view: NodeView,
    doors: BTreeMap<NodeId, u16>,
    next: u64,
}

impl Bench {
    fn new() -> Self {
        let view = NodeView {
            leader: Some(NodeId(2)),
            epoch: Epoch(7),
            voters: (1..=3).map(NodeId).collect(),
            role_name: Name::new("follower"),
            ..NodeView::default()
        };
        let doors = (1..=3).map(|n| (NodeId(n), 7100 + n)).collect();
        Self { talk: Talk::default(), view, doors, next: 1 }
    }

    /// Says something; returns what is asked of the cluster, with the numbers that this got.
    fn say(&mut self, text: &str) -> Vec<(OpId, Request)> {
        self.talk.feed(text.as_bytes());
        let mut asked = Vec::new();
        while self.talk.read().expect("a command") {
            let (client, me) = (ClientId(10_000), NodeId(1));
            let (view, doors) = (&self.view, &self.doors);
            let belief = Belief { me, view, protocol: "raft", doors, connections: 1, client, client_port: 5 };
            if let Did::Ask(request) = self.talk.obey(&belief) {
                let op = OpId(self.next);
                self.next += 1;
                self.talk.asked(op);
                asked.push((op, request));
            }
        }
        asked
    }

    fn answer(&mut self, op: OpId, response: Response) {
        self.talk.answer(op, response, |node| self.doors.get(&node).copied());
    }

    /// Returns what was said since the last time.
    fn heard(&mut self) -> String {
        let heard = String::from_utf8_lossy(self.talk.out()).into_owned();
        self.talk.wrote(heard.len());
        heard
    }

    fn told(&mut self, text: &str) -> String {
        assert_eq!(self.say(&format!("{text}\r\n")), []);
        self.heard()
    }
}

const AT: LogIndex = LogIndex(3);

#[test]
fn answers_come_in_the_order_of_the_commands_whatever_the_order_of_the_results() {
    let mut bench = Bench::new();
    let asked = bench.say("get a\r\nping\r\nset a 1\r\necho x\r\nincr n\r\n");
    let ops: Vec<OpId> = asked.iter().map(|(op, _)| *op).collect();
    bench.answer(ops[2], Response::Answer { answer: Answer::Number(1), at: AT });
    bench.answer(ops[1], Response::Written { at: AT });
    assert_eq!(bench.heard(), "");
    bench.answer(ops[0], Response::Value { value: None, at: AT });
    assert_eq!(bench.heard(), "$-1\r\n+PONG\r\n+OK\r\n$1\r\nx\r\n:1\r\n");
}

#[test]
fn a_follower_points_to_the_leader_and_says_if_it_knows_none() {
    let mut bench = Bench::new();
    let op = bench.say("set foo 1\r\n")[0].0;
    bench.answer(op, Response::Refused(Refusal::NotLeader { leader: Some(NodeId(2)) }));
    assert_eq!(bench.heard(), "-MOVED 12182 127.0.0.1:7102\r\n");
    let op = bench.say("get foo\r\n")[0].0;
    bench.answer(op, Response::Refused(Refusal::NotLeader { leader: None }));
    assert_eq!(bench.heard(), "-CLUSTERDOWN this node knows no leader\r\n");
}

/// Without it, a client would take an unknown result for a failure and write again.
#[test]
fn an_unknown_result_is_no_failure() {
    let mut bench = Bench::new();
    let op = bench.say("incr n\r\n")[0].0;
    bench.answer(op, Response::Unknown { why: Name::new("leadership was lost") });
    assert_eq!(bench.heard(), "-NOANSWER it may or may not take effect: leadership was lost\r\n");
}

#[test]
fn the_cluster_is_told_as_the_node_believes_it_to_be() {
    let mut bench = Bench::new();
    let id = |node: u16| format!("{node:040x}");
    let nodes = bench.told("cluster nodes");
    assert!(nodes.contains(&format!("{} 127.0.0.1:7102@7102 master - 0 0 7 connected 0-16383\n", id(2))), "{nodes}");
    let myself = format!("{} 127.0.0.1:7101@7101 myself,slave {} 0 0 7 connected\n", id(1), id(2));
    assert!(nodes.contains(&myself), "{nodes}");
    assert!(bench.told("cluster slots").starts_with("*1\r\n*5\r\n:0\r\n:16383\r\n*4\r\n$9\r\n127.0.0.1\r\n:7102\r\n"));
    assert_eq!(bench.told("cluster keyslot foo"), ":12182\r\n");
    assert!(bench.told("info replication").contains("role:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:7102"));

    bench.view.leader = None;
    assert_eq!(bench.told("cluster slots"), "*0\r\n");
    assert!(bench.told("cluster info").contains("cluster_state:fail"));

    (bench.view.role, bench.view.leader) = (RoleKind::Leader, Some(NodeId(1)));
    assert!(bench.told("info").contains("role:master\r\nconnected_slaves:2\r\n"));
}

#[test]
fn hello_chooses_the_version_and_refuses_passwords() {
    let mut bench = Bench::new();
    assert!(bench.told("hello").starts_with("*14\r\n$6\r\nserver\r\n"));
    assert!(bench.told("hello 3 setname me").starts_with("%7\r\n$6\r\nserver\r\n"));
    assert_eq!(bench.told("client getname"), "$2\r\nme\r\n");
    assert!(bench.told("hello 3 auth user secret").starts_with("-ERR AUTH <password> called without any password"));
    assert_eq!(bench.told("hello 4"), "-NOPROTO unsupported protocol version\r\n");
    let op = bench.say("get a\r\n")[0].0;
    bench.answer(op, Response::Value { value: None, at: AT });
    assert_eq!(bench.heard(), "_\r\n");
}

#[test]
fn what_tools_ask_first_is_answered() {
    let mut bench = Bench::new();
    assert_eq!(bench.told("config get save"), "*2\r\n$4\r\nsave\r\n$0\r\n\r\n");
    assert_eq!(bench.told("select 0"), "+OK\r\n");
    assert!(bench.told("select 1").starts_with("-ERR"));
    assert!(bench.told("command docs get").starts_with("*2\r\n$3\r\nget\r\n*6\r\n$7\r\nsummary\r\n"));
    assert_eq!(bench.told("client setname a"), "+OK\r\n");
    assert_eq!(bench.told("client id"), ":10000\r\n");
    assert!(bench.told("client kill x").starts_with("-ERR unknown subcommand 'kill'"));
}

#[test]
fn after_quit_nothing_more_is_obeyed() {
    let mut bench = Bench::new();
    assert_eq!(bench.told("quit\r\nping"), "+OK\r\n");
    assert!(bench.talk.is_closing());
}

#[test]
fn a_connection_that_does_not_read_its_answers_is_not_read_either() {
    let mut bench = Bench::new();
    let big = "x".repeat(1000);
    let commands = format!("echo {big}\r\n").repeat(3000);
    bench.talk.feed(commands.as_bytes());
    assert_eq!(bench.say(""), []);
    assert!(bench.talk.out().len() < 1_100_000 && !bench.talk.is_hungry());
    let mut heard = 0;
    while bench.talk.can_go_on() || !bench.talk.out().is_empty() {
        heard += bench.heard().len();
        assert_eq!(bench.say(""), []);
    }
    assert_eq!(heard, 3000 * 1009);
}
