//! A lab that was read without a mistake.

use std::{collections::BTreeMap, time::Duration};

use super::expr::{Expr, vocabulary::Table};
use crate::{
    fault::Delay,
    ids::ClientId,
    script::Timed,
    spec::{ClientSpec, ClusterSpec},
    time::TimingProfile,
};

/// A lab.
#[derive(Debug)]
pub struct Lab {
    /// Its id, such as `majority-or-nothing`; its folder has this name.
    pub id: String,
    /// Its title: the first heading of its text.
    pub title: String,
    /// The version of its content.
    pub version: String,
    /// How much it asks for, 1 to 3.
    pub level: u8,
    /// How long it takes, about.
    pub minutes: u32,
    /// The digest of its `lab.toml`: what grades hang on. The same on every machine, whatever ends its lines.
    pub definition: String,
    /// The pack that it belongs to, as `id@version`, if it is in one.
    pub pack: Option<String>,
    /// The labs that come before it, by their ids.
    pub after: Vec<String>,
    /// The topics it makes visible.
    pub seeds: Vec<String>,
    /// What is drawn for each attempt.
    pub params: BTreeMap<String, Param>,
    /// The cluster.
    pub cluster: ClusterSpec,
    /// The phases, each with a cluster of its own; at least one.
    pub phases: Vec<Phase>,
    /// What the learner can use: verbs of `faultline verbs`.
    pub verbs: Vec<String>,
    /// How many faults a learner may cause in a phase.
    pub max_faults: Option<u32>,
    /// The screens, in order.
    pub steps: Vec<Step>,
    /// What is to be reached.
    pub goals: Vec<Goal>,
    /// Help, in levels.
    pub hints: Vec<Hint>,
    /// What the lab does by itself.
    pub timeline: Vec<Scheduled>,
    /// The scripts that show it works.
    pub scripts: Vec<Script>,
    /// How it is verified.
    pub verify: Verify,
    /// How points are shared between goals, observations and reflection.
    pub score: [u32; 3],
    /// The sections of its text, by anchor, for each language.
    pub texts: BTreeMap<String, BTreeMap<String, String>>,
}

/// What is drawn from the seed of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Param {
    /// One of these.
    Pick(Vec<String>),
    /// A whole number, both ends included.
    Int(i64, i64),
    /// All of these, in an order of its own.
    Shuffle(Vec<String>),
}

/// A phase: a cluster, and goals of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Phase {
    /// Its id; empty in a lab without phases.
    pub id: String,
    /// Its system, if it is another than the lab's: then only its own knobs count.
    pub system: Option<String>,
    /// How many nodes, if not as many as the lab says.
    pub size: Option<u16>,
    /// How long a healthy link takes, if not as long as the timing profile says.
    pub link_delay: Option<Duration>,
    /// The knobs that differ from the lab's.
    pub knobs: BTreeMap<String, String>,
}

/// A screen.
#[derive(Debug)]
pub struct Step {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub kind: StepKind,
    /// The anchor of its text.
    pub text: String,
    /// The phase that it opens.
    pub phase: Option<String>,
    /// What it asks.
    pub asks: Vec<Ask>,
    /// How many words a reflection has at least.
    pub min_words: u32,
    /// Where what it tells comes from.
    pub source: Option<String>,
}

/// What a screen is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// To say beforehand what will happen.
    Predict,
    /// To do it.
    Do,
    /// To say what happened.
    Observe,
    /// To think about it.
    Reflect,
    /// To read.
    Read,
}

/// A question.
#[derive(Debug)]
pub struct Ask {
    /// Its id.
    pub id: String,
    /// What can be answered.
    pub options: Vec<String>,
    /// The right answer.
    pub answer: Answer,
    /// The misconception that an answer shows.
    pub misconceptions: BTreeMap<String, String>,
}

/// A right answer.
#[derive(Debug)]
pub enum Answer {
    /// Always this one.
    Fixed(String),
    /// What this says of the learner's own run.
    Told(Expr),
}

/// Something to be reached.
#[derive(Debug)]
pub struct Goal {
    /// Its id.
    pub id: String,
    /// The phase that it belongs to.
    pub phase: usize,
    /// What it is worth.
    pub points: u32,
    /// Whether the lab is passed without it.
    pub optional: bool,
    /// When it is met.
    pub pattern: Pattern,
}

/// When a goal is met. Spans are those of the profile `human`; they are scaled with the profile of the run.
#[derive(Debug)]
pub enum Pattern {
    /// It becomes true, for so long, so many times.
    Reach {
        /// What.
        it: Expr,
        /// For how long.
        held: Duration,
        /// How often.
        times: u32,
    },
    /// It and the witness are true for so long, without a gap.
    Hold {
        /// What.
        it: Expr,
        /// For how long.
        held: Duration,
        /// What shows that it was not idle.
        witness: Expr,
    },
    /// It is false in the whole phase.
    Never {
        /// What.
        it: Expr,
        /// What shows that it could have happened.
        witness: Expr,
    },
    /// After each of the one, the other within so long.
    Respond {
        /// After what.
        after: Moment,
        /// What must follow.
        then: Moment,
        /// Within what time.
        within: Duration,
        /// How often at least.
        min_triggers: u32,
    },
    /// These, in this order.
    Sequence {
        /// What.
        steps: Vec<Moment>,
        /// From the first to the last at most.
        within: Option<Duration>,
    },
    /// It is true when the phase ends, and there is enough to judge by.
    Measure {
        /// What.
        it: Expr,
        /// What shows that there is enough.
        witness: Expr,
    },
}

/// A moment: something happens, or the state is so.
#[derive(Debug)]
pub enum Moment {
    /// Something happens.
    Event {
        /// What: an act's verb, or one of the named moments.
        kind: String,
        /// What it tells.
        table: &'static Table,
        /// What it is called from here on.
        name: String,
        /// What must be true of it.
        only: Option<Expr>,
    },
    /// The state is so.
    State(Expr),
}

/// Help for one goal.
#[derive(Debug)]
pub struct Hint {
    /// Which goal.
    pub goal: String,
    /// Not earlier than this.
    pub after: Duration,
    /// Shown by itself when this is so.
    pub when: Option<Expr>,
    /// The levels: the anchor of the text, and what to point at.
    pub levels: Vec<(String, Vec<String>)>,
}

/// Something that the lab does by itself, whatever its learner does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheduled {
    /// In which phase.
    pub phase: usize,
    /// How long after the phase began.
    pub at: Duration,
    /// A verb, as in a fault script; `{names}` stand for what was drawn.
    pub line: String,
}

/// A script of actions, and what should come of it.
#[derive(Clone, Debug)]
pub struct Script {
    /// Its name.
    pub name: String,
    /// The goal at which it fails; none if it passes.
    pub blocked_at: Option<String>,
    /// The actions.
    pub actions: Vec<Action>,
}

/// One thing that a script does.
#[derive(Clone, Debug)]
pub enum Action {
    /// A verb, as in a fault script; `$names` stand for nodes, `{names}` for what was drawn.
    Do(String),
    /// Waits so long.
    Wait(Duration),
    /// Waits until this is so, at most so long.
    Until(std::sync::Arc<Expr>, Duration),
    /// Calls a node by a name from here on.
    Bind(String, String),
    /// Begins a phase.
    Phase(usize),
    /// Answers a question: its id, the answer, whether before the experiment.
    Say(String, String, bool),
    /// Thinks.
    Reflect,
}

/// How a lab is verified.
#[derive(Clone, Debug, PartialEq)]
pub struct Verify {
    /// How many seeds.
    pub runs: u32,
    /// How long doing nothing is watched, in each phase.
    pub limit: Duration,
    /// The timing profiles.
    pub profiles: Vec<TimingProfile>,
}

impl Lab {
    /// Returns the cluster of a phase, for a seed and a profile.
    pub fn spec(&self, phase: usize, seed: u64, profile: TimingProfile) -> ClusterSpec {
        let mut spec = ClusterSpec { seed, profile, ..self.cluster.clone() };
        if let Some(phase) = self.phases.get(phase) {
            if let Some(system) = &phase.system {
                spec.protocol.clone_from(system);
                spec.knobs.clear();
            }
            spec.knobs.extend(phase.knobs.clone());
            if let Some(delay) = phase.link_delay {
                spec.link_delay = Some(Delay::constant(scaled(delay, profile)));
            }
            if let Some(size) = phase.size {
                spec.nodes = (1..=size).map(crate::ids::NodeId).collect();
            }
        }
        for client in &mut spec.clients {
            client.timeout = scaled(client.timeout, profile);
        }
        spec
    }

    /// Returns a script by its name.
    pub fn script(&self, name: &str) -> Option<&Script> {
        self.scripts.iter().find(|script| script.name == name)
    }
}

/// Scales a span of the profile `human` to another profile.
pub(crate) fn scaled(span: Duration, profile: TimingProfile) -> Duration {
    span.mul_f64(scale(profile))
}

/// Returns how much longer things take in a profile than in `human`.
pub(crate) fn scale(profile: TimingProfile) -> f64 {
    profile.election_min().as_secs_f64() / TimingProfile::Human.election_min().as_secs_f64()
}

/// A client of a lab asks nothing unless it says so.
pub(super) fn idle_client(id: ClientId) -> ClientSpec {
    ClientSpec { id, load: crate::spec::Load::Idle, read_share: 0.0, ..ClientSpec::default() }
}

/// A line of a fault script, if it is one.
pub(super) fn verb_line(line: &str) -> Result<Timed, String> {
    if line.lines().count() > 1 {
        return Err("an action is one verb, in one line; write each in an action of its own".to_owned());
    }
    if line.split_whitespace().next() == Some("at") {
        return Err("an action has no time; write { wait = \"2s\" } before it, and here what is done".to_owned());
    }
    let script = crate::script::Script::parse("action", &format!("at 0s {line}")).map_err(|error| error.problem)?;
    script.timed.into_iter().next().ok_or_else(|| "a verb is missing; write for example `crash @leader`".to_owned())
}
