//! What a client does, told step by step: no cluster, no clock.

use std::time::Duration;

use super::*;
use crate::{
    event::Outcome,
    ids::{ClientId, LogIndex, NodeId, OpId},
    name::Name,
    request::{Refusal, Request, Response},
    spec::{ClientSpec, Load, Target},
    time::Timestamp,
};

const MS: Duration = Duration::from_millis(1);
const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);

/// A client with its timers, driven by hand.
struct Bench {
    client: Client,
    ops: OpCounter,
    now: Timestamp,
    armed: Vec<(Timestamp, ClientToken)>,
}

/// A closed loop without thinking: one operation at a time, at once.
fn busy() -> ClientSpec {
    ClientSpec { load: Load::Closed { think: Duration::ZERO }, ..ClientSpec::default() }
}

impl Bench {
    fn new(spec: Option<ClientSpec>) -> Self {
        let client = Client::new(ClientId(1), spec, vec![N1, N2, N3], 7);
        Self { client, ops: OpCounter::default(), now: Timestamp::ZERO, armed: Vec::new() }
    }

    fn step(&mut self, input: ClientInput) -> Vec<ClientOutput> {
        let mut out = Vec::new();
        self.client.step(self.now, input, &mut self.ops, &mut out);
        let armed = |output: &ClientOutput| match output {
            ClientOutput::Arm { token, at } => Some((*at, *token)),
            ClientOutput::Invoke { .. } | ClientOutput::Ask { .. } | ClientOutput::Return { .. } => None,
        };
        self.armed.extend(out.iter().filter_map(armed));
        out.retain(|output| armed(output).is_none());
        out
    }

    /// Lets time pass, with the timers that come on the way.
    fn pass(&mut self, time: Duration) -> Vec<ClientOutput> {
        let end = self.now + time;
        let mut out = Vec::new();
        while let Some(at) = self
            .armed
            .iter()
            .position(|armed| armed.0 <= end && Some(armed.0) == self.armed.iter().map(|armed| armed.0).min())
        {
            let (due, token) = self.armed.remove(at);
            self.now = self.now.max(due);
            out.extend(self.step(ClientInput::Timer(token)));
        }
        self.now = end;
        out
    }

    fn reply(&mut self, from: NodeId, op: OpId, response: Response) -> Vec<ClientOutput> {
        self.step(ClientInput::Reply { from, op, response })
    }

    fn refuse(&mut self, from: NodeId, op: OpId, leader: Option<NodeId>) -> Vec<ClientOutput> {
        self.reply(from, op, Response::Refused(Refusal::NotLeader { leader }))
    }

    /// Starts the workload and has its first operation answered by n2, which it holds for the leader from then on.
    /// Returns the operation that follows, asked of n2.
    fn with_leader_n2(&mut self) -> OpId {
        let (_, op) = asked(&self.step(ClientInput::Start));
        let out = self.reply(N2, op, written());
        let (node, next) = asked(&out);
        assert_eq!(node, N2);
        next
    }
}

fn written() -> Response {
    Response::Written { at: LogIndex(1) }
}

fn asked(out: &[ClientOutput]) -> (NodeId, OpId) {
    let ask = |output: &ClientOutput| match output {
        ClientOutput::Ask { node, op, .. } => Some((*node, *op)),
        ClientOutput::Invoke { .. } | ClientOutput::Return { .. } | ClientOutput::Arm { .. } => None,
    };
    out.iter().find_map(ask).unwrap_or_else(|| panic!("nobody was asked: {out:?}"))
}

fn returned(out: &[ClientOutput]) -> Option<(OpId, &Outcome)> {
    out.iter().find_map(|output| match output {
        ClientOutput::Return { op, outcome, .. } => Some((*op, outcome)),
        ClientOutput::Invoke { .. } | ClientOutput::Ask { .. } | ClientOutput::Arm { .. } => None,
    })
}

#[test]
fn a_closed_loop_asks_the_next_when_the_answer_came_and_stays_with_the_leader() {
    let mut bench = Bench::new(Some(busy()));
    let (_, op) = asked(&bench.step(ClientInput::Start));
    let out = bench.reply(N2, op, written());
    assert_eq!(returned(&out), Some((op, &Outcome::Written { at: LogIndex(1) })));
    assert_eq!(asked(&out).0, N2);
}

#[test]
fn a_client_asks_nothing_before_it_is_started() {
    let mut bench = Bench::new(Some(busy()));
    assert_eq!(bench.step(ClientInput::Members(vec![N1])), []);
    assert_eq!(bench.pass(100 * MS), []);
}

#[test]
fn thinking_comes_between_an_answer_and_the_next_question() {
    let mut bench = Bench::new(Some(ClientSpec { load: Load::Closed { think: 30 * MS }, ..busy() }));
    let (_, op) = asked(&bench.step(ClientInput::Start));
    assert!(bench.reply(N1, op, written()).iter().all(|output| !matches!(output, ClientOutput::Ask { .. })));
    assert_eq!(bench.pass(29 * MS), []);
    asked(&bench.pass(MS));
}

#[test]
fn a_hint_is_followed_at_once_with_the_same_operation() {
    let mut bench = Bench::new(Some(busy()));
    let op = bench.with_leader_n2();
    assert_eq!(asked(&bench.refuse(N2, op, Some(N3))), (N3, op));
}

#[test]
fn hints_in_a_circle_are_not_followed_forever() {
    let mut bench = Bench::new(Some(busy()));
    let op = bench.with_leader_n2();
    bench.refuse(N2, op, Some(N3));
    bench.refuse(N3, op, Some(N2));
    bench.refuse(N2, op, Some(N3));
    assert_eq!(bench.refuse(N3, op, Some(N2)), []);
    assert_eq!(asked(&bench.pass(50 * MS)), (N2, op));
}

#[test]
fn a_refusal_without_a_hint_leads_to_another_node_after_a_moment() {
    let mut bench = Bench::new(Some(busy()));
    let op = bench.with_leader_n2();
    assert_eq!(bench.refuse(N2, op, None), []);
    let (node, again) = asked(&bench.pass(50 * MS));
    assert_eq!(again, op);
    assert_ne!(node, N2);
}

#[test]
fn silence_leads_to_another_node_and_in_the_end_to_no_answer() {
    let mut bench = Bench::new(Some(ClientSpec { retries: 1, ..busy() }));
    let op = bench.with_leader_n2();
    let out = bench.pass(Duration::from_secs(2));
    assert_eq!(asked(&out).1, op);
    assert_ne!(asked(&out).0, N2);
    assert_eq!(returned(&out), None);
    assert_eq!(returned(&bench.pass(Duration::from_secs(2))), Some((op, &Outcome::NoAnswer)));
}

#[test]
fn an_answer_that_comes_late_from_the_first_node_ends_the_operation() {
    let mut bench = Bench::new(Some(busy()));
    let op = bench.with_leader_n2();
    bench.pass(Duration::from_secs(2));
    assert_eq!(returned(&bench.reply(N2, op, written())).map(|(op, _)| op), Some(op));
}

#[test]
fn an_answer_to_an_operation_that_ended_changes_nothing() {
    let mut bench = Bench::new(Some(busy()));
    let (_, op) = asked(&bench.step(ClientInput::Start));
    bench.reply(N2, op, written());
    assert_eq!(bench.reply(N2, op, written()), []);
}

#[test]
fn an_operation_that_every_node_refused_has_certainly_failed() {
    let mut bench = Bench::new(Some(ClientSpec { retries: 0, timeout: 60 * MS, ..busy() }));
    let op = bench.with_leader_n2();
    bench.refuse(N2, op, None);
    let (node, _) = asked(&bench.pass(50 * MS));
    bench.refuse(node, op, None);
    let refusal = Refusal::NotLeader { leader: None };
    assert_eq!(returned(&bench.pass(10 * MS)), Some((op, &Outcome::Failed(refusal))));
}

#[test]
fn one_unanswered_question_among_refusals_means_that_nobody_knows() {
    let mut bench = Bench::new(Some(ClientSpec { retries: 1, ..busy() }));
    let op = bench.with_leader_n2();
    let (node, _) = asked(&bench.pass(Duration::from_secs(2)));
    let out = bench.reply(node, op, Response::Refused(Refusal::Unsupported));
    assert_eq!(returned(&out), Some((op, &Outcome::NoAnswer)));
}

#[test]
fn a_refusal_that_comes_late_settles_its_question() {
    let mut bench = Bench::new(Some(ClientSpec { retries: 1, ..busy() }));
    let op = bench.with_leader_n2();
    let (node, _) = asked(&bench.pass(Duration::from_secs(2)));
    assert_eq!(bench.refuse(N2, op, None), []);
    let out = bench.reply(node, op, Response::Refused(Refusal::Unsupported));
    assert_eq!(returned(&out), Some((op, &Outcome::Failed(Refusal::Unsupported))));
}

#[test]
fn a_node_that_gave_up_is_not_the_end_while_retries_are_left() {
    let mut bench = Bench::new(Some(ClientSpec { retries: 1, ..busy() }));
    let op = bench.with_leader_n2();
    let unknown = || Response::Unknown { why: Name::new("deposed") };
    let (node, again) = asked(&bench.reply(N2, op, unknown()));
    assert_eq!(again, op);
    assert_eq!(returned(&bench.reply(node, op, unknown())), Some((op, &Outcome::NoAnswer)));
}

#[test]
fn a_node_that_nobody_listens_at_costs_a_moment_and_no_doubt() {
    let mut bench = Bench::new(Some(ClientSpec { retries: 0, timeout: 60 * MS, ..busy() }));
    let op = bench.with_leader_n2();
    assert_eq!(bench.step(ClientInput::Unreachable { node: N2, op }), []);
    let (node, _) = asked(&bench.pass(50 * MS));
    assert_ne!(node, N2);
    bench.step(ClientInput::Unreachable { node, op });
    let out = bench.pass(10 * MS);
    assert!(matches!(returned(&out), Some((_, Outcome::Failed(Refusal::Unavailable { .. })))), "{out:?}");
}

#[test]
fn failures_at_once_do_not_make_a_closed_loop_spin() {
    let mut bench = Bench::new(Some(ClientSpec { target: Target::Fixed(N1), ..busy() }));
    let (_, op) = asked(&bench.step(ClientInput::Start));
    let out = bench.step(ClientInput::Unreachable { node: N1, op });
    assert_eq!(out.len(), 1, "{out:?}");
    asked(&bench.pass(50 * MS));
}

#[test]
fn a_client_of_one_node_follows_no_hint() {
    let mut bench = Bench::new(Some(ClientSpec { target: Target::Fixed(N1), ..busy() }));
    let (node, op) = asked(&bench.step(ClientInput::Start));
    assert_eq!(node, N1);
    let refusal = Refusal::NotLeader { leader: Some(N3) };
    assert_eq!(returned(&bench.refuse(N1, op, Some(N3))), Some((op, &Outcome::Failed(refusal))));
}

#[test]
fn reads_anywhere_go_to_the_nodes_in_turn() {
    let mut bench = Bench::new(Some(ClientSpec { target: Target::ReadAnywhere, read_share: 1.0, ..busy() }));
    let mut nodes = std::collections::BTreeSet::new();
    let (mut node, mut op) = asked(&bench.step(ClientInput::Start));
    for _ in 0..3 {
        nodes.insert(node);
        let out = bench.reply(node, op, Response::Value { value: None, at: LogIndex(0) });
        (node, op) = asked(&out);
    }
    assert_eq!(nodes.into_iter().collect::<Vec<_>>(), [N1, N2, N3]);
}

#[test]
fn an_open_loop_keeps_its_rate_whatever_becomes_of_the_operations() {
    let load = Load::Open { rate_hz: 1000.0 };
    let mut bench = Bench::new(Some(ClientSpec { load, timeout: Duration::from_secs(60), ..busy() }));
    bench.step(ClientInput::Start);
    let out = bench.pass(Duration::from_secs(4));
    let invoked = out.iter().filter(|output| matches!(output, ClientOutput::Invoke { .. })).count();
    assert!((3800..4200).contains(&invoked), "{invoked} operations in 4 s at 1000/s, seed 7");
}

#[test]
fn an_overloaded_open_loop_still_counts_what_it_could_not_ask() {
    let load = Load::Open { rate_hz: 20_000.0 };
    let mut bench = Bench::new(Some(ClientSpec { load, timeout: Duration::from_secs(60), ..busy() }));
    bench.step(ClientInput::Start);
    let out = bench.pass(Duration::from_secs(1));
    let asks = out.iter().filter(|output| matches!(output, ClientOutput::Ask { .. })).count();
    let failures = out.iter().filter(|output| matches!(output, ClientOutput::Return { .. })).count();
    assert_eq!(asks, IN_FLIGHT_MAX);
    assert!(failures > 9000, "{failures}");
}

#[test]
fn another_workload_takes_over_and_idle_ends_it() {
    let mut bench = Bench::new(Some(busy()));
    let op = bench.with_leader_n2();
    bench.step(ClientInput::Changed(ClientSpec { load: Load::Idle, ..busy() }));
    let out = bench.reply(N2, op, written());
    assert_eq!(out.len(), 1, "{out:?}");
    asked(&bench.step(ClientInput::Changed(busy())));
}

#[test]
fn by_hand_one_node_is_asked_and_no_other() {
    let mut bench = Bench::new(None);
    let (op, request) = (OpId(5), Request::Get { key: "x".into() });
    let out = bench.step(ClientInput::Submit { node: N3, op, request: request.clone() });
    assert_eq!(
        out,
        [
            ClientOutput::Invoke { op, request: request.clone() },
            ClientOutput::Ask { node: N3, op, request, after: LogIndex(0) }
        ]
    );
    let out = bench.refuse(N3, op, Some(N1));
    assert!(matches!(returned(&out), Some((_, Outcome::Failed(_)))), "{out:?}");
}

#[test]
fn by_hand_silence_ends_without_an_answer() {
    let mut bench = Bench::new(None);
    let (op, request) = (OpId(5), Request::Get { key: "x".into() });
    bench.step(ClientInput::Submit { node: N3, op, request });
    assert_eq!(bench.pass(HAND_TIMEOUT - MS), []);
    assert_eq!(returned(&bench.pass(MS)), Some((op, &Outcome::NoAnswer)));
}

#[test]
fn a_client_that_goes_leaves_no_operation_without_an_end() {
    let mut bench = Bench::new(Some(busy()));
    let op = bench.with_leader_n2();
    assert_eq!(returned(&bench.step(ClientInput::Stop)), Some((op, &Outcome::NoAnswer)));
    assert_eq!(bench.pass(Duration::from_secs(10)), []);
}

/// One alarm for each operation would fill the world's queue with alarms of operations that ended long ago.
#[test]
fn a_thousand_quick_operations_share_one_alarm() {
    let mut bench = Bench::new(Some(busy()));
    let mut op = bench.with_leader_n2();
    for _ in 0..1000 {
        op = asked(&bench.reply(N2, op, written())).1;
    }
    assert_eq!(bench.armed.len(), 1);
}
