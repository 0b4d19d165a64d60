//! What a run without a window says on standard error while it lasts.

use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

use cluster_core::{
    command::Author,
    event::{EventKind, Milestone, TraceEvent},
    headless::Phase,
    script::Timed,
    time::Timestamp,
    trace::{ClusterState, line},
};

/// How often the line of progress is written anew.
const EVERY: Duration = Duration::from_millis(250);
const EVERY_IN_A_FILE: Duration = Duration::from_secs(5);
/// How long a bar is, in characters.
const BAR: u64 = 30;

/// Writes progress, or nothing.
pub(super) struct Progress {
    quiet: bool,
    terminal: bool,
    last: Option<Instant>,
    /// Whether the cursor stands behind a line of progress.
    open: bool,
}

impl Progress {
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet, terminal: std::io::stderr().is_terminal(), last: None, open: false }
    }

    /// Writes the event, if a reader wants to know of it.
    pub(super) fn on_event(&mut self, event: &TraceEvent) {
        if self.quiet {
            return;
        }
        match &event.kind {
            EventKind::Milestone { node, milestone: Milestone::LeaderElected { epoch } } => {
                self.say(&format!("{}  {node} leads in epoch {epoch}", event.at));
            }
            EventKind::CommandIssued { by: Author::Nemesis, .. } => {
                self.say(&format!("{}  {}", event.at, line(&event.kind)))
            }
            EventKind::CommandRefused { reason } => self.say(&format!("{}  refused: {reason}", event.at)),
            EventKind::NodeFailed { node, failure } => self.say(&format!("{}  {node} {failure}", event.at)),
            _ => {}
        }
    }

    /// Writes how far the run is, now and then.
    pub(super) fn on_tick(&mut self, state: &ClusterState, phase: Phase) {
        let every = if self.terminal { EVERY } else { EVERY_IN_A_FILE };
        if !self.quiet && self.last.is_none_or(|last| last.elapsed() >= every) {
            self.last = Some(Instant::now());
            self.line(state, phase);
        }
    }

    /// Writes a line of the script as it is carried out.
    pub(super) fn on_line(&mut self, line: &Timed, at: Timestamp) {
        if !self.quiet {
            self.say(&format!("{at}  {}", line.text));
        }
    }

    /// Writes what will strike at random.
    pub(super) fn on_nemesis(&mut self, words: &str) {
        if !self.quiet {
            self.say(&format!("nemesis {words}"));
        }
    }

    /// Writes how many of several parts are done, now and then.
    pub(super) fn on_part(&mut self, done: usize, all: usize, took: Duration) {
        let every = if self.terminal { EVERY } else { EVERY_IN_A_FILE };
        if self.quiet || all < 2 || self.last.map_or(took, |last| last.elapsed()) < every {
            return;
        }
        self.last = Some(Instant::now());
        self.replace(&format!("{done} of {all} files"));
    }

    /// Writes which share of a long work is done, as a bar, now and then.
    pub(super) fn on_share(&mut self, what: &str, done: u64, all: u64, more: &str) {
        let every = if self.terminal { EVERY } else { EVERY_IN_A_FILE };
        if self.quiet || (done < all && self.last.is_some_and(|last| last.elapsed() < every)) {
            return;
        }
        self.last = Some(Instant::now());
        let full = (done * BAR / all.max(1)) as usize;
        let bar = "█".repeat(full) + &"░".repeat(BAR as usize - full);
        self.replace(&format!("{what} {bar} {done} of {all} seeds, {more}"));
    }

    /// Writes a line that stays, unless nothing is to be said.
    pub(super) fn note(&mut self, text: &str) {
        if !self.quiet {
            self.say(text);
        }
    }

    /// Writes a line that stays.
    pub(super) fn say(&mut self, text: &str) {
        let erase = if self.open { "\r\x1b[K" } else { "" };
        eprintln!("{erase}{text}");
        self.open = false;
    }

    fn line(&mut self, state: &ClusterState, phase: Phase) {
        let (mut ok, mut failed, mut unanswered) = (0, 0, 0);
        for client in state.clients.values().chain([&state.departed]) {
            ok += client.ok;
            failed += client.failed;
            unanswered += client.unanswered;
        }
        let up = state.nodes.values().filter(|node| node.status.is_running()).count();
        let leader = state.leader().map_or_else(|| "no leader".to_owned(), |leader| format!("{leader} leads"));
        let settling = if phase == Phase::Running { "" } else { ", waiting for operations under way" };
        let text = format!(
            "{}  {up} of {} nodes run, {leader}, {ok} acknowledged, {failed} failed, {unanswered} unanswered{settling}",
            state.at,
            state.nodes.len(),
        );
        self.replace(&text);
    }

    /// Writes a line that the next one replaces, where that is possible.
    fn replace(&mut self, text: &str) {
        if self.terminal {
            eprint!("\r\x1b[K{text}");
            // Progress that cannot be written is no reason to end a run.
            let _ = std::io::stderr().flush();
            self.open = true;
        } else {
            eprintln!("{text}");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.open {
            eprintln!();
        }
    }
}
