//! What a message must be for the engine to take it: the engine would end its node, or build a log with a hole, over one
//! that no sound node sends.
//!
//! Damage that no checksum catches makes such messages, and so do nodes that lost what they had promised to keep.

use omnipaxos::{
    ballot_leader_election::Ballot,
    messages::{
        ballot_leader_election::HeartbeatMsg,
        sequence_paxos::{AcceptSync, PaxosMsg, Prepare, Promise},
    },
    util::{LogSync, SequenceNumber},
};

use super::{
    CONFIGURATION,
    log::{Command, Log},
    messages::Said,
};

/// No run gets that far: a counter beyond it was damaged, and adding to it would overflow.
const COUNTER_MAX: u64 = u32::MAX as u64 / 2;

/// Who says it to whom, by the engine's numbers for the members.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub(super) from: u64,
    pub(super) me: u64,
    pub(super) members: u64,
}

/// Returns whether a sound node may say such a thing to one with this log.
pub(super) fn is_plausible(said: &Said, route: Route, log: &Log) -> bool {
    match said {
        Said::Heartbeat(HeartbeatMsg::Request(_)) => true,
        Said::Heartbeat(HeartbeatMsg::Reply(reply)) => {
            reply.ballot.pid == route.from && is_ballot(reply.ballot, route) && is_ballot(reply.leader, route)
        }
        Said::Paxos(message) => is_plausible_paxos(message, route, log),
        Said::Snapshot(snapshot) => snapshot.index <= COUNTER_MAX,
    }
}

fn is_plausible_paxos(message: &PaxosMsg<Command>, route: Route, log: &Log) -> bool {
    let of_sender = |ballot: Ballot| ballot.pid == route.from && is_ballot(ballot, route);
    match message {
        PaxosMsg::PrepareReq(request) => is_ballot_or_none(request.n, route),
        PaxosMsg::Prepare(prepare) => of_sender(prepare.n) && is_sound_prepare(prepare, route),
        PaxosMsg::Promise(promise) => promise.n.pid == route.me && is_sound_promise(promise, route, log),
        PaxosMsg::AcceptSync(sync) => of_sender(sync.n) && is_sound_sync(sync, log),
        PaxosMsg::AcceptDecide(accept) => of_sender(accept.n) && is_number(accept.seq_num),
        PaxosMsg::Accepted(accepted) => accepted.n.pid == route.me && accepted.accepted_idx as u64 <= log.last(),
        PaxosMsg::NotAccepted(refusal) => is_ballot(refusal.n, route),
        PaxosMsg::Decide(decide) => of_sender(decide.n) && is_number(decide.seq_num),
        // Nobody here forwards operations, changes the members or asks others to shorten their logs.
        PaxosMsg::ProposalForward(_)
        | PaxosMsg::Compaction(_)
        | PaxosMsg::AcceptStopSign(_)
        | PaxosMsg::ForwardStopSign(_) => false,
    }
}

fn is_ballot(ballot: Ballot, route: Route) -> bool {
    let member = (1..=route.members).contains(&ballot.pid);
    member && ballot.config_id == CONFIGURATION && ballot.priority == 0 && u64::from(ballot.n) <= COUNTER_MAX
}

fn is_ballot_or_none(ballot: Ballot, route: Route) -> bool {
    ballot == Ballot::default() || is_ballot(ballot, route)
}

fn is_number(number: SequenceNumber) -> bool {
    number.session <= COUNTER_MAX && number.counter <= COUNTER_MAX
}

fn is_sound_prepare(prepare: &Prepare, route: Route) -> bool {
    let counters = prepare.decided_idx <= prepare.accepted_idx && prepare.accepted_idx as u64 <= COUNTER_MAX;
    counters && is_ballot_or_none(prepare.n_accepted, route)
}

fn is_sound_promise(promise: &Promise<Command>, route: Route, log: &Log) -> bool {
    let counters = promise.decided_idx <= promise.accepted_idx && promise.accepted_idx as u64 <= COUNTER_MAX;
    let sync = promise.log_sync.as_ref().is_none_or(|sync| fits(sync, log));
    counters && sync && is_ballot(promise.n, route) && is_ballot_or_none(promise.n_accepted, route)
}

fn is_sound_sync(sync: &AcceptSync<Command>, log: &Log) -> bool {
    let reaches = sync.log_sync.sync_idx + sync.log_sync.suffix.len();
    fits(&sync.log_sync, log) && sync.decided_idx <= reaches && is_number(sync.seq_num)
}

/// Whether the entries follow on what this log has, and replace nothing that is decided.
fn fits(sync: &LogSync<Command>, log: &Log) -> bool {
    (log.decided..=log.last()).contains(&(sync.sync_idx as u64))
        && sync.decided_snapshot.is_none()
        && sync.stopsign.is_none()
}

#[cfg(test)]
mod tests {
    use omnipaxos::messages::sequence_paxos::{Accepted, Compaction};

    use super::*;
    use crate::{
        ids::{Epoch, OpId},
        request::Request,
    };

    const ROUTE: Route = Route { from: 2, me: 1, members: 3 };

    fn log() -> Log {
        let command = |op| Command::new(Epoch(1), OpId(op), Request::Delete { key: "x".into() });
        let mut log = Log::found((0, Epoch(0)), vec![command(1), command(2), command(3)]);
        log.decided = 2;
        log
    }

    fn ballot(n: u32, pid: u64) -> Ballot {
        Ballot::with(CONFIGURATION, n, 0, pid)
    }

    fn sync(at: usize, decided_idx: usize) -> Said {
        let log_sync = LogSync { decided_snapshot: None, suffix: Vec::new(), sync_idx: at, stopsign: None };
        let seq_num = SequenceNumber { session: 1, counter: 1 };
        Said::Paxos(PaxosMsg::AcceptSync(AcceptSync { n: ballot(1, 2), seq_num, decided_idx, log_sync }))
    }

    #[test]
    fn a_sync_follows_on_the_log_and_replaces_nothing_decided() {
        assert!(is_plausible(&sync(3, 3), ROUTE, &log()));
        assert!(is_plausible(&sync(2, 2), ROUTE, &log()));
        for wrong in [sync(1, 1), sync(4, 4), sync(3, 4)] {
            assert!(!is_plausible(&wrong, ROUTE, &log()), "{wrong:?}");
        }
    }

    #[test]
    fn ballots_are_those_of_members_and_a_leader_speaks_for_itself() {
        let prepare = |n| {
            let n_accepted = Ballot::default();
            Said::Paxos(PaxosMsg::Prepare(Prepare { n, decided_idx: 0, n_accepted, accepted_idx: 0 }))
        };
        assert!(is_plausible(&prepare(ballot(1, 2)), ROUTE, &log()));
        let other_configuration = Ballot { config_id: 9, ..ballot(1, 2) };
        for wrong in [ballot(1, 3), ballot(u32::MAX, 2), ballot(1, 0), other_configuration] {
            assert!(!is_plausible(&prepare(wrong), ROUTE, &log()), "{wrong:?}");
        }
    }

    #[test]
    fn nobody_accepts_what_this_log_does_not_have_nor_shortens_it() {
        let accepted = |accepted_idx| Said::Paxos(PaxosMsg::Accepted(Accepted { n: ballot(1, 1), accepted_idx }));
        assert!(is_plausible(&accepted(3), ROUTE, &log()));
        assert!(!is_plausible(&accepted(4), ROUTE, &log()));
        assert!(!is_plausible(&Said::Paxos(PaxosMsg::Compaction(Compaction::Trim(3))), ROUTE, &log()));
    }
}
