//! Commands: what is asked of the cluster is done, or refused with the reason.

use std::time::Duration;

use super::{Backend, ClockRequest, Down, World, clients::HAND, nodes::Slot};
use crate::{
    command::Command,
    event::EventKind,
    fault::{Ailment, ClockTurn, Fault, FaultKind, FaultTarget, Heal, LinkFault, LinkId, LinkRules, Links, NodeFaults},
    ids::{Endpoint, NodeId, Seq},
    request::Request,
    spec::{Load, NODES_MAX},
    time::Timestamp,
};

impl<B: Backend> World<B> {
    /// Does what was asked; an error says why nothing, or not all of it, was done.
    pub(super) fn carry_out(&mut self, now: Timestamp, seq: Seq, command: Command) -> Result<(), String> {
        match command {
            Command::Inject(faults) => self.inject(now, seq, &faults),
            Command::SetLinks(links) => self.set_links(now, seq, &links),
            Command::Heal(what) => self.heal(now, seq, what),
            Command::Restart(node) => self.restart(now, seq, node),
            Command::RestartWiped(node) => self.restart_wiped(now, seq, node),
            Command::RestartAll => {
                self.restart_all(now, seq);
                Ok(())
            }
            Command::Unfreeze(node) if self.is_frozen(node) => {
                self.unfreeze(now, node, Some(seq));
                Ok(())
            }
            Command::Unfreeze(node) => Err(format!("{node} is not frozen")),
            Command::AddNode(node) => self.add_node(now, seq, node),
            Command::Submit { node, request } => {
                self.known(node)?;
                if !self.row.serves_clients && !matches!(request, Request::Admin(_)) {
                    return Err(self.nothing_to_ask());
                }
                self.submit(now, seq, node, request);
                Ok(())
            }
            Command::Ask { client, request } => self.ask_as(now, seq, client, request),
            Command::SetClient(spec) => {
                let mut all = self.spec.clone();
                all.clients = vec![spec.clone()];
                all.check().map_err(|error| error.to_string())?;
                if !self.row.serves_clients && spec.load != Load::Idle {
                    return Err(self.nothing_to_ask());
                }
                let client = spec.id;
                let changed = EventKind::ClientChanged { client, spec: Some(Box::new(spec.clone())) };
                self.record(now, Some(seq), changed);
                self.start_client(now, spec);
                Ok(())
            }
            Command::RemoveClient(client) if client != HAND && self.clients.contains_key(&client) => {
                self.stop_client(now, client);
                self.record(now, Some(seq), EventKind::ClientChanged { client, spec: None });
                Ok(())
            }
            Command::RemoveClient(client) => Err(format!("there is no client {client}")),
            Command::Message(what) => self.by_hand(now, seq, what),
            Command::Pause => self.ask_clock(ClockRequest::Pause),
            Command::Resume => self.ask_clock(ClockRequest::Resume),
            Command::Step => self.ask_clock(ClockRequest::Step),
            Command::SetRate(rate) if rate > 0.0 => self.ask_clock(ClockRequest::Rate(rate)),
            Command::SetRate(rate) => Err(format!("cluster time cannot run at {rate}; pause it instead")),
            Command::Restore { links, machines, nodes } => self.restore(now, seq, &links, &machines, &nodes),
            Command::SetKnob { knob, value } => self.set_knob(now, seq, &knob, value),
        }
    }

    pub(super) fn nothing_to_ask(&self) -> String {
        format!("{} keeps no map: there is nothing to write or read, only members to watch", self.row.title)
    }

    fn ask_clock(&mut self, request: ClockRequest) -> Result<(), String> {
        self.clock = Some(request);
        Ok(())
    }

    fn inject(&mut self, now: Timestamp, seq: Seq, faults: &[Fault]) -> Result<(), String> {
        let mut refused = Vec::new();
        for fault in faults {
            if let Err(reason) = self.check_fault(now, fault) {
                refused.push(reason);
                continue;
            }
            let mut target = Target { world: self, now, seq, changed: 0, refused: None };
            fault.apply(&mut target);
            if let Some(reason) = target.refused {
                refused.push(reason);
            } else if target.changed == 0 {
                refused.push(NOTHING_CHANGED.to_owned());
            }
        }
        // A hundred links that say the same say it once.
        refused.dedup();
        if refused.is_empty() { Ok(()) } else { Err(refused.join("; ")) }
    }

    fn check_fault(&self, now: Timestamp, fault: &Fault) -> Result<(), String> {
        match fault {
            Fault::Crash(node) | Fault::PowerLoss(node) | Fault::Stop(node) | Fault::Freeze(node) => {
                self.known(*node)?;
                let running = self.is_running(*node);
                if running { Ok(()) } else { Err(format!("{node} is not running")) }
            }
            Fault::Wipe(node) => self.known(*node),
            Fault::Node(node, fault) => self.known(*node).and_then(|()| self.check_node_fault(now, *node, *fault)),
            Fault::Link(link, link_fault) => self.check_link_fault(fault, *link, *link_fault),
            Fault::Partition(groups) => {
                groups.iter().flatten().try_for_each(|end| self.known_end(*end))?;
                let mut seen = std::collections::BTreeSet::new();
                match groups.iter().flatten().find(|end| !seen.insert(**end)) {
                    Some(twice) => Err(format!("{twice} is in two groups; name it once")),
                    None => self.check_together(fault),
                }
            }
        }
    }

    fn check_link_fault(&self, fault: &Fault, link: LinkId, link_fault: LinkFault) -> Result<(), String> {
        self.known_link(link)?;
        link_fault.check().map_err(|error| error.to_string())?;
        match link_fault {
            LinkFault::Reset | LinkFault::HalfOpen(_) => {
                let down = [link.0, link.1].into_iter().filter_map(Endpoint::node).find(|node| !self.is_running(*node));
                down.map_or(Ok(()), |node| Err(format!("{node} is not running, so it has no connection")))
            }
            _ => self.check_together(fault), // every other one is a rule beside those that there are
        }
    }

    /// Checks that the rules which a fault leads to do not contradict those that there are already.
    fn check_together(&self, fault: &Fault) -> Result<(), String> {
        let mut trial = Trial { endpoints: self.fault_endpoints(), links: &self.links, refused: None };
        fault.apply(&mut trial);
        trial.refused.map_or(Ok(()), Err)
    }

    fn known_link(&self, (from, to): LinkId) -> Result<(), String> {
        self.known_end(from)?;
        self.known_end(to)?;
        if from == to || (from.node().is_none() && to.node().is_none()) {
            return Err(format!("there is no link from {from} to {to}"));
        }
        Ok(())
    }

    /// Gives links exactly these rules: all of them, or none if one cannot be.
    fn set_links(&mut self, now: Timestamp, seq: Seq, links: &[(LinkId, LinkRules)]) -> Result<(), String> {
        self.check_links(links)?;
        let mut changed = false;
        for (link, rules) in links {
            changed |= self.set_link(now, seq, *link, &mut |old| *old = *rules);
        }
        if changed { Ok(()) } else { Err(NOTHING_CHANGED.to_owned()) }
    }

    fn check_links(&self, links: &[(LinkId, LinkRules)]) -> Result<(), String> {
        links.iter().try_for_each(|(link, rules)| {
            self.known_link(*link)?;
            rules.check().map_err(|error| format!("{}→{}: {error}", link.0, link.1))
        })
    }

    fn fault_endpoints(&self) -> Vec<Endpoint> {
        let nodes = self.nodes.nodes().map(Endpoint::Node);
        let clients = self.clients.keys().filter(|client| **client != HAND).map(|client| Endpoint::Client(*client));
        nodes.chain(clients).collect()
    }

    fn known(&self, node: NodeId) -> Result<(), String> {
        if self.nodes.contains(node) { Ok(()) } else { Err(format!("there is no node {node}")) }
    }

    pub(super) fn known_end(&self, end: Endpoint) -> Result<(), String> {
        match end {
            Endpoint::Node(node) => self.known(node),
            Endpoint::Client(client) if self.clients.contains_key(&client) || client == HAND => Ok(()),
            Endpoint::Client(client) if client.is_visitor() => Err(format!(
                "{client} came in from outside, by a connection that is no link of ours; freeze or crash its node"
            )),
            Endpoint::Client(client) => Err(format!("there is no client {client}")),
        }
    }

    fn heal(&mut self, now: Timestamp, seq: Seq, what: Heal) -> Result<(), String> {
        let mut links = self.links.broken();
        links.extend(self.half_open_links());
        match what {
            Heal::All => {
                self.heal_links(now, seq, links);
                let frozen: Vec<NodeId> = self.nodes.nodes().filter(|node| self.is_frozen(*node)).collect();
                frozen.into_iter().for_each(|node| self.unfreeze(now, node, Some(seq)));
                self.heal_messages(now, seq);
                let nodes: Vec<NodeId> = self.nodes.nodes().collect();
                let healed = nodes.iter().map(|node| self.heal_machine(now, seq, *node, &Ailment::ALL));
                let beyond: Vec<String> = healed.filter_map(Result::err).collect();
                self.restart_all(now, seq);
                if !beyond.is_empty() {
                    return Err(beyond.join("; "));
                }
            }
            Heal::Links => self.heal_links(now, seq, links),
            Heal::Link(link) if !links.contains(&link) => return Err(format!("{}→{} is healthy", link.0, link.1)),
            Heal::Link(link) => self.heal_links(now, seq, vec![link]),
            Heal::Around(end) => {
                self.known_end(end)?;
                links.retain(|(from, to)| *from == end || *to == end);
                self.heal_links(now, seq, links);
                if let Some(node) = end.node().filter(|node| self.is_frozen(*node)) {
                    self.unfreeze(now, node, Some(seq));
                }
                if let Some(node) = end.node() {
                    self.heal_machine(now, seq, node, &Ailment::ALL)?;
                }
            }
            Heal::Ailment(node, part) => {
                self.known(node)?;
                if self.nodes.get(node).is_some_and(|slot| slot.machine.faults.is_healthy(part)) {
                    return Err(format!("the {} of {node} is as it should be", part.part()));
                }
                self.heal_machine(now, seq, node, &[part])?;
            }
        }
        Ok(())
    }

    /// Takes back what was broken: all of it, or nothing if a part of it cannot be.
    fn restore(
        &mut self,
        now: Timestamp,
        seq: Seq,
        links: &[(LinkId, LinkRules)],
        machines: &[(NodeId, Ailment)],
        nodes: &[NodeId],
    ) -> Result<(), String> {
        self.check_links(links)?;
        machines.iter().map(|(node, _)| node).chain(nodes).try_for_each(|node| self.known(*node))?;
        let mut changed = false;
        for (link, rules) in links {
            changed |= self.set_link(now, seq, *link, &mut |old| *old = *rules);
            changed |= self.end_half_open(now, Some(seq), *link);
        }
        for (node, part) in machines {
            changed |= self.can_heal(*node, *part);
            // Bits that rotted are not what was to be restored.
            self.heal_machine(now, seq, *node, &[*part]).ok();
        }
        for node in nodes {
            if self.is_frozen(*node) {
                self.unfreeze(now, *node, Some(seq));
                changed = true;
            } else if !self.is_running(*node) {
                self.boot(now, *node, Some(seq));
                changed = true;
            }
        }
        if changed { Ok(()) } else { Err(NOTHING_CHANGED.to_owned()) }
    }

    /// Takes every rule from these directions, and lets the ends of half-open connections find out.
    fn heal_links(&mut self, now: Timestamp, seq: Seq, links: Vec<LinkId>) {
        for link in links {
            self.set_link(now, seq, link, &mut |rules| *rules = LinkRules::default());
            self.end_half_open(now, Some(seq), link);
        }
    }

    fn restart(&mut self, now: Timestamp, seq: Seq, node: NodeId) -> Result<(), String> {
        self.known(node)?;
        if self.is_running(node) {
            return Err(format!("{node} is running; crash or stop it first"));
        }
        self.boot(now, node, Some(seq));
        Ok(())
    }

    fn restart_wiped(&mut self, now: Timestamp, seq: Seq, node: NodeId) -> Result<(), String> {
        self.known(node)?;
        if self.is_running(node) {
            return Err(format!("{node} is running; crash or stop it first, or wipe its disk while it runs"));
        }
        self.wipe(now, node, seq);
        self.boot(now, node, Some(seq));
        Ok(())
    }

    fn wipe(&mut self, now: Timestamp, node: NodeId, seq: Seq) {
        self.backend.wipe(node);
        let wiped = self.record(now, Some(seq), EventKind::DiskWiped { node });
        self.forget_rot(now, node, wiped);
    }

    fn restart_all(&mut self, now: Timestamp, seq: Seq) {
        let down: Vec<NodeId> = self.nodes.nodes().filter(|node| !self.is_running(*node)).collect();
        down.into_iter().for_each(|node| self.boot(now, node, Some(seq)));
    }

    fn add_node(&mut self, now: Timestamp, seq: Seq, node: NodeId) -> Result<(), String> {
        if self.nodes.contains(node) {
            return Err(format!("{node} is there already"));
        }
        if node == NodeId(0) || self.nodes.len() >= NODES_MAX {
            return Err(format!(
                "{node} cannot be added: nodes are numbered from 1, and there are at most {NODES_MAX}"
            ));
        }
        self.nodes.insert(node, Slot::joining());
        self.boot(now, node, Some(seq));
        self.tell_clients(now);
        Ok(())
    }

    fn set_link(&mut self, now: Timestamp, seq: Seq, link: LinkId, change: &mut dyn FnMut(&mut LinkRules)) -> bool {
        let changed = self.links.change(link, change);
        if let Some(rules) = changed {
            let ((from, to), rules) = (link, Box::new(rules));
            self.record(now, Some(seq), EventKind::LinkChanged { from, to, rules });
        }
        changed.is_some()
    }
}

/// Why a command was none.
const NOTHING_CHANGED: &str = "it changed nothing: that is how things were already";
/// Why a fault of a connection did nothing.
const NO_CONNECTION: &str =
    "there is no such connection, or one of its ends is gone already; it is made with the first frame";

/// The world as a fault's target, at one instant, for one command.
struct Target<'a, B: Backend> {
    world: &'a mut World<B>,
    now: Timestamp,
    seq: Seq,
    changed: u32,
    /// Why it could not be done, if only the attempt could tell.
    refused: Option<String>,
}

impl<B: Backend> FaultTarget for Target<'_, B> {
    fn strike(&mut self, node: NodeId, kind: FaultKind) {
        let (world, now, cause) = (&mut *self.world, self.now, Some(self.seq));
        self.changed += 1;
        match kind {
            FaultKind::Crash => drop(world.take_down(now, node, Down::Crash, cause)),
            FaultKind::PowerLoss => drop(world.take_down(now, node, Down::PowerLoss, cause)),
            FaultKind::Stop => drop(world.take_down(now, node, Down::Stop, cause)),
            FaultKind::Freeze if world.is_frozen(node) => self.changed = 0,
            FaultKind::Freeze => world.freeze(now, node, cause),
            FaultKind::Wipe => {
                world.take_down(now, node, Down::Crash, cause);
                world.wipe(now, node, self.seq);
            }
            FaultKind::TornPowerLoss => drop(world.take_down(now, node, Down::TornPowerLoss, cause)),
            FaultKind::BitRot => self.refused = world.rot(now, node, self.seq).err(),
            FaultKind::Slow
            | FaultKind::ClockOffset
            | FaultKind::ClockJump
            | FaultKind::ClockDrift
            | FaultKind::DiskSlow
            | FaultKind::DiskFull
            | FaultKind::ReadErrors
            | FaultKind::LyingSync => self.changed = 0,
            FaultKind::Cut
            | FaultKind::Flap
            | FaultKind::Delay
            | FaultKind::Loss
            | FaultKind::Burst
            | FaultKind::Duplicate
            | FaultKind::Reorder
            | FaultKind::Corrupt
            | FaultKind::Bandwidth
            | FaultKind::Reset
            | FaultKind::HalfOpen
            | FaultKind::SlowClose
            | FaultKind::Partition => self.changed = 0,
        }
    }

    fn change_node(&mut self, node: NodeId, change: &mut dyn FnMut(&mut NodeFaults)) {
        self.changed += u32::from(self.world.ail(self.now, node, self.seq, change));
    }

    fn turn_clock(&mut self, node: NodeId, turn: ClockTurn) {
        self.changed += u32::from(self.world.skew(self.now, node, self.seq, turn));
    }

    fn change_link(&mut self, link: LinkId, change: &mut dyn FnMut(&mut LinkRules)) {
        self.changed += u32::from(self.world.set_link(self.now, self.seq, link, change));
    }

    fn break_connection(&mut self, link: LinkId, half_open_for: Option<Duration>) {
        let (now, seq) = (self.now, self.seq);
        let broken = match half_open_for {
            None => self.world.reset_connection(now, seq, link),
            Some(timeout) => self.world.half_open(now, Some(seq), link, timeout, FaultKind::HalfOpen),
        };
        self.changed += u32::from(broken);
        if !broken {
            self.refused = Some(NO_CONNECTION.to_owned());
        }
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        self.world.fault_endpoints()
    }
}

/// Finds out what a fault would lead to, and does nothing.
struct Trial<'a> {
    endpoints: Vec<Endpoint>,
    links: &'a Links,
    refused: Option<String>,
}

impl FaultTarget for Trial<'_> {
    fn strike(&mut self, _: NodeId, _: FaultKind) {}

    fn change_node(&mut self, _: NodeId, _: &mut dyn FnMut(&mut NodeFaults)) {}

    fn turn_clock(&mut self, _: NodeId, _: ClockTurn) {}

    fn change_link(&mut self, link: LinkId, change: &mut dyn FnMut(&mut LinkRules)) {
        let mut rules = self.links.rules(link);
        change(&mut rules);
        if let Err(error) = rules.check()
            && self.refused.is_none()
        {
            self.refused = Some(format!("{}→{}: {error}", link.0, link.1));
        }
    }

    fn break_connection(&mut self, _: LinkId, _: Option<Duration>) {}

    fn endpoints(&self) -> Vec<Endpoint> {
        self.endpoints.clone()
    }
}
