//! What the scripts have in common: whom to cut off, who is to lead, what is written and read by hand.

use std::time::Duration;

use super::scene::{PATIENCE, Scene, Stuck};
use crate::{
    command::Command,
    event::RoleKind,
    fault::{ByHand, Fault, Heal, NodeFault, Times, Trap},
    ids::{ClientId, Endpoint, MsgId, NodeId},
    name::Name,
    request::{Admin, Request},
    trace::{ClusterState, NodeStatus},
};

/// How long a vote, a message or an answer may take that is not to come in a correct protocol.
pub(super) const SHORT: Duration = Duration::from_millis(600);
/// How often somebody asks for votes: terms that others know already are passed over in this way.
const CAMPAIGNS: usize = 4;

impl Scene {
    /// Breaks something.
    pub(super) fn inject(&mut self, faults: Vec<Fault>) -> Result<(), Stuck> {
        self.ask(Command::Inject(faults))
    }

    /// Makes all links whole, then splits the nodes into groups.
    pub(super) fn split(&mut self, groups: &[&[u16]]) -> Result<(), Stuck> {
        self.ask(Command::Heal(Heal::Links))?;
        let ends = |group: &&[u16]| group.iter().map(|node| Endpoint::from(NodeId(*node))).collect();
        self.inject(vec![Fault::Partition(groups.iter().map(ends).collect())])
    }

    /// Makes all links whole.
    pub(super) fn join(&mut self) -> Result<(), Stuck> {
        self.ask(Command::Heal(Heal::Links))
    }

    /// Cuts a link in both directions.
    pub(super) fn part(&mut self, one: u16, other: u16) -> Result<(), Stuck> {
        let (one, other) = (NodeId(one).into(), NodeId(other).into());
        self.inject(vec![Fault::cut((one, other)), Fault::cut((other, one))])
    }

    /// Ends a process, and starts it again with the disk that it has.
    pub(super) fn reboot(&mut self, node: u16) -> Result<(), Stuck> {
        let node = NodeId(node);
        self.inject(vec![Fault::Crash(node)])?;
        self.until("the crash", |state| state.nodes.get(&node).is_some_and(|it| it.status == NodeStatus::Crashed))?;
        self.restart(node)
    }

    /// Starts a node that is down.
    pub(super) fn restart(&mut self, node: NodeId) -> Result<(), Stuck> {
        self.ask(Command::Restart(node))?;
        self.until("the boot", |state| state.nodes.get(&node).is_some_and(|it| it.status == NodeStatus::Up))
    }

    /// Ends a process for good.
    pub(super) fn crash(&mut self, node: u16) -> Result<(), Stuck> {
        self.inject(vec![Fault::Crash(NodeId(node))])
    }

    /// Makes the syncs of all disks take longer than the script goes on.
    pub(super) fn stall_disks(&mut self, nodes: &[u16]) -> Result<(), Stuck> {
        let stall = |node: &u16| Fault::Node(NodeId(*node), NodeFault::DiskSlow(PATIENCE));
        self.inject(nodes.iter().map(stall).collect())
    }

    /// Takes the power from all of these at once, makes their disks well, and starts them.
    pub(super) fn power_cycle(&mut self, nodes: &[u16]) -> Result<(), Stuck> {
        self.inject(nodes.iter().map(|node| Fault::PowerLoss(NodeId(*node))).collect())?;
        for node in nodes {
            self.ask(Command::Heal(Heal::Ailment(NodeId(*node), crate::fault::Ailment::Disk)))?;
        }
        nodes.iter().try_for_each(|node| self.restart(NodeId(*node)))
    }

    /// Lets a node ask for votes until it leads. Returns whether it does.
    pub(super) fn campaign(&mut self, node: u16) -> Result<bool, Stuck> {
        let node = NodeId(node);
        for _ in 0..CAMPAIGNS {
            self.ask(Command::Submit { node, request: Request::Admin(Admin::Campaign) })?;
            if self.within(SHORT, |state| leads(state, node)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Lets a node ask for votes once, and waits for what comes of it, but not long.
    pub(super) fn campaign_once(&mut self, node: u16) -> Result<(), Stuck> {
        let node = NodeId(node);
        self.ask(Command::Submit { node, request: Request::Admin(Admin::Campaign) })?;
        self.within(SHORT, |state| state.nodes.get(&node).is_some_and(|it| it.view.role == RoleKind::Leader));
        Ok(())
    }

    /// Makes a node leader; a script that needs it cannot go on without.
    pub(super) fn lead(&mut self, node: u16) -> Result<(), Stuck> {
        match self.campaign(node)? {
            true => Ok(()),
            false => Err(format!("n{node} does not become leader")),
        }
    }

    /// Asks a node to write, and does not wait for it.
    pub(super) fn write(&mut self, node: u16, key: &str, value: &str) -> Result<(), Stuck> {
        let request = Request::Put { key: key.into(), value: value.into() };
        self.ask(Command::Submit { node: NodeId(node), request })
    }

    /// Asks a node to write. Returns whether it is acknowledged soon.
    pub(super) fn put(&mut self, node: u16, key: &str, value: &str) -> Result<bool, Stuck> {
        self.submit(NodeId(node), Request::Put { key: key.into(), value: value.into() }, SHORT)
    }

    /// Asks a node to write; a script that needs it acknowledged cannot go on without.
    pub(super) fn must_put(&mut self, node: u16, key: &str, value: &str) -> Result<(), Stuck> {
        match self.put(node, key, value)? {
            true => Ok(()),
            false => Err(format!("n{node} does not acknowledge {key}={value}")),
        }
    }

    /// Asks a node to read. Returns whether it answers soon.
    pub(super) fn get(&mut self, node: u16, key: &str) -> Result<bool, Stuck> {
        self.submit(NodeId(node), Request::Get { key: key.into() }, SHORT)
    }

    /// Waits until the log of a node ends at `last` or later. Returns whether it does.
    pub(super) fn has_log(&mut self, node: u16, last: u64) -> bool {
        self.within(SHORT, |state| state.nodes.get(&NodeId(node)).is_some_and(|it| it.log.last().0 >= last))
    }

    /// Sets a trap for messages between two nodes.
    pub(super) fn hold(&mut self, times: Times, what: &'static str, from: u16, to: u16) -> Result<(), Stuck> {
        let (from, to) = (Some(NodeId(from).into()), Some(NodeId(to).into()));
        self.ask(Command::Message(ByHand::SetTrap(Trap { what: Some(Name::new(what)), from, to, times })))
    }

    /// Sets a trap for the next operation by hand at a node.
    pub(super) fn hold_hand(&mut self, to: u16) -> Result<(), Stuck> {
        let (from, to) = (Some(ClientId(0).into()), Some(NodeId(to).into()));
        self.ask(Command::Message(ByHand::SetTrap(Trap { what: None, from, to, times: Times::Once })))
    }

    /// Returns the messages that are held once there are so many; none if they do not come soon.
    pub(super) fn held(&mut self, count: usize) -> Option<Vec<MsgId>> {
        let there = self.within(SHORT, |state| state.held.len() >= count);
        there.then(|| self.state().held.iter().map(|held| held.msg).collect())
    }

    /// Lets a held message go on.
    pub(super) fn release(&mut self, msg: MsgId) -> Result<(), Stuck> {
        self.ask(Command::Message(ByHand::Release(msg)))
    }
}

/// Returns whether a node leads in an epoch that nobody is ahead of: who was deposed may not know it yet.
fn leads(state: &ClusterState, node: NodeId) -> bool {
    let latest = state.nodes.values().map(|it| it.view.epoch).max();
    state.nodes.get(&node).is_some_and(|it| {
        it.status == NodeStatus::Up && it.view.role == RoleKind::Leader && Some(it.view.epoch) == latest
    })
}
