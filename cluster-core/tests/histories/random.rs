//! Small random histories, drawn from a seed: an object that works, whose answers are sometimes spoiled.

use std::collections::{BTreeSet, VecDeque};

use cluster_core::check::{Datum, Ending, Function, History, HistoryBuilder, Said};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// One thing that a client says or hears.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) process: u32,
    pub(crate) function: Function,
    /// None for a beginning.
    pub(crate) ending: Option<Ending>,
    pub(crate) value: Datum,
}

/// An object that does what it is asked.
#[derive(Clone, Debug)]
pub(crate) enum Object {
    Register(i64),
    Text(String),
    Counter(i64),
    Queue(VecDeque<i64>),
    Lock(Option<u32>),
    Set(BTreeSet<i64>),
}

/// What is asked, by whom.
pub(crate) type Asked = (u32, Function, Datum);
/// Whether it was done, and with which answer.
pub(crate) type Heard = (bool, Datum);

impl Object {
    /// Draws what to ask; `fresh` is a number that was not drawn before.
    fn draw(&self, rng: &mut ChaCha8Rng, fresh: i64) -> (Function, Datum) {
        let share = rng.random_range(0..10);
        let small = |rng: &mut ChaCha8Rng| Datum::Int(rng.random_range(1..4));
        match self {
            Self::Register(_) | Self::Counter(_) | Self::Set(_) if share < 4 => (Function::Read, Datum::Nil),
            Self::Register(_) if share < 7 => (Function::Write, small(rng)),
            Self::Register(_) => (Function::Cas, Datum::List(vec![small(rng), small(rng)])),
            Self::Text(_) if share < 4 => (Function::Read, Datum::Nil),
            Self::Text(_) if share < 6 => (Function::Write, letter(rng.random_range(0..3))),
            Self::Text(_) => (Function::Append, letter(rng.random_range(0..4))),
            Self::Counter(_) if share < 8 => (Function::Add, small(rng)),
            Self::Counter(_) => (Function::Remove, small(rng)),
            Self::Queue(_) if share < 5 => (Function::Enqueue, Datum::Int(fresh % 5)),
            Self::Queue(_) => (Function::Dequeue, Datum::Nil),
            Self::Lock(_) if share < 5 => (Function::Acquire, Datum::Nil),
            Self::Lock(_) => (Function::Release, Datum::Nil),
            Self::Set(_) if share < 8 => (Function::Add, small(rng)),
            Self::Set(_) => (Function::Remove, small(rng)),
        }
    }

    /// Does it and answers.
    pub(crate) fn ask(&mut self, (process, function, argument): &Asked) -> Heard {
        let number = |datum: &Datum| datum.int().unwrap();
        let done = |datum| (true, datum);
        match (self, function) {
            (Self::Register(value), Function::Read) => done(if *value == 0 { Datum::Nil } else { Datum::Int(*value) }),
            (Self::Register(value), Function::Write) => {
                *value = number(argument);
                done(argument.clone())
            }
            (Self::Register(value), _) => {
                let pair = argument.list().unwrap();
                let fits = *value == number(&pair[0]);
                if fits {
                    *value = number(&pair[1]);
                }
                (fits, argument.clone())
            }
            (Self::Text(text), Function::Read) => done(Datum::text(text)),
            (Self::Text(text), function) => {
                if *function == Function::Write {
                    text.clear();
                }
                text.push_str(argument.words().unwrap());
                done(argument.clone())
            }
            (Self::Counter(value), Function::Read) => done(Datum::Int(*value)),
            (Self::Counter(value), function) => {
                *value += if *function == Function::Add { number(argument) } else { -number(argument) };
                done(argument.clone())
            }
            (Self::Queue(queue), Function::Enqueue) => {
                queue.push_back(number(argument));
                done(argument.clone())
            }
            (Self::Queue(queue), _) => done(queue.pop_front().map_or(Datum::Nil, Datum::Int)),
            (Self::Lock(holder), Function::Acquire) => {
                let free = holder.is_none();
                if free {
                    *holder = Some(*process);
                }
                (free, Datum::Nil)
            }
            (Self::Lock(holder), _) => {
                let held = *holder == Some(*process);
                if held {
                    *holder = None;
                }
                (held, Datum::Nil)
            }
            (Self::Set(set), Function::Read) => done(Datum::List(set.iter().map(|value| Datum::Int(*value)).collect())),
            (Self::Set(set), function) => {
                if *function == Function::Add {
                    set.insert(number(argument));
                } else {
                    set.remove(&number(argument));
                }
                done(argument.clone())
            }
        }
    }

    /// Draws a wrong answer.
    fn spoil(&self, rng: &mut ChaCha8Rng, function: Function, heard: Heard) -> Heard {
        let number = Datum::Int(rng.random_range(1..4));
        match (self, function) {
            (Self::Register(_) | Self::Counter(_), Function::Read) | (Self::Queue(_), Function::Dequeue) => {
                (true, number)
            }
            (Self::Text(_), Function::Read) => (true, letter(rng.random_range(0..4))),
            (Self::Set(_), Function::Read) => (true, Datum::List(vec![number])),
            (Self::Lock(_), _) => (true, heard.1),
            _ => heard, // Nothing else has an answer that could be wrong.
        }
    }
}

fn letter(number: usize) -> Datum {
    Datum::text(["a", "b", "ab", ""][number])
}

/// Draws a history of up to `operations` operations of `processes` processes.
pub(crate) fn draw(seed: u64, mut object: Object, processes: u32, operations: usize) -> Vec<Event> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let spoiled = rng.random_bool(0.8);
    // For each process: what it asked, and the answer once the object gave it.
    let mut open: Vec<Option<(Asked, Option<Heard>)>> = vec![None; processes as usize];
    let mut gone = vec![false; processes as usize];
    let mut events = Vec::new();
    let mut begun = 0;
    loop {
        let process = rng.random_range(0..processes);
        let at = process as usize;
        match open[at].take() {
            None if gone[at] || begun == operations => {}
            None => {
                let (function, value) = object.draw(&mut rng, begun as i64);
                events.push(Event { process, function, ending: None, value: value.clone() });
                open[at] = Some(((process, function, value), None));
                begun += 1;
            }
            Some((asked, None)) => {
                let heard = object.ask(&asked);
                open[at] = Some((asked, Some(heard)));
            }
            Some(((_, function, value), Some(_))) if rng.random_bool(0.1) => {
                events.push(Event { process, function, ending: Some(Ending::Unknown), value });
                gone[at] = true;
            }
            Some(((_, function, _), Some(heard))) => {
                let wrong = spoiled && rng.random_bool(0.3);
                let (done, value) = if wrong { object.spoil(&mut rng, function, heard) } else { heard };
                let ending = if done { Ending::Ok } else { Ending::Fail };
                events.push(Event { process, function, ending: Some(ending), value });
            }
        }
        let idle = open.iter().all(Option::is_none);
        if idle && (begun == operations || gone.iter().all(|gone| *gone)) {
            return events;
        }
    }
}

/// Makes a history of events.
pub(crate) fn history(events: &[Event]) -> History {
    let mut builder = HistoryBuilder::default();
    builder.refusals_observe();
    for (line, event) in events.iter().enumerate() {
        let process = builder.process(&event.process.to_string());
        let said = Said {
            line: line as u64 + 1,
            at: None,
            process,
            function: event.function,
            key: None,
            value: event.value.clone(),
        };
        match event.ending {
            None => drop(builder.begin(said).unwrap()),
            Some(ending) => builder.end(said, ending).unwrap(),
        }
    }
    builder.finish()
}

/// Returns a history as lines, to read when a verdict is wrong.
pub(crate) fn lines(events: &[Event]) -> String {
    let line = |event: &Event| format!("{} {} {:?} {}", event.process, event.function, event.ending, event.value);
    events.iter().map(line).collect::<Vec<_>>().join("\n")
}
