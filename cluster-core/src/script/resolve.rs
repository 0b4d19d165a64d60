//! Turns a line of a script into commands, for the cluster as it is when the moment comes.

use std::collections::BTreeSet;

use rand::Rng;

use super::{
    error::Unresolved,
    verb::{HealWhat, Links, Selector, Timed, Verb},
};
use crate::{
    command::Command,
    fault::{Fault, Heal, LinkId, Shape, ShapeError},
    ids::{Endpoint, NodeId},
    request::{Admin, Request},
    trace::{ClusterState, NodeStatus},
};

/// Why a line means nothing at this moment, and whether that may pass.
struct Reason {
    problem: String,
    may_pass: bool,
}

impl From<(String, bool)> for Reason {
    fn from((problem, may_pass): (String, bool)) -> Self {
        Self { problem, may_pass }
    }
}

type Resolved<T> = Result<T, Reason>;

impl Timed {
    /// Returns the commands that the line means in that cluster.
    pub fn resolve(&self, state: &ClusterState, rng: &mut impl Rng) -> Result<Vec<Command>, Unresolved> {
        let mut resolver = Resolver { state, rng };
        resolver.verb(&self.verb).map_err(|Reason { problem, may_pass }| Unresolved {
            file: self.file.clone(),
            line: self.line,
            problem,
            may_pass,
        })
    }
}

struct Resolver<'a, R> {
    state: &'a ClusterState,
    rng: &'a mut R,
}

impl<R: Rng> Resolver<'_, R> {
    fn verb(&mut self, verb: &Verb) -> Resolved<Vec<Command>> {
        Ok(match verb {
            Verb::Strike(kind, whom) => {
                let faults = self.nodes(whom)?.into_iter().map(|node| Fault::of_process(*kind, node));
                match faults.collect() {
                    Some(faults) => vec![Command::Inject(faults)],
                    None => return never("this strikes no process".to_owned()),
                }
            }
            Verb::Machine(fault, whom) => {
                let nodes = self.nodes(whom)?;
                vec![Command::Inject(nodes.into_iter().map(|node| Fault::Node(node, *fault)).collect())]
            }
            Verb::Partition(groups) => vec![Command::Inject(vec![Fault::Partition(self.groups(groups)?)])],
            Verb::Link(fault, links) => {
                let links = self.links(links)?;
                vec![Command::Inject(links.into_iter().map(|link| Fault::Link(link, *fault)).collect())]
            }
            Verb::Shape(shape, chosen) => vec![Command::Inject(self.shape(*shape, *chosen)?)],
            Verb::Heal(what) => self.heal(what)?,
            Verb::Restart(None) => vec![Command::RestartAll],
            Verb::Restart(Some(nodes)) => self.nodes(nodes)?.into_iter().map(Command::Restart).collect(),
            Verb::RestartWiped(nodes) => {
                let mut wiped = self.nodes(nodes)?;
                if nodes[..] == [Selector::All] {
                    wiped.retain(|node| !running(self.state).any(|up| up == *node));
                }
                wiped.into_iter().map(Command::RestartWiped).collect()
            }
            Verb::Unfreeze(nodes) => self.nodes(nodes)?.into_iter().map(Command::Unfreeze).collect(),
            Verb::Get(node, key) => vec![self.submit(*node, Request::Get { key: key.clone() })?],
            Verb::Put(node, key, value) => {
                vec![self.submit(*node, Request::Put { key: key.clone(), value: value.clone() })?]
            }
            Verb::Delete(node, key) => vec![self.submit(*node, Request::Delete { key: key.clone() })?],
            Verb::Increment(asker, key, by, times) => {
                let asked = self.submit(*asker, Request::Increment { key: key.clone(), by: *by })?;
                vec![asked; *times as usize]
            }
            Verb::Transfer(node) => {
                let to = self.node(*node)?;
                vec![self.of_leader(Admin::TransferLeadership { to })?]
            }
            Verb::Add(node) => self.add(*node, Admin::AddMember { node: *node })?,
            Verb::AddLearner(node) => self.add(*node, Admin::AddLearner { node: *node })?,
            Verb::Remove(node) => {
                let node = self.node(*node)?;
                vec![self.of_leader(Admin::RemoveMember { node })?]
            }
            Verb::Promote(node) => vec![self.submit(*node, Request::Admin(Admin::Promote))?],
            Verb::Campaign(node) => vec![self.submit(*node, Request::Admin(Admin::Campaign))?],
            Verb::Message(verb) => {
                let state = self.state;
                let asked = verb.resolve(state, |selector| self.end(selector))?;
                asked.into_iter().map(Command::Message).collect()
            }
            Verb::Pause => vec![Command::Pause],
            Verb::Resume => vec![Command::Resume],
            Verb::Rate(rate) => vec![Command::SetRate(*rate)],
            Verb::Set(knob, value) => vec![Command::SetKnob { knob: knob.clone(), value: value.clone() }],
        })
    }

    fn shape(&mut self, shape: Shape, chosen: Option<Selector>) -> Resolved<Vec<Fault>> {
        let chosen = chosen.map(|node| self.node(node)).transpose()?;
        let nodes: Vec<NodeId> = self.state.nodes.keys().copied().collect();
        let faults = shape.faults(&nodes, self.state.leader(), chosen);
        faults.map_err(|error| Reason { problem: error.to_string(), may_pass: error == ShapeError::NoLeader })
    }

    fn heal(&mut self, what: &HealWhat) -> Resolved<Vec<Command>> {
        Ok(match what {
            HealWhat::All => vec![Command::Heal(Heal::All)],
            HealWhat::Links => vec![Command::Heal(Heal::Links)],
            HealWhat::Link(links) => {
                self.links(links)?.into_iter().map(|link| Command::Heal(Heal::Link(link))).collect()
            }
            HealWhat::Around(ends) => {
                self.ends(ends)?.into_iter().map(|end| Command::Heal(Heal::Around(end))).collect()
            }
            HealWhat::Ailment(part, nodes) => {
                self.nodes(nodes)?.into_iter().map(|node| Command::Heal(Heal::Ailment(node, *part))).collect()
            }
        })
    }

    fn add(&mut self, node: NodeId, admin: Admin) -> Resolved<Vec<Command>> {
        let join = self.of_leader(admin)?;
        let there = self.state.nodes.contains_key(&node);
        Ok(if there { vec![join] } else { vec![Command::AddNode(node), join] })
    }

    /// Asks a node by hand, or lets a client ask.
    fn submit(&mut self, node: Selector, request: Request) -> Resolved<Command> {
        if let Selector::Client(client) = node {
            self.select(node)?;
            return Ok(Command::Ask { client, request });
        }
        Ok(Command::Submit { node: self.node(node)?, request })
    }

    /// Operations on the membership go to whoever leads.
    fn of_leader(&mut self, admin: Admin) -> Resolved<Command> {
        self.submit(Selector::Leader, Request::Admin(admin))
    }

    fn groups(&mut self, groups: &[Vec<Selector>]) -> Resolved<Vec<Vec<Endpoint>>> {
        let mut resolved: Vec<Vec<Endpoint>> = Vec::new();
        for group in groups {
            let named: Vec<_> = group.iter().copied().filter(|selector| *selector != Selector::Rest).collect();
            let ends = self.ends(&named)?;
            if let Some(twice) = ends.iter().find(|end| resolved.iter().any(|group| group.contains(end))) {
                return never(format!("{twice} is in two groups at once; a partition needs groups that differ"));
            }
            resolved.push(ends);
        }
        let rest = groups.iter().position(|group| group.contains(&Selector::Rest));
        if let Some(rest) = rest {
            let others = self.state.nodes.keys().map(|node| Endpoint::from(*node));
            let others: Vec<_> = others.filter(|end| !resolved.iter().any(|group| group.contains(end))).collect();
            resolved[rest].extend(others);
        }
        resolved.retain(|group| !group.is_empty());
        Ok(resolved)
    }

    fn links(&mut self, links: &Links) -> Resolved<Vec<LinkId>> {
        let (from, to, both_ways) = match links {
            Links::Between { from, to, both_ways } => (self.ends(from)?, self.ends(to)?, *both_ways),
            Links::Around(ends) => {
                let inner = self.ends(ends)?;
                let outer = self.state.nodes.keys().map(|node| Endpoint::from(*node));
                let outer = outer.filter(|end| !inner.contains(end)).collect();
                (inner, outer, true)
            }
        };
        let there = from.iter().flat_map(|from| to.iter().map(|to| (*from, *to)));
        let back = |(from, to)| [Some((from, to)), both_ways.then_some((to, from))];
        // Clients do not talk to each other, and nobody has a link to itself.
        let links: BTreeSet<_> = there
            .flat_map(back)
            .flatten()
            .filter(|(from, to)| from != to && (from.node().is_some() || to.node().is_some()))
            .collect();
        if links.is_empty() {
            return never("this names no link between two different ends".to_owned());
        }
        Ok(links.into_iter().collect())
    }

    fn node(&mut self, selector: Selector) -> Resolved<NodeId> {
        let nodes = self.nodes(&[selector])?;
        nodes.first().copied().ok_or_else(|| Reason { problem: "this names no node".to_owned(), may_pass: false })
    }

    /// Returns the one end that is meant.
    fn end(&mut self, selector: Selector) -> Resolved<Endpoint> {
        let ends = self.ends(&[selector])?;
        ends.first().copied().ok_or_else(|| Reason { problem: "this names nobody".to_owned(), may_pass: false })
    }

    fn nodes(&mut self, selectors: &[Selector]) -> Resolved<Vec<NodeId>> {
        let nodes = self.ends(selectors)?.into_iter().map(|end| {
            end.node().ok_or_else(|| Reason { problem: format!("{end} is a client, not a node"), may_pass: false })
        });
        nodes.collect()
    }

    /// Returns who is meant, each once, in the order of the script.
    fn ends(&mut self, selectors: &[Selector]) -> Resolved<Vec<Endpoint>> {
        let mut ends: Vec<Endpoint> = Vec::new();
        for selector in selectors {
            let found = self.select(*selector)?;
            ends.extend(found.into_iter().filter(|end| !ends.contains(end)).collect::<Vec<_>>());
        }
        Ok(ends)
    }

    fn select(&mut self, selector: Selector) -> Resolved<Vec<Endpoint>> {
        let state = self.state;
        match selector {
            Selector::Node(node) if state.nodes.contains_key(&node) => Ok(vec![node.into()]),
            Selector::Node(node) => never(format!("there is no {node}; the nodes are {}", listed(state.nodes.keys()))),
            Selector::Client(client) if state.clients.contains_key(&client) => Ok(vec![client.into()]),
            Selector::Client(client) if state.clients.is_empty() => {
                never(format!("there is no {client}; the run has no clients"))
            }
            Selector::Client(client) => {
                never(format!("there is no {client}; the clients are {}", listed(state.clients.keys())))
            }
            Selector::Leader => match state.leader() {
                Some(leader) => Ok(vec![leader.into()]),
                None => not_yet("nobody leads at this moment".to_owned()),
            },
            Selector::Follower(index) => {
                let leader = state.leader();
                let followers: Vec<_> = running(state).filter(|node| Some(*node) != leader).collect();
                match followers.get(index) {
                    Some(node) => Ok(vec![(*node).into()]),
                    None => not_yet(format!(
                        "there is no @follower[{index}]; {} running, counted from 0",
                        match followers.len() {
                            1 => "1 follower is".to_owned(),
                            count => format!("{count} followers are"),
                        }
                    )),
                }
            }
            Selector::Random => {
                let nodes: Vec<_> = running(state).collect();
                if nodes.is_empty() {
                    return not_yet("no node is running".to_owned());
                }
                Ok(vec![nodes[self.rng.random_range(0..nodes.len())].into()])
            }
            Selector::All => Ok(state.nodes.keys().map(|node| (*node).into()).collect()),
            Selector::Rest => never("`rest` means something only in a partition".to_owned()),
        }
    }
}

fn running(state: &ClusterState) -> impl Iterator<Item = NodeId> {
    state.nodes.iter().filter(|(_, node)| NodeStatus::is_running(&node.status)).map(|(node, _)| *node)
}

fn listed<T: ToString>(ids: impl Iterator<Item = T>) -> String {
    ids.map(|id| id.to_string()).collect::<Vec<_>>().join(", ")
}

fn never<T>(problem: String) -> Resolved<T> {
    Err(Reason { problem, may_pass: false })
}

fn not_yet<T>(problem: String) -> Resolved<T> {
    Err(Reason { problem, may_pass: true })
}
