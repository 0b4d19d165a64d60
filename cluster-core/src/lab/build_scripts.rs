//! Scripts as they are written, made into actions; they can say only what the lab has.

use std::{sync::Arc, time::Duration};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{
    build::Builder,
    expr::{Kind, Wanted, vocabulary::STATE},
    model::{Action, Lab, Param, Scheduled, Script, StepKind, verb_line},
    source::{ActionFile, ExpectFile, LabFile, ScriptFile, Text, TimelineFile},
};
use crate::{
    fault::FAULTS,
    script::{Timed, parse_duration},
    time::TimingProfile,
    trace::ClusterState,
};

/// The name of the script that must pass.
pub(super) const GOLDEN: &str = "golden";
/// How long a condition is waited for, if nothing is said.
const PATIENCE: Duration = Duration::from_secs(15);
/// How much a lab may do by itself.
const TIMELINE_MAX: usize = 32;
/// How many actions a script may have.
const ACTIONS_MAX: usize = 200;

/// Reads all scripts.
pub(super) fn scripts(builder: &mut Builder<'_>, file: &LabFile, lab: &Lab) -> Vec<Script> {
    builder.once("script", file.script.iter().map(|script| &script.name));
    let passes = |script: &&ScriptFile| *script.expect.get_ref() == ExpectFile::Pass;
    match file.script.iter().find(|script| script.name.get_ref() == GOLDEN) {
        Some(golden) if passes(&golden) => {}
        Some(golden) => {
            builder.wrong(golden.expect.span(), "script.golden", "the golden script passes; write expect = \"pass\"")
        }
        None => builder.wrong(
            file.id.span(),
            "script",
            "there is no script `golden`, which shows that the lab can be done; write one",
        ),
    }
    if file.script.iter().all(|script| passes(&script)) {
        builder.wrong(file.id.span(), "script", "no script fails; write at least one wrong attempt, expect = \"fail\"");
    }
    file.script.iter().map(|script| one(builder, script, file, lab)).collect()
}

fn one(builder: &mut Builder<'_>, file: &ScriptFile, all: &LabFile, lab: &Lab) -> Script {
    let key = format!("script.{}", file.name.get_ref());
    let fails = *file.expect.get_ref() == ExpectFile::Fail;
    match &file.blocked_at {
        None if fails => builder.wrong(file.name.span(), &key, "at which goal does it fail? write blocked_at = \"…\""),
        Some(goal) if !fails => builder.wrong(goal.span(), &key, "it passes; take blocked_at away"),
        Some(goal) if !all.goal.iter().any(|it| it.id.get_ref() == goal.get_ref()) => {
            builder.unknown(
                goal,
                &format!("{key}.blocked_at"),
                "goal",
                all.goal.iter().map(|goal| goal.id.get_ref().as_str()),
            );
        }
        _ => {}
    }
    if file.actions.get_ref().len() > ACTIONS_MAX {
        builder.wrong(file.actions.span(), &key, format!("a script has at most {ACTIONS_MAX} actions"));
        return Script { name: file.name.get_ref().clone(), blocked_at: None, actions: Vec::new() };
    }
    let mut reader = Reader { lab, key, bound: Vec::new(), phase: 0, members_change: false };
    let actions: Vec<Action> = file
        .actions
        .get_ref()
        .iter()
        .filter_map(|action| reader.action(builder, action.get_ref(), action.span()))
        .collect();
    if file.name.get_ref() == GOLDEN {
        reader.golden(builder, file, &actions);
    }
    Script {
        name: file.name.get_ref().clone(),
        blocked_at: file.blocked_at.as_ref().map(|goal| goal.get_ref().clone()),
        actions,
    }
}

/// Reads what the lab does by itself. It may use verbs that its learner is not offered.
pub(super) fn timeline(builder: &mut Builder<'_>, file: &LabFile, lab: &Lab) -> Vec<Scheduled> {
    if let Some(extra) = file.timeline.get(TIMELINE_MAX) {
        builder.wrong(extra.at.span(), "timeline", format!("a timeline has at most {TIMELINE_MAX} entries"));
        return Vec::new();
    }
    file.timeline.iter().filter_map(|entry| scheduled(builder, entry, lab)).collect()
}

fn scheduled(builder: &mut Builder<'_>, file: &TimelineFile, lab: &Lab) -> Option<Scheduled> {
    let at = builder.duration(&file.at, "timeline.at");
    if at > Duration::from_secs(60 * u64::from(lab.minutes)) {
        let problem =
            format!("the lab takes about {} minutes: this would come too late; say an earlier time", lab.minutes);
        builder.wrong(file.at.span(), "timeline.at", problem);
    }
    let phases = || lab.phases.iter().map(|phase| phase.id.as_str());
    let phase = match &file.phase {
        Some(named) => match phases().position(|phase| phase == named.get_ref()) {
            Some(phase) => phase,
            None => {
                builder.unknown(named, "timeline.phase", "phase", phases());
                return None;
            }
        },
        None if lab.phases.len() > 1 => {
            let all = phases().collect::<Vec<_>>().join(", ");
            builder.wrong(file.at.span(), "timeline.phase", format!("say in which phase; there are {all}"));
            return None;
        }
        None => 0,
    };
    let key = "timeline.do".to_owned();
    let mut reader = Reader { lab, key, bound: Vec::new(), phase, members_change: false };
    reader.line(builder, &file.do_)?;
    Some(Scheduled { phase, at, line: file.do_.get_ref().clone() })
}

/// Reads the actions of one script in order: each may speak of the nodes that those before it gave a name.
struct Reader<'a> {
    lab: &'a Lab,
    key: String,
    bound: Vec<(String, Kind)>,
    phase: usize,
    /// Whether nodes joined or left in this phase.
    members_change: bool,
}

impl Reader<'_> {
    fn action(&mut self, builder: &mut Builder<'_>, file: &ActionFile, span: std::ops::Range<usize>) -> Option<Action> {
        let verbs = [&file.do_, &file.wait, &file.bind, &file.phase, &file.predict, &file.observe, &file.reflect];
        if verbs.iter().filter(|verb| verb.is_some()).count() != 1 {
            builder.wrong(
                span,
                &self.key,
                "an action is exactly one of do, wait, bind, phase, predict, observe, reflect",
            );
            return None;
        }
        for (name, extra, of) in [("timeout", &file.timeout, &file.wait), ("node", &file.node, &file.bind)] {
            if let Some(extra) = extra.as_ref().filter(|_| of.is_none()) {
                builder.wrong(extra.span(), &self.key, format!("`{name}` means nothing here; take it away"));
            }
        }
        if let Some(line) = &file.do_ {
            return self.verb(builder, line);
        }
        if let Some(what) = &file.wait {
            return self.wait(builder, what, file.timeout.as_ref());
        }
        if let Some(name) = &file.bind {
            return self.bind(builder, name, file.node.as_ref());
        }
        if let Some(phase) = &file.phase {
            return self.phase(builder, phase);
        }
        if file.reflect.is_some() {
            return Some(Action::Reflect);
        }
        let (ask, kind) = match (&file.predict, &file.observe) {
            (Some(ask), _) => (ask, StepKind::Predict),
            (None, ask) => (ask.as_ref()?, StepKind::Observe),
        };
        self.say(builder, ask, kind, file.choose.as_ref())
    }

    fn verb(&mut self, builder: &mut Builder<'_>, line: &Text) -> Option<Action> {
        let verb = self.line(builder, line)?;
        if !self.lab.verbs.contains(&verb) {
            let problem = format!("the lab does not offer `{verb}`; add it to allow.verbs, or do without it");
            builder.wrong(line.span(), &self.key, problem);
        }
        Some(Action::Do(line.get_ref().clone()))
    }

    /// Tries a line of a fault script. Returns its verb.
    fn line(&mut self, builder: &mut Builder<'_>, line: &Text) -> Option<String> {
        let mut tried = line.get_ref().clone();
        let nodes = self.lab.spec(self.phase, 1, TimingProfile::Human).nodes;
        for (at, (name, _)) in self.bound.iter().enumerate() {
            // Names stand for nodes that differ, as far as there are some.
            let node = nodes.get(at % nodes.len().max(1)).map_or_else(String::new, ToString::to_string);
            tried = tried.replace(&format!("${name}"), &node);
        }
        for (name, param) in &self.lab.params {
            let example = match param {
                Param::Pick(words) => words.first().cloned().unwrap_or_default(),
                Param::Int(low, _) => low.to_string(),
                Param::Shuffle(_) => String::new(), // A list is no argument of a verb.
            };
            tried = tried.replace(&format!("{{{name}}}"), &example);
        }
        if let Some(at) = tried.find(['$', '{']) {
            let problem = format!("`{}` is not known here; bind it, or declare it in [params], before", &tried[at..]);
            builder.wrong(line.span(), &self.key, problem);
            return None;
        }
        match verb_line(&tried) {
            Ok(timed) => self.whom(builder, line, &timed, nodes.len()),
            Err(problem) => {
                builder.wrong(line.span(), &self.key, problem);
                return None;
            }
        }
        Some(tried.split_whitespace().next().unwrap_or_default().to_owned())
    }

    /// Says whom a verb names though nobody is called so, in a phase whose nodes are those of its beginning.
    fn whom(&mut self, builder: &mut Builder<'_>, line: &Text, timed: &Timed, nodes: usize) {
        let members = ["add", "add-learner", "remove", "promote"];
        self.members_change |= members.iter().any(|verb| line.get_ref().starts_with(verb));
        if self.members_change || self.bound.len() > nodes {
            return;
        }
        let state = ClusterState::before(&self.lab.spec(self.phase, 1, TimingProfile::Human));
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        if let Err(unresolved) = timed.resolve(&state, &mut rng)
            && !unresolved.may_pass
        {
            builder.wrong(line.span(), &self.key, unresolved.problem);
        }
    }

    fn wait(&mut self, builder: &mut Builder<'_>, what: &Text, timeout: Option<&Text>) -> Option<Action> {
        if parse_duration(what.get_ref()).is_some() {
            return Some(Action::Wait(builder.duration(what, &self.key)));
        }
        if is_like_a_duration(what.get_ref()) {
            // It is told as what it was meant to be.
            builder.duration(what, &self.key);
            return None;
        }
        let timeout = timeout.map_or(PATIENCE, |timeout| builder.duration(timeout, &self.key));
        let expr = builder.expr(what, Wanted::Truth, &self.bound, &self.key)?;
        Some(Action::Until(Arc::new(expr), timeout))
    }

    fn bind(&mut self, builder: &mut Builder<'_>, name: &Text, node: Option<&Text>) -> Option<Action> {
        let Some(node) = node else {
            builder.wrong(name.span(), &self.key, "which node? write for example node = \"@leader\"");
            return None;
        };
        let mut selector = node.get_ref().clone();
        for (name, _) in &self.bound {
            selector = selector.replace(&format!("${name}"), "n1");
        }
        if let Err(problem) = verb_line(&format!("crash {selector}")) {
            builder.wrong(node.span(), &self.key, problem);
            return None;
        }
        let plain = name.get_ref().starts_with(|c: char| c.is_ascii_alphabetic());
        let plain = plain && name.get_ref().bytes().all(|b| b.is_ascii_alphanumeric());
        if !plain || STATE.iter().any(|word| word.name == name.get_ref()) {
            builder.wrong(name.span(), &self.key, "a name is made of letters and digits, and means nothing else");
            return None;
        }
        self.bound.push((name.get_ref().clone(), Kind::Text));
        Some(Action::Bind(name.get_ref().clone(), node.get_ref().clone()))
    }

    fn phase(&mut self, builder: &mut Builder<'_>, phase: &Text) -> Option<Action> {
        let at = self.lab.phases.iter().position(|it| it.id == *phase.get_ref());
        match at {
            Some(at) if at > self.phase => {
                self.phase = at;
                self.members_change = false;
                self.bound.clear();
                Some(Action::Phase(at))
            }
            Some(_) => {
                builder.wrong(phase.span(), &self.key, "phases come in order, and a script begins in the first");
                None
            }
            None => {
                builder.unknown(phase, &self.key, "phase", self.lab.phases.iter().map(|phase| phase.id.as_str()));
                None
            }
        }
    }

    fn say(&mut self, builder: &mut Builder<'_>, ask: &Text, kind: StepKind, choose: Option<&Text>) -> Option<Action> {
        let steps = self.lab.steps.iter().filter(|step| step.kind == kind);
        let known: Vec<_> = steps.flat_map(|step| &step.asks).collect();
        let Some(found) = known.iter().find(|it| it.id == *ask.get_ref()) else {
            builder.unknown(ask, &self.key, "question of that kind", known.iter().map(|ask| ask.id.as_str()));
            return None;
        };
        let Some(choose) = choose else {
            builder.wrong(ask.span(), &self.key, "which answer? write choose = \"…\"");
            return None;
        };
        if !found.options.contains(choose.get_ref()) {
            builder.unknown(choose, &self.key, "answer here", found.options.iter().map(String::as_str));
        }
        Some(Action::Say(ask.get_ref().clone(), choose.get_ref().clone(), kind == StepKind::Predict))
    }

    /// Nobody begins an experiment before the prediction is sealed, and all phases are gone through.
    fn golden(&self, builder: &mut Builder<'_>, file: &ScriptFile, actions: &[Action]) {
        if let Some(most) = self.lab.max_faults {
            for phase in actions.split(|action| matches!(action, Action::Phase(_))) {
                let faults = phase.iter().filter(|action| breaks(action)).count();
                if faults > most as usize {
                    let problem = format!(
                        "it causes {faults} faults in a phase, and the lab allows {most}; raise allow.max_faults, or do with fewer"
                    );
                    builder.wrong(file.actions.span(), &self.key, problem);
                }
            }
        }
        let predictions =
            self.lab.steps.iter().filter(|step| step.kind == StepKind::Predict).flat_map(|step| &step.asks);
        let said: Vec<&String> = actions
            .iter()
            .filter_map(|action| if let Action::Say(ask, ..) = action { Some(ask) } else { None })
            .collect();
        let observed = self.lab.steps.iter().filter(|step| step.kind == StepKind::Observe).flat_map(|step| &step.asks);
        for ask in predictions.chain(observed).filter(|ask| !said.contains(&&ask.id)) {
            builder.wrong(file.actions.span(), &self.key, format!("it does not answer `{}`; add that", ask.id));
        }
        if self.phase + 1 != self.lab.phases.len() {
            builder.wrong(file.actions.span(), &self.key, "it does not come to the last phase; add { phase = \"…\" }");
        }
    }
}

/// Returns whether an action causes a fault, by its verb.
fn breaks(action: &Action) -> bool {
    let Action::Do(line) = action else { return false };
    let verb = line.split_whitespace().next().unwrap_or_default();
    FAULTS.iter().any(|row| row.verb == verb) || ["partition", "shape"].contains(&verb)
}

/// Returns whether somebody who wrote this meant a span of time.
fn is_like_a_duration(text: &str) -> bool {
    let rest = text.trim().trim_start_matches(['-', '+']);
    let unit = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == ',');
    unit.len() < rest.len() && unit.trim().chars().all(|c| c.is_ascii_alphabetic())
}
