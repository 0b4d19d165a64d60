//! Who depends on whom, and the circles in it.

use std::collections::{BTreeMap, VecDeque};

use petgraph::{algo::tarjan_scc, graphmap::DiGraphMap};

use super::{
    super::{
        history::{History, OperationIndex},
        verdict::{Edge, Witness},
    },
    Anomaly, Found,
};

/// Why one transaction comes before another (Adya 1999, §3.1: the three kinds of direct conflicts).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The second wrote the version after the first one's.
    Overwrote,
    /// The second read what the first wrote.
    WasRead,
    /// The second wrote the version after the one that the first read.
    ReadBefore,
}

/// What was found to depend on what: for each pair, each kind once, with the words for it.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    edges: BTreeMap<(u32, u32, Kind), String>,
}

impl Dependencies {
    /// Notes that `to` depends on `from`. A transaction does not depend on itself.
    pub(super) fn add(&mut self, from: OperationIndex, to: OperationIndex, kind: Kind, why: impl FnOnce() -> String) {
        if from != to {
            self.edges.entry((from.0, to.0, kind)).or_insert_with(why);
        }
    }

    /// Returns the shortest circle found of each kind.
    pub(super) fn circles(&self, history: &History) -> Vec<Found> {
        let writes = |kind: Kind| kind == Kind::Overwrote;
        let flows = |kind: Kind| kind != Kind::ReadBefore;
        let all = |_: Kind| true;
        // The circle has one edge of the kind that makes it what it is, and otherwise whatever may lie on it.
        [
            (Anomaly::DirtyWrite, Kind::Overwrote, &writes as &dyn Fn(Kind) -> bool),
            (Anomaly::CircularFlow, Kind::WasRead, &flows),
            (Anomaly::ReadSkew, Kind::ReadBefore, &flows),
            (Anomaly::AntiDependency, Kind::ReadBefore, &all),
        ]
        .into_iter()
        .filter_map(|(anomaly, kind, rest)| self.circle(history, anomaly, kind, rest))
        .collect()
    }

    fn circle(&self, history: &History, anomaly: Anomaly, kind: Kind, rest: &dyn Fn(Kind) -> bool) -> Option<Found> {
        let mut graph: DiGraphMap<u32, ()> = DiGraphMap::new();
        for (from, to, edge) in self.edges.keys() {
            if *edge == kind || rest(*edge) {
                graph.add_edge(*from, *to, ());
            }
        }
        let mut component: BTreeMap<u32, usize> = BTreeMap::new();
        for (number, members) in tarjan_scc(&graph).into_iter().enumerate().filter(|(_, members)| members.len() > 1) {
            component.extend(members.into_iter().map(|member| (member, number)));
        }
        let inside = |from: &u32, to: &u32| component.contains_key(from) && component.get(from) == component.get(to);
        let mut shortest: Option<Vec<(u32, u32, Kind)>> = None;
        let firsts = self.edges.keys().filter(|(from, to, edge)| *edge == kind && inside(from, to));
        for first in firsts.take(FIRSTS) {
            let Some(back) = self.way(first.1, first.0, |from, to, edge| rest(edge) && inside(&from, &to)) else {
                continue;
            };
            if shortest.as_ref().is_none_or(|shortest| back.len() + 1 < shortest.len()) {
                shortest = Some(std::iter::once(*first).chain(back).collect());
            }
        }
        let circle = shortest?;
        let edges = circle.iter().map(|edge| Edge {
            from: OperationIndex(edge.0),
            to: OperationIndex(edge.1),
            why: self.edges[edge].clone(),
        });
        let witness = Witness { edges: edges.collect(), ..Witness::default() };
        let names: Vec<_> = circle.iter().map(|edge| place(history, edge.0)).collect();
        let sentence = format!("{} come before each other in a circle", names.join(", "));
        Some(Found::new(anomaly, sentence, witness))
    }

    /// Returns the shortest way along edges that may be used.
    fn way(&self, from: u32, to: u32, may: impl Fn(u32, u32, Kind) -> bool) -> Option<Vec<(u32, u32, Kind)>> {
        let mut came: BTreeMap<u32, (u32, u32, Kind)> = BTreeMap::new();
        let mut queue = VecDeque::from([from]);
        while let Some(at) = queue.pop_front() {
            if at == to {
                break;
            }
            for edge in
                self.edges.range((at, 0, Kind::Overwrote)..=(at, u32::MAX, Kind::ReadBefore)).map(|(edge, _)| *edge)
            {
                if may(edge.0, edge.1, edge.2) && edge.1 != from && !came.contains_key(&edge.1) {
                    came.insert(edge.1, edge);
                    queue.push_back(edge.1);
                }
            }
        }
        let mut way = Vec::new();
        let mut at = to;
        while at != from {
            let edge = *came.get(&at)?;
            way.push(edge);
            at = edge.0;
        }
        way.reverse();
        Some(way)
    }
}

/// From so many edges on a circle is searched for; one is enough, more may find a shorter one.
const FIRSTS: usize = 2_000;

fn place(history: &History, transaction: u32) -> String {
    let operation = &history.operations[transaction as usize];
    let what = if history.recorded { "event" } else { "line" };
    format!("the transaction of {what} {}", operation.line)
}
