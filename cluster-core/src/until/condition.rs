//! A condition over the state of a cluster, in the Common Expression Language.

use std::collections::HashMap;

use cel::{Context, Program, Value};

use crate::{
    event::EventKind,
    trace::{ClusterState, NodeState},
};

/// The longest text of a condition, in bytes.
const TEXT_MAX: usize = 1000;
/// How deep its brackets may be nested.
const DEPTH_MAX: usize = 32;

/// What a condition can name, with what it is; shown where one is written.
pub const NAMES: &[(&str, &str)] = &[
    ("leader", "the node that leads, such as \"n1\"; \"\" if none does"),
    ("leaders", "every node that believes it leads"),
    ("nodes", "the nodes: id, up, frozen, leads, role, epoch, follows, log, committed, applied, keys, hash"),
    ("clients", "the clients: id, acknowledged, failed, unanswered"),
    ("time", "seconds of cluster time"),
    ("in_flight", "messages under way"),
    ("ops", "operations under way"),
    ("broken", "how many things are broken"),
    ("acknowledged", "operations that succeeded"),
    ("failed", "operations that were refused"),
    ("unanswered", "operations that got no answer"),
];

/// A condition over the state, such as `leaders.size() > 1`.
#[derive(Debug)]
pub struct Condition {
    text: String,
    program: Program,
    /// Whether it speaks of what every message and every moment changes.
    restless: bool,
}

/// Why a condition cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// Nothing was written, or too much.
    #[error("a condition has 1 to {TEXT_MAX} characters; write for example leaders.size() > 1")]
    Length,
    /// Its brackets are nested too deep.
    #[error("brackets are nested more than {DEPTH_MAX} deep; write it in a simpler way")]
    Depth,
    /// It cannot be read.
    #[error("column {column}: {what}; write for example leaders.size() > 1")]
    Text {
        /// Where, from 1.
        column: usize,
        /// What is wrong.
        what: String,
    },
    /// It says something about what is not there.
    #[error("{what}; it can name {}", names())]
    Meaning {
        /// What is wrong.
        what: String,
    },
    /// It is neither true nor false.
    #[error("it is {0}, neither true nor false; compare it with something, as in leaders.size() > 1")]
    NoTruth(String),
}

impl Condition {
    /// Reads a condition and tries it on a state: names and types show only then.
    pub fn new(text: &str, state: &ClusterState) -> Result<Self, ConditionError> {
        let text = text.trim();
        let program = compile(text)?;
        let names = program.references();
        let restless = ["time", "in_flight"].into_iter().any(|name| names.has_variable(name));
        let condition = Self { text: text.to_owned(), program, restless };
        condition.holds(state)?;
        Ok(condition)
    }

    /// Returns whether it holds in a state.
    pub fn holds(&self, state: &ClusterState) -> Result<bool, ConditionError> {
        match self.program.execute(&context(state)) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(ConditionError::NoTruth(format!("a {}", other.type_of()))),
            Err(error) => Err(ConditionError::Meaning { what: first_line(&error.to_string()) }),
        }
    }

    /// Returns whether an event can change its truth. It takes some microseconds to find out what it is.
    pub fn may_change_by(&self, kind: &EventKind) -> bool {
        let idle = matches!(
            kind,
            EventKind::FrameSent { .. }
                | EventKind::FrameDelivered { .. }
                | EventKind::FrameDropped { .. }
                | EventKind::LinkActed { .. }
                | EventKind::TimerFired { .. }
                | EventKind::DiskSynced { .. }
        );
        self.restless || !idle
    }

    /// Returns its text.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Reads an expression; one that is too long or nested too deep is refused.
pub fn compile(text: &str) -> Result<Program, ConditionError> {
    if text.trim().is_empty() || text.len() > TEXT_MAX {
        return Err(ConditionError::Length);
    }
    if depth(text) > DEPTH_MAX {
        return Err(ConditionError::Depth);
    }
    Program::compile(text).map_err(|errors| {
        let first = errors.errors.first();
        let column = first.map_or(1, |error| usize::try_from(error.pos.1).unwrap_or(1).max(1));
        let what = first.map_or_else(|| "it cannot be read".to_owned(), |error| first_line(&error.msg));
        ConditionError::Text { column, what }
    })
}

fn names() -> String {
    NAMES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_end_matches('.').to_owned()
}

fn depth(text: &str) -> usize {
    let mut depth: usize = 0;
    let mut deepest = 0;
    for c in text.chars() {
        match c {
            '(' | '[' | '{' | '!' | '-' | '?' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Tells the state in the words of [`NAMES`].
fn context(state: &ClusterState) -> Context<'static, 'static> {
    let mut context = Context::default();
    let clients = || state.clients.values().chain([&state.departed]);
    let named = |node: Option<crate::ids::NodeId>| node.map_or_else(String::new, |node| node.to_string());
    let leaders: Vec<Value> = state.leaders().map(|(node, _)| node.to_string().into()).collect();
    let nodes: Vec<Value> = state.nodes.iter().map(|(node, it)| node_value(&node.to_string(), it)).collect();
    let client = |(id, it): (&crate::ids::ClientId, &crate::trace::ClientState)| {
        map([
            ("id", id.to_string().into()),
            ("acknowledged", int(it.ok)),
            ("failed", int(it.failed)),
            ("unanswered", int(it.unanswered)),
        ])
    };
    let told: [(&str, Value); 11] = [
        ("leader", named(state.leader()).into()),
        ("leaders", leaders.into()),
        ("nodes", nodes.into()),
        ("clients", state.clients.iter().map(client).collect::<Vec<_>>().into()),
        ("time", Value::Float(state.at.as_secs_f64())),
        ("in_flight", int(state.flights.len() as u64)),
        ("ops", int(state.ops.len() as u64)),
        ("broken", int(state.faults.len() as u64)),
        ("acknowledged", int(clients().map(|client| client.ok).sum())),
        ("failed", int(clients().map(|client| client.failed).sum())),
        ("unanswered", int(clients().map(|client| client.unanswered).sum())),
    ];
    for (name, value) in told {
        context.add_variable_from_value(name, value);
    }
    context
}

fn node_value(id: &str, it: &NodeState) -> Value {
    let view = &it.view;
    let leads = it.status.is_running() && view.role == crate::event::RoleKind::Leader;
    let follows = view.leader.map_or_else(String::new, |leader| leader.to_string());
    map([
        ("id", id.into()),
        ("up", Value::Bool(it.status.is_running())),
        ("frozen", Value::Bool(it.status == crate::trace::NodeStatus::Frozen)),
        ("leads", Value::Bool(leads)),
        ("role", view.role_name.as_str().into()),
        ("epoch", int(view.epoch.0)),
        ("follows", follows.into()),
        ("log", int(it.log.last().0)),
        ("committed", int(view.commit_index.0)),
        ("applied", int(view.applied_index.0)),
        ("keys", int(view.keys)),
        ("hash", format!("{:016x}", view.state_hash).into()),
    ])
}

fn int(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn map<const N: usize>(fields: [(&str, Value); N]) -> Value {
    // The order of this map is never seen: its fields are asked for by name.
    let map: HashMap<&str, Value> = fields.into_iter().collect();
    map.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::NodeId, sim::Sim, spec::ClusterSpec};

    fn led() -> ClusterState {
        let mut sim = Sim::start(&ClusterSpec::default()).expect("the spec is sound");
        assert!(sim.run_until(std::time::Duration::from_secs(30), |trace| trace.latest().leader().is_some()));
        sim.trace().latest().clone()
    }

    #[test]
    fn a_condition_says_what_the_state_says() {
        let state = led();
        let holds = |text: &str| Condition::new(text, &state).and_then(|it| it.holds(&state));
        let leader = state.leader().unwrap_or(NodeId(0));
        for text in [
            &format!("leader == \"{leader}\"")[..],
            "leaders.size() == 1",
            "nodes.exists(n, n.leads && n.epoch >= 1)",
            "nodes.all(n, n.up && !n.frozen)",
            "nodes.filter(n, n.role == \"leader\").size() == 1",
            "time > 0.1 && broken == 0",
        ] {
            assert_eq!(holds(text), Ok(true), "{text}");
        }
        assert_eq!(holds("leaders.size() > 1"), Ok(false));
    }

    #[test]
    fn a_condition_that_makes_no_sense_is_refused_with_the_place_or_the_names() {
        let state = led();
        let refused = |text: &str| match Condition::new(text, &state) {
            Ok(_) => panic!("`{text}` was taken"),
            Err(error) => error.to_string(),
        };
        assert!(refused("").contains("1 to 1000"));
        assert!(refused(&"(".repeat(5000)).contains("1 to 1000"));
        assert!(refused(&"(".repeat(500)).contains("nested"));
        assert!(refused("leaders.size( >").starts_with("column "), "{}", refused("leaders.size( >"));
        assert!(refused("laeder == \"n1\"").contains("leader, leaders"), "{}", refused("laeder == \"n1\""));
        assert!(refused("nodes.exists(n, n.colour == 1)").contains("it can name"));
        assert!(refused("leaders.size()").contains("neither true nor false"));
        for text in ["\"", "1 +", "a ? b", "nodes[", "@", "\u{0}", "nodes.map(n, n)", "1 == \"a\"", "1/0 == 1"] {
            drop(Condition::new(text, &state));
        }
    }
}
