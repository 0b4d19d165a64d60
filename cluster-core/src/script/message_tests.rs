//! What can be said about single messages, and what not.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::{
    command::Command,
    event::{EventKind, Family, MessageInfo, TraceEvent},
    ids::{NodeId, Seq},
    script::{Script, ScriptError, Unresolved},
    spec::ClusterSpec,
    time::Timestamp,
};

fn read_line(line: &str) -> Result<Script, ScriptError> {
    Script::parse("faults.txt", &format!("at 1s {line}"))
}

/// Three nodes; m7 and m9 from n1 to n3 are held, by t1 that is still set.
fn cluster() -> ClusterState {
    let mut state = ClusterState::before(&ClusterSpec::default());
    let trap = Trap { what: None, from: None, to: Some(NodeId(3).into()), times: Times::Always };
    let mut kinds = vec![EventKind::TrapSet { trap: TrapId(1), what: trap }];
    for msg in [7, 9].map(MsgId) {
        let info = MessageInfo { name: Name::new("AppendEntries"), family: Family::Append, refuses: false };
        let (from, to, due) = (NodeId(1).into(), NodeId(3).into(), Timestamp::ZERO);
        kinds.push(EventKind::FrameSent { msg, from, to, info, due, bytes: 1, payload: bytes::Bytes::new() });
        kinds.push(EventKind::FrameHeld { msg, by: Some(TrapId(1)) });
    }
    for (seq, kind) in kinds.into_iter().enumerate() {
        state.apply(&TraceEvent { seq: Seq(seq as u64), at: Timestamp::ZERO, cause: None, kind });
    }
    state
}

fn resolved(line: &str) -> Result<Vec<Command>, Unresolved> {
    let script = read_line(line).unwrap_or_else(|error| panic!("{error}"));
    script.timed[0].resolve(&cluster(), &mut ChaCha8Rng::seed_from_u64(1))
}

fn asked(line: &str) -> Vec<ByHand> {
    let commands = resolved(line).unwrap_or_else(|error| panic!("{error}"));
    let by_hand = |command| match command {
        Command::Message(what) => what,
        other => panic!("{other:?} is not about a message"),
    };
    commands.into_iter().map(by_hand).collect()
}

#[test]
fn a_trap_is_set_by_name_or_family_and_for_one_or_every_message() {
    let trap = |what: Option<&'static str>, from: Option<u16>, to: Option<u16>, times| {
        let end = |node: u16| NodeId(node).into();
        let trap = Trap { what: what.map(Name::new), from: from.map(end), to: to.map(end), times };
        vec![ByHand::SetTrap(trap)]
    };
    assert_eq!(asked("hold next AppendEntries to n3"), trap(Some("AppendEntries"), None, Some(3), Times::Once));
    assert_eq!(asked("hold next vote"), trap(Some("vote"), None, None, Times::Once));
    assert_eq!(asked("hold every message from n1 to n2"), trap(None, Some(1), Some(2), Times::Always));
    assert_eq!(asked("hold every message to n2 from n1"), asked("hold every message from n1 to n2"));
}

#[test]
fn held_messages_are_named_by_their_place_and_all_by_their_number() {
    assert_eq!(asked("release all"), [ByHand::ReleaseAll]);
    assert_eq!(asked("release held 2"), [ByHand::Release(MsgId(9))]);
    assert_eq!(asked("drop held 1"), [ByHand::Drop(MsgId(7))]);
    assert_eq!(asked("copy m7"), [ByHand::Duplicate(MsgId(7))]);
    assert_eq!(asked("deliver held 2"), [ByHand::DeliverNow(MsgId(9))]);
    assert_eq!(asked("hold m12"), [ByHand::Hold(MsgId(12))]);
    assert_eq!(asked("release trap 1"), [ByHand::ReleaseTrap(TrapId(1))]);
    assert_eq!(asked("untrap 1"), [ByHand::RemoveTrap(TrapId(1))]);
    assert_eq!(asked("untrap all"), [ByHand::RemoveTrap(TrapId(1))]);
}

/// A script says beforehand what will be held: it waits until it is.
#[test]
fn a_message_that_is_not_held_yet_may_be_held_later() {
    let error = resolved("release held 3").expect_err("two are held");
    assert!(error.may_pass && error.problem == "there is no held message 3; 2 held at this moment", "{error}");
}

#[test]
fn every_mistake_names_the_word_and_what_to_write() {
    for (line, column, says) in [
        ("hold", 11, "`hold next AppendEntries to n3`"),
        ("hold next", 16, "a message's name is missing"),
        ("hold next to n3", 17, "`hold next message to n3`"),
        ("hold next vote too n3", 22, "write `to`"),
        ("hold next vote to", 24, "a node is missing"),
        ("hold next vote to all", 25, "leave it out for all"),
        ("release", 14, "`release held 1`"),
        ("release held 0", 20, "count from 1"),
        ("drop n1", 12, "`drop held 1`"),
        ("untrap first", 14, "numbered from 1"),
        ("release all of it", 19, "nothing can follow here"),
    ] {
        let error = read_line(line).expect_err(line);
        assert_eq!(error.column, column, "{line}: {error}");
        assert!(error.problem.contains(says), "{line}: {error}");
    }
}
