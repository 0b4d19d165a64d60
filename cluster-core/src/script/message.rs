//! The verbs about single messages: hold, release, drop, copy, deliver, and traps.

use super::{
    cursor::Cursor,
    error::did_you_mean,
    parse::{Parsed, mistake, selector},
    verb::{Selector, Verb},
};
use crate::{
    fault::{ByHand, Times, Trap},
    ids::{Endpoint, MsgId, TrapId},
    name::Name,
    trace::ClusterState,
};

/// What is to be done with messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageVerb {
    /// Holds a message under way.
    Hold(Which),
    /// Sets a trap for messages to come.
    Trap(Wanted),
    /// Lets a message go on.
    Release(Which),
    /// Lets every held message go on.
    ReleaseAll,
    /// Removes a trap and lets go on what it caught.
    ReleaseTrap(TrapId),
    /// Takes a message out of the network.
    Drop(Which),
    /// Sends a message a second time.
    Copy(Which),
    /// Delivers a message at once.
    Deliver(Which),
    /// Removes a trap.
    Untrap(TrapId),
    /// Removes every trap.
    UntrapAll,
}

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// By its number in the run.
    Number(MsgId),
    /// By its place among the held ones, from 1.
    Held(usize),
}

/// Which messages a trap is to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// A name or the word of a family; any message if absent.
    pub what: Option<Name>,
    /// From whom.
    pub from: Option<Selector>,
    /// To whom.
    pub to: Option<Selector>,
    /// How often.
    pub times: Times,
}

const VERBS: [&str; 6] = ["hold", "release", "drop", "copy", "deliver", "untrap"];

/// Reads what follows one of these verbs; `None` if the word is another verb.
pub(super) fn parse(verb: &str, cursor: &mut Cursor<'_>) -> Option<Parsed<Verb>> {
    let known = VERBS.iter().find(|known| **known == verb)?;
    Some(read(known, cursor).map(Verb::Message))
}

fn read(verb: &str, cursor: &mut Cursor<'_>) -> Parsed<MessageVerb> {
    Ok(match verb {
        "hold" => match cursor.peek().text {
            "next" => MessageVerb::Trap(wanted(cursor, Times::Once)?),
            "every" => MessageVerb::Trap(wanted(cursor, Times::Always)?),
            _ => MessageVerb::Hold(which(cursor, "hold", "`hold next AppendEntries to n3` or `hold every vote`")?),
        },
        "release" if takes(cursor, "all") => MessageVerb::ReleaseAll,
        "release" if takes(cursor, "trap") => MessageVerb::ReleaseTrap(trap(cursor)?),
        "release" => MessageVerb::Release(which(cursor, "release", "`release all` or `release trap 1`")?),
        "drop" => MessageVerb::Drop(which(cursor, "drop", "`drop m12`")?),
        "copy" => MessageVerb::Copy(which(cursor, "copy", "`copy m12`")?),
        "deliver" => MessageVerb::Deliver(which(cursor, "deliver", "`deliver m12`")?),
        _ if takes(cursor, "all") => MessageVerb::UntrapAll,
        _ => MessageVerb::Untrap(trap(cursor)?),
    })
}

fn takes(cursor: &mut Cursor<'_>, word: &str) -> bool {
    let comes = cursor.peek().text == word;
    if comes {
        cursor.word();
    }
    comes
}

/// Reads `held 1` or `m12`.
fn which(cursor: &mut Cursor<'_>, verb: &str, else_write: &str) -> Parsed<Which> {
    let word = cursor.word();
    if word.text == "held" {
        let place = cursor.word();
        return match place.text.parse() {
            Ok(place) if place > 0 => Ok(Which::Held(place)),
            Ok(_) | Err(_) => mistake(
                place,
                format!("`{}` is no place among the held messages; count from 1: `{verb} held 1`", place.text),
            ),
        };
    }
    match word.text.strip_prefix('m').and_then(|number| number.parse().ok()) {
        Some(number) => Ok(Which::Number(MsgId(number))),
        None => mistake(word, format!("`{}` names no message; write `{verb} held 1` or {else_write}", word.text)),
    }
}

fn trap(cursor: &mut Cursor<'_>) -> Parsed<TrapId> {
    let word = cursor.word();
    let number = word.text.strip_prefix('t').unwrap_or(word.text);
    match number.parse() {
        Ok(number) if number > 0 => Ok(TrapId(number)),
        Ok(_) | Err(_) => {
            mistake(word, format!("`{}` is no trap; traps are numbered from 1 as they are set: `untrap 1`", word.text))
        }
    }
}

/// Reads `next AppendEntries from n1 to n3`; the name may be `message`, for any.
fn wanted(cursor: &mut Cursor<'_>, times: Times) -> Parsed<Wanted> {
    let times_word = cursor.word().text;
    let word = cursor.word();
    let what = match word.text {
        "message" | "messages" => None,
        "" | "from" | "to" => {
            let example = format!("write `hold {times_word} vote` or `hold {times_word} message to n3`");
            return mistake(word, format!("a message's name is missing; {example}"));
        }
        name => match Name::intern(name) {
            Some(name) => Some(name),
            None => return mistake(word, "a message's name is shorter than this; write for example `vote`".to_owned()),
        },
    };
    let (mut from, mut to) = (None, None);
    while !cursor.peek().text.is_empty() {
        let word = cursor.word();
        let end = match word.text {
            "from" if from.is_none() => &mut from,
            "to" if to.is_none() => &mut to,
            other => {
                let meant = did_you_mean(other, ["from", "to"]).unwrap_or("from n1 to n2");
                return mistake(
                    word,
                    format!("after the message comes `from` or `to`, not `{other}`; write `{meant}`"),
                );
            }
        };
        let place = cursor.peek();
        *end = match selector(cursor)? {
            Selector::All | Selector::Rest => {
                return mistake(place, "a trap has one end of each kind; leave it out for all".to_owned());
            }
            one => Some(one),
        };
    }
    Ok(Wanted { what, from, to, times })
}

impl MessageVerb {
    /// Returns what is meant in that cluster; `select` finds the one end that a selector names. An error says why nothing
    /// is, and whether that may pass.
    pub(super) fn resolve<E: From<(String, bool)>>(
        &self,
        state: &ClusterState,
        mut select: impl FnMut(Selector) -> Result<Endpoint, E>,
    ) -> Result<Vec<ByHand>, E> {
        let one = |which: &Which| match *which {
            Which::Number(msg) => Ok(msg),
            Which::Held(place) => state.held.get(place - 1).map(|held| held.msg).ok_or_else(|| {
                let count = state.held.len();
                let problem = format!("there is no held message {place}; {count} held at this moment");
                E::from((problem, true))
            }),
        };
        Ok(vec![match self {
            Self::Hold(which) => ByHand::Hold(one(which)?),
            Self::Trap(Wanted { what, from, to, times }) => {
                let (from, to) = (from.map(&mut select).transpose()?, to.map(&mut select).transpose()?);
                ByHand::SetTrap(Trap { what: *what, from, to, times: *times })
            }
            Self::Release(which) => ByHand::Release(one(which)?),
            Self::ReleaseAll => ByHand::ReleaseAll,
            Self::ReleaseTrap(trap) => ByHand::ReleaseTrap(*trap),
            Self::Drop(which) => ByHand::Drop(one(which)?),
            Self::Copy(which) => ByHand::Duplicate(one(which)?),
            Self::Deliver(which) => ByHand::DeliverNow(one(which)?),
            Self::Untrap(trap) => ByHand::RemoveTrap(*trap),
            Self::UntrapAll if state.traps.is_empty() => {
                return Err(E::from(("there is no trap at this moment".to_owned(), true)));
            }
            Self::UntrapAll => return Ok(state.traps.iter().map(|trap| ByHand::RemoveTrap(trap.id)).collect()),
        }])
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
