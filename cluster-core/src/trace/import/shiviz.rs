//! Logs for ShiViz: events with vector clocks, found by a regular expression that comes with the log.

use std::{
    collections::{BTreeMap, VecDeque},
    io::BufRead,
    time::Duration,
};

use regex::{Regex, RegexBuilder};

use super::{EVENTS_MAX, Foreign, ImportError, LOGGED, kept, lines::Lines};
use crate::{
    event::{EventKind, Family, MessageInfo, TraceEvent, ViewChange},
    ids::{MsgId, NodeId, Seq},
    name::Name,
    spec::ClusterSpec,
    time::Timestamp,
    trace::export::SHIVIZ_EXPRESSION,
};

/// As many hosts as can be looked at.
const HOSTS_MAX: usize = 1000;
/// All clocks together have so many numbers, at most.
const CLOCK_NUMBERS_MAX: usize = 1 << 24;
/// An event spans so many lines, at most.
const RECORD_LINES_MAX: usize = 64;
/// A log has no times: what follows from something stands so much after it.
const STEP: Duration = Duration::from_millis(250);

/// An event of a log.
struct Logged {
    host: usize,
    line: u64,
    text: String,
    /// Whom it has heard of, and up to which of their events; hosts by number, in order.
    clock: Vec<(usize, u64)>,
}

/// Reads a log. Without an expression, the one on the log's own first line counts, or ShiViz's default one.
///
/// The log says only by its clocks that something was heard of; where an event knows more of another host than the event
/// before it, a message is shown.
pub fn read_shiviz(input: impl BufRead, expression: Option<&str>) -> Result<Foreign, ImportError> {
    let mut reader = Reader::new(expression)?;
    let mut lines = Lines::new(input);
    while let Some((number, text)) = lines.next_line()? {
        reader.line(number, text)?;
    }
    reader.finish()?;
    let Reader { hosts, events, last_line, .. } = reader;
    if events.is_empty() {
        let reason = "the log has no event; choose another file, or give its expression with --expression".to_owned();
        return Err(ImportError { line: last_line.max(1), reason });
    }
    let sent = senders(&hosts, &events)?;
    let depths = depths(&events, &sent)?;
    Ok(run(&hosts, &events, &sent, &depths))
}

struct Reader {
    expression: Option<Regex>,
    given: bool,
    /// The lines of the event that is being put together, and the number of the first.
    pending: VecDeque<(u64, String)>,
    hosts: Hosts,
    events: Vec<Logged>,
    clock_numbers: usize,
    last_line: u64,
}

#[derive(Default)]
struct Hosts {
    names: Vec<String>,
    numbers: BTreeMap<String, usize>,
    /// Per host, its events by their own count, from 1.
    events: Vec<BTreeMap<u64, usize>>,
}

impl Reader {
    fn new(expression: Option<&str>) -> Result<Self, ImportError> {
        let compiled = expression.map(compile).transpose().map_err(|reason| ImportError { line: 1, reason })?;
        Ok(Self {
            given: compiled.is_some(),
            expression: compiled,
            pending: VecDeque::new(),
            hosts: Hosts::default(),
            events: Vec::new(),
            clock_numbers: 0,
            last_line: 0,
        })
    }

    fn line(&mut self, number: u64, text: &str) -> Result<(), ImportError> {
        self.last_line = number;
        if text.contains("(?<clock>") && self.events.is_empty() && self.pending.is_empty() {
            // The log says itself how it is to be read.
            if !self.given {
                let compiled = compile(text.trim()).map_err(|reason| ImportError { line: number, reason })?;
                self.expression = Some(compiled);
            }
            return Ok(());
        }
        if text.trim().is_empty() && self.pending.is_empty() {
            return Ok(());
        }
        if self.expression.is_none() {
            self.expression = Some(compile(SHIVIZ_EXPRESSION).map_err(|reason| ImportError { line: number, reason })?);
        }
        self.pending.push_back((number, text.to_owned()));
        let joined = self.pending.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("\n");
        let Some(expression) = &self.expression else { return Ok(()) };
        let Some(found) = expression.captures(&joined) else {
            if self.pending.len() >= RECORD_LINES_MAX.min(self.record_lines()) {
                return Err(self.unmatched());
            }
            return Ok(());
        };
        let whole = found.get(0).map_or(0..0, |found| found.range());
        if !joined[..whole.start].trim().is_empty() {
            return Err(self.unmatched());
        }
        let group = |name: &str| found.name(name).map_or("", |group| group.as_str()).to_owned();
        let (host, text, clock) = (group("host"), group("event"), group("clock"));
        self.pending.clear();
        self.event(number, &host, &text, &clock)
    }

    fn finish(&mut self) -> Result<(), ImportError> {
        if self.pending.iter().any(|(_, text)| !text.trim().is_empty()) {
            return Err(self.unmatched());
        }
        Ok(())
    }

    /// Returns how many lines an event may have by the expression.
    fn record_lines(&self) -> usize {
        self.expression.as_ref().map_or(1, |expression| 1 + expression.as_str().matches("\\n").count())
    }

    fn unmatched(&self) -> ImportError {
        let line = self.pending.front().map_or(self.last_line, |(number, _)| *number);
        let expression = self.expression.as_ref().map_or(SHIVIZ_EXPRESSION, Regex::as_str);
        let text = self.pending.front().map_or_else(String::new, |(_, text)| text.chars().take(60).collect());
        let reason = format!(
            "`{text}` is no part of an event by the expression {expression}; mend the line, or give the log's own \
             expression with --expression"
        );
        ImportError { line, reason }
    }

    fn event(&mut self, line: u64, host: &str, text: &str, clock: &str) -> Result<(), ImportError> {
        let wrong = |reason: String| ImportError { line, reason };
        if host.is_empty() {
            return Err(wrong("the event has no host; each event stands with the name of its host".to_owned()));
        }
        if self.events.len() >= EVENTS_MAX {
            return Err(wrong(format!("the log has more than {EVENTS_MAX} events; cut it by time, and open a part")));
        }
        let counts: BTreeMap<String, u64> = serde_json::from_str(clock).map_err(|why| {
            wrong(format!("`{clock:.60}` is no vector clock ({why}); it must be like {{\"{host}\":1}}"))
        })?;
        self.clock_numbers += counts.len();
        if self.clock_numbers > CLOCK_NUMBERS_MAX {
            return Err(wrong(format!("the clocks have more than {CLOCK_NUMBERS_MAX} numbers; cut the log by time")));
        }
        let Some(own) = counts.get(host).copied().filter(|own| *own > 0) else {
            return Err(wrong(format!("the clock of host `{host}` does not count `{host}` itself; was it cut short?")));
        };
        let number = self.hosts.number(host).ok_or_else(|| wrong(too_many_hosts()))?;
        if let Some(earlier) = self.hosts.events[number].insert(own, self.events.len()) {
            let earlier = self.events[earlier].line;
            return Err(wrong(format!("event {own} of host `{host}` stands in line {earlier} already")));
        }
        let mut clock = Vec::with_capacity(counts.len());
        for (other, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            clock.push((self.hosts.number(&other).ok_or_else(|| wrong(too_many_hosts()))?, count));
        }
        clock.sort_unstable();
        self.events.push(Logged { host: number, line, text: kept(text.trim()), clock });
        Ok(())
    }
}

impl Hosts {
    fn number(&mut self, name: &str) -> Option<usize> {
        if let Some(known) = self.numbers.get(name) {
            return Some(*known);
        }
        (self.names.len() < HOSTS_MAX).then(|| {
            self.names.push(name.to_owned());
            self.events.push(BTreeMap::new());
            self.numbers.insert(name.to_owned(), self.names.len() - 1);
            self.names.len() - 1
        })
    }
}

fn too_many_hosts() -> String {
    format!("the log has more than {HOSTS_MAX} hosts; take those apart that belong together")
}

/// Compiles an expression of JavaScript, where a brace that repeats nothing is itself.
fn compile(expression: &str) -> Result<Regex, String> {
    let mut text = String::with_capacity(expression.len() + 8);
    let mut escaped = false;
    for (at, letter) in expression.char_indices() {
        let rest = &expression[at + 1..].split('}').next().unwrap_or_default();
        let repeats = !rest.is_empty() && rest.chars().all(|letter| letter.is_ascii_digit() || letter == ',');
        let open = text.matches('{').count() > text.matches('}').count();
        if !escaped && (letter == '{' && !repeats || letter == '}' && !open) {
            text.push('\\');
        }
        // An escaped brace of ours does not open anything.
        if !escaped && letter == '{' && !repeats {
            text.push_str("x7b");
        } else if !escaped && letter == '}' && !open {
            text.push_str("x7d");
        } else {
            text.push(letter);
        }
        escaped = !escaped && letter == '\\';
    }
    let compiled = RegexBuilder::new(&text).multi_line(true).size_limit(1 << 20).build();
    let regex = compiled.map_err(|why| format!("the expression {expression} cannot be used: {why}"))?;
    let names: Vec<_> = regex.capture_names().flatten().collect();
    match ["host", "clock", "event"].into_iter().find(|name| !names.contains(name)) {
        Some(missing) => Err(format!(
            "the expression {expression} has no group (?<{missing}>…); it must find host, clock and event, as \
             {SHIVIZ_EXPRESSION} does"
        )),
        None => Ok(regex),
    }
}

/// Finds, of each event, the events of other hosts that it heard of with nothing between.
fn senders(hosts: &Hosts, events: &[Logged]) -> Result<Vec<Vec<usize>>, ImportError> {
    let mut sent = vec![Vec::new(); events.len()];
    for (host, own) in hosts.events.iter().enumerate() {
        let mut before: Option<usize> = None;
        for (nth, (count, at)) in own.iter().enumerate() {
            let event = &events[*at];
            let wrong = |reason: String| ImportError { line: event.line, reason };
            let name = &hosts.names[host];
            if *count != nth as u64 + 1 {
                let missing = nth + 1;
                return Err(wrong(format!(
                    "event {missing} of host `{name}` is missing before its event {count}; the log must have all of them"
                )));
            }
            let known = |other: usize| before.map_or(0, |before| count_of(&events[before].clock, other));
            let news = event.clock.iter().filter(|(other, count)| *other != host && *count > known(*other));
            let mut heard = Vec::new();
            for (other, count) in news {
                let from = hosts.events[*other].get(count).copied().ok_or_else(|| {
                    let other = &hosts.names[*other];
                    wrong(format!("the clock knows of event {count} of host `{other}`, which is not in the log"))
                })?;
                heard.push((*other, *count, from));
            }
            // What another one of them has heard of came by way of it.
            let direct = |(other, count, from): &&(usize, u64, usize)| {
                !heard.iter().any(|(_, _, via)| via != from && count_of(&events[*via].clock, *other) >= *count)
            };
            sent[*at] = heard.iter().filter(direct).map(|(_, _, from)| *from).collect();
            before = Some(*at);
        }
    }
    Ok(sent)
}

fn count_of(clock: &[(usize, u64)], host: usize) -> u64 {
    clock.binary_search_by_key(&host, |(known, _)| *known).map_or(0, |at| clock[at].1)
}

/// Returns how long a chain leads to each event; what a clock says must not contradict itself.
fn depths(events: &[Logged], sent: &[Vec<usize>]) -> Result<Vec<u64>, ImportError> {
    let mut after: Vec<Vec<u32>> = vec![Vec::new(); events.len()];
    let mut waits = vec![0_u32; events.len()];
    let mut last: BTreeMap<usize, Vec<(u64, usize)>> = BTreeMap::new();
    for (at, event) in events.iter().enumerate() {
        last.entry(event.host).or_default().push((count_of(&event.clock, event.host), at));
    }
    for own in last.values_mut() {
        own.sort_unstable();
        for pair in own.windows(2) {
            after[pair[0].1].push(pair[1].1 as u32);
            waits[pair[1].1] += 1;
        }
    }
    for (at, from) in sent.iter().enumerate() {
        for sender in from {
            after[*sender].push(at as u32);
            waits[at] += 1;
        }
    }
    let mut depths = vec![0_u64; events.len()];
    let mut ready: VecDeque<usize> = (0..events.len()).filter(|at| waits[*at] == 0).collect();
    let mut done = 0;
    while let Some(at) = ready.pop_front() {
        done += 1;
        for next in &after[at] {
            let next = *next as usize;
            depths[next] = depths[next].max(depths[at] + 1);
            waits[next] -= 1;
            if waits[next] == 0 {
                ready.push_back(next);
            }
        }
    }
    if done < events.len() {
        let stuck = (0..events.len()).find(|at| waits[*at] > 0).unwrap_or(0);
        let reason = "the clocks contradict each other: this event would have to precede itself".to_owned();
        return Err(ImportError { line: events[stuck].line, reason });
    }
    Ok(depths)
}

/// Tells the log as a run.
fn run(hosts: &Hosts, events: &[Logged], sent: &[Vec<usize>], depths: &[u64]) -> Foreign {
    let node = |host: usize| NodeId(host as u16 + 1);
    let nodes: Vec<_> = (0..hosts.names.len()).map(node).collect();
    let knobs = hosts.names.iter().enumerate().map(|(at, name)| (node(at).to_string(), name.clone())).collect();
    let spec = ClusterSpec {
        protocol: "shiviz".to_owned(),
        nodes: nodes.clone(),
        knobs,
        clients: Vec::new(),
        ..ClusterSpec::default()
    };
    let mut told: Vec<TraceEvent> = Vec::with_capacity(2 * events.len());
    let mut push = |at: Timestamp, cause: Option<Seq>, kind: EventKind| {
        let seq = Seq(told.len() as u64);
        told.push(TraceEvent { seq, at, cause, kind });
        seq
    };
    for node in nodes {
        push(Timestamp::ZERO, None, EventKind::NodeStarted { node, incarnation: 0, port: 0 });
    }
    let mut receivers: Vec<Vec<u32>> = vec![Vec::new(); events.len()];
    sent.iter().enumerate().for_each(|(at, from)| from.iter().for_each(|from| receivers[*from].push(at as u32)));
    let when = |at: usize| Timestamp::ZERO + STEP * u32::try_from(depths[at] + 1).unwrap_or(u32::MAX);
    let mut order: Vec<usize> = (0..events.len()).collect();
    order.sort_by_key(|at| (depths[*at], *at));
    let mut under_way: BTreeMap<(usize, usize), (MsgId, Seq)> = BTreeMap::new();
    let info = MessageInfo { name: Name::new("message"), family: Family::Control, refuses: false };
    let mut msgs = 0;
    for at in order {
        let event = &events[at];
        for from in &sent[at] {
            if let Some((msg, sent)) = under_way.remove(&(*from, at)) {
                push(when(at), Some(sent), EventKind::FrameDelivered { msg });
            }
        }
        let changes = vec![ViewChange::Extra(vec![(LOGGED, event.text.clone())])];
        let seq = push(when(at), None, EventKind::ViewChanged { node: node(event.host), changes });
        for to in std::mem::take(&mut receivers[at]) {
            let to = to as usize;
            msgs += 1;
            let (msg, due) = (MsgId(msgs), when(to));
            let (from, to_end) = (node(event.host).into(), node(events[to].host).into());
            let payload = bytes::Bytes::new();
            let frame = EventKind::FrameSent { msg, from, to: to_end, info, due, bytes: 0, payload };
            under_way.insert((at, to), (msg, push(when(at), Some(seq), frame)));
        }
    }
    Foreign { spec, events: told }
}
