//! Commands: what is asked of the cluster is done, or refused with the reason.

use super::{Backend, ClockRequest, Down, World, clients::HAND, nodes::Slot};
use crate::{
    command::Command,
    event::EventKind,
    fault::{Fault, FaultKind, FaultTarget, Heal, LinkId, LinkRules},
    ids::{Endpoint, NodeId, Seq},
    spec::NODES_MAX,
    time::Timestamp,
};

impl<B: Backend> World<B> {
    /// Does what was asked; an error says why nothing, or not all of it, was done.
    pub(super) fn carry_out(&mut self, now: Timestamp, seq: Seq, command: Command) -> Result<(), String> {
        match command {
            Command::Inject(faults) => self.inject(now, seq, &faults),
            Command::Heal(what) => self.heal(now, seq, what),
            Command::Restart(node) => self.restart(now, seq, node),
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
                self.submit(now, seq, node, request);
                Ok(())
            }
            Command::SetClient(spec) => {
                let mut all = self.spec.clone();
                all.clients = vec![spec.clone()];
                all.check().map_err(|error| error.to_string())?;
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
        }
    }

    fn ask_clock(&mut self, request: ClockRequest) -> Result<(), String> {
        self.clock = Some(request);
        Ok(())
    }

    fn inject(&mut self, now: Timestamp, seq: Seq, faults: &[Fault]) -> Result<(), String> {
        let mut refused = Vec::new();
        for fault in faults {
            if let Err(reason) = self.check_fault(fault) {
                refused.push(reason);
                continue;
            }
            let mut target = Target { world: self, now, seq, changed: 0 };
            fault.apply(&mut target);
            if target.changed == 0 {
                refused.push("it changed nothing: that is how things were already".to_owned());
            }
        }
        if refused.is_empty() { Ok(()) } else { Err(refused.join("; ")) }
    }

    fn check_fault(&self, fault: &Fault) -> Result<(), String> {
        match fault {
            Fault::Crash(node) | Fault::PowerLoss(node) | Fault::Stop(node) | Fault::Freeze(node) => {
                self.known(*node)?;
                let running = self.is_running(*node);
                if running { Ok(()) } else { Err(format!("{node} is not running")) }
            }
            Fault::Wipe(node) => self.known(*node),
            Fault::Cut(link) => self.check_link(*link, LinkRules { cut: true, ..LinkRules::default() }),
            Fault::Delay(link, delay) => {
                self.check_link(*link, LinkRules { delay: Some(*delay), ..LinkRules::default() })
            }
            Fault::Loss(link, loss) => self.check_link(*link, LinkRules { loss: Some(*loss), ..LinkRules::default() }),
            Fault::Partition(groups) => {
                groups.iter().flatten().try_for_each(|end| self.known_end(*end))?;
                let mut seen = std::collections::BTreeSet::new();
                match groups.iter().flatten().find(|end| !seen.insert(**end)) {
                    Some(twice) => Err(format!("{twice} is in two groups; name it once")),
                    None => Ok(()),
                }
            }
        }
    }

    fn check_link(&self, (from, to): LinkId, rules: LinkRules) -> Result<(), String> {
        self.known_end(from)?;
        self.known_end(to)?;
        if from == to || (from.node().is_none() && to.node().is_none()) {
            return Err(format!("there is no link from {from} to {to}"));
        }
        rules.check().map_err(|error| error.to_string())
    }

    fn known(&self, node: NodeId) -> Result<(), String> {
        if self.nodes.contains_key(&node) { Ok(()) } else { Err(format!("there is no node {node}")) }
    }

    pub(super) fn known_end(&self, end: Endpoint) -> Result<(), String> {
        match end {
            Endpoint::Node(node) => self.known(node),
            Endpoint::Client(client) if self.clients.contains_key(&client) || client == HAND => Ok(()),
            Endpoint::Client(client) => Err(format!("there is no client {client}")),
        }
    }

    fn heal(&mut self, now: Timestamp, seq: Seq, what: Heal) -> Result<(), String> {
        let links = self.links.broken();
        match what {
            Heal::All => {
                links
                    .into_iter()
                    .for_each(|link| self.set_link(now, seq, link, &mut |rules| *rules = LinkRules::default()));
                let frozen: Vec<NodeId> = self.nodes.keys().copied().filter(|node| self.is_frozen(*node)).collect();
                frozen.into_iter().for_each(|node| self.unfreeze(now, node, Some(seq)));
                self.heal_messages(now, seq);
                self.restart_all(now, seq);
            }
            Heal::Links => {
                links
                    .into_iter()
                    .for_each(|link| self.set_link(now, seq, link, &mut |rules| *rules = LinkRules::default()));
            }
            Heal::Link(link) if self.links.rules(link).is_healthy() => {
                return Err(format!("{}→{} is healthy", link.0, link.1));
            }
            Heal::Link(link) => self.set_link(now, seq, link, &mut |rules| *rules = LinkRules::default()),
            Heal::Around(end) => {
                self.known_end(end)?;
                for link in links.into_iter().filter(|(from, to)| *from == end || *to == end) {
                    self.set_link(now, seq, link, &mut |rules| *rules = LinkRules::default());
                }
                if let Some(node) = end.node().filter(|node| self.is_frozen(*node)) {
                    self.unfreeze(now, node, Some(seq));
                }
            }
        }
        Ok(())
    }

    fn restart(&mut self, now: Timestamp, seq: Seq, node: NodeId) -> Result<(), String> {
        self.known(node)?;
        if self.is_running(node) {
            return Err(format!("{node} is running; crash or stop it first"));
        }
        self.boot(now, node, Some(seq));
        Ok(())
    }

    fn restart_all(&mut self, now: Timestamp, seq: Seq) {
        let down: Vec<NodeId> = self.nodes.keys().copied().filter(|node| !self.is_running(*node)).collect();
        down.into_iter().for_each(|node| self.boot(now, node, Some(seq)));
    }

    fn add_node(&mut self, now: Timestamp, seq: Seq, node: NodeId) -> Result<(), String> {
        if self.nodes.contains_key(&node) {
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

    fn set_link(&mut self, now: Timestamp, seq: Seq, link: LinkId, change: &mut dyn FnMut(&mut LinkRules)) {
        if let Some(rules) = self.links.change(link, change) {
            let (from, to) = link;
            self.record(now, Some(seq), EventKind::LinkChanged { from, to, rules });
        }
    }
}

/// The world as a fault's target, at one instant, for one command.
struct Target<'a, B: Backend> {
    world: &'a mut World<B>,
    now: Timestamp,
    seq: Seq,
    changed: u32,
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
                world.backend.wipe(node);
                world.record(now, cause, EventKind::DiskWiped { node });
            }
            FaultKind::Cut | FaultKind::Delay | FaultKind::Loss | FaultKind::Partition => self.changed = 0,
        }
    }

    fn change_link(&mut self, link: LinkId, change: &mut dyn FnMut(&mut LinkRules)) {
        if let Some(rules) = self.world.links.change(link, change) {
            self.changed += 1;
            let (from, to) = link;
            self.world.record(self.now, Some(self.seq), EventKind::LinkChanged { from, to, rules });
        }
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        let nodes = self.world.nodes.keys().map(|node| Endpoint::Node(*node));
        let clients =
            self.world.clients.keys().filter(|client| **client != HAND).map(|client| Endpoint::Client(*client));
        nodes.chain(clients).collect()
    }
}
