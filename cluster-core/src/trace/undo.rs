//! Undo as heal: what takes back exactly what the last injected command changed, if that is still so.

use super::{ClusterState, MarkKind, NodeStatus, TraceStore};
use crate::{
    command::{Author, Command},
    event::{EventKind, TraceEvent},
    fault::{LinkId, LinkRules},
    ids::{NodeId, Seq},
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
}

/// What one command did.
#[derive(Debug, Default)]
struct Deed {
    /// The rules that it gave to directions.
    links: Vec<(LinkId, LinkRules)>,
    /// The nodes that it struck, with what became of them.
    nodes: Vec<(NodeId, NodeStatus)>,
    wiped: Option<NodeId>,
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
            Command::Inject(_) => {
                let deed = Deed::of(store, mark.seq);
                if deed.is_nothing() {
                    continue;
                }
                broke_something = true;
                let back = deed.taken_back(&store.state_at(mark.seq));
                if let Some(at) = undone.iter().position(|command| *command == back) {
                    undone.remove(at);
                    continue;
                }
                return deed.check(store.latest()).map(|()| back);
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
                self.links.push(((*from, *to), *rules));
                return;
            }
            EventKind::DiskWiped { node } => {
                self.wiped = Some(*node);
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
        self.links.is_empty() && self.nodes.is_empty() && self.wiped.is_none()
    }

    fn taken_back(&self, before: &ClusterState) -> Command {
        let rules = |link: &LinkId| before.links.get(link).map(|state| state.rules).unwrap_or_default();
        let links = self.links.iter().map(|(link, _)| (*link, rules(link))).collect();
        let runs = |node: &NodeId| before.nodes.get(node).is_some_and(|state| state.status.is_running());
        let nodes = self.nodes.iter().map(|(node, _)| *node).filter(runs).collect();
        Command::Restore { links, nodes }
    }

    fn check(&self, latest: &ClusterState) -> Result<(), CannotUndo> {
        if let Some(node) = self.wiped {
            return Err(CannotUndo::Erased(node));
        }
        for ((from, to), rules) in &self.links {
            if latest.links.get(&(*from, *to)).map(|state| state.rules) != Some(*rules) {
                return Err(CannotUndo::Changed(format!("{from}→{to} has other rules since")));
            }
        }
        for (node, status) in &self.nodes {
            match latest.nodes.get(node).map(|state| &state.status) {
                Some(still) if still == status => {}
                Some(other) => return Err(CannotUndo::Changed(format!("{node} is {} by now", other.word()))),
                None => return Err(CannotUndo::Changed(format!("{node} is gone"))),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        fault::{Delay, Fault, Heal},
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
        let delay = Delay { mean: Duration::from_millis(200), jitter: Duration::ZERO };
        bench.breaks(vec![Fault::Delay(link(1, 2), delay)]);
        bench.breaks(vec![Fault::Partition(vec![vec![NodeId(1).into()]]), Fault::Freeze(NodeId(3))]);
        assert!(bench.rules(link(1, 2)).cut && bench.status(3) == NodeStatus::Frozen);
        assert_eq!(bench.undo(), Ok(()));
        assert_eq!(bench.rules(link(1, 2)), LinkRules { delay: Some(delay), ..LinkRules::default() });
        assert!(bench.rules(link(2, 1)).is_healthy() && bench.status(3) == NodeStatus::Up);
    }

    #[test]
    fn undone_twice_the_command_before_is_taken_back_too_and_then_nothing_is_left() {
        let mut bench = Bench::new();
        bench.breaks(vec![Fault::Crash(NodeId(2))]);
        bench.breaks(vec![Fault::Cut(link(1, 3))]);
        assert_eq!(bench.undo(), Ok(()));
        assert_eq!(bench.status(2), NodeStatus::Crashed);
        assert_eq!(bench.undo(), Ok(()));
        assert_eq!(bench.status(2), NodeStatus::Up);
        assert_eq!(bench.undo(), Err(CannotUndo::AllUndone));
    }

    #[test]
    fn a_command_that_was_refused_is_none_to_undo() {
        let mut bench = Bench::new();
        bench.breaks(vec![Fault::Cut(link(1, 3))]);
        bench.breaks(vec![Fault::Cut(link(1, 3))]);
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
    fn what_others_broke_is_not_the_users_to_undo() {
        let mut bench = Bench::new();
        bench.0.run_for(SECOND);
        bench.0.command_by(Author::Nemesis, Command::Inject(vec![Fault::Crash(NodeId(2))]));
        assert_eq!(bench.undo(), Err(CannotUndo::Nothing));
    }
}
