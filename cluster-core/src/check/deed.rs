//! What an operation of a recording did to one key of the map, as far as its outcome tells.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    event::Outcome,
    request::{Answer, Condition, Key, Request},
};

/// What an operation did to one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// It found this value.
    Read(Option<Bytes>),
    /// It left this value behind, whatever was there.
    Write(Option<Bytes>),
    /// What it did depends on what was there.
    Edit(Edit),
}

/// A change of a value that depends on the value, or a look at it that does not tell all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Edit {
    /// What must have been there.
    pub(crate) when: When,
    /// What became of it.
    pub(crate) then: Then,
}

/// What must have been there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum When {
    Any,
    Is(Option<Bytes>),
    Present,
    Absent,
}

/// What became of a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Then {
    Keep,
    Set(Option<Bytes>),
    /// This was added to its end; it had that length then, if known.
    Append(Bytes, Option<u64>),
    /// This was added to the number; it was that then, if known.
    Add(i64, Option<i64>),
}

/// How certain a deed is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certainty {
    /// It was done before its client heard of it.
    Done,
    /// It may have been done, or may yet.
    Perhaps,
}

/// Returns the keys that a request is about, each once.
pub(crate) fn keys(request: &Request) -> Vec<&Key> {
    let mut keys: Vec<&Key> = match request {
        Request::Get { key }
        | Request::Put { key, .. }
        | Request::Delete { key }
        | Request::Increment { key, .. }
        | Request::Append { key, .. }
        | Request::PutIf { key, .. } => return vec![key],
        Request::GetMany { keys } | Request::Exists { keys } | Request::DeleteMany { keys } => keys.iter().collect(),
        Request::PutMany { pairs } => pairs.iter().map(|(key, _)| key).collect(),
        Request::Admin(_) => Vec::new(),
    };
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Returns what an operation did to a key; `None` if it did nothing, or nothing that anybody could see.
///
/// An operation on several keys at one instant is taken as one on each: whoever keeps the stronger promise keeps these.
pub(crate) fn deed(request: &Request, key: &Key, outcome: &Outcome) -> Option<(Deed, Certainty)> {
    let answer = match outcome {
        Outcome::Failed(_) | Outcome::Answered { answer: Answer::Misfit(_), .. } => return None,
        Outcome::Answered { answer, .. } => Some(answer),
        Outcome::Value { .. } | Outcome::Written { .. } | Outcome::Done | Outcome::NoAnswer => None,
    };
    let number = match answer {
        Some(Answer::Number(number)) => Some(*number),
        Some(Answer::Values(_) | Answer::Put { .. } | Answer::Misfit(_)) | None => None,
    };
    let certainty = if *outcome == Outcome::NoAnswer { Certainty::Perhaps } else { Certainty::Done };
    let edit = |when, then| Deed::Edit(Edit { when, then });
    let deed = match request {
        Request::Get { .. } => match outcome {
            Outcome::Value { value, .. } => Deed::Read(value.as_ref().map(|value| value.0.clone())),
            _ => return None, // A read without an answer did nothing that anybody could see.
        },
        Request::GetMany { keys } => {
            let Some(Answer::Values(values)) = answer else { return None };
            let value = keys.iter().position(|other| other == key).and_then(|at| values.get(at))?;
            Deed::Read(value.as_ref().map(|value| value.0.clone()))
        }
        Request::Exists { keys } => edit(all_or_none(keys, number?)?, Then::Keep),
        Request::Put { value, .. } => Deed::Write(Some(value.0.clone())),
        // Of a key that is named twice, the last value stays.
        Request::PutMany { pairs } => {
            Deed::Write(pairs.iter().rev().find(|(other, _)| other == key).map(|(_, value)| value.0.clone()))
        }
        Request::Delete { .. } => Deed::Write(None),
        Request::DeleteMany { keys } => match number.and_then(|number| all_or_none(keys, number)) {
            Some(when) => edit(when, Then::Set(None)),
            None => Deed::Write(None),
        },
        Request::Increment { by, .. } => edit(When::Any, Then::Add(*by, number)),
        Request::Append { value, .. } => {
            let length = number.and_then(|length| u64::try_from(length).ok());
            edit(When::Any, Then::Append(value.0.clone(), length))
        }
        Request::PutIf { value, when, tells_old, .. } => {
            return put_if(&value.0, *when, *tells_old, answer, certainty);
        }
        Request::Admin(_) => return None,
    };
    Some((deed, certainty))
}

fn put_if(
    value: &Bytes,
    when: Condition,
    tells_old: bool,
    answer: Option<&Answer>,
    certainty: Certainty,
) -> Option<(Deed, Certainty)> {
    let set = || Then::Set(Some(value.clone()));
    let condition = match when {
        Condition::Always => None,
        Condition::Absent => Some((When::Absent, When::Present)),
        Condition::Present => Some((When::Present, When::Absent)),
    };
    let Some(Answer::Put { written, old }) = answer else {
        return Some(match condition {
            None => (Deed::Write(Some(value.clone())), certainty),
            // Whether it took place is not known, even if it ended.
            Some((when, _)) => (Deed::Edit(Edit { when, then: set() }), Certainty::Perhaps),
        });
    };
    let old = old.as_ref().map(|old| old.0.clone());
    let deed = match (condition, written) {
        (_, true) if tells_old => Deed::Edit(Edit { when: When::Is(old), then: set() }),
        (None, _) => Deed::Write(Some(value.clone())),
        (Some((when, _)), true) => Deed::Edit(Edit { when, then: set() }),
        (Some(_), false) if tells_old => Deed::Read(old),
        (Some((_, otherwise)), false) => Deed::Edit(Edit { when: otherwise, then: Then::Keep }),
    };
    Some((deed, certainty))
}

/// Returns what a count of keys that have a value tells of each of them, if it does.
fn all_or_none(keys: &[Key], count: i64) -> Option<When> {
    match usize::try_from(count) {
        Ok(0) => Some(When::Absent),
        // Each is counted as often as it is named, except that a removed key has no value any more.
        Ok(count) if count == keys.len() => Some(When::Present),
        _ => None, // Some have one and some have none, and nobody says which.
    }
}

impl Edit {
    /// Returns whether it changes nothing.
    pub(crate) fn only_looks(&self) -> bool {
        self.then == Then::Keep
    }

    /// Returns what it leaves behind, if that does not depend on what was there.
    pub(crate) fn overwrites(&self) -> Option<Option<&[u8]>> {
        match (&self.when, &self.then) {
            (When::Any, Then::Set(value)) => Some(value.as_deref()),
            _ => None, // Everything else depends on it.
        }
    }

    /// Returns the value after it; `None` if it is impossible for this value.
    pub(crate) fn after(&self, value: Option<&[u8]>) -> Option<Option<Vec<u8>>> {
        let fits = match &self.when {
            When::Any => true,
            When::Is(other) => value == other.as_deref(),
            When::Present => value.is_some(),
            When::Absent => value.is_none(),
        };
        if !fits {
            return None;
        }
        Some(match &self.then {
            Then::Keep => value.map(<[u8]>::to_vec),
            Then::Set(next) => next.as_ref().map(|next| next.to_vec()),
            Then::Append(tail, length) => {
                let next = [value.unwrap_or_default(), tail].concat();
                if length.is_some_and(|length| length != next.len() as u64) {
                    return None;
                }
                Some(next)
            }
            Then::Add(by, sum) => {
                let next = value.map_or(Some(0), integer)?.checked_add(*by)?;
                if sum.is_some_and(|sum| sum != next) {
                    return None;
                }
                Some(next.to_string().into_bytes())
            }
        })
    }
}

/// Reads a whole number as the map does: decimal digits without zeros before them.
fn integer(bytes: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(bytes).ok()?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = text == "0" || digits.starts_with(|first: char| ('1'..='9').contains(&first));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::LogIndex, request::Value};

    fn answered(answer: Answer) -> Outcome {
        Outcome::Answered { answer, at: LogIndex(1) }
    }

    fn after(request: &Request, outcome: &Outcome, value: Option<&str>) -> Option<Option<String>> {
        let Some((Deed::Edit(edit), _)) = deed(request, &"k".into(), outcome) else { panic!("no edit") };
        let next = edit.after(value.map(str::as_bytes))?;
        Some(next.map(|next| String::from_utf8(next).expect("text")))
    }

    #[test]
    fn a_count_and_a_length_tell_what_was_there() {
        let increment = Request::Increment { key: "k".into(), by: 2 };
        let five = answered(Answer::Number(5));
        assert_eq!(after(&increment, &five, Some("3")), Some(Some("5".to_owned())));
        assert_eq!(after(&increment, &five, Some("4")), None);
        assert_eq!(after(&increment, &answered(Answer::Number(2)), None), Some(Some("2".to_owned())));
        assert_eq!(after(&increment, &Outcome::NoAnswer, Some("x")), None);
        let append = Request::Append { key: "k".into(), value: "bc".into() };
        assert_eq!(after(&append, &answered(Answer::Number(3)), Some("a")), Some(Some("abc".to_owned())));
        assert_eq!(after(&append, &answered(Answer::Number(3)), None), None);
    }

    #[test]
    fn a_conditional_write_tells_whether_something_was_there() {
        let request = Request::PutIf { key: "k".into(), value: "v".into(), when: Condition::Absent, tells_old: false };
        let put = |written| answered(Answer::Put { written, old: None });
        assert_eq!(after(&request, &put(true), None), Some(Some("v".to_owned())));
        assert_eq!(after(&request, &put(true), Some("a")), None);
        assert_eq!(after(&request, &put(false), Some("a")), Some(Some("a".to_owned())));
        assert_eq!(after(&request, &put(false), None), None);
        // Without its answer nobody knows whether it took place, even if it ended.
        let lost = deed(&request, &"k".into(), &Outcome::Written { at: LogIndex(1) });
        assert!(matches!(lost, Some((Deed::Edit(_), Certainty::Perhaps))));
    }

    #[test]
    fn an_operation_on_several_keys_is_one_on_each() {
        let request = Request::GetMany { keys: vec!["a".into(), "k".into(), "a".into()] };
        assert_eq!(keys(&request).len(), 2);
        let outcome = answered(Answer::Values(vec![None, Some(Value(Bytes::from_static(b"v"))), None]));
        let read = deed(&request, &"k".into(), &outcome);
        assert_eq!(read, Some((Deed::Read(Some(Bytes::from_static(b"v"))), Certainty::Done)));
        let exists = Request::Exists { keys: vec!["a".into(), "k".into()] };
        assert_eq!(deed(&exists, &"k".into(), &answered(Answer::Number(1))), None, "nobody knows which");
        assert_eq!(after(&exists, &answered(Answer::Number(2)), None), None);
    }
}
