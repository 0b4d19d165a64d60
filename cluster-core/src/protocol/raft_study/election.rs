//! Leader election (§5.2), and who may win one (§5.4.1).

use super::{Context, RaftStudy, Role, Timer, messages::Message, replication::Follower, variant::Flaw};
use crate::{
    event::{Milestone, TimerView},
    ids::{Epoch, LogIndex, NodeId, OpId},
    name::Name,
    protocol::raft_study::log::Entry,
    request::Response,
};

impl RaftStudy {
    /// Figure 2, rules for all servers: a higher term makes its receiver a follower in that term.
    pub(super) fn see_term(&mut self, term: Epoch, ctx: &mut Context<'_>) {
        if term <= self.current_term {
            return;
        }
        let left = self.current_term;
        (self.current_term, self.voted_for) = (term, None);
        self.persist_vote(ctx);
        if self.role == Role::Leader && self.has(Flaw::ForgetsToStepDown) {
            return;
        }
        self.step_down(left, "a later term exists", ctx);
    }

    /// Becomes a follower of nobody in particular.
    fn step_down(&mut self, left: Epoch, why: &'static str, ctx: &mut Context<'_>) {
        let was = std::mem::replace(&mut self.role, Role::Follower);
        self.leader = None;
        self.votes.clear();
        if was != Role::Follower {
            ctx.note(Milestone::SteppedDown { epoch: left, why: Name::new(why) });
        }
        if was == Role::Leader {
            self.followers.clear();
            ctx.cancel_timer(Timer::Heartbeat);
            self.abandon_clients(ctx);
            self.reset_election_timer(ctx);
        }
    }

    /// Draws a new election timeout (§5.2: at random, so that votes are rarely split).
    pub(super) fn reset_election_timer(&mut self, ctx: &mut Context<'_>) {
        let (least, most) = self.election_timeout;
        let timeout = ctx.random_duration(least, most);
        let until = ctx.now() + timeout;
        self.election_timer = Some(TimerView { name: Name::new("election"), from: ctx.now(), until });
        ctx.set_timer(Timer::Election, timeout);
    }

    /// The election timeout ran out: a follower, or a candidate whose election was split, starts an election.
    pub(super) fn start_election(&mut self, ctx: &mut Context<'_>) {
        match self.role {
            Role::Follower | Role::Candidate => {}
            Role::Leader | Role::Spectator => return,
        }
        self.role = Role::Candidate;
        self.leader = None;
        self.votes.clear();
        self.current_term.0 += 1;
        self.voted_for = Some(self.me);
        self.persist_vote(ctx);
        self.reset_election_timer(ctx);
        ctx.note(Milestone::ElectionStarted { epoch: self.current_term });
        for to in self.others() {
            let question = Message::RequestVote {
                term: self.current_term,
                candidate_id: self.me,
                last_log_index: self.log.last_index(),
                last_log_term: self.log.last_term(),
            };
            self.say_when_durable(to, question, ctx);
        }
    }

    /// Starts an election because somebody asks for it.
    pub(super) fn on_campaign(&mut self, op: OpId, ctx: &mut Context<'_>) {
        self.start_election(ctx);
        let response = match self.role {
            Role::Candidate | Role::Leader => Response::Done,
            Role::Follower | Role::Spectator => super::clients::unavailable("the node is no member"),
        };
        ctx.reply(op, response);
    }

    /// Votes for at most one candidate of a term, and only for one whose log is at least as up to date (§5.4.1).
    pub(super) fn on_request_vote(
        &mut self,
        candidate: NodeId,
        term: Epoch,
        last_log: (Epoch, LogIndex),
        ctx: &mut Context<'_>,
    ) {
        let free = self.voted_for.is_none_or(|voted_for| voted_for == candidate) || self.has(Flaw::GrantsTwoVotes);
        // The later last term is more up to date; of the same term, the longer log.
        let up_to_date =
            last_log >= (self.log.last_term(), self.log.last_index()) || self.has(Flaw::IgnoresLogUpToDate);
        let vote_granted = term == self.current_term && free && up_to_date;
        if vote_granted {
            self.voted_for = Some(candidate);
            self.persist_vote(ctx);
            if self.role == Role::Follower {
                self.reset_election_timer(ctx);
            }
        }
        let reply = Message::RequestVoteReply { term: self.current_term, vote_granted };
        self.say_when_durable(candidate, reply, ctx);
    }

    /// The candidate's vote for itself counts like any other: once it is on the disk.
    pub(super) fn count_own_vote(&mut self, ctx: &mut Context<'_>) {
        if self.durable.vote == (self.current_term, Some(self.me)) {
            self.on_vote(self.me, self.current_term, true, ctx);
        }
    }

    /// Counts votes; a majority makes a leader.
    pub(super) fn on_vote(&mut self, from: NodeId, term: Epoch, granted: bool, ctx: &mut Context<'_>) {
        if self.role != Role::Candidate || term != self.current_term || !granted {
            return;
        }
        self.votes.insert(from);
        if self.votes.len() >= self.majority() {
            self.become_leader(ctx);
        }
    }

    fn become_leader(&mut self, ctx: &mut Context<'_>) {
        self.role = Role::Leader;
        self.leader = Some(self.me);
        self.votes.clear();
        self.election_timer = None;
        ctx.cancel_timer(Timer::Election);
        let next_index = self.log.last_index().next();
        self.followers = self.others().into_iter().map(|other| (other, Follower::new(next_index))).collect();
        ctx.note(Milestone::LeaderElected { epoch: self.current_term });
        // §8: a no-op at the start of its term tells the leader which entries are committed.
        if !self.has(Flaw::CommitOlderTerm) {
            self.append(vec![Entry { term: self.current_term, command: None }], ctx);
        }
        self.send_heartbeats(ctx);
    }

    /// Returns whether to obey who sent an AppendEntries or a snapshot: the leader of this term, and there is but one.
    pub(super) fn follows(&mut self, from: NodeId, term: Epoch, ctx: &mut Context<'_>) -> bool {
        if term < self.current_term || self.role == Role::Leader {
            return false;
        }
        if self.role == Role::Candidate {
            self.step_down(term, "another node won", ctx);
        }
        self.leader = Some(from);
        self.reset_election_timer(ctx);
        true
    }
}
