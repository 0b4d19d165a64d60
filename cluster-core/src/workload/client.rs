//! One client: a pure state machine that asks, waits, follows hints, asks again and gives up.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{ClientInput, ClientOutput, ClientToken, OpCounter, generator::Generator};
use crate::{
    event::Outcome,
    ids::{ClientId, LogIndex, NodeId, OpId},
    name::Name,
    request::{Refusal, Request, Response},
    spec::{ClientSpec, Load, Target},
    time::Timestamp,
};

/// How many operations an open loop keeps under way; those beyond fail at once.
pub const IN_FLIGHT_MAX: usize = 10_000;
/// How long an operation by hand waits for its answer.
pub const HAND_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client waits before it asks another node, and a closed loop after a failure.
const BACKOFF: Duration = Duration::from_millis(50);
/// How many hints are followed at once in one attempt; stale hints can point in a circle.
const HINTS_MAX: u8 = 3;
/// How many operations of an open loop start in one step, so that a late step does not become an endless one.
const BURST_MAX: usize = 1000;

/// One client.
#[derive(Debug)]
pub struct Client {
    spec: Option<ClientSpec>,
    members: Vec<NodeId>,
    generator: Generator,
    /// Whom it believes to lead.
    leader: Option<NodeId>,
    /// The last log position that it was told of, by an acknowledged write or a read: it says so with every read, and a
    /// copy that is behind can then wait (session guarantees, Terry et al. 1994).
    seen: LogIndex,
    /// Where it is in going through the nodes in turn.
    turn: usize,
    running: bool,
    ops: BTreeMap<OpId, Op>,
    /// When to look at which operation again. Each operation under way is in here once.
    wakes: BTreeSet<(Timestamp, OpId)>,
    wake_alarm: Option<Alarm>,
    /// When the next operation of the workload begins.
    next_at: Option<Timestamp>,
    next_alarm: Option<Alarm>,
    next_token: u64,
}

/// An operation under way.
#[derive(Debug)]
struct Op {
    request: Request,
    by_hand: bool,
    /// Who was asked last.
    asked: NodeId,
    /// When this attempt ends.
    deadline: Timestamp,
    /// When to look at it again: the deadline, or the end of a backoff.
    wake: Timestamp,
    retries_left: u32,
    hints_followed: u8,
    /// How many of the questions were not refused: each of them may take effect.
    open: u32,
    refusal: Option<Refusal>,
}

#[derive(Clone, Copy, Debug)]
struct Alarm {
    token: ClientToken,
    at: Timestamp,
}

impl Client {
    /// Makes a client; without a spec it does only what is asked of it by hand.
    pub fn new(id: ClientId, spec: Option<ClientSpec>, members: Vec<NodeId>, seed: u64) -> Self {
        Self {
            spec,
            members,
            generator: Generator::new(id, seed),
            leader: None,
            seen: LogIndex(0),
            turn: usize::from(id.0),
            running: false,
            ops: BTreeMap::new(),
            wakes: BTreeSet::new(),
            wake_alarm: None,
            next_at: None,
            next_alarm: None,
            next_token: 0,
        }
    }

    /// Returns what it does.
    pub fn spec(&self) -> Option<&ClientSpec> {
        self.spec.as_ref()
    }

    /// Takes one input, appends what it asks for to `out`.
    pub fn step(&mut self, now: Timestamp, input: ClientInput, ops: &mut OpCounter, out: &mut Vec<ClientOutput>) {
        match input {
            ClientInput::Start => {
                self.running = true;
                self.plan(now);
            }
            ClientInput::Timer(token) => self.on_timer(now, token, out),
            ClientInput::Reply { from, op, response } => self.on_reply(now, from, op, response, out),
            ClientInput::Unreachable { node, op } => self.on_unreachable(now, node, op, out),
            ClientInput::Changed(spec) => {
                self.spec = Some(spec);
                self.plan(now);
            }
            ClientInput::Members(members) => self.members = members,
            ClientInput::Submit { node, op, request } => self.submit(now, node, op, request, out),
            ClientInput::Ask { op, request } => self.begin(now, op, request, out),
            ClientInput::Stop => self.stop(out),
        }
        self.generate(now, ops, out);
        self.arm(out);
    }

    /// Decides when the workload asks next, after it began or changed.
    fn plan(&mut self, now: Timestamp) {
        self.next_at = match self.load() {
            Load::Closed { .. } if self.ops.is_empty() => Some(now),
            Load::Open { rate_hz } => Some(now + self.generator.gap(rate_hz)),
            Load::Closed { .. } | Load::Idle => None,
        };
    }

    fn load(&self) -> Load {
        self.spec.as_ref().filter(|_| self.running).map_or(Load::Idle, |spec| spec.load)
    }

    /// Begins the operations of the workload that are due.
    fn generate(&mut self, now: Timestamp, ops: &mut OpCounter, out: &mut Vec<ClientOutput>) {
        for _ in 0..BURST_MAX {
            let Some(due) = self.next_at.filter(|due| *due <= now) else { return };
            let Some(spec) = &self.spec else { return };
            let op = ops.next();
            let request = self.generator.request(op, spec);
            // Counted from the moment it was due, so that late steps do not lower the rate.
            self.next_at = match spec.load {
                Load::Open { rate_hz } => Some(due + self.generator.gap(rate_hz)),
                Load::Closed { .. } | Load::Idle => None,
            };
            self.begin(now, op, request, out);
        }
    }

    fn begin(&mut self, now: Timestamp, id: OpId, request: Request, out: &mut Vec<ClientOutput>) {
        out.push(ClientOutput::Invoke { op: id, request: request.clone() });
        let (timeout, retries_left) = self.spec.as_ref().map_or((HAND_TIMEOUT, 0), |spec| (spec.timeout, spec.retries));
        let mut op = Op::new(request, retries_left, now + timeout);
        if self.ops.len() >= IN_FLIGHT_MAX {
            op.refusal = Some(refusal("client overloaded"));
            return self.give_up(now, id, &op, out);
        }
        match self.choose(&op.request, None) {
            Some(node) => self.ask(id, op, node, out),
            None => {
                op.refusal = Some(refusal("knows no node"));
                self.give_up(now, id, &op, out);
            }
        }
    }

    fn submit(&mut self, now: Timestamp, node: NodeId, id: OpId, request: Request, out: &mut Vec<ClientOutput>) {
        out.push(ClientOutput::Invoke { op: id, request: request.clone() });
        let op = Op { by_hand: true, ..Op::new(request, 0, now + HAND_TIMEOUT) };
        self.ask(id, op, node, out);
    }

    fn on_timer(&mut self, now: Timestamp, token: ClientToken, out: &mut Vec<ClientOutput>) {
        if self.next_alarm.is_some_and(|alarm| alarm.token == token) {
            self.next_alarm = None;
        }
        if self.wake_alarm.is_some_and(|alarm| alarm.token == token) {
            self.wake_alarm = None;
            while let Some((at, id)) = self.wakes.first().copied()
                && at <= now
            {
                if let Some(op) = self.take(id) {
                    self.on_wake(now, id, op, out);
                }
            }
        }
    }

    fn on_wake(&mut self, now: Timestamp, id: OpId, op: Op, out: &mut Vec<ClientOutput>) {
        if now < op.deadline {
            return self.ask_another(now, id, op, out);
        }
        self.doubt(op.asked);
        self.retry(now, id, op, out);
    }

    fn on_reply(&mut self, now: Timestamp, from: NodeId, id: OpId, response: Response, out: &mut Vec<ClientOutput>) {
        let Some(mut op) = self.take(id) else { return };
        self.see(&response);
        let outcome = match response {
            Response::Value { value, at } => Outcome::Value { value, at },
            Response::Written { at } => Outcome::Written { at },
            Response::Answer { answer, at } => Outcome::Answered { answer, at },
            Response::Done => Outcome::Done,
            Response::Refused(refusal) => {
                op.open = op.open.saturating_sub(1);
                op.refusal = Some(refusal);
                return self.on_refused(now, from, id, op, refusal, out);
            }
            Response::Unknown { .. } if op.asked != from => return self.put(id, op),
            // Asking again is harmless: the nodes know operations by their number.
            Response::Unknown { .. } => return self.retry(now, id, op, out),
        };
        if !op.by_hand && self.wants_leader(&op.request) {
            self.leader = Some(from);
        }
        self.finish(now, id, outcome, Some(from), out);
    }

    fn see(&mut self, response: &Response) {
        match response {
            Response::Value { at, .. } | Response::Written { at } | Response::Answer { at, .. } => {
                self.seen = self.seen.max(*at);
            }
            Response::Done | Response::Refused(_) | Response::Unknown { .. } => {}
        }
    }

    fn on_refused(
        &mut self,
        now: Timestamp,
        from: NodeId,
        id: OpId,
        mut op: Op,
        refusal: Refusal,
        out: &mut Vec<ClientOutput>,
    ) {
        if op.asked != from {
            return self.put(id, op);
        }
        match refusal {
            Refusal::NotLeader { leader: Some(hint) } if self.may_ask_others(&op) && hint != from => {
                self.leader = Some(hint);
                if op.hints_followed < HINTS_MAX {
                    op.hints_followed += 1;
                    return self.ask(id, op, hint, out);
                }
                self.back_off(now, id, op);
            }
            // A deposed primary refuses for the same reason as a follower: somebody else decides.
            Refusal::NotLeader { .. } | Refusal::StaleEpoch if self.may_ask_others(&op) => {
                self.doubt(from);
                self.back_off(now, id, op);
            }
            Refusal::NotLeader { .. } | Refusal::StaleEpoch | Refusal::Unsupported | Refusal::Unavailable { .. } => {
                self.give_up(now, id, &op, out)
            }
        }
    }

    fn on_unreachable(&mut self, now: Timestamp, node: NodeId, id: OpId, out: &mut Vec<ClientOutput>) {
        let Some(mut op) = self.take(id) else { return };
        op.open = op.open.saturating_sub(1);
        self.doubt(node);
        if op.asked != node {
            return self.put(id, op);
        }
        op.refusal.get_or_insert(refusal("cannot be reached"));
        if self.may_ask_others(&op) {
            self.back_off(now, id, op);
        } else {
            self.give_up(now, id, &op, out);
        }
    }

    /// Begins another attempt, if there is one left.
    fn retry(&mut self, now: Timestamp, id: OpId, mut op: Op, out: &mut Vec<ClientOutput>) {
        let Some(left) = op.retries_left.checked_sub(1) else { return self.give_up(now, id, &op, out) };
        let timeout = self.spec.as_ref().map_or(HAND_TIMEOUT, |spec| spec.timeout);
        op.retries_left = left;
        op.hints_followed = 0;
        op.deadline = now + timeout;
        self.ask_another(now, id, op, out);
    }

    fn ask_another(&mut self, now: Timestamp, id: OpId, op: Op, out: &mut Vec<ClientOutput>) {
        match self.choose(&op.request, Some(op.asked)) {
            Some(node) => self.ask(id, op, node, out),
            None => self.give_up(now, id, &op, out),
        }
    }

    fn ask(&mut self, id: OpId, mut op: Op, node: NodeId, out: &mut Vec<ClientOutput>) {
        op.asked = node;
        op.open += 1;
        op.wake = op.deadline;
        let after = if op.request.is_read() { self.seen } else { LogIndex(0) };
        out.push(ClientOutput::Ask { node, op: id, request: op.request.clone(), after });
        self.put(id, op);
    }

    /// Waits a moment before it asks another node; the attempt goes on meanwhile, and may end.
    fn back_off(&mut self, now: Timestamp, id: OpId, mut op: Op) {
        op.wake = op.deadline.min(now + BACKOFF);
        self.put(id, op);
    }

    fn give_up(&mut self, now: Timestamp, id: OpId, op: &Op, out: &mut Vec<ClientOutput>) {
        let node = op.refusal.filter(|_| op.open == 0 && op.asked != NOBODY).map(|_| op.asked);
        self.finish(now, id, op.outcome_when_given_up(), node, out);
    }

    fn finish(
        &mut self,
        now: Timestamp,
        op: OpId,
        outcome: Outcome,
        node: Option<NodeId>,
        out: &mut Vec<ClientOutput>,
    ) {
        if let Load::Closed { think } = self.load()
            && self.ops.is_empty()
        {
            // A loop of instant failures would never let time go on.
            self.next_at = Some(now + if outcome.is_ok() { think } else { think.max(BACKOFF) });
        }
        out.push(ClientOutput::Return { op, outcome, node });
    }

    fn stop(&mut self, out: &mut Vec<ClientOutput>) {
        self.running = false;
        self.next_at = None;
        self.wakes.clear();
        for (op, state) in std::mem::take(&mut self.ops) {
            out.push(ClientOutput::Return { op, outcome: state.outcome_when_given_up(), node: None });
        }
    }

    /// Returns who is to be asked, or asked after `not`.
    fn choose(&mut self, request: &Request, not: Option<NodeId>) -> Option<NodeId> {
        if let Some(Target::Fixed(node)) = self.spec.as_ref().map(|spec| spec.target) {
            return Some(node);
        }
        if self.wants_leader(request)
            && let Some(leader) = self.leader.filter(|leader| Some(*leader) != not)
        {
            return Some(leader);
        }
        let known = self.spec.as_ref().map(|spec| &spec.knows).filter(|knows| !knows.is_empty());
        let known = known.unwrap_or(&self.members);
        let next = |turn: &mut usize| {
            *turn = turn.wrapping_add(1);
            known.get(*turn % known.len().max(1)).copied()
        };
        next(&mut self.turn).filter(|node| Some(*node) != not).or_else(|| next(&mut self.turn))
    }

    /// Returns whether a refusal or silence leads to another node.
    fn may_ask_others(&self, op: &Op) -> bool {
        !op.by_hand && self.spec.as_ref().is_some_and(|spec| !matches!(spec.target, Target::Fixed(_)))
    }

    fn wants_leader(&self, request: &Request) -> bool {
        match self.spec.as_ref().map(|spec| spec.target) {
            Some(Target::Leader) | None => true,
            Some(Target::ReadAnywhere) => request.is_write(),
            Some(Target::Fixed(_)) => false,
        }
    }

    fn doubt(&mut self, node: NodeId) {
        if self.leader == Some(node) {
            self.leader = None;
        }
    }

    fn take(&mut self, id: OpId) -> Option<Op> {
        let op = self.ops.remove(&id)?;
        self.wakes.remove(&(op.wake, id));
        Some(op)
    }

    fn put(&mut self, id: OpId, op: Op) {
        self.wakes.insert((op.wake, id));
        self.ops.insert(id, op);
    }

    /// Two timers serve all operations, however many there are.
    fn arm(&mut self, out: &mut Vec<ClientOutput>) {
        let wake_at = self.wakes.first().map(|(at, _)| *at);
        arm_one(&mut self.wake_alarm, wake_at, &mut self.next_token, out);
        arm_one(&mut self.next_alarm, self.next_at, &mut self.next_token, out);
    }
}

impl Op {
    fn new(request: Request, retries_left: u32, deadline: Timestamp) -> Self {
        Self {
            request,
            by_hand: false,
            asked: NOBODY,
            deadline,
            wake: deadline,
            retries_left,
            hints_followed: 0,
            open: 0,
            refusal: None,
        }
    }

    /// An operation certainly failed only if each question was refused.
    fn outcome_when_given_up(&self) -> Outcome {
        match self.refusal {
            Some(refusal) if self.open == 0 => Outcome::Failed(refusal),
            None if self.open == 0 => Outcome::Failed(refusal("the client is gone")),
            Some(_) | None => Outcome::NoAnswer,
        }
    }
}

/// No node has this number.
const NOBODY: NodeId = NodeId(0);

fn refusal(why: &'static str) -> Refusal {
    Refusal::Unavailable { why: Name::new(why) }
}

fn arm_one(alarm: &mut Option<Alarm>, at: Option<Timestamp>, next_token: &mut u64, out: &mut Vec<ClientOutput>) {
    let Some(at) = at else { return };
    // An alarm that comes too early is armed again then: cheaper than one alarm for each operation.
    if alarm.is_none_or(|alarm| at < alarm.at) {
        *next_token += 1;
        let token = ClientToken(*next_token);
        *alarm = Some(Alarm { token, at });
        out.push(ClientOutput::Arm { token, at });
    }
}
