//! A log for ShiViz: each event with the vector clock of its host.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, Write},
    rc::Rc,
};

use super::Exporter;
use crate::{
    event::{EventKind, TraceEvent},
    ids::{Endpoint, MsgId, Seq},
    name::Name,
    spec::ClusterSpec,
    trace::{
        causality::{Lane, Places},
        line,
    },
};

/// The expression by which ShiViz reads such a log unless it is told another.
pub const SHIVIZ_EXPRESSION: &str = r"(?<event>.*)\n(?<host>\S*) (?<clock>{.*})";

/// Clocks of so many numbers in all are remembered for events that refer to earlier ones.
const REMEMBERED_MAX: usize = 8 << 20;
/// Frames under way whose clock is kept, however long they take.
const FLIGHTS_MAX: usize = 65_536;

type Clock = Rc<Vec<u64>>;

/// Writes a ShiViz log. What happens on links (drops, rules) has no host and no line, but what follows from it does.
#[derive(Debug, Default)]
pub struct Shiviz {
    places: Places,
    hosts: Vec<Lane>,
    numbers: BTreeMap<Lane, usize>,
    /// The clock of each host.
    clocks: Vec<Vec<u64>>,
    recent: VecDeque<(Seq, Clock)>,
    remembered: usize,
    /// By the number of their sending: arrivals refer to it.
    flights: BTreeMap<Seq, Clock>,
    /// What the frames under way are.
    frames: BTreeMap<MsgId, (Endpoint, Name, Seq)>,
}

impl Exporter for Shiviz {
    fn begin(&mut self, _: &ClusterSpec, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn event(&mut self, event: &TraceEvent, out: &mut dyn Write) -> io::Result<()> {
        let cause = event.cause.and_then(|cause| self.clock_of(cause));
        let Some(lane) = self.places.next(event) else {
            // Time passes on through a link: what comes of this knows what this knew.
            if let Some(clock) = cause {
                self.remember(event.seq, clock);
            }
            self.forget_frame(event);
            return Ok(());
        };
        let host = self.number(lane);
        if let Some(cause) = cause {
            let clock = &mut self.clocks[host];
            if clock.len() < cause.len() {
                clock.resize(cause.len(), 0);
            }
            clock.iter_mut().zip(cause.iter()).for_each(|(own, other)| *own = (*own).max(*other));
        }
        if self.clocks[host].len() <= host {
            self.clocks[host].resize(host + 1, 0);
        }
        self.clocks[host][host] += 1;
        let clock = Rc::new(self.clocks[host].clone());
        writeln!(out, "{}", self.words(event).replace(['\n', '\r'], " "))?;
        write!(out, "{} {{", name(lane))?;
        let seen = clock.iter().enumerate().filter(|(_, count)| **count > 0);
        for (nth, (other, count)) in seen.enumerate() {
            write!(out, "{}\"{}\":{count}", if nth > 0 { ", " } else { "" }, name(self.hosts[other]))?;
        }
        writeln!(out, "}}")?;
        if let EventKind::FrameSent { msg, from, info, .. } = &event.kind
            && self.flights.len() < FLIGHTS_MAX
        {
            self.flights.insert(event.seq, Rc::clone(&clock));
            self.frames.insert(*msg, (*from, info.name, event.seq));
        }
        self.remember(event.seq, clock);
        self.forget_frame(event);
        Ok(())
    }

    fn end(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

impl Shiviz {
    fn number(&mut self, lane: Lane) -> usize {
        *self.numbers.entry(lane).or_insert_with(|| {
            self.hosts.push(lane);
            self.clocks.push(Vec::new());
            self.hosts.len() - 1
        })
    }

    fn clock_of(&self, seq: Seq) -> Option<Clock> {
        let recent = self.recent.binary_search_by_key(&seq, |(known, _)| *known);
        recent.ok().map(|at| &self.recent[at].1).or_else(|| self.flights.get(&seq)).map(Rc::clone)
    }

    fn remember(&mut self, seq: Seq, clock: Clock) {
        self.remembered += clock.len();
        self.recent.push_back((seq, clock));
        while self.remembered > REMEMBERED_MAX {
            let Some((_, oldest)) = self.recent.pop_front() else { return };
            self.remembered -= oldest.len();
        }
    }

    /// An arrival says what came from whom.
    fn words(&self, event: &TraceEvent) -> String {
        match &event.kind {
            EventKind::FrameDelivered { msg } => match self.frames.get(msg) {
                Some((from, name, _)) => format!("{name} of {from} arrived"),
                None => line(&event.kind),
            },
            kind => line(kind),
        }
    }

    fn forget_frame(&mut self, event: &TraceEvent) {
        if let EventKind::FrameDelivered { msg } | EventKind::FrameDropped { msg, .. } = &event.kind
            && let Some((_, _, sent)) = self.frames.remove(msg)
        {
            self.flights.remove(&sent);
        }
    }
}

fn name(lane: Lane) -> String {
    match lane {
        Lane::Outside => "outside".to_owned(),
        Lane::At(end) => end.to_string(),
    }
}
