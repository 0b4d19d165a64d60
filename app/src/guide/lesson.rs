//! One lab that is open, and the attempt at it: which step is next, what was answered, and what came of the phases.

mod log;
mod standing;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use cluster_core::{
    lab::{Journal, Lab, LabError, Palette, Step, drawn, evidence::AttemptLog},
    origin::BackendKind,
    request::Request,
    trace::ClusterState,
};
use egui::ColorImage;

use super::{
    Allowed, Ended, Files, Marks, Offer, PhaseRun, Section, Shown,
    hints::Hints,
    keep::Bookmark,
    reload::{Content, Reading},
    text,
};
use crate::names::Names;

/// A lab that is open.
pub struct Lesson {
    /// Its folder.
    pub folder: PathBuf,
    /// What runs its clusters.
    pub backend: BackendKind,
    /// What is wrong with its files as they are now; the lab as it was read before stays.
    pub mistakes: Vec<LabError>,
    /// How often it was read.
    pub edition: u32,
    /// What was done.
    pub journal: Journal,
    /// Which step is next; the end, if it is behind the last.
    pub step: usize,
    /// Which step is looked at instead.
    pub looked: Option<usize>,
    /// The answers that were chosen, by question.
    pub chosen: BTreeMap<String, String>,
    /// Thoughts, by step.
    pub thoughts: BTreeMap<String, String>,
    /// The phase that runs, or ran last.
    pub run: Option<PhaseRun>,
    /// What came of the phases that are over, by their ids.
    pub ended: BTreeMap<String, Ended>,
    /// Where the evidence of the attempt is, once it is over; or why there is none.
    pub evidence: Option<Result<PathBuf, String>>,
    /// The seconds of the window's clock.
    pub now: f64,
    pub(super) hints: Hints,
    /// Whether the phase is about to end, and the next step comes then.
    pub(super) leaving: bool,
    pub(super) files: Option<Files>,
    /// The attempt as it is written down while it goes on; none if it is not kept.
    pub(super) log: Option<AttemptLog>,
    lab: Option<Arc<Lab>>,
    pictures: BTreeMap<String, Result<Arc<ColorImage>, String>>,
    texts: BTreeMap<String, Section>,
    palette: Palette,
    requests: Vec<Request>,
    names: Names,
    clock: ActiveTime,
}

/// How long the learner was at it.
#[derive(Clone, Copy, Debug, Default)]
struct ActiveTime {
    last: Option<f64>,
    touched: f64,
    secs: f64,
}

/// After so many seconds without a touch, the learner is taken to be away.
const AWAY: f64 = 90.0;

impl Lesson {
    /// Begins an attempt, or goes on with one that was kept. A lab that cannot be read has mistakes, and waits to be mended.
    pub(super) fn new(
        folder: PathBuf,
        backend: BackendKind,
        reading: Reading,
        kept: Option<Bookmark>,
        seed: u64,
    ) -> Self {
        let mut lesson = Self {
            folder,
            backend,
            mistakes: Vec::new(),
            edition: 0,
            journal: Journal { seed, began_ms: unix_ms(), ..Journal::default() },
            step: 0,
            looked: None,
            chosen: BTreeMap::new(),
            thoughts: BTreeMap::new(),
            run: None,
            ended: BTreeMap::new(),
            evidence: None,
            now: 0.0,
            hints: Hints::default(),
            leaving: false,
            files: None,
            log: None,
            lab: None,
            pictures: BTreeMap::new(),
            texts: BTreeMap::new(),
            palette: Palette::default(),
            requests: Vec::new(),
            names: Names::default(),
            clock: ActiveTime::default(),
        };
        let mut step = None;
        if let Some(kept) = kept {
            (lesson.journal, lesson.chosen, lesson.thoughts) = (kept.journal, kept.chosen, kept.thoughts);
            (lesson.backend, lesson.ended) = (kept.backend, kept.ended);
            lesson.clock.secs = lesson.journal.active_ms as f64 / 1000.0;
            step = Some(kept.step);
        }
        lesson.take(reading);
        if let (Some(step), Some(lab)) = (step, &lesson.lab) {
            lesson.step = lab.steps.iter().position(|known| known.id == step).unwrap_or(lab.steps.len());
        }
        lesson
    }

    /// Takes a reading over. A lab that was read wrongly leaves the one before as it is. Returns whether it is another lab.
    pub(super) fn take(&mut self, reading: Reading) -> bool {
        match reading {
            Ok(Content { lab, pictures }) => {
                let here = self.lab.as_ref().and_then(|lab| lab.steps.get(self.step)).map(|step| step.id.clone());
                if let Some(here) = here {
                    let moved = lab.steps.iter().position(|step| step.id == here);
                    self.step = moved.unwrap_or(self.step.min(lab.steps.len()));
                }
                if self.journal.lab.is_empty() {
                    self.journal.profile = lab.cluster.profile;
                }
                (self.journal.lab, self.journal.version) = (lab.id.clone(), lab.version.clone());
                self.texts = text::sections(&lab, &drawn(&lab, self.journal.seed));
                (self.palette, self.requests) = (Palette::of(&lab), lab.requests(self.journal.seed));
                self.names = Names::of(lab.node_names(self.journal.seed));
                (self.lab, self.pictures, self.mistakes) = (Some(lab), pictures, Vec::new());
                self.edition += 1;
                true
            }
            Err(mistakes) => {
                self.mistakes = mistakes;
                false
            }
        }
    }

    /// Returns the lab, if it could ever be read.
    pub fn lab(&self) -> Option<&Arc<Lab>> {
        self.lab.as_ref()
    }

    /// Returns what the nodes are called in this attempt.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Returns a section of its text.
    pub fn section(&self, anchor: &str) -> Option<&Section> {
        self.texts.get(anchor.trim_start_matches('#'))
    }

    /// Returns a picture of its text, or why there is none.
    pub fn picture(&self, name: &str) -> Result<&Arc<ColorImage>, &str> {
        match self.pictures.get(name) {
            Some(picture) => picture.as_ref().map_err(String::as_str),
            None => Err("it is not in the folder media/"),
        }
    }

    /// Returns the step that is shown; none at the end.
    pub fn shown_step(&self) -> Option<&Step> {
        self.lab.as_ref()?.steps.get(self.looked.unwrap_or(self.step))
    }

    /// Returns the step that is next; none at the end.
    pub fn next_step(&self) -> Option<&Step> {
        self.lab.as_ref()?.steps.get(self.step)
    }

    /// Returns the phase that a step is about: its own, or that of the last experiment before it.
    pub fn phase_of(&self, step: usize) -> usize {
        let Some(lab) = &self.lab else { return 0 };
        let named = lab.steps.iter().take(step + 1).rev().find_map(|step| step.phase.as_ref());
        named.and_then(|id| lab.phases.iter().position(|phase| phase.id == *id)).unwrap_or(0)
    }

    /// Returns the id of a phase.
    pub fn phase_id(&self, phase: usize) -> &str {
        self.lab.as_ref().and_then(|lab| lab.phases.get(phase)).map_or("", |phase| phase.id.as_str())
    }

    /// Returns what may be asked of the cluster.
    pub fn allowed(&self) -> Allowed {
        let (caused, demo) = self.run.as_ref().map_or((0, false), |run| (run.caused, run.demo));
        Allowed { palette: self.palette.clone(), caused, demo, requests: self.requests.clone() }
    }

    /// Returns what help is offered now.
    pub fn offer(&self) -> Option<Offer> {
        let (lab, run) = (self.lab.as_ref()?, self.run.as_ref().filter(|run| !run.demo)?);
        self.hints.offer(lab, run, &self.texts, self.now, lab.script("golden").is_some())
    }

    /// Returns the help that was shown and still helps: the hint, and how much of it.
    pub fn hint_shown(&self) -> Option<(usize, Shown)> {
        let (lab, run) = (self.lab.as_ref()?, self.run.as_ref()?);
        let hint = Hints::current(lab, run)?;
        Some((hint, self.hints.shown(hint)?))
    }

    /// Returns the hints that came by themselves and are to be read now.
    pub fn hints_here(&self) -> Vec<usize> {
        self.hints.here(self.now).collect()
    }

    /// Returns what the hints that are shown point at.
    pub fn marks(&self, state: &ClusterState) -> Marks {
        let (Some(lab), Some(run)) = (&self.lab, &self.run) else { return Marks::default() };
        if run.told().ended.is_some() || run.demo {
            return Marks::default();
        }
        let levels = |hint: usize| lab.hints.get(hint).map_or(&[][..], |hint| &hint.levels[..]);
        let last = self
            .hint_shown()
            .and_then(|(hint, shown)| levels(hint).get(..shown.levels.min(levels(hint).len()))?.last());
        let came = self.hints_here().into_iter().filter_map(|hint| levels(hint).last());
        let selectors = last.into_iter().chain(came).flat_map(|(_, highlight)| highlight);
        Marks::find(selectors.map(String::as_str), state)
    }

    /// Lets time pass. Returns whether another second of work is over.
    pub(super) fn pass(&mut self, now: f64, touched: bool) -> bool {
        self.now = now;
        let clock = &mut self.clock;
        let passed = now - clock.last.replace(now).unwrap_or(now);
        if touched {
            clock.touched = now;
        }
        let before = clock.secs;
        let over = self.lab.as_ref().is_some_and(|lab| self.step >= lab.steps.len());
        if now - clock.touched < AWAY && !over {
            clock.secs += passed.clamp(0.0, 1.0);
        }
        self.journal.active_ms = (clock.secs * 1000.0) as u64;
        before.floor() < clock.secs.floor()
    }

    /// Returns what is kept of the attempt.
    pub(super) fn bookmark(&self) -> Option<Bookmark> {
        let step = self.lab.as_ref()?.steps.get(self.step)?.id.clone();
        Some(Bookmark {
            journal: self.journal.clone(),
            step,
            chosen: self.chosen.clone(),
            thoughts: self.thoughts.clone(),
            backend: self.backend,
            ended: self.ended.clone(),
        })
    }
}

/// Returns how many words a text has.
pub fn words_in(text: &str) -> u32 {
    text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).count() as u32
}

pub(super) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
