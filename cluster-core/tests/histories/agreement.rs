//! Random histories, judged by an independent checker as well: the testers of stateright.

use std::collections::{BTreeSet, VecDeque};

use cluster_core::{
    check::{Budget, Datum, Ending, Function, Model, OnlineCheck, Promise, check, is_linearizable},
    event::{EventKind, Outcome, TraceEvent},
    ids::{ClientId, LogIndex, OpId, Seq},
    request::{Request, Value},
    time::Timestamp,
};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialConsistencyTester, SequentialSpec};

use super::random::{Asked, Event, Heard, Object, draw, history, lines};

impl SequentialSpec for Object {
    type Op = Asked;
    type Ret = Heard;

    fn invoke(&mut self, asked: &Asked) -> Heard {
        self.ask(asked)
    }

    fn is_valid_step(&mut self, asked: &Asked, heard: &Heard) -> bool {
        // A refusal says that nothing was done; only that of a compare-and-set says why.
        if !heard.0 && asked.1 != Function::Cas {
            return true;
        }
        self.invoke(asked) == *heard
    }
}

/// Tells a tester everything, and asks it.
fn judged(tester: &mut impl ConsistencyTester<u32, Object>, events: &[Event]) -> bool {
    for event in events {
        let Event { process, function, ending, value } = event;
        match ending {
            None => drop(tester.on_invoke(*process, (*process, *function, value.clone())).unwrap()),
            // It never hears: stateright lets what is open have happened or not.
            Some(Ending::Unknown) => {}
            Some(ending) => drop(tester.on_return(*process, (*ending == Ending::Ok, value.clone())).unwrap()),
        }
    }
    tester.is_consistent()
}

/// Compares verdicts on many histories; prints the seed of one on which they differ.
fn agree(object: Object, model: Model, seeds: std::ops::Range<u64>, operations: usize) {
    let mut violated = 0;
    let count = seeds.end - seeds.start;
    for seed in seeds {
        let events = draw(seed, object.clone(), 4, operations);
        let ours = is_linearizable(&history(&events), model, &Budget::default()).unwrap();
        let theirs = judged(&mut LinearizabilityTester::new(object.clone()), &events);
        violated += u64::from(!theirs);
        assert_eq!(ours, Some(theirs), "{model:?}, seed {seed}:\n{}", lines(&events));
    }
    assert!((count / 20..count * 19 / 20).contains(&violated), "{model:?}: {violated} of {count} violate");
}

#[test]
fn ten_thousand_random_histories_of_a_register_are_judged_as_stateright_does() {
    agree(Object::Register(0), Model::Register, 0..10_000, 8);
}

#[test]
fn random_histories_of_every_other_object_are_judged_as_stateright_does() {
    agree(Object::Text(String::new()), Model::KvAppend, 0..1_500, 8);
    agree(Object::Counter(0), Model::Counter, 0..1_000, 7);
    agree(Object::Queue(VecDeque::new()), Model::Queue, 0..1_000, 7);
    agree(Object::Lock(None), Model::Lock, 0..1_000, 7);
    agree(Object::Set(BTreeSet::new()), Model::Set, 0..1_000, 7);
}

#[test]
fn sequential_consistency_of_random_histories_is_judged_as_stateright_does() {
    let mut violated = 0;
    for seed in 0..2_000 {
        let object = Object::Register(0);
        // In stateright's order of a client what was not answered comes last, as it does here: that client is gone.
        let events = draw(seed, object.clone(), 3, 7);
        let ours = check(&history(&events), Model::Register, Promise::Sequential, &Budget::default()).unwrap();
        let theirs = judged(&mut SequentialConsistencyTester::new(object), &events);
        violated += u32::from(!theirs);
        assert_eq!(ours.word() == "holds", theirs, "seed {seed}:\n{}", lines(&events));
    }
    assert!((100..1_900).contains(&violated), "{violated} of 2,000 violate");
}

/// The checker that goes with the history comes to the verdict that the whole history has.
#[test]
fn the_online_checker_agrees_with_the_one_that_sees_everything() {
    let mut violated = 0;
    for seed in 0..3_000 {
        let mut events = draw(seed, Object::Register(0), 4, 14);
        events.retain(|event| event.function != Function::Cas);
        let whole = is_linearizable(&history(&events), Model::Register, &Budget::default()).unwrap();
        let mut online = OnlineCheck::default();
        trace(&events).iter().for_each(|event| drop(online.apply(event)));
        violated += u32::from(whole == Some(false));
        assert_eq!(Some(online.violations().is_empty()), whole, "seed {seed}:\n{}", lines(&events));
    }
    assert!((300..2_700).contains(&violated), "{violated} of 3,000 violate");
}

/// Returns what a recording would have of reads and writes.
fn trace(events: &[Event]) -> Vec<TraceEvent> {
    let mut open = std::collections::BTreeMap::new();
    let mut kinds = Vec::new();
    let value = |datum: &Datum| datum.int().map(|number| Value::from(number.to_string()));
    for (number, event) in events.iter().enumerate() {
        let key = "k".into();
        kinds.push(match event.ending {
            None => {
                open.insert(event.process, OpId(number as u64));
                let request = match value(&event.value) {
                    Some(value) => Request::Put { key, value },
                    None => Request::Get { key },
                };
                EventKind::OpInvoked { op: OpId(number as u64), client: ClientId(1), request }
            }
            Some(ending) => {
                let at = LogIndex(0);
                let outcome = match (ending, event.function) {
                    (Ending::Unknown | Ending::Fail, _) => Outcome::NoAnswer,
                    (Ending::Ok, Function::Read) => Outcome::Value { value: value(&event.value), at },
                    (Ending::Ok, _) => Outcome::Written { at },
                };
                EventKind::OpReturned { op: open[&event.process], outcome, node: None }
            }
        });
    }
    let event = |(at, kind)| TraceEvent { seq: Seq(at as u64), at: Timestamp(at as u64), cause: None, kind };
    kinds.into_iter().enumerate().map(event).collect()
}
