//! The tools in the user's hand: the knife, the stage, copied rules, undo, and random faults.

use std::collections::BTreeSet;

use cluster_core::{
    command::{Author, Command},
    fault::{Fault, FaultKind, LinkId, LinkRules, Sketch},
    ids::{Endpoint, NodeId},
    nemesis::{Nemesis, NemesisSpec},
    trace::{self, ClusterState},
};

use crate::app::App;

/// What the pointer does on the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tool {
    /// Selects, and draws the lasso.
    #[default]
    Pointer,
    /// Cuts links by a stroke across them.
    Knife,
    /// Gives the copied rules to what is clicked.
    Paste,
}

/// A menu that a key opens, for one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Menu {
    /// Of what is selected.
    Selected,
    /// Of everything that breaks more than one thing.
    Break,
}

/// What the user meant by a tool.
#[derive(Clone, Debug, PartialEq)]
pub enum ToolAction {
    /// Take a tool, or, if it is in the hand already, put it away.
    Take(Tool),
    /// Collect faults from here on, or stop collecting.
    ToggleStage,
    /// Take one fault off the stage.
    Unstage(usize),
    /// Ask for everything on the stage, at one instant.
    ApplyStage,
    /// Clear the stage.
    ClearStage,
    /// Copy the rules of a direction, and take the tool that gives them to others.
    Copy(LinkId),
    /// Give the copied rules to these directions.
    Paste(Vec<LinkId>),
    /// Take back what the last command broke.
    Undo,
    /// Open a menu.
    Open(Menu),
    /// Let random faults strike.
    StartNemesis(NemesisSpec),
    /// Stop random faults, and mend what they broke.
    StopNemesis,
}

/// The tools in the user's hand.
#[derive(Clone, Debug, Default)]
pub struct Tools {
    /// What the pointer does.
    pub tool: Tool,
    /// Whether faults are collected on the stage.
    pub staging: bool,
    /// The stage.
    pub staged: Vec<Fault>,
    /// The direction whose rules were copied, and the rules.
    pub copied: Option<(LinkId, LinkRules)>,
    /// The menu that is to be opened in this frame.
    pub menu: Option<Menu>,
    /// The random faults that strike, or struck last.
    pub nemesis: NemesisSpec,
    /// Whether they strike.
    pub striking: bool,
    /// The kinds that they use: those of the profile, or what the seed drew of them.
    pub kinds: Vec<FaultKind>,
}

impl Tools {
    /// Returns the rules that a direction has, with those that are staged for it.
    pub fn planned(&self, link: LinkId, actual: LinkRules) -> LinkRules {
        let mut rules = actual;
        for fault in &self.staged {
            if let Fault::Link(id, part) = fault
                && *id == link
            {
                part.add_to(&mut rules);
            }
        }
        rules
    }

    /// Returns what the stage would strike in that cluster.
    pub fn sketch(&self, state: &ClusterState) -> Sketch {
        let nodes = state.nodes.keys().map(|node| Endpoint::from(*node));
        let clients = state.clients.keys().map(|client| Endpoint::from(*client));
        Sketch::of(&self.staged, nodes.chain(clients))
    }
}

/// Returns both directions of every link between a node and the other nodes.
pub fn links_of(node: NodeId, state: &ClusterState) -> Vec<LinkId> {
    let others = state.nodes.keys().filter(|other| **other != node);
    others.flat_map(|other| [(node.into(), (*other).into()), ((*other).into(), node.into())]).collect()
}

/// Returns the command that gives directions exactly these rules: faults, unless something must be taken away, too.
pub fn paste(rules: LinkRules, targets: &[LinkId], state: &ClusterState) -> Option<Command> {
    let actual = |link: &LinkId| state.links.get(link).map(|state| state.rules).unwrap_or_default();
    let targets: BTreeSet<LinkId> = targets.iter().copied().filter(|link| actual(link) != rules).collect();
    if targets.is_empty() {
        return None;
    }
    if targets.iter().any(|link| !actual(link).is_healthy()) || rules.is_healthy() {
        let links = targets.into_iter().map(|link| (link, rules)).collect();
        return Some(Command::SetLinks(links));
    }
    Some(Command::Inject(targets.into_iter().flat_map(|link| rules.as_faults(link)).collect()))
}

impl App {
    /// Carries out what the user meant by a tool.
    pub(crate) fn on_tool(&mut self, action: ToolAction) {
        match action {
            ToolAction::Take(tool) => {
                self.tools.tool = if self.tools.tool == tool { Tool::Pointer } else { tool };
            }
            ToolAction::ToggleStage => self.tools.staging = !self.tools.staging,
            ToolAction::Unstage(at) if at < self.tools.staged.len() => drop(self.tools.staged.remove(at)),
            ToolAction::Unstage(_) => {}
            ToolAction::ClearStage => self.tools.staged.clear(),
            ToolAction::ApplyStage => {
                let faults = std::mem::take(&mut self.tools.staged);
                self.tools.staging = false;
                if faults.is_empty() {
                    self.toasts.warn("Nothing is staged: turn the stage on (S), then break things");
                } else {
                    self.send(Command::Inject(faults));
                }
            }
            ToolAction::Copy(link) => {
                let rules = self.store.latest().links.get(&link).map(|state| state.rules).unwrap_or_default();
                self.tools.copied = Some((link, rules));
                self.tools.tool = Tool::Paste;
            }
            ToolAction::Paste(targets) => match self.tools.copied {
                None => self.toasts.warn("No rules were copied: select a link and copy its rules (Y) first"),
                Some((_, rules)) => match paste(rules, &targets, self.store.latest()) {
                    Some(command) => self.send(command),
                    None => self.toasts.warn("It has these rules already"),
                },
            },
            ToolAction::Undo => match trace::undo(&self.store) {
                Ok(command) => self.send(command),
                Err(why) => self.toasts.warn(&capitalized(&why.to_string())),
            },
            ToolAction::Open(menu) => self.tools.menu = Some(menu),
            ToolAction::StartNemesis(spec) => self.start_nemesis(spec),
            ToolAction::StopNemesis => self.stop_nemesis(),
        }
    }

    /// Puts faults on the stage; one that is there already is not put there twice.
    pub(crate) fn stage(&mut self, faults: Vec<Fault>) {
        for fault in faults {
            if !self.tools.staged.contains(&fault) {
                self.tools.staged.push(fault);
            }
        }
    }

    /// Puts rules on the stage: what directions get beyond what they have. What they have cannot be taken away later.
    pub(crate) fn stage_rules(&mut self, links: Vec<(LinkId, LinkRules)>) {
        for (link, rules) in links {
            let actual = self.store.latest().links.get(&link).map(|state| state.rules).unwrap_or_default();
            let (had, gets) = (actual.parts(), rules.parts());
            if had.iter().any(|part| gets.iter().all(|other| other.kind() != part.kind())) {
                self.toasts.warn("Only what breaks things is staged: stop staging (S) to take a rule away");
                continue;
            }
            let is_rule = |fault: &Fault| matches!(fault, Fault::Link(id, part) if *id == link && part.is_rule());
            self.tools.staged.retain(|fault| !is_rule(fault));
            let more = gets.into_iter().filter(|part| !had.contains(part));
            self.tools.staged.extend(more.map(|part| Fault::Link(link, part)));
        }
    }

    /// Lets the nemesis strike, if it is its time.
    pub(crate) fn drive_nemesis(&mut self) {
        let latest = self.store.latest();
        let commands = self.nemesis.as_mut().map(|nemesis| nemesis.next(latest.at, latest)).unwrap_or_default();
        self.send_for_nemesis(commands);
    }

    fn start_nemesis(&mut self, spec: NemesisSpec) {
        if self.guide.lesson.is_some() {
            self.toasts.warn("A lab does without random faults: what happens is your own doing");
            return;
        }
        if !self.source.commandable() {
            self.toasts.warn("A recording takes no commands: what happened, happened");
            return;
        }
        self.stop_nemesis();
        // The first one follows from the seed of the run alone, later ones from when they begin, too.
        let earlier = self.store.latest().next.0 * u64::from(self.nemeses > 0);
        let nemesis = Nemesis::new(spec.clone(), self.store.spec().seed ^ earlier);
        self.nemeses += 1;
        self.tools.kinds = nemesis.kinds().to_vec();
        (self.tools.nemesis, self.tools.striking, self.nemesis) = (spec, true, Some(nemesis));
    }

    fn stop_nemesis(&mut self) {
        let commands = self.nemesis.take().map(|mut nemesis| nemesis.end(self.store.latest())).unwrap_or_default();
        self.tools.striking = false;
        self.send_for_nemesis(commands);
    }

    fn send_for_nemesis(&mut self, commands: Vec<Command>) {
        for command in commands {
            if !self.source.send(Author::Nemesis, command) {
                self.toasts.warn("The cluster does not hear the nemesis: it has ended, or is far behind");
            }
        }
    }
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cluster_core::{fault::Delay, trace::LinkState};

    use super::*;

    fn link(from: u16, to: u16) -> LinkId {
        (NodeId(from).into(), NodeId(to).into())
    }

    fn cluster(broken: &[(LinkId, LinkRules)]) -> ClusterState {
        let mut state = ClusterState::default();
        state.nodes = (1..=3).map(|node| (NodeId(node), Default::default())).collect();
        for (link, rules) in broken {
            state.links.insert(*link, LinkState { rules: *rules, ..LinkState::default() });
        }
        state
    }

    fn slow() -> LinkRules {
        let delay = Delay::constant(Duration::from_millis(250));
        LinkRules { delay: Some(delay), ..LinkRules::default() }
    }

    #[test]
    fn rules_are_given_to_healthy_links_as_faults() {
        let command = paste(slow(), &[link(1, 2), link(2, 1)], &cluster(&[(link(2, 1), slow())]));
        assert_eq!(command, Some(Command::Inject(slow().as_faults(link(1, 2)))), "who has them needs no more");
    }

    #[test]
    fn what_a_link_has_beyond_the_copied_rules_is_taken_away() {
        let cut = LinkRules { cut: true, ..LinkRules::default() };
        let command = paste(slow(), &[link(1, 2)], &cluster(&[(link(1, 2), cut)]));
        assert_eq!(command, Some(Command::SetLinks(vec![(link(1, 2), slow())])));
        assert_eq!(paste(slow(), &[link(1, 2)], &cluster(&[(link(1, 2), slow())])), None);
    }

    #[test]
    fn all_links_of_a_node_are_both_directions_to_every_other() {
        let links = links_of(NodeId(2), &cluster(&[]));
        assert_eq!(links, [link(2, 1), link(1, 2), link(2, 3), link(3, 2)]);
    }
}
