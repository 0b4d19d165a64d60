//! Looks whether a trace can have happened: what arrives was sent, time passes, and what observers found follows from it.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use super::grade::{Light, Reason};
use crate::{
    check::{Observers, invariants::INVARIANTS},
    command::{Author, Command},
    event::{Conclusion, EventKind, Finding, TraceEvent},
    ids::{MsgId, OpId},
    lab::Palette,
    spec::ClusterSpec,
    time::Timestamp,
    trace::Observer,
};

/// Nobody clicks twice within so short a time.
const CLICKS: Duration = Duration::from_millis(5);
/// So many times is no accident.
const CLICKS_MAX: u32 = 3;
/// So many reasons of one recording are told.
const REASONS_MAX: usize = 5;

/// Looks at the events of one recording, in order.
pub(super) struct Plausible {
    reasons: Vec<Reason>,
    observers: Observers,
    expected: VecDeque<Finding>,
    sent: BTreeSet<MsgId>,
    invoked: BTreeSet<OpId>,
    at: Timestamp,
    palette: Palette,
    caused: u32,
    live: bool,
    /// Whether the cluster's time is that of the person who clicked.
    human: bool,
    rate: f64,
    clicked: Option<Timestamp>,
    hasty: u32,
}

impl Plausible {
    /// Begins with a recording of a cluster. `live`: its nodes were real; `human`: a person acted in the cluster's time.
    pub(super) fn new(spec: &ClusterSpec, palette: Palette, live: bool, human: bool) -> Self {
        Self {
            reasons: Vec::new(),
            observers: Observers::of(spec),
            expected: VecDeque::new(),
            sent: BTreeSet::new(),
            invoked: BTreeSet::new(),
            at: Timestamp::ZERO,
            palette,
            caused: 0,
            live,
            human,
            rate: 1.0,
            clicked: None,
            hasty: 0,
        }
    }

    /// Takes an event over.
    pub(super) fn see(&mut self, event: &TraceEvent) {
        if event.at < self.at {
            self.say(Light::Red, event, "its time is before that of the event before it");
        }
        self.at = event.at;
        if event.cause.is_some_and(|cause| cause >= event.seq) {
            self.say(Light::Red, event, "its cause comes after it");
        }
        if let EventKind::Found { finding } = &event.kind {
            return self.found(event, finding);
        }
        if !self.expected.is_empty() {
            self.say(Light::Red, event, "what observers found before it is missing");
            self.expected.clear();
        }
        self.happens(event);
        let mut found = Vec::new();
        self.observers.observe(event, &mut found);
        self.expected.extend(found);
    }

    /// Returns what speaks against it.
    pub(super) fn reasons(mut self) -> Vec<Reason> {
        if self.hasty >= CLICKS_MAX {
            let what = format!("{} commands came within {} ms of the one before", self.hasty, CLICKS.as_millis());
            self.reasons.push(Reason { light: Light::Yellow, what });
        }
        self.reasons
    }

    fn happens(&mut self, event: &TraceEvent) {
        match &event.kind {
            EventKind::FrameSent { msg, .. } => drop(self.sent.insert(*msg)),
            EventKind::FrameDelivered { msg } | EventKind::FrameDropped { msg, .. } if !self.sent.contains(msg) => {
                self.say(Light::Red, event, "a message arrives that nobody sent");
            }
            EventKind::OpInvoked { op, .. } => drop(self.invoked.insert(*op)),
            EventKind::OpReturned { op, .. } if !self.invoked.contains(op) => {
                self.say(Light::Red, event, "an operation returns that nobody began");
            }
            EventKind::ClockChanged { rate } => self.rate = *rate,
            EventKind::CommandIssued { by: Author::User, command } => self.commanded(event, command),
            _ => {} // Everything else can happen at any time.
        }
    }

    fn commanded(&mut self, event: &TraceEvent, command: &Command) {
        if let Some(why) = self.palette.refusal(command, self.caused) {
            self.say(Light::Yellow, event, &format!("a command that the lab does not offer: {why}"));
        }
        self.caused += u32::from(Palette::counts(command));
        // While time stands still or runs slowly, it is not that of who clicks.
        let real = self.human && self.rate >= 1.0;
        let before = self.clicked.replace(event.at);
        self.hasty += u32::from(real && before.is_some_and(|before| event.at.since(before) < CLICKS));
    }

    fn found(&mut self, event: &TraceEvent, finding: &Finding) {
        match self.expected.pop_front() {
            Some(ours) if ours == *finding => {}
            Some(_) | None => self.say(Light::Red, event, "it tells of a finding that its events do not show"),
        }
        // A simulated run is executed again; of a live one this is worth a look, whatever its faults allow.
        let of_protocol = INVARIANTS.iter().any(|row| finding.promise.as_str() == row.id);
        if self.live && of_protocol && finding.conclusion == Conclusion::Violated {
            let what = format!("what the protocol promises is broken: {}", finding.sentence);
            self.say(Light::Yellow, event, &what);
        }
    }

    fn say(&mut self, light: Light, event: &TraceEvent, what: &str) {
        if self.reasons.len() < REASONS_MAX {
            self.reasons.push(Reason { light, what: format!("event {} at {}: {what}", event.seq, event.at) });
        }
    }
}
