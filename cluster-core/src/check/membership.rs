//! What SWIM promises once nothing is broken any more: the dead are found out by all, and the living are not held for dead.
//!
//! While things are broken it promises nothing: a member that is slow or cut off may be declared dead, and come back.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::invariants::Invariant;
use crate::{
    event::{EventKind, Finding, MemberStatus, Milestone, Opinion, TraceEvent, ViewChange},
    fault::{Ailment, LinkId},
    ids::{Endpoint, NodeId, Seq},
    name::Name,
    time::Timestamp,
    trace::Observer,
};

/// How many violations of one promise are told.
const TOLD_MAX: usize = 8;
/// How often the views are compared, in parts of the patience.
const LOOKS: u32 = 20;

/// Watches who holds whom for dead.
#[derive(Debug, Default)]
pub(super) struct Membership {
    members: BTreeMap<NodeId, Watched>,
    links: BTreeSet<LinkId>,
    machines: BTreeSet<(NodeId, Ailment)>,
    /// Since when nothing is broken, but that nodes may be down; `None` while something is.
    calm: Option<Timestamp>,
    /// Since when all nodes run, and at most the link of one pair is broken.
    nearly_calm: Option<Timestamp>,
    patience: Duration,
    looked: Timestamp,
    told: Vec<(Invariant, NodeId, NodeId)>,
}

/// What is known of a member.
#[derive(Debug, Default)]
struct Watched {
    runs: bool,
    frozen: bool,
    /// Since when it runs, or does not.
    since: Timestamp,
    /// The event by which it began to run, or ended.
    seq: Seq,
    opinions: BTreeMap<NodeId, (Opinion, Seq)>,
}

impl Membership {
    /// Watches a run of a protocol; `None` if it is not about who is alive.
    pub(super) fn of(protocol: &str) -> Option<Self> {
        let begin = Some(Timestamp::ZERO);
        (protocol == "swim").then(|| Self { calm: begin, nearly_calm: begin, ..Self::default() })
    }

    fn set_running(&mut self, node: NodeId, runs: bool, event: &TraceEvent) {
        let opinions = BTreeMap::new();
        self.members.insert(node, Watched { runs, frozen: false, since: event.at, seq: event.seq, opinions });
        self.follow_calm(event.at);
    }

    fn set_frozen(&mut self, node: NodeId, frozen: bool, at: Timestamp) {
        self.members.entry(node).or_default().frozen = frozen;
        self.follow_calm(at);
    }

    /// Something broke or was mended: calm begins anew, or ends.
    fn follow_calm(&mut self, at: Timestamp) {
        let frozen = self.members.values().any(|member| member.frozen);
        let still = self.machines.is_empty() && !frozen;
        let pair = |(from, to): &LinkId| (from.min(to).to_owned(), from.max(to).to_owned());
        let pairs: BTreeSet<(Endpoint, Endpoint)> = self.links.iter().map(pair).collect();
        let all_run = self.members.values().all(|member| member.runs);
        self.calm = (still && pairs.is_empty()).then_some(self.calm.unwrap_or(at));
        self.nearly_calm = (still && all_run && pairs.len() <= 1).then_some(self.nearly_calm.unwrap_or(at));
    }

    /// A member declares another dead. If that one runs, and nothing was broken for long but one link, that is wrong.
    fn on_death(&mut self, by: NodeId, of: NodeId, event: &TraceEvent, found: &mut Vec<Finding>) {
        let Some(calm) = self.nearly_calm.filter(|_| self.members.len() > 2) else { return };
        let Some((here, there)) = self.both(by, of) else { return };
        let since = calm.max(here.since).max(there.since);
        if here.runs && there.runs && event.at.since(since) > self.patience {
            let broken = if self.links.is_empty() { "nothing" } else { "nothing but one link" };
            let sentence = format!("{by} holds {of} for dead, which runs, and {broken} was broken since {since}");
            let evidence = vec![there.seq, event.seq];
            self.tell(Invariant::Accuracy, (by, of), sentence, evidence, found);
        }
    }

    /// Compares what members think with what is so.
    fn look(&mut self, at: Timestamp, seq: Seq, found: &mut Vec<Finding>) {
        if at.since(self.looked) < self.patience / LOOKS || self.patience.is_zero() {
            return;
        }
        self.looked = at;
        let Some(calm) = self.calm else { return };
        let mut wrong = Vec::new();
        for (by, here) in self.members.iter().filter(|(_, member)| member.runs) {
            for (of, (opinion, thought)) in &here.opinions {
                let Some(there) = self.members.get(of) else { continue };
                let since = calm.max(here.since).max(there.since);
                if at.since(since) <= self.patience {
                    continue;
                }
                let word = opinion.status.word();
                let (invariant, sentence) = match (there.runs, opinion.status) {
                    (false, MemberStatus::Alive | MemberStatus::Suspect) => (
                        Invariant::Completeness,
                        format!(
                            "{by} still holds {of} for {word}, which is down since {}, with nothing else broken",
                            there.since
                        ),
                    ),
                    (true, MemberStatus::Dead) => (
                        Invariant::Accuracy,
                        format!("{by} still holds {of} for dead, which runs, and nothing is broken since {since}"),
                    ),
                    (true, MemberStatus::Alive | MemberStatus::Suspect) | (false, MemberStatus::Dead) => continue,
                };
                wrong.push((invariant, (*by, *of), sentence, vec![there.seq, *thought, seq]));
            }
        }
        for (invariant, pair, sentence, evidence) in wrong {
            self.tell(invariant, pair, sentence, evidence, found);
        }
    }

    fn both(&self, by: NodeId, of: NodeId) -> Option<(&Watched, &Watched)> {
        self.members.get(&by).zip(self.members.get(&of))
    }

    fn tell(
        &mut self,
        invariant: Invariant,
        (by, of): (NodeId, NodeId),
        sentence: String,
        mut evidence: Vec<Seq>,
        found: &mut Vec<Finding>,
    ) {
        let times = self.told.iter().filter(|(told, ..)| *told == invariant).count();
        if times < TOLD_MAX && !self.told.contains(&(invariant, by, of)) {
            self.told.push((invariant, by, of));
            evidence.sort_unstable();
            evidence.dedup();
            let promise = Name::new(invariant.row().id);
            found.push(Finding { promise, sentence, nodes: vec![by, of], evidence, ..Finding::default() });
        }
    }
}

impl Observer for Membership {
    fn observe(&mut self, event: &TraceEvent, found: &mut Vec<Finding>) {
        match &event.kind {
            EventKind::NodeStarted { node, .. } => self.set_running(*node, true, event),
            EventKind::NodeCrashed { node }
            | EventKind::NodeLostPower { node, .. }
            | EventKind::NodeStopped { node }
            | EventKind::NodeFailed { node, .. } => self.set_running(*node, false, event),
            EventKind::NodeFroze { node } => self.set_frozen(*node, true, event.at),
            EventKind::NodeUnfroze { node } => self.set_frozen(*node, false, event.at),
            EventKind::LinkChanged { from, to, rules } => {
                let _ =
                    if rules.is_healthy() { self.links.remove(&(*from, *to)) } else { self.links.insert((*from, *to)) };
                self.follow_calm(event.at);
            }
            EventKind::NodeFaultsChanged { node, part, faults } => {
                let it = (*node, *part);
                let _ = if faults.is_healthy(*part) { self.machines.remove(&it) } else { self.machines.insert(it) };
                self.follow_calm(event.at);
            }
            EventKind::Milestone {
                node,
                milestone: Milestone::MemberViewChanged { subject, status: MemberStatus::Dead, .. },
            } => self.on_death(*node, *subject, event, found),
            EventKind::ViewChanged { node, changes } => {
                for change in changes {
                    match change {
                        ViewChange::Opinion(of, opinion) => {
                            let opinions = &mut self.members.entry(*node).or_default().opinions;
                            match opinion {
                                Some(opinion) => drop(opinions.insert(*of, (*opinion, event.seq))),
                                None => drop(opinions.remove(of)),
                            }
                        }
                        ViewChange::Detector(Some(detector)) => self.patience = self.patience.max(detector.patience),
                        _ => {} // no other part of a view is about who is alive
                    }
                }
            }
            _ => {} // nothing else is about who is alive
        }
        self.look(event.at, event.seq, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{DetectorView, Incarnation},
        fault::{LinkRules, NodeFaults, Slowness},
    };

    /// Plays events, a second apart, to three nodes whose patience is ten seconds.
    fn findings(kinds: Vec<EventKind>) -> Vec<&'static str> {
        let detector = DetectorView { patience: Duration::from_secs(10), ..DetectorView::default() };
        let mut all: Vec<EventKind> =
            (1..=3).map(|node| EventKind::NodeStarted { node: NodeId(node), incarnation: 0, port: 0 }).collect();
        all.push(EventKind::ViewChanged { node: NodeId(1), changes: vec![ViewChange::Detector(Some(detector))] });
        all.extend(kinds);
        let (mut watch, mut found) = (Membership::of("swim").expect("it is watched"), Vec::new());
        for (at, kind) in (0..).zip(all) {
            let event = TraceEvent { seq: Seq(at), at: Timestamp(at * 1_000_000_000), cause: None, kind };
            watch.observe(&event, &mut found);
        }
        found.iter().map(|finding| finding.promise.as_str()).collect()
    }

    fn thinks(node: u16, of: u16, status: MemberStatus) -> Vec<EventKind> {
        let (node, subject, incarnation) = (NodeId(node), NodeId(of), Incarnation::default());
        let changes = vec![ViewChange::Opinion(subject, Some(Opinion { status, incarnation }))];
        let milestone = Milestone::MemberViewChanged { subject, status, incarnation };
        vec![EventKind::Milestone { node, milestone }, EventKind::ViewChanged { node, changes }]
    }

    fn passing(seconds: usize) -> Vec<EventKind> {
        vec![EventKind::DiskSynced { node: NodeId(1) }; seconds]
    }

    #[test]
    fn who_crashed_must_be_found_out_in_time() {
        let crash = vec![EventKind::NodeCrashed { node: NodeId(2) }];
        let alive = thinks(1, 2, MemberStatus::Alive);
        assert!(findings([alive.clone(), crash.clone(), passing(9)].concat()).is_empty(), "there is still time");
        assert_eq!(findings([alive.clone(), crash.clone(), passing(12)].concat()), ["swim-completeness"]);
        let dead = thinks(1, 2, MemberStatus::Dead);
        assert!(findings([alive.clone(), crash.clone(), dead, passing(12)].concat()).is_empty());
        let slow = NodeFaults { slow: Some(Slowness { factor: 9.0 }), ..NodeFaults::default() };
        let slow = EventKind::NodeFaultsChanged { node: NodeId(3), part: Ailment::Cpu, faults: Box::new(slow) };
        assert!(findings([alive, crash, vec![slow], passing(30)].concat()).is_empty(), "nothing is promised meanwhile");
    }

    #[test]
    fn who_runs_must_not_be_held_for_dead_when_all_is_calm() {
        let dead = thinks(1, 2, MemberStatus::Dead);
        assert_eq!(findings([passing(12), dead.clone()].concat()), ["swim-accuracy"]);
        let alive = thinks(1, 2, MemberStatus::Alive);
        assert!(findings([dead.clone(), alive, passing(30)].concat()).is_empty(), "it was taken back in time");
        assert_eq!(findings([dead, passing(12)].concat()), ["swim-accuracy"]);
    }

    #[test]
    fn one_broken_link_is_no_reason_to_hold_anybody_for_dead_and_two_are() {
        let cut = |from: u16, to: u16| {
            let rules = Box::new(LinkRules { cut: true, ..LinkRules::default() });
            vec![EventKind::LinkChanged { from: NodeId(from).into(), to: NodeId(to).into(), rules }]
        };
        let dead = thinks(1, 2, MemberStatus::Dead);
        assert_eq!(findings([cut(1, 2), cut(2, 1), passing(12), dead.clone()].concat()), ["swim-accuracy"]);
        assert!(findings([cut(1, 2), cut(3, 2), passing(12), dead].concat()).is_empty());
    }
}
