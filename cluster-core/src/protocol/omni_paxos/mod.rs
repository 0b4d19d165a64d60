//! Omni-Paxos: whoever a majority reaches may lead, and fetches the log that it lacks. The engine is the crate `omnipaxos`;
//! here are its disk, its links, its clients and its window.
//!
//! Begin with [`OmniPaxos`]. `link.rs` and `plausible.rs` stand between the wire and the engine, `log.rs` and `disk.rs`
//! between the engine and the disk; `snapshot.rs` shortens logs, `clients.rs` serves clients, `office.rs` tells who leads.

mod clients;
mod disk;
mod link;
mod log;
mod messages;
mod office;
mod plausible;
mod snapshot;
mod variant;
mod view;

use std::{collections::BTreeMap, time::Duration};

use omnipaxos::{
    ClusterConfig, OmniPaxos as Engine, ServerConfig,
    ballot_leader_election::Ballot,
    messages::{
        Message,
        ballot_leader_election::{BLEMessage, HeartbeatMsg},
        sequence_paxos::PaxosMessage,
    },
};

pub(crate) use messages::MESSAGES;
pub(crate) use variant::VARIANTS;

use self::{
    clients::{Clients, unavailable},
    disk::Durable,
    link::Link,
    log::{Command, Shared},
    messages::{Envelope, Said},
    office::{Office, Promises},
    plausible::Route,
    variant::{FLAWS, Flaw},
};
use super::{Ctx, Knob, KnobValues, KvMap, NodeConfig, Protocol};
use crate::{
    disk::{Recovered, SyncId},
    event::{MessageInfo, Milestone, NodeView, SnapshotView, TimerView},
    ids::{Epoch, LogIndex, NodeId, OpId},
    name::Name,
    request::{Admin, Refusal, Request, Response},
    time::Timestamp,
};

/// What can be set.
pub(crate) const KNOBS: &[Knob] = &[
    Knob {
        name: "election_ticks",
        about: "How many ticks a round of heartbeats takes. A node that is not answered within a round counts as out of reach, so it must be longer than the way there and back.",
        default: "8",
        values: KnobValues::Number(2, 200),
    },
    Knob {
        name: "resend_ticks",
        about: "After how many ticks what was not answered is sent again, while logs are being synced.",
        default: "8",
        values: KnobValues::Number(1, 200),
    },
    Knob {
        name: "reads",
        about: "How reads are served: `log` puts them in the log like writes, `local` answers at once, from any node, and may be stale.",
        default: "log",
        values: KnobValues::OneOf(&["log", "local"]),
    },
    Knob {
        name: "snapshot_every",
        about: "Take a snapshot and shorten the log after that many applied entries.",
        default: "1000",
        values: KnobValues::Number(1, 1_000_000),
    },
    variant::KNOB,
];

/// What problem it solves, what it guarantees, the paper, how to break it.
pub(crate) const ABOUT: &str = include_str!("about.md");

/// Ticks in a heartbeat of the timing profile.
const TICKS_A_HEARTBEAT: u32 = 2;
/// The members do not change: there is one configuration.
const CONFIGURATION: u32 = 1;

type Context<'a> = Ctx<'a, OmniPaxos>;

/// One server.
pub(crate) struct OmniPaxos {
    me: NodeId,
    members: Vec<NodeId>,
    /// The engine's number for this node: its place among the members, from 1.
    pid: u64,
    flaw: Option<Flaw>,
    reads_locally: bool,
    snapshot_every: u64,
    election_ticks: u64,
    resend_ticks: u64,
    tick: Duration,

    /// None, if the node was started as no member: it listens to nobody.
    engine: Option<Engine<Command, Shared>>,
    log: Shared,
    /// How often the node booted.
    life: u64,
    links: BTreeMap<NodeId, Link>,
    durable: Durable,
    /// Whether something is to be written at the end of this burst, and the first entry that is.
    dirty: bool,
    unwritten: Option<LogIndex>,

    map: KvMap,
    /// The last entry applied to the map.
    applied: u64,
    snapshot: Option<SnapshotView>,
    clients: Clients,

    office: Office,
    epoch: Epoch,
    /// The promise with which the engine was built: of a ballot that this node led in an earlier life, it leads nothing.
    promise_at_start: Ballot,
    elected_in: Option<Epoch>,
    promises: Promises,
    /// Whose log it took over last, and how many entries.
    synced_from: Option<(NodeId, u64)>,
    /// What it says of itself in heartbeats: whether it sees no need for another leader.
    happy: bool,
    /// The round of heartbeats that runs, and its ticks so far.
    round: Option<TimerView>,
    ticks: u64,
    heard: BTreeMap<NodeId, Timestamp>,
}

/// The timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The engine counts ticks.
    Tick,
}

impl Protocol for OmniPaxos {
    type Message = Envelope;
    type Timer = Timer;

    fn start(config: &NodeConfig, disk: &Recovered, ctx: &mut Context<'_>) -> Self {
        let found = disk::recover(disk);
        let map = found.snapshot.as_ref().map_or_else(KvMap::default, |snapshot| {
            KvMap::from_bytes(&snapshot.map).expect("the snapshot file holds a map that this program wrote")
        });
        let mut node = Self {
            me: config.me,
            members: config.members.clone(),
            pid: config.members.iter().position(|member| *member == config.me).map_or(0, |at| at as u64 + 1),
            flaw: FLAWS.of(config),
            reads_locally: config.knob(KNOBS, "reads") == "local",
            snapshot_every: config.number(KNOBS, "snapshot_every"),
            election_ticks: config.number(KNOBS, "election_ticks"),
            resend_ticks: config.number(KNOBS, "resend_ticks"),
            tick: config.profile.heartbeat() / TICKS_A_HEARTBEAT,
            engine: None,
            durable: Durable::of(&found.log),
            life: found.life + 1,
            links: BTreeMap::new(),
            dirty: true, // a life is counted before anything is said in it
            unwritten: None,
            map,
            applied: found.snapshot.as_ref().map_or(0, |snapshot| snapshot.index),
            snapshot: found.snapshot.as_ref().map(snapshot::view_of),
            clients: Clients::default(),
            office: Office::Follower,
            epoch: epoch_of(found.log.promise),
            promise_at_start: found.log.promise,
            elected_in: None,
            promises: Promises::default(),
            synced_from: None,
            happy: true,
            round: None,
            ticks: 0,
            heard: BTreeMap::new(),
            log: Shared::of(found.log),
        };
        if !disk.is_empty() {
            ctx.note(Milestone::Recovered { last: LogIndex(node.log.log().last()) });
        }
        let first = LogIndex(node.log.log().base + 1);
        let briefs = node.log.log().briefs(first);
        ctx.log_spliced(first, briefs);
        node.start_engine();
        node.start_ticking(ctx);
        node.flush(ctx);
        node
    }

    fn on_message(&mut self, from: NodeId, message: Envelope, ctx: &mut Context<'_>) {
        let Some(sender) = self.pid_of(from).filter(|_| self.engine.is_some()) else { return };
        let Envelope { numbers, mut said } = message;
        let route = Route { from: sender, me: self.pid, members: self.members.len() as u64 };
        self.weigh_promise(from, &mut said);
        if !plausible::is_plausible(&said, route, &self.log.log()) {
            return;
        }
        let arrival = self.links.entry(from).or_default().take(numbers, said.is_heartbeat());
        if !arrival.fresh {
            return;
        }
        self.hear(from, ctx.now());
        if let Some(engine) = self.engine.as_mut().filter(|_| arrival.interrupted) {
            engine.reconnected(sender);
        }
        if !self.helps_with_a_snapshot(from, &said, ctx) {
            self.take(from, sender, said, ctx);
        }
        self.settle(ctx);
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Context<'_>) {
        match timer {
            Timer::Tick => self.on_tick(ctx),
        }
    }

    fn on_request(&mut self, op: OpId, request: Request, ctx: &mut Context<'_>) {
        match request {
            _ if self.engine.is_none() => ctx.reply(op, unavailable("the node is no member")),
            Request::Admin(Admin::Campaign) => {
                if let Some(engine) = &mut self.engine {
                    engine.try_become_leader();
                }
                self.settle(ctx);
                ctx.reply(op, Response::Done);
            }
            Request::Admin(_) => ctx.reply(op, Response::Refused(Refusal::Unsupported)),
            operation => self.on_operation(op, operation, ctx),
        }
    }

    fn on_synced(&mut self, sync: SyncId, ctx: &mut Context<'_>) {
        self.on_durable(sync, ctx);
        self.apply_decided(ctx);
    }

    fn on_idle(&mut self, ctx: &mut Context<'_>) {
        self.append_gathered();
        self.settle(ctx);
        self.flush(ctx);
        self.apply_decided(ctx);
        self.compact_if_due(ctx);
    }

    fn view(&self, view: &mut NodeView) {
        self.fill(view);
    }

    fn describe(message: &Envelope) -> MessageInfo {
        message.said.info()
    }

    fn fields(message: &Envelope) -> Vec<(Name, String)> {
        message.said.fields()
    }

    fn timer_name(timer: Timer) -> Name {
        match timer {
            Timer::Tick => Name::new("tick"),
        }
    }
}

impl OmniPaxos {
    /// Builds the engine on what the log is.
    fn start_engine(&mut self) {
        if self.pid == 0 {
            return;
        }
        self.promise_at_start = self.log.log().promise;
        let cluster = ClusterConfig {
            configuration_id: CONFIGURATION,
            nodes: (1..=self.members.len() as u64).collect(),
            flexible_quorum: None,
        };
        let server = ServerConfig {
            pid: self.pid,
            election_tick_timeout: self.election_ticks,
            resend_message_tick_timeout: self.resend_ticks,
            // Its buffer grows as it must.
            buffer_size: 16,
            ..ServerConfig::default()
        };
        let engine = cluster.build_for_server(server, self.log.clone());
        self.engine = Some(engine.expect("the registry checked the number of members"));
        self.log.log().take_changes();
        self.ticks = 0;
    }

    /// Hands something over that another node said.
    fn take(&mut self, from: NodeId, sender: u64, said: Said, ctx: &mut Context<'_>) {
        let (from_pid, to) = (sender, self.pid);
        let message = match said {
            Said::Heartbeat(msg) => Message::BLE(BLEMessage { from: from_pid, to, msg }),
            Said::Paxos(msg) => Message::SequencePaxos(PaxosMessage { from: from_pid, to, msg }),
            Said::Snapshot(snapshot) => return self.install(from, snapshot, ctx),
        };
        if let Some(engine) = &mut self.engine {
            engine.handle_incoming(message);
        }
    }

    /// Writes what this burst changed, and sends what it wants to be said: at once, or when the disk has it.
    fn flush(&mut self, ctx: &mut Context<'_>) {
        if std::mem::take(&mut self.dirty) {
            let first = self.unwritten.take();
            self.write_step(first, ctx);
        }
        self.take_said(ctx);
    }

    /// Takes what the engine wants to be said.
    fn take_said(&mut self, ctx: &mut Context<'_>) {
        let Some(engine) = &mut self.engine else { return };
        let mut messages = Vec::new();
        engine.take_outgoing_messages(&mut messages);
        for message in messages {
            let Some(to) = self.node_of(message.get_receiver()) else { continue };
            match message {
                Message::SequencePaxos(message) => self.say_when_durable(to, Said::Paxos(message.msg), ctx),
                Message::BLE(message) => {
                    if let HeartbeatMsg::Reply(reply) = &message.msg {
                        self.happy = reply.happy;
                    }
                    let said = Said::Heartbeat(message.msg);
                    // The first record of a life says which one it is: until then nothing can be numbered.
                    if self.durable.born { self.say(to, said, ctx) } else { self.say_when_durable(to, said, ctx) }
                }
            }
        }
    }

    fn say(&mut self, to: NodeId, said: Said, ctx: &mut Context<'_>) {
        let numbers = self.links.entry(to).or_default().number(self.life, said.is_heartbeat());
        ctx.send(to, Envelope { numbers, said });
    }

    fn start_ticking(&mut self, ctx: &mut Context<'_>) {
        // Somewhere within a tick: nodes that boot together would otherwise all tick at one instant.
        let phase = ctx.random_duration(Duration::ZERO, self.tick);
        ctx.set_timer(Timer::Tick, phase);
        if self.engine.is_some() {
            self.show_round(ctx.now());
        }
    }

    fn on_tick(&mut self, ctx: &mut Context<'_>) {
        ctx.set_timer(Timer::Tick, self.tick);
        let Some(engine) = &mut self.engine else { return };
        engine.tick();
        self.ticks = (self.ticks + 1) % self.election_ticks;
        if self.ticks == 0 {
            self.show_round(ctx.now());
        }
        self.settle(ctx);
    }

    fn show_round(&mut self, from: Timestamp) {
        let until = from + self.tick * self.election_ticks as u32;
        self.round = Some(TimerView { name: Name::new("heartbeat round"), from, until });
    }

    /// Returns whether it heard from a majority in the last round of heartbeats.
    fn is_connected(&self) -> bool {
        let heard = self.engine.as_ref().map_or(0, |engine| engine.get_ui_states().heartbeats.len());
        heard + 1 > self.members.len() / 2
    }

    /// Remembers when a node was heard, not more exactly than a heartbeat: those who watch see it change.
    fn hear(&mut self, from: NodeId, now: Timestamp) {
        let coarse = self.tick * TICKS_A_HEARTBEAT;
        let heard = self.heard.entry(from).or_insert(now);
        if now.since(*heard) >= coarse {
            *heard = now;
        }
    }

    /// Returns whom it believes to lead.
    fn leader(&self) -> Option<NodeId> {
        let promise = self.log.log().promise;
        // A ballot of one's own from an earlier life is led by nobody.
        let led = promise.pid != self.pid || self.office != Office::Follower;
        self.node_of(promise.pid).filter(|_| led)
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn pid_of(&self, node: NodeId) -> Option<u64> {
        self.members.iter().position(|member| *member == node).map(|at| at as u64 + 1)
    }

    fn node_of(&self, pid: u64) -> Option<NodeId> {
        self.members.get(usize::try_from(pid).ok()?.checked_sub(1)?).copied()
    }
}

/// Returns a ballot as one number that grows with it: its number in thousands, then whose it is.
fn epoch_of(ballot: Ballot) -> Epoch {
    Epoch(u64::from(ballot.n) * 1000 + ballot.pid)
}
