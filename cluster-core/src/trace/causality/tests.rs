//! The order of small runs by hand, and of long ones beside a graph that knows nothing of lanes.

use petgraph::{algo::has_path_connecting, graphmap::DiGraphMap};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::{
    event::{EventKind, Family, MessageInfo, RoleKind, TraceEvent},
    fault::DropReason,
    ids::{Endpoint, Epoch, MsgId, NodeId, Seq},
    name::Name,
    time::Timestamp,
    trace::{ClusterState, synthetic::Synthetic},
};

/// Writes a run down: who does what, and what reaches whom.
#[derive(Default)]
struct Run {
    events: Vec<TraceEvent>,
    msgs: u64,
}

impl Run {
    fn push(&mut self, cause: Option<Seq>, kind: EventKind) -> Seq {
        let seq = Seq(self.events.len() as u64);
        self.events.push(TraceEvent { seq, at: Timestamp(seq.0 * 1_000_000), cause, kind });
        seq
    }

    fn own(&mut self, node: u16) -> Seq {
        self.push(None, EventKind::TimerFired { node: NodeId(node), timer: Name::new("t") })
    }

    fn send(&mut self, from: u16, to: u16) -> (MsgId, Seq) {
        self.msgs += 1;
        let msg = MsgId(self.msgs);
        let info = MessageInfo { name: Name::new("Ping"), family: Family::Control, refuses: false };
        let (from, to) = (NodeId(from).into(), NodeId(to).into());
        let (due, payload) = (Timestamp::ZERO, bytes::Bytes::new());
        (msg, self.push(None, EventKind::FrameSent { msg, from, to, info, due, bytes: 1, payload }))
    }

    fn arrive(&mut self, (msg, sent): (MsgId, Seq)) -> Seq {
        self.push(Some(sent), EventKind::FrameDelivered { msg })
    }

    fn causality(&self) -> Causality {
        let mut causality = Causality::default();
        self.events.iter().for_each(|event| causality.push(event));
        causality
    }
}

#[test]
fn a_message_orders_what_came_before_its_sending_and_after_its_arrival() {
    let mut run = Run::default();
    let early = run.own(1);
    let other = run.own(2);
    let sent = run.send(1, 2);
    let late_at_sender = run.own(1);
    let arrived = run.arrive(sent);
    let late = run.own(2);
    let causality = run.causality();
    for (a, b, order) in [
        (early, late, Order::Before),
        (late, early, Order::After),
        (early, arrived, Order::Before),
        (other, early, Order::Concurrent),
        (late_at_sender, late, Order::Concurrent),
        (late, late_at_sender, Order::Concurrent),
        (other, late, Order::Before),
        (late, late, Order::Same),
    ] {
        assert_eq!(causality.order(a, b), Some(order), "{a} and {b}");
    }
}

#[test]
fn a_lost_message_orders_nothing_at_its_receiver_but_follows_from_its_sending() {
    let mut run = Run::default();
    let (msg, sent) = run.send(1, 2);
    let lost = run.push(Some(sent), EventKind::FrameDropped { msg, reason: DropReason::Cut });
    let later = run.own(2);
    let sender_later = run.own(1);
    let causality = run.causality();
    assert_eq!(causality.order(sent, lost), Some(Order::Before));
    assert_eq!(causality.order(lost, sent), Some(Order::After));
    assert_eq!(causality.order(sent, later), Some(Order::Concurrent));
    assert_eq!(causality.order(lost, later), Some(Order::Concurrent));
    assert_eq!(causality.order(lost, sender_later), Some(Order::Concurrent));
}

#[test]
fn the_chain_between_two_events_is_the_one_with_the_fewest_messages() {
    let mut run = Run::default();
    let first = run.own(1);
    let (to_two, to_three) = (run.send(1, 2), run.send(1, 3));
    let at_two = run.arrive(to_two);
    let on = run.send(2, 3);
    let slow = run.arrive(on);
    let quick = run.arrive(to_three);
    let last = run.own(3);
    let causality = run.causality();
    let chain = causality.chain(first, last).expect("there is a way");
    assert_eq!((chain.hops, chain.events), (1, vec![first, to_three.1, quick, last]));
    let chain = causality.chain(first, slow).expect("there is a way");
    assert_eq!((chain.hops, chain.events), (2, vec![first, to_two.1, at_two, on.1, slow]));
    assert_eq!(causality.chain(last, first), Err(ChainError::NotBefore));
}

#[test]
fn the_order_of_a_long_run_is_that_of_a_graph_of_all_its_edges() {
    let mut synthetic = Synthetic::new(5, 7);
    let mut events = Vec::new();
    while events.len() < 1500 {
        // Its causes are of no use here: each event names the one before it.
        events.extend(synthetic.batch().into_iter().map(only_true_cause));
    }
    let mut sent = std::collections::BTreeMap::new();
    for event in &mut events {
        match event.kind {
            EventKind::FrameSent { msg, .. } => drop(sent.insert(msg, event.seq)),
            EventKind::FrameDelivered { msg } | EventKind::FrameDropped { msg, .. } => {
                event.cause = sent.get(&msg).copied();
            }
            _ => {}
        }
    }
    let mut causality = Causality::default();
    let mut graph = DiGraphMap::<Seq, ()>::new();
    let mut latest = std::collections::BTreeMap::new();
    for event in &events {
        causality.push(event);
        graph.add_node(event.seq);
        if let Some(cause) = event.cause {
            graph.add_edge(cause, event.seq, ());
        }
        if let Some(lane) = causality.lane(event.seq)
            && let Some(before) = latest.insert(lane, event.seq)
        {
            graph.add_edge(before, event.seq, ());
        }
    }
    let seed = 11;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for _ in 0..400 {
        let mut pick = || Seq(rng.random_range(0..events.len() as u64));
        let (a, b) = (pick(), pick());
        let order = match (a == b, has_path_connecting(&graph, a, b, None), has_path_connecting(&graph, b, a, None)) {
            (true, ..) => Order::Same,
            (_, true, _) => Order::Before,
            (_, _, true) => Order::After,
            _ => Order::Concurrent,
        };
        assert_eq!(causality.order(a, b), Some(order), "{a} and {b}, seed {seed}");
        assert_eq!(causality.chain(a, b).is_ok(), order == Order::Before, "{a} to {b}, seed {seed}");
    }
}

fn only_true_cause(event: TraceEvent) -> TraceEvent {
    TraceEvent { cause: None, ..event }
}

#[test]
fn of_a_run_that_is_too_long_the_latest_events_are_known() {
    let mut run = Run::default();
    for _ in 0..300 {
        run.own(1);
    }
    let mut causality = Causality::default();
    causality.keep_only(100);
    run.events.iter().for_each(|event| causality.push(event));
    assert!(causality.start() >= Seq(190) && causality.end() == Seq(300));
    assert_eq!(causality.order(Seq(10), Seq(299)), None);
    assert_eq!(causality.order(Seq(250), Seq(299)), Some(Order::Before));
}

#[test]
fn lives_tell_at_every_moment_what_the_state_tells() {
    let mut synthetic = Synthetic::new(3, 5);
    let mut state = ClusterState::default();
    let mut causality = Causality::default();
    for _ in 0..400 {
        for event in synthetic.batch() {
            state.apply(&event);
            causality.push(&event);
        }
        for (node, known) in &state.nodes {
            let life = causality.lives().of(Endpoint::from(*node)).last().map(|span| span.life);
            let told = match known.status {
                crate::trace::NodeStatus::Up => Life::Up(known.view.role, known.view.epoch),
                crate::trace::NodeStatus::Frozen => Life::Frozen,
                _ => Life::Down, // Whatever else it is, it does not run.
            };
            assert_eq!(life, Some(told), "{node}");
        }
    }
    let spans = causality.lives().of(NodeId(1).into());
    assert!(spans.iter().any(|span| matches!(span.life, Life::Up(RoleKind::Leader, Epoch(1)))));
    let (from, to) = (spans[1].from, spans[2].from);
    assert_eq!(causality.lives().within(NodeId(1).into(), from, to).first().map(|span| span.from), Some(from));
}
