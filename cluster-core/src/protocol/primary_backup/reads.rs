//! Reads from a node's own copy, and what becomes of them if the client has seen more than the copy has.
//!
//! A client says with every read the last log position that it was told of, by an acknowledged write or an earlier read.
//! A copy that honors that gives *read your writes* and *monotonic reads* (Terry et al., Session Guarantees, 1994).

use super::{Context, PrimaryBackup, Role, settings::Session};
use crate::{
    ids::{LogIndex, OpId},
    name::Name,
    request::{Refusal, Request, Response},
};

/// How many reads wait at most; who comes later is refused.
const WAITING_MAX: usize = 10_000;

/// The reads that wait until the copy has caught up with what their clients have seen, by that position.
pub(super) type WaitingReads = std::collections::BTreeMap<(LogIndex, OpId), Request>;

impl PrimaryBackup {
    /// A client reads that has seen the log through `after`.
    pub(super) fn read_in_session(&mut self, op: OpId, request: Request, after: LogIndex, ctx: &mut Context<'_>) {
        let ready = self.has_seen(after) || !self.settings.replica_reads;
        match self.settings.session {
            Session::Wait if !ready && self.waiting.len() < WAITING_MAX => {
                self.waiting.insert((after, op), request);
            }
            Session::Wait | Session::Refuse if !ready => ctx.reply(op, Response::Refused(self.not_leader())),
            Session::Off | Session::Wait | Session::Refuse => self.on_read(op, &request, ctx),
        }
    }

    /// What the primary does not have is lost: there, nothing is worth waiting for.
    fn has_seen(&self, position: LogIndex) -> bool {
        self.role == Role::Primary || self.applied >= position
    }

    /// Answers the reads that the copy has caught up with; all of them if nobody is to wait any more.
    pub(super) fn answer_waiting_reads(&mut self, ctx: &mut Context<'_>) {
        while let Some(((after, op), _)) = self.waiting.first_key_value().map(|(key, request)| (*key, request))
            && (self.settings.session != Session::Wait || self.has_seen(after))
            && let Some(request) = self.waiting.remove(&(after, op))
        {
            self.on_read(op, &request, ctx);
        }
    }

    /// Answers a read from the node's own copy.
    pub(super) fn on_read(&mut self, op: OpId, request: &Request, ctx: &mut Context<'_>) {
        let refusal = match self.role {
            Role::Primary if self.settings.replica_reads || self.lead.confirmed(&self.settings, ctx.now()) => None,
            Role::Primary => Some(Refusal::Unavailable { why: Name::new("cannot confirm its epoch") }),
            Role::Backup | Role::Deposed if self.settings.replica_reads => None,
            Role::Backup | Role::Deposed | Role::Spectator => Some(self.not_leader()),
        };
        ctx.reply(
            op,
            match refusal {
                Some(refusal) => Response::Refused(refusal),
                None => self.state.read(request, self.applied),
            },
        );
    }
}
