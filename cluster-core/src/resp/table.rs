//! The table of commands: what each is called, how many strings it takes, and what it is for.

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Append,
    Client,
    Cluster,
    Command,
    Config,
    Decr,
    DecrBy,
    Del,
    Echo,
    Exists,
    Get,
    GetSet,
    Hello,
    Incr,
    IncrBy,
    Info,
    MGet,
    MSet,
    Ping,
    Quit,
    ReadOnly,
    ReadWrite,
    Select,
    Set,
    SetNx,
}

/// One row.
pub(super) struct Row {
    pub(super) word: Word,
    /// Its name, in lower case.
    pub(super) name: &'static str,
    /// How many strings it takes, its name included; at least so many if negative.
    pub(super) arity: i64,
    /// Whether it writes, reads, or neither.
    pub(super) flags: &'static [&'static str],
    /// The first key, the last (negative: counted from the end), and how far apart keys are; zeros without keys.
    pub(super) keys: (i64, i64, i64),
    /// The chapter of the manual.
    pub(super) group: &'static str,
    /// What it does.
    pub(super) summary: &'static str,
}

const READ: &[&str] = &["readonly", "fast"];
const WRITE: &[&str] = &["write", "denyoom"];
const OTHER: &[&str] = &["loading", "stale", "fast"];

const fn row(
    word: Word,
    name: &'static str,
    arity: i64,
    flags: &'static [&'static str],
    keys: (i64, i64, i64),
    group: &'static str,
    summary: &'static str,
) -> Row {
    Row { word, name, arity, flags, keys, group, summary }
}

/// Every command, by name.
pub(super) const COMMANDS: &[Row] = &[
    row(Word::Append, "append", 3, WRITE, (1, 1, 1), "string", "Appends a string to the value of a key."),
    row(Word::Client, "client", -2, OTHER, (0, 0, 0), "connection", "Tells of, and names, this connection."),
    row(Word::Cluster, "cluster", -2, OTHER, (0, 0, 0), "cluster", "Tells how this node believes the cluster to be."),
    row(Word::Command, "command", -1, OTHER, (0, 0, 0), "server", "Lists the commands."),
    row(Word::Config, "config", -2, OTHER, (0, 0, 0), "server", "Tells the settings."),
    row(Word::Decr, "decr", 2, WRITE, (1, 1, 1), "string", "Subtracts one from the number at a key."),
    row(Word::DecrBy, "decrby", 3, WRITE, (1, 1, 1), "string", "Subtracts from the number at a key."),
    row(Word::Del, "del", -2, WRITE, (1, -1, 1), "generic", "Removes keys."),
    row(Word::Echo, "echo", 2, OTHER, (0, 0, 0), "connection", "Returns the given string."),
    row(Word::Exists, "exists", -2, READ, (1, -1, 1), "generic", "Counts the keys that have a value."),
    row(Word::Get, "get", 2, READ, (1, 1, 1), "string", "Returns the value of a key."),
    row(Word::GetSet, "getset", 3, WRITE, (1, 1, 1), "string", "Writes a key and returns the value before."),
    row(Word::Hello, "hello", -1, OTHER, (0, 0, 0), "connection", "Chooses the version of the protocol."),
    row(Word::Incr, "incr", 2, WRITE, (1, 1, 1), "string", "Adds one to the number at a key."),
    row(Word::IncrBy, "incrby", 3, WRITE, (1, 1, 1), "string", "Adds to the number at a key."),
    row(Word::Info, "info", -1, OTHER, (0, 0, 0), "server", "Tells how this node is."),
    row(Word::MGet, "mget", -2, READ, (1, -1, 1), "string", "Returns the values of several keys at one instant."),
    row(Word::MSet, "mset", -3, WRITE, (1, -1, 2), "string", "Writes several keys at one instant."),
    row(Word::Ping, "ping", -1, OTHER, (0, 0, 0), "connection", "Returns PONG, or the given string."),
    row(Word::Quit, "quit", -1, OTHER, (0, 0, 0), "connection", "Closes the connection."),
    row(Word::ReadOnly, "readonly", 1, OTHER, (0, 0, 0), "cluster", "Allows reads of a replica that serves them."),
    row(Word::ReadWrite, "readwrite", 1, OTHER, (0, 0, 0), "cluster", "Takes READONLY back."),
    row(Word::Select, "select", 2, OTHER, (0, 0, 0), "connection", "Chooses the database; there is 0."),
    row(Word::Set, "set", -3, WRITE, (1, 1, 1), "string", "Writes a key."),
    row(Word::SetNx, "setnx", 3, WRITE, (1, 1, 1), "string", "Writes a key that has no value."),
    row(Word::Del, "unlink", -2, WRITE, (1, -1, 1), "generic", "Removes keys."),
];

/// Commands of Redis that are refused by name, and why.
const REFUSED: &[(&[&str], &str)] = &[
    (
        &["multi", "exec", "discard", "watch", "unwatch"],
        "each command is an operation of its own; MGET and MSET touch several keys at one instant",
    ),
    (&["eval", "evalsha", "script", "function", "fcall"], "there are no scripts"),
    (&["subscribe", "psubscribe", "ssubscribe", "publish", "spublish", "monitor"], "there are no channels"),
    (
        &["expire", "pexpire", "expireat", "pexpireat", "setex", "psetex", "ttl", "pttl", "persist", "getex"],
        "keys do not expire",
    ),
    (&["keys", "scan", "dbsize", "flushall", "flushdb", "randomkey"], "only operations on named keys are replicated"),
    (&["wait", "waitaof"], "how many nodes a write waits for is for the protocol to say"),
    (&["acl"], "there are no users"),
    (&["asking", "migrate", "failover", "replicaof", "slaveof"], "who leads is for the protocol to say"),
    (&["shutdown", "debug", "save", "bgsave"], "break and stop nodes by the window or a fault script"),
    (
        &["hset", "hget", "lpush", "rpush", "lpop", "rpop", "lrange", "sadd", "spop", "zadd", "zpopmin", "xadd"],
        "values are strings",
    ),
];

/// Returns a command by its name, in any case.
pub(super) fn command(name: &[u8]) -> Option<&'static Row> {
    COMMANDS.iter().find(|row| row.name.as_bytes().eq_ignore_ascii_case(name))
}

/// Returns why a command of Redis is refused, if it is one of those.
pub(super) fn refused(name: &[u8]) -> Option<&'static str> {
    let named = |names: &[&str]| names.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name));
    REFUSED.iter().find(|(names, _)| named(names)).map(|(_, why)| *why)
}
