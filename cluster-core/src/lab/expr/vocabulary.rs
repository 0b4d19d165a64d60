//! What a goal can speak of: the names of the language, their types, and what each means. Grades hang on these definitions.

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// True or false.
    Bool,
    /// A whole number.
    Int,
    /// A number, most often seconds.
    Double,
    /// Text.
    Text,
    /// A row of a table.
    Row(&'static Table),
    /// A list of rows.
    Rows(&'static Table),
    /// A list of texts.
    Texts,
    /// A list of whole numbers.
    Ints,
}

/// What rows of one kind have in common.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// What a row is called.
    pub name: &'static str,
    /// The fields of a row.
    pub fields: &'static [Word],
}

/// A name of the language.
#[derive(Debug, PartialEq, Eq)]
pub struct Word {
    /// The name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// What it means.
    pub about: &'static str,
}

const fn word(name: &'static str, kind: Kind, about: &'static str) -> Word {
    Word { name, kind, about }
}

/// A node, as it is.
pub static NODE: Table = Table {
    name: "node",
    fields: &[
        word("id", Kind::Text, "such as \"n1\""),
        word("up", Kind::Bool, "it runs and is not frozen"),
        word("frozen", Kind::Bool, "it stands still"),
        word("leads", Kind::Bool, "it runs, and believes that it leads (or is primary)"),
        word("role", Kind::Text, "the protocol's word for its role"),
        word("epoch", Kind::Int, "its term, ballot or view"),
        word("follows", Kind::Text, "whom it believes to lead; \"\" if nobody"),
        word("log", Kind::Int, "the last position of its log"),
        word("committed", Kind::Int, "the last entry it knows to be committed"),
        word("applied", Kind::Int, "the last entry applied to its map"),
        word("lag", Kind::Int, "how many entries it has applied fewer than the node that applied most"),
        word("hash", Kind::Text, "a hash of its map: equal hashes mean equal maps"),
        word(
            "quorum",
            Kind::Bool,
            "it is up, and both directions are open to so many nodes that are up that with it they are more than half",
        ),
        word("inbound", Kind::Int, "how many other nodes have an open direction to it"),
        word("outbound", Kind::Int, "to how many other nodes it has an open direction"),
        word("slow", Kind::Bool, "its processor is slow"),
        word("healthy", Kind::Bool, "it is up, and was neither down, frozen nor slow since the phase began"),
    ],
};

/// What one node holds another for, in a protocol that is about who is alive.
pub static VIEW: Table = Table {
    name: "view",
    fields: &[
        word("by", Kind::Text, "who thinks so"),
        word("of", Kind::Text, "of whom"),
        word("status", Kind::Text, "\"alive\", \"suspect\" or \"dead\""),
        word("life", Kind::Int, "in which of the other's lives: a new one begins with a restart, and after a death"),
        word("refutations", Kind::Int, "how often the other had objected to a suspicion in that life"),
        word("by_up", Kind::Bool, "who thinks so is up: of a node that is down, its last view is kept"),
        word("by_slow", Kind::Bool, "the processor of who thinks so is slow"),
        word("of_up", Kind::Bool, "the other is up"),
        word("of_slow", Kind::Bool, "the processor of the other is slow"),
        word("of_healthy", Kind::Bool, "the other is up, and was neither down, frozen nor slow since the phase began"),
    ],
};

/// An operation of a client in this phase.
pub static OP: Table = Table {
    name: "operation",
    fields: &[
        word("id", Kind::Int, "its number"),
        word("client", Kind::Text, "such as \"c1\"; \"c0\" is the learner's own hand"),
        word("f", Kind::Text, "what was asked: \"put\", \"get\", \"delete\""),
        word("key", Kind::Text, "the key"),
        word("value", Kind::Text, "what was written, or what was read; \"\" if nothing"),
        word("node", Kind::Text, "who answered; before that, who was asked last"),
        word("result", Kind::Text, "\"open\", \"ok\", \"fail\" (certainly not done) or \"timeout\" (nobody knows)"),
        word(
            "quorum",
            Kind::Bool,
            "a node that was asked had a majority at some moment between the question and the answer",
        ),
        word(
            "stale",
            Kind::Bool,
            "it read a version older than the newest write of the key acknowledged before it began",
        ),
        word("attempts", Kind::Int, "how often its client sent it, to whichever nodes"),
        word(
            "effects",
            Kind::Int,
            "how often it took effect, as things stand: of a write, how many entries of it the servers have executed; where \
             nodes replicate one log, 1 once a node has applied it",
        ),
        word("invoked", Kind::Double, "when it began, in seconds of the phase"),
        word("returned", Kind::Double, "when its answer came; 0 while it is open"),
        word(
            "error",
            Kind::Text,
            "why it failed: \"not-leader\", \"stale-epoch\", \"unsupported\" or \"unavailable\"; else \"\"",
        ),
        word("own", Kind::Bool, "it reads a key of which its client had an acknowledged write before it began"),
    ],
};

/// Something done to the cluster, that had an effect.
pub static ACT: Table = Table {
    name: "act",
    fields: &[
        word("kind", Kind::Text, "the verb, such as \"crash\", \"cut\", \"heal\", \"restart\" (`faultline verbs`)"),
        word("by", Kind::Text, "\"learner\", \"lab\" or \"nemesis\""),
        word("node", Kind::Text, "the node struck; \"\" if it concerns links"),
        word("role", Kind::Text, "the node's role before"),
        word("epoch", Kind::Int, "the node's epoch before"),
        word("at", Kind::Double, "when, in seconds of the phase"),
        word("knob", Kind::Text, "the knob that was set; else \"\""),
        word("value", Kind::Text, "what it was set to; else \"\""),
        word("wiped", Kind::Bool, "the node started with an empty disk"),
    ],
};

/// A node's new role.
pub static ROLE: Table = Table {
    name: "change of role",
    fields: &[
        word("node", Kind::Text, "whose"),
        word("role", Kind::Text, "the protocol's word for it"),
        word("leads", Kind::Bool, "it leads from here on"),
        word("epoch", Kind::Int, "its epoch"),
        word("at", Kind::Double, "when, in seconds of the phase"),
    ],
};

/// An entry of a log that was erased.
pub static ERASED: Table = Table {
    name: "erased entry",
    fields: &[
        word("node", Kind::Text, "whose log"),
        word("op", Kind::Int, "the operation it carried; 0 if none"),
        word("index", Kind::Int, "where it stood"),
        word("epoch", Kind::Int, "the epoch it was made in"),
    ],
};

/// News of one node.
pub static NEWS: Table = Table {
    name: "news",
    fields: &[
        word("node", Kind::Text, "whose"),
        word("mode", Kind::Text, "the mode, if it changed; else \"\""),
        word("index", Kind::Int, "the log position it is about; else 0"),
    ],
};

/// A log that was brought into step with that of another node.
pub static SYNC: Table = Table {
    name: "synced log",
    fields: &[
        word("node", Kind::Text, "whose log: a follower's, or that of a leader which fetched what it lacked"),
        word("from", Kind::Text, "with whose log"),
        word("entries", Kind::Int, "how many entries it was sent"),
        word("index", Kind::Int, "the last position of its log after that"),
    ],
};

/// An election that nobody won.
pub static FAILED: Table = Table {
    name: "failed election",
    fields: &[
        word("epoch", Kind::Int, "in which epoch votes were asked for"),
        word("at", Kind::Double, "when the next election began without anybody having won, in seconds of the phase"),
    ],
};

/// A knob of the protocol that was set, by the lab or since.
pub static KNOB: Table = Table {
    name: "knob",
    fields: &[
        word("name", Kind::Text, "its name (`faultline protocols`)"),
        word("value", Kind::Text, "its value for the cluster; a frozen node takes it over when it goes on"),
    ],
};

/// A key that two nodes acknowledged writes of, each while both led.
pub static CONFLICT: Table = Table {
    name: "conflict",
    fields: &[
        word("key", Kind::Text, "the key"),
        word("one", Kind::Int, "the latest such write of the one side, by its operation's number"),
        word("other", Kind::Int, "and that of the other side"),
    ],
};

/// A message that never arrived.
pub static DROP: Table = Table {
    name: "dropped message",
    fields: &[
        word(
            "reason",
            Kind::Text,
            "\"cut\", \"flap\", \"loss\", \"burst\", \"corrupt\", \"queue-full\", \"receiver-down\", \"sender-down\", \
             \"buffer-full\", \"reset\", \"half-open\" or \"by-hand\"",
        ),
        word("dir", Kind::Text, "\"request\" (of a client), \"reply\" (to a client) or \"peer\" (between nodes)"),
        word("from", Kind::Text, "who sent it"),
        word("to", Kind::Text, "who did not get it"),
        word("at", Kind::Double, "when it was dropped, in seconds of the phase"),
    ],
};

/// The names a proposition over the state can use.
pub static STATE: &[Word] = &[
    word("nodes", Kind::Rows(&NODE), "the nodes"),
    word("views", Kind::Rows(&VIEW), "what each node holds each other for; none if the protocol is not about that"),
    word("ops", Kind::Rows(&OP), "the operations that clients began in this phase"),
    word("acts", Kind::Rows(&ACT), "what was done to the cluster in this phase"),
    word("drops", Kind::Rows(&DROP), "the messages that were dropped in this phase, the latest 200"),
    word("elections", Kind::Rows(&ROLE), "when which node began to lead"),
    word(
        "failed_elections",
        Kind::Rows(&FAILED),
        "the elections of this phase that nobody won: votes were asked for in that epoch, nobody led in it, and votes \
         are asked for in a later one",
    ),
    word("knobs", Kind::Rows(&KNOB), "the knobs that the lab or somebody since has set; others have their defaults"),
    word(
        "conflicts",
        Kind::Rows(&CONFLICT),
        "the keys of which two nodes acknowledged writes, each while both believed to lead",
    ),
    word("leader", Kind::Text, "who leads in the latest epoch; \"\" if nobody does"),
    word("leaders", Kind::Texts, "every node that believes it leads"),
    word("size", Kind::Int, "how many nodes there are"),
    word("alive", Kind::Int, "how many nodes are up"),
    word("most_leaders", Kind::Int, "how many nodes led at once, at most, in this phase"),
    word("agree", Kind::Bool, "all nodes are up, and their maps are equal"),
    word("lost", Kind::Ints, "the numbers of the acknowledged writes that are lost, as things stand"),
    word("cut_links", Kind::Int, "between how many pairs of nodes a direction is cut"),
    word("broken", Kind::Int, "how many things are broken"),
    word("last_act", Kind::Double, "when something was done to the cluster last, in seconds of the phase; 0 if never"),
    word("slow_for", Kind::Double, "for how many seconds of the phase a node that was up was slow, all in all"),
    word("time", Kind::Double, "seconds of the phase"),
    word("steady", Kind::Double, "for how many seconds the same node has led, alone; 0 while none or several do"),
    word(
        "unavailable",
        Kind::Double,
        "seconds since the last successful write, counted while somebody tries (a write is under way, or was refused \
         less than 2 s ago); 0 if nobody tries",
    ),
];

/// The moments that a step of a goal can wait for, with what each tells.
pub static MOMENTS: &[(&str, &Table)] = &[
    ("op.invoke", &OP),
    ("op.ok", &OP),
    ("op.fail", &OP),
    ("op.timeout", &OP),
    ("role.change", &ROLE),
    ("election.fail", &FAILED),
    ("log.truncate", &ERASED),
    ("snapshot.install", &NEWS),
    ("mode.change", &NEWS),
    ("log.sync", &SYNC),
];

/// The greatest number of rows of a table that an expression sees.
pub(super) fn rows_max(table: &Table) -> u64 {
    match table.name {
        "node" => 16,
        "view" => 16 * 15,
        "operation" => super::OPS_MAX as u64,
        _ => super::ACTS_MAX as u64,
    }
}
