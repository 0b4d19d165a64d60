//! What a node keeps on its disk, and the rule that nothing is said before the disk has what it rests on.
//!
//! The engine believes that its storage is durable the moment it has written. Here a burst of inputs is written as one
//! record and synced once, and everything that the engine wants to be said meanwhile waits for that sync. Only heartbeats
//! need not wait: an election promises nothing. The file `log` holds the steps, the file `snapshot` the latest snapshot.

use std::collections::VecDeque;

use bytes::Bytes;
use omnipaxos::ballot_leader_election::Ballot;
use serde::{Deserialize, Serialize};

use super::{
    Context, OmniPaxos, epoch_of,
    log::{Command, Log},
    messages::{Said, Snapshot},
    variant::Flaw,
};
use crate::{
    disk::{Recovered, SyncId},
    event::Milestone,
    ids::{Epoch, LogIndex, NodeId},
    name::Name,
};

const LOG: Name = Name::new("log");
const SNAPSHOT: Name = Name::new("snapshot");

#[derive(Serialize, Deserialize)]
enum Record {
    /// What stands before the first entry of this file.
    Base { index: u64, epoch: Epoch },
    /// A step: the log is, from `first` on, exactly `entries`.
    Step { life: u64, promise: Ballot, accepted_round: Ballot, decided: u64, first: u64, entries: Vec<Command> },
}

/// What a booting node knows.
pub(super) struct Found {
    pub(super) life: u64,
    pub(super) log: Log,
    pub(super) snapshot: Option<Snapshot>,
}

/// Reads the disk of a booting node.
pub(super) fn recover(disk: &Recovered) -> Found {
    let snapshot: Option<Snapshot> = disk.records(SNAPSHOT).first().map(read);
    let (mut base, mut entries) = ((0, Epoch(0)), Vec::new());
    let (mut lives, mut ballots, mut known) = (0, (Ballot::default(), Ballot::default()), 0);
    for record in disk.records(LOG) {
        match read(record) {
            Record::Base { index, epoch } => base = (index, epoch),
            Record::Step { life, promise, accepted_round, decided, first, entries: more } => {
                (lives, ballots, known) = (life, (promise, accepted_round), decided);
                entries.truncate(first.saturating_sub(base.0 + 1) as usize);
                entries.extend(more);
            }
        }
    }
    let mut log = Log::found(base, entries);
    (log.promise, log.accepted_round) = ballots;
    if let Some(snapshot) = &snapshot {
        if log.epoch_at(snapshot.index) != Some(snapshot.epoch) {
            // The crash came between the two files: the log is of the time before the snapshot arrived.
            log.replace(snapshot.index, snapshot.epoch);
            log.take_changes();
        }
        known = known.max(snapshot.index);
    }
    log.decided = known.min(log.last());
    Found { life: lives, log, snapshot }
}

fn read<'a, T: Deserialize<'a>>(bytes: &'a Bytes) -> T {
    postcard::from_bytes(bytes).expect("the disk holds what this program wrote")
}

fn bytes_of(record: &impl Serialize) -> Bytes {
    postcard::to_allocvec(record).expect("a record in memory always encodes").into()
}

/// What the disk has, and what waits for it.
#[derive(Default)]
pub(super) struct Durable {
    /// The last entry.
    pub(super) last: u64,
    /// The ballot that it promised.
    pub(super) promise: Ballot,
    /// Whether it has a record of this life.
    pub(super) born: bool,
    /// The syncs under way: what each makes durable.
    syncs: VecDeque<(SyncId, u64, Ballot)>,
    /// What is said once a sync is done.
    held: VecDeque<(SyncId, NodeId, Said)>,
}

impl Durable {
    pub(super) fn of(log: &Log) -> Self {
        Self { last: log.last(), promise: log.promise, ..Self::default() }
    }

    /// The log was cut behind `kept`.
    pub(super) fn cut(&mut self, kept: u64) {
        self.last = self.last.min(kept);
        for (_, last, _) in &mut self.syncs {
            *last = (*last).min(kept);
        }
    }

    pub(super) fn is_waited_for(&self) -> bool {
        !self.syncs.is_empty()
    }
}

impl OmniPaxos {
    /// Writes what the step changed. `first` is where the log changed, if it did.
    pub(super) fn write_step(&mut self, first: Option<LogIndex>, ctx: &mut Context<'_>) {
        let record = self.step_record(first);
        ctx.append(LOG, bytes_of(&record));
        self.sync(ctx);
    }

    /// Writes everything anew: the snapshot, then the log behind it. In this order: a crash between the two leaves a log
    /// that reaches further back than it must, never a hole.
    pub(super) fn write_all(&mut self, snapshot: &Snapshot, ctx: &mut Context<'_>) {
        ctx.replace(SNAPSHOT, vec![bytes_of(snapshot)]);
        let (index, epoch) = (snapshot.index, snapshot.epoch);
        let step = self.step_record(Some(LogIndex(index + 1)));
        ctx.replace(LOG, vec![bytes_of(&Record::Base { index, epoch }), bytes_of(&step)]);
        self.sync(ctx);
    }

    fn step_record(&self, first: Option<LogIndex>) -> Record {
        let log = self.log.log();
        let first = first.map_or(log.last() + 1, |first| first.0);
        let entries = log.from(LogIndex(first)).cloned().collect();
        let accepted_round = log.accepted_round;
        Record::Step { life: self.life, promise: log.promise, accepted_round, decided: log.decided, first, entries }
    }

    fn sync(&mut self, ctx: &mut Context<'_>) {
        let sync = ctx.sync();
        let log = self.log.log();
        self.durable.syncs.push_back((sync, log.last(), log.promise));
        if self.has(Flaw::AckBeforeFsync) {
            self.durable.last = log.last();
        }
    }

    /// Says something once the disk has everything that it rests on.
    pub(super) fn say_when_durable(&mut self, to: NodeId, said: Said, ctx: &mut Context<'_>) {
        match self.durable.syncs.back() {
            Some((sync, ..)) if !self.has(Flaw::AckBeforeFsync) => self.durable.held.push_back((*sync, to, said)),
            _ => self.say(to, said, ctx), // nothing is under way, or nobody waits for it
        }
    }

    /// A sync is done: what waited for it is said.
    pub(super) fn on_durable(&mut self, sync: SyncId, ctx: &mut Context<'_>) {
        while let Some((_, last, promise)) = self.durable.syncs.pop_front_if(|(id, ..)| *id <= sync) {
            self.durable.last = self.durable.last.max(last);
            self.durable.born = true;
            if promise != self.durable.promise {
                self.durable.promise = promise;
                if let Some(to) = self.node_of(promise.pid).filter(|to| *to != self.me) {
                    ctx.note(Milestone::VoteGranted { epoch: epoch_of(promise), to });
                }
            }
        }
        while let Some((_, to, said)) = self.durable.held.pop_front_if(|(waits_for, ..)| *waits_for <= sync) {
            self.say(to, said, ctx);
        }
    }
}
