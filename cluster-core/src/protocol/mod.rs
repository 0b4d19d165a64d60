//! The contract of a protocol: a pure state machine, one input in, a list of outputs out.
//!
//! One handler call is one atomic step. A protocol reads no clock, owns no socket and draws no luck but through [`Ctx`];
//! only what it wrote to its disk and synced survives. There is no `async` and no `Result`: what can go wrong outside is
//! an event, and an impossible state inside is a panic, which the host shows as the end of that node.

mod ctx;
mod done;
mod encoder;
mod kv;
pub(crate) mod omni_paxos;
pub(crate) mod primary_backup;
pub(crate) mod raft;
pub(crate) mod raft_study;
pub(crate) mod rpc;
pub(crate) mod swim;
mod variant;

use std::{collections::BTreeMap, fmt::Debug, time::Duration};

use serde::{Serialize, de::DeserializeOwned};

pub use ctx::{Ctx, Output, TimerToken};
pub(crate) use ctx::{Hands, Timers};
pub(crate) use encoder::Encoder;
pub use kv::KvMap;
pub use variant::{CORRECT, VARIANT_KNOB, Variant};

use crate::{
    disk::{Recovered, SyncId},
    event::{MessageInfo, NodeView},
    ids::{LogIndex, NodeId, OpId},
    name::Name,
    request::Request,
    time::TimingProfile,
};

/// A protocol: what one node does.
pub trait Protocol: Send + Sized + 'static {
    /// What travels between nodes.
    type Message: Serialize + DeserializeOwned + Debug + Send;
    /// The names of its timers.
    type Timer: Copy + Ord + Debug + Send + 'static;

    /// Boots, and reboots: of what was before, only the disk is left.
    fn start(config: &NodeConfig, disk: &Recovered, ctx: &mut Ctx<'_, Self>) -> Self;
    /// A message of another node arrived.
    fn on_message(&mut self, from: NodeId, message: Self::Message, ctx: &mut Ctx<'_, Self>);
    /// A timer ran out.
    fn on_timer(&mut self, timer: Self::Timer, ctx: &mut Ctx<'_, Self>);
    /// A client asks. The answer may come in a later step, by [`Ctx::reply`], or never.
    fn on_request(&mut self, op: OpId, request: Request, ctx: &mut Ctx<'_, Self>);
    /// Everything written before the [`Ctx::sync`] that returned `sync` is on the disk. Syncs complete in order;
    /// completing one completes all before it.
    fn on_synced(&mut self, sync: SyncId, ctx: &mut Ctx<'_, Self>);
    /// The connection to another node broke: what was under way may be lost.
    fn on_peer_lost(&mut self, _peer: NodeId, _ctx: &mut Ctx<'_, Self>) {}
    /// Its knobs are, from here on, those of `config`: some of those that `registry::live_knobs` lists have other values.
    fn on_config(&mut self, _config: &NodeConfig, _ctx: &mut Ctx<'_, Self>) {}
    /// A client reads, and says the last log position that it knows of. Who does not look at that answers as ever.
    fn on_session_read(&mut self, op: OpId, request: Request, _after: LogIndex, ctx: &mut Ctx<'_, Self>) {
        self.on_request(op, request, ctx);
    }
    /// A burst of inputs is over; what the steps gathered may be sent in one go.
    fn on_idle(&mut self, _ctx: &mut Ctx<'_, Self>) {}

    /// Fills in what a learner may see. `view` is the one of the last call (or the default): its memory can be reused.
    fn view(&self, view: &mut NodeView);
    /// Returns whether what [`Protocol::view`] shows may be something else than after the last call. To say `true` is
    /// always right, and costs a comparison of the whole view.
    fn stirred(&mut self) -> bool {
        true
    }
    /// Returns how long a step keeps the processor of a healthy machine busy, about: what a slow machine multiplies. The
    /// default is that of a state machine: decode, a few map lookups, encode the answers.
    fn step_cost(&self) -> Duration {
        Duration::from_micros(200)
    }
    /// Says what a message is, by its name in the paper.
    fn describe(message: &Self::Message) -> MessageInfo;
    /// Lists a message's fields for the inspector.
    fn fields(message: &Self::Message) -> Vec<(Name, String)>;
    /// Names a timer.
    fn timer_name(timer: Self::Timer) -> Name;
}

/// What a node is told when it boots.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Who it is.
    pub me: NodeId,
    /// The members at the start of the cluster, in order; not containing `me` if it is to join later.
    pub members: Vec<NodeId>,
    /// How patient it is.
    pub profile: TimingProfile,
    /// The seed of the run.
    pub seed: u64,
    /// The knobs that differ from their defaults; checked by the registry.
    pub knobs: BTreeMap<String, String>,
}

/// One thing about a protocol that can be set.
#[derive(Clone, Copy, Debug)]
pub struct Knob {
    /// Its name in flags and files.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// Its value when nobody sets it.
    pub default: &'static str,
    /// What it can be.
    pub values: KnobValues,
}

/// What a knob can be.
#[derive(Clone, Copy, Debug)]
pub enum KnobValues {
    /// `on` or `off`.
    Flag,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A whole number from the first to the second.
    Number(u64, u64),
    /// A duration such as `2s` or `150ms`.
    Duration,
}

impl KnobValues {
    /// Returns whether `value` is one of them.
    pub fn allow(&self, value: &str) -> bool {
        match self {
            Self::Flag => matches!(value, "on" | "off"),
            Self::OneOf(words) => words.contains(&value),
            Self::Number(min, max) => value.parse::<u64>().is_ok_and(|number| (min..=max).contains(&&number)),
            Self::Duration => humantime::parse_duration(value).is_ok(),
        }
    }

    /// Says what they are, for an error message.
    pub fn expected(&self) -> String {
        match self {
            Self::Flag => "give on or off".to_owned(),
            Self::OneOf(words) => format!("give one of {}", words.join(", ")),
            Self::Number(min, max) => format!("give a whole number from {min} to {max}"),
            Self::Duration => "give a duration such as 150ms or 2s".to_owned(),
        }
    }
}

impl NodeConfig {
    /// Returns a knob's value as text: what was set, or the default in `knobs`.
    pub fn knob<'a>(&'a self, knobs: &'a [Knob], name: &str) -> &'a str {
        let default =
            || knobs.iter().find(|knob| knob.name == name).expect("a protocol asks for its own knobs").default;
        self.knobs.get(name).map_or_else(default, String::as_str)
    }

    /// Returns whether a flag is on.
    pub fn flag(&self, knobs: &[Knob], name: &str) -> bool {
        self.knob(knobs, name) == "on"
    }

    /// Returns a number.
    pub fn number(&self, knobs: &[Knob], name: &str) -> u64 {
        self.knob(knobs, name).parse().expect("the registry checked the knobs")
    }

    /// Returns a duration.
    pub fn duration(&self, knobs: &[Knob], name: &str) -> Duration {
        humantime::parse_duration(self.knob(knobs, name)).expect("the registry checked the knobs")
    }
}
