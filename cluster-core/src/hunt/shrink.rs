//! Makes a failing run small: fewer faults, shorter ones, fewer clients and nodes, as long as the same kind of promise breaks.
//!
//! The faults by delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002); what is
//! tried costs one run each, and there are only so many.

use std::time::Duration;

use super::{Caught, Check, TimedCommand, Trial, Watch};
use crate::{
    command::Command,
    fault::{Fault, LinkId},
    ids::NodeId,
    spec::Load,
    time::Timestamp,
};

/// A run that was made small.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The run.
    pub trial: Trial,
    /// What it shows.
    pub caught: Caught,
    /// How many runs were tried.
    pub runs: usize,
}

/// Makes a trial that shows `caught` small, in at most `runs` runs.
pub fn shrink(trial: &Trial, caught: &Caught, checks: &[Check], runs: usize) -> Shrunk {
    let mut best = Best { trial: trial.clone(), caught: caught.clone(), checks, left: runs };
    best.cut_end();
    loop {
        let before = best.size();
        best.drop_faults();
        best.split_faults();
        best.drop_clients();
        best.drop_nodes();
        best.slow_clients();
        best.pull_together();
        best.heal_earlier();
        if best.size() >= before || best.left == 0 {
            break;
        }
    }
    Shrunk { runs: runs - best.left, trial: best.trial, caught: best.caught }
}

struct Best<'a> {
    trial: Trial,
    caught: Caught,
    checks: &'a [Check],
    left: usize,
}

impl Best<'_> {
    /// What shrinking makes smaller, the most important first.
    fn size(&self) -> (usize, usize, usize, Timestamp) {
        (faults_in(&self.trial.script), self.trial.spec.clients.len(), self.trial.spec.nodes.len(), self.caught.at)
    }

    /// Takes a smaller trial over if it shows the same kind of finding.
    fn take_if_same(&mut self, trial: Trial) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        let mut watch = Watch::new(&trial.spec, self.checks);
        let Ok(ran) = trial.run(&mut watch, &mut |_| {}) else { return false };
        let same = |caught: &Caught| caught.finding.promise == self.caught.finding.promise;
        let Some(caught) = ran.caught.filter(same) else { return false };
        (self.trial, self.caught) = (trial, caught);
        self.cut_end();
        true
    }

    /// What comes after the finding did not lead to it.
    fn cut_end(&mut self) {
        let at = self.caught.at;
        self.trial.script.retain(|timed| timed.at <= at);
        // The healing at the end may be what shows it.
        self.trial.strikes_for = self.trial.strikes_for.min(at.since_start() + Duration::from_nanos(1));
    }

    /// Leaves out parts of the script: halves, quarters, down to single commands.
    fn drop_faults(&mut self) {
        let mut parts = 2;
        while !self.trial.script.is_empty() {
            let length = self.trial.script.len().div_ceil(parts);
            let starts = (0..self.trial.script.len()).step_by(length);
            // From the end: what came last depends on what came before, not the other way round.
            let smaller = starts.rev().any(|start| {
                let mut trial = self.trial.clone();
                trial.script.drain(start..(start + length).min(trial.script.len()));
                self.take_if_same(trial)
            });
            match (smaller, length) {
                (true, _) => parts = (parts - 1).max(2),
                (false, 1) => return,
                (false, _) => parts = (parts * 2).min(self.trial.script.len()),
            }
            if self.left == 0 {
                return;
            }
        }
    }

    /// Leaves out single faults of those that strike together.
    fn split_faults(&mut self) {
        let mut at = 0;
        while at < self.trial.script.len() {
            let parts = parts_of(&self.trial.script[at].command);
            let smaller = (parts > 1)
                && (0..parts).rev().any(|part| {
                    let mut trial = self.trial.clone();
                    drop_part(&mut trial.script[at].command, part);
                    self.take_if_same(trial)
                });
            if !smaller {
                at += 1;
            }
        }
    }

    fn drop_clients(&mut self) {
        let mut at = self.trial.spec.clients.len();
        while at > 0 && self.trial.spec.clients.len() > 1 {
            at -= 1;
            let mut trial = self.trial.clone();
            trial.spec.clients.remove(at);
            self.take_if_same(trial);
        }
    }

    /// Leaves out the last node, and what is done to it.
    fn drop_nodes(&mut self) {
        while let [_, _, .., last] = self.trial.spec.nodes[..] {
            let mut trial = self.trial.clone();
            trial.spec.nodes.pop();
            let left = |timed: &TimedCommand| {
                without(&timed.command, last).map(|command| TimedCommand { at: timed.at, command })
            };
            trial.script = trial.script.iter().filter_map(left).collect();
            if !self.take_if_same(trial) {
                return;
            }
        }
    }

    fn slow_clients(&mut self) {
        for at in 0..self.trial.spec.clients.len() {
            loop {
                let mut trial = self.trial.clone();
                let Load::Open { rate_hz } = &mut trial.spec.clients[at].load else { break };
                *rate_hz = (*rate_hz / 2.0).ceil();
                if *rate_hz < 2.0 || trial.spec == self.trial.spec || !self.take_if_same(trial) {
                    break;
                }
            }
        }
    }

    /// Shortens the waits between commands, and before the first.
    fn pull_together(&mut self) {
        for at in 0..self.trial.script.len() {
            for share in [0.1, 0.5] {
                let script = &self.trial.script;
                let before = if at == 0 { Timestamp::ZERO } else { script[at - 1].at };
                let gap = script[at].at.since(before);
                let less = gap - gap.mul_f64(share);
                if less < Duration::from_millis(20) {
                    continue;
                }
                let mut trial = self.trial.clone();
                for timed in &mut trial.script[at..] {
                    timed.at = Timestamp(timed.at.0 - less.as_nanos() as u64);
                }
                trial.strikes_for = trial.strikes_for.saturating_sub(less);
                if self.take_if_same(trial) {
                    break;
                }
            }
        }
    }
}

impl Best<'_> {
    /// Heals everything sooner after the last command: where the healing shows it, the rest is waiting.
    fn heal_earlier(&mut self) {
        let last = self.trial.script.last().map_or(Duration::ZERO, |timed| timed.at.since_start());
        for share in [0.0, 0.1, 0.5] {
            let mut trial = self.trial.clone();
            trial.strikes_for = last + EARLIEST + (trial.strikes_for.saturating_sub(last)).mul_f64(share);
            if trial.strikes_for < self.trial.strikes_for && self.take_if_same(trial) {
                return;
            }
        }
    }
}

/// How long after the last command everything is healed, at the earliest.
const EARLIEST: Duration = Duration::from_millis(20);

/// Returns how many single faults a script has; what mends them counts like them.
pub(super) fn faults_in(script: &[TimedCommand]) -> usize {
    script.iter().map(|timed| parts_of(&timed.command).max(1)).sum()
}

fn parts_of(command: &Command) -> usize {
    match command {
        Command::Inject(faults) => faults.len(),
        Command::SetLinks(links) => links.len(),
        Command::Restore { links, machines, nodes } => links.len() + machines.len() + nodes.len(),
        _ => 1, // everything else is one thing
    }
}

fn drop_part(command: &mut Command, part: usize) {
    match command {
        Command::Inject(faults) => drop(faults.remove(part)),
        Command::SetLinks(links) => drop(links.remove(part)),
        Command::Restore { links, .. } if part < links.len() => drop(links.remove(part)),
        Command::Restore { links, machines, .. } if part - links.len() < machines.len() => {
            machines.remove(part - links.len());
        }
        Command::Restore { links, machines, nodes } => drop(nodes.remove(part - links.len() - machines.len())),
        _ => {} // everything else is one thing
    }
}

/// Returns what is left of a command in a cluster that does not have that node.
fn without(command: &Command, node: NodeId) -> Option<Command> {
    let on_link = |(from, to): &LinkId| *from == node.into() || *to == node.into();
    let mut command = command.clone();
    match &mut command {
        Command::Inject(faults) => {
            for fault in faults.iter_mut() {
                if let Fault::Partition(groups) = fault {
                    groups.iter_mut().for_each(|group| group.retain(|end| *end != node.into()));
                    groups.retain(|group| !group.is_empty());
                }
            }
            faults.retain(|fault| match fault {
                Fault::Crash(it) | Fault::PowerLoss(it) | Fault::Stop(it) | Fault::Freeze(it) | Fault::Wipe(it) => {
                    *it != node
                }
                Fault::Node(it, _) => *it != node,
                Fault::Link(link, _) => !on_link(link),
                Fault::Partition(groups) => !groups.is_empty(),
            });
        }
        Command::SetLinks(links) => links.retain(|(link, _)| !on_link(link)),
        Command::Restore { links, machines, nodes } => {
            links.retain(|(link, _)| !on_link(link));
            machines.retain(|(it, _)| *it != node);
            nodes.retain(|it| *it != node);
        }
        Command::Restart(it) | Command::RestartWiped(it) | Command::Unfreeze(it) if *it == node => return None,
        _ => {} // nothing else that strikes names a node
    }
    (parts_of(&command) > 0).then_some(command)
}
