//! The verbs of scripts: what a line can say.

use std::time::Duration;

use super::message::MessageVerb;
use crate::{
    fault::{Ailment, FAULTS, FaultKind, LinkFault, NodeFault, SHAPES, Shape},
    ids::{ClientId, NodeId},
    request::{Key, Value},
};

/// One line of a script.
#[derive(Clone, Debug, PartialEq)]
pub struct Timed {
    /// When, in cluster time since the start of the run.
    pub at: Duration,
    /// The script it stands in.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// What it says, as it stands there.
    pub text: String,
    /// What is to be done.
    pub verb: Verb,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Verb {
    /// Strikes nodes: crash, power loss, stop, freeze, wipe.
    Strike(FaultKind, Vec<Selector>),
    /// Breaks something about the machines of nodes.
    Machine(NodeFault, Vec<Selector>),
    /// Splits the cluster into groups.
    Partition(Vec<Vec<Selector>>),
    /// Breaks links.
    Link(LinkFault, Links),
    /// Cuts links into a shape; the node takes the place that the shape has for one.
    Shape(Shape, Option<Selector>),
    /// Mends.
    Heal(HealWhat),
    /// Starts nodes that are down; `None` means all.
    Restart(Option<Vec<Selector>>),
    /// Erases the disks of nodes that are down, and starts them.
    RestartWiped(Vec<Selector>),
    /// Lets frozen nodes go on.
    Unfreeze(Vec<Selector>),
    /// Reads a key at a node, by hand; or a client does.
    Get(Selector, Key),
    /// Writes a key at a node, by hand; or a client does.
    Put(Selector, Key, Value),
    /// Removes a key at a node, by hand; or a client does.
    Delete(Selector, Key),
    /// Adds to a number at a node, by hand, so many times; or a client does.
    Increment(Selector, Key, i64, u32),
    /// The leader hands its office to this node.
    Transfer(Selector),
    /// Starts a node if it is not there yet, and makes it a member with a vote.
    Add(NodeId),
    /// Starts a node if it is not there yet, and makes it a member without a vote.
    AddLearner(NodeId),
    /// Removes a member.
    Remove(Selector),
    /// The node becomes primary.
    Promote(Selector),
    /// The node asks for votes.
    Campaign(Selector),
    /// Does something to single messages.
    Message(MessageVerb),
    /// Cluster time stands still.
    Pause,
    /// Cluster time goes on.
    Resume,
    /// Cluster time runs at this share of real time.
    Rate(f64),
    /// A knob of the protocol gets another value.
    Set(String, String),
}

/// Names nodes or clients, some only when the moment comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selector {
    /// This node.
    Node(NodeId),
    /// This client.
    Client(ClientId),
    /// Whoever leads (or is primary).
    Leader,
    /// The running nodes that do not lead, by number, counted from 0.
    Follower(usize),
    /// A running node, drawn from the seed of the run.
    Random,
    /// Every node.
    All,
    /// Every node that no other group names.
    Rest,
}

/// Which directions of links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Links {
    /// From each of the first to each of the second; and back, if `both_ways`.
    Between {
        /// From.
        from: Vec<Selector>,
        /// To.
        to: Vec<Selector>,
        /// Whether the opposite directions are meant, too.
        both_ways: bool,
    },
    /// All links of these to all other nodes, both ways.
    Around(Vec<Selector>),
}

/// What is to be mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealWhat {
    /// Everything.
    All,
    /// All links.
    Links,
    /// These links.
    Link(Links),
    /// All links of these, and their machines.
    Around(Vec<Selector>),
    /// One part of the machines of these.
    Ailment(Ailment, Vec<Selector>),
}

/// A verb as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerbRow {
    /// The word.
    pub verb: &'static str,
    /// What follows it, by example.
    pub usage: &'static str,
    /// What it does.
    pub about: &'static str,
}

/// The verbs that are no faults (those are in [`FAULTS`]).
pub const VERBS: &[VerbRow] = &[
    row(
        "shape",
        "shape bridge | shape hub n3 | shape minority",
        "Cuts links into a shape; the words are listed below.",
    ),
    row(
        "heal",
        "heal | heal links | heal link n1->n2 | heal around n3 | heal cpu n3 | heal clock n3 | heal disk n3",
        "Mends everything, or a part.",
    ),
    row(
        "restart",
        "restart n1,n2 | restart all | restart n1 wiped",
        "Starts nodes that are down, with the disks they have, or with empty ones.",
    ),
    row("unfreeze", "unfreeze n1", "Lets frozen nodes go on."),
    row(
        "put",
        "put @leader key value | put c1 key value",
        "Writes a key, asking this node only; or lets a client do it in its own way, with its patience and retries.",
    ),
    row("get", "get n2 key | get c1 key", "Reads a key, asking this node only; or lets a client do it."),
    row(
        "delete",
        "delete @leader key | delete c1 key",
        "Removes a key, asking this node only; or lets a client do it.",
    ),
    row(
        "increment",
        "increment n1 key 5 | increment c1 key 5 times 20",
        "Adds to a number, asking this node only; or lets a client do it; so many times, each an operation of its own.",
    ),
    row("transfer", "transfer @follower[0]", "The leader hands its office over."),
    row("add", "add n6", "Starts a node and makes it a member."),
    row("add-learner", "add-learner n6", "Starts a node and makes it a member without a vote."),
    row("remove", "remove n2", "Removes a member."),
    row("promote", "promote n2", "Makes a node primary, whatever others believe."),
    row("campaign", "campaign n2", "Lets a node ask for votes at once."),
    row(
        "hold",
        "hold next AppendEntries to n3 | hold every vote from n1 | hold m12",
        "Holds messages, these or to come.",
    ),
    row("release", "release all | release held 1 | release trap 1", "Lets held messages go on, in order."),
    row("drop", "drop held 1 | drop m12", "Takes a message out of the network."),
    row("copy", "copy held 1 | copy m12", "Sends a message a second time."),
    row("deliver", "deliver held 1 | deliver m12", "Delivers a message at once, before those sent earlier."),
    row("untrap", "untrap 1 | untrap all", "Removes a trap; what it caught stays held."),
    row("pause", "pause", "Cluster time stands still; the script goes on in real time until it resumes."),
    row("resume", "resume", "Cluster time goes on."),
    row(
        "set",
        "set check_quorum on",
        "Turns a knob of the protocol while the cluster runs, at every node; `faultline protocols` says which can be.",
    ),
    row("rate", "rate 0.1", "Cluster time runs at this share of real time, 0.01 to 1."),
];

const fn row(verb: &'static str, usage: &'static str, about: &'static str) -> VerbRow {
    VerbRow { verb, usage, about }
}

/// Returns the shapes that `shape` can cut, as they are written.
pub fn shape_words() -> impl Iterator<Item = VerbRow> {
    SHAPES.iter().map(|shape| row(shape.word, shape.title, shape.about))
}

/// Returns every verb that a script can use, faults first.
pub fn verbs() -> impl Iterator<Item = VerbRow> {
    let faults = FAULTS.iter().map(|fault| VerbRow {
        verb: fault.verb,
        usage: match fault.kind {
            FaultKind::Crash => "crash @leader",
            FaultKind::PowerLoss => "powerloss n1,n2",
            FaultKind::Stop => "stop n1",
            FaultKind::Freeze => "freeze @leader",
            FaultKind::Wipe => "wipe n1",
            FaultKind::TornPowerLoss => "tear @leader",
            FaultKind::Slow => "slow n3 10x",
            FaultKind::ClockOffset => "clock-offset n3 +5s",
            FaultKind::ClockJump => "clock-jump n3 -2s",
            FaultKind::ClockDrift => "clock-drift @leader -50% | clock-drift n3 200ppm",
            FaultKind::DiskSlow => "disk-slow n3 200ms",
            FaultKind::DiskFull => "disk-full n3",
            FaultKind::ReadErrors => "disk-errors n3 | disk-errors n3 30%",
            FaultKind::BitRot => "bitrot n3",
            FaultKind::LyingSync => "sync-lies all",
            FaultKind::Cut => "cut n1->n2 | cut n1<->n2 | cut around n3",
            FaultKind::Flap => "flap n1->n2 up 2s down 500ms",
            FaultKind::Delay => {
                "delay n1->n2 200ms +-50ms | delay n1->n2 200ms +-50ms normal | delay n1->n2 20ms exponential"
            }
            FaultKind::Loss => "loss n1<->n2 20%",
            FaultKind::Burst => "burst n1->n2 p 2% r 25% | burst n1->n2 p 2% r 25% bad 90% good 1%",
            FaultKind::Duplicate => "duplicate n1->n2 10%",
            FaultKind::Reorder => "reorder n1->n2 10% by 50ms",
            FaultKind::Corrupt => "corrupt n1->n2 1% | corrupt n1->n2 1% unchecked",
            FaultKind::Bandwidth => "bandwidth n1->n2 100kB/s queue 64kB",
            FaultKind::Reset => "reset n1->n2",
            FaultKind::HalfOpen => "halfopen n1->n2 10s",
            FaultKind::SlowClose => "slowclose n1->n2 3s",
            FaultKind::Partition => "partition @leader,@follower[0] | rest",
        },
        about: fault.about,
    });
    faults.chain(VERBS.iter().copied())
}
