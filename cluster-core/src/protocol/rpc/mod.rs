//! Remote procedure calls: servers that each keep a map of their own, and remember which requests they executed.
//!
//! No server talks to another. One server and its clients are A. Birrell and B. Nelson, "Implementing Remote Procedure
//! Calls", 1984; several are computers on a network, and no distributed system. Begin with [`Rpc`]; `table.rs` is the
//! memory that makes a repeated call harmless, `journal.rs` is what the disk has, `variant.rs` lists what can be broken.

mod journal;
mod table;
mod variant;
mod view;

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

pub(crate) use variant::VARIANTS;

use self::{
    journal::Journal,
    table::Table,
    variant::{FLAWS, Flaw},
};
use super::{Ctx, Knob, KnobValues, KvMap, NodeConfig, Protocol};
use crate::{
    disk::{Recovered, SyncId},
    event::{MessageInfo, Milestone, NodeView},
    ids::{LogIndex, NodeId, OpId},
    name::Name,
    request::{Refusal, Request, Response},
};

/// What can be set.
pub(crate) const KNOBS: &[Knob] = &[
    variant::KNOB,
    Knob {
        name: "dedup",
        about: "Remember which requests were executed, and answer a repeated one from that memory.",
        default: "on",
        values: KnobValues::Flag,
    },
    Knob {
        name: "window",
        about: "How many requests are remembered; the oldest is forgotten first.",
        default: "10000",
        values: KnobValues::Number(1, 1_000_000),
    },
    Knob {
        name: "table",
        about: "Where requests are remembered: on the disk, or in memory, so that a restart begins with an empty table.",
        default: "disk",
        values: KnobValues::OneOf(&["disk", "memory"]),
    },
    Knob {
        name: "snapshot_every",
        about: "Write the whole state and shorten the journal after that many executed requests.",
        default: "1000",
        values: KnobValues::Number(1, 1_000_000),
    },
];

/// What problem it solves, what it guarantees, the paper, how to break it.
pub(crate) const ABOUT: &str = include_str!("about.md");

type Context<'a> = Ctx<'a, Rpc>;

/// One server.
pub(crate) struct Rpc {
    me: NodeId,
    flaw: Option<Flaw>,
    snapshot_every: u64,
    state: KvMap,
    table: Table,
    journal: Journal,
    /// What is said once the disk has what it speaks of.
    held: VecDeque<Held>,
    /// The writes among them.
    unanswered: BTreeSet<OpId>,
    /// Whether something was written since the last sync was asked for.
    dirty: bool,
    /// The syncs under way, with the last entry that each makes durable.
    syncs: VecDeque<(SyncId, LogIndex)>,
    /// How many repeated requests were answered from the table.
    repeats: u64,
    stirred: bool,
}

/// An answer that waits for the disk.
struct Held {
    /// For which sync; without a number, for the next one.
    sync: Option<SyncId>,
    op: OpId,
    response: Response,
    /// Whether it is of a request that was executed just then.
    fresh: bool,
}

/// What is there none of: messages between servers, and timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Nothing {}

impl Protocol for Rpc {
    type Message = Nothing;
    type Timer = Nothing;

    fn start(config: &NodeConfig, disk: &Recovered, ctx: &mut Context<'_>) -> Self {
        let flaw = FLAWS.of(config);
        let window = match flaw {
            Some(Flaw::RemembersOnlyTheLast) => 1,
            _ => config.number(KNOBS, "window") as usize, // nothing else shortens the memory
        };
        let mut table = Table::new(config.flag(KNOBS, "dedup").then_some(window));
        let kept = config.knob(KNOBS, "table") == "disk" && flaw != Some(Flaw::ForgetsOnRestart);
        let mut forgotten = Table::new(None);
        let (journal, state, entries) =
            journal::recover(disk.records(journal::FILE), if kept { &mut table } else { &mut forgotten });
        if !disk.is_empty() {
            ctx.note(Milestone::Recovered { last: journal.last });
        }
        ctx.log_spliced(journal.base.next(), entries);
        Self {
            me: config.me,
            flaw,
            snapshot_every: config.number(KNOBS, "snapshot_every"),
            state,
            table,
            journal,
            held: VecDeque::new(),
            unanswered: BTreeSet::new(),
            dirty: false,
            syncs: VecDeque::new(),
            repeats: 0,
            stirred: true,
        }
    }

    fn on_message(&mut self, _: NodeId, message: Nothing, _: &mut Context<'_>) {
        match message {}
    }

    fn on_timer(&mut self, timer: Nothing, _: &mut Context<'_>) {
        match timer {}
    }

    fn on_request(&mut self, op: OpId, request: Request, ctx: &mut Context<'_>) {
        self.stirred = true;
        match request {
            Request::Admin(_) => ctx.reply(op, Response::Refused(Refusal::Unsupported)),
            write if write.is_write() => self.on_write(op, &write, ctx),
            read => {
                // What a read saw may be gone after a power loss, if it is told before the disk has it.
                let response = self.state.read(&read, self.journal.last);
                self.answer(op, response, false, ctx);
            }
        }
    }

    fn on_synced(&mut self, sync: SyncId, ctx: &mut Context<'_>) {
        self.stirred = true;
        while let Some((_, last)) = self.syncs.pop_front_if(|(id, _)| *id <= sync) {
            self.journal.durable = self.journal.durable.max(last);
        }
        while let Some(held) = self.held.pop_front_if(|held| held.sync.is_some_and(|waits_for| waits_for <= sync)) {
            self.unanswered.remove(&held.op);
            if held.fresh && self.flaw == Some(Flaw::RemembersAfterReply) {
                self.table.insert(held.op, held.response.clone());
            }
            ctx.reply(held.op, held.response);
        }
    }

    fn on_idle(&mut self, ctx: &mut Context<'_>) {
        if self.journal.last.0 - self.journal.base.0 >= self.snapshot_every {
            self.journal.compact(&self.state, &self.table, ctx);
            (self.dirty, self.stirred) = (true, true);
        }
        if std::mem::take(&mut self.dirty) {
            let sync = ctx.sync();
            self.syncs.push_back((sync, self.journal.last));
            for held in &mut self.held {
                held.sync.get_or_insert(sync);
            }
        }
    }

    fn view(&self, view: &mut NodeView) {
        self.fill(view);
    }

    fn stirred(&mut self) -> bool {
        std::mem::take(&mut self.stirred)
    }

    fn describe(message: &Nothing) -> MessageInfo {
        match *message {}
    }

    fn fields(message: &Nothing) -> Vec<(Name, String)> {
        match *message {}
    }

    fn timer_name(timer: Nothing) -> Name {
        match timer {}
    }
}

impl Rpc {
    /// A request that is remembered is answered as before; one that is not is executed.
    fn on_write(&mut self, op: OpId, request: &Request, ctx: &mut Context<'_>) {
        if let Some(earlier) = self.table.get(op).cloned() {
            self.repeats += 1;
            // One that still waits for the disk gets its answer then.
            if !self.unanswered.contains(&op) {
                self.answer(op, earlier, false, ctx);
            }
            return;
        }
        // The map has a memory of its own, for protocols whose log may hold a request twice. Here the table decides.
        self.state.forget(op);
        let index = self.journal.push(op, request, ctx);
        let response = self.state.apply(op, request, index);
        ctx.note(Milestone::Applied { op, index });
        self.dirty = true;
        if self.flaw != Some(Flaw::RemembersAfterReply) {
            self.table.insert(op, response.clone());
        }
        self.answer(op, response, true, ctx);
    }

    /// Says an answer, once the disk has what it speaks of.
    fn answer(&mut self, op: OpId, response: Response, fresh: bool, ctx: &mut Context<'_>) {
        let waits = self.dirty || !self.syncs.is_empty();
        if !waits || self.flaw == Some(Flaw::AckBeforeFsync) {
            return ctx.reply(op, response);
        }
        let sync = self.syncs.back().map(|(sync, _)| *sync).filter(|_| !self.dirty);
        if fresh {
            self.unanswered.insert(op);
        }
        self.held.push_back(Held { sync, op, response, fresh });
    }
}
