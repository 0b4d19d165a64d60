//! Carries out what the user meant with a lab, and lets time pass for it.

use std::path::{Path, PathBuf};

use cluster_core::{
    command::Author,
    event::TraceEvent,
    ids::Seq,
    lab::{Did, StepKind},
    origin::{BackendKind, Origin},
    trace::TraceStore,
};

use super::{
    GuideAction, Lesson,
    lesson::{unix_ms, words_in},
    phase::{Begin, PhaseRun},
    reload::{Files, read_lab},
    shelf::folder_of,
};
use crate::{
    app::App,
    source::{Recording, Start},
    theme,
};

impl App {
    /// Says where labs are, and where what learners do is kept.
    pub fn set_labs(&mut self, labs: PathBuf, home: Option<PathBuf>) {
        self.guide = super::Guide::new(labs, home);
    }

    /// Opens a lab, by its id or its folder. With a seed, an attempt from the beginning.
    pub fn open_lab(&mut self, which: &str, backend: BackendKind, seed: Option<u64>, ctx: &egui::Context) {
        let folder = folder_of(&self.guide.shelf.folder, which);
        self.begin_lesson(&folder, backend, seed, ctx);
    }

    /// Returns the guide.
    pub fn guide(&self) -> &super::Guide {
        &self.guide
    }

    /// Carries one of them out.
    pub(crate) fn on_guide(&mut self, action: GuideAction, ctx: &egui::Context) {
        match action {
            GuideAction::ShowLabs => {
                self.guide.shelf.look();
                self.guide.labs_shown = true;
            }
            GuideAction::HideLabs => self.guide.labs_shown = false,
            GuideAction::Open(folder, backend) => self.begin_lesson(&folder, backend, None, ctx),
            GuideAction::Close => self.close_lesson(),
            GuideAction::StartOver => self.start_over(None, ctx),
            GuideAction::StartOverOn(backend) => self.start_over(Some(backend), ctx),
            GuideAction::Explain(word) => self.guide.explained = word,
            GuideAction::Choose(ask, option) => self.in_lesson(|lesson| drop(lesson.chosen.insert(ask, option))),
            GuideAction::Reflect(text) => self.in_lesson(|lesson| {
                if let Some(step) = lesson.next_step().map(|step| step.id.clone()) {
                    lesson.thoughts.insert(step, text);
                }
            }),
            GuideAction::Look(step) => self.in_lesson(|lesson| {
                lesson.looked = (step < lesson.step).then_some(step);
            }),
            GuideAction::Commit => self.commit(ctx),
            GuideAction::GoOn => self.go_on(ctx),
            GuideAction::Retry => self.begin_phase(None, ctx),
            GuideAction::Demonstrate(hint) => {
                let goal = |lesson: &Lesson| Some(lesson.lab()?.hints.get(hint)?.goal.clone());
                if let Some(goal) = self.guide.lesson.as_ref().and_then(goal) {
                    self.in_lesson(|lesson| lesson.did(Did::Shown { goal: goal.clone() }));
                    self.begin_phase(Some(goal), ctx);
                }
            }
            GuideAction::Hint(hint) => self.in_lesson(|lesson| {
                let level = lesson.hints.show(hint, lesson.now);
                if let Some(goal) = lesson.lab().and_then(|lab| lab.hints.get(hint)).map(|hint| hint.goal.clone()) {
                    lesson.did(Did::Hinted { goal, level });
                }
            }),
            GuideAction::ShowFolder => {
                let evidence = self.guide.lesson.as_ref().and_then(|lesson| lesson.evidence.as_ref());
                if let Some(folder) = evidence.and_then(|evidence| evidence.as_ref().ok()?.parent()) {
                    ctx.open_url(egui::OpenUrl::new_tab(format!("file://{}", folder.display())));
                }
            }
            GuideAction::ShowAnswer(ask) => self.show_answer(&ask),
        }
        self.keep_lesson();
    }

    /// Lets time pass for the lab that is open: its files may have changed, its goals may be met.
    pub(crate) fn guide_logic(&mut self, ctx: &egui::Context, real: f64) {
        if let Some(trouble) = self.guide.keeper.trouble() {
            self.toasts.warn(&trouble);
        }
        let Some(lesson) = &mut self.guide.lesson else { return self.guide.keeper.flush() };
        let touched = ctx.input(|input| !input.events.is_empty());
        let second = lesson.pass(real, touched);
        lesson.tick_log();
        let reading = lesson.files.as_ref().and_then(Files::reading);
        if reading.is_some_and(|reading| lesson.take(reading)) {
            self.follow_anew(ctx);
        }
        let Some(lesson) = &mut self.guide.lesson else { return };
        let Some(run) = &mut lesson.run else { return self.guide.keeper.flush() };
        let commands = run.listen();
        let over = run.told().ended.clone();
        if let Some(lab) = lesson.lab().cloned()
            && let Some(run) = lesson.run.as_ref().filter(|run| !run.demo)
        {
            for hint in lesson.hints.come(&lab, run, real) {
                lesson.did(Did::Hinted { goal: lab.hints[hint].goal.clone(), level: 0 });
            }
        }
        for command in commands {
            // The golden script acts, as it does without a window; its goals are followed on this cluster only.
            self.source.send(Author::Script, command);
        }
        if let Some(ended) = over {
            self.leave_phase(ended, ctx);
        }
        if second {
            self.keep_lesson();
        }
        self.guide.keeper.flush();
        // Hints come after a time, and time is shown.
        ctx.request_repaint_after(theme::GUIDE_TICK);
    }

    /// Shows the goals what happened.
    pub(crate) fn guide_sees(&mut self, events: &[TraceEvent]) {
        if let Some(run) = self.guide.lesson.as_mut().and_then(|lesson| lesson.run.as_mut()) {
            run.see(events, self.store.latest());
        }
    }

    fn in_lesson(&mut self, change: impl FnOnce(&mut Lesson)) {
        if let Some(lesson) = &mut self.guide.lesson {
            change(lesson);
        }
    }

    fn begin_lesson(&mut self, folder: &Path, backend: BackendKind, seed: Option<u64>, ctx: &egui::Context) {
        self.close_lesson();
        let reading = read_lab(folder);
        let id = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let kept = self.guide.keeper.kept.labs.get(&id).and_then(|record| record.open.clone());
        let kept = kept.filter(|_| seed.is_none());
        let mut lesson = Lesson::new(folder.to_owned(), backend, reading, kept, seed.unwrap_or_else(fresh_seed));
        match Files::watch(folder.to_owned(), wake(ctx)) {
            Ok(files) => lesson.files = Some(files),
            Err(why) => self.toasts.warn(&why),
        }
        if let Some(home) = self.guide.keeper.home() {
            lesson.begin_log(home);
        }
        self.guide.lesson = Some(lesson);
        self.guide.labs_shown = false;
        self.settings.hint_seen = true;
        self.settings.in_lab = true;
        self.settings.layout_mut().show("guide");
        self.empty_stage();
        self.enter_step(ctx);
        self.keep_lesson();
    }

    /// Leaves the lab; the attempt is kept.
    pub(crate) fn close_lesson(&mut self) {
        self.keep_lesson();
        self.guide.lesson = None;
        self.guide.explained = None;
        self.settings.in_lab = false;
    }

    fn start_over(&mut self, backend: Option<BackendKind>, ctx: &egui::Context) {
        let Some(lesson) = self.guide.lesson.take() else { return };
        self.guide.keeper.record(&lesson.journal.lab).open = None;
        let (folder, backend) = (lesson.folder.clone(), backend.unwrap_or(lesson.backend));
        drop(lesson);
        self.begin_lesson(&folder, backend, None, ctx);
    }

    /// Shows the run that the next step is about, if it is over and was recorded; or the cluster of its phase, not started.
    fn empty_stage(&mut self) {
        let Some(lesson) = &self.guide.lesson else { return };
        let phase = lesson.phase_of(lesson.step);
        let id = lesson.phase_id(phase);
        let file = lesson.log.as_ref().map(|log| log.recording(id, lesson.journal.attempts_at(id)));
        let over = file.filter(|_| lesson.ended.contains_key(id));
        if let Some((store, file)) = over.and_then(|file| Some((TraceStore::open(&file).ok()?, file))) {
            self.replace_for_lab(Box::new(Recording::of(store, file)));
            self.playback.seek(&self.store, self.store.end());
            return;
        }
        let spec = lesson.lab().map(|lab| lab.spec(phase, lesson.journal.seed, lesson.journal.profile));
        let store = TraceStore::of(spec.unwrap_or_default(), Origin::of(lesson.backend));
        self.replace_for_lab(Box::new(Recording::new(store)));
    }

    /// Begins what the next step needs: a phase, if it is an experiment.
    fn enter_step(&mut self, ctx: &egui::Context) {
        let kind = self.guide.lesson.as_ref().and_then(|lesson| lesson.next_step()).map(|step| step.kind);
        match kind {
            Some(StepKind::Do) => self.begin_phase(None, ctx),
            Some(StepKind::Predict | StepKind::Observe | StepKind::Reflect | StepKind::Read) => {}
            None => self.finish_lesson(),
        }
    }

    /// Starts the cluster of the phase of the next step. With a goal, it is shown how that is met.
    fn begin_phase(&mut self, demo: Option<String>, ctx: &egui::Context) {
        let Some(lesson) = &self.guide.lesson else { return };
        let Some(lab) = lesson.lab().cloned() else { return };
        let phase = lesson.phase_of(lesson.step);
        let id = lesson.phase_id(phase).to_owned();
        let (seed, profile) = (lesson.journal.seed, lesson.journal.profile);
        let nth = lesson.journal.attempts_at(&id) + u32::from(demo.is_none());
        let spec = Box::new(lab.spec(phase, seed, profile));
        let file = self.recording_of(&id, nth).filter(|_| demo.is_none());
        let start = match file {
            Some(file) => Start::Kept(lesson.backend, spec, file),
            None => Start::Cluster(lesson.backend, spec),
        };
        if !self.start_for_lab(start) {
            return;
        }
        let shows = demo.is_some();
        let Some(lesson) = &mut self.guide.lesson else { return };
        let begin = Begin { lab, phase, nth, seed, profile, demo, since: lesson.now };
        match PhaseRun::begin(begin, wake(ctx)) {
            Ok(run) => lesson.run = Some(run),
            Err(why) => self.toasts.warn(&why),
        }
        lesson.leaving = false;
        if !shows {
            lesson.hints = Default::default();
            lesson.ended.remove(&id);
            lesson.did(Did::Began { phase: id, nth });
        }
        self.settings.layout_mut().show("canvas");
    }

    /// Returns the file for the recording of a phase, if the attempt is kept.
    fn recording_of(&self, phase: &str, nth: u32) -> Option<PathBuf> {
        Some(self.guide.lesson.as_ref()?.log.as_ref()?.recording(phase, nth))
    }

    /// Follows the goals of a lab that was edited, from the first event of its phase on.
    fn follow_anew(&mut self, ctx: &egui::Context) {
        let store = &self.store;
        let Some(lesson) = &mut self.guide.lesson else { return };
        let (Some(lab), seed, profile) = (lesson.lab().cloned(), lesson.journal.seed, lesson.journal.profile) else {
            return;
        };
        if lesson.log.is_none()
            && lesson.journal.deeds.is_empty()
            && let Some(home) = self.guide.keeper.home()
        {
            lesson.begin_log(home);
        }
        if lesson.run.is_none() {
            // A lab that could not be read at first begins when it can.
            if store.is_empty() {
                self.empty_stage();
                self.enter_step(ctx);
            }
            return;
        }
        let since = lesson.now;
        if let Some(run) = lesson.run.as_mut().filter(|run| !run.demo && run.phase < lab.phases.len()) {
            let (phase, nth) = (run.phase, run.nth);
            let begin = Begin { lab, phase, nth, seed, profile, demo: None, since };
            let events = store.events(Seq(0)..store.len());
            if let Err(why) = run.follow_anew(begin, &events, wake(ctx)) {
                self.toasts.warn(&why);
            }
        }
    }

    /// Seals a prediction, or marks what was observed.
    fn commit(&mut self, ctx: &egui::Context) {
        let Some(lesson) = self.guide.lesson.as_mut().filter(|lesson| lesson.all_chosen()) else { return };
        let Some(step) = lesson.next_step() else { return };
        let kind = step.kind;
        let asks: Vec<String> = step.asks.iter().map(|ask| ask.id.clone()).collect();
        for ask in asks {
            let Some(option) = lesson.chosen.get(&ask).cloned() else { continue };
            if lesson.answered(kind, &ask).is_some() {
                continue;
            }
            lesson.did(match kind {
                StepKind::Observe => Did::Observed { ask, option },
                StepKind::Predict | StepKind::Do | StepKind::Reflect | StepKind::Read => Did::Predicted { ask, option },
            });
        }
        // What was observed is marked first; a prediction is sealed, and the experiment begins.
        if kind == StepKind::Predict {
            self.advance(ctx);
        }
    }

    fn go_on(&mut self, ctx: &egui::Context) {
        let Some(lesson) = &mut self.guide.lesson else { return };
        let Some((kind, id, least)) = lesson.next_step().map(|step| (step.kind, step.id.clone(), step.min_words))
        else {
            return;
        };
        match kind {
            StepKind::Predict => {}
            StepKind::Do => {
                let next = lesson.lab().and_then(|lab| lab.steps.get(lesson.step + 1));
                let same = next.is_some_and(|step| step.kind == StepKind::Do)
                    && lesson.phase_of(lesson.step + 1) == lesson.phase_of(lesson.step);
                match lesson.run.as_mut().filter(|run| !run.demo) {
                    Some(_) if same => lesson.step += 1,
                    Some(run) => {
                        run.finish();
                        lesson.leaving = true;
                    }
                    None => {}
                }
            }
            StepKind::Observe => {
                let given = |lesson: &Lesson| {
                    lesson
                        .next_step()
                        .is_some_and(|step| step.asks.iter().all(|ask| lesson.journal.observed(&ask.id).is_some()))
                };
                if given(lesson) {
                    self.advance(ctx);
                }
            }
            StepKind::Reflect => {
                let text = lesson.thoughts.get(&id).cloned().unwrap_or_default();
                if words_in(&text) >= least {
                    lesson.did(Did::Reflected { step: id, text });
                    self.advance(ctx);
                }
            }
            StepKind::Read => self.advance(ctx),
        }
    }

    /// The phase is over, all is decided: its cluster ends, and the next step comes.
    fn leave_phase(&mut self, ended: super::Ended, ctx: &egui::Context) {
        let Some(lesson) = &mut self.guide.lesson else { return };
        let Some(run) = &lesson.run else { return };
        let id = lesson.phase_id(run.phase).to_owned();
        let until = ended.until;
        lesson.ended.insert(id.clone(), ended);
        if !std::mem::take(&mut lesson.leaving) {
            return;
        }
        lesson.did(Did::Ended { phase: id, until });
        if let Err(why) = self.source.finish() {
            self.toasts.warn(&why);
        }
        self.advance(ctx);
        self.keep_lesson();
    }

    fn advance(&mut self, ctx: &egui::Context) {
        self.in_lesson(|lesson| {
            lesson.step += 1;
            lesson.looked = None;
        });
        self.enter_step(ctx);
    }

    /// The attempt is over.
    fn finish_lesson(&mut self) {
        let Some(lesson) = &mut self.guide.lesson else { return };
        if lesson.lab().is_none() || lesson.journal.deeds.iter().any(|deed| deed.did == Did::Finished) {
            return;
        }
        lesson.did(Did::Finished);
        let score = lesson.score().unwrap_or_default();
        let record = self.guide.keeper.record(&lesson.journal.lab);
        record.finished += 1;
        record.open = None;
        let points = (score.total(), score.most());
        record.best = Some(record.best.filter(|best| best.0 > points.0).unwrap_or(points));
        lesson.seal();
        self.guide.shelf.look();
    }

    fn show_answer(&mut self, ask: &str) {
        let Some(lesson) = &self.guide.lesson else { return };
        let asks = lesson.lab().into_iter().flat_map(|lab| &lab.steps).flat_map(|step| &step.asks);
        let found = asks.into_iter().find(|known| known.id == ask).and_then(|ask| lesson.right_answer(ask));
        if let Some((_, Some(seq))) = found {
            self.playback.seek_event(&self.store, seq);
            self.settings.layout_mut().show("canvas");
        }
    }

    /// Keeps where the attempt is.
    fn keep_lesson(&mut self) {
        let Some(lesson) = &self.guide.lesson else { return };
        if let Some(bookmark) = lesson.bookmark() {
            let lab = bookmark.journal.lab.clone();
            self.guide.keeper.record(&lab).open = Some(bookmark);
        }
    }
}

fn wake(ctx: &egui::Context) -> impl Fn() + Send + 'static {
    let ctx = ctx.clone();
    move || ctx.request_repaint()
}

/// Draws the seed of an attempt: short enough to be read out.
fn fresh_seed() -> u64 {
    1 + unix_ms() % 1_000_000
}
