//! What an operator can ask for: promote a node whatever others believe, or hand the office over in good order.

use super::{Context, PrimaryBackup, Role, Timer, messages::Body};
use crate::{
    event::Milestone,
    ids::{Epoch, NodeId, OpId},
    name::Name,
    request::{Admin, Refusal, Response},
};

/// A hand-over under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handover {
    to: NodeId,
    op: OpId,
}

impl PrimaryBackup {
    pub(super) fn on_admin(&mut self, op: OpId, admin: Admin, ctx: &mut Context<'_>) {
        match admin {
            _ if self.role == Role::Spectator => ctx.reply(op, Response::Refused(Refusal::Unsupported)),
            Admin::Promote | Admin::Campaign if self.role == Role::Primary => ctx.reply(op, Response::Done),
            Admin::Promote | Admin::Campaign => {
                self.lead_in(self.next_epoch(), ctx);
                self.lead.promoted_by.push(op);
            }
            Admin::TransferLeadership { to } => self.begin_handover(op, to, ctx),
            Admin::AddMember { .. } | Admin::AddLearner { .. } | Admin::RemoveMember { .. } => {
                ctx.reply(op, Response::Refused(Refusal::Unsupported));
            }
        }
    }

    fn begin_handover(&mut self, op: OpId, to: NodeId, ctx: &mut Context<'_>) {
        let refusal = match self.role {
            Role::Primary if to == self.me => return ctx.reply(op, Response::Done),
            Role::Primary if !self.members.contains(&to) => {
                Some(Refusal::Unavailable { why: Name::new("no such member") })
            }
            Role::Primary if self.handover.is_some() => {
                Some(Refusal::Unavailable { why: Name::new("hands its office over") })
            }
            Role::Primary => None,
            Role::Backup | Role::Deposed | Role::Spectator => Some(self.not_leader()),
        };
        if let Some(refusal) = refusal {
            return ctx.reply(op, Response::Refused(refusal));
        }
        self.handover = Some(Handover { to, op });
        ctx.note(Milestone::TransferStarted { to });
        ctx.set_timer(Timer::Handover, self.settings.patience);
        self.hand_over_if_ready(ctx);
    }

    /// Hands over once the successor has everything, and everything is acknowledged.
    pub(super) fn hand_over_if_ready(&mut self, ctx: &mut Context<'_>) {
        let Some(Handover { to, .. }) = self.handover else { return };
        let last = self.log.last();
        let has_all = self.lead.peers.get(&to).is_some_and(|peer| peer.matched == last);
        if self.role != Role::Primary || !has_all || self.commit < last {
            return;
        }
        self.send(to, Body::Promote, ctx);
        self.step_down(Role::Backup, "handed over", ctx);
        self.primary = None;
        self.save_epoch(ctx);
        self.expect_primary(ctx);
    }

    pub(super) fn on_promote(&mut self, epoch: Epoch, ctx: &mut Context<'_>) {
        if epoch == self.epoch && self.role != Role::Primary {
            self.lead_in(self.next_epoch(), ctx);
        }
    }

    /// Another primary was heard: the hand-over worked, or came too late.
    pub(super) fn end_handover(&mut self, primary: NodeId, ctx: &mut Context<'_>) {
        let Some(Handover { to, op }) = self.handover.take() else { return };
        ctx.cancel_timer(Timer::Handover);
        let why = Name::new("another node became primary");
        ctx.reply(op, if primary == to { Response::Done } else { Response::Unknown { why } });
    }

    pub(super) fn on_handover_timeout(&mut self, ctx: &mut Context<'_>) {
        let Some(Handover { op, .. }) = self.handover.take() else { return };
        ctx.reply(
            op,
            match self.role {
                Role::Primary => {
                    Response::Refused(Refusal::Unavailable { why: Name::new("the successor did not catch up in time") })
                }
                Role::Backup | Role::Deposed | Role::Spectator => {
                    Response::Unknown { why: Name::new("the successor was not heard of") }
                }
            },
        );
    }
}
