//! Runs one node: a protocol with its types erased. Bytes and timers in, bytes and timers out, in both backends alike.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Once,
    time::Duration,
};

use bytes::Bytes;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

pub use crate::protocol::{Output, TimerToken};
use crate::{
    disk::{Recovered, SyncId},
    event::{EventKind, NodeView},
    ids::{LogIndex, NodeId, OpId},
    name::Name,
    protocol::{Ctx, Encoder, Hands, NodeConfig, Protocol, Timers},
    request::Request,
    time::Timestamp,
};

/// What one node receives.
#[derive(Clone, Debug)]
pub enum Input {
    /// A message of another node, as bytes.
    Message {
        /// Who sent it.
        from: NodeId,
        /// The encoded message.
        payload: Bytes,
    },
    /// A timer that was armed ran out.
    Timer(TimerToken),
    /// A client asks.
    Request {
        /// The operation.
        op: OpId,
        /// What is asked; in a place of its own, for messages come far more often.
        request: Box<Request>,
        /// The last log position that the client knows of, with a read; else 0.
        after: LogIndex,
    },
    /// A knob has another value.
    Config {
        /// Which.
        knob: Name,
        /// All that the node is told, with it.
        config: Box<NodeConfig>,
    },
    /// Everything written before this sync is durable.
    Synced(SyncId),
    /// The connection to another node broke.
    PeerLost(NodeId),
}

/// A running node, whatever its protocol.
pub trait Node: Send {
    /// Takes one input, appends what it asks for to `out`. An error means that the node ended itself: nothing of the
    /// step counts, and the node must not be stepped again.
    fn step(&mut self, now: Timestamp, input: Input, out: &mut Vec<Output>) -> Result<Stepped, NodePanic>;
    /// A burst of inputs is over: does the same for what the node gathered.
    fn idle(&mut self, now: Timestamp, out: &mut Vec<Output>) -> Result<(), NodePanic>;
    /// Appends the [`EventKind::ViewChanged`] since the last call, if the view changed.
    fn flush_view(&mut self, out: &mut Vec<Output>);
    /// Returns what the node shows of itself, as of the last [`Node::flush_view`].
    fn shown(&self) -> &NodeView;
    /// Returns how long a step keeps the processor of a healthy machine busy, about.
    fn step_cost(&self) -> Duration;
    /// The node's clock was turned: the times that were shown are other times by it, and are shown anew.
    fn forget_shown_times(&mut self);
}

/// What kind of step it was, for the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stepped {
    /// The input was handled.
    Done,
    /// A timer of that name ran out.
    TimerFired(Name),
    /// The input was out of date (a timer that had been set anew) and changed nothing.
    Stale,
    /// The bytes are no message of this protocol.
    Undecodable,
}

/// A protocol met a state that it holds to be impossible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NodePanic(pub String);

/// A node that runs protocol `P`.
pub struct NodeHost<P: Protocol> {
    protocol: P,
    hands: Hands<P::Timer>,
    shown: NodeView,
    view: NodeView,
    /// Whether a part of what was shown counts no more.
    forgot: bool,
}

impl<P: Protocol> NodeHost<P> {
    /// Boots a node from its disk.
    pub fn boot(
        config: &NodeConfig,
        disk: &Recovered,
        now: Timestamp,
        incarnation: u32,
        out: &mut Vec<Output>,
    ) -> Result<Self, NodePanic> {
        let me = config.me;
        let rng = ChaCha8Rng::seed_from_u64(config.seed ^ u64::from(me.0) << 32 ^ u64::from(incarnation) << 48);
        let (encoder, timers) = (Encoder::default(), Timers::default());
        let mut hands = Hands { me, rng, next_sync: SyncId(1), encoder, timers };
        let protocol = guarded(|| P::start(config, disk, &mut Ctx { now, hands: &mut hands, out }))?;
        Ok(Self { protocol, hands, shown: NodeView::default(), view: NodeView::default(), forgot: true })
    }

    fn handle(&mut self, now: Timestamp, input: Input, out: &mut Vec<Output>) -> Stepped {
        let mut stepped = Stepped::Done;
        let mut ctx = Ctx { now, hands: &mut self.hands, out };
        match input {
            Input::Message { from, payload } => match postcard::from_bytes(&payload) {
                Ok(message) => self.protocol.on_message(from, message, &mut ctx),
                Err(_) => stepped = Stepped::Undecodable,
            },
            Input::Timer(token) => match ctx.hands.timers.take(token) {
                Some(timer) => {
                    stepped = Stepped::TimerFired(P::timer_name(timer));
                    self.protocol.on_timer(timer, &mut ctx);
                }
                None => stepped = Stepped::Stale,
            },
            Input::Request { op, request, after } if after > LogIndex(0) && request.is_read() => {
                self.protocol.on_session_read(op, *request, after, &mut ctx);
            }
            Input::Request { op, request, .. } => self.protocol.on_request(op, *request, &mut ctx),
            Input::Config { knob, config } => {
                let value = config.knobs.get(knob.as_str()).and_then(|value| Name::intern(value)).unwrap_or_default();
                ctx.out.push(Output::Note(EventKind::KnobTaken { node: ctx.hands.me, knob, value }));
                self.protocol.on_config(&config, &mut ctx);
            }
            Input::Synced(sync) => self.protocol.on_synced(sync, &mut ctx),
            Input::PeerLost(peer) => self.protocol.on_peer_lost(peer, &mut ctx),
        }
        stepped
    }
}

impl<P: Protocol> Node for NodeHost<P> {
    fn step(&mut self, now: Timestamp, input: Input, out: &mut Vec<Output>) -> Result<Stepped, NodePanic> {
        guarded(|| self.handle(now, input, out))
    }

    fn idle(&mut self, now: Timestamp, out: &mut Vec<Output>) -> Result<(), NodePanic> {
        guarded(|| self.protocol.on_idle(&mut Ctx { now, hands: &mut self.hands, out }))
    }

    fn flush_view(&mut self, out: &mut Vec<Output>) {
        let stirred = self.protocol.stirred() | std::mem::take(&mut self.forgot);
        if !stirred && !cfg!(debug_assertions) {
            return;
        }
        self.protocol.view(&mut self.view);
        let changes = self.shown.changes_to(&self.view);
        debug_assert!(stirred || changes.is_empty(), "a view changed that was said not to: {changes:?}");
        if !changes.is_empty() {
            for change in &changes {
                self.shown.apply(change);
            }
            out.push(Output::Note(EventKind::ViewChanged { node: self.hands.me, changes }));
        }
    }

    fn shown(&self) -> &NodeView {
        &self.shown
    }

    fn step_cost(&self) -> Duration {
        self.protocol.step_cost()
    }

    fn forget_shown_times(&mut self) {
        self.shown.timer = None;
        self.forgot = true;
    }
}

thread_local! {
    /// Whether this thread is inside a step of a node.
    static IN_NODE: Cell<bool> = const { Cell::new(false) };
}

/// Engines assert what they hold to be impossible; such a panic ends the node, not the program. The trace tells of it, so
/// nothing of it is printed.
fn guarded<T>(step: impl FnOnce() -> T) -> Result<T, NodePanic> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !IN_NODE.get() {
                told(panic)
            }
        }));
    });
    IN_NODE.set(true);
    let stepped = catch_unwind(AssertUnwindSafe(step));
    IN_NODE.set(false);
    stepped.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        NodePanic(text.unwrap_or("the protocol gave no reason").to_owned())
    })
}
