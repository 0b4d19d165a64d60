//! Where events happen: on the lane of a node or a client, outside, or on a link.

use std::collections::BTreeMap;

use crate::{
    event::{EventKind, TraceEvent},
    ids::{Endpoint, MsgId, OpId},
};

/// A line of time on which events follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Whoever strikes the cluster: a user, a script.
    Outside,
    /// A node or a client.
    At(Endpoint),
}

/// Finds out where events happen: arrivals and answers do not say it themselves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    /// To whom the frames under way go.
    flights: BTreeMap<MsgId, Endpoint>,
    /// Whose the open operations are.
    ops: BTreeMap<OpId, Endpoint>,
}

/// Frames and operations that never end must not fill the memory.
const OPEN_MAX: usize = 262_144;

impl Places {
    /// Returns the lane of the next event of the run; `None` if it happens on a link, where nothing follows from order.
    pub(crate) fn next(&mut self, event: &TraceEvent) -> Option<Lane> {
        let node = |node: &crate::ids::NodeId| Some(Lane::At((*node).into()));
        match &event.kind {
            EventKind::CommandIssued { .. }
            | EventKind::CommandRefused { .. }
            | EventKind::KnobChanged { .. }
            | EventKind::TrapSet { .. }
            | EventKind::TrapRemoved { .. } => Some(Lane::Outside),
            EventKind::NodeStarted { node: at, .. }
            | EventKind::NodeCrashed { node: at }
            | EventKind::NodeLostPower { node: at, .. }
            | EventKind::NodeStopped { node: at }
            | EventKind::NodeFroze { node: at }
            | EventKind::NodeUnfroze { node: at }
            | EventKind::DiskWiped { node: at }
            | EventKind::NodeFailed { node: at, .. }
            | EventKind::FrameRejected { node: at, .. }
            | EventKind::TimerFired { node: at, .. }
            | EventKind::DiskSynced { node: at }
            | EventKind::Milestone { node: at, .. }
            | EventKind::LogSpliced { node: at, .. }
            | EventKind::ViewChanged { node: at, .. }
            | EventKind::DoorOpened { node: at, .. }
            | EventKind::DiskHarmed { node: at, .. }
            | EventKind::KnobTaken { node: at, .. }
            | EventKind::NodeFaultsChanged { node: at, .. } => node(at),
            EventKind::FrameSent { msg, from, to, .. } => {
                remember(&mut self.flights, *msg, *to);
                Some(Lane::At(*from))
            }
            EventKind::FrameDelivered { msg } => self.flights.remove(msg).map(Lane::At),
            EventKind::FrameDropped { msg, .. } => {
                self.flights.remove(msg);
                None
            }
            EventKind::OpInvoked { op, client, .. } => {
                remember(&mut self.ops, *op, (*client).into());
                Some(Lane::At((*client).into()))
            }
            EventKind::OpReturned { op, .. } => self.ops.remove(op).map(Lane::At),
            EventKind::ClientChanged { client, .. }
            | EventKind::VisitorCame { client, .. }
            | EventKind::VisitorLeft { client } => Some(Lane::At((*client).into())),
            // What happens between two ends is in nobody's course; counts, tries and findings are told, they do not happen.
            EventKind::LinkChanged { .. }
            | EventKind::ConnectionOpened { .. }
            | EventKind::ConnectionLost { .. }
            | EventKind::ConnectionReset { .. }
            | EventKind::ConnectionHalfOpened { .. }
            | EventKind::LinkActed { .. }
            | EventKind::FrameHeld { .. }
            | EventKind::FrameReleased { .. }
            | EventKind::TrapSprung { .. }
            | EventKind::ClockChanged { .. }
            | EventKind::FaultsTried { .. }
            | EventKind::Found { .. }
            | EventKind::NodeFaultsCounted { .. } => None,
        }
    }
}

fn remember<K: Ord>(open: &mut BTreeMap<K, Endpoint>, key: K, end: Endpoint) {
    if open.len() >= OPEN_MAX {
        open.pop_first();
    }
    open.insert(key, end);
}
