//! Commands to operations: what a command asks of the cluster, and in which shape its answer goes back.

use bytes::Bytes;

use super::{
    decode::Decoder,
    slot::slot_of,
    table::{self, Word},
};
use crate::request::{Condition, Key, Request, Value};

/// What a command comes to.
#[derive(Debug, PartialEq)]
pub(super) enum Meaning {
    /// An operation of the cluster.
    Ask {
        /// What is asked.
        request: Request,
        /// How the answer goes back.
        shape: Shape,
        /// The slot of its key.
        slot: u16,
    },
    /// Something that the connection or the node can tell.
    Local(Word),
    /// Nothing: this error says why.
    Wrong(String),
}

/// In which shape an answer goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `OK`.
    Ok,
    /// A value or nothing.
    Value,
    /// A number.
    Number,
    /// A list of values.
    Values,
    /// `OK`, or nothing if the condition did not hold.
    OkIf,
    /// 1, or 0 if the condition did not hold.
    OneIf,
    /// The value before, or nothing.
    Old,
}

/// Says what a command means.
pub(super) fn meaning(command: &Decoder) -> Meaning {
    let name = command.arg(0);
    let Some(row) = table::command(name) else { return Meaning::Wrong(unknown(command)) };
    let given = command.len() as i64;
    if (row.arity > 0 && given != row.arity) || given < -row.arity {
        return Meaning::Wrong(arity(row.name));
    }
    let asked = |request| ask(command, request);
    match row.word {
        Word::Get => asked((Request::Get { key: key(command, 1) }, Shape::Value)),
        Word::Set => match set(command) {
            Ok(set) => asked(set),
            Err(wrong) => Meaning::Wrong(wrong),
        },
        Word::SetNx => asked((put_if(command, Condition::Absent, false), Shape::OneIf)),
        Word::GetSet => asked((put_if(command, Condition::Always, true), Shape::Old)),
        Word::Del => asked((Request::DeleteMany { keys: keys(command) }, Shape::Number)),
        Word::Exists => asked((Request::Exists { keys: keys(command) }, Shape::Number)),
        Word::MGet => asked((Request::GetMany { keys: keys(command) }, Shape::Values)),
        Word::MSet if command.len().is_multiple_of(2) => Meaning::Wrong(arity(row.name)),
        Word::MSet => {
            let pairs = (1..command.len()).step_by(2).map(|nth| (key(command, nth), value(command, nth + 1)));
            asked((Request::PutMany { pairs: pairs.collect() }, Shape::Ok))
        }
        Word::Append => asked((Request::Append { key: key(command, 1), value: value(command, 2) }, Shape::Number)),
        Word::Incr => asked((Request::Increment { key: key(command, 1), by: 1 }, Shape::Number)),
        Word::Decr => asked((Request::Increment { key: key(command, 1), by: -1 }, Shape::Number)),
        Word::IncrBy | Word::DecrBy => {
            let by = std::str::from_utf8(command.arg(2)).ok().and_then(|text| text.parse::<i64>().ok());
            let by = if row.word == Word::DecrBy { by.and_then(i64::checked_neg) } else { by };
            match by {
                Some(by) => asked((Request::Increment { key: key(command, 1), by }, Shape::Number)),
                None => Meaning::Wrong("ERR value is not an integer or out of range".to_owned()),
            }
        }
        Word::Client
        | Word::Cluster
        | Word::Command
        | Word::Config
        | Word::Echo
        | Word::Hello
        | Word::Info
        | Word::Ping
        | Word::Quit
        | Word::ReadOnly
        | Word::ReadWrite
        | Word::Select => Meaning::Local(row.word),
    }
}

/// Returns the error about a wrong number of strings.
pub(super) fn arity(name: &str) -> String {
    format!("ERR wrong number of arguments for '{name}' command")
}

fn ask(command: &Decoder, (request, shape): (Request, Shape)) -> Meaning {
    Meaning::Ask { request, shape, slot: slot_of(command.arg(1)) }
}

fn key(command: &Decoder, nth: usize) -> Key {
    Key(Bytes::copy_from_slice(command.arg(nth)))
}

fn value(command: &Decoder, nth: usize) -> Value {
    Value(Bytes::copy_from_slice(command.arg(nth)))
}

fn keys(command: &Decoder) -> Vec<Key> {
    (1..command.len()).map(|nth| key(command, nth)).collect()
}

fn put_if(command: &Decoder, when: Condition, tells_old: bool) -> Request {
    Request::PutIf { key: key(command, 1), value: value(command, 2), when, tells_old }
}

fn set(command: &Decoder) -> Result<(Request, Shape), String> {
    let (mut when, mut tells_old) = (Condition::Always, false);
    for nth in 3..command.len() {
        let option = command.arg(nth);
        let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
        if is("NX") && when != Condition::Present {
            when = Condition::Absent;
        } else if is("XX") && when != Condition::Absent {
            when = Condition::Present;
        } else if is("GET") {
            tells_old = true;
        } else if ["EX", "PX", "EXAT", "PXAT"].iter().any(|word| is(word)) {
            return Err("ERR expiry is not supported: keys live until they are deleted".to_owned());
        } else if !is("KEEPTTL") {
            // A key that never expires keeps that.
            return Err("ERR syntax error".to_owned());
        }
    }
    Ok(match (when, tells_old) {
        (Condition::Always, false) => (Request::Put { key: key(command, 1), value: value(command, 2) }, Shape::Ok),
        (when, false) => (put_if(command, when, false), Shape::OkIf),
        (when, true) => (put_if(command, when, true), Shape::Old),
    })
}

/// Returns the error about a command that there is not, in the words of Redis if Redis has it neither.
fn unknown(command: &Decoder) -> String {
    let name = String::from_utf8_lossy(&command.arg(0)[..command.arg(0).len().min(QUOTED_MAX)]).into_owned();
    if command.arg(0).eq_ignore_ascii_case(b"AUTH") {
        return AUTH.to_owned();
    }
    if let Some(why) = table::refused(command.arg(0)) {
        return format!("ERR '{}' is not supported by this cluster: {why}", name.to_uppercase());
    }
    let mut quoted = String::new();
    for nth in 1..command.len() {
        if quoted.len() >= QUOTED_MAX {
            break;
        }
        let arg = command.arg(nth);
        let arg = String::from_utf8_lossy(&arg[..arg.len().min(QUOTED_MAX - quoted.len())]);
        quoted.push_str(&format!("'{arg}' "));
    }
    format!("ERR unknown command '{name}', with args beginning with: {quoted}")
}

/// How much of a wrong command is quoted.
const QUOTED_MAX: usize = 128;

/// What Redis says to a password if it has none.
pub(super) const AUTH: &str = "ERR AUTH <password> called without any password configured for the default user. Are you \
                               sure your configuration is correct?";

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Meaning {
        let mut decoder = Decoder::default();
        decoder.feed(line.as_bytes());
        decoder.feed(b"\r\n");
        assert_eq!(decoder.next(), Ok(true));
        meaning(&decoder)
    }

    fn wrong(line: &str) -> String {
        match of(line) {
            Meaning::Wrong(text) => text,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn asked(line: &str) -> (Request, Shape) {
        match of(line) {
            Meaning::Ask { request, shape, .. } => (request, shape),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn each_option_of_set_is_done_or_refused() {
        let (key, value) = (|| "k".into(), || "v".into());
        assert_eq!(asked("SET k v"), (Request::Put { key: key(), value: value() }, Shape::Ok));
        let put_if = |when, tells_old| Request::PutIf { key: key(), value: value(), when, tells_old };
        assert_eq!(asked("set k v nx"), (put_if(Condition::Absent, false), Shape::OkIf));
        assert_eq!(asked("set k v XX get"), (put_if(Condition::Present, true), Shape::Old));
        assert_eq!(asked("set k v get keepttl"), (put_if(Condition::Always, true), Shape::Old));
        assert_eq!(wrong("set k v nx xx"), "ERR syntax error");
        assert_eq!(wrong("set k v 10"), "ERR syntax error");
        for option in ["EX 10", "px 10", "exat 1", "pxat 1"] {
            assert!(wrong(&format!("set k v {option}")).starts_with("ERR expiry is not supported"), "{option}");
        }
    }

    #[test]
    fn several_keys_are_one_operation() {
        assert_eq!(asked("del a b"), (Request::DeleteMany { keys: vec!["a".into(), "b".into()] }, Shape::Number));
        let pairs = vec![("a".into(), "1".into()), ("b".into(), "2".into())];
        assert_eq!(asked("mset a 1 b 2"), (Request::PutMany { pairs }, Shape::Ok));
        assert_eq!(wrong("mset a 1 b"), arity("mset"));
    }

    #[test]
    fn numbers_are_added_and_subtracted() {
        let add = |by| (Request::Increment { key: "n".into(), by }, Shape::Number);
        assert_eq!(
            [asked("incr n"), asked("decr n"), asked("incrby n 5"), asked("decrby n 5")],
            [1, -1, 5, -5].map(add)
        );
        assert!(wrong("incrby n x").contains("not an integer"));
        assert!(wrong(&format!("decrby n {}", i64::MIN)).contains("out of range"));
    }

    #[test]
    fn what_is_not_done_is_refused_by_name() {
        let text = "ERR unknown command 'foo', with args beginning with: 'a' 'b' ";
        assert_eq!(wrong("foo a b"), text);
        assert_eq!(wrong("get"), "ERR wrong number of arguments for 'get' command");
        assert!(wrong("multi").starts_with("ERR 'MULTI' is not supported by this cluster: "));
        assert!(wrong("auth x").starts_with("ERR AUTH <password> called without any password configured"));
    }

    #[test]
    fn the_table_is_in_order_and_names_each_command_once() {
        assert!(table::COMMANDS.is_sorted_by(|a, b| a.name < b.name));
        assert!(table::COMMANDS.iter().all(|row| table::refused(row.name.as_bytes()).is_none()));
    }
}
