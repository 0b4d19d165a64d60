//! Primary-backup replication, written by hand: one node orders the writes, the others copy its log.
//!
//! There is no quorum anywhere. What that costs, and what epoch fencing repairs of it, is what this protocol is for.

mod admin;
mod backup;
mod log;
mod messages;
mod monitor;
mod primary;
mod reads;
mod settings;
#[cfg(test)]
mod tests;
mod variant;
mod view;

use std::collections::{BTreeMap, VecDeque};

pub(crate) use messages::MESSAGES;
pub(crate) use variant::VARIANTS;

use self::{
    admin::Handover,
    backup::Backup,
    log::{EpochRecord, LOG, Log, STATE, Snapshot},
    messages::{Body, Message},
    monitor::Monitor,
    primary::Primary,
    reads::WaitingReads,
    settings::Settings,
    variant::Flaw,
};
use super::{Ctx, Knob, KvMap, NodeConfig, Protocol};
use crate::{
    disk::{Recovered, SyncId},
    event::{MessageInfo, Milestone, NodeView},
    ids::{Epoch, LogIndex, NodeId, OpId},
    name::Name,
    request::{Refusal, Request},
};

/// What can be set.
pub(crate) const KNOBS: &[Knob] = settings::KNOBS;
/// What can be turned while a cluster runs.
pub(crate) const LIVE_KNOBS: &[&str] = settings::LIVE_KNOBS;
/// What it is, for people.
pub(crate) const ABOUT: &str = include_str!("about.md");

type Context<'a> = Ctx<'a, PrimaryBackup>;

/// One node of primary-backup replication.
pub(crate) struct PrimaryBackup {
    me: NodeId,
    members: Vec<NodeId>,
    settings: Settings,
    role: Role,
    /// The epoch that this node takes part in.
    epoch: Epoch,
    /// The highest epoch that it ever heard of.
    seen: Epoch,
    primary: Option<NodeId>,
    log: Log,
    state: KvMap,
    commit: LogIndex,
    applied: LogIndex,
    persisted: LogIndex,
    /// Whether something was written since the last sync was asked for.
    dirty: bool,
    /// The syncs under way, and the last position of the log that each makes durable.
    syncs: VecDeque<(SyncId, LogIndex)>,
    /// The clients that wait for the entry at a position.
    pending: BTreeMap<LogIndex, OpId>,
    handover: Option<Handover>,
    waiting: WaitingReads,
    lead: Primary,
    follow: Backup,
    monitor: Monitor,
}

/// What the node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Orders the writes.
    Primary,
    /// Copies the primary's log.
    Backup,
    /// Was primary, knows of a later one, and has not given up what differs in its log yet.
    Deposed,
    /// Was started as no member, and stays none.
    Spectator,
}

/// The timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The primary says that it is here.
    Heartbeat,
    /// The backup loses patience with the primary.
    Suspicion,
    /// The suspicious backup has waited for the answers of the others.
    Claim,
    /// Semi-synchronous replication loses patience with its backups.
    SemiTimeout,
    /// The hand-over took too long.
    Handover,
}

impl Protocol for PrimaryBackup {
    type Message = Message;
    type Timer = Timer;

    fn start(config: &NodeConfig, disk: &Recovered, ctx: &mut Context<'_>) -> Self {
        let log = Log::recover(disk.records(LOG));
        let record = disk
            .records(STATE)
            .last()
            .map(|bytes| postcard::from_bytes::<EpochRecord>(bytes).expect("a node can read the records it wrote"));
        let EpochRecord { epoch, primary } = record.unwrap_or_default();
        let member = config.members.contains(&config.me);
        let mut node = Self {
            me: config.me,
            members: config.members.clone(),
            settings: Settings::of(config),
            role: if member { Role::Backup } else { Role::Spectator },
            epoch,
            seen: epoch,
            primary: None,
            state: log.replay(log.base()),
            commit: log.base(),
            applied: log.base(),
            persisted: log.last(),
            log,
            dirty: false,
            syncs: VecDeque::new(),
            pending: BTreeMap::new(),
            handover: None,
            waiting: WaitingReads::default(),
            lead: Primary::default(),
            follow: Backup::default(),
            monitor: Monitor::default(),
        };
        ctx.log_spliced(node.log.base().next(), node.log.briefs(LogIndex(1)));
        if !disk.is_empty() {
            ctx.note(Milestone::Recovered { last: node.log.last() });
        }
        if member {
            node.take_up_work(disk.is_empty(), primary, ctx);
        }
        node
    }

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<'_>) {
        let Message { epoch, body } = message;
        if self.role == Role::Spectator {
            return;
        }
        self.seen = self.seen.max(epoch);
        match body {
            Body::Replicate { prev_index, prev_epoch, entries, commit } => {
                if self.accept_primary(from, epoch, ctx) {
                    self.on_replicate(from, (prev_index, prev_epoch), entries, commit, ctx);
                }
            }
            Body::Heartbeat { commit, through, sent } => {
                if self.accept_primary(from, epoch, ctx) {
                    self.on_heartbeat(from, commit, through, sent, ctx);
                }
            }
            Body::InstallSnapshot { snapshot } => {
                if self.accept_primary(from, epoch, ctx) {
                    self.on_install_snapshot(snapshot, ctx);
                }
            }
            Body::ReplicateReply { ok, match_index } => {
                if self.leads_in(epoch) {
                    self.on_replicate_reply(from, ok, match_index, ctx);
                }
            }
            Body::HeartbeatReply { sent, have, complete } => {
                if self.leads_in(epoch) {
                    self.on_heartbeat_reply(from, sent, have, complete, ctx);
                }
            }
            Body::Status { last_epoch, last_index } => self.on_status(from, (last_epoch, last_index), ctx),
            Body::StatusReply { last_epoch, last_index, hears } => {
                self.on_status_reply(from, epoch, (last_epoch, last_index), hears);
            }
            Body::StaleEpoch { primary } => self.on_stale_epoch(epoch, primary, ctx),
            Body::Promote => self.on_promote(epoch, ctx),
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Context<'_>) {
        match timer {
            Timer::Heartbeat => self.on_heartbeat_timer(ctx),
            Timer::Suspicion => self.on_suspicion(ctx),
            Timer::Claim => self.on_claim(ctx),
            Timer::SemiTimeout => self.on_semi_timeout(ctx),
            Timer::Handover => self.on_handover_timeout(ctx),
        }
    }

    fn on_request(&mut self, op: OpId, request: Request, ctx: &mut Context<'_>) {
        match request {
            Request::Admin(admin) => self.on_admin(op, admin, ctx),
            write if write.is_write() => self.on_write(op, write, ctx),
            read => self.on_read(op, &read, ctx),
        }
    }

    fn on_session_read(&mut self, op: OpId, request: Request, after: LogIndex, ctx: &mut Context<'_>) {
        self.read_in_session(op, request, after, ctx);
    }

    fn on_config(&mut self, config: &NodeConfig, ctx: &mut Context<'_>) {
        self.settings = Settings::of(config);
        match self.role {
            Role::Primary => self.advance_commit(ctx),
            // Whoever is monitored from here on gets the time to be heard.
            Role::Backup | Role::Deposed => self.expect_primary(ctx),
            Role::Spectator => {}
        }
    }

    fn on_synced(&mut self, sync: SyncId, ctx: &mut Context<'_>) {
        while let Some((_, last)) = self.syncs.pop_front_if(|(id, _)| *id <= sync) {
            self.persisted = self.persisted.max(last);
        }
        match self.role {
            Role::Primary => {
                self.lead_if_durable(ctx);
                self.advance_commit(ctx);
            }
            Role::Backup | Role::Deposed => {
                self.follow_commit(ctx);
                self.answer_primary(ctx);
            }
            Role::Spectator => {}
        }
    }

    fn on_idle(&mut self, ctx: &mut Context<'_>) {
        if self.dirty {
            self.dirty = false;
            let sync = ctx.sync();
            self.syncs.push_back((sync, self.log.last()));
        }
        match self.role {
            Role::Primary => self.replicate(ctx),
            Role::Backup | Role::Deposed if self.syncs.is_empty() => self.answer_primary(ctx),
            Role::Backup | Role::Deposed | Role::Spectator => {}
        }
        self.answer_waiting_reads(ctx);
    }

    fn view(&self, view: &mut NodeView) {
        self.fill_view(view);
    }

    fn describe(message: &Message) -> MessageInfo {
        message.info()
    }

    fn fields(message: &Message) -> Vec<(Name, String)> {
        message.fields()
    }

    fn timer_name(timer: Timer) -> Name {
        Name::new(match timer {
            Timer::Heartbeat => "heartbeat",
            Timer::Suspicion => "suspicion",
            Timer::Claim => "claim",
            Timer::SemiTimeout => "semi-timeout",
            Timer::Handover => "hand-over",
        })
    }
}

impl PrimaryBackup {
    /// A member boots: it founds the cluster, resumes its office, or waits for a primary.
    fn take_up_work(&mut self, fresh: bool, primary: Option<NodeId>, ctx: &mut Context<'_>) {
        if self.members.len() == 1 || (!self.settings.monitored && primary == Some(self.me)) {
            let epoch = if self.epoch == Epoch(0) { Epoch(1) } else { self.epoch };
            return self.lead_in(epoch, ctx);
        }
        self.primary = primary.filter(|primary| *primary != self.me);
        if fresh && self.members.iter().min() == Some(&self.me) {
            // An empty disk is that of a first start, or a wiped one: those who know better get the time to say so.
            self.ask_others(self.settings.heartbeat, ctx);
        } else {
            self.expect_primary(ctx);
        }
    }

    /// Appends an entry to memory and disk.
    fn append(&mut self, entry: log::Entry, ctx: &mut Context<'_>) -> LogIndex {
        let brief = entry.brief();
        let (index, record) = self.log.push(entry);
        ctx.append(LOG, record);
        ctx.log_spliced(index, vec![brief]);
        self.dirty |= !self.has(Flaw::AckBeforeFsync);
        index
    }

    /// Writes down the epoch and its primary.
    fn save_epoch(&mut self, ctx: &mut Context<'_>) {
        let record = EpochRecord { epoch: self.epoch, primary: self.primary };
        ctx.replace(STATE, vec![log::encode(&record)]);
        self.dirty = true;
    }

    /// Applies entries up to the commit index, and answers those who wait for them.
    fn apply_committed(&mut self, ctx: &mut Context<'_>) {
        while self.applied < self.commit {
            let index = self.applied.next();
            let entry = self.log.get(index).expect("what is committed is in the log");
            if let Some((op, request)) = &entry.write {
                let response = self.state.apply(*op, request, index);
                ctx.note(Milestone::Applied { op: *op, index });
                if let Some(op) = self.pending.remove(&index) {
                    ctx.reply(op, response);
                }
            }
            self.applied = index;
        }
        if self.applied.0 - self.log.base().0 >= self.settings.snapshot_every {
            self.take_snapshot(ctx);
        }
    }

    /// Compacts all but the youngest half of the applied entries, which backups a little behind may still ask for.
    fn take_snapshot(&mut self, ctx: &mut Context<'_>) {
        let index = LogIndex(self.applied.0 - self.settings.snapshot_every / 2);
        let epoch = self.log.epoch_at(index).expect("what is applied is in the log");
        let state = self.log.replay(index).to_bytes();
        self.log.compact(Snapshot { index, epoch, state });
        ctx.replace(LOG, self.log.records());
        self.dirty = true;
        ctx.note(Milestone::SnapshotTaken { index });
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.settings.flaw == Some(flaw)
    }

    /// Returns the last position that this node may answer for: that its own disk has it.
    fn answerable(&self) -> LogIndex {
        if self.has(Flaw::AckBeforeFsync) { self.log.last() } else { self.persisted }
    }

    fn not_leader(&self) -> Refusal {
        Refusal::NotLeader { leader: self.primary.filter(|primary| *primary != self.me) }
    }

    fn leads_in(&self, epoch: Epoch) -> bool {
        self.role == Role::Primary && self.epoch == epoch
    }

    fn others(&self) -> impl Iterator<Item = NodeId> {
        self.members.iter().copied().filter(|member| *member != self.me)
    }

    fn send(&self, to: NodeId, body: Body, ctx: &mut Context<'_>) {
        ctx.send(to, Message { epoch: self.epoch, body });
    }
}
