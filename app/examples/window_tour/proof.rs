//! Compares what the mouse did with what the recording tells.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use cluster_core::{
    command::{Author, Command},
    event::{EventKind, Milestone, Outcome, TraceEvent},
    fault::{Fault, Heal, LinkFault, LinkId, LinkRules},
    ids::{ClientId, NodeId, Seq},
    request::Request,
    trace::TraceStore,
};

use crate::{
    Told,
    tools::{CUT_APART, STAGED},
};

/// Checks that everything that was done had the effect it should have, in order.
pub(crate) fn check(recording: &Path, told: &Told) -> Result<()> {
    let store = TraceStore::open(recording).context("the recording of the tour does not open")?;
    let events = store.events(Seq(0)..store.len());
    let (crashed, cut_off) = (NodeId(told.crashed), NodeId(told.cut_off));
    let mut walk = Walk { events: &events, at: 0 };

    walk.to("the click on Crash", |kind| is_command(kind, &Command::Inject(vec![Fault::Crash(crashed)])))?;
    walk.to("the crash", |kind| *kind == EventKind::NodeCrashed { node: crashed })?;
    walk.to("a new leader", |kind| is_milestone(kind, |node, news| node != crashed && is_election(news)))?;
    walk.to("the restart", |kind| matches!(kind, EventKind::NodeStarted { node, .. } if *node == crashed))?;
    walk.to("the cut", |kind| {
        matches!(kind, EventKind::CommandIssued { by: Author::User, command: Command::Inject(faults) }
            if matches!(faults[..], [Fault::Partition(_)]))
    })?;
    let before_cut = events.get(walk.at).map_or(store.len(), |event| event.seq);
    let state = store.state_at(before_cut);
    let last = |node: NodeId| state.nodes.get(&node).map_or(0, |node| node.log.last().0);
    ensure!(last(crashed) + 3 > last(cut_off), "{crashed} did not catch up: {} of {}", last(crashed), last(cut_off));

    let asked = walk.to("the write by hand", |kind| {
        matches!(kind, EventKind::OpInvoked { client: ClientId(0), request: Request::Put { value, .. }, .. }
            if *value == "lost?".into())
    })?;
    let EventKind::OpInvoked { op, .. } = &asked.kind else { unreachable!("just matched") };
    let acknowledged = events.iter().any(|event| {
        matches!(&event.kind, EventKind::OpReturned { op: other, outcome: Outcome::Written { .. }, .. } if other == op)
    });
    ensure!(!acknowledged, "the write in the minority was acknowledged");
    walk.to("the heal", |kind| is_command(kind, &Command::Heal(Heal::All)))?;
    walk.to("the erased entry", |kind| {
        is_milestone(kind, |node, news| node == cut_off && matches!(news, Milestone::EntriesErased { .. }))
    })?;
    walk.to("the freeze", |kind| matches!(kind, EventKind::NodeFroze { .. }))?;
    walk.to("the heal of it", |kind| is_command(kind, &Command::Heal(Heal::All)))?;
    check_tools(&mut walk)?;
    let behind = store.timeline().lag.values().filter_map(|lag| lag.last()).map(|lag| lag.entries).max();
    ensure!(behind.is_some(), "no lag was charted");
    Ok(())
}

/// Checks what the tools asked for, each by one command, and that undo took exactly that back.
fn check_tools(walk: &mut Walk<'_>) -> Result<()> {
    let (near, far) = CUT_APART;
    let link = |from: u16, to: u16| -> LinkId { (NodeId(from).into(), NodeId(to).into()) };
    let (there, back) = (link(near, far), link(far, near));
    walk.to("the stroke of the knife", |kind| {
        injected(kind, |faults| {
            faults.len() == 2 && [there, back].iter().all(|link| faults.contains(&Fault::cut(*link)))
        })
    })?;
    let healed = LinkRules::default();
    walk.to("its undo", |kind| {
        matches!(kind, EventKind::CommandIssued { by: Author::User, command: Command::Restore { links, nodes, .. } }
            if nodes.is_empty() && links.len() == 2 && links.iter().all(|(_, rules)| *rules == healed))
    })?;
    walk.to("what was staged", |kind| {
        injected(kind, |faults| *faults == [Fault::Crash(NodeId(STAGED)), Fault::cut(there)])
    })?;
    walk.to("its undo", |kind| {
        *kind
            == EventKind::CommandIssued {
                by: Author::User,
                command: Command::Restore {
                    links: vec![(there, healed)],
                    machines: Vec::new(),
                    nodes: vec![NodeId(STAGED)],
                },
            }
    })?;
    walk.to("the bridge", |kind| injected(kind, |faults| faults.len() == 8 && faults.iter().all(is_cut)))?;
    walk.to("a link that flaps", |kind| {
        matches!(kind, EventKind::LinkChanged { from, to, rules } if (*from, *to) == there && rules.flap.is_some())
    })?;
    walk.to("a random fault", |kind| {
        matches!(kind, EventKind::CommandIssued { by: Author::Nemesis, command: Command::Inject(_) })
    })?;
    walk.to("the last heal", |kind| is_command(kind, &Command::Heal(Heal::All)))?;
    Ok(())
}

fn injected(kind: &EventKind, wanted: impl Fn(&[Fault]) -> bool) -> bool {
    matches!(kind, EventKind::CommandIssued { by: Author::User, command: Command::Inject(faults) } if wanted(faults))
}

fn is_cut(fault: &Fault) -> bool {
    matches!(fault, Fault::Link(_, LinkFault::Cut))
}

struct Walk<'a> {
    events: &'a [TraceEvent],
    at: usize,
}

impl<'a> Walk<'a> {
    /// Goes on to the next event of that kind.
    fn to(&mut self, what: &str, wanted: impl Fn(&EventKind) -> bool) -> Result<&'a TraceEvent> {
        let found = self.events[self.at..].iter().position(|event| wanted(&event.kind));
        let found = found.with_context(|| format!("the recording does not tell of {what}"))?;
        let event = &self.events[self.at + found];
        self.at += found + 1;
        Ok(event)
    }
}

fn is_command(kind: &EventKind, wanted: &Command) -> bool {
    matches!(kind, EventKind::CommandIssued { by: Author::User, command } if command == wanted)
}

fn is_milestone(kind: &EventKind, wanted: impl Fn(NodeId, &Milestone) -> bool) -> bool {
    matches!(kind, EventKind::Milestone { node, milestone } if wanted(*node, milestone))
}

fn is_election(milestone: &Milestone) -> bool {
    matches!(milestone, Milestone::LeaderElected { .. })
}
