//! Operations on the cluster itself: handing over, members, campaigns.

use std::collections::{BTreeMap, BTreeSet};

use protobuf::Message as _;
use raft::{
    ProgressState,
    eraftpb::{ConfChange, ConfChangeType, ConfChangeV2, Entry, EntryType},
};

use super::{Raft, clients::unavailable, node_from_id};
use crate::{
    event::Milestone,
    ids::{NodeId, OpId},
    name::Name,
    protocol::Ctx,
    request::{Admin, Refusal, Response},
};

/// How far behind the committed log a learner may be to be given a vote.
const CAUGHT_UP: u64 = 16;

/// What the cluster's operators wait for.
#[derive(Default)]
pub(super) struct Admins {
    /// The handover under way: who asked, who is to lead.
    pub(super) transfer: Option<(OpId, NodeId)>,
    /// The learners that get a vote once they caught up.
    promotions: BTreeMap<NodeId, OpId>,
    /// The changes of the members in the log, not applied yet.
    changes: BTreeSet<OpId>,
}

impl Admins {
    /// Returns whether an operation is under way: one that is asked again is not begun again.
    fn know(&self, op: OpId) -> bool {
        self.transfer.is_some_and(|(asked, _)| asked == op)
            || self.changes.contains(&op)
            || self.promotions.values().any(|asked| *asked == op)
    }

    /// Answers those who wait for a change, because the node leads no more.
    pub(super) fn abandon(&mut self, ctx: &mut Ctx<'_, Raft>) {
        let promotions = std::mem::take(&mut self.promotions).into_values();
        for op in std::mem::take(&mut self.changes).into_iter().chain(promotions) {
            ctx.reply(op, Response::Unknown { why: Name::new("leadership was lost") });
        }
    }
}

impl Raft {
    pub(super) fn on_admin(&mut self, op: OpId, admin: Admin, ctx: &mut Ctx<'_, Self>) {
        if self.admins.know(op) {
            return;
        }
        let response = match admin {
            Admin::Campaign => Some(self.campaign()),
            Admin::Promote => Some(Response::Refused(Refusal::Unsupported)),
            Admin::TransferLeadership { .. }
            | Admin::AddMember { .. }
            | Admin::AddLearner { .. }
            | Admin::RemoveMember { .. }
                if !self.leads() =>
            {
                Some(Response::Refused(Refusal::NotLeader { leader: self.leader() }))
            }
            Admin::TransferLeadership { to } => self.hand_over(op, to, ctx),
            Admin::AddMember { node } => self.add_member(op, node),
            Admin::AddLearner { node } => self.add_learner(op, node),
            Admin::RemoveMember { node } => self.remove_member(op, node),
        };
        if let Some(response) = response {
            ctx.reply(op, response);
        }
    }

    fn campaign(&mut self) -> Response {
        if self.leads() {
            return Response::Done;
        }
        if !self.raw.raft.promotable() || self.installing() {
            return unavailable("the node has no vote at this time");
        }
        match self.raw.campaign() {
            Ok(()) => Response::Done,
            Err(_) => unavailable("the node cannot campaign at this time"),
        }
    }

    fn hand_over(&mut self, op: OpId, to: NodeId, ctx: &mut Ctx<'_, Self>) -> Option<Response> {
        if to == self.me {
            return Some(Response::Done);
        }
        if !self.voters.contains(&to) {
            return Some(unavailable("only a voting member can lead"));
        }
        if self.admins.transfer.is_some() {
            return Some(unavailable("leadership is being handed over"));
        }
        self.raw.transfer_leader(to.0.into());
        self.admins.transfer = Some((op, to));
        ctx.note(Milestone::TransferStarted { to });
        None
    }

    /// A member joins without a vote first, and gets it once it caught up (dissertation §4.2.1): until then it would only
    /// make majorities harder to reach.
    fn add_member(&mut self, op: OpId, node: NodeId) -> Option<Response> {
        if self.voters.contains(&node) {
            return Some(Response::Done);
        }
        if self.admins.promotions.contains_key(&node) {
            return Some(unavailable("the node is being added"));
        }
        if !self.learners.contains(&node)
            && let Some(refusal) = self.change(None, ConfChangeType::AddLearnerNode, node)
        {
            return Some(refusal);
        }
        self.admins.promotions.insert(node, op);
        None
    }

    fn add_learner(&mut self, op: OpId, node: NodeId) -> Option<Response> {
        if self.voters.contains(&node) {
            return Some(unavailable("the node is a voting member"));
        }
        if self.learners.contains(&node) {
            return Some(Response::Done);
        }
        self.change(Some(op), ConfChangeType::AddLearnerNode, node)
    }

    fn remove_member(&mut self, op: OpId, node: NodeId) -> Option<Response> {
        if !self.voters.contains(&node) && !self.learners.contains(&node) {
            return Some(unavailable("the node is no member"));
        }
        if self.voters == [node] {
            return Some(unavailable("the last voting member cannot leave"));
        }
        self.change(Some(op), ConfChangeType::RemoveNode, node)
    }

    /// Proposes a change of the members. Returns the refusal if it cannot be proposed.
    fn change(&mut self, op: Option<OpId>, kind: ConfChangeType, node: NodeId) -> Option<Response> {
        if self.raw.raft.has_pending_conf() {
            // Two changes at once could create two majorities that do not overlap.
            return Some(unavailable("another change of the members is under way"));
        }
        let mut change = ConfChange::default();
        change.set_change_type(kind);
        change.node_id = node.0.into();
        let context =
            op.map(|op| postcard::to_allocvec(&op).expect("a number in memory always encodes")).unwrap_or_default();
        if self.raw.propose_conf_change(context, change).is_err() {
            return Some(unavailable("the leader takes no proposals at this time"));
        }
        self.admins.changes.extend(op);
        None
    }

    /// Gives learners that caught up their vote.
    pub(super) fn promote_learners(&mut self) {
        if self.admins.promotions.is_empty() || !self.leads() || self.raw.raft.has_pending_conf() {
            return;
        }
        let committed = self.raw.raft.raft_log.committed;
        let caught_up = |node: &NodeId| {
            self.raw.raft.prs().get(node.0.into()).is_some_and(|progress| {
                progress.state == ProgressState::Replicate && progress.matched + CAUGHT_UP >= committed
            })
        };
        let ready = self.admins.promotions.keys().copied().find(|node| self.learners.contains(node) && caught_up(node));
        if let Some(node) = ready
            && let Some(op) = self.admins.promotions.get(&node).copied()
            && self.change(Some(op), ConfChangeType::AddNode, node).is_none()
        {
            self.admins.promotions.remove(&node);
        }
    }

    /// Applies one change of the members.
    pub(super) fn apply_members(&mut self, entry: &Entry, ctx: &mut Ctx<'_, Self>) {
        let applied = if entry.entry_type == EntryType::EntryConfChange {
            let change = ConfChange::parse_from_bytes(&entry.data).expect("the log holds what this program proposed");
            if change.get_change_type() == ConfChangeType::RemoveNode
                && let Some(op) = node_from_id(change.node_id).and_then(|node| self.admins.promotions.remove(&node))
            {
                ctx.reply(op, unavailable("the node was removed"));
            }
            self.raw.apply_conf_change(&change)
        } else {
            let change = ConfChangeV2::parse_from_bytes(&entry.data).expect("the log holds what this program proposed");
            self.raw.apply_conf_change(&change)
        };
        // An impossible change is impossible at every node alike, and changes nothing.
        if applied.is_ok() {
            self.take_members();
            let (voters, learners) = (self.voters.clone(), self.learners.clone());
            ctx.note(Milestone::MembersChanged { voters, learners });
        }
        if let Ok(op) = postcard::from_bytes::<OpId>(&entry.context)
            && self.admins.changes.remove(&op)
        {
            ctx.reply(op, Response::Done);
        }
    }

    /// Takes the members over from the engine.
    pub(super) fn take_members(&mut self) {
        let conf = self.raw.raft.prs().conf();
        self.voters = conf.voters().ids().iter().filter_map(node_from_id).collect();
        self.learners = conf.learners().iter().copied().filter_map(node_from_id).collect();
        self.voters.sort_unstable();
        self.learners.sort_unstable();
    }
}
