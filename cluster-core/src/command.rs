//! What is asked of the cluster: the one enum through which mouse, keys, scripts and labs speak.

use serde::{Deserialize, Serialize};

use crate::{
    fault::{Ailment, ByHand, Fault, Heal, LinkId, LinkRules},
    ids::{ClientId, NodeId},
    request::Request,
    spec::ClientSpec,
};

/// What is asked of the cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Breaks things, all at one instant.
    Inject(Vec<Fault>),
    /// Gives directions of links exactly these rules, all at one instant: what they had before is gone.
    SetLinks(Vec<(LinkId, LinkRules)>),
    /// Mends things.
    Heal(Heal),
    /// Starts a node that is down, with the disk it has.
    Restart(NodeId),
    /// Starts every node that is down.
    RestartAll,
    /// Lets a frozen node go on.
    Unfreeze(NodeId),
    /// Starts an empty node that is no member yet.
    AddNode(NodeId),
    /// Asks one node for one operation, by the user's own hand (client 0).
    Submit {
        /// The node asked.
        node: NodeId,
        /// What is asked.
        request: Request,
    },
    /// Adds a client, or gives the one with that id another workload.
    SetClient(ClientSpec),
    /// Takes a client away; its open operations get no answer.
    RemoveClient(ClientId),
    /// Does something to one message, or to those to come.
    Message(ByHand),
    /// Cluster time stands still.
    Pause,
    /// Cluster time goes on.
    Resume,
    /// While paused: exactly one more thing happens.
    Step,
    /// Cluster time runs at this share of real time, [`crate::time::RATE_MIN`] to [`crate::time::RATE_MAX`].
    SetRate(f64),
    /// Erases the disk of a node that is down, and starts it.
    RestartWiped(NodeId),
    /// Gives directions exactly these rules, heals parts of machines and lets nodes run, all at one instant: what was
    /// undone.
    Restore {
        /// The directions, with their rules from here on; half-open connections among them end.
        links: Vec<(LinkId, LinkRules)>,
        /// The parts of machines that are as they should be from here on (but for bits that rotted).
        machines: Vec<(NodeId, Ailment)>,
        /// The nodes: who is down starts with the disk it has, who is frozen goes on.
        nodes: Vec<NodeId>,
    },
    /// Gives a knob of the protocol another value, at every node: those that run take it over when it reaches them, those
    /// that are down when they start.
    SetKnob {
        /// Which.
        knob: String,
        /// Its value from here on.
        value: String,
    },
    /// Lets a client ask for one operation, in its own way: its nodes, its patience, its retries.
    Ask {
        /// The client that asks.
        client: ClientId,
        /// What is asked.
        request: Request,
    },
}

/// Who asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Author {
    /// A person at the window.
    #[default]
    User,
    /// A fault script.
    Script,
    /// A lab's preset.
    Lab,
    /// Random faults.
    Nemesis,
}
