//! The clusters of a lab: begins that of a phase, follows its goals, and leaves it when it is over.

use std::path::PathBuf;

use cluster_core::{ids::Seq, lab::Did, origin::Origin, trace::TraceStore};

use super::{
    Ended,
    phase::{Begin, PhaseRun},
};
use crate::{
    app::App,
    source::{Recording, Start},
};

impl App {
    /// Shows the run that the next step is about, if it is over and was recorded; or the cluster of its phase, not started.
    pub(super) fn empty_stage(&mut self) {
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

    /// Starts the cluster of the phase of the next step. With a goal, it is shown how that is met.
    pub(super) fn begin_phase(&mut self, demo: Option<String>, ctx: &egui::Context) {
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
    pub(super) fn follow_anew(&mut self, ctx: &egui::Context) {
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

    /// The phase is over, all is decided: its cluster ends, and the next step comes.
    pub(super) fn leave_phase(&mut self, ended: Ended, ctx: &egui::Context) {
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
}

pub(super) fn wake(ctx: &egui::Context) -> impl Fn() + Send + 'static {
    let ctx = ctx.clone();
    move || ctx.request_repaint()
}
