//! One object while its history grows: the frontier is carried on as far as outcomes are known.

use std::collections::VecDeque;

use super::{
    super::{
        history::{OperationIndex, Position},
        model::{Model, Nature, State as PlainState, Step},
        states::States,
    },
    plan::{Call, Moment, Plan},
    search::{Progress, Search},
};

/// How an operation of a growing history ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It took effect and did this.
    Did(Step),
    /// It may have done this, or may yet.
    Perhaps(Step),
    /// It did nothing.
    Nothing,
}

impl End {
    fn step(self) -> Option<Step> {
        match self {
            Self::Did(step) | Self::Perhaps(step) => Some(step),
            Self::Nothing => None,
        }
    }

    fn with(self, number: impl Fn(PlainState) -> PlainState) -> Self {
        match self {
            Self::Did(step) => Self::Did(step.with(number)),
            Self::Perhaps(step) => Self::Perhaps(step.with(number)),
            Self::Nothing => Self::Nothing,
        }
    }
}

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// There is an order so far.
    Holds,
    /// There is none since the operation with this number ended.
    Violated(u64),
    /// It became too much to follow.
    Lost,
}

/// A growing object.
pub(crate) struct Growing {
    pub(crate) state: State,
    search: Width,
    /// What began and ended and is not passed on yet: the number of the operation, and whether it is its end.
    queue: VecDeque<(u64, bool)>,
    /// The operations in `queue`, from the number `first` on: how each ended, and its call and end once it is under way.
    operations: VecDeque<Pending>,
    first: u64,
    free: Vec<u16>,
    slots: u16,
    position: Position,
    ended: Position,
}

#[derive(Clone, Copy, Default)]
struct Pending {
    end: Option<End>,
    /// How many operations had ended before.
    ended: Position,
    /// The place among the search's open operations.
    slot: Option<u16>,
    done: bool,
}

enum Width {
    Narrow(Box<Search<2>>),
    Wide(Box<Search<16>>),
}

/// How many moments are kept before the past is forgotten.
const MOMENTS_KEPT: usize = 1024;
/// How many states are kept before those that are gone are forgotten.
const STATES_KEPT: usize = 1024;

impl Growing {
    pub(crate) fn new(model: Model) -> Self {
        Self {
            state: State::Holds,
            search: Width::Narrow(Box::new(Search::new(Plan::growing(128), States::new(model), false))),
            queue: VecDeque::new(),
            operations: VecDeque::new(),
            first: 0,
            free: Vec::new(),
            slots: 0,
            position: 0,
            ended: 0,
        }
    }

    /// Returns the states, to name those of steps.
    pub(crate) fn states(&mut self) -> &mut States {
        match &mut self.search {
            Width::Narrow(search) => &mut search.states,
            Width::Wide(search) => &mut search.states,
        }
    }

    /// Takes the beginning of an operation over and returns its number.
    pub(crate) fn begin(&mut self) -> u64 {
        let number = self.first + self.operations.len() as u64;
        self.operations.push_back(Pending::default());
        self.queue.push_back((number, false));
        number
    }

    /// Takes the end of an operation over, and looks as far as everything is known. Takes the steps that this costs from
    /// `credit`, and gives up when there are none left.
    pub(crate) fn end(&mut self, number: u64, end: End, credit: &mut u64) {
        if self.state != State::Holds {
            self.queue.clear();
            return;
        }
        self.ended += 1;
        let ended = self.ended;
        *self.at(number) = Pending { end: Some(end), ended, ..Pending::default() };
        self.queue.push_back((number, true));
        while let Some((number, is_end)) = self.queue.front().copied() {
            let Some(end) = self.at(number).end else { break };
            self.queue.pop_front();
            match (end, is_end) {
                (End::Did(step), false) => self.open(number, step, true),
                (End::Perhaps(step), false) if step.nature() != Nature::Pure => self.open(number, step, false),
                (End::Did(_), true) => self.close(number, credit),
                (End::Nothing | End::Perhaps(_), _) => {}
            }
            if is_end {
                self.at(number).done = true;
            }
            if self.state != State::Holds {
                return;
            }
        }
        while self.operations.front().is_some_and(|front| front.done) {
            self.operations.pop_front();
            self.first += 1;
        }
    }

    /// Returns the number of the first operation that may still be spoken of.
    pub(crate) fn first_waiting(&self) -> u64 {
        self.first
    }

    /// Returns how many beginnings and ends wait for an outcome.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }

    fn at(&mut self, number: u64) -> &mut Pending {
        let at = usize::try_from(number - self.first).expect("it is among those in memory");
        &mut self.operations[at]
    }

    fn open(&mut self, number: u64, step: Step, owed: bool) {
        let Some(slot) = self.slot() else {
            self.state = State::Lost;
            return;
        };
        self.at(number).slot = Some(slot);
        let ended = self.at(number).ended;
        self.position += 1;
        let call = Call {
            step,
            nature: step.nature(),
            owed,
            slot,
            twin: self.position as u32,
            invoked: self.position,
            // Only the order of the ends matters, and of what is opened the end is known.
            returned: if owed { ended } else { Position::MAX },
            operation: OperationIndex(number as u32),
        };
        match &mut self.search {
            Width::Narrow(search) => search.begin_growing(call),
            Width::Wide(search) => search.begin_growing(call),
        }
    }

    fn close(&mut self, number: u64, credit: &mut u64) {
        let slot = self.at(number).slot.take().expect("it was opened when it began");
        self.position += 1;
        let before = self.steps();
        let progress = match &mut self.search {
            Width::Narrow(search) => search.end_growing(slot, *credit),
            Width::Wide(search) => search.end_growing(slot, *credit),
        };
        *credit = credit.saturating_sub(self.steps() - before);
        self.free.push(slot);
        match progress {
            Progress::Holds => {}
            Progress::Violated { .. } => self.state = State::Violated(number),
            Progress::OutOfSteps => self.state = State::Lost,
        }
        if self.state != State::Holds {
            // The search stands where it was given up: nothing of it is forgotten, and nothing asked of it any more.
            return;
        }
        match &mut self.search {
            Width::Narrow(search) => forget(search, &mut self.operations),
            Width::Wide(search) => forget(search, &mut self.operations),
        }
    }

    fn steps(&self) -> u64 {
        match &self.search {
            Width::Narrow(search) => search.steps,
            Width::Wide(search) => search.steps,
        }
    }

    /// Returns the value, if nothing is open and there is only one that it can be.
    pub(crate) fn settled(&self) -> Option<Option<&[u8]>> {
        if !self.queue.is_empty() || !self.operations.is_empty() {
            return None;
        }
        match &self.search {
            Width::Narrow(search) => search.settled(),
            Width::Wide(search) => search.settled(),
        }
    }

    /// Returns a free place among the open operations, and makes more room where there is none.
    fn slot(&mut self) -> Option<u16> {
        if let Some(slot) = self.free.pop() {
            return Some(slot);
        }
        let slot = self.slots;
        if slot == 128 && matches!(self.search, Width::Narrow(_)) {
            let empty = Search::new(Plan::growing(0), States::new(Model::Register), false);
            let narrow = std::mem::replace(&mut self.search, Width::Wide(Box::new(empty)));
            if let Width::Narrow(mut search) = narrow {
                search.compact();
                search.plan.slots = super::OPEN_MAX;
                self.search = Width::Wide(Box::new(search.widened()));
            }
        }
        if usize::from(slot) == super::OPEN_MAX {
            return None;
        }
        self.slots += 1;
        Some(slot)
    }
}

fn forget<const W: usize>(search: &mut Search<W>, waiting: &mut VecDeque<Pending>) {
    if search.plan.moments.len() < MOMENTS_KEPT || search.frontier.configs.is_empty() {
        return;
    }
    search.compact();
    if search.states.len() < STATES_KEPT {
        return;
    }
    let mut keep: Vec<_> = search.frontier.configs.iter().map(|config| config.state).collect();
    keep.extend(search.plan.calls.iter().flat_map(|call| call.step.named()).flatten());
    // What ended and waits for its turn names states, too.
    keep.extend(waiting.iter().filter_map(|pending| pending.end?.step()).flat_map(Step::named).flatten());
    keep.sort_unstable();
    keep.dedup();
    let (states, moved) = search.states.without_others(&keep);
    let number = |state| moved.binary_search_by_key(&state, |pair| pair.0).map_or(state, |at| moved[at].1);
    search.renumber(number);
    for end in waiting.iter_mut().filter_map(|pending| pending.end.as_mut()) {
        *end = end.with(number);
    }
    search.states = states;
}

impl<const W: usize> Search<W> {
    fn settled(&self) -> Option<Option<&[u8]>> {
        match self.frontier.configs.as_slice() {
            [only] if !self.is_open() => Some(self.states.bytes_of(only.state)),
            _ => None, // None is there, or several may be.
        }
    }

    fn begin_growing(&mut self, mut call: Call) {
        let index = self.plan.calls.len() as u32;
        // Twins are found among the open operations only, and that is all that is asked for.
        call.twin = self.open_twin(call.step).unwrap_or(call.twin);
        self.plan.calls.push(call);
        self.plan.moments.push(Moment::Begin(index));
        self.run(u64::MAX);
    }

    fn end_growing(&mut self, slot: u16, steps: u64) -> Progress {
        let index = self.open_call(slot);
        self.plan.moments.push(Moment::End(index));
        self.run(steps)
    }
}

impl Plan {
    /// Makes an empty plan that grows.
    fn growing(slots: usize) -> Self {
        Self {
            calls: Vec::new(),
            moments: Vec::new(),
            slots,
            upcoming: Vec::new(),
            overwrites: Vec::new(),
            refusals: true,
        }
    }
}
