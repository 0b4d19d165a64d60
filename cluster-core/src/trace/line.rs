//! The one-line text form of every kind of event, for tables, search and text exports.

use super::{
    by_hand,
    machine::{ailment_words, counter_words, harm_words, node_fault_words},
};
use crate::{
    command::{Author, Command},
    event::{EventKind, Milestone, Outcome, RoleKind, ViewChange},
    fault::{Act, Fault, Heal, LinkFault, LinkId, LinkRules, Proof},
    ids::NodeId,
    time::rate_words,
};

/// Returns an event in one compact line, such as `n1 → n2 AppendEntries 212 B`.
pub fn line(kind: &EventKind) -> String {
    match kind {
        EventKind::CommandIssued { by, command } => format!("{}: {}", author_word(*by), command_line(command)),
        EventKind::CommandRefused { reason } => format!("refused: {reason}"),
        EventKind::NodeStarted { node, incarnation: 0, port } => format!("{node} started{}", port_words(*port)),
        EventKind::NodeStarted { node, incarnation, port } => {
            format!("{node} started again ({incarnation}×){}", port_words(*port))
        }
        EventKind::NodeCrashed { node } => format!("{node} crashed"),
        EventKind::NodeLostPower { node, records_lost } => {
            format!("{node} lost power, {} lost", count(u64::from(*records_lost), "unsynced record"))
        }
        EventKind::NodeStopped { node } => format!("{node} stopped"),
        EventKind::NodeFroze { node } => format!("{node} froze"),
        EventKind::NodeUnfroze { node } => format!("{node} goes on"),
        EventKind::DiskWiped { node } => format!("{node} disk wiped"),
        EventKind::NodeFailed { node, failure } => format!("{node} failed: {failure}"),
        EventKind::LinkChanged { from, to, rules } => format!("{from} → {to} {}", rules_words(rules)),
        EventKind::ConnectionOpened { from, to } => format!("{from} → {to} connected"),
        EventKind::ConnectionLost { from, to } => format!("{from} → {to} connection lost"),
        EventKind::ConnectionReset { from, to } => format!("{from} → {to} connection reset"),
        EventKind::ConnectionHalfOpened { from, to, until, .. } => {
            format!("{from} → {to} half-open, {to}'s end is gone until {until}")
        }
        EventKind::FaultsTried { proofs } => tried_words(proofs),
        EventKind::LinkActed { msg, acts } => {
            format!("{msg} link {}", acts.iter().map(|act| Act::words(*act)).collect::<Vec<_>>().join(", "))
        }
        EventKind::FrameSent { from, to, info, bytes, .. } => {
            format!("{from} → {to} {}{} {bytes} B", info.name, if info.refuses { " (no)" } else { "" })
        }
        EventKind::FrameDelivered { msg } => format!("{msg} arrived"),
        EventKind::FrameDropped { msg, reason } => format!("{msg} dropped: {}", reason.words()),
        EventKind::FrameRejected { node, reason } => format!("{node} rejected bytes: {reason}"),
        EventKind::TimerFired { node, timer } => format!("{node} timer {timer}"),
        EventKind::DiskSynced { node } => format!("{node} disk synced"),
        EventKind::Milestone { node, milestone } => format!("{node} {}", milestone_words(milestone)),
        EventKind::LogSpliced { node, from, entries } if entries.is_empty() => format!("{node} log ends before {from}"),
        EventKind::LogSpliced { node, from, entries } => {
            format!("{node} log {from}..{}", from.0 + entries.len() as u64 - 1)
        }
        EventKind::ViewChanged { node, changes } => {
            format!("{node} {}", changes.iter().map(change_words).collect::<Vec<_>>().join(", "))
        }
        EventKind::ClientChanged { client, spec: Some(_) } => format!("{client} has a workload"),
        EventKind::ClientChanged { client, spec: None } => format!("{client} is gone"),
        EventKind::OpInvoked { op, client, request } => format!("{client} {op} {request}"),
        EventKind::OpReturned { op, outcome, node: Some(node) } => format!("{op} {} by {node}", outcome_words(outcome)),
        EventKind::OpReturned { op, outcome, node: None } => format!("{op} {}", outcome_words(outcome)),
        EventKind::ClockChanged { rate: 0.0 } => "time stands still".to_owned(),
        EventKind::ClockChanged { rate } => format!("time runs at {}", rate_words(*rate)),
        EventKind::FrameHeld { msg, by: None } => format!("{msg} held"),
        EventKind::FrameHeld { msg, by: Some(trap) } => format!("{msg} held by {trap}"),
        EventKind::FrameReleased { msg } => format!("{msg} released"),
        EventKind::TrapSet { trap, what } => format!("{trap} waits for {}", what.words()),
        EventKind::TrapSprung { trap, msg } => format!("{trap} caught {msg}"),
        EventKind::TrapRemoved { trap } => format!("{trap} removed"),
        EventKind::DoorOpened { node, speaks, port } => format!("{node} takes {speaks} clients on port {port}"),
        EventKind::VisitorCame { client, node, speaks, name } if name.is_empty() => {
            format!("{client} came to {node}, a {speaks} client")
        }
        EventKind::VisitorCame { client, node, speaks, name } => {
            format!("{client} came to {node}, the {speaks} client {name:.32}")
        }
        EventKind::VisitorLeft { client } => format!("{client} left"),
        EventKind::NodeFaultsChanged { node, part, faults } => format!("{node} {}", ailment_words(*part, faults)),
        EventKind::NodeFaultsCounted { node, counters } => format!("{node} so far: {}", counter_words(counters)),
        EventKind::DiskHarmed { node, file, record, harm } => {
            format!("{node} `{file}` record {record} {}", harm_words(*harm))
        }
        EventKind::KnobChanged { knob, value, old } => format!("{knob} is {value}, was {old}"),
        EventKind::KnobTaken { node, knob, value } => format!("{node} works with {knob} {value}"),
        EventKind::Found { finding } => {
            format!("{} {}: {}", finding.promise, finding.conclusion.word(), finding.sentence)
        }
    }
}

/// Returns the rules of a link in words: `cut`, `delay 200 ms, loss 30 %`, `healthy`.
pub fn rules_words(rules: &LinkRules) -> String {
    rules.to_string()
}

fn tried_words(proofs: &[Proof]) -> String {
    let failed = proofs.iter().filter(|proof| proof.outcome.is_err()).count();
    match failed {
        0 => format!("{} kinds of faults tried, each did what it says", proofs.len()),
        _ => format!("{failed} of {} failed their test: not to be trusted", proofs.len()),
    }
}

/// Returns a count with its noun: `1 entry`-style plurals by adding an s.
fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn port_words(port: u16) -> String {
    if port == 0 { String::new() } else { format!(" on port {port}") }
}

fn author_word(by: Author) -> &'static str {
    match by {
        Author::User => "you",
        Author::Script => "script",
        Author::Lab => "lab",
        Author::Nemesis => "nemesis",
    }
}

fn command_line(command: &Command) -> String {
    match command {
        Command::Inject(faults) => faults.iter().map(fault_words).collect::<Vec<_>>().join(", "),
        Command::SetLinks(links) => {
            links.iter().map(|(link, rules)| format!("{}: {rules}", link_words(link))).collect::<Vec<_>>().join("; ")
        }
        Command::Heal(Heal::All) => "heal everything".to_owned(),
        Command::Heal(Heal::Links) => "heal all links".to_owned(),
        Command::Heal(Heal::Link(link)) => format!("heal {}", link_words(link)),
        Command::Heal(Heal::Around(end)) => format!("heal around {end}"),
        Command::Heal(Heal::Ailment(node, part)) => format!("heal the {} of {node}", part.part()),
        Command::Restart(node) => format!("restart {node}"),
        Command::RestartAll => "restart every node".to_owned(),
        Command::Unfreeze(node) => format!("unfreeze {node}"),
        Command::AddNode(node) => format!("start {node}, no member yet"),
        Command::Submit { node, request } => format!("ask {node} to {request}"),
        Command::Ask { client, request } => format!("let {client} {request}"),
        Command::SetClient(spec) => format!("set the workload of {}", spec.id),
        Command::RemoveClient(client) => format!("remove {client}"),
        Command::Message(what) => by_hand::command_line(what),
        Command::Pause => "pause".to_owned(),
        Command::Resume => "resume".to_owned(),
        Command::Step => "step".to_owned(),
        Command::SetRate(rate) => format!("run at {}", rate_words(*rate)),
        Command::RestartWiped(node) => format!("restart {node} with an empty disk"),
        Command::Restore { links, machines, nodes } => {
            let links = links.iter().map(|(link, rules)| format!("{} {}", link_words(link), rules_words(rules)));
            let machines = machines.iter().map(|(node, part)| format!("{} of {node}", part.part()));
            let nodes = nodes.iter().map(|node| format!("{node} runs"));
            format!("restore {}", links.chain(machines).chain(nodes).collect::<Vec<_>>().join(", "))
        }
        Command::SetKnob { knob, value } => format!("set {knob} to {value}"),
    }
}

/// Returns what a fault does, in the words of the table of events.
pub fn fault_words(fault: &Fault) -> String {
    match fault {
        Fault::Crash(node) => format!("crash {node}"),
        Fault::PowerLoss(node) => format!("power loss of {node}"),
        Fault::Stop(node) => format!("stop {node}"),
        Fault::Freeze(node) => format!("freeze {node}"),
        Fault::Wipe(node) => format!("wipe {node}"),
        Fault::Node(node, fault) => format!("{} of {node}", node_fault_words(*fault)),
        Fault::Link(link, LinkFault::Cut) => format!("cut {}", link_words(link)),
        Fault::Link(link, fault) => format!("{fault} on {}", link_words(link)),
        Fault::Partition(groups) => {
            let group = |ends: &Vec<_>| ends.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            format!("partition {}", groups.iter().map(group).collect::<Vec<_>>().join(" | "))
        }
    }
}

fn link_words((from, to): &LinkId) -> String {
    format!("{from} → {to}")
}

fn milestone_words(milestone: &Milestone) -> String {
    match milestone {
        Milestone::PreVoteStarted { epoch } => format!("pre-vote for {epoch}"),
        Milestone::ElectionStarted { epoch } => format!("asks for votes in {epoch}"),
        Milestone::VoteGranted { epoch, to } => format!("votes for {to} in {epoch}"),
        Milestone::LeaderElected { epoch } => format!("leads in {epoch}"),
        Milestone::SteppedDown { epoch, why } => format!("steps down from {epoch}: {why}"),
        Milestone::EntriesErased { from, to } => format!("erased entries {from}..{to}"),
        Milestone::SnapshotTaken { index } => format!("snapshot up to {index}"),
        Milestone::SnapshotSent { to, index } => format!("sends {to} a snapshot up to {index}"),
        Milestone::SnapshotInstalled { index } => format!("installed a snapshot up to {index}"),
        Milestone::MembersChanged { voters, learners } if learners.is_empty() => format!("members {}", ids(voters)),
        Milestone::MembersChanged { voters, learners } => {
            format!("members {}, learners {}", ids(voters), ids(learners))
        }
        Milestone::TransferStarted { to } => format!("hands over to {to}"),
        Milestone::ModeChanged { mode, why } => format!("mode {mode}: {why}"),
        Milestone::Suspected { peer } => format!("suspects {peer}"),
        Milestone::Fenced { from, epoch } => format!("fenced {from} of {epoch}"),
        Milestone::Applied { op, index } => format!("applied {op} at {index}"),
        Milestone::Recovered { last } => format!("recovered up to {last}"),
        Milestone::MemberViewChanged { subject, status, incarnation } => {
            format!("holds {subject} ({incarnation}) for {}", status.word())
        }
        Milestone::Refuted { incarnation } => format!("refutes as {incarnation}"),
        Milestone::LogSynced { from, entries, index } => format!("synced {entries} entries from {from} up to {index}"),
    }
}

fn ids(nodes: &[NodeId]) -> String {
    nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn change_words(change: &ViewChange) -> String {
    let of = |node: &Option<NodeId>| node.map_or_else(|| "nobody".to_owned(), |node| node.to_string());
    match change {
        ViewChange::Role(role, name) if name.as_str().is_empty() => format!("role {}", role_word(*role)),
        ViewChange::Role(_, name) => format!("role {name}"),
        ViewChange::Epoch(epoch) => format!("epoch {epoch}"),
        ViewChange::VotedFor(to) => format!("voted for {}", of(to)),
        ViewChange::Votes(votes) if votes.is_empty() => "no votes".to_owned(),
        ViewChange::Votes(votes) => format!("votes of {}", ids(votes)),
        ViewChange::Leader(leader) => format!("follows {}", of(leader)),
        ViewChange::FirstIndex(index) => format!("first {index}"),
        ViewChange::CommitIndex(index) => format!("commit {index}"),
        ViewChange::AppliedIndex(index) => format!("applied {index}"),
        ViewChange::PersistedIndex(index) => format!("persisted {index}"),
        ViewChange::Peer(peer, Some(view)) => format!("{peer} match {} next {}", view.match_index, view.next_index),
        ViewChange::Peer(peer, None) => format!("{peer} no peer"),
        ViewChange::Timer(Some(timer)) => format!("timer {} until {}", timer.name, timer.until),
        ViewChange::Timer(None) => "no timer".to_owned(),
        ViewChange::State { hash, keys } => format!("state {hash:08x} {}", count(*keys, "key")),
        ViewChange::Snapshot(Some(snapshot)) => format!("snapshot at {}", snapshot.index),
        ViewChange::Snapshot(None) => "no snapshot".to_owned(),
        ViewChange::Members { voters, .. } => format!("voters {}", ids(voters)),
        ViewChange::WaitingFor(what) if what.is_empty() => "waits for nothing".to_owned(),
        ViewChange::WaitingFor(what) => format!("waits for {what}"),
        ViewChange::Extra(extra) => {
            extra.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
        }
        ViewChange::Opinion(node, Some(opinion)) => format!("{node} {} {}", opinion.status.word(), opinion.incarnation),
        ViewChange::Opinion(node, None) => format!("{node} unknown"),
        ViewChange::Detector(Some(detector)) => format!(
            "incarnation {} self-doubt {} {}",
            detector.incarnation,
            detector.self_doubt,
            count(u64::from(detector.rumors), "rumor")
        ),
        ViewChange::Detector(None) => "watches nobody".to_owned(),
    }
}

fn role_word(role: RoleKind) -> &'static str {
    match role {
        RoleKind::Follower => "follower",
        RoleKind::Candidate => "candidate",
        RoleKind::Leader => "leader",
        RoleKind::Learner => "learner",
    }
}

fn outcome_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Value { value: Some(value), at } => format!("read {value:.24} at {at}"),
        Outcome::Value { value: None, at } => format!("read nothing at {at}"),
        Outcome::Written { at } => format!("written at {at}"),
        Outcome::Done => "done".to_owned(),
        Outcome::Failed(refusal) => format!("refused: {refusal}"),
        Outcome::NoAnswer => "no answer".to_owned(),
        Outcome::Answered { answer, at } => format!("answered {answer} at {at}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::{
        event::{DiskHarm, EntryBrief, EntryKind, Family, MessageInfo, NodeFailure},
        fault::{Delay, DropReason, Loss},
        ids::{ClientId, Endpoint, Epoch, LogIndex, MsgId, OpId},
        name::Name,
        request::{Refusal, Request},
        time::Timestamp,
    };

    const N1: NodeId = NodeId(1);

    fn ends() -> (Endpoint, Endpoint) {
        (N1.into(), NodeId(2).into())
    }

    fn sent(refuses: bool) -> EventKind {
        let (from, to) = ends();
        let info = MessageInfo { name: Name::new("AppendEntries"), family: Family::Append, refuses };
        let (msg, due) = (MsgId(4), Timestamp::ZERO);
        EventKind::FrameSent { msg, from, to, info, due, bytes: 212, payload: Bytes::new() }
    }

    #[test]
    fn a_frame_names_both_ends_its_kind_and_its_size() {
        assert_eq!(line(&sent(false)), "n1 → n2 AppendEntries 212 B");
        assert_eq!(line(&sent(true)), "n1 → n2 AppendEntries (no) 212 B");
        assert_eq!(line(&EventKind::FrameDelivered { msg: MsgId(4) }), "m4 arrived");
        let dropped = EventKind::FrameDropped { msg: MsgId(4), reason: DropReason::Cut };
        assert_eq!(line(&dropped), "m4 dropped: link cut");
    }

    #[test]
    fn a_command_names_its_author_and_every_fault() {
        let faults = vec![Fault::Crash(N1), Fault::cut(ends())];
        let command = EventKind::CommandIssued { by: Author::User, command: Command::Inject(faults) };
        assert_eq!(line(&command), "you: crash n1, cut n1 → n2");
        let partition = Fault::Partition(vec![vec![N1.into()], vec![NodeId(2).into(), NodeId(3).into()]]);
        let command = EventKind::CommandIssued { by: Author::Lab, command: Command::Inject(vec![partition]) };
        assert_eq!(line(&command), "lab: partition n1 | n2 n3");
    }

    #[test]
    fn a_link_tells_each_of_its_rules() {
        let (from, to) = ends();
        let delay = Delay::constant(Duration::from_millis(200));
        let loss = Loss { probability: 0.3 };
        let rules = Box::new(LinkRules { delay: Some(delay), loss: Some(loss), ..LinkRules::default() });
        assert_eq!(line(&EventKind::LinkChanged { from, to, rules }), "n1 → n2 delay 200ms, loss 30 %");
        let rules = Box::default();
        assert_eq!(line(&EventKind::LinkChanged { from, to, rules }), "n1 → n2 healthy");
    }

    #[test]
    fn nodes_logs_views_and_operations_have_their_lines() {
        let entry = EntryBrief { epoch: Epoch(1), op: None, kind: EntryKind::Put, bytes: 8 };
        let request = Request::Put { key: "k1".into(), value: "7".into() };
        let refused = Outcome::Failed(Refusal::NotLeader { leader: Some(N1) });
        let changes = vec![ViewChange::Epoch(Epoch(7)), ViewChange::Leader(None)];
        let cases = [
            (EventKind::NodeStarted { node: N1, incarnation: 0, port: 0 }, "n1 started"),
            (EventKind::NodeStarted { node: N1, incarnation: 2, port: 9001 }, "n1 started again (2×) on port 9001"),
            (EventKind::NodeLostPower { node: N1, records_lost: 1 }, "n1 lost power, 1 unsynced record lost"),
            (EventKind::NodeFailed { node: N1, failure: NodeFailure::Disk("full".into()) }, "n1 failed: disk: full"),
            (EventKind::LogSpliced { node: N1, from: LogIndex(4), entries: vec![entry; 2] }, "n1 log 4..5"),
            (EventKind::LogSpliced { node: N1, from: LogIndex(4), entries: vec![] }, "n1 log ends before 4"),
            (EventKind::ViewChanged { node: N1, changes }, "n1 epoch 7, follows nobody"),
            (EventKind::OpInvoked { op: OpId(3), client: ClientId(1), request }, "c1 op3 put k1=7"),
            (
                EventKind::OpReturned { op: OpId(3), outcome: refused, node: Some(NodeId(2)) },
                "op3 refused: not the leader, try n1 by n2",
            ),
            (EventKind::OpReturned { op: OpId(3), outcome: Outcome::NoAnswer, node: None }, "op3 no answer"),
            (
                EventKind::Milestone { node: N1, milestone: Milestone::VoteGranted { epoch: Epoch(7), to: NodeId(2) } },
                "n1 votes for n2 in 7",
            ),
            (
                EventKind::DiskHarmed {
                    node: N1,
                    file: Name::new("log"),
                    record: 3,
                    harm: DiskHarm::CutOff { bytes: 9 },
                },
                "n1 `log` record 3 does not match its checksum: 9 B cut off",
            ),
            (EventKind::ClockChanged { rate: 0.0 }, "time stands still"),
            (EventKind::ClockChanged { rate: 0.25 }, "time runs at 0.25×"),
        ];
        for (kind, expected) in cases {
            assert_eq!(line(&kind), expected);
        }
    }
}
