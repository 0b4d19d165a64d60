//! Raft to be read: the paper's own words and rules, section by section, in one small state machine.
//!
//! It is written from D. Ongaro and J. Ousterhout, "In Search of an Understandable Consensus Algorithm (Extended Version)",
//! 2014. Begin with [`RaftStudy`], which is the state of Figure 2; `election.rs` is §5.2 and §5.4.1, `replication.rs` is
//! §5.3 and §5.4.2, `snapshot.rs` is §7, `clients.rs` is §8. `variant.rs` lists what can be broken on purpose.

mod clients;
mod disk;
mod election;
mod log;
mod messages;
mod replication;
mod snapshot;
mod variant;
mod view;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

pub(crate) use messages::MESSAGES;
pub(crate) use variant::VARIANTS;

use self::{
    clients::Clients,
    disk::Durable,
    log::Log,
    messages::Message,
    replication::Follower,
    variant::{FLAWS, Flaw},
};
use super::{Ctx, Knob, KnobValues, KvMap, NodeConfig, Protocol};
use crate::{
    disk::{Recovered, SyncId},
    event::{MessageInfo, Milestone, NodeView, RoleKind, TimerView},
    ids::{Epoch, LogIndex, NodeId, OpId},
    name::Name,
    request::{Admin, Refusal, Request, Response},
    time::Timestamp,
};

/// What can be set.
pub(crate) const KNOBS: &[Knob] = &[
    variant::KNOB,
    Knob {
        name: "snapshot_every",
        about: "Take a snapshot and shorten the log after that many applied entries (§7).",
        default: "1000",
        values: KnobValues::Number(1, 1_000_000),
    },
];

/// What problem it solves, what it guarantees, the paper, how to break it.
pub(crate) const ABOUT: &str = include_str!("about.md");

type Context<'a> = Ctx<'a, RaftStudy>;

/// One server: the state of Figure 2, and what it takes to live on a disk and among clients.
pub(crate) struct RaftStudy {
    me: NodeId,
    /// The cluster's members. They do not change: §6 is left to the other Raft of this program.
    members: Vec<NodeId>,
    flaw: Option<Flaw>,
    election_timeout: (Duration, Duration),
    heartbeat: Duration,
    snapshot_every: u64,

    // Persistent state on all servers.
    current_term: Epoch,
    voted_for: Option<NodeId>,
    log: Log,

    // Volatile state on all servers.
    role: Role,
    commit_index: LogIndex,
    last_applied: LogIndex,
    state_machine: KvMap,
    /// Whom it holds for the leader of the current term.
    leader: Option<NodeId>,
    election_timer: Option<TimerView>,
    heard: BTreeMap<NodeId, Timestamp>,

    // Volatile state on candidates and leaders.
    votes: BTreeSet<NodeId>,
    /// `nextIndex[]` and `matchIndex[]`.
    followers: BTreeMap<NodeId, Follower>,

    durable: Durable,
    clients: Clients,
}

/// Figure 4: the states of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Follower,
    Candidate,
    Leader,
    /// Was started as no member: it listens to nobody.
    Spectator,
}

/// The timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// §5.2: no word of a leader for so long, and an election begins.
    Election,
    /// §5.2: the leader keeps others from starting elections.
    Heartbeat,
}

impl Protocol for RaftStudy {
    type Message = Message;
    type Timer = Timer;

    fn start(config: &NodeConfig, disk: &Recovered, ctx: &mut Context<'_>) -> Self {
        let found = log::recover(disk.records(log::FILE));
        let snapshot = found.log.snapshot.as_ref();
        let included = snapshot.map_or(LogIndex(0), |snapshot| snapshot.last_included_index);
        let state_machine = snapshot.map_or_else(KvMap::default, |snapshot| snapshot::state_machine(&snapshot.data));
        let least = config.profile.election_min();
        let member = config.members.contains(&config.me);
        let mut node = Self {
            me: config.me,
            members: config.members.clone(),
            flaw: FLAWS.of(config),
            // Twice the least for up to ten members (§9.3 uses 150 to 300 ms); wider for more, or their votes split.
            election_timeout: (least, least * (1 + config.members.len().div_ceil(10) as u32)),
            heartbeat: config.profile.heartbeat(),
            snapshot_every: config.number(KNOBS, "snapshot_every"),
            current_term: found.current_term,
            voted_for: found.voted_for,
            durable: Durable::of(&found),
            log: found.log,
            role: if member { Role::Follower } else { Role::Spectator },
            commit_index: included,
            last_applied: included,
            state_machine,
            leader: None,
            election_timer: None,
            heard: BTreeMap::new(),
            votes: BTreeSet::new(),
            followers: BTreeMap::new(),
            clients: Clients::default(),
        };
        if !disk.is_empty() {
            ctx.note(Milestone::Recovered { last: node.log.last_index() });
        }
        ctx.log_spliced(node.log.base().next(), node.log.briefs(node.log.base().next()));
        if member {
            node.reset_election_timer(ctx);
        }
        node
    }

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<'_>) {
        if self.role == Role::Spectator || !self.members.contains(&from) {
            return;
        }
        self.hear(from, ctx.now());
        self.see_term(message.term(), ctx);
        match message {
            Message::RequestVote { term, last_log_index, last_log_term, .. } => {
                self.on_request_vote(from, term, (last_log_term, last_log_index), ctx);
            }
            Message::RequestVoteReply { term, vote_granted } => self.on_vote(from, term, vote_granted, ctx),
            Message::AppendEntries { term, prev_log_index, prev_log_term, entries, leader_commit, round, .. } => {
                let reply = |success, match_index| (success, match_index, prev_log_index, round);
                if self.follows(from, term, ctx) {
                    let (success, at) =
                        self.on_append_entries((prev_log_index, prev_log_term), entries, leader_commit, ctx);
                    self.reply_to_append(from, reply(success, at), ctx);
                } else {
                    self.reply_to_append(from, reply(false, self.log.last_index()), ctx);
                }
            }
            Message::AppendEntriesReply { term, success, prev_log_index, match_index, round } => {
                if self.leads_in(term) {
                    self.on_append_reply(from, success, prev_log_index, match_index, round, ctx);
                }
            }
            Message::InstallSnapshot { term, last_included_index, last_included_term, data, .. } => {
                if self.follows(from, term, ctx) {
                    self.on_install_snapshot(last_included_index, last_included_term, data, ctx);
                }
                let (term, last_included_index) = (self.current_term, last_included_index.min(self.commit_index));
                self.say_when_durable(from, Message::InstallSnapshotReply { term, last_included_index }, ctx);
            }
            Message::InstallSnapshotReply { term, last_included_index } => {
                if self.leads_in(term) {
                    self.on_snapshot_installed(from, last_included_index, ctx);
                }
            }
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Context<'_>) {
        match timer {
            Timer::Election => self.start_election(ctx),
            Timer::Heartbeat => self.send_heartbeats(ctx),
        }
    }

    fn on_request(&mut self, op: OpId, request: Request, ctx: &mut Context<'_>) {
        match request {
            Request::Admin(Admin::Campaign) => self.on_campaign(op, ctx),
            Request::Admin(_) => ctx.reply(op, Response::Refused(Refusal::Unsupported)),
            write if write.is_write() => self.on_write(op, write, ctx),
            read => self.on_read(op, read, ctx),
        }
    }

    fn on_synced(&mut self, sync: SyncId, ctx: &mut Context<'_>) {
        self.on_durable(sync, ctx);
    }

    fn on_peer_lost(&mut self, peer: NodeId, _ctx: &mut Context<'_>) {
        // What was under way is lost: it is sent again, from the last entry that the follower is known to have.
        if let Some(follower) = self.followers.get_mut(&peer) {
            follower.rewind(follower.match_index);
        }
    }

    fn on_idle(&mut self, ctx: &mut Context<'_>) {
        if self.role == Role::Leader {
            self.write_gathered(ctx);
            self.begin_round();
            self.replicate(ctx);
        }
        self.answer_confirmed(ctx);
        self.compact_if_due(ctx);
        self.sync_if_dirty(ctx);
    }

    fn view(&self, view: &mut NodeView) {
        self.fill(view);
    }

    fn describe(message: &Message) -> MessageInfo {
        message.info()
    }

    fn fields(message: &Message) -> Vec<(Name, String)> {
        message.fields()
    }

    fn timer_name(timer: Timer) -> Name {
        match timer {
            Timer::Election => Name::new("election"),
            Timer::Heartbeat => Name::new("heartbeat"),
        }
    }
}

impl RaftStudy {
    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn leads_in(&self, term: Epoch) -> bool {
        self.role == Role::Leader && term == self.current_term
    }

    /// Returns how many servers are more than half of all.
    fn majority(&self) -> usize {
        self.members.len() / 2 + 1
    }

    fn others(&self) -> Vec<NodeId> {
        self.members.iter().copied().filter(|member| *member != self.me).collect()
    }

    /// Remembers when a node was heard, not more exactly than a heartbeat: those who watch see it change.
    fn hear(&mut self, from: NodeId, now: Timestamp) {
        let heard = self.heard.entry(from).or_insert(now);
        if now.since(*heard) >= self.heartbeat {
            *heard = now;
        }
    }

    fn kind(&self) -> RoleKind {
        match self.role {
            Role::Follower => RoleKind::Follower,
            Role::Candidate => RoleKind::Candidate,
            Role::Leader => RoleKind::Leader,
            Role::Spectator => RoleKind::Learner,
        }
    }
}
