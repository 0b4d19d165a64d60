//! What a run was made of: its cluster and what was asked of it, when, and by whom. Enough to execute it again.

use super::{Recording, RecordingError, TraceStore};
use crate::{
    command::{Author, Command},
    event::{EventKind, TraceEvent},
    ids::{ClientId, Seq},
    origin::Origin,
    spec::ClusterSpec,
    time::Timestamp,
};

/// What a run was made of. A simulated run depends on nothing else.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// Where the run came from.
    pub origin: Origin,
    /// The cluster, with the seed.
    pub spec: ClusterSpec,
    /// What was asked of it, in order.
    pub asked: Vec<Asked>,
    /// How many events there were.
    pub events: Seq,
    /// When the last of them was.
    pub end: Timestamp,
    /// How many operations came from outside: no recipe brings them back.
    pub visits: u64,
}

/// One command of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The event that tells of it.
    pub seq: Seq,
    /// When, in cluster time.
    pub at: Timestamp,
    /// By whom.
    pub by: Author,
    /// What.
    pub command: Command,
}

impl Recipe {
    /// Derives the recipe of a run that is at hand.
    pub fn of(store: &TraceStore) -> Self {
        let mut recipe = Self::before(store.origin().clone(), store.spec().clone());
        store.each(Seq(0)..store.len(), &mut |event| recipe.take(event));
        recipe
    }

    /// Derives the recipe of a recording, block by block. What lies behind a damage is not part of it.
    pub fn read(recording: &mut Recording) -> Result<Self, RecordingError> {
        let mut recipe = Self::before(recording.origin().clone(), recording.spec().clone());
        for block in 0..recording.blocks().len() {
            recording.read(block)?.iter().for_each(|event| recipe.take(event));
        }
        Ok(recipe)
    }

    /// Returns the recipe of the run's beginning: its first events before `next`, up to a moment.
    pub fn until(&self, next: Seq, at: Timestamp) -> Self {
        let asked = self.asked.iter().filter(|asked| asked.seq < next).cloned().collect();
        Self { asked, events: next.min(self.events), end: at.min(self.end), ..self.clone() }
    }

    /// Returns whether a command only moves the clock by which the run was watched. It changes nothing in the cluster.
    pub fn is_of_the_clock(command: &Command) -> bool {
        match command {
            Command::Pause | Command::Resume | Command::Step | Command::SetRate(_) => true,
            Command::Inject(_)
            | Command::SetLinks(_)
            | Command::Heal(_)
            | Command::Restart(_)
            | Command::RestartAll
            | Command::Unfreeze(_)
            | Command::AddNode(_)
            | Command::Submit { .. }
            | Command::Ask { .. }
            | Command::SetClient(_)
            | Command::RemoveClient(_)
            | Command::Message(_)
            | Command::RestartWiped(_)
            | Command::Restore { .. }
            | Command::SetKnob { .. } => false,
        }
    }

    fn before(origin: Origin, spec: ClusterSpec) -> Self {
        Self { origin, spec, asked: Vec::new(), events: Seq(0), end: Timestamp::ZERO, visits: 0 }
    }

    fn take(&mut self, event: &TraceEvent) {
        (self.events, self.end) = (event.seq.next(), event.at);
        match &event.kind {
            EventKind::CommandIssued { by, command } => {
                self.asked.push(Asked { seq: event.seq, at: event.at, by: *by, command: command.clone() });
            }
            EventKind::OpInvoked { client, .. } => self.visits += u64::from(ClientId::is_visitor(*client)),
            // Everything else came of those and of the seed.
            _ => {}
        }
    }
}
