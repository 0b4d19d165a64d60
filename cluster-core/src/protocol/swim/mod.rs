//! SWIM on the engine `foca`: who is alive, as an opinion that spreads; with a switch for Lifeguard's local health.
//!
//! The engine decides what is said and believed. Its packets are taken apart and its timers are ours, so Lifeguard acts
//! around it: on how long timers run, and by what rides along with its packets.

mod health;
mod life;
mod luck;
mod packet;
mod settings;
mod suspicion;
mod variant;
mod view;

use std::{collections::BTreeMap, time::Duration};

use foca::{AccumulatingRuntime, Foca, Member, Message as Kind, NoCustomBroadcast, State};

pub(crate) use packet::MESSAGES;
pub(crate) use variant::VARIANTS;

use self::{
    health::Health,
    life::LIVES,
    luck::Luck,
    packet::{Id, Message, Packet, Wire, status_of},
    settings::Settings,
    suspicion::{Suspicions, lasting},
    variant::Flaw,
};
use super::{Ctx, Knob, NodeConfig, Protocol};
use crate::{
    disk::{Recovered, SyncId},
    event::{Incarnation, MemberStatus, MessageInfo, Milestone, NodeView, Opinion},
    ids::{NodeId, OpId},
    name::Name,
    request::{Admin, Refusal, Request, Response},
};

/// What can be set.
pub(crate) const KNOBS: &[Knob] = settings::KNOBS;
/// What can be set while it runs.
pub(crate) const LIVE_KNOBS: &[&str] = &["lifeguard"];
/// What it is, for people.
pub(crate) const ABOUT: &str = include_str!("about.md");

type Context<'a> = Ctx<'a, Swim>;
type Engine = Foca<Id, Wire, Luck, NoCustomBroadcast>;

/// One member.
pub(crate) struct Swim {
    me: NodeId,
    /// The members at the start of the cluster.
    members: Vec<NodeId>,
    settings: Settings,
    engine: Engine,
    runtime: AccumulatingRuntime<Id>,
    timers: BTreeMap<Timer, foca::Timer<Id>>,
    /// Whether its first life of this run is on disk: before that it says nothing, and listens to nobody.
    joined: bool,
    fresh: bool,
    /// Whether somebody has spoken to it since its life began: only then does the engine probe.
    heard: bool,
    /// What waits for a life that began since: no message tells of it before it is on disk.
    unsaved: Option<SyncId>,
    held: Vec<(Id, Packet)>,
    /// What it last told of itself.
    incarnation: Incarnation,
    opinions: BTreeMap<NodeId, Opinion>,
    suspicions: Suspicions,
    health: Health,
    /// Whom it pings for others, which wait for it: by who asked, and in which round.
    errands: BTreeMap<(NodeId, u8), NodeId>,
    /// Packets that were no sense.
    refused: u64,
}

/// The timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The next member is pinged; whoever did not answer is suspected.
    Probe,
    /// The one who was pinged did not answer: others are asked.
    Indirect,
    /// Rumors are passed on.
    Gossip,
    /// Another member is asked who there is.
    Announce,
    /// One who is held for dead is spoken to: it may be cut off.
    Reach,
    /// Nobody answered when it returned: it asks again.
    Join,
    /// A suspicion becomes a death.
    Suspicion(NodeId),
    /// Who asked is told that there is no answer.
    Nack(NodeId, u8),
}

impl Protocol for Swim {
    type Message = Message;
    type Timer = Timer;

    fn start(config: &NodeConfig, disk: &Recovered, ctx: &mut Context<'_>) -> Self {
        let settings = Settings::of(config);
        let last = disk
            .records(LIVES)
            .last()
            .map(|bytes| postcard::from_bytes::<u32>(bytes).expect("a node can read the records it wrote"));
        let life = last.unwrap_or(0).saturating_add(1);
        let seed = ctx.random_duration(Duration::ZERO, Duration::from_nanos(u64::MAX)).as_nanos() as u64;
        let identity = Id { node: config.me, life };
        let mut node = Self {
            me: config.me,
            members: config.members.clone(),
            engine: Foca::new(identity, settings.engine(false), Luck::new(seed), Wire),
            settings,
            runtime: AccumulatingRuntime::new(),
            timers: BTreeMap::new(),
            joined: false,
            fresh: last.is_none(),
            heard: false,
            unsaved: None,
            held: Vec::new(),
            incarnation: Incarnation { life, refutations: 0 },
            opinions: BTreeMap::new(),
            suspicions: Suspicions::default(),
            health: Health::default(),
            errands: BTreeMap::new(),
            refused: 0,
        };
        node.save_life(life, ctx);
        node
    }

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<'_>) {
        match message {
            _ if !self.joined => {}
            Message::Packet(packet) => self.on_packet(from, packet, ctx),
            Message::Nack { probe, target } => self.health.nacked(probe, target),
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Context<'_>) {
        match timer {
            Timer::Join => return self.ask_who_there_is(ctx),
            Timer::Nack(origin, probe) => {
                if let Some(target) = self.errands.remove(&(origin, probe)) {
                    ctx.send(origin, Message::Nack { probe, target });
                }
                return;
            }
            Timer::Probe if self.settings.lifeguard => self.health.conclude(),
            Timer::Suspicion(_) if self.has(Flaw::NoSuspicionTimeout) => return,
            Timer::Probe | Timer::Indirect | Timer::Gossip | Timer::Announce | Timer::Reach | Timer::Suspicion(_) => {}
        }
        if let Some(event) = self.timers.remove(&timer) {
            let done = self.engine.handle_timer(event, &mut self.runtime);
            self.after(timer == Timer::Indirect && self.has(Flaw::NoIndirectProbe), done, ctx);
        }
    }

    fn on_request(&mut self, op: OpId, request: Request, ctx: &mut Context<'_>) {
        let response = match request {
            Request::Admin(Admin::AddMember { node } | Admin::AddLearner { node }) => self.invite(node, ctx),
            // There is no map, and nobody leads: whatever else is asked, it is not for a member.
            _ => Response::Refused(Refusal::Unsupported),
        };
        ctx.reply(op, response);
    }

    fn on_synced(&mut self, sync: SyncId, ctx: &mut Context<'_>) {
        if self.unsaved.is_some_and(|waits_for| waits_for <= sync) {
            self.unsaved = None;
            for (to, packet) in std::mem::take(&mut self.held) {
                self.send(to, packet, ctx);
            }
        }
        if std::mem::replace(&mut self.joined, true) {
            return;
        }
        if self.fresh {
            let others: Vec<_> = self.others().map(|node| Member::alive(Id { node, life: 1 })).collect();
            let done = self.engine.apply_many(others.into_iter(), false, &mut self.runtime);
            self.after(false, done, ctx);
            // They all begin at the same moment, and should not ping at the same moments.
            if self.timers.contains_key(&Timer::Probe) {
                let wait = ctx.random_duration(self.settings.period / 8, self.settings.period);
                ctx.set_timer(Timer::Probe, wait);
            }
        } else {
            self.ask_who_there_is(ctx);
        }
    }

    /// Suspicions that have begun last as long as they were to.
    fn on_config(&mut self, config: &NodeConfig, _ctx: &mut Context<'_>) {
        self.settings = Settings::of(config);
        if !self.settings.lifeguard {
            self.health = Health::default();
        }
    }

    fn view(&self, view: &mut NodeView) {
        self.fill_view(view);
    }

    fn step_cost(&self) -> Duration {
        self.settings.work
    }

    fn describe(message: &Message) -> MessageInfo {
        message.info()
    }

    fn fields(message: &Message) -> Vec<(Name, String)> {
        message.fields()
    }

    fn timer_name(timer: Timer) -> Name {
        Name::new(match timer {
            Timer::Probe => "probe",
            Timer::Indirect => "indirect probe",
            Timer::Gossip => "gossip",
            Timer::Announce => "announce",
            Timer::Reach => "reach out",
            Timer::Join => "join",
            Timer::Suspicion(_) => "suspicion",
            Timer::Nack(..) => "nack",
        })
    }
}

impl Swim {
    fn on_packet(&mut self, from: NodeId, mut packet: Packet, ctx: &mut Context<'_>) {
        if packet.header.src.node != from || packet.header.dst.node != self.me {
            self.refused += 1;
            return;
        }
        if !self.bears(&mut packet) {
            return;
        }
        if self.settings.lifeguard {
            self.guard(from, &packet, ctx);
        }
        // A member that asks who there is gets all of them, however few rumors ride along otherwise.
        let feeding = packet.header.message == Kind::Announce;
        if feeding {
            self.configure(true);
        }
        let done = self.engine.handle_data(&packet.to_engine(), &mut self.runtime);
        if feeding {
            self.configure(false);
        }
        self.after(false, done, ctx);
    }

    /// Takes what Lifeguard adds to a packet, and what it reads in one.
    fn guard(&mut self, from: NodeId, packet: &Packet, ctx: &mut Context<'_>) {
        let (members, now) = (self.opinions.len() + 1, ctx.now());
        for accusation in &packet.accuses {
            let lasts = self.settings.suspicion;
            if let Some(known) = self.suspicions.share(from, *accusation, lasts, members) {
                ctx.set_timer(Timer::Suspicion(accusation.of.node), known.until.since(now));
            }
        }
        if let Some(refutations) = packet.doubted.filter(|_| packet.header.dst == *self.engine.identity()) {
            let doubted = Member::new(packet.header.dst, refutations, State::Suspect);
            let done = self.engine.apply_many([doubted].into_iter(), false, &mut self.runtime);
            self.after(false, done, ctx);
        }
        match packet.header.message {
            Kind::Ack(probe) | Kind::ForwardedAck { probe_number: probe, .. } => self.health.answered(probe),
            Kind::PingReq { target, probe_number } => {
                self.errands.insert((from, probe_number), target.node);
                ctx.set_timer(Timer::Nack(from, probe_number), self.settings.timeout * 4 / 5);
            }
            Kind::IndirectAck { target, probe_number } => {
                if self.errands.remove(&(target.node, probe_number)).is_some() {
                    ctx.cancel_timer(Timer::Nack(target.node, probe_number));
                }
            }
            Kind::Ping(_)
            | Kind::IndirectPing { .. }
            | Kind::Announce
            | Kind::Feed
            | Kind::Gossip
            | Kind::Broadcast
            | Kind::TurnUndead => {}
        }
    }

    /// Takes out of a packet what a broken member does not hear. Returns whether anything is left of it.
    fn bears(&self, packet: &mut Packet) -> bool {
        let of_itself = packet.header.message == Kind::TurnUndead;
        match self.settings.flaw {
            Some(Flaw::NoRefutation) => {
                packet.updates.retain(|update| update.id().node != self.me);
                packet.doubted = None;
                !of_itself
            }
            Some(Flaw::IncarnationNotRaised) => {
                // Others speak to it under the number that it keeps telling.
                packet.header.dst = *self.engine.identity();
                !of_itself
            }
            Some(Flaw::NoIndirectProbe | Flaw::NoSuspicionTimeout) | None => true,
        }
    }

    /// Carries out what the engine asked for. An error of the engine says that a packet or a timer was no sense; it
    /// changed nothing, and is counted.
    fn after(&mut self, muted: bool, done: Result<(), foca::Error>, ctx: &mut Context<'_>) {
        self.refused += u64::from(done.is_err());
        self.follow_opinions(ctx);
        let alone = self.follow_life(ctx);
        while let Some((to, data)) = self.runtime.to_send() {
            let packet = Packet::of_engine(&data).expect("the engine writes what it can read");
            if !muted {
                self.send(to, packet, ctx);
            }
        }
        while let Some((after, event)) = self.runtime.to_schedule() {
            self.schedule(after, event, ctx);
        }
        if alone {
            self.ask_who_there_is(ctx);
        }
    }

    fn send(&mut self, to: Id, mut packet: Packet, ctx: &mut Context<'_>) {
        if self.unsaved.is_some() {
            return self.held.push((to, packet));
        }
        self.follow_incarnation(&packet, ctx);
        match packet.header.message {
            Kind::Ping(probe) => self.health.pinged(to.node, probe),
            Kind::PingReq { .. } => self.health.asked(),
            Kind::Ack(_)
            | Kind::IndirectPing { .. }
            | Kind::IndirectAck { .. }
            | Kind::ForwardedAck { .. }
            | Kind::Announce
            | Kind::Feed
            | Kind::Gossip
            | Kind::Broadcast
            | Kind::TurnUndead => {}
        }
        if self.settings.lifeguard {
            packet.accuses = self.suspicions.accusations();
            let suspect = self.opinions.get(&to.node).filter(|opinion| opinion.status == MemberStatus::Suspect);
            packet.doubted = suspect.map(|opinion| opinion.incarnation.refutations);
        }
        if self.has(Flaw::IncarnationNotRaised) {
            packet.header.src.life = 1;
            packet.header.src_incarnation = 0;
        }
        ctx.send(to.node, Message::Packet(packet));
    }

    /// Arms a timer of the engine. Lifeguard acts here: who doubts itself takes longer for its probes, and a suspicion
    /// that nobody shares lasts longer.
    fn schedule(&mut self, after: Duration, event: foca::Timer<Id>, ctx: &mut Context<'_>) {
        let factor = if self.settings.lifeguard { self.health.factor() } else { 1 };
        let (timer, after) = match &event {
            foca::Timer::ProbeRandomMember(_) => (Timer::Probe, after * factor),
            foca::Timer::SendIndirectProbe { .. } => (Timer::Indirect, after * factor),
            foca::Timer::ChangeSuspectToDown { member_id, incarnation, .. } => {
                let enough = self.opinions.len().saturating_sub(1);
                let after = lasting(self.settings.suspicion, 0, enough);
                let until = ctx.now() + after;
                if !self.suspicions.begin(*member_id, *incarnation, ctx.now(), until) {
                    return;
                }
                (Timer::Suspicion(member_id.node), after)
            }
            foca::Timer::PeriodicAnnounce(_) => (Timer::Announce, after),
            foca::Timer::PeriodicAnnounceDown(_) => (Timer::Reach, after),
            foca::Timer::PeriodicGossip(_) => (Timer::Gossip, after),
            foca::Timer::RemoveDown(_) => return, // the dead are remembered
        };
        self.timers.insert(timer, event);
        ctx.set_timer(timer, after);
    }

    /// Tells what it thinks otherwise than before.
    fn follow_opinions(&mut self, ctx: &mut Context<'_>) {
        let mut opinions = BTreeMap::new();
        // The engine also remembers the lives that this member had before.
        for member in self.engine.iter_membership_state().filter(|member| member.id().node != self.me) {
            let incarnation = Incarnation { life: member.id().life, refutations: member.incarnation() };
            opinions.insert(member.id().node, Opinion { status: status_of(member.state()), incarnation });
        }
        if opinions == self.opinions {
            return;
        }
        for (subject, Opinion { status, incarnation }) in &opinions {
            let before = self.opinions.get(subject).map_or(MemberStatus::Alive, |opinion| opinion.status);
            if before != *status {
                let (subject, status, incarnation) = (*subject, *status, *incarnation);
                ctx.note(Milestone::MemberViewChanged { subject, status, incarnation });
            }
        }
        self.opinions = opinions;
        let opinions = &self.opinions;
        self.suspicions.retain(|of, refutations| {
            let incarnation = Incarnation { life: of.life, refutations };
            opinions.get(&of.node) == Some(&Opinion { status: MemberStatus::Suspect, incarnation })
        });
        self.end_timers(ctx);
    }

    fn end_timers(&mut self, ctx: &mut Context<'_>) {
        let over: Vec<_> = self.timers.keys().copied().filter(|timer| self.is_over(*timer)).collect();
        for timer in over {
            self.timers.remove(&timer);
            ctx.cancel_timer(timer);
        }
    }

    fn is_over(&self, timer: Timer) -> bool {
        matches!(timer, Timer::Suspicion(node) if !self.suspicions.contains(node))
    }

    /// A packet tells which incarnation the engine has: a higher one contradicts what is said of it.
    fn follow_incarnation(&mut self, packet: &Packet, ctx: &mut Context<'_>) {
        let told = Incarnation { life: packet.header.src.life, refutations: packet.header.src_incarnation };
        if told > self.incarnation {
            self.incarnation = told;
            if self.settings.lifeguard {
                self.health.suspected();
            }
            ctx.note(Milestone::Refuted { incarnation: told });
        }
    }

    fn configure(&mut self, feeding: bool) {
        let set = self.engine.set_config(self.settings.engine(feeding));
        debug_assert!(set.is_ok(), "only the length of a packet differs");
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.settings.flaw == Some(flaw)
    }
}
