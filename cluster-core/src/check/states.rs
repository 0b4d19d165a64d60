//! The states of one object, each different one under a number: so that two are compared by comparing numbers.

use std::collections::BTreeMap;

use super::{
    datum::{Datum, DatumId},
    deed::Edit,
    history::{History, Position, ProcessId},
    index::{HashIndex, hash_bytes, mix},
    model::{Model, State, Step},
};

/// A value that nobody can see any more: it does not matter which.
pub(crate) const DEAD: State = u32::MAX;
/// No state: where an edit leads that is impossible.
const NOWHERE: State = u32::MAX - 1;

/// So many elements in front of another are looked at: more would only find the same later.
const IN_FRONT: usize = 16;

/// All states that an object was seen in so far, and the steps between them.
#[derive(Clone, Debug)]
pub(crate) struct States {
    model: Model,
    /// What each state is, as bytes: a text, or numbers of four bytes each. Unused where the number says all.
    contents: Vec<Box<[u8]>>,
    /// The hash of each.
    hashes: Vec<u64>,
    index: HashIndex,
    /// Steps that were taken before: from, what was appended, to.
    taken: Vec<(State, u32, State)>,
    taken_index: HashIndex,
    /// What each appended text is.
    texts: Vec<Box<[u8]>>,
    /// For each state of a register, when the last operation ends that depends on it.
    last_look: Vec<Position>,
    all_looks_known: bool,
    /// For each element of a queue that comes and goes once: when the operation that took it began and ended.
    taken_at: BTreeMap<DatumId, (Position, Position)>,
    /// Where a state is put together before it is known whether it is new.
    scratch: Vec<u8>,
    bytes: usize,
}

impl States {
    /// Makes the states of an object of a history.
    pub(crate) fn new(model: Model) -> Self {
        let mut states = Self {
            model,
            contents: Vec::new(),
            hashes: Vec::new(),
            index: HashIndex::default(),
            taken: Vec::new(),
            taken_index: HashIndex::default(),
            texts: Vec::new(),
            last_look: Vec::new(),
            all_looks_known: false,
            taken_at: BTreeMap::new(),
            scratch: Vec::new(),
            bytes: 0,
        };
        // The first state has the number 0 in every model.
        match model {
            Model::Counter => states.count(0),
            Model::KvAppend | Model::Queue | Model::Set => states.intern(&[]),
            Model::Register | Model::Kv => states.value(DatumId::NIL),
            Model::Lock | Model::ListAppend | Model::RwRegister | Model::UniqueIds => 0,
        };
        states
    }

    /// Returns the state in which an object begins.
    pub(crate) fn first(&self) -> State {
        0
    }

    /// Returns the state of a register with that value.
    pub(crate) fn value(&mut self, value: DatumId) -> State {
        self.intern(&value.0.to_le_bytes())
    }

    /// Returns the state of a register with those bytes, for a history that is not known as a whole.
    pub(crate) fn bytes_value(&mut self, value: Option<&[u8]>) -> State {
        let Some(value) = value else { return 0 };
        let mut content = Vec::with_capacity(value.len() + 1);
        // No other state begins so.
        content.push(1);
        content.extend_from_slice(value);
        self.intern(&content)
    }

    /// Returns the number of an edit: it is kept like a state, and can be renumbered like one.
    pub(crate) fn edit(&mut self, edit: &Edit) -> State {
        let content = postcard::to_extend(edit, vec![2]).expect("an edit in memory always encodes");
        self.intern(&content)
    }

    fn edited(&mut self, state: State, edit: State) -> State {
        let edit: Edit = postcard::from_bytes(&self.contents[edit as usize][1..]).expect("it was encoded here");
        let value = (state != 0).then(|| &self.contents[state as usize][1..]);
        match edit.after(value) {
            Some(next) => self.bytes_value(next.as_deref()),
            None => NOWHERE,
        }
    }

    /// Returns the bytes of a state of [`States::bytes_value`].
    pub(crate) fn bytes_of(&self, state: State) -> Option<&[u8]> {
        (state != 0).then(|| &self.contents[state as usize][1..])
    }

    /// Returns the same states without those that `keep` does not name, and for each old number the new one.
    pub(crate) fn without_others(&self, keep: &[State]) -> (Self, Vec<(State, State)>) {
        let mut fresh = Self::new(self.model);
        let moved = keep.iter().map(|state| (*state, fresh.intern(&self.contents[*state as usize]))).collect();
        (fresh, moved)
    }

    /// Returns how many there are.
    pub(crate) fn len(&self) -> usize {
        self.contents.len()
    }

    /// Returns the state of a text.
    pub(crate) fn text(&mut self, history: &History, value: DatumId) -> State {
        let text = text_of(history.data.get(value));
        self.intern(text.as_bytes())
    }

    /// Remembers the text that a step appends.
    pub(crate) fn know(&mut self, history: &History, step: Step) {
        if let (Model::KvAppend, Step::Append(value)) = (self.model, step) {
            let at = value.0 as usize;
            if self.texts.len() <= at {
                self.texts.resize(at + 1, Box::default());
            }
            self.texts[at] = text_of(history.data.get(value)).into_bytes().into();
        }
    }

    /// Returns the state of a counter.
    pub(crate) fn count(&mut self, count: i64) -> State {
        self.intern(&count.to_le_bytes())
    }

    /// Returns the state of a lock.
    pub(crate) fn holder(&self, holder: Option<ProcessId>) -> State {
        holder.map_or(0, |process| process.0 + 1)
    }

    /// Returns the state of a queue or a set with those elements.
    pub(crate) fn list(&mut self, elements: &[u32]) -> State {
        let bytes: Vec<u8> = elements.iter().flat_map(|element| element.to_le_bytes()).collect();
        self.intern(&bytes)
    }

    /// Returns the state after a step, or `None` if the answer that was seen is impossible in this state.
    pub(crate) fn after(&mut self, state: State, step: Step) -> Option<State> {
        match step {
            Step::Read(seen) => (state == seen).then_some(state),
            Step::Unlike(seen) => (state != seen).then_some(state),
            Step::Write(next) => Some(next),
            Step::Cas(from, to) => (state == from).then_some(to),
            Step::Append(value) if self.overtakes(state, value) => None,
            Step::Append(value) => Some(self.taken(state, value.0, |states| states.appended(state, value))),
            Step::Count(by) => Some({
                let count = i64::from_le_bytes(self.contents[state as usize][..].try_into().unwrap_or_default());
                self.count(count.wrapping_add(by))
            }),
            Step::Insert(value) => Some(self.taken(state, value.0, |states| {
                let mut elements = states.elements(state);
                if let Err(at) = elements.binary_search(&value.0) {
                    elements.insert(at, value.0);
                }
                states.list(&elements)
            })),
            Step::Erase(value) => {
                let mut elements = self.elements(state);
                elements.retain(|element| *element != value.0);
                Some(self.list(&elements))
            }
            Step::Take(value) => {
                let front = self.contents[state as usize].first_chunk::<4>()?;
                (u32::from_le_bytes(*front) == value.0).then(|| self.without_front(state))
            }
            Step::Edit(edit) | Step::Look(edit) => {
                let next = self.taken(state, edit, |states| states.edited(state, edit));
                (next != NOWHERE).then_some(next)
            }
            Step::TakeAny => {
                Some(if self.contents[state as usize].is_empty() { state } else { self.without_front(state) })
            }
        }
    }

    /// Notes when the elements of a queue were taken, of those that came once and were taken once.
    pub(crate) fn takes(&mut self, steps: impl Iterator<Item = (Step, Position, Position, bool)>) {
        let mut came: BTreeMap<DatumId, (u32, u32)> = BTreeMap::new();
        for (step, invoked, returned, owed) in steps {
            match step {
                Step::Append(value) => came.entry(value).or_default().0 += 1,
                Step::Take(value) => {
                    came.entry(value).or_default().1 += 1;
                    // What may not have happened forbids nothing.
                    if owed {
                        self.taken_at.insert(value, (invoked, returned));
                    }
                }
                _ => {} // Nothing else concerns single elements.
            }
        }
        self.taken_at.retain(|value, _| came[value] == (1, 1));
    }

    /// Returns whether an element was taken before one that would stand in front of it: then it cannot come behind it.
    fn overtakes(&self, state: State, value: DatumId) -> bool {
        let Some((_, taken)) = self.taken_at.get(&value) else { return false };
        let (elements, _) = self.contents[state as usize].as_chunks::<4>();
        elements.iter().rev().take(IN_FRONT).any(|front| {
            let front = self.taken_at.get(&DatumId(u32::from_le_bytes(*front)));
            front.is_some_and(|(begun, _)| taken < begun)
        })
    }

    /// Returns whether what a later look saw can still come about from here without anything being overwritten.
    pub(crate) fn leads_to(&self, state: State, seen: Step) -> bool {
        let Step::Read(seen) = seen else { return true };
        if state == DEAD {
            return false;
        }
        let content = |state: State| &self.contents[state as usize];
        match self.model {
            Model::KvAppend => content(seen).starts_with(content(state)),
            _ => true, // Of the others nothing is foreseen.
        }
    }

    /// Returns whether [`States::leads_to`] ever says no.
    pub(crate) fn foresees(&self) -> bool {
        self.model == Model::KvAppend
    }

    /// Notes that an operation that ends at `until` depends on the state of a register.
    pub(crate) fn looks(&mut self, step: Step, until: Position) {
        let (Model::Register | Model::Kv, Step::Read(at) | Step::Unlike(at) | Step::Cas(at, _)) = (self.model, step)
        else {
            return;
        };
        let at = at as usize;
        if self.last_look.len() <= at {
            self.last_look.resize(at + 1, 0);
        }
        self.last_look[at] = self.last_look[at].max(until);
    }

    /// Returns the state, or [`DEAD`] if no operation that is still open at `now` or comes later depends on it.
    pub(crate) fn faded(&self, state: State, now: Position) -> State {
        let fades = matches!(self.model, Model::Register | Model::Kv) && self.all_looks_known;
        let last = || self.last_look.get(state as usize).copied().unwrap_or(0);
        if fades && state != DEAD && last() < now { DEAD } else { state }
    }

    /// Says that every operation of the history was passed to [`States::looks`].
    pub(crate) fn all_looks_known(&mut self) {
        self.all_looks_known = true;
    }

    /// Returns about how many bytes they occupy.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.index.bytes() + self.taken_index.bytes() + size_of_val(&self.taken[..])
    }

    fn appended(&mut self, state: State, value: DatumId) -> State {
        let mut content = std::mem::take(&mut self.scratch);
        content.clear();
        content.extend_from_slice(&self.contents[state as usize]);
        match self.model {
            Model::KvAppend => content.extend_from_slice(&self.texts[value.0 as usize]),
            _ => content.extend_from_slice(&value.0.to_le_bytes()), // Only texts are made of characters.
        }
        let next = self.intern(&content);
        self.scratch = content;
        next
    }

    fn without_front(&mut self, state: State) -> State {
        let rest = self.contents[state as usize][4..].to_vec();
        self.intern(&rest)
    }

    fn elements(&self, state: State) -> Vec<u32> {
        let (elements, _) = self.contents[state as usize].as_chunks::<4>();
        elements.iter().map(|element| u32::from_le_bytes(*element)).collect()
    }

    /// Looks a step up that was taken before, or takes it.
    fn taken(&mut self, from: State, what: u32, take: impl FnOnce(&mut Self) -> State) -> State {
        let hash_of = |(from, what): (State, u32)| mix(mix(1, u64::from(from)), u64::from(what));
        let hash = hash_of((from, what));
        let known = self.taken_index.find(hash, |at| (self.taken[at].0, self.taken[at].1) == (from, what));
        if let Some(at) = known {
            return self.taken[at].2;
        }
        let to = take(self);
        let at = self.taken.len();
        self.taken.push((from, what, to));
        let taken = &self.taken;
        self.taken_index.insert(hash, at, |at| hash_of((taken[at].0, taken[at].1)));
        to
    }

    fn intern(&mut self, content: &[u8]) -> State {
        let hash = hash_bytes(content);
        if let Some(at) = self.index.find(hash, |at| self.hashes[at] == hash && *self.contents[at] == *content) {
            return at as State;
        }
        let at = self.contents.len();
        self.bytes += content.len() + 32;
        self.contents.push(content.into());
        self.hashes.push(hash);
        let hashes = &self.hashes;
        self.index.insert(hash, at, |at| hashes[at]);
        at as State
    }
}

fn text_of(datum: &Datum) -> String {
    match datum {
        Datum::Nil => String::new(),
        Datum::Text(text) | Datum::Word(text) | Datum::Number(text) => text.to_string(),
        Datum::Bool(_) | Datum::Int(_) | Datum::List(_) | Datum::Map(_) => datum.to_string(),
    }
}
