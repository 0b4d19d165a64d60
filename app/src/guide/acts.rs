//! Carries out what the user meant with a lab, and lets time pass for it.

use std::path::{Path, PathBuf};

use cluster_core::{event::TraceEvent, lab::Did, origin::BackendKind};

use super::{
    GuideAction, Lesson,
    lesson::unix_ms,
    reload::{Files, read_lab},
    shelf::folder_of,
    stage::wake,
};
use crate::{app::App, theme};

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
        for (by, command) in commands {
            self.source.send(by, command);
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

    pub(super) fn in_lesson(&mut self, change: impl FnOnce(&mut Lesson)) {
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

    /// Keeps where the attempt is.
    pub(super) fn keep_lesson(&mut self) {
        let Some(lesson) = &self.guide.lesson else { return };
        if let Some(bookmark) = lesson.bookmark() {
            let lab = bookmark.journal.lab.clone();
            self.guide.keeper.record(&lab).open = Some(bookmark);
        }
    }
}

/// Draws the seed of an attempt: short enough to be read out.
fn fresh_seed() -> u64 {
    1 + unix_ms() % 1_000_000
}
