//! The table of protocols.

use crate::{
    disk::Recovered,
    host::{Node, NodeHost, NodePanic, Output},
    name::Name,
    protocol::{
        CORRECT, Knob, NodeConfig, Protocol, VARIANT_KNOB, Variant,
        primary_backup::{self, PrimaryBackup},
        raft::{self, Raft},
        raft_study::{self, RaftStudy},
    },
    spec::{ClusterSpec, SpecError},
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
    /// Its word for an epoch.
    pub epoch_word: &'static str,
    /// Its word for who leads.
    pub leader_word: &'static str,
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

/// Every protocol, once.
pub const PROTOCOLS: &[ProtocolRow] = &[
    ProtocolRow {
        id: "raft",
        title: "Raft",
        about: raft::ABOUT,
        epoch_word: "term",
        leader_word: "leader",
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
        knobs: primary_backup::KNOBS,
        variants: primary_backup::VARIANTS,
        boot: boot::<PrimaryBackup>,
        fields: fields::<PrimaryBackup>,
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
        // A protocol without a list has its names taken as they are said.
        _ => &[],
    }
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
