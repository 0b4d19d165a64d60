//! What a node tells of the cluster: as it believes it to be, right or wrong.

use std::{collections::BTreeMap, fmt::Write};

use super::{
    encode::Reply,
    slot::{SLOTS, slot_of},
};
use crate::{
    event::{NodeView, RoleKind},
    ids::{ClientId, NodeId},
};

/// What a node believes, and what else there is to tell of it.
pub struct Belief<'a> {
    /// The node.
    pub me: NodeId,
    /// What it shows of itself.
    pub view: &'a NodeView,
    /// The id of its protocol.
    pub protocol: &'a str,
    /// On which ports the nodes take clients.
    pub doors: &'a BTreeMap<NodeId, u16>,
    /// How many connections the node has.
    pub connections: usize,
    /// Who asks.
    pub client: ClientId,
    /// The port of the client's end.
    pub client_port: u16,
}

impl Belief<'_> {
    /// Returns whom the node believes to lead.
    fn leader(&self) -> Option<NodeId> {
        match self.view.role {
            RoleKind::Leader => Some(self.me),
            RoleKind::Follower | RoleKind::Candidate | RoleKind::Learner => {
                self.view.leader.filter(|leader| *leader != self.me)
            }
        }
    }

    /// Returns the members, as the node knows them, with itself.
    fn members(&self) -> Vec<NodeId> {
        let mut members: Vec<NodeId> = self.view.voters.iter().chain(&self.view.learners).copied().collect();
        members.extend(self.view.peers.keys());
        members.push(self.me);
        members.sort_unstable();
        members.dedup();
        members
    }

    fn port(&self, node: NodeId) -> u16 {
        self.doors.get(&node).copied().unwrap_or_default()
    }
}

/// Returns a node's name as Redis has them: forty digits.
pub(super) fn name_of(node: NodeId) -> String {
    format!("{:040x}", node.0)
}

/// Answers `CLUSTER …`.
pub(super) fn cluster(belief: &Belief<'_>, args: &[&[u8]], reply: &mut Reply<'_>) {
    let is = |word: &str| args.first().is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()));
    match args {
        [_] if is("SLOTS") => slots(belief, reply),
        [_] if is("SHARDS") => shards(belief, reply),
        [_] if is("NODES") => reply.text(&nodes(belief)),
        [_] if is("INFO") => reply.text(&info(belief)),
        [_] if is("MYID") => reply.bulk(name_of(belief.me).as_bytes()),
        [_, key] if is("KEYSLOT") => reply.number(slot_of(key).into()),
        [_, ..] if ["SLOTS", "SHARDS", "NODES", "INFO", "MYID", "KEYSLOT"].iter().any(|word| is(word)) => {
            let sub = String::from_utf8_lossy(args[0]).to_lowercase();
            reply.error(&format!("ERR wrong number of arguments for 'cluster|{sub}' command"));
        }
        _ => reply.error(&unknown_sub("CLUSTER", args.first().copied().unwrap_or_default())),
    }
}

/// Returns the error about a part of a command that there is not.
pub(super) fn unknown_sub(command: &str, sub: &[u8]) -> String {
    let sub = String::from_utf8_lossy(&sub[..sub.len().min(128)]).into_owned();
    format!("ERR unknown subcommand '{sub}'. Try {command} HELP.")
}

fn slots(belief: &Belief<'_>, reply: &mut Reply<'_>) {
    let Some(leader) = belief.leader() else { return reply.list(0) };
    let followers: Vec<NodeId> = belief.members().into_iter().filter(|node| *node != leader).collect();
    reply.list(1);
    reply.list(3 + followers.len());
    reply.number(0);
    reply.number(i64::from(SLOTS) - 1);
    for node in std::iter::once(leader).chain(followers) {
        reply.list(4);
        reply.bulk(b"127.0.0.1");
        reply.number(belief.port(node).into());
        reply.bulk(name_of(node).as_bytes());
        reply.list(0);
    }
}

fn shards(belief: &Belief<'_>, reply: &mut Reply<'_>) {
    let leader = belief.leader();
    let members = belief.members();
    reply.list(1);
    reply.map(2);
    reply.bulk(b"slots");
    if leader.is_some() {
        reply.list(2);
        reply.number(0);
        reply.number(i64::from(SLOTS) - 1);
    } else {
        reply.list(0);
    }
    reply.bulk(b"nodes");
    reply.list(members.len());
    for node in members {
        let role = if leader == Some(node) { "master" } else { "replica" };
        let offset = if node == belief.me { belief.view.applied_index } else { known_offset(belief, node) };
        reply.map(7);
        for (name, value) in [("id", name_of(node).as_str()), ("ip", "127.0.0.1"), ("endpoint", "127.0.0.1")] {
            reply.bulk(name.as_bytes());
            reply.bulk(value.as_bytes());
        }
        reply.bulk(b"port");
        reply.number(belief.port(node).into());
        reply.bulk(b"role");
        reply.bulk(role.as_bytes());
        reply.bulk(b"replication-offset");
        reply.number(offset.0 as i64);
        reply.bulk(b"health");
        reply.bulk(b"online");
    }
}

fn known_offset(belief: &Belief<'_>, node: NodeId) -> crate::ids::LogIndex {
    belief.view.peers.get(&node).map_or_else(Default::default, |peer| peer.match_index)
}

fn nodes(belief: &Belief<'_>) -> String {
    let leader = belief.leader();
    let mut text = String::new();
    for node in belief.members() {
        let (name, port) = (name_of(node), belief.port(node));
        let myself = if node == belief.me { "myself," } else { "" };
        let (role, master, slots) = match leader {
            Some(leader) if leader == node => ("master", "-".to_owned(), format!(" 0-{}", SLOTS - 1)),
            Some(leader) => ("slave", name_of(leader), String::new()),
            None => ("slave", "-".to_owned(), String::new()),
        };
        let epoch = belief.view.epoch;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name} 127.0.0.1:{port}@{port} {myself}{role} {master} 0 0 {epoch} connected{slots}");
    }
    text
}

fn info(belief: &Belief<'_>) -> String {
    let led = belief.leader().is_some();
    let assigned = if led { SLOTS } else { 0 };
    format!(
        "cluster_enabled:1\r\ncluster_state:{}\r\ncluster_slots_assigned:{assigned}\r\ncluster_slots_ok:{assigned}\r\n\
         cluster_slots_pfail:0\r\ncluster_slots_fail:0\r\ncluster_known_nodes:{}\r\ncluster_size:1\r\n\
         cluster_current_epoch:{}\r\ncluster_my_epoch:{}\r\n",
        if led { "ok" } else { "fail" },
        belief.members().len(),
        belief.view.epoch,
        belief.view.epoch,
    )
}

/// Returns what `INFO` says, of all sections or of those that were named.
pub(super) fn node_info(belief: &Belief<'_>, wanted: &[&[u8]]) -> String {
    let view = belief.view;
    let role = if view.role == RoleKind::Leader { "master" } else { "slave" };
    let mut replication = format!("role:{role}\r\n");
    match belief.leader() {
        Some(leader) if leader == belief.me => {
            let followers: Vec<NodeId> = belief.members().into_iter().filter(|node| *node != leader).collect();
            let _ = write!(replication, "connected_slaves:{}\r\n", followers.len());
            for (nth, node) in followers.into_iter().enumerate() {
                let (port, offset) = (belief.port(node), known_offset(belief, node));
                let lag = view.commit_index.0.saturating_sub(offset.0);
                let _ = write!(
                    replication,
                    "slave{nth}:ip=127.0.0.1,port={port},state=online,offset={offset},lag={lag}\r\n"
                );
            }
        }
        Some(leader) => {
            let _ = write!(
                replication,
                "master_host:127.0.0.1\r\nmaster_port:{}\r\nmaster_link_status:up\r\n",
                belief.port(leader)
            );
        }
        None => replication.push_str("master_host:\r\nmaster_port:0\r\nmaster_link_status:down\r\n"),
    }
    let _ = write!(replication, "master_repl_offset:{}\r\n", view.applied_index);
    let sections = [
        (
            "Server",
            format!(
                "redis_version:{VERSION}\r\nfaultline_version:{}\r\nredis_mode:cluster\r\ntcp_port:{}\r\nrun_id:{}\r\n",
                env!("CARGO_PKG_VERSION"),
                belief.port(belief.me),
                name_of(belief.me)
            ),
        ),
        ("Clients", format!("connected_clients:{}\r\n", belief.connections)),
        ("Replication", replication),
        ("Cluster", "cluster_enabled:1\r\n".to_owned()),
        (
            "Faultline",
            format!(
                "node:{}\r\nprotocol:{}\r\nprotocol_role:{}\r\nepoch:{}\r\nleader:{}\r\ncommit_index:{}\r\n\
                 applied_index:{}\r\npersisted_index:{}\r\nwaiting_for:{}\r\n",
                belief.me,
                belief.protocol,
                view.role_name,
                view.epoch,
                belief.leader().map_or("nobody".to_owned(), |leader| leader.to_string()),
                view.commit_index,
                view.applied_index,
                view.persisted_index,
                view.waiting_for,
            ),
        ),
        ("Keyspace", format!("db0:keys={},expires=0,avg_ttl=0\r\n", view.keys)),
    ];
    let all = wanted.is_empty()
        || wanted
            .iter()
            .any(|word| ["all", "default", "everything"].iter().any(|all| all.as_bytes().eq_ignore_ascii_case(word)));
    let named = |title: &str| wanted.iter().any(|word| word.eq_ignore_ascii_case(title.as_bytes()));
    let told = sections.iter().filter(|(title, _)| all || named(title));
    told.map(|(title, lines)| format!("# {title}\r\n{lines}")).collect::<Vec<_>>().join("\r\n")
}

/// The version of Redis whose answers these are.
pub(super) const VERSION: &str = "7.0.15";
