//! What a message must be for the engine to take it: the engine ends its node over one that no sound node sends.
//!
//! Damage that no checksum catches makes such messages.

use raft::{
    RaftLog,
    eraftpb::{Entry, Message, MessageType},
};

use super::storage::LogStore;

/// Returns whether a sound node may send such a message to one with this log.
pub(super) fn is_plausible(message: &Message, log: &RaftLog<LogStore>) -> bool {
    let last = log.last_index();
    match message.msg_type {
        // An append that contradicts what is committed is let through, and so is a heartbeat that commits what this log
        // does not have: then the node lost what it had promised to keep, and the engine ends it, loudly.
        MessageType::MsgAppend => follows_on(message),
        // A follower speaks of entries that it got from this log.
        MessageType::MsgAppendResponse => {
            message.index <= last && message.reject_hint <= last && message.request_snapshot <= last
        }
        MessageType::MsgSnapshot => is_whole(message),
        _ => true, // the others say nothing that the engine builds on
    }
}

/// Whether the entries of an append are numbered without a gap and their terms never fall (§5.3, log matching).
fn follows_on(message: &Message) -> bool {
    let mut before = Entry { index: message.index, term: message.log_term, ..Entry::default() };
    for entry in &message.entries {
        let next = before.index.checked_add(1) == Some(entry.index);
        if !next || entry.term < before.term || entry.term > message.term {
            return false;
        }
        before = Entry { index: entry.index, term: entry.term, ..Entry::default() };
    }
    true
}

/// Whether a snapshot says what it is of, and who votes.
fn is_whole(message: &Message) -> bool {
    let metadata = message.get_snapshot().get_metadata();
    let members = metadata.get_conf_state();
    let (voters, learners) = (members.get_voters(), members.get_learners());
    let distinct = |ids: &[u64]| ids.iter().enumerate().all(|(at, id)| *id != 0 && !ids[..at].contains(id));
    metadata.index > 0
        && (1..=message.term).contains(&metadata.term)
        && !voters.is_empty()
        && distinct(voters)
        && distinct(learners)
        && !voters.iter().any(|voter| learners.contains(voter))
        && members.get_voters_outgoing().is_empty()
        && members.get_learners_next().is_empty()
}

#[cfg(test)]
mod tests {
    use raft::eraftpb::{ConfState, Snapshot};
    use slog::{Discard, Logger, o};

    use super::*;

    fn log() -> RaftLog<LogStore> {
        RaftLog::new(LogStore::default(), Logger::root(Discard, o!()))
    }

    fn message(kind: MessageType) -> Message {
        Message { msg_type: kind, term: 3, ..Message::default() }
    }

    fn append(entries: &[(u64, u64)]) -> Message {
        let entry = |(index, term): &(u64, u64)| Entry { index: *index, term: *term, ..Entry::default() };
        let entries: Vec<Entry> = entries.iter().map(entry).collect();
        Message { index: 4, log_term: 2, entries: entries.into(), ..message(MessageType::MsgAppend) }
    }

    fn snapshot(voters: &[u64], learners: &[u64], index: u64) -> Message {
        let mut snapshot = Snapshot::default();
        let metadata = snapshot.mut_metadata();
        (metadata.index, metadata.term) = (index, 2);
        metadata.set_conf_state(ConfState::from((voters.to_vec(), learners.to_vec())));
        Message { snapshot: Some(snapshot).into(), ..message(MessageType::MsgSnapshot) }
    }

    #[test]
    fn entries_follow_on_each_other_and_their_terms_never_fall() {
        assert!(is_plausible(&append(&[(5, 2), (6, 3)]), &log()));
        for wrong in [&[(6, 2)][..], &[(5, 2), (7, 2)], &[(5, 1)], &[(5, 3), (6, 2)], &[(5, 4)], &[(u64::MAX, 2)]] {
            assert!(!is_plausible(&append(wrong), &log()), "{wrong:?}");
        }
    }

    #[test]
    fn nobody_confirms_what_this_log_does_not_have() {
        let reply = |index| Message { index, ..message(MessageType::MsgAppendResponse) };
        assert!(is_plausible(&reply(0), &log()));
        assert!(!is_plausible(&reply(1), &log()));
        let hint = Message { reject: true, reject_hint: u64::MAX, ..message(MessageType::MsgAppendResponse) };
        assert!(!is_plausible(&hint, &log()));
    }

    #[test]
    fn a_snapshot_says_what_it_is_of_and_who_votes() {
        assert!(is_plausible(&snapshot(&[1, 2, 3], &[4], 9), &log()));
        for wrong in [snapshot(&[], &[], 9), snapshot(&[1, 1], &[], 9), snapshot(&[1], &[1], 9), snapshot(&[1], &[], 0)]
        {
            assert!(!is_plausible(&wrong, &log()), "{wrong:?}");
        }
    }
}
