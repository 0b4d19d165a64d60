//! The search for an order: every way in which the history so far can have happened, carried from moment to moment.
//!
//! It is just-in-time linearization (Lowe 2017, "Testing for linearizability", §4; Wing and Gong 1993; Horning's memo as in
//! Horn and Kroening 2015): at the end of an operation, and only there, operations are put in order until that one has
//! taken effect. What is left out is sound, each for its own reason:
//!
//! - **Looks at once.** An operation that changes nothing takes effect as soon as its answer fits: waiting gains nothing.
//! - **Absorbed writes.** When a write that overwrites everything takes effect, every open operation that is blind may be
//!   thought to have taken effect right before it, unseen. It owes nothing more, and may still take effect later.
//!   A blind operation that would change nothing is absorbed likewise.
//! - **Nothing for nothing.** A write is not overwritten before an answer depended on it: that order shows nothing which
//!   absorbing it does not show.
//! - **Unknown outcomes owe nothing.** They are used when they help, and need never be.
//! - **Twins in order.** Of open operations that do the same, the one that ends first goes first.
//! - **Covered ways.** A way that owes more and has used more than another to the same state is dropped (`Frontier`).
//! - **Faded values.** A register's value on which nothing depends any more is as good as any other such value.
//! - **Foresight.** A text that is no beginning of what a later look saw, with no write between, leads nowhere; nor does a
//!   queue in which an element stands behind one that was taken later.

use super::{
    super::{
        model::{Nature, State, Step},
        states::{DEAD, States},
    },
    frontier::{Config, Frontier},
    open::{Open, Slots, clear, has, set},
    plan::{Call, Moment, Plan},
};

/// How far a search came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// An order exists.
    Holds,
    /// None exists: at this moment the last way ended.
    Violated {
        /// The index of the moment.
        moment: usize,
    },
    /// The steps are used up; it can go on.
    OutOfSteps,
}

/// A search, which can stop and go on.
pub(crate) struct Search<const W: usize> {
    pub(crate) plan: Plan,
    pub(crate) states: States,
    /// Where the moment is at which it goes on.
    at: usize,
    /// How many steps were tried.
    pub(crate) steps: u64,
    pub(crate) frontier: Frontier<W>,
    next: Frontier<W>,
    /// Ways under way within one moment: with each, whether the latest change has not been seen by any answer.
    stack: Vec<(Config<W>, bool)>,
    seen: [Frontier<W>; 2],
    /// How far the configurations of the current moment are done.
    done: usize,
    open: Open<W>,
    /// Each step of each way, if somebody wants to know the order: the one before it, and the call.
    pub(crate) paths: Option<Vec<(u32, u32)>>,
}

impl<const W: usize> Search<W> {
    /// Begins a search; `tracked` if the order is wanted.
    pub(crate) fn new(plan: Plan, states: States, tracked: bool) -> Self {
        let slots = plan.slots;
        let mut frontier = Frontier::default();
        frontier.insert(Config { state: states.first(), path: 0, used: [0; W], owed: [0; W] });
        Self {
            plan,
            states,
            at: 0,
            steps: 0,
            frontier,
            next: Frontier::default(),
            stack: Vec::new(),
            seen: [Frontier::default(), Frontier::default()],
            done: 0,
            open: Open::new(slots),
            paths: tracked.then(|| vec![(0, u32::MAX)]),
        }
    }

    /// Goes on for about so many steps.
    pub(crate) fn run(&mut self, steps: u64) -> Progress {
        let until = self.steps.saturating_add(steps);
        while let Some(moment) = self.plan.moments.get(self.at).copied() {
            match moment {
                Moment::Begin(call) => self.begin(call),
                Moment::End(call) => {
                    if !self.end(call, until) {
                        return Progress::OutOfSteps;
                    }
                    if self.frontier.configs.is_empty() {
                        return Progress::Violated { moment: self.at };
                    }
                }
            }
            self.at += 1;
            self.steps += 1;
            if self.steps > until {
                return Progress::OutOfSteps;
            }
        }
        Progress::Holds
    }

    /// Forgets the moments that are done and the calls that are closed, so that a search can go on for ever.
    pub(crate) fn compact(&mut self) {
        assert_eq!(self.at, self.plan.moments.len(), "only a search that waits for more is compacted");
        let mut kept = Vec::new();
        for (slot, call) in self.open.calls.iter_mut().enumerate() {
            if has(&self.open.all, slot) {
                kept.push(self.plan.calls[*call as usize]);
                *call = (kept.len() - 1) as u32;
            }
        }
        self.plan.calls = kept;
        self.plan.moments.clear();
        self.at = 0;
    }

    /// Returns the number of an open call that does the same.
    pub(crate) fn open_twin(&self, step: Step) -> Option<u32> {
        let open = (0..self.open.calls.len()).filter(|slot| has(&self.open.all, *slot));
        open.map(|slot| &self.plan.calls[self.open.calls[slot] as usize])
            .find(|call| call.step == step)
            .map(|call| call.twin)
    }

    /// Returns whether any call is open.
    pub(crate) fn is_open(&self) -> bool {
        self.open.all.iter().any(|word| *word != 0)
    }

    /// Returns the call that is open in a slot.
    pub(crate) fn open_call(&self, slot: u16) -> u32 {
        self.open.calls[usize::from(slot)]
    }

    /// Gives every state another number.
    pub(crate) fn renumber(&mut self, number: impl Fn(State) -> State) {
        for config in &mut self.frontier.configs {
            config.state = number(config.state);
        }
        for call in &mut self.plan.calls {
            call.step = call.step.with(&number);
        }
    }

    /// Returns the same search with room for more open operations.
    pub(crate) fn widened<const V: usize>(self) -> Search<V> {
        let wide = |slots: Slots<W>| -> Slots<V> { std::array::from_fn(|word| slots.get(word).copied().unwrap_or(0)) };
        let mut search = Search::new(self.plan, self.states, false);
        search.frontier.clear();
        for config in self.frontier.configs {
            let Config { state, path, used, owed } = config;
            search.frontier.insert(Config { state, path, used: wide(used), owed: wide(owed) });
        }
        search.at = self.at;
        search.steps = self.steps;
        search.open.calls[..self.open.calls.len()].copy_from_slice(&self.open.calls);
        for (to, from) in search.open.twins.iter_mut().zip(self.open.twins) {
            *to = wide(from);
        }
        search.open.all = wide(self.open.all);
        search.open.pure = wide(self.open.pure);
        search.open.blind = wide(self.open.blind);
        search.open.overwrite = wide(self.open.overwrite);
        search
    }

    /// Returns about how many bytes it occupies.
    pub(crate) fn bytes(&self) -> usize {
        self.frontier.bytes()
            + self.next.bytes()
            + self.seen.iter().map(Frontier::bytes).sum::<usize>()
            + self.stack.capacity() * size_of::<(Config<W>, bool)>()
            + self.states.bytes()
            + self.paths.as_ref().map_or(0, |paths| paths.capacity() * 8)
    }

    /// Returns the longest way of the latest moment, if paths are kept.
    pub(crate) fn longest(&self) -> Vec<u32> {
        let Some(paths) = &self.paths else { return Vec::new() };
        // After a violation no way is left, so the longest of all that were tried is taken.
        let mut length = vec![0_u32; paths.len()];
        for at in 1..paths.len() {
            length[at] = length[paths[at].0 as usize] + 1;
        }
        let mut at = (0..paths.len()).max_by_key(|at| length[*at]).unwrap_or(0);
        let mut calls = Vec::new();
        while at != 0 {
            calls.push(paths[at].1);
            at = paths[at].0 as usize;
        }
        calls.reverse();
        calls
    }

    fn begin(&mut self, index: u32) {
        let call = self.plan.calls[index as usize];
        let slot = usize::from(call.slot);
        self.open.begin(index, &self.plan.calls);
        if !call.owed {
            return;
        }
        for config in &mut self.frontier.configs {
            let after = match call.nature {
                Nature::Pure | Nature::Blind | Nature::Overwrite => self.states.after(config.state, call.step),
                Nature::Guarded => None,
            };
            if after != Some(config.state) {
                set(&mut config.owed, slot);
            } else if call.nature == Nature::Pure {
                config.path = note(&mut self.paths, config.path, index);
            }
        }
    }

    /// Carries every way over the end of a call; returns false if the steps ran out on the way.
    fn end(&mut self, index: u32, until: u64) -> bool {
        let call = self.plan.calls[index as usize];
        let slot = usize::from(call.slot);
        if self.stack.is_empty() && self.done == 0 {
            self.next.clear();
            self.seen.iter_mut().for_each(Frontier::clear);
        }
        loop {
            while let Some((config, idle)) = self.stack.pop() {
                self.expand(config, idle, &call);
                if self.steps > until {
                    return false;
                }
            }
            let Some(config) = self.frontier.configs.get(self.done).copied() else { break };
            self.done += 1;
            let owed = has(&config.owed, slot);
            if !owed {
                self.emit(config, &call);
            }
            // A look that is done is done; an operation that took effect cannot do so again.
            let can_wait = call.nature == Nature::Pure || has(&config.used, slot);
            if owed || !can_wait {
                self.stack.push((config, false));
            }
        }
        self.done = 0;
        std::mem::swap(&mut self.frontier, &mut self.next);
        self.open.end(slot);
        true
    }

    /// Puts every operation next that may be, on a way to the effect of `target`.
    fn expand(&mut self, config: Config<W>, idle: bool, target: &Call) {
        for word in 0..W {
            let mut left = self.open.all[word] & !self.open.pure[word] & !config.used[word];
            while left != 0 {
                let slot = word * 64 + left.trailing_zeros() as usize;
                left &= left - 1;
                self.put(config, idle, slot, target);
            }
        }
    }

    fn put(&mut self, config: Config<W>, idle: bool, slot: usize, target: &Call) {
        let index = self.open.calls[slot];
        let call = self.plan.calls[index as usize];
        if idle && call.nature == Nature::Overwrite || self.has_earlier_twin(&config, slot) {
            return;
        }
        self.steps += 1;
        let owed = has(&config.owed, slot);
        let Some(state) = self.states.after(config.state, call.step) else { return };
        let mut next = Config { state, ..config };
        set(&mut next.used, slot);
        clear(&mut next.owed, slot);
        if call.nature == Nature::Overwrite {
            for word in 0..W {
                next.owed[word] &= !self.open.blind[word];
            }
        }
        // What leaves the state as it is must at least pay a debt.
        if state == config.state && next.owed == config.owed {
            return;
        }
        next.path = note(&mut self.paths, config.path, index);
        let answered = self.answer(&mut next);
        if !self.is_hopeful(&next) {
            return;
        }
        let there = usize::from(target.slot);
        let reached = match target.nature {
            Nature::Pure => !has(&next.owed, there),
            Nature::Guarded => slot == there,
            // Another operation may have left what the target would leave: it takes effect right behind, unseen.
            Nature::Blind | Nature::Overwrite => {
                slot == there
                    || has(&config.owed, there) && self.states.after(next.state, target.step) == Some(next.state)
            }
        };
        if reached {
            let needless = !owed && !answered && !self.plan.refusals;
            if !(needless && self.states.faded(next.state, target.returned) == DEAD) {
                self.emit(next, target);
            }
            // If another one did it in the target's place, more may come between the two, where that is not the same as
            // coming later: before an operation that needs what stands between, or behind one that absorbs nothing.
            let for_another = slot != there && matches!(target.nature, Nature::Blind | Nature::Overwrite);
            if !for_another || call.nature == Nature::Overwrite && !self.has_guarded(&next) {
                return;
            }
        }
        let idle = !(answered || owed && call.nature == Nature::Guarded);
        // Only another write could follow, and that would be nothing for nothing.
        if idle && (self.states.faded(next.state, target.returned) == DEAD || self.only_overwrites_left(&next)) {
            return;
        }
        if self.seen[usize::from(idle)].insert(next) {
            self.stack.push((next, idle));
        }
    }

    /// Lets every look take effect that fits the state; returns whether any did.
    fn answer(&mut self, config: &mut Config<W>) -> bool {
        let mut answered = false;
        for word in 0..W {
            let mut left = config.owed[word] & (self.open.pure[word] | self.open.blind[word]);
            while left != 0 {
                let slot = word * 64 + left.trailing_zeros() as usize;
                left &= left - 1;
                let index = self.open.calls[slot];
                let call = &self.plan.calls[index as usize];
                if self.states.after(config.state, call.step) == Some(config.state) {
                    clear(&mut config.owed, slot);
                    if call.nature == Nature::Pure {
                        answered = true;
                        config.path = note(&mut self.paths, config.path, index);
                    }
                }
            }
        }
        answered
    }

    /// Returns whether an open operation that does the same should go first: it ends earlier, and owes no less.
    fn has_earlier_twin(&self, config: &Config<W>, slot: usize) -> bool {
        let (owed, twins) = (has(&config.owed, slot), &self.open.twins[slot]);
        (0..W).any(|word| {
            let first = twins[word] & self.open.all[word] & !self.open.pure[word] & !config.used[word];
            first & if owed { config.owed[word] } else { u64::MAX } != 0
        })
    }

    /// Returns whether an open operation that needs a certain state has not taken effect.
    fn has_guarded(&self, config: &Config<W>) -> bool {
        let Open { all, pure, blind, .. } = &self.open;
        (0..W).any(|word| all[word] & !pure[word] & !blind[word] & !config.used[word] != 0)
    }

    fn only_overwrites_left(&self, config: &Config<W>) -> bool {
        let Open { all, pure, overwrite, .. } = &self.open;
        (0..W).all(|word| all[word] & !pure[word] & !overwrite[word] & !config.used[word] == 0)
    }

    /// Returns whether the looks that are open, and the next one to come, can still be answered.
    fn is_hopeful(&self, config: &Config<W>) -> bool {
        if !self.states.foresees() {
            return true;
        }
        if let Some(look) = self.plan.upcoming[self.at]
            && !self.can_be_answered(config, look)
        {
            return false;
        }
        for word in 0..W {
            let mut left = config.owed[word] & self.open.pure[word];
            while left != 0 {
                let slot = word * 64 + left.trailing_zeros() as usize;
                left &= left - 1;
                if !self.can_be_answered(config, self.open.calls[slot]) {
                    return false;
                }
            }
        }
        true
    }

    fn can_be_answered(&self, config: &Config<W>, look: u32) -> bool {
        let (step, until) = (self.plan.calls[look as usize].step, self.plan.calls[look as usize].returned);
        let leads = |state: State| self.states.leads_to(state, step);
        if leads(config.state) {
            return true;
        }
        for word in 0..W {
            let mut left = self.open.overwrite[word] & !config.used[word];
            while left != 0 {
                let slot = word * 64 + left.trailing_zeros() as usize;
                left &= left - 1;
                if self.plan.written(self.open.calls[slot]).is_some_and(leads) {
                    return true;
                }
            }
        }
        let now = self.now();
        let first = self.plan.overwrites.partition_point(|call| self.plan.calls[*call as usize].invoked <= now);
        let later = self.plan.overwrites[first..].iter();
        later
            .take_while(|call| self.plan.calls[**call as usize].invoked < until)
            .any(|call| self.plan.written(*call).is_some_and(leads))
    }

    /// Keeps a way for the moments after the end of `target`.
    fn emit(&mut self, mut config: Config<W>, target: &Call) {
        let slot = usize::from(target.slot);
        clear(&mut config.used, slot);
        clear(&mut config.owed, slot);
        config.state = self.states.faded(config.state, target.returned);
        self.next.insert(config);
    }

    fn now(&self) -> u64 {
        match self.plan.moments[self.at] {
            Moment::Begin(call) => self.plan.calls[call as usize].invoked,
            Moment::End(call) => self.plan.calls[call as usize].returned,
        }
    }
}

/// Adds a step to a path, if paths are kept.
fn note(paths: &mut Option<Vec<(u32, u32)>>, before: u32, call: u32) -> u32 {
    let Some(paths) = paths else { return 0 };
    paths.push((before, call));
    (paths.len() - 1) as u32
}
