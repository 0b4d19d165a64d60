//! Undo as heal: what takes back exactly what the last injected command changed, if that is still so.

use std::collections::BTreeSet;

use super::{ClusterState, MarkKind, NodeStatus, TraceStore};
use crate::{
    command::{Author, Command},
    event::{EventKind, TraceEvent},
    fault::{Ailment, LinkId, LinkRules, NodeFaults},
    ids::{Endpoint, NodeId, Seq},
};

/// Why there is nothing to undo.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotUndo {
    /// Nobody broke anything.
    #[error("there is nothing to undo: you broke nothing so far")]
    Nothing,
    /// Everything was undone.
    #[error("there is nothing left to undo: all that you broke was undone")]
    AllUndone,
    /// What was changed is different by now.
    #[error("the last thing you broke cannot be undone: {0}; heal what is left of it by itself")]
    Changed(String),
    /// What was erased does not come back.
    #[error("the disk of {0} was erased, and nothing brings that back; restart it instead")]
    Erased(NodeId),
    /// Bits that rotted do not turn back.
    #[error("a bit on the disk of {0} rotted, and nothing turns it back; wipe the disk instead")]
    Rotten(NodeId),
    /// A connection that was reset is gone.
    #[error("the connection {0}→{1} was reset, and what was lost with it stays lost; nothing is left to undo")]
    Reset(Endpoint, Endpoint),
    /// A part of a machine was sick in another way before.
    #[error("the {part} of {node} was sick before that, too, and is not made sick again; heal it instead")]
    SickBefore {
        /// Whose.
        node: NodeId,
        /// Which part, in a word.
        part: &'static str,
    },
}

/// What one command did.
#[derive(Debug, Default)]
struct Deed {
    /// The rules that it gave to directions.
    links: Vec<(LinkId, LinkRules)>,
    /// The nodes that it struck, with what became of them.
    nodes: Vec<(NodeId, NodeStatus)>,
    /// The parts of machines that it made sick, with what ailed the machine then.
    machines: Vec<(NodeId, Ailment, NodeFaults)>,
    /// The directions whose connections it left half-open.
    half_open: Vec<LinkId>,
    /// What nobody can take back.
    for_good: Option<CannotUndo>,
}

/// Returns the command that takes back what the user's last command broke, and only that. Commands that were undone
/// before are passed over, so that asking again goes one step further back.
pub fn undo(store: &TraceStore) -> Result<Command, CannotUndo> {
    let mut undone: Vec<Command> = Vec::new();
    let mut broke_something = false;
    for mark in store.timeline().marks.iter().rev().filter(|mark| mark.kind == MarkKind::Command) {
        let Some(TraceEvent { kind: EventKind::CommandIssued { by: Author::User, command }, .. }) =
            store.event(mark.seq)
        else {
            continue;
        };
        match command {
            Command::Restore { .. } => undone.push(command),
            Command::Inject(_) | Command::SetLinks(_) => {
                let deed = Deed::of(store, mark.seq);
                if deed.is_nothing() {
                    continue;
                }
                broke_something = true;
                let (before, latest) = (store.state_at(mark.seq), store.latest());
                let back = deed.taken_back(&before, latest);
                if let Some(at) = undone.iter().position(|command| is_undone_by(&back, command)) {
                    undone.remove(at);
                    continue;
                }
                return deed.check(&before, latest).map(|()| back);
            }
            // Anything else heals; whether there is still something to undo is seen in the state.
            _ => {}
        }
    }
    Err(if broke_something { CannotUndo::AllUndone } else { CannotUndo::Nothing })
}

impl Deed {
    /// Reads what a command did. All of it happened at the command's own moment, right after it.
    fn of(store: &TraceStore, command: Seq) -> Self {
        let mut deed = Self::default();
        let Some(at) = store.event(command).map(|event| event.at) else { return deed };
        let mut next = command.next();
        while let Some(event) = store.event(next).filter(|event| event.at == at) {
            if event.cause == Some(command) {
                deed.take(&event.kind);
            }
            next = next.next();
        }
        deed
    }

    fn take(&mut self, kind: &EventKind) {
        let struck = match kind {
            EventKind::LinkChanged { from, to, rules } => {
                // Several faults of one command may change one direction: what counts is how it ends.
                self.links.retain(|(link, _)| *link != (*from, *to));
                self.links.push(((*from, *to), **rules));
                return;
            }
            EventKind::NodeFaultsChanged { node, part, faults } => {
                if *part == Ailment::Disk && faults.disk.rotten > 0 {
                    self.for_good = Some(CannotUndo::Rotten(*node));
                }
                self.machines.retain(|(other, its, _)| (other, its) != (node, part));
                self.machines.push((*node, *part, **faults));
                return;
            }
            EventKind::ConnectionHalfOpened { from, to, .. } => {
                self.half_open.push((*from, *to));
                return;
            }
            EventKind::DiskWiped { node } => {
                self.for_good = Some(CannotUndo::Erased(*node));
                return;
            }
            EventKind::ConnectionReset { from, to } => {
                self.for_good = Some(CannotUndo::Reset(*from, *to));
                return;
            }
            EventKind::NodeCrashed { node } => (*node, NodeStatus::Crashed),
            EventKind::NodeLostPower { node, .. } => (*node, NodeStatus::PoweredOff),
            EventKind::NodeStopped { node } => (*node, NodeStatus::Stopped),
            EventKind::NodeFroze { node } => (*node, NodeStatus::Frozen),
            // Nothing else is what a fault does to nodes and links; it is what comes of it.
            _ => return,
        };
        self.nodes.retain(|(node, _)| *node != struck.0);
        self.nodes.push(struck);
    }

    fn is_nothing(&self) -> bool {
        let nothing = self.links.is_empty() && self.nodes.is_empty() && self.machines.is_empty();
        nothing && self.half_open.is_empty() && self.for_good.is_none()
    }

    fn taken_back(&self, before: &ClusterState, latest: &ClusterState) -> Command {
        let rules = |link: &LinkId| before.links.get(link).map(|state| state.rules).unwrap_or_default();
        let changed = self.links.iter().map(|(link, _)| link);
        let half_open = self.half_open.iter().filter(|link| self.links.iter().all(|(other, _)| other != *link));
        let links = changed.chain(half_open).map(|link| (*link, rules(link))).collect();
        let machines = self.machines.iter().map(|(node, part, _)| (*node, *part)).collect();
        let ran = |node: &NodeId| before.nodes.get(node).is_some_and(|state| state.status.is_running());
        let failed =
            |node: &NodeId| latest.nodes.get(node).is_some_and(|state| matches!(state.status, NodeStatus::Failed(_)));
        // What its disk ended starts again with it.
        let ended = self.machines.iter().filter(|(node, part, _)| *part == Ailment::Disk && failed(node));
        let struck = self.nodes.iter().map(|(node, _)| *node);
        let nodes: BTreeSet<NodeId> = struck.chain(ended.map(|(node, _, _)| *node)).filter(ran).collect();
        Command::Restore { links, machines, nodes: nodes.into_iter().collect() }
    }

    fn check(&self, before: &ClusterState, latest: &ClusterState) -> Result<(), CannotUndo> {
        if let Some(for_good) = &self.for_good {
            return Err(for_good.clone());
        }
        for ((from, to), rules) in &self.links {
            if latest.links.get(&(*from, *to)).map(|state| state.rules) != Some(*rules) {
                return Err(CannotUndo::Changed(format!("{from}→{to} has other rules since")));
            }
        }
        for (from, to) in &self.half_open {
            if latest.links.get(&(*from, *to)).is_none_or(|state| state.half_open.is_none()) {
                return Err(CannotUndo::Changed(format!("the connection {from}→{to} is not half-open any more")));
            }
        }
        for (node, status) in &self.nodes {
            match latest.nodes.get(node).map(|state| &state.status) {
                Some(still) if still == status => {}
                Some(other) => return Err(CannotUndo::Changed(format!("{node} is {} by now", other.word()))),
                None => return Err(CannotUndo::Changed(format!("{node} is gone"))),
            }
        }
        self.machines.iter().try_for_each(|(node, part, faults)| {
            let now = latest.nodes.get(node).map(|state| state.faults).unwrap_or_default();
            if !is_alike(*part, faults, &now) {
                return Err(CannotUndo::Changed(format!("the {} of {node} is different by now", part.part())));
            }
            let healthy = before.nodes.get(node).is_none_or(|state| state.faults.is_healthy(*part));
            if healthy { Ok(()) } else { Err(CannotUndo::SickBefore { node: *node, part: part.part() }) }
        })
    }
}

/// Returns whether a command was what took something back; nodes may have failed in the meantime.
fn is_undone_by(back: &Command, command: &Command) -> bool {
    match (back, command) {
        (
            Command::Restore { links, machines, nodes },
            Command::Restore { links: its_links, machines: its_machines, nodes: its_nodes },
        ) => links == its_links && machines == its_machines && nodes.iter().all(|node| its_nodes.contains(node)),
        _ => false, // nothing else takes anything back
    }
}

fn is_alike(part: Ailment, one: &NodeFaults, other: &NodeFaults) -> bool {
    match part {
        Ailment::Cpu => one.slow == other.slow,
        Ailment::Clock => one.clock == other.clock,
        Ailment::Disk => one.disk == other.disk,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        fault::{ClockShift, Delay, Fault, Heal, LinkFault, NodeFault, Slowness},
        sim::Sim,
        spec::ClusterSpec,
    };

    const SECOND: Duration = Duration::from_secs(1);

    fn link(from: u16, to: u16) -> LinkId {
        (NodeId(from).into(), NodeId(to).into())
    }

    /// A cluster that runs for a second before each command, as a person would have it.
    struct Bench(Sim);

    impl Bench {
        fn new() -> Self {
            let spec = ClusterSpec { clients: Vec::new(), ..ClusterSpec::default() };
            Self(Sim::start(&spec).expect("the spec is sound"))
        }

        fn does(&mut self, command: Command) {
            self.0.run_for(SECOND);
            self.0.command_by(Author::User, command);
        }

        fn breaks(&mut self, faults: Vec<Fault>) {
            self.does(Command::Inject(faults));
        }

        fn undo(&mut self) -> Result<(), CannotUndo> {
            self.0.run_for(SECOND);
            let command = undo(self.0.trace())?;
            self.0.command_by(Author::User, command);
            Ok(())
        }

        fn rules(&self, id: LinkId) -> LinkRules {
            self.0.trace().latest().links.get(&id).map(|state| state.rules).unwrap_or_default()
        }

        fn status(&self, node: u16) -> NodeStatus {
            self.0.trace().latest().nodes[&NodeId(node)].status.clone()
        }
    }

    #[test]
    fn undo_takes_back_the_last_command_and_leaves_what_was_broken_before() {
        let mut bench = Bench::new();
        let delay = Delay::constant(Duration::from_millis(200));
        bench.breaks(vec![Fault::Link(link(1, 2), LinkFault::Delay(delay))]);
        bench.breaks(vec![Fault::Partition(vec![vec![NodeId(1).into()]]), Fault::Freeze(NodeId(3))]);
        assert!(bench.rules(link(1, 2)).cut && bench.status(3) == NodeStatus::Frozen);
        assert_eq!(bench.undo(), Ok(()));
        assert_eq!(bench.rules(link(1, 2)), LinkRules { delay: Some(delay), ..LinkRules::default() });
        assert!(bench.rules(link(2, 1)).is_healthy() && bench.status(3) == NodeStatus::Up);
    }

    #[test]
    fn rules_that_were_set_are_taken_back_too() {
        let mut bench = Bench::new();
        bench.breaks(vec![Fault::cut(link(1, 2))]);
        let delay = Some(Delay::constant(Duration::from_millis(50)));
        bench.does(Command::SetLinks(vec![(link(1, 2), LinkRules { delay, ..LinkRules::default() })]));
        assert!(!bench.rules(link(1, 2)).cut);
        assert_eq!(bench.undo(), Ok(()));
        assert_eq!(bench.rules(link(1, 2)), LinkRules { cut: true, ..LinkRules::default() });
    }

    #[test]
    fn undone_twice_the_command_before_is_taken_back_too_and_then_nothing_is_left() {
        let mut bench = Bench::new();
        bench.breaks(vec![Fault::Crash(NodeId(2))]);
        bench.breaks(vec![Fault::cut(link(1, 3))]);
        assert_eq!(bench.undo(), Ok(()));
        assert_eq!(bench.status(2), NodeStatus::Crashed);
        assert_eq!(bench.undo(), Ok(()));
        assert_eq!(bench.status(2), NodeStatus::Up);
        assert_eq!(bench.undo(), Err(CannotUndo::AllUndone));
    }

    #[test]
    fn a_command_that_was_refused_is_none_to_undo() {
        let mut bench = Bench::new();
        bench.breaks(vec![Fault::cut(link(1, 3))]);
        bench.breaks(vec![Fault::cut(link(1, 3))]);
        assert_eq!(bench.undo(), Ok(()));
        assert!(bench.rules(link(1, 3)).is_healthy());
    }

    #[test]
    fn what_is_different_by_now_is_not_undone() {
        let mut bench = Bench::new();
        assert_eq!(bench.undo(), Err(CannotUndo::Nothing));
        bench.breaks(vec![Fault::Crash(NodeId(2))]);
        bench.does(Command::Heal(Heal::All));
        let refused = bench.undo().expect_err("it runs again");
        assert!(refused.to_string().contains("n2 is up by now"), "{refused}");
    }

    #[test]
    fn an_erased_disk_does_not_come_back() {
        let mut bench = Bench::new();
        bench.breaks(vec![Fault::Wipe(NodeId(2))]);
        assert_eq!(bench.undo(), Err(CannotUndo::Erased(NodeId(2))));
    }

    #[test]
    fn a_sick_machine_is_healed_and_what_it_brought_down_starts_again() {
        let mut bench = Bench::new();
        let slow = Fault::Node(NodeId(1), NodeFault::Slow(Slowness { factor: 10.0 }));
        bench.breaks(vec![slow, Fault::Node(NodeId(2), NodeFault::DiskFull)]);
        bench.0.run_for(5 * SECOND);
        // Whoever wants to vote or to lead writes; until then a full disk is not noticed.
        let sick = |bench: &Bench, node: u16| bench.0.trace().latest().nodes[&NodeId(node)].faults;
        assert!(sick(&bench, 1).slow.is_some() && sick(&bench, 2).disk.full);
        assert_eq!(bench.undo(), Ok(()));
        assert_eq!((sick(&bench, 1), sick(&bench, 2)), (NodeFaults::default(), NodeFaults::default()));
        assert_eq!(bench.status(2), NodeStatus::Up);
        assert_eq!(bench.undo(), Err(CannotUndo::AllUndone));
    }

    #[test]
    fn a_part_that_was_sick_before_is_not_made_sick_again() {
        let mut bench = Bench::new();
        let ahead = |secs| Fault::Node(NodeId(1), NodeFault::ClockOffset(ClockShift::ahead(secs * SECOND)));
        bench.breaks(vec![ahead(2)]);
        bench.breaks(vec![ahead(5)]);
        assert_eq!(bench.undo(), Err(CannotUndo::SickBefore { node: NodeId(1), part: "clock" }));
    }

    #[test]
    fn a_half_open_connection_is_undone_and_a_reset_one_is_not() {
        let mut bench = Bench::new();
        bench.breaks(vec![Fault::Link(link(1, 2), LinkFault::HalfOpen(30 * SECOND))]);
        bench.0.run_for(SECOND);
        assert!(bench.0.trace().latest().links[&link(1, 2)].half_open.is_some());
        assert_eq!(bench.undo(), Ok(()));
        assert!(bench.0.trace().latest().links[&link(1, 2)].half_open.is_none());
        bench.breaks(vec![Fault::Link(link(1, 2), LinkFault::Reset)]);
        assert_eq!(bench.undo(), Err(CannotUndo::Reset(link(1, 2).0, link(1, 2).1)));
    }

    #[test]
    fn what_others_broke_is_not_the_users_to_undo() {
        let mut bench = Bench::new();
        bench.0.run_for(SECOND);
        bench.0.command_by(Author::Nemesis, Command::Inject(vec![Fault::Crash(NodeId(2))]));
        assert_eq!(bench.undo(), Err(CannotUndo::Nothing));
    }
}
