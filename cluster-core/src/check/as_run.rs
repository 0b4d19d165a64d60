//! A history of others as a run: its processes are clients, and what they asked and heard are operations.

use bytes::Bytes;

use super::{
    datum::Datum,
    history::{Ending, Function, History, HistoryError, Operation, Position, short},
};
use crate::{
    event::{EventKind, Outcome, TraceEvent},
    ids::{ClientId, LogIndex, OpId, Seq},
    name::Name,
    request::{Answer, Key, Refusal, Request, Value},
    spec::{CLIENTS_MAX, ClientSpec, ClusterSpec},
    time::Timestamp,
    trace::import::Foreign,
};

/// A history without times has only an order: so much time passes from one beginning or end to the next.
const STEP_NANOS: u64 = 1_000_000;
/// The key of a history that is about one object.
const ONE: &str = "register";

/// Tells a history as a run, for the views: it has clients, and nothing is known of any node. What a function means that
/// only some models have (queues, locks, transactions) is written as a value.
pub fn run_of(history: &History) -> Result<Foreign, HistoryError> {
    if history.processes.len() > CLIENTS_MAX {
        let reason = format!(
            "the history has {} processes, and {CLIENTS_MAX} clients can be looked at; split it by time",
            history.processes.len()
        );
        return Err(HistoryError { line: 1, reason });
    }
    let client = |operation: &Operation| ClientId(operation.process.0 as u16 + 1);
    let clients = history.processes.keys().map(|process| ClientId(process.0 as u16 + 1));
    let knobs = history.processes.iter().map(|(process, name)| (format!("c{}", process.0 + 1), name.to_string()));
    let spec = ClusterSpec {
        protocol: "history".to_owned(),
        nodes: Vec::new(),
        knobs: knobs.collect(),
        clients: clients.map(|id| ClientSpec { id, ..ClientSpec::default() }).collect(),
        ..ClusterSpec::default()
    };
    // Beginnings and ends in the order of the history.
    let mut moments: Vec<(Position, bool, u32)> = Vec::with_capacity(2 * history.operations.len());
    for (index, operation) in history.iter() {
        moments.push((operation.invoked, false, index.0));
        if operation.returned != Position::MAX {
            moments.push((operation.returned, true, index.0));
        }
    }
    moments.sort_unstable();
    let mut events: Vec<TraceEvent> = Vec::with_capacity(moments.len());
    let mut at = Timestamp::ZERO;
    let mut invoked = vec![Seq(0); history.operations.len()];
    for (nth, (_, ends, index)) in moments.into_iter().enumerate() {
        let operation = &history.operations[index as usize];
        let told = if ends { operation.returned_at } else { operation.invoked_at };
        let moment = if history.timed { told } else { Timestamp(nth as u64 * STEP_NANOS) };
        at = at.max(moment);
        let (seq, op) = (Seq(events.len() as u64), OpId(u64::from(index) + 1));
        let (cause, kind) = if ends {
            let outcome = outcome(history, operation);
            (Some(invoked[index as usize]), EventKind::OpReturned { op, outcome, node: operation.node })
        } else {
            invoked[index as usize] = seq;
            (None, EventKind::OpInvoked { op, client: client(operation), request: request(history, operation) })
        };
        events.push(TraceEvent { seq, at, cause, kind });
    }
    Ok(Foreign { spec, events })
}

fn request(history: &History, operation: &Operation) -> Request {
    let key = operation.key.map_or_else(|| ONE.to_owned(), |key| short(history.data.get(key)));
    let key = Key(Bytes::from(key));
    let argument = history.data.get(operation.argument);
    let value = Value(Bytes::from(short(argument)));
    match operation.function {
        Function::Read => Request::Get { key },
        Function::Write => Request::Put { key, value },
        Function::Append => Request::Append { key, value },
        Function::Delete => Request::Delete { key },
        Function::Add if argument.int().is_some() => Request::Increment { key, by: argument.int().unwrap_or(0) },
        Function::Exists => Request::Exists { keys: vec![key] },
        Function::Cas
        | Function::PutIf
        | Function::Add
        | Function::Remove
        | Function::Enqueue
        | Function::Dequeue
        | Function::Acquire
        | Function::Release
        | Function::Generate
        | Function::Txn => {
            let words = match argument {
                Datum::Nil => operation.function.name().to_owned(),
                argument => format!("{} {}", operation.function.name(), short(argument)),
            };
            Request::Append { key, value: Value(Bytes::from(words)) }
        }
    }
}

fn outcome(history: &History, operation: &Operation) -> Outcome {
    let at = LogIndex(0);
    let result = history.data.get(operation.result);
    match (operation.ending, operation.function, result) {
        (Ending::Unknown, ..) => Outcome::NoAnswer,
        (Ending::Fail, ..) => Outcome::Failed(Refusal::Unavailable { why: Name::new("refused") }),
        (Ending::Ok, Function::Read, Datum::Nil) => Outcome::Value { value: None, at },
        (Ending::Ok, Function::Read, result) => Outcome::Value { value: Some(Value(Bytes::from(short(result)))), at },
        (Ending::Ok, Function::Add | Function::Append, Datum::Int(number)) => {
            Outcome::Answered { answer: Answer::Number(*number), at }
        }
        (Ending::Ok, ..) => Outcome::Written { at },
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{HistoryFold, format},
        *,
    };

    const EDN: &str = "{:process 0, :type :invoke, :f :write, :value 3, :time 10}\n\
                       {:process 1, :type :invoke, :f :read, :value nil, :time 20}\n\
                       {:process 0, :type :ok, :f :write, :value 3, :time 30}\n\
                       {:process 1, :type :ok, :f :read, :value 3, :time 40}\n\
                       {:process 1, :type :invoke, :f :cas, :value [3 4], :time 50}\n\
                       {:process 1, :type :info, :f :cas, :value [3 4], :time 60}\n";

    #[test]
    fn a_history_of_jepsen_becomes_a_run_of_its_clients() {
        let history = format::read(format::Format::JepsenEdn, EDN.as_bytes()).unwrap();
        let foreign = run_of(&history).unwrap();
        assert_eq!(foreign.spec.clients.len(), 2);
        assert!(foreign.events.windows(2).all(|pair| pair[0].at <= pair[1].at));
        let began = foreign.events.iter().filter(|event| matches!(event.kind, EventKind::OpInvoked { .. })).count();
        let ended = foreign.events.iter().filter(|event| matches!(event.kind, EventKind::OpReturned { .. })).count();
        assert_eq!((began, ended), (3, 2), "whose outcome nobody knows does not end");
        assert_eq!(foreign.events[3].at, Timestamp(40));
    }

    #[test]
    fn the_run_of_a_history_has_the_operations_that_every_model_knows() {
        let plain = EDN.lines().take(4).collect::<Vec<_>>().join("\n");
        let history = format::read(format::Format::JepsenEdn, plain.as_bytes()).unwrap();
        let mut fold = HistoryFold::default();
        run_of(&history).unwrap().events.iter().for_each(|event| fold.apply(event).unwrap());
        let functions: Vec<_> = fold.finish().operations.iter().map(|operation| operation.function).collect();
        assert_eq!(functions, [Function::Write, Function::Read]);
    }
}
