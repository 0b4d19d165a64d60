//! Raft: one leader, one log, a majority for everything. The engine is the crate `raft`; here are its disk, its clients
//! and its window.

mod admin;
mod clients;
mod clock;
mod disk;
mod failover;
mod messages;
mod office;
mod plausible;
mod ready;
mod storage;
mod view;

use std::{
    borrow::Cow,
    collections::{BTreeMap, VecDeque},
};

use raft::{RawNode, ReadOnlyOption, SnapshotStatus, StateRole, eraftpb::MessageType};

pub(crate) use messages::MESSAGES;

use self::{
    admin::Admins, clients::Clients, clock::Clock, failover::Failover, messages::RaftMessage, office::Seen,
    ready::Outstanding, storage::LogStore, view::Waiting,
};
use crate::{
    disk::{Recovered, SyncId},
    event::{MessageInfo, Milestone, NodeView, SnapshotView, TimerView},
    ids::{LogIndex, NodeId, OpId},
    name::Name,
    protocol::{Ctx, Knob, KnobValues, KvMap, NodeConfig, Protocol},
    request::Request,
    time::{Timestamp, TimingProfile},
};

/// What can be set.
pub(crate) const KNOBS: &[Knob] = &[
    Knob {
        name: "pre_vote",
        about: "Ask whether an election could be won before starting it (dissertation §9.6).",
        default: "on",
        values: KnobValues::Flag,
    },
    Knob {
        name: "check_quorum",
        about: "A leader that hears from no majority for an election timeout steps down, and followers who hear from one ignore candidates.",
        default: "on",
        values: KnobValues::Flag,
    },
    Knob {
        name: "reads",
        about: "How reads are served: `index` asks a majority first, `lease` trusts the clock (and turns check_quorum on), `local` asks nobody and may be stale.",
        default: "index",
        values: KnobValues::OneOf(&["index", "lease", "local"]),
    },
    Knob {
        name: "snapshot_every",
        about: "Take a snapshot and shorten the log after that many applied entries.",
        default: "1000",
        values: KnobValues::Number(1, 1_000_000),
    },
    Knob {
        name: "batch_append",
        about: "Merge AppendEntries that wait for the same follower into one.",
        default: "off",
        values: KnobValues::Flag,
    },
    Knob {
        name: "commit_broadcast",
        about: "Tell followers of a commit at once, with an empty AppendEntries; if `off`, the next entries or heartbeat tell them. `auto` is `off` only in the timing profile `real`.",
        default: "auto",
        values: KnobValues::OneOf(&["auto", "on", "off"]),
    },
    Knob {
        name: "fast_failover",
        about: "When the connection to the leader is reset, ask for votes at once, not only after an election timeout. Needs pre_vote and check_quorum, by which a living leader survives a reset, and is never on while reads trust a `lease`. `auto` is `on` only in the timing profile `real`.",
        default: "auto",
        values: KnobValues::OneOf(&["auto", "on", "off"]),
    },
    Knob {
        name: "jitter",
        about: "How far election timeouts spread, as a share of the shortest. At `0%` nothing is left to chance: all nodes are equally patient, count the same ticks, and ask for votes at one moment. `auto` spreads as far as votes travel.",
        default: "auto",
        values: KnobValues::OneOf(&["auto", "0%", "25%", "50%", "100%", "200%"]),
    },
];

/// What can be turned while a cluster runs.
pub(crate) const LIVE_KNOBS: &[&str] = &["pre_vote", "check_quorum", "snapshot_every", "jitter"];

/// What problem it solves, what it guarantees, the paper, how to break it.
pub(crate) const ABOUT: &str = include_str!("about.md");

/// How reads are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    Local,
    /// The engine confirms: by a round of heartbeats, or by its lease.
    Confirmed,
}

/// The timers. Only one runs always: the engine counts ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RaftTimer {
    /// A part of a heartbeat.
    Tick,
    /// The turn to ask for votes after the connection to the leader was reset.
    Failover,
}

/// One node.
pub(crate) struct Raft {
    me: NodeId,
    raw: RawNode<LogStore>,
    reads: Reads,
    snapshot_every: u64,
    map: KvMap,
    /// The last entry applied to the map.
    applied: u64,
    /// The readies whose writes are not known to be durable, oldest first.
    outstanding: VecDeque<Outstanding>,
    /// Term and vote as last written.
    written: (u64, u64),
    /// Term and vote as known to be on the disk.
    durable: (u64, u64),
    clients: Clients,
    admins: Admins,
    clock: Clock,
    failover: Failover,
    seen: Seen,
    heard: BTreeMap<NodeId, Timestamp>,
    /// The snapshots under way: to whom, and when to give up on them.
    snapshots_sent: BTreeMap<u64, Timestamp>,
    voters: Vec<NodeId>,
    learners: Vec<NodeId>,
    snapshot: Option<SnapshotView>,
    waiting: Waiting,
    waiting_for: Cow<'static, str>,
    /// Whether the view may have changed since it was asked for last: most ticks only count.
    stirred: bool,
}

impl Protocol for Raft {
    type Message = RaftMessage;
    type Timer = RaftTimer;

    fn start(config: &NodeConfig, disk: &Recovered, ctx: &mut Ctx<'_, Self>) -> Self {
        let found = disk::recover(config, disk);
        let hard_state = found.store.hard_state().clone();
        let snapshot = found.store.snapshot_kept().map(disk::snapshot_view);
        let (base, last) = (found.store.base(), found.store.last());
        let briefs = found.store.entries_kept().iter().map(disk::brief).collect();
        let engine = engine_config(config, found.applied);
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let raw = RawNode::new(&engine, found.store, &logger).expect("the configuration follows the engine's rules");
        let mut node = Self {
            me: ctx.me(),
            raw,
            reads: if config.knob(KNOBS, "reads") == "local" { Reads::Local } else { Reads::Confirmed },
            snapshot_every: config.number(KNOBS, "snapshot_every"),
            map: found.map,
            applied: found.applied,
            outstanding: VecDeque::new(),
            written: (hard_state.term, hard_state.vote),
            durable: (hard_state.term, hard_state.vote),
            clients: Clients::default(),
            admins: Admins::default(),
            clock: Clock::new(config),
            failover: Failover::new(config),
            seen: Seen::default(),
            heard: BTreeMap::new(),
            snapshots_sent: BTreeMap::new(),
            voters: Vec::new(),
            learners: Vec::new(),
            snapshot,
            waiting: Waiting::default(),
            waiting_for: Cow::default(),
            stirred: true,
        };
        if found.members.voters.is_empty() {
            // A node that joins knows no members; only a snapshot can tell it: the entries alone would make it believe
            // that it is the only member.
            node.raw.raft.pending_request_snapshot = 1;
        }
        node.clock.start(ctx);
        if !disk.is_empty() {
            ctx.note(Milestone::Recovered { last: LogIndex(last) });
        }
        ctx.log_spliced(LogIndex(base.index + 1), briefs);
        node.seen = Seen::of(&node.raw.raft);
        node.take_members();
        node.pump(ctx);
        node.settle(ctx);
        node
    }

    fn on_message(&mut self, from: NodeId, message: RaftMessage, ctx: &mut Ctx<'_, Self>) {
        let message = message.0;
        let log = &self.raw.raft.raft_log;
        if !messages::may_come_from(&message, from, self.me) || !plausible::is_plausible(&message, log) {
            return;
        }
        self.stirred = true;
        self.hear(from, ctx.now());
        self.watch_snapshot(&message);
        // An error says that the message is out of date, or of a node that is no member any more.
        let _ = self.raw.step(message);
        self.settle(ctx);
    }

    fn on_timer(&mut self, timer: RaftTimer, ctx: &mut Ctx<'_, Self>) {
        match timer {
            RaftTimer::Tick => self.tick(ctx),
            RaftTimer::Failover => {
                self.stirred = true;
                self.fail_over(ctx);
            }
        }
    }

    fn on_request(&mut self, op: OpId, request: Request, ctx: &mut Ctx<'_, Self>) {
        self.stirred = true;
        match request {
            Request::Admin(admin) => self.on_admin(op, admin, ctx),
            write if write.is_write() => self.on_write(op, &write, ctx),
            read => self.on_read(op, read, ctx),
        }
        self.settle(ctx);
    }

    fn on_synced(&mut self, sync: SyncId, ctx: &mut Ctx<'_, Self>) {
        self.stirred = true;
        self.release(Some(sync), ctx);
        self.settle(ctx);
    }

    fn on_peer_lost(&mut self, peer: NodeId, ctx: &mut Ctx<'_, Self>) {
        let id = u64::from(peer.0);
        self.stirred = true;
        if self.snapshots_sent.remove(&id).is_some() {
            self.raw.report_snapshot(id, SnapshotStatus::Failure);
        }
        self.raw.report_unreachable(id);
        self.lose_leader(peer, ctx);
        self.settle(ctx);
    }

    fn on_config(&mut self, config: &NodeConfig, ctx: &mut Ctx<'_, Self>) {
        self.stirred = true;
        let engine = &mut self.raw.raft;
        engine.pre_vote = config.flag(KNOBS, "pre_vote");
        engine.set_check_quorum(checks_quorum(config));
        self.snapshot_every = config.number(KNOBS, "snapshot_every");
        self.failover.turn(config);
        self.clock.turn(config);
        self.settle(ctx);
    }

    fn on_idle(&mut self, ctx: &mut Ctx<'_, Self>) {
        // What was settled at the end of the step before stays so while the engine has nothing to do.
        if self.pump(ctx) {
            self.settle(ctx);
        }
    }

    fn view(&self, view: &mut NodeView) {
        self.fill(view);
    }

    fn stirred(&mut self) -> bool {
        std::mem::take(&mut self.stirred)
    }

    fn describe(message: &RaftMessage) -> MessageInfo {
        messages::describe(&message.0)
    }

    fn fields(message: &RaftMessage) -> Vec<(Name, String)> {
        messages::fields(&message.0)
    }

    fn timer_name(timer: RaftTimer) -> Name {
        match timer {
            RaftTimer::Tick => Name::new("tick"),
            RaftTimer::Failover => Name::new("leader lost"),
        }
    }
}

impl Raft {
    fn leads(&self) -> bool {
        self.raw.raft.state == StateRole::Leader
    }

    fn leader(&self) -> Option<NodeId> {
        node_from_id(self.raw.raft.leader_id)
    }

    fn tick(&mut self, ctx: &mut Ctx<'_, Self>) {
        let before = self.shown_by_ticks();
        self.clock.rearm(ctx);
        // The engine cannot campaign between taking a snapshot and knowing it on the disk.
        if !self.installing() {
            self.raw.tick();
            self.seen.fired = self.raw.raft.election_elapsed == 0 && !self.leads();
        }
        let now = ctx.now();
        while let Some((&peer, _)) = self.snapshots_sent.iter().find(|(_, until)| **until <= now) {
            self.stirred = true;
            self.snapshots_sent.remove(&peer);
            self.raw.report_snapshot(peer, SnapshotStatus::Failure);
        }
        self.settle(ctx);
        self.stirred |= before != self.shown_by_ticks();
    }

    /// Returns what a tick may change by itself; the rest of the view changes with messages, requests and the disk.
    fn shown_by_ticks(&self) -> (Option<TimerView>, StateRole, u64, u64, Waiting) {
        let engine = &self.raw.raft;
        (self.clock.timer(), engine.state, engine.term, engine.leader_id, self.waiting)
    }

    fn hear(&mut self, from: NodeId, now: Timestamp) {
        let coarse = self.clock.tick();
        let heard = self.heard.entry(from).or_insert(now);
        if now.since(*heard) >= coarse {
            *heard = now;
        }
    }

    /// A snapshot counts as under way until its receiver says something that it could not say while it waits for one.
    fn watch_snapshot(&mut self, message: &raft::eraftpb::Message) {
        let arrived = match message.msg_type {
            MessageType::MsgHeartbeatResponse => true,
            MessageType::MsgAppendResponse => !message.reject,
            // Nothing else comes from a follower of this leader.
            _ => false,
        };
        if arrived && !self.snapshots_sent.is_empty() && self.snapshots_sent.remove(&message.from).is_some() {
            self.raw.report_snapshot(message.from, SnapshotStatus::Finish);
        }
    }
}

fn engine_config(config: &NodeConfig, applied: u64) -> raft::Config {
    let lease = config.knob(KNOBS, "reads") == "lease";
    raft::Config {
        id: config.me.0.into(),
        election_tick: clock::election_ticks(config),
        // The engine refuses a timeout from here on; ours are drawn by the clock, and never wider than this.
        max_election_tick: clock::election_latest_ticks(config) + 1,
        heartbeat_tick: clock::HEARTBEAT_TICKS,
        applied,
        max_size_per_msg: 1 << 20,
        max_inflight_msgs: 256,
        pre_vote: config.flag(KNOBS, "pre_vote"),
        check_quorum: checks_quorum(config),
        read_only_option: if lease { ReadOnlyOption::LeaseBased } else { ReadOnlyOption::Safe },
        batch_append: config.flag(KNOBS, "batch_append"),
        skip_bcast_commit: !broadcasts_commits(config),
        ..raft::Config::default()
    }
}

/// A lease is worth something only if a leader without a majority gives up.
fn checks_quorum(config: &NodeConfig) -> bool {
    config.knob(KNOBS, "reads") == "lease" || config.flag(KNOBS, "check_quorum")
}

/// Without the broadcast a put takes about half the frames; with it, those who watch see followers keep up.
fn broadcasts_commits(config: &NodeConfig) -> bool {
    match config.knob(KNOBS, "commit_broadcast") {
        "auto" => config.profile != TimingProfile::Real,
        chosen => chosen == "on",
    }
}

/// Returns the node of an engine's id; 0 is nobody.
fn node_from_id(id: u64) -> Option<NodeId> {
    u16::try_from(id).ok().filter(|id| *id > 0).map(NodeId)
}
