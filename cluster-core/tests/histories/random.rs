//! Small random histories, drawn from a seed: an object that works, whose answers are sometimes spoiled.

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
pub(crate) trait Object {
    /// Draws what to ask.
    fn draw(&self, rng: &mut ChaCha8Rng) -> (Function, Datum);
    /// Does it and answers.
    fn ask(&mut self, process: u32, function: Function, argument: &Datum) -> (bool, Datum);
    /// Draws a wrong answer.
    fn spoil(&self, rng: &mut ChaCha8Rng, function: Function, answer: Datum) -> Datum;
}

/// Draws a history of up to `operations` operations of `processes` processes.
pub(crate) fn draw(seed: u64, object: &mut dyn Object, processes: u32, operations: usize) -> Vec<Event> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let spoiled = rng.random_bool(0.8);
    // For each process: what it asked, and the answer once the object gave it.
    let mut open: Vec<Option<(Function, Datum, Option<(bool, Datum)>)>> = vec![None; processes as usize];
    let mut gone = vec![false; processes as usize];
    let mut events = Vec::new();
    let mut begun = 0;
    loop {
        let process = rng.random_range(0..processes);
        let at = process as usize;
        match open[at].take() {
            None if gone[at] || begun == operations => {}
            None => {
                let (function, value) = object.draw(&mut rng);
                events.push(Event { process, function, ending: None, value: value.clone() });
                open[at] = Some((function, value, None));
                begun += 1;
            }
            Some((function, value, None)) => {
                let answer = object.ask(process, function, &value);
                open[at] = Some((function, value, Some(answer)));
            }
            Some((function, value, Some(_))) if rng.random_bool(0.1) => {
                events.push(Event { process, function, ending: Some(Ending::Unknown), value });
                gone[at] = true;
            }
            Some((function, _, Some((done, answer)))) => {
                let answer =
                    if spoiled && rng.random_bool(0.3) { object.spoil(&mut rng, function, answer) } else { answer };
                let ending = if done { Ending::Ok } else { Ending::Fail };
                events.push(Event { process, function, ending: Some(ending), value: answer });
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

/// A register with compare-and-set.
#[derive(Default)]
pub(crate) struct Register(pub(crate) i64);

impl Object for Register {
    fn draw(&self, rng: &mut ChaCha8Rng) -> (Function, Datum) {
        let value = |rng: &mut ChaCha8Rng| Datum::Int(rng.random_range(1..4));
        match rng.random_range(0..10) {
            0..4 => (Function::Read, Datum::Nil),
            4..7 => (Function::Write, value(rng)),
            _ => (Function::Cas, Datum::List(vec![value(rng), value(rng)])),
        }
    }

    fn ask(&mut self, _process: u32, function: Function, argument: &Datum) -> (bool, Datum) {
        let number = |datum: &Datum| datum.int().unwrap();
        match function {
            Function::Read => (true, if self.0 == 0 { Datum::Nil } else { Datum::Int(self.0) }),
            Function::Write => {
                self.0 = number(argument);
                (true, argument.clone())
            }
            _ => {
                let pair = argument.list().unwrap();
                let done = self.0 == number(&pair[0]);
                if done {
                    self.0 = number(&pair[1]);
                }
                (done, argument.clone())
            }
        }
    }

    fn spoil(&self, rng: &mut ChaCha8Rng, function: Function, answer: Datum) -> Datum {
        if function == Function::Read { Datum::Int(rng.random_range(1..4)) } else { answer }
    }
}
