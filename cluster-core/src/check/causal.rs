//! Causal consistency, by the patterns that no causally consistent store shows (Bouajjani, Enea, Guerraoui and Hamza 2017,
//! "On verifying causal consistency", §4: CyclicCO, ThinAirRead, WriteCOInitRead, WriteCORead).
//!
//! Causal order is the order of each session together with "was read from", and what follows from the two. Each value must
//! be written once per key; otherwise nobody can tell what was read from where, and the verdict is unknown.

use std::collections::BTreeMap;

use super::{
    datum::DatumId,
    history::{History, OperationIndex},
    registers::{Registers, Source, is_read, written},
    verdict::{Unknown, Verdict, Witness},
};

/// Checks causal consistency.
pub(crate) fn check(registers: &Registers<'_>) -> Verdict {
    let history = registers.history;
    let lanes = Lanes::new(registers);
    let mut ambiguous = false;
    let mut sources: BTreeMap<OperationIndex, Source> = BTreeMap::new();
    for index in lanes.order.iter().filter(|index| is_read(history.get(**index))) {
        let source = registers.source(history.get(*index));
        if source == Source::ThinAir {
            let sentence = format!("`{}` is a value that nobody wrote", history.words(*index));
            return violated(sentence, vec![*index]);
        }
        ambiguous |= source == Source::Ambiguous;
        sources.insert(*index, source);
    }
    let Some(pasts) = lanes.pasts(&sources) else {
        let sentence = "what was read goes round in a circle: each was read before what it depends on was written";
        return violated(sentence.to_owned(), lanes.cycle(&sources));
    };
    for (read, source) in &sources {
        let key = history.get(*read).key;
        if let Some(write) = lanes.overwriting(history, &pasts, *read, *source, key) {
            let (words, later) = (history.words(*read), history.words(write));
            let sentence = match source {
                Source::Initial => format!("`{words}` found nothing, although `{later}` lies in its causal past"),
                _ => format!("`{words}`, although `{later}` replaced that value in its causal past"),
            };
            let mut operations = vec![*read, write];
            if let Source::Write(writer) = source {
                operations.push(*writer);
            }
            return violated(sentence, operations);
        }
    }
    match (ambiguous, sources.is_empty()) {
        (true, _) => Verdict::Unknown(Unknown::Ambiguous),
        (false, true) => Verdict::Unknown(Unknown::Nothing),
        (false, false) => Verdict::Holds,
    }
}

fn violated(sentence: String, mut operations: Vec<OperationIndex>) -> Verdict {
    operations.sort_unstable();
    operations.dedup();
    Verdict::Violated(Box::new(Witness {
        sentence,
        last: operations.last().copied(),
        operations,
        ..Witness::default()
    }))
}

/// How many operations of each lane lie in an operation's causal past, itself among them.
type Past = Box<[u32]>;

/// Sessions cut into lanes without overlaps: a client with several operations open has several.
struct Lanes {
    lanes: Vec<Vec<OperationIndex>>,
    /// For each operation: its lane, and where it stands there, from 1.
    place: BTreeMap<OperationIndex, (usize, u32)>,
    order: Vec<OperationIndex>,
    /// For each lane and key: where its writes stand.
    writes: BTreeMap<(usize, Option<DatumId>), Vec<u32>>,
}

impl Lanes {
    fn new(registers: &Registers<'_>) -> Self {
        let history = registers.history;
        let read_from: std::collections::BTreeSet<OperationIndex> = history
            .operations
            .iter()
            .filter(|operation| is_read(operation))
            .filter_map(|read| match registers.source(read) {
                Source::Write(write) => Some(write),
                Source::Initial | Source::ThinAir | Source::Ambiguous => None,
            })
            .collect();
        let mut lanes: Vec<Vec<OperationIndex>> = Vec::new();
        for session in registers.sessions() {
            let first = lanes.len();
            for index in session {
                let operation = history.get(*index);
                // A write without an answer that nobody saw may never have happened.
                let matters = is_read(operation)
                    || written(operation).is_some() && (operation.is_ok() || read_from.contains(index));
                if !matters {
                    continue;
                }
                let fits = lanes[first..]
                    .iter()
                    .position(|lane| lane.last().is_none_or(|last| history.get(*last).returned < operation.invoked));
                match fits {
                    Some(lane) => lanes[first + lane].push(*index),
                    None => lanes.push(vec![*index]),
                }
            }
        }
        let (mut place, mut writes) = (BTreeMap::new(), BTreeMap::<_, Vec<u32>>::new());
        for (lane, operations) in lanes.iter().enumerate() {
            for (at, index) in operations.iter().enumerate() {
                let at = at as u32 + 1;
                place.insert(*index, (lane, at));
                let operation = history.get(*index);
                if written(operation).is_some() {
                    writes.entry((lane, operation.key)).or_default().push(at);
                }
            }
        }
        let order = place.keys().copied().collect();
        Self { lanes, place, order, writes }
    }

    /// Returns the causal past of every operation; `None` if causality goes round in a circle.
    fn pasts(&self, sources: &BTreeMap<OperationIndex, Source>) -> Option<BTreeMap<OperationIndex, Past>> {
        let mut pasts: BTreeMap<OperationIndex, Past> = BTreeMap::new();
        let mut next = vec![0; self.lanes.len()];
        loop {
            let mut moved = false;
            for lane in 0..self.lanes.len() {
                while let Some(index) = self.lanes[lane].get(next[lane]).copied() {
                    let from = sources.get(&index).copied();
                    if let Some(Source::Write(write)) = from
                        && !pasts.contains_key(&write)
                    {
                        break;
                    }
                    let mut past = match next[lane] {
                        0 => vec![0; self.lanes.len()].into_boxed_slice(),
                        at => pasts[&self.lanes[lane][at - 1]].clone(),
                    };
                    if let Some(Source::Write(write)) = from {
                        for (mine, theirs) in past.iter_mut().zip(&pasts[&write]) {
                            *mine = (*mine).max(*theirs);
                        }
                    }
                    next[lane] += 1;
                    past[lane] = next[lane] as u32;
                    pasts.insert(index, past);
                    moved = true;
                }
            }
            if !moved {
                return (pasts.len() == self.order.len()).then_some(pasts);
            }
        }
    }

    /// Returns the operations at which the circle can be seen: the first of each lane that waits.
    fn cycle(&self, sources: &BTreeMap<OperationIndex, Source>) -> Vec<OperationIndex> {
        let mut done = std::collections::BTreeSet::new();
        let mut next = vec![0; self.lanes.len()];
        while let Some(lane) = (0..self.lanes.len()).find(|lane| {
            self.lanes[*lane].get(next[*lane]).is_some_and(|index| match sources.get(index) {
                Some(Source::Write(write)) => done.contains(write),
                _ => true,
            })
        }) {
            done.insert(self.lanes[lane][next[lane]]);
            next[lane] += 1;
        }
        let waiting = (0..self.lanes.len()).filter_map(|lane| self.lanes[lane].get(next[lane]).copied());
        waiting
            .flat_map(|read| match sources.get(&read) {
                Some(Source::Write(write)) => vec![read, *write],
                _ => vec![read],
            })
            .collect()
    }

    /// Returns a write of the key in the causal past of a read, and in whose past the write lies that was read.
    fn overwriting(
        &self,
        history: &History,
        pasts: &BTreeMap<OperationIndex, Past>,
        read: OperationIndex,
        source: Source,
        key: Option<DatumId>,
    ) -> Option<OperationIndex> {
        let past = &pasts[&read];
        for lane in 0..self.lanes.len() {
            let Some(writes) = self.writes.get(&(lane, key)) else { continue };
            // The last one of the lane comes after whatever any earlier one comes after.
            let count = writes.partition_point(|at| *at <= past[lane]);
            let Some(write) = count.checked_sub(1).map(|last| self.lanes[lane][writes[last] as usize - 1]) else {
                continue;
            };
            let overwrites = match source {
                Source::Initial => written(history.get(write)) != Some(DatumId::NIL),
                Source::Write(writer) if writer != write => {
                    let (from, at) = self.place[&writer];
                    pasts[&write][from] >= at
                }
                Source::Write(_) | Source::ThinAir | Source::Ambiguous => false,
            };
            if overwrites {
                return Some(write);
            }
        }
        None
    }
}
