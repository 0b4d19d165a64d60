//! What goals see of calls and of logs: how often calls were sent and took effect, which messages got lost, which logs
//! were synced.

use std::time::Duration;

use super::{
    expr::{Expr, Row, Wanted},
    sight::Sight,
};
use crate::{
    command::Command,
    fault::{Fault, Heal, LinkFault},
    ids::{ClientId, Endpoint, NodeId, Seq},
    request::Request,
    sim::Sim,
    spec::{ClientSpec, ClusterSpec, Load},
};

const SECOND: Duration = Duration::from_secs(1);

/// Calls that a server answers once the link mends, with a memory or without one; another that is answered at once.
fn sight(protocol: &str, knobs: &[(&str, &str)], cut: (Endpoint, Endpoint)) -> Sight {
    let timeout = Duration::from_millis(400);
    let client = ClientSpec { id: ClientId(1), load: Load::Idle, timeout, retries: 9, ..ClientSpec::default() };
    let knobs = knobs.iter().map(|(knob, value)| ((*knob).to_owned(), (*value).to_owned())).collect();
    let (nodes, clients) = (vec![NodeId(1)], vec![client]);
    let spec = ClusterSpec { protocol: protocol.to_owned(), knobs, nodes, clients, ..ClusterSpec::default() };
    let mut sim = Sim::start(&spec).expect("the spec is sound");
    sim.run_for(5 * SECOND);
    for key in ["well", "badly"] {
        if key == "badly" {
            sim.command(Command::Inject(vec![Fault::Link(cut, LinkFault::Cut)]));
        }
        let request = Request::Increment { key: key.into(), by: 1 };
        sim.command(Command::Ask { client: ClientId(1), request });
        sim.run_for(SECOND);
    }
    sim.command(Command::Heal(Heal::All));
    sim.run_for(5 * SECOND);
    let all = Expr::new("ops.size() + drops.size() > 0", Wanted::Truth, &[]).expect("an expression");
    let mut sight = Sight::new(&spec, &[&all]);
    for event in sim.trace().events(Seq(0)..sim.trace().len()) {
        sight.next(&event);
    }
    sight
}

fn requests() -> (Endpoint, Endpoint) {
    (ClientId(1).into(), NodeId(1).into())
}

fn replies() -> (Endpoint, Endpoint) {
    (NodeId(1).into(), ClientId(1).into())
}

fn holds(sight: &Sight, text: &str) -> bool {
    let expr = Expr::new(text, Wanted::Truth, &[]).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    expr.holds(sight.context()) == Some(true)
}

#[test]
fn attempts_are_what_the_client_sent() {
    let sight = sight("rpc", &[], requests());
    assert!(holds(&sight, r#"ops.exists(o, o.key == "badly" && o.attempts >= 2 && o.result == "ok")"#));
    assert!(holds(&sight, r#"ops.exists(o, o.key == "well" && o.attempts == 1)"#));
    assert!(!holds(&sight, r#"ops.exists(o, o.key == "well" && o.attempts >= 2)"#));
}

#[test]
fn effects_are_what_the_server_did_whatever_the_client_heard() {
    let twice = r#"ops.exists(o, o.key == "badly" && o.effects >= 2)"#;
    let once = r#"ops.all(o, o.effects == 1)"#;
    let without = sight("rpc", &[("dedup", "off")], replies());
    assert!(holds(&without, twice) && !holds(&without, once));
    assert!(holds(&without, r#"ops.exists(o, o.key == "well" && o.effects == 1)"#));
    let with = sight("rpc", &[], replies());
    assert!(holds(&with, once) && !holds(&with, twice));
    // Copies of one log are one effect.
    let replicated = sight("raft", &[], replies());
    assert!(holds(&replicated, once) && !holds(&replicated, twice));
}

#[test]
fn a_dropped_message_is_told_with_its_reason_and_its_direction() {
    let (lost_requests, lost_replies) = (sight("rpc", &[], requests()), sight("rpc", &[], replies()));
    let requests = r#"drops.exists(d, d.reason == "cut" && d.dir == "request" && d.from == "c1" && d.to == "n1")"#;
    let replies = r#"drops.exists(d, d.reason == "cut" && d.dir == "reply" && d.from == "n1" && d.at > 5.0)"#;
    assert!(holds(&lost_requests, requests) && !holds(&lost_requests, replies));
    assert!(holds(&lost_replies, replies) && !holds(&lost_replies, requests));
    assert!(!holds(&lost_replies, r#"drops.exists(d, d.reason == "loss" || d.dir == "peer")"#));
}

/// The logs that were synced among three nodes after one was cut off while others wrote, or after nothing.
fn synced(protocol: &str, cut_off: bool) -> Vec<Row> {
    let client = ClientSpec { id: ClientId(1), load: Load::Open { rate_hz: 20.0 }, ..ClientSpec::default() };
    let (nodes, clients) = ((1..=3).map(NodeId).collect(), vec![client]);
    let spec = ClusterSpec { protocol: protocol.to_owned(), nodes, clients, ..ClusterSpec::default() };
    let mut sim = Sim::start(&spec).expect("the spec is sound");
    sim.run_for(5 * SECOND);
    let before = sim.trace().len();
    let leader = sim.trace().latest().leader().expect("five seconds are enough for an election");
    let away = if leader == NodeId(1) { NodeId(2) } else { NodeId(1) };
    if cut_off {
        sim.command(Command::Inject(vec![Fault::Partition(vec![vec![away.into()]])]));
    }
    sim.run_for(3 * SECOND);
    sim.command(Command::Heal(Heal::All));
    sim.run_for(5 * SECOND);
    let mut sight = Sight::new(&spec, &[]);
    let mut synced = Vec::new();
    for event in sim.trace().events(Seq(0)..sim.trace().len()) {
        let moments = sight.next(&event).0.into_iter().filter(|(moment, _)| *moment == "log.sync");
        synced.extend(moments.filter(|_| event.seq >= before).map(|(_, row)| row));
    }
    synced
}

#[test]
fn a_log_is_synced_where_a_node_takes_entries_over_from_another_and_nowhere_else() {
    assert_eq!(synced("omni-paxos", true).len(), 1);
    assert!(synced("omni-paxos", false).is_empty());
    assert!(synced("raft", true).is_empty());
}
