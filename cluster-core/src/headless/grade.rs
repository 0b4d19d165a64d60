//! Grades evidence: the goals are evaluated again from its recordings, by what evaluates them while they are reached.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use super::{Again, HeadlessError, plausible::Plausible, rerun_simulated};
use crate::{
    ids::Seq,
    lab::{
        Answer, Did, GoalState, Journal, Lab, LabProgress, Outcome, Palette, Score, StepKind, Verdict, drawn,
        evidence::{Closing, Evidence, EvidenceError, Head},
    },
    spec::ClusterSpec,
    trace::{Recording, RecordingError, line},
};

/// So many files that hold the same recording are named.
const NAMES_MAX: usize = 3;

/// How far evidence can be relied on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Light {
    /// Nothing speaks against it.
    #[default]
    Green,
    /// Somebody should have a look.
    Yellow,
    /// It is not as it was written, or cannot have happened.
    Red,
}

impl Light {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Red => "red",
        }
    }
}

/// Something that speaks against evidence. It is no accusation: who grades decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// How much.
    pub light: Light,
    /// What, with its place.
    pub what: String,
}

/// What an attempt is worth, by its evidence.
#[derive(Clone, Debug)]
pub struct Grade {
    /// The file.
    pub file: PathBuf,
    /// What it is an attempt at.
    pub head: Head,
    /// The digest of the file.
    pub sha256: String,
    /// How far each goal came, evaluated anew; nothing if the lab is not at hand.
    pub goals: Vec<GoalState>,
    /// The points, counted anew; nothing if the lab is not at hand.
    pub score: Option<Score>,
    /// The predictions that were right, of how many.
    pub predictions: (u32, u32),
    /// The observations that were right, of how many.
    pub observed: (u32, u32),
    /// How many hints were taken, of each level.
    pub hints: [u32; 3],
    /// How often a phase was begun again.
    pub resets: u32,
    /// How the attempt ended, as the program saw it that made it.
    pub closing: Option<Closing>,
    /// What speaks against it.
    pub reasons: Vec<Reason>,
    /// The digests of its recordings.
    pub recordings: Vec<String>,
}

impl Grade {
    /// Returns how far it can be relied on.
    pub fn light(&self) -> Light {
        self.reasons.iter().map(|reason| reason.light).max().unwrap_or_default()
    }

    /// Returns how many of its goals are met, of those that count.
    pub fn met(&self) -> (usize, usize) {
        let count = self.goals.iter().filter(|goal| !goal.optional);
        (count.clone().filter(|goal| goal.verdict == Verdict::Met).count(), count.count())
    }

    /// Says what speaks against it, once.
    pub(super) fn say(&mut self, light: Light, what: impl Into<String>) {
        let reason = Reason { light, what: what.into() };
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }
}

/// Grades an attempt. `lab` is the lab of its id, if it is at hand; `scratch` a folder for the recordings, one at a time.
pub fn grade(
    evidence: &Evidence,
    lab: Option<&Lab>,
    scratch: &Path,
    stop: &AtomicBool,
) -> Result<Grade, EvidenceError> {
    let mut grade = before(evidence);
    for broken in &evidence.breaks {
        grade.say(Light::Red, format!("record {}: {}", broken.record, broken.what));
    }
    if evidence.closing.is_none() {
        grade.say(Light::Red, "it has no end: the attempt was not finished, or the file was cut off or changed there");
    }
    if let Some(script) = &evidence.head.script {
        grade.say(Light::Yellow, format!("it was made by the script `{script}`, not by a learner"));
    }
    let Some(lab) = lab else {
        let Head { lab, version, .. } = &evidence.head;
        let what = format!("the lab `{lab}` {version} is not at hand, so nothing was evaluated; give --labs or --pack");
        grade.say(Light::Yellow, what);
        return Ok(grade);
    };
    let same = compare_labs(&mut grade, lab);
    let mut answers = BTreeMap::new();
    grade.goals = Outcome::before(lab).goals;
    for phase in 0..lab.phases.len() {
        let mut grading = PhaseGrading { grade: &mut grade, evidence, lab, phase, same };
        if let Some(found) = grading.evaluate(scratch, stop)? {
            answers.extend(found);
        }
    }
    count(&mut grade, &evidence.journal, lab, &answers);
    compare_with_closing(&mut grade, same);
    order(&mut grade, &evidence.journal, lab);
    Ok(grade)
}

/// Finds recordings that several files have in common.
pub fn compare_grades(grades: &mut [Grade]) {
    let mut holders: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, grade) in grades.iter().enumerate() {
        for digest in &grade.recordings {
            holders.entry(digest).or_default().push(at);
        }
    }
    let mut told: Vec<(usize, String)> = Vec::new();
    for (at, files) in holders.values().flat_map(|files| files.iter().map(move |at| (*at, files))) {
        // The same file twice is one attempt that was given twice.
        let others = files.iter().filter(|other| grades[**other].sha256 != grades[at].sha256);
        let names: BTreeSet<String> = others.map(|other| grades[*other].file.display().to_string()).collect();
        let more = names.len().saturating_sub(NAMES_MAX);
        let more = if more > 0 { format!(" and {more} more files") } else { String::new() };
        let names: Vec<String> = names.into_iter().take(NAMES_MAX).collect();
        if !names.is_empty() {
            told.push((at, format!("the same recording is in {}{more}", names.join(", "))));
        }
    }
    for (at, what) in told {
        grades[at].say(Light::Red, what);
    }
}

fn before(evidence: &Evidence) -> Grade {
    let mut hints = [0; 3];
    let mut resets = 0;
    for deed in &evidence.journal.deeds {
        match &deed.did {
            Did::Hinted { level, .. } => {
                if let Some(count) = usize::from(*level).checked_sub(1).and_then(|at| hints.get_mut(at)) {
                    *count += 1;
                }
            }
            // A demonstration is the last level of help.
            Did::Shown { .. } => hints[2] += 1,
            Did::Began { nth, .. } => resets += u32::from(*nth > 1),
            Did::Predicted { .. }
            | Did::Ended { .. }
            | Did::Observed { .. }
            | Did::Reflected { .. }
            | Did::Finished => {}
        }
    }
    Grade {
        file: evidence.path.clone(),
        head: evidence.head.clone(),
        sha256: evidence.sha256.clone(),
        goals: Vec::new(),
        score: None,
        predictions: (0, 0),
        observed: (0, 0),
        hints,
        resets,
        closing: evidence.closing.clone(),
        reasons: Vec::new(),
        recordings: evidence.recordings.iter().map(|kept| kept.sha256.clone()).collect(),
    }
}

/// Says how the lab at hand differs from that of the attempt. Returns whether it is the same.
fn compare_labs(grade: &mut Grade, lab: &Lab) -> bool {
    let head = grade.head.clone();
    if lab.definition != head.definition {
        let what = format!(
            "the lab at hand is another edition: it is {} with digest {}, the attempt was made at {} with {}",
            lab.version,
            short(&lab.definition),
            head.version,
            short(&head.definition)
        );
        grade.say(Light::Yellow, what);
        return false;
    }
    if drawn(lab, head.seed) != head.params {
        grade.say(Light::Red, format!("its parameters do not follow from its seed {}", head.seed));
    }
    true
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// Grades one phase.
struct PhaseGrading<'a> {
    grade: &'a mut Grade,
    evidence: &'a Evidence,
    lab: &'a Lab,
    phase: usize,
    /// Whether the lab at hand is the one of the attempt.
    same: bool,
}

impl PhaseGrading<'_> {
    /// Evaluates the goals of the last attempt at the phase. Returns the right answers to what is asked of it.
    fn evaluate(&mut self, scratch: &Path, stop: &AtomicBool) -> Result<Option<Vec<(String, String)>>, EvidenceError> {
        let id = self.lab.phases[self.phase].id.clone();
        let nth = self.evidence.journal.attempts_at(&id);
        if nth == 0 {
            return Ok(None);
        }
        let Some(kept) = self.evidence.recording(&id, nth) else {
            self.say(Light::Red, "its recording is missing");
            return Ok(None);
        };
        let path = scratch.join("phase.faultline");
        self.evidence.extract(kept, &path)?;
        let mut recording = match Recording::open(&path) {
            Ok(recording) => recording,
            Err(error) => {
                self.say(Light::Red, &format!("its recording cannot be read: {}", without(&path, &error)));
                return Ok(None);
            }
        };
        if recording.damage().is_some() || recording.torn_bytes() > 0 {
            self.say(Light::Red, "its recording is damaged; what stands before the damage was evaluated");
        }
        self.compare_specs(&recording);
        let answers = self.follow(&mut recording, &id, &path);
        if recording.origin().is_simulated() {
            self.execute_again(&mut recording, &path, stop);
        }
        Ok(Some(answers))
    }

    fn say(&mut self, light: Light, what: &str) {
        let id = &self.lab.phases[self.phase].id;
        let place = if id.is_empty() { "the experiment".to_owned() } else { format!("phase `{id}`") };
        self.grade.say(light, format!("{place}: {what}"));
    }

    /// A recording of another attempt ran on another cluster: its seed is another.
    fn compare_specs(&mut self, recording: &Recording) {
        let head = &self.evidence.head;
        let spec: ClusterSpec = self.lab.spec(self.phase, head.seed, head.profile);
        let found = recording.spec();
        let light = if self.same { Light::Red } else { Light::Yellow };
        if found.seed != spec.seed {
            let what = format!("it was recorded with seed {}, not with that of the attempt, {}", found.seed, spec.seed);
            self.say(Light::Red, &what);
        } else if *found != spec {
            self.say(light, "it was recorded on a cluster that is not that of the lab");
        }
        if recording.origin().backend != head.backend || recording.origin().branch.is_some() {
            self.say(Light::Red, "it was recorded in another way than the attempt says");
        }
    }

    fn follow(&mut self, recording: &mut Recording, id: &str, path: &Path) -> Vec<(String, String)> {
        let ended = self.evidence.journal.deeds.iter().rev().find_map(|deed| match &deed.did {
            Did::Ended { phase, until } if phase == id => Some(*until),
            _ => None, // Other deeds end no phase.
        });
        if ended.is_none() {
            self.say(Light::Yellow, "it was not ended; all of its recording was evaluated");
        } else if ended > Some(recording.end()) {
            self.say(Light::Red, "its recording ends before the phase did");
        }
        let until = ended.unwrap_or(Seq(u64::MAX));
        let mut progress = LabProgress::new(self.lab, self.phase, recording.spec());
        let live = !recording.origin().is_simulated();
        let human = live && self.evidence.head.script.is_none();
        let mut plausible = Plausible::new(recording.spec(), Palette::of(self.lab), live, human);
        'events: for block in 0..recording.blocks().len() {
            let events = match recording.read(block) {
                Ok(events) => events,
                Err(error) => {
                    self.say(Light::Red, &without(path, &error));
                    break;
                }
            };
            for event in &events {
                if event.seq >= until {
                    break 'events;
                }
                progress.see(event);
                plausible.see(event);
            }
        }
        for reason in plausible.reasons() {
            self.say(reason.light, &reason.what);
        }
        progress.finish();
        for state in progress.goals() {
            if let Some(goal) = self.grade.goals.iter_mut().find(|goal| goal.id == state.id) {
                *goal = state;
            }
        }
        progress.answers()
    }

    /// A simulated run is what its recipe makes of it, bit for bit.
    fn execute_again(&mut self, recording: &mut Recording, path: &Path, stop: &AtomicBool) {
        let ours = self.evidence.head.program == env!("CARGO_PKG_VERSION");
        let light = if ours { Light::Red } else { Light::Yellow };
        match rerun_simulated(recording, None, stop, &mut |_| {}) {
            Ok(Again::Same { .. }) => {}
            Ok(Again::Stopped { .. }) => self.say(Light::Yellow, "it was not executed again to its end"),
            Ok(Again::Differs(found)) => {
                let event = found.one.as_ref().or(found.other.as_ref());
                let at = event.map_or_else(String::new, |it| format!(" from {} on ({})", it.seq, line(&it.kind)));
                self.say(light, &format!("executed again, it is not the same{at}"));
            }
            Err(HeadlessError::Recording(error)) => self.say(Light::Red, &without(path, &error)),
            Err(error) => self.say(light, &format!("it cannot be executed again: {error}")),
        }
    }
}

/// Returns what is wrong with a recording. It was put beside the evidence to be read; nobody else knows it by that name.
fn without(path: &Path, error: &RecordingError) -> String {
    error.to_string().replace(&format!(": {}", path.display()), "")
}

fn count(grade: &mut Grade, journal: &Journal, lab: &Lab, answers: &BTreeMap<String, String>) {
    let right = |ask: &str| answers.get(ask).is_some_and(|right| journal.observed(ask) == Some(right));
    let least = |step: &str| lab.steps.iter().find(|known| known.id == step).map_or(0, |step| step.min_words);
    let words = |text: &str| text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).count();
    let thought = |step: &str| {
        journal.deeds.iter().any(|deed| match &deed.did {
            Did::Reflected { step: of, text } => of == step && words(text) >= least(step) as usize,
            _ => false, // Other deeds are no thoughts.
        })
    };
    for step in &lab.steps {
        for ask in &step.asks {
            let (of, is_right) = match (step.kind, &ask.answer) {
                (StepKind::Observe, _) => (&mut grade.observed, right(&ask.id)),
                (_, Answer::Fixed(answer)) => (&mut grade.predictions, journal.predicted(&ask.id) == Some(answer)),
                (_, Answer::Told(_)) => continue, // Only what was observed is asked of the run.
            };
            *of = (of.0 + u32::from(is_right), of.1 + 1);
        }
    }
    grade.score = Some(Score::of(lab, &grade.goals, &right, &thought));
}

fn compare_with_closing(grade: &mut Grade, same: bool) {
    let Some(closing) = grade.closing.clone() else { return };
    // Another edition of the lab may well say something else.
    let light = if same { Light::Red } else { Light::Yellow };
    for goal in grade.goals.clone() {
        let told = closing.goals.iter().find(|told| told.id == goal.id).map_or(Verdict::Pending, |told| told.verdict);
        if told != goal.verdict {
            let what = format!(
                "goal `{}` is {} by the recording, and the file says {}",
                goal.id,
                goal.verdict.word(),
                told.word()
            );
            grade.say(light, what);
        }
    }
    let points = grade.score.map(|score| [score.goals, score.observe, score.reflect]);
    if points.is_some_and(|points| points != closing.points) {
        let (ours, told) = (points.unwrap_or_default().iter().sum::<u32>(), closing.points.iter().sum::<u32>());
        grade.say(
            light,
            format!("by the recording and the answers it is worth {ours} points, and the file says {told}"),
        );
    }
}

/// A prediction that was made after the experiment began is none.
fn order(grade: &mut Grade, journal: &Journal, lab: &Lab) {
    let phase_of = |step: usize| {
        let named = lab.steps.iter().take(step + 1).rev().find_map(|step| step.phase.as_deref());
        named.unwrap_or(lab.phases[0].id.as_str())
    };
    let experiment = |ask: &str| {
        let step = lab.steps.iter().position(|step| step.asks.iter().any(|it| it.id == ask))?;
        let next = lab.steps.iter().skip(step).position(|step| step.kind == StepKind::Do)?;
        Some(phase_of(step + next))
    };
    let mut begun = Vec::new();
    let mut before = grade.head.began_ms;
    for deed in &journal.deeds {
        match &deed.did {
            Did::Began { phase, .. } => begun.push(phase.as_str()),
            Did::Predicted { ask, .. } if experiment(ask).is_some_and(|phase| begun.contains(&phase)) => {
                grade.say(Light::Red, format!("`{ask}` was predicted after its experiment began"));
            }
            _ => {} // Only predictions come before something.
        }
        if deed.at_ms < before {
            grade.say(
                Light::Yellow,
                "its deeds are not in the order of their times: a clock was set, or they were moved",
            );
            return;
        }
        before = deed.at_ms;
    }
}

#[cfg(test)]
#[path = "grade_tests.rs"]
mod tests;
