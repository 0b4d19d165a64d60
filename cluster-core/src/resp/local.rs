//! Commands that ask nothing of the cluster: the connection or its node answers them.

use super::{
    cluster::{self, Belief, VERSION, unknown_sub},
    command::{AUTH, arity},
    encode::Reply,
    table::{COMMANDS, Row, Word, command},
};
use crate::event::RoleKind;

/// What a connection remembers of its client.
#[derive(Debug, Default)]
pub(super) struct Manners {
    /// Whether it asked for the third version of the protocol.
    pub(super) three: bool,
    /// What it calls itself.
    pub(super) name: String,
    /// The library it uses, and its version.
    library: (String, String),
    /// Whether it said that it would read from replicas.
    read_only: bool,
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    GoOn,
    /// The client has another name.
    Named,
    Close,
}

/// How many bytes a name has at most.
const NAME_MAX: usize = 64;

/// Answers a command.
pub(super) fn answer(
    word: Word,
    args: &[&[u8]],
    belief: &Belief<'_>,
    manners: &mut Manners,
    out: &mut Vec<u8>,
) -> After {
    let mut reply = Reply::new(out, manners.three);
    match word {
        Word::Ping => match args {
            [] => reply.simple("PONG"),
            [text] => reply.bulk(text),
            _ => reply.error(&arity("ping")),
        },
        Word::Echo => reply.bulk(args.first().copied().unwrap_or_default()),
        Word::Quit => {
            reply.simple("OK");
            return After::Close;
        }
        Word::Select => match args {
            [b"0"] => reply.simple("OK"),
            _ => reply.error("ERR SELECT is not allowed in cluster mode"),
        },
        Word::ReadOnly | Word::ReadWrite => {
            manners.read_only = word == Word::ReadOnly;
            reply.simple("OK");
        }
        Word::Info => reply.text(&cluster::node_info(belief, args)),
        Word::Cluster => cluster::cluster(belief, args, &mut reply),
        Word::Command => commands(args, &mut reply),
        Word::Config => config(args, &mut reply),
        Word::Client => return client(args, belief, manners, &mut reply),
        Word::Hello => return hello(args, belief, manners, out),
        // These are operations.
        Word::Append
        | Word::Decr
        | Word::DecrBy
        | Word::Del
        | Word::Exists
        | Word::Get
        | Word::GetSet
        | Word::Incr
        | Word::IncrBy
        | Word::MGet
        | Word::MSet
        | Word::Set
        | Word::SetNx => {}
    }
    After::GoOn
}

fn hello(args: &[&[u8]], belief: &Belief<'_>, manners: &mut Manners, out: &mut Vec<u8>) -> After {
    let mut after = After::GoOn;
    let wish = HelloWish::of(args);
    let mut reply = Reply::new(out, wish.as_ref().map_or(manners.three, |wish| wish.three.unwrap_or(manners.three)));
    let wish = match wish {
        Ok(wish) => wish,
        Err(wrong) => {
            reply.error(&wrong);
            return after;
        }
    };
    manners.three = wish.three.unwrap_or(manners.three);
    if let Some(name) = wish.name {
        manners.name = name;
        after = After::Named;
    }
    let role = if belief.view.role == RoleKind::Leader { "master" } else { "replica" };
    reply.map(7);
    for (name, value) in [("server", "redis"), ("version", VERSION), ("mode", "cluster"), ("role", role)] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"proto");
    reply.number(if manners.three { 3 } else { 2 });
    reply.bulk(b"id");
    reply.number(belief.client.0.into());
    reply.bulk(b"modules");
    reply.list(0);
    after
}

/// What a hello asks for.
struct HelloWish {
    three: Option<bool>,
    name: Option<String>,
}

impl HelloWish {
    fn of(args: &[&[u8]]) -> Result<Self, String> {
        let three = match args.first() {
            None => return Ok(Self { three: None, name: None }),
            Some([b'2']) => false,
            Some([b'3']) => true,
            Some(other) if other.iter().all(u8::is_ascii_digit) => {
                return Err("NOPROTO unsupported protocol version".to_owned());
            }
            Some(_) => return Err("ERR Protocol version is not an integer or out of range".to_owned()),
        };
        let mut name = None;
        let mut rest = &args[1..];
        loop {
            rest = match rest {
                [] => return Ok(Self { three: Some(three), name }),
                [word, _, _, ..] if word.eq_ignore_ascii_case(b"AUTH") => return Err(AUTH.to_owned()),
                [word, given, rest @ ..] if word.eq_ignore_ascii_case(b"SETNAME") => {
                    name = Some(name_from(given)?);
                    rest
                }
                [word, ..] => {
                    let word = String::from_utf8_lossy(&word[..word.len().min(NAME_MAX)]).into_owned();
                    return Err(format!("ERR Syntax error in HELLO option '{word}'"));
                }
            };
        }
    }
}

fn name_from(bytes: &[u8]) -> Result<String, String> {
    if bytes.len() > NAME_MAX {
        return Err(format!("ERR Client names have at most {NAME_MAX} characters"));
    }
    match std::str::from_utf8(bytes) {
        Ok(name) if name.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(name.to_owned()),
        Ok(_) | Err(_) => Err("ERR Client names cannot contain spaces, newlines or special characters.".to_owned()),
    }
}

fn client(args: &[&[u8]], belief: &Belief<'_>, manners: &mut Manners, reply: &mut Reply<'_>) -> After {
    let (sub, args) = split(args);
    let is = |word: &str| sub.eq_ignore_ascii_case(word.as_bytes());
    match args {
        [] if is("ID") => reply.number(belief.client.0.into()),
        [] if is("GETNAME") => reply.bulk_or_nil((!manners.name.is_empty()).then_some(manners.name.as_bytes())),
        [] if is("INFO") => reply.text(&(info_line(belief, manners) + "\n")),
        // Only of itself: whoever comes in at one door need not know of the others.
        [..] if is("LIST") => reply.text(&(info_line(belief, manners) + "\n")),
        [name] if is("SETNAME") => match name_from(name) {
            Ok(name) => {
                manners.name = name;
                reply.simple("OK");
                return After::Named;
            }
            Err(wrong) => reply.error(&wrong),
        },
        [what, value] if is("SETINFO") => match name_from(value) {
            Ok(value) if what.eq_ignore_ascii_case(b"LIB-NAME") => {
                manners.library.0 = value;
                reply.simple("OK");
            }
            Ok(value) if what.eq_ignore_ascii_case(b"LIB-VER") => {
                manners.library.1 = value;
                reply.simple("OK");
            }
            Ok(_) => reply.error("ERR Unrecognized option"),
            Err(wrong) => reply.error(&wrong.replace("Client names", "Library names and versions")),
        },
        _ if ["ID", "GETNAME", "INFO", "SETNAME", "SETINFO"].iter().any(|word| is(word)) => {
            reply.error(&arity(&format!("client|{}", String::from_utf8_lossy(sub).to_lowercase())));
        }
        _ => reply.error(&unknown_sub("CLIENT", sub)),
    }
    After::GoOn
}

/// Returns the part of a command that says what of it is wanted, and the rest.
fn split<'a, 'b>(args: &'b [&'a [u8]]) -> (&'a [u8], &'b [&'a [u8]]) {
    args.split_first().map_or((&[], &[]), |(sub, rest)| (*sub, rest))
}

fn info_line(belief: &Belief<'_>, manners: &Manners) -> String {
    let (port, door) = (belief.client_port, belief.doors.get(&belief.me).copied().unwrap_or_default());
    format!(
        "id={} addr=127.0.0.1:{port} laddr=127.0.0.1:{door} name={} flags={} db=0 resp={} lib-name={} lib-ver={}",
        belief.client.0,
        manners.name,
        if manners.read_only { "r" } else { "N" },
        if manners.three { 3 } else { 2 },
        manners.library.0,
        manners.library.1,
    )
}

/// The settings that tools ask for; all there are.
const SETTINGS: &[(&str, &str)] = &[
    ("appendonly", "yes"),
    ("databases", "1"),
    ("maxmemory", "12582912"),
    ("maxmemory-policy", "noeviction"),
    ("save", ""),
];

fn config(args: &[&[u8]], reply: &mut Reply<'_>) {
    let (sub, wanted) = split(args);
    if sub.eq_ignore_ascii_case(b"SET") {
        return reply.error("ERR CONFIG SET is not supported: choose knobs when the cluster starts");
    }
    if !sub.eq_ignore_ascii_case(b"GET") {
        return reply.error(&unknown_sub("CONFIG", sub));
    }
    if wanted.is_empty() {
        return reply.error(&arity("config|get"));
    }
    let is_wanted = |name: &str| wanted.iter().any(|word| *word == b"*" || word.eq_ignore_ascii_case(name.as_bytes()));
    let told: Vec<_> = SETTINGS.iter().filter(|(name, _)| is_wanted(name)).collect();
    reply.map(told.len());
    for (name, value) in told {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
}

fn commands(args: &[&[u8]], reply: &mut Reply<'_>) {
    let (sub, named) = split(args);
    let is = |word: &str| sub.eq_ignore_ascii_case(word.as_bytes());
    match args {
        [] => {
            reply.list(COMMANDS.len());
            COMMANDS.iter().for_each(|row| described(row, reply));
        }
        [_] if is("COUNT") => reply.number(COMMANDS.len() as i64),
        [_] if is("LIST") => {
            reply.list(COMMANDS.len());
            COMMANDS.iter().for_each(|row| reply.bulk(row.name.as_bytes()));
        }
        _ if is("INFO") => {
            if named.is_empty() {
                return commands(&[], reply);
            }
            reply.list(named.len());
            for name in named {
                match command(name) {
                    Some(row) => described(row, reply),
                    None => reply.nil(),
                }
            }
        }
        _ if is("DOCS") => {
            let told: Vec<&Row> = match named {
                [] => COMMANDS.iter().collect(),
                names => names.iter().filter_map(|name| command(name)).collect(),
            };
            reply.map(told.len());
            for row in told {
                reply.bulk(row.name.as_bytes());
                reply.map(3);
                for (name, value) in [("summary", row.summary), ("since", "1.0.0"), ("group", row.group)] {
                    reply.bulk(name.as_bytes());
                    reply.bulk(value.as_bytes());
                }
            }
        }
        _ => reply.error(&unknown_sub("COMMAND", sub)),
    }
}

fn described(row: &Row, reply: &mut Reply<'_>) {
    reply.list(6);
    reply.bulk(row.name.as_bytes());
    reply.number(row.arity);
    reply.list(row.flags.len());
    row.flags.iter().for_each(|flag| reply.simple(flag));
    let (first, last, step) = row.keys;
    [first, last, step].into_iter().for_each(|number| reply.number(number));
}
