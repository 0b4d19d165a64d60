//! The table of protocols.

use crate::{
    disk::Recovered,
    event::Family,
    host::{Node, NodeHost, NodePanic, Output},
    name::Name,
    protocol::{
        CORRECT, Knob, NodeConfig, Protocol, VARIANT_KNOB, Variant,
        omni_paxos::{self, OmniPaxos},
        primary_backup::{self, PrimaryBackup},
        raft::{self, Raft},
        raft_study::{self, RaftStudy},
        rpc::{self, Rpc},
        swim::{self, Swim},
    },
    spec::{ClusterSpec, Load, NODES_MAX, SpecError},
    time::Timestamp,
};

/// One protocol.
pub struct ProtocolRow {
    /// Its id in files and flags.
    pub id: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What problem it solves, what it guarantees, the paper, how to break it (Markdown).
    pub about: &'static str,
    /// Its word for an epoch; empty if it has none.
    pub epoch_word: &'static str,
    /// Its word for who leads; empty if nobody does.
    pub leader_word: &'static str,
    /// Whether its nodes hold copies of one state, rather than each one its own.
    pub replicates: bool,
    /// Whether its nodes keep a map for clients; otherwise nobody can ask them to write or read.
    pub serves_clients: bool,
    /// The families of the messages that its nodes send each other, each with its word for them, in the order of
    /// [`Family::ALL`].
    pub families: &'static [(Family, &'static str)],
    /// What can be set.
    pub knobs: &'static [Knob],
    /// The ways in which it can be broken on purpose, by the knob `variant`; none if it has no such knob.
    pub variants: &'static [Variant],
    /// Boots a node.
    pub boot: Boot,
    /// Lists the fields of a message from its bytes; `None` if they are no message of this protocol.
    pub fields: Fields,
}

/// Lists the fields of a message from its bytes.
pub type Fields = fn(&[u8]) -> Option<Vec<(Name, String)>>;

/// Boots a node from its disk at that time, for the so-manieth time.
pub type Boot = fn(&NodeConfig, &Recovered, Timestamp, u32, &mut Vec<Output>) -> Result<Box<dyn Node>, NodePanic>;

const VOTE: (Family, &str) = (Family::Vote, Family::Vote.word());
const APPEND: (Family, &str) = (Family::Append, Family::Append.word());
const HEARTBEAT: (Family, &str) = (Family::Heartbeat, Family::Heartbeat.word());
const REPLY: (Family, &str) = (Family::Reply, Family::Reply.word());
const SNAPSHOT: (Family, &str) = (Family::Snapshot, Family::Snapshot.word());
const CONTROL: (Family, &str) = (Family::Control, Family::Control.word());

/// Every protocol, once.
pub const PROTOCOLS: &[ProtocolRow] = &[
    ProtocolRow {
        id: "raft",
        title: "Raft",
        about: raft::ABOUT,
        epoch_word: "term",
        leader_word: "leader",
        replicates: true,
        serves_clients: true,
        families: &[VOTE, APPEND, HEARTBEAT, REPLY, SNAPSHOT, CONTROL],
        knobs: raft::KNOBS,
        variants: &[],
        boot: boot::<Raft>,
        fields: fields::<Raft>,
    },
    ProtocolRow {
        id: "raft-study",
        title: "Raft, to study",
        about: raft_study::ABOUT,
        epoch_word: "term",
        leader_word: "leader",
        replicates: true,
        serves_clients: true,
        families: &[VOTE, APPEND, HEARTBEAT, REPLY, SNAPSHOT],
        knobs: raft_study::KNOBS,
        variants: raft_study::VARIANTS,
        boot: boot::<RaftStudy>,
        fields: fields::<RaftStudy>,
    },
    ProtocolRow {
        id: "primary-backup",
        title: "Primary-backup",
        about: primary_backup::ABOUT,
        epoch_word: "epoch",
        leader_word: "primary",
        replicates: true,
        serves_clients: true,
        families: &[VOTE, APPEND, HEARTBEAT, REPLY, SNAPSHOT, CONTROL],
        knobs: primary_backup::KNOBS,
        variants: primary_backup::VARIANTS,
        boot: boot::<PrimaryBackup>,
        fields: fields::<PrimaryBackup>,
    },
    ProtocolRow {
        id: "omni-paxos",
        title: "Omni-Paxos",
        about: omni_paxos::ABOUT,
        epoch_word: "ballot",
        leader_word: "leader",
        replicates: true,
        serves_clients: true,
        families: &[VOTE, APPEND, HEARTBEAT, REPLY, SNAPSHOT],
        knobs: omni_paxos::KNOBS,
        variants: omni_paxos::VARIANTS,
        boot: boot::<OmniPaxos>,
        fields: fields::<OmniPaxos>,
    },
    ProtocolRow {
        id: "rpc",
        title: "Remote procedure calls",
        about: rpc::ABOUT,
        epoch_word: "",
        leader_word: "",
        replicates: false,
        serves_clients: true,
        families: &[],
        knobs: rpc::KNOBS,
        variants: rpc::VARIANTS,
        boot: boot::<Rpc>,
        fields: fields::<Rpc>,
    },
    ProtocolRow {
        id: "swim",
        title: "SWIM",
        about: swim::ABOUT,
        epoch_word: "",
        leader_word: "",
        replicates: false,
        serves_clients: false,
        families: &[
            (Family::Vote, "ping-req"),
            (Family::Append, "gossip"),
            (Family::Heartbeat, "ping"),
            (Family::Reply, "ack"),
            (Family::Snapshot, "feed"),
            CONTROL,
        ],
        knobs: swim::KNOBS,
        variants: swim::VARIANTS,
        boot: boot::<Swim>,
        fields: fields::<Swim>,
    },
];

/// Returns the row of a protocol.
pub fn protocol(id: &str) -> Option<&'static ProtocolRow> {
    PROTOCOLS.iter().find(|row| row.id == id)
}

/// Returns the names of the messages of a protocol, for who names one; empty if they are not listed.
pub fn message_names(id: &str) -> &'static [&'static str] {
    match id {
        "raft" => raft::MESSAGES,
        "raft-study" => raft_study::MESSAGES,
        "primary-backup" => primary_backup::MESSAGES,
        "swim" => swim::MESSAGES,
        "omni-paxos" => omni_paxos::MESSAGES,
        // A protocol without a list has its names taken as they are said.
        _ => &[],
    }
}

/// Returns the knobs of a protocol that can be turned while a cluster runs; the others count from its start to its end.
pub fn live_knobs(id: &str) -> &'static [&'static str] {
    match id {
        "raft" => raft::LIVE_KNOBS,
        "primary-backup" => primary_backup::LIVE_KNOBS,
        "swim" => swim::LIVE_KNOBS,
        // A protocol that lists none takes its knobs at the start only.
        _ => &[],
    }
}

/// Returns the value of a knob of a cluster, its default if nobody set it; `None` if its protocol has no such knob.
pub fn knob_value<'a>(spec: &'a ClusterSpec, name: &str) -> Option<&'a str> {
    let knob = protocol(&spec.protocol)?.knobs.iter().find(|knob| knob.name == name)?;
    Some(spec.knobs.get(name).map_or(knob.default, String::as_str))
}

/// Returns the variant of its protocol that a cluster runs; `None` if nothing is broken on purpose.
pub fn variant(spec: &ClusterSpec) -> Option<&'static Variant> {
    let name = spec.knobs.get(VARIANT_KNOB)?;
    protocol(&spec.protocol)?.variants.iter().find(|variant| variant.name == name && name != CORRECT)
}

/// Returns what a cluster runs, for people: a protocol that is broken on purpose is never called by its name alone.
pub fn title(spec: &ClusterSpec) -> String {
    let title = protocol(&spec.protocol).map_or(spec.protocol.as_str(), |row| row.title);
    variant(spec).map_or_else(|| title.to_owned(), |variant| format!("{title} (broken: {})", variant.name))
}

/// Checks a cluster with its protocol and knobs.
pub fn check(spec: &ClusterSpec) -> Result<&'static ProtocolRow, SpecError> {
    spec.check()?;
    let row = protocol(&spec.protocol).ok_or_else(|| SpecError::UnknownProtocol {
        name: spec.protocol.clone(),
        known: PROTOCOLS.iter().map(|row| row.id).collect::<Vec<_>>().join(", "),
    })?;
    check_for(row, spec)?;
    Ok(row)
}

/// Checks a cluster that runs the protocol of that row, which need not be in the table.
pub fn check_for(row: &ProtocolRow, spec: &ClusterSpec) -> Result<(), SpecError> {
    spec.check()?;
    if let Some(client) = spec.clients.iter().find(|client| !row.serves_clients && client.load != Load::Idle) {
        return Err(SpecError::NothingToAsk { protocol: row.title.to_owned(), client: client.id });
    }
    check_nodes(row, spec.nodes.len())?;
    for (name, value) in &spec.knobs {
        let knob = row.knobs.iter().find(|knob| knob.name == name).ok_or_else(|| SpecError::UnknownKnob {
            protocol: row.id.to_owned(),
            knob: name.clone(),
            known: row.knobs.iter().map(|knob| knob.name).collect::<Vec<_>>().join(", "),
        })?;
        if !knob.values.allow(value) {
            return Err(SpecError::KnobValue {
                protocol: row.id.to_owned(),
                knob: name.clone(),
                value: value.clone(),
                expected: knob.values.expected(),
            });
        }
    }
    Ok(())
}

/// Checks how many members there are.
fn check_nodes(row: &ProtocolRow, nodes: usize) -> Result<(), SpecError> {
    let (least, most) = match row.id {
        // Its engine knows no cluster of one; every node asks every other in every round.
        "omni-paxos" => (2, 100),
        _ => (1, NODES_MAX), // as many as anybody may have
    };
    if (least..=most).contains(&nodes) {
        return Ok(());
    }
    Err(SpecError::NodesOfProtocol { protocol: row.id.to_owned(), nodes, least, most })
}

/// Boots a node of protocol `P`.
pub fn boot<P: Protocol>(
    config: &NodeConfig,
    disk: &Recovered,
    now: Timestamp,
    incarnation: u32,
    out: &mut Vec<Output>,
) -> Result<Box<dyn Node>, NodePanic> {
    let node = NodeHost::<P>::boot(config, disk, now, incarnation, out)?;
    Ok(Box::new(node))
}

/// Lists the fields of a message of protocol `P`.
pub fn fields<P: Protocol>(payload: &[u8]) -> Option<Vec<(Name, String)>> {
    postcard::from_bytes::<P::Message>(payload).ok().map(|message| P::fields(&message))
}
