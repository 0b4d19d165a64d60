//! Tells what happened, one plain sentence per notable event.

use super::{
    ClusterState, NodeState, by_hand,
    machine::{ailment_sentence, harm_sentence, node_fault_phrase},
};
use crate::{
    command::{Author, Command},
    event::{Conclusion, EventKind, Finding, MemberStatus, Milestone, Outcome, RoleKind, TraceEvent},
    fault::{Ailment, Fault, FaultKind, Heal, LinkFault, LinkId, LinkRules, Proof},
    ids::{ClientId, Endpoint, Epoch, LogIndex, NodeId},
    time::RATE_UNLIMITED,
};

/// Up to this many faults of one kind in one command are named.
const ALIKE_NAMED: usize = 3;

/// Returns what an event means, as a sentence without a period; `None` for the unremarkable. `before` is the state
/// before the event, `epoch_word` the protocol's word for its epochs, such as `term`.
pub fn sentence(event: &TraceEvent, before: &ClusterState, epoch_word: &str) -> Option<String> {
    let led = |node: &NodeId| reign(before, *node, epoch_word);
    Some(match &event.kind {
        EventKind::CommandIssued { by, command } => command_sentence(*by, command, before),
        EventKind::CommandRefused { reason } => format!("That cannot be done: {reason}"),
        EventKind::NodeStarted { node, incarnation, .. } => match incarnation {
            0 if event.cause.is_none() => return None,
            0 => format!("{node} started for the first time"),
            _ => format!("{node} started again, with what its disk holds"),
        },
        EventKind::NodeCrashed { node } => format!("{node} crashed{}", led(node)),
        EventKind::NodeLostPower { node, records_lost: 0 } => {
            format!("{node} lost power{}; all it wrote was synced", led(node))
        }
        EventKind::NodeLostPower { node, records_lost } => {
            format!(
                "{node} lost power{}; {} not synced and gone",
                led(node),
                count(*records_lost, "record was", "records were")
            )
        }
        EventKind::NodeStopped { node } => format!("{node} stopped in good order{}", led(node)),
        EventKind::NodeFroze { node } => {
            format!("{node} froze{}; its sockets stay open, and it answers nothing", led(node))
        }
        EventKind::NodeUnfroze { node } => format!("{node} goes on after its freeze"),
        EventKind::DiskWiped { node } => format!("The disk of {node} was erased"),
        EventKind::NodeFailed { node, failure } => format!("{node} failed: {failure}"),
        // The command tells it in one sentence, however many links it changed.
        EventKind::LinkChanged { .. } if event.cause.is_some() => return None,
        EventKind::LinkChanged { from, to, rules } => link_sentence((*from, *to), rules),
        EventKind::ConnectionHalfOpened { from, to, by: FaultKind::SlowClose, .. } => {
            format!("{from} does not notice yet that {to} closed their connection")
        }
        EventKind::FaultsTried { proofs } => return untrusted_sentence(proofs),
        EventKind::FrameRejected { node, reason } => {
            format!("{node} received bytes that are no frame ({reason}) and closed the connection")
        }
        EventKind::Milestone { node, milestone } => return milestone_sentence(*node, milestone, before, epoch_word),
        EventKind::ClientChanged { client, spec: None } => format!("{client} is gone"),
        EventKind::ClientChanged { client, spec: Some(_) } => match before.clients.get(client) {
            Some(_) => format!("{client} works differently from here on"),
            None => format!("{client} came"),
        },
        EventKind::OpReturned { op, outcome, node } => {
            let state = before.ops.get(op)?;
            let by_hand = state.client == ClientId(0);
            let whose = if by_hand { "Your".to_owned() } else { format!("{}'s", state.client) };
            return outcome_sentence(outcome, *node, by_hand)
                .map(|became| format!("{whose} {} {became}", state.request));
        }
        EventKind::ClockChanged { rate } => clock_sentence(before.rate, *rate),
        EventKind::FrameHeld { .. }
        | EventKind::FrameReleased { .. }
        | EventKind::TrapSet { .. }
        | EventKind::TrapSprung { .. }
        | EventKind::TrapRemoved { .. } => return by_hand::sentence(event, before),
        EventKind::VisitorCame { client, node, speaks, name } => match before.clients.get(client) {
            Some(_) => format!("{client} calls itself {name:.32}"),
            None => format!("A {speaks} client from outside came to {node}: {client}"),
        },
        EventKind::VisitorLeft { client } => format!("{client} left"),
        EventKind::DiskHarmed { node, file, record, harm } => harm_sentence(*node, *file, *record, *harm),
        EventKind::Found { finding } => found_sentence(finding),
        // What a command broke, the command tells; what it mended or what went by itself, only this does.
        EventKind::NodeFaultsChanged { node, part, faults } if faults.is_healthy(*part) => {
            ailment_sentence(*node, *part)
        }
        EventKind::KnobChanged { knob, value, old } => format!("{knob} is {value} from here on; it was {old}"),
        EventKind::KnobTaken { .. }
        | EventKind::ConnectionOpened { .. }
        | EventKind::ConnectionLost { .. }
        | EventKind::ConnectionReset { .. }
        | EventKind::ConnectionHalfOpened { .. }
        | EventKind::LinkActed { .. }
        | EventKind::FrameSent { .. }
        | EventKind::FrameDelivered { .. }
        | EventKind::FrameDropped { .. }
        | EventKind::TimerFired { .. }
        | EventKind::DiskSynced { .. }
        | EventKind::NodeFaultsChanged { .. }
        | EventKind::NodeFaultsCounted { .. }
        | EventKind::LogSpliced { .. }
        | EventKind::ViewChanged { .. }
        | EventKind::DoorOpened { .. }
        | EventKind::OpInvoked { .. } => return None,
    })
}

fn found_sentence(finding: &Finding) -> String {
    match finding.conclusion {
        Conclusion::Violated => format!("The promise {} is broken: {}", finding.promise, finding.sentence),
        Conclusion::Unknown => {
            format!("Whether {} holds is unknown from here on: {}", finding.promise, finding.sentence)
        }
    }
}

fn milestone_sentence(node: NodeId, milestone: &Milestone, before: &ClusterState, word: &str) -> Option<String> {
    let view = before.nodes.get(&node).map(|state| &state.view);
    let silent = match view.and_then(|view| view.leader).filter(|leader| *leader != node) {
        Some(leader) => format!("{node} stopped hearing from {leader} and"),
        None => node.to_string(),
    };
    Some(match milestone {
        Milestone::PreVoteStarted { epoch } => format!("{silent} asks whether it could win {word} {epoch}"),
        Milestone::ElectionStarted { epoch } => format!("{silent} asks for votes in {word} {epoch}"),
        Milestone::VoteGranted { epoch, to } if *to == node => format!("{node} votes for itself in {word} {epoch}"),
        Milestone::VoteGranted { epoch, to } => format!("{node} votes for {to} in {word} {epoch}"),
        Milestone::LeaderElected { epoch } => match view.map_or(&[][..], |view| &view.votes) {
            [] => format!("{node} leads in {word} {epoch}"),
            votes => format!("{node} leads in {word} {epoch}, with the votes of {}", list(votes)),
        },
        Milestone::SteppedDown { epoch, why } => match view.map(|view| view.role) {
            Some(RoleKind::Candidate) => format!("{node} gave up its candidacy in {word} {epoch}: {why}"),
            Some(RoleKind::Leader | RoleKind::Follower | RoleKind::Learner) | None => {
                format!("{node} no longer leads in {word} {epoch}: {why}")
            }
        },
        Milestone::EntriesErased { from, to } => {
            format!("{node} erased {}: the leader's log differs", entries(*from, *to))
        }
        Milestone::SnapshotTaken { index } => format!("{node} wrote a snapshot of everything up to entry {index}"),
        Milestone::SnapshotSent { to, index } => {
            format!("{node} sends {to} a snapshot up to entry {index}: its log does not reach back far enough")
        }
        Milestone::SnapshotInstalled { index } => {
            format!("{node} replaced its state by a snapshot up to entry {index}")
        }
        Milestone::MembersChanged { voters, learners } if learners.is_empty() => {
            format!("{node} knows the members to be {}", list(voters))
        }
        Milestone::MembersChanged { voters, learners } => {
            format!("{node} knows the members to be {}, and without a vote {}", list(voters), list(learners))
        }
        Milestone::TransferStarted { to } => format!("{node} hands its office to {to}"),
        Milestone::ModeChanged { mode, why } => format!("{node} replicates in mode {mode}: {why}"),
        Milestone::Suspected { peer } => format!("{node} holds {peer} for dead"),
        Milestone::Fenced { from, epoch } => {
            format!("{node} refused a message of {from}, deposed since {word} {epoch}")
        }
        Milestone::Recovered { last: LogIndex(0) } | Milestone::Applied { .. } => return None,
        Milestone::Recovered { last } => format!("{node} read its disk and continues after entry {last}"),
        Milestone::MemberViewChanged { subject, status, .. } => match status {
            MemberStatus::Suspect => format!("{node} suspects {subject}"),
            MemberStatus::Dead => format!("{node} holds {subject} for dead"),
            MemberStatus::Alive => match view.and_then(|view| view.opinions.get(subject)).map(|known| known.status) {
                Some(MemberStatus::Suspect) => format!("{node} trusts {subject} again"),
                Some(MemberStatus::Dead) => format!("{node} takes {subject} back among the living"),
                Some(MemberStatus::Alive) | None => return None,
            },
        },
        Milestone::Refuted { incarnation } => {
            format!("{node} heard what is said of it and objects, as incarnation {incarnation}")
        }
        Milestone::LogSynced { from, entries, index } => {
            let noun = if *entries == 1 { "entry" } else { "entries" };
            format!("{node} took {entries} {noun} over from the log of {from}, up to entry {index}")
        }
    })
}

fn command_sentence(by: Author, command: &Command, before: &ClusterState) -> String {
    let who = match by {
        Author::User => "You",
        Author::Script => "The script",
        Author::Lab => "The lab",
        Author::Nemesis => "The nemesis",
    };
    let what = match command {
        Command::Inject(faults) => match &faults[..] {
            [] => "broke nothing".to_owned(),
            faults => faults_phrase(faults),
        },
        Command::SetLinks(links) => match &links[..] {
            [(link, rules)] => format!("set {} to: {rules}", arrow(*link)),
            many => format!("set the rules of {} directions of links", many.len()),
        },
        Command::Heal(Heal::All) => "healed everything".to_owned(),
        Command::Heal(Heal::Links) => "healed all links".to_owned(),
        Command::Heal(Heal::Link(link)) => format!("healed {}", arrow(*link)),
        Command::Heal(Heal::Around(end)) => format!("healed everything around {end}"),
        Command::Heal(Heal::Ailment(node, part)) => format!("healed the {} of {node}", part.part()),
        Command::Restart(node) => format!("started {node} again"),
        Command::RestartAll => "started every node that was down".to_owned(),
        Command::Unfreeze(node) => format!("let {node} go on"),
        Command::AddNode(node) => format!("started {node}, an empty node"),
        Command::Submit { node, request } => format!("asked {node} for {request}"),
        Command::Ask { client, request } => format!("let {client} ask for {request}"),
        Command::SetClient(spec) => format!("set what {} does", spec.id),
        Command::RemoveClient(client) => format!("took {client} away"),
        Command::Message(what) => by_hand::command_phrase(what, before),
        Command::Pause => "paused the cluster".to_owned(),
        Command::Resume => "let the cluster go on".to_owned(),
        Command::Step => "let one thing happen".to_owned(),
        Command::SetRate(rate) => format!("set cluster time to {}", pace_words(*rate)),
        Command::RestartWiped(node) => format!("started {node} again with an empty disk"),
        Command::Restore { links, machines, nodes } => restore_phrase(links, machines, nodes),
        Command::SetKnob { knob, value } => format!("set {knob} to {value}"),
    };
    format!("{who} {what}")
}

/// Names each fault; of many alike only the first, because a list of them is not read.
fn faults_phrase(faults: &[Fault]) -> String {
    let mut phrases = Vec::new();
    let mut left: Vec<&Fault> = faults.iter().collect();
    while let Some(first) = left.first().copied() {
        let (alike, others): (Vec<&Fault>, Vec<&Fault>) = left.iter().partition(|fault| fault.kind() == first.kind());
        if alike.len() > ALIKE_NAMED && first.kind() == FaultKind::Cut {
            phrases.push(format!("cut {} directions of links", alike.len()));
        } else if alike.len() > ALIKE_NAMED {
            phrases.push(format!("{}, and {} more alike", fault_phrase(first), alike.len() - 1));
        } else {
            phrases.extend(alike.into_iter().map(fault_phrase));
        }
        left = others;
    }
    phrases.join(" and ")
}

fn restore_phrase(links: &[(LinkId, LinkRules)], machines: &[(NodeId, Ailment)], nodes: &[NodeId]) -> String {
    let healthy = links.iter().all(|(_, rules)| rules.is_healthy());
    let links = match links {
        [] => None,
        [(link, _)] if healthy => Some(format!("healed {}", arrow(*link))),
        [(link, rules)] => Some(format!("set the rules of {} to {}", arrow(*link), super::rules_words(rules))),
        [..] if healthy => Some(format!("healed {} directions of links", links.len())),
        [..] => Some(format!("set the rules of {} directions of links", links.len())),
    };
    let nodes = (!nodes.is_empty()).then(|| format!("let {} run again", list(nodes)));
    let parts = machines.iter().map(|(node, part)| format!("the {} of {node}", part.part()));
    let machines = (!machines.is_empty()).then(|| format!("healed {}", list(&parts.collect::<Vec<_>>())));
    [links, machines, nodes].into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

fn fault_phrase(fault: &Fault) -> String {
    match fault {
        Fault::Crash(node) => format!("crashed {node}"),
        Fault::PowerLoss(node) => format!("cut the power of {node}"),
        Fault::Stop(node) => format!("stopped {node}"),
        Fault::Freeze(node) => format!("froze {node}"),
        Fault::Wipe(node) => format!("wiped the disk of {node}"),
        Fault::Node(node, fault) => node_fault_phrase(*node, *fault),
        Fault::Link(link, fault) => link_phrase(arrow(*link), fault),
        Fault::Partition(groups) => {
            let groups: Vec<_> = groups.iter().map(|group| list(group)).collect();
            match &groups[..] {
                [one] => format!("cut {one} off from the rest"),
                many => format!("partitioned the cluster into {}", many.join(" | ")),
            }
        }
    }
}

fn link_phrase(link: String, fault: &LinkFault) -> String {
    match fault {
        LinkFault::Cut => format!("cut {link}"),
        LinkFault::Reset => format!("reset the connection {link}"),
        LinkFault::HalfOpen(timeout) => {
            let timeout = humantime::format_duration(*timeout);
            format!("took the far end of the connection {link} away, which its sender notices after {timeout}")
        }
        rule => {
            let (verb, rest) = deed(rule);
            format!("let {link} {verb} {rest}")
        }
    }
}

fn link_sentence(link: LinkId, rules: &LinkRules) -> String {
    let link = arrow(link);
    let parts = rules.parts();
    if rules.cut {
        return format!("{link} is cut");
    }
    if parts.is_empty() {
        return format!("{link} is healthy again");
    }
    let deed = |rule| {
        let (verb, rest) = deed(rule);
        if verb == "be" { format!("is {rest}") } else { format!("{verb}s {rest}") }
    };
    format!("{link} {}", parts.iter().map(deed).collect::<Vec<_>>().join(" and "))
}

/// Says what a rule lets a link do: a verb, and the rest.
fn deed(rule: &LinkFault) -> (&'static str, String) {
    match rule {
        LinkFault::Cut => ("carry", "nothing".to_owned()),
        LinkFault::Flap(flap) => ("be", format!("{flap}, in turns")),
        LinkFault::Delay(delay) => ("delay", format!("each frame by {delay}")),
        LinkFault::Loss(loss) => ("lose", format!("{loss} of its frames")),
        LinkFault::Burst(burst) => ("lose", format!("frames in bursts ({burst})")),
        LinkFault::Duplicate(duplicate) => ("send", format!("{duplicate} of its frames twice")),
        LinkFault::Reorder(reorder) => ("hold", format!("frames back ({reorder})")),
        LinkFault::Corrupt(corrupt) => ("damage", format!("{corrupt} of its frames")),
        LinkFault::Bandwidth(pipe) => ("carry", format!("no more than {pipe}")),
        LinkFault::SlowClose(by) => ("close", format!("{} late", humantime::format_duration(*by))),
        LinkFault::Reset => ("lose", "its connection".to_owned()),
        LinkFault::HalfOpen(timeout) => ("swallow", format!("all for {}", humantime::format_duration(*timeout))),
    }
}

/// A client's success is unremarkable; that of the user's own hand is what the user waits for.
fn outcome_sentence(outcome: &Outcome, node: Option<NodeId>, by_hand: bool) -> Option<String> {
    let by = node.map_or_else(String::new, |node| format!(" by {node}"));
    match outcome {
        Outcome::NoAnswer => Some("got no answer: it may or may not have taken effect".to_owned()),
        Outcome::Failed(refusal) => Some(format!("was refused{by}: {refusal}")),
        Outcome::Value { .. } | Outcome::Written { .. } | Outcome::Done | Outcome::Answered { .. } if !by_hand => None,
        Outcome::Value { value: Some(value), .. } => Some(format!("was answered{by}: {value:.24}")),
        Outcome::Value { value: None, .. } => Some(format!("was answered{by}: there is no such key")),
        Outcome::Written { at } => Some(format!("was written{by} as entry {at}")),
        Outcome::Done => Some(format!("was done{by}")),
        Outcome::Answered { answer, .. } => Some(format!("was answered{by}: {answer}")),
    }
}

fn clock_sentence(before: f64, rate: f64) -> String {
    if rate == 0.0 {
        "Cluster time stands still".to_owned()
    } else if before == 0.0 && rate == 1.0 {
        "Cluster time goes on".to_owned()
    } else {
        format!("Cluster time runs at {}", pace_words(rate))
    }
}

fn pace_words(rate: f64) -> String {
    if rate >= RATE_UNLIMITED { "the full speed of the machine".to_owned() } else { format!("{rate}× real time") }
}

fn reign(before: &ClusterState, node: NodeId, word: &str) -> String {
    let leads = |state: &&NodeState| state.status.is_running() && state.view.role == RoleKind::Leader;
    let state = before.nodes.get(&node).filter(leads);
    state.map_or_else(String::new, |state| {
        let Epoch(epoch) = state.view.epoch;
        format!("; it led in {word} {epoch}")
    })
}

fn entries(from: LogIndex, to: LogIndex) -> String {
    if from >= to { format!("entry {from}") } else { format!("entries {from}–{to}") }
}

fn count(number: u32, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn untrusted_sentence(proofs: &[Proof]) -> Option<String> {
    let failed: Vec<String> = proofs
        .iter()
        .filter_map(|proof| Some(format!("{:?} ({})", proof.kind, proof.outcome.as_ref().err()?)))
        .collect();
    (!failed.is_empty())
        .then(|| format!("Not to be trusted in this run, by the test at its start: {}", failed.join(", ")))
}

fn arrow((from, to): (Endpoint, Endpoint)) -> String {
    format!("{from}→{to}")
}

fn list<T: std::fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::NodeView,
        ids::{OpId, Seq},
        name::Name,
        request::{Refusal, Request},
        spec::ClusterSpec,
        time::Timestamp,
        trace::{NodeStatus, OpState},
    };

    fn before() -> ClusterState {
        let mut state = ClusterState::before(&ClusterSpec::default());
        for (node, role) in [(1, RoleKind::Leader), (3, RoleKind::Follower)] {
            let view = NodeView { role, epoch: Epoch(4), leader: Some(NodeId(1)), ..NodeView::default() };
            state.nodes.insert(NodeId(node), NodeState { status: NodeStatus::Up, view, ..NodeState::default() });
        }
        for (op, client) in [(1, 1), (2, 0)] {
            let request = Request::Put { key: "k3".into(), value: "v7".into() };
            let op_state = OpState { client: ClientId(client), request, invoked: Timestamp::ZERO };
            state.ops.insert(OpId(op), op_state);
        }
        state
    }

    fn said(kind: EventKind) -> Option<String> {
        sentence(&TraceEvent { seq: Seq(9), at: Timestamp(9), cause: None, kind }, &before(), "term")
    }

    fn milestone(node: u16, milestone: Milestone) -> EventKind {
        EventKind::Milestone { node: NodeId(node), milestone }
    }

    #[test]
    fn the_course_of_a_failover_reads_as_a_story() {
        let told = [
            EventKind::CommandIssued { by: Author::User, command: Command::Inject(vec![Fault::Crash(NodeId(1))]) },
            EventKind::NodeCrashed { node: NodeId(1) },
            milestone(3, Milestone::ElectionStarted { epoch: Epoch(7) }),
            milestone(2, Milestone::VoteGranted { epoch: Epoch(7), to: NodeId(3) }),
            milestone(3, Milestone::LeaderElected { epoch: Epoch(7) }),
            EventKind::NodeStarted { node: NodeId(1), incarnation: 1, port: 0 },
            milestone(1, Milestone::EntriesErased { from: LogIndex(14), to: LogIndex(16) }),
        ];
        let said: Vec<_> = told.into_iter().filter_map(said).collect();
        let story = [
            "You crashed n1",
            "n1 crashed; it led in term 4",
            "n3 stopped hearing from n1 and asks for votes in term 7",
            "n2 votes for n3 in term 7",
            "n3 leads in term 7",
            "n1 started again, with what its disk holds",
            "n1 erased entries 14–16: the leader's log differs",
        ];
        assert_eq!(said, story);
    }

    #[test]
    fn commands_say_who_did_what() {
        let command = |by, command| said(EventKind::CommandIssued { by, command }).unwrap();
        let ends = |ids: &[u16]| ids.iter().map(|n| Endpoint::from(NodeId(*n))).collect::<Vec<_>>();
        let link = (NodeId(1).into(), NodeId(2).into());
        assert_eq!(command(Author::User, Command::Inject(vec![Fault::cut(link)])), "You cut n1→n2");
        let mut many = vec![Fault::cut(link); 4];
        many.insert(0, Fault::Crash(NodeId(3)));
        assert_eq!(
            command(Author::Nemesis, Command::Inject(many)),
            "The nemesis crashed n3 and cut 4 directions of links"
        );
        let back = Command::Restore {
            links: vec![(link, LinkRules::default())],
            machines: Vec::new(),
            nodes: vec![NodeId(3)],
        };
        assert_eq!(command(Author::User, back), "You healed n1→n2 and let n3 run again");
        assert_eq!(
            command(Author::Script, Command::Inject(vec![Fault::Partition(vec![ends(&[1, 2]), ends(&[3])])])),
            "The script partitioned the cluster into n1, n2 | n3"
        );
        assert_eq!(command(Author::Lab, Command::Heal(Heal::All)), "The lab healed everything");
    }

    #[test]
    fn operations_are_told_if_they_went_wrong_or_were_the_users_own() {
        let returned = |op, outcome| said(EventKind::OpReturned { op: OpId(op), outcome, node: Some(NodeId(1)) });
        let written = Outcome::Written { at: LogIndex(5) };
        assert_eq!(
            returned(1, Outcome::NoAnswer).unwrap(),
            "c1's put k3=v7 got no answer: it may or may not have taken effect"
        );
        assert_eq!(
            returned(1, Outcome::Failed(Refusal::NotLeader { leader: None })).unwrap(),
            "c1's put k3=v7 was refused by n1: not the leader, knows none"
        );
        assert_eq!(returned(1, written.clone()), None);
        assert_eq!(returned(2, written).unwrap(), "Your put k3=v7 was written by n1 as entry 5");
    }

    #[test]
    fn the_unremarkable_is_not_told() {
        assert_eq!(said(EventKind::TimerFired { node: NodeId(1), timer: Name::new("heartbeat") }), None);
        assert_eq!(said(EventKind::NodeStarted { node: NodeId(1), incarnation: 0, port: 0 }), None);
        assert_eq!(said(milestone(1, Milestone::Applied { op: OpId(1), index: LogIndex(1) })), None);
    }

    #[test]
    fn a_crash_of_a_follower_does_not_say_that_it_led() {
        assert_eq!(said(EventKind::NodeCrashed { node: NodeId(3) }).unwrap(), "n3 crashed");
    }
}
