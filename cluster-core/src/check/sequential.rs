//! Sequential consistency: one order of all operations that keeps the order of each client, real time aside (Lamport 1979,
//! "How to make a multiprocessor computer that correctly executes multiprocess programs").
//!
//! Unlike linearizability it is not local: two registers can each be sequentially consistent and not together, so all keys
//! are searched at once. The search goes in depth, remembers where it has been, and lets reads take effect as soon as their
//! answer fits: waiting gains nothing.

use std::collections::BTreeMap;

use super::{
    datum::DatumId,
    history::{Ending, History, HistoryError, OperationIndex},
    index::{HashIndex, mix},
    model::{Model, Nature, State, Step},
    states::States,
    verdict::{Budget, Unknown, Verdict, Witness},
};

/// Checks sequential consistency.
pub(crate) fn check(history: &History, model: Model, budget: &Budget<'_>) -> Result<Verdict, HistoryError> {
    let mut search = Search::new(history, model)?;
    Ok(match search.run(budget) {
        Ok(true) => Verdict::Holds,
        Ok(false) => {
            let (best, stuck) = search.best_order();
            let words: Vec<_> = stuck.iter().map(|index| history.words(*index)).collect();
            let sentence = format!(
                "no order keeps every client's own: at best it gets stuck before {}",
                words.join(", ").chars().take(400).collect::<String>()
            );
            let last = stuck.last().copied();
            Verdict::Violated(Box::new(Witness {
                sentence,
                operations: stuck,
                longest: best,
                last,
                ..Witness::default()
            }))
        }
        Err(why) => Verdict::Unknown(why),
    })
}

/// A step of a client.
#[derive(Clone, Copy)]
struct Turn {
    step: Step,
    object: u32,
    operation: OperationIndex,
}

/// Where a search stands: how far each lane is, and the state of each object.
#[derive(Clone)]
struct Standing {
    next: Vec<u32>,
    states: Vec<State>,
}

struct Search {
    /// What each client asked, in order, without what it had open at once.
    lanes: Vec<Vec<Turn>>,
    /// For each lane: the lane and the turn in it that must come first. Operations of unknown outcome are lanes of their
    /// own, which need never go on.
    after: Vec<Option<(usize, u32)>>,
    needed: Vec<bool>,
    objects: Vec<States>,
    seen: Vec<(u64, u64)>,
    index: HashIndex,
    best: Vec<OperationIndex>,
    best_next: Vec<u32>,
}

/// How many standings are remembered: sixteen bytes each, and their index.
const SEEN_BYTES: usize = 24;

impl Search {
    fn new(history: &History, model: Model) -> Result<Self, HistoryError> {
        let mut objects = Vec::new();
        let mut numbers: BTreeMap<Option<DatumId>, u32> = BTreeMap::new();
        let mut lanes: Vec<Vec<Turn>> = Vec::new();
        let (mut after, mut needed) = (Vec::new(), Vec::new());
        for session in history.by_process().into_values() {
            let first = lanes.len();
            for index in session {
                let operation = history.get(index);
                let object = *numbers.entry(operation.key).or_insert_with(|| {
                    objects.push(States::new(model));
                    objects.len() as u32 - 1
                });
                let states = &mut objects[object as usize];
                let Some(step) = model.step(history, operation, states)? else { continue };
                states.know(history, step);
                let turn = Turn { step, object, operation: index };
                let before = (first..lanes.len()).find(|lane| {
                    let fits = |last: &Turn| history.get(last.operation).returned < operation.invoked;
                    needed[*lane] && lanes[*lane].last().is_some_and(fits)
                });
                match (operation.ending, before) {
                    (Ending::Unknown, before) => {
                        after.push(before.map(|lane| (lane, lanes[lane].len() as u32)));
                        lanes.push(vec![turn]);
                        needed.push(false);
                    }
                    (Ending::Ok | Ending::Fail, Some(lane)) => lanes[lane].push(turn),
                    (Ending::Ok | Ending::Fail, None) => {
                        after.push(None);
                        lanes.push(vec![turn]);
                        needed.push(true);
                    }
                }
            }
        }
        let best_next = vec![0; lanes.len()];
        let (seen, index, best) = (Vec::new(), HashIndex::default(), Vec::new());
        Ok(Self { lanes, after, needed, objects, seen, index, best, best_next })
    }

    fn run(&mut self, budget: &Budget<'_>) -> Result<bool, Unknown> {
        let mut start =
            Standing { next: vec![0; self.lanes.len()], states: self.objects.iter().map(States::first).collect() };
        let mut order = Vec::new();
        self.take_looks(&mut start, &mut order);
        // Each entry: a standing, the lane to try next from it, and how long the order was.
        let mut stack = vec![(start, 0, order.len())];
        let mut steps: u64 = 0;
        while let Some((standing, lane, length)) = stack.last_mut() {
            order.truncate(*length);
            if order.len() > self.best.len() || self.best.is_empty() {
                self.best.clone_from(&order);
                self.best_next.clone_from(&standing.next);
            }
            if self.is_done(standing) {
                return Ok(true);
            }
            let at = *lane;
            if at == self.lanes.len() {
                stack.pop();
                continue;
            }
            *lane += 1;
            steps += 1;
            if steps.is_multiple_of(4096) && (budget.stop)() {
                return Err(Unknown::Stopped);
            }
            if steps > budget.steps {
                return Err(Unknown::Steps { steps: budget.steps });
            }
            let bytes = self.seen.len() * SEEN_BYTES + self.objects.iter().map(States::bytes).sum::<usize>();
            if bytes > budget.bytes {
                return Err(Unknown::Memory { bytes: budget.bytes });
            }
            let mut next = standing.clone();
            if self.advance(&mut next, at, &mut order) {
                self.take_looks(&mut next, &mut order);
                if self.is_unseen(&next) {
                    let length = order.len();
                    stack.push((next, 0, length));
                }
            }
        }
        Ok(false)
    }

    /// Lets a lane go on by one turn, if it can.
    fn advance(&mut self, standing: &mut Standing, lane: usize, order: &mut Vec<OperationIndex>) -> bool {
        let Some(turn) = self.lanes[lane].get(standing.next[lane] as usize).copied() else { return false };
        if self.after[lane].is_some_and(|(before, turn)| standing.next[before] < turn) {
            return false;
        }
        let object = turn.object as usize;
        let Some(state) = self.objects[object].after(standing.states[object], turn.step) else { return false };
        standing.states[object] = state;
        standing.next[lane] += 1;
        order.push(turn.operation);
        true
    }

    fn take_looks(&mut self, standing: &mut Standing, order: &mut Vec<OperationIndex>) {
        for lane in 0..self.lanes.len() {
            while self.lanes[lane]
                .get(standing.next[lane] as usize)
                .is_some_and(|turn| turn.step.nature() == Nature::Pure)
            {
                if !self.advance(standing, lane, order) {
                    break;
                }
            }
        }
    }

    fn is_done(&self, standing: &Standing) -> bool {
        (0..self.lanes.len()).all(|lane| !self.needed[lane] || standing.next[lane] as usize == self.lanes[lane].len())
    }

    /// Remembers a standing by a hash of 128 bits: two that differ do not meet in the life of a program.
    fn is_unseen(&mut self, standing: &Standing) -> bool {
        let (mut first, mut second) = (1_u64, 2_u64);
        for word in standing.next.iter().chain(&standing.states) {
            first = mix(first, u64::from(*word));
            second = mix(
                second.rotate_left(17) ^ 0x9e37_79b9_7f4a_7c15,
                u64::from(*word).wrapping_mul(0x2545_f491_4f6c_dd1d),
            );
        }
        if self.index.find(first, |at| self.seen[at] == (first, second)).is_some() {
            return false;
        }
        self.seen.push((first, second));
        let seen = &self.seen;
        self.index.insert(first, seen.len() - 1, |at| seen[at].0);
        true
    }

    /// Returns the longest order that was found, and what each client would have had to do next.
    fn best_order(&self) -> (Vec<OperationIndex>, Vec<OperationIndex>) {
        let stuck = (0..self.lanes.len()).filter(|lane| self.needed[*lane]);
        let stuck = stuck.filter_map(|lane| self.lanes[lane].get(self.best_next[lane] as usize));
        (self.best.clone(), stuck.map(|turn| turn.operation).collect())
    }
}
