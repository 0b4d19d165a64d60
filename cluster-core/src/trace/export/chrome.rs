//! A trace in Chrome's format, which Perfetto reads: nodes and clients as threads, messages as flows, faults as spans.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
};

use serde_json::{Value, json};

use super::Exporter;
use crate::{
    event::{EventKind, Outcome, TraceEvent},
    ids::{ClientId, Endpoint, MsgId, OpId},
    name::Name,
    spec::ClusterSpec,
    time::Timestamp,
    trace::{line, rules_words},
};

const NODES: u32 = 1;
const CLIENTS: u32 = 2;
const FAULTS: u32 = 3;
/// Frames and operations that never end must not fill the memory.
const OPEN_MAX: usize = 262_144;

/// Writes Chrome's trace format.
#[derive(Debug, Default)]
pub struct Chrome {
    any: bool,
    named: BTreeSet<Endpoint>,
    frames: BTreeMap<MsgId, (Endpoint, Endpoint, Name)>,
    ops: BTreeMap<OpId, (ClientId, String)>,
    /// What is broken, by the id of its span.
    broken: BTreeMap<String, String>,
    last: Timestamp,
}

impl Exporter for Chrome {
    fn begin(&mut self, _: &ClusterSpec, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{{\"displayTimeUnit\":\"ms\",\"traceEvents\":[")?;
        for (pid, name) in [(NODES, "Nodes"), (CLIENTS, "Clients"), (FAULTS, "Faults")] {
            self.put(out, &json!({"ph": "M", "pid": pid, "tid": 0, "name": "process_name", "args": {"name": name}}))?;
        }
        Ok(())
    }

    fn event(&mut self, event: &TraceEvent, out: &mut dyn Write) -> io::Result<()> {
        self.last = event.at;
        let ts = micros(event.at);
        match &event.kind {
            EventKind::FrameSent { msg, from, to, info, bytes, .. } => {
                if self.frames.len() >= OPEN_MAX {
                    self.frames.pop_first();
                }
                self.frames.insert(*msg, (*from, *to, info.name));
                let args = json!({"to": to.to_string(), "message": msg.0, "bytes": bytes, "event": event.seq.0});
                self.slice(out, *from, ts, info.name, &args)?;
                self.flow(out, "s", *from, ts, *msg, info.name)
            }
            EventKind::FrameDelivered { msg } => {
                let Some((from, to, name)) = self.frames.remove(msg) else { return Ok(()) };
                let args = json!({"from": from.to_string(), "message": msg.0, "event": event.seq.0});
                self.slice(out, to, ts, name, &args)?;
                self.flow(out, "f", to, ts, *msg, name)
            }
            EventKind::FrameDropped { msg, reason } => {
                let Some((from, to, name)) = self.frames.remove(msg) else { return Ok(()) };
                let text = format!("{name} to {to} dropped: {}", reason.words());
                self.instant(out, from, ts, &text, event)
            }
            EventKind::OpInvoked { op, client, request } => {
                if self.ops.len() >= OPEN_MAX {
                    self.ops.pop_first();
                }
                let text = request.to_string();
                self.ops.insert(*op, (*client, text.clone()));
                self.operation(out, "b", *op, *client, ts, &text, &json!({"event": event.seq.0}))
            }
            EventKind::OpReturned { op, outcome, .. } => {
                let Some((client, text)) = self.ops.remove(op) else { return Ok(()) };
                let how = match outcome {
                    Outcome::NoAnswer => "no answer",
                    Outcome::Failed(_) => "refused",
                    Outcome::Value { .. } | Outcome::Written { .. } | Outcome::Done | Outcome::Answered { .. } => "ok",
                };
                self.operation(out, "e", *op, client, ts, &text, &json!({"outcome": how, "event": event.seq.0}))
            }
            EventKind::Milestone { node, .. }
            | EventKind::TimerFired { node, .. }
            | EventKind::DiskHarmed { node, .. } => self.instant(out, (*node).into(), ts, &line(&event.kind), event),
            EventKind::NodeCrashed { node }
            | EventKind::NodeLostPower { node, .. }
            | EventKind::NodeStopped { node }
            | EventKind::NodeFailed { node, .. }
            | EventKind::NodeFroze { node } => {
                self.instant(out, (*node).into(), ts, &line(&event.kind), event)?;
                self.fault(out, &format!("node {node}"), Some(line(&event.kind)), ts)
            }
            EventKind::NodeStarted { node, .. } | EventKind::NodeUnfroze { node } => {
                self.instant(out, (*node).into(), ts, &line(&event.kind), event)?;
                self.fault(out, &format!("node {node}"), None, ts)
            }
            EventKind::LinkChanged { from, to, rules } => {
                let broken = (!rules.is_healthy()).then(|| format!("{from} → {to} {}", rules_words(rules)));
                self.fault(out, &format!("link {from} {to}"), broken, ts)
            }
            EventKind::CommandIssued { .. } => {
                let event = json!({"ph": "i", "s": "g", "pid": FAULTS, "tid": 0, "ts": ts, "name": line(&event.kind)});
                self.put(out, &event)
            }
            // What nodes show of themselves, and how links count, is no moment of its own.
            _ => Ok(()),
        }
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let ts = micros(self.last);
        // What is still broken, or open, lasts until the end.
        while let Some((id, _)) = self.broken.first_key_value() {
            let id = id.clone();
            self.fault(out, &id, None, ts)?;
        }
        while let Some((op, (client, text))) = self.ops.pop_first() {
            self.operation(out, "e", op, client, ts, &text, &json!({"outcome": "open at the end"}))?;
        }
        writeln!(out, "]}}")
    }
}

impl Chrome {
    fn put(&mut self, out: &mut dyn Write, event: &Value) -> io::Result<()> {
        let comma = if std::mem::replace(&mut self.any, true) { "," } else { "" };
        write!(out, "{comma}\n{event}")
    }

    /// Returns the process and thread of a node or a client; the first time, its name is written.
    fn thread(&mut self, out: &mut dyn Write, end: Endpoint) -> io::Result<(u32, u32)> {
        let (pid, tid) = match end {
            Endpoint::Node(node) => (NODES, u32::from(node.0)),
            Endpoint::Client(client) => (CLIENTS, u32::from(client.0)),
        };
        if self.named.insert(end) {
            let args = json!({"name": end.to_string()});
            self.put(out, &json!({"ph": "M", "pid": pid, "tid": tid, "name": "thread_name", "args": args}))?;
        }
        Ok((pid, tid))
    }

    fn slice(&mut self, out: &mut dyn Write, end: Endpoint, ts: f64, name: Name, args: &Value) -> io::Result<()> {
        let (pid, tid) = self.thread(out, end)?;
        let name = name.as_str();
        self.put(
            out,
            &json!({"ph": "X", "pid": pid, "tid": tid, "ts": ts, "dur": 1, "cat": "message", "name": name, "args": args}),
        )
    }

    fn flow(
        &mut self,
        out: &mut dyn Write,
        ph: &str,
        end: Endpoint,
        ts: f64,
        msg: MsgId,
        name: Name,
    ) -> io::Result<()> {
        let (pid, tid) = self.thread(out, end)?;
        let name = name.as_str();
        self.put(
            out,
            &json!({"ph": ph, "bp": "e", "id": msg.0, "pid": pid, "tid": tid, "ts": ts, "cat": "message", "name": name}),
        )
    }

    fn instant(
        &mut self,
        out: &mut dyn Write,
        end: Endpoint,
        ts: f64,
        name: &str,
        event: &TraceEvent,
    ) -> io::Result<()> {
        let (pid, tid) = self.thread(out, end)?;
        let args = json!({"event": event.seq.0});
        self.put(out, &json!({"ph": "i", "s": "t", "pid": pid, "tid": tid, "ts": ts, "name": name, "args": args}))
    }

    #[expect(clippy::too_many_arguments, reason = "they are the fields of the format")]
    fn operation(
        &mut self,
        out: &mut dyn Write,
        ph: &str,
        op: OpId,
        client: ClientId,
        ts: f64,
        name: &str,
        args: &Value,
    ) -> io::Result<()> {
        let (pid, tid) = self.thread(out, client.into())?;
        self.put(
            out,
            &json!({"ph": ph, "cat": "operation", "id": op.0, "pid": pid, "tid": tid, "ts": ts, "name": name, "args": args}),
        )
    }

    /// Ends the span of what was broken under this id, and begins another if it is broken in another way.
    fn fault(&mut self, out: &mut dyn Write, id: &str, broken: Option<String>, ts: f64) -> io::Result<()> {
        if let Some(name) = self.broken.remove(id) {
            self.put(
                out,
                &json!({"ph": "e", "cat": "fault", "id": id, "pid": FAULTS, "tid": 0, "ts": ts, "name": name}),
            )?;
        }
        let Some(name) = broken else { return Ok(()) };
        self.put(out, &json!({"ph": "b", "cat": "fault", "id": id, "pid": FAULTS, "tid": 0, "ts": ts, "name": name}))?;
        self.broken.insert(id.to_owned(), name);
        Ok(())
    }
}

/// Returns a moment in microseconds, to the nanosecond.
fn micros(at: Timestamp) -> f64 {
    at.0 as f64 / 1e3
}
