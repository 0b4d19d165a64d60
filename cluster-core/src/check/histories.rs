//! What clients saw, judged while the run goes on: findings about linearizability and the session guarantees.

use super::{
    facts::Facts,
    guarantees::{Broken, Guarantee, Guarantees},
    online::{OnlineCheck, OnlineNews, OnlineWitness},
};
use crate::{
    event::{Conclusion, EventKind, Finding, TraceEvent},
    ids::{NodeId, Seq},
    name::Name,
    request::Key,
    time::Timestamp,
    trace::Observer,
};

/// How many violations of one promise are told.
const TOLD_MAX: usize = 8;

/// Judges what clients saw. What it costs is bounded; what it gives up on is told as unknown.
#[derive(Default)]
pub struct Histories {
    linear: OnlineCheck,
    guarantees: Guarantees,
    facts: Facts,
    told: Vec<(Name, Conclusion)>,
}

impl Observer for Histories {
    fn observe(&mut self, event: &TraceEvent, found: &mut Vec<Finding>) {
        let node = match &event.kind {
            EventKind::OpInvoked { .. } => None,
            EventKind::OpReturned { node, .. } => *node,
            _ => return self.facts.apply(event),
        };
        for news in self.linear.apply(event) {
            let finding = self.linearizable(news, node);
            self.tell(finding, found);
        }
        for broken in self.guarantees.apply(event) {
            let finding = self.guarantee(broken, node, event);
            self.tell(finding, found);
        }
    }
}

impl Histories {
    fn tell(&mut self, finding: Finding, found: &mut Vec<Finding>) {
        let what = (finding.promise, finding.conclusion);
        let most = match finding.conclusion {
            Conclusion::Violated => TOLD_MAX,
            // That it is unknown is said once.
            Conclusion::Unknown => 1,
        };
        if self.told.iter().filter(|told| **told == what).count() < most {
            self.told.push(what);
            found.push(finding);
        }
    }

    fn linearizable(&self, news: OnlineNews, node: Option<NodeId>) -> Finding {
        let promise = Name::new("linearizable");
        match news {
            OnlineNews::Violated { key, op, seq, at, why } => {
                let Some(why) = why else {
                    let sentence = format!("with {op} the operations on {key} fit no order that real time allows");
                    let finding = Finding { promise, sentence, ops: vec![op], ..of_key(key, seq) };
                    return self.at_node(finding, node, at, at);
                };
                let OnlineWitness { sentence, ops, order, mut began, from, until, node } = *why;
                began.push(seq);
                let finding =
                    Finding { promise, sentence, ops, order, evidence: began, key: Some(key), ..Finding::default() };
                self.at_node(finding, node, from, until)
            }
            OnlineNews::Lost { key, seq } => Finding {
                promise,
                conclusion: Conclusion::Unknown,
                sentence: format!(
                    "the operations on {key} allow more orders than can be followed while the run goes on"
                ),
                ..of_key(key, seq)
            },
        }
    }

    fn guarantee(&self, broken: Broken, node: Option<NodeId>, event: &TraceEvent) -> Finding {
        let Broken { promise, key, client, newer, older, read, value, since } = broken;
        let value = value.map_or_else(|| "nothing".to_owned(), |value| format!("{value:.32}"));
        let at = node.map_or_else(String::new, |node| format!(" at {node}"));
        let but = match promise {
            Guarantee::ReadYourWrites => format!("it had written what {newer} wrote before"),
            Guarantee::MonotonicReads => format!("it had seen what {newer} wrote before"),
            Guarantee::WritesFollowReads { seen, writer } => {
                format!("it had seen {seen}, before which {writer} had read what {newer} wrote")
            }
            Guarantee::MonotonicWrites { writer } => {
                format!("it had seen {newer}, which {writer} wrote after that")
            }
        };
        let sentence = format!("{client} read {value} of {key}{at} although {but}");
        let seen = match promise {
            Guarantee::WritesFollowReads { seen, .. } => Some(seen),
            Guarantee::ReadYourWrites | Guarantee::MonotonicReads | Guarantee::MonotonicWrites { .. } => None,
        };
        let ops = older.into_iter().chain([newer]).chain(seen).chain([read]).collect();
        let finding = Finding { promise: Name::new(promise.id()), sentence, ops, ..of_key(key, event.seq) };
        let mut finding = self.at_node(finding, node, event.at, event.at);
        finding.evidence.insert(0, since);
        finding
    }

    /// Adds what the run tells of the node that answered.
    fn at_node(&self, finding: Finding, node: Option<NodeId>, from: Timestamp, at: Timestamp) -> Finding {
        let about = node.and_then(|node| self.facts.about(node, at)).unwrap_or_default();
        let sentence = finding.sentence + &about;
        Finding { sentence, nodes: node.into_iter().collect(), faults: self.facts.faults(from, at), ..finding }
    }
}

fn of_key(key: Key, seq: Seq) -> Finding {
    Finding { key: Some(key), evidence: vec![seq], ..Finding::default() }
}
