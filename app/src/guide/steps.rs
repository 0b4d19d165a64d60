//! From step to step of a lab: answers are given, thoughts written down, and the next step comes.

use cluster_core::lab::{Did, StepKind};

use super::{Lesson, lesson::words_in};
use crate::app::App;

impl App {
    /// Begins what the next step needs: a phase, if it is an experiment.
    pub(super) fn enter_step(&mut self, ctx: &egui::Context) {
        let kind = self.guide.lesson.as_ref().and_then(|lesson| lesson.next_step()).map(|step| step.kind);
        match kind {
            Some(StepKind::Do) => self.begin_phase(None, ctx),
            Some(StepKind::Predict | StepKind::Observe | StepKind::Reflect | StepKind::Read) => {}
            None => self.finish_lesson(),
        }
    }

    /// Seals a prediction, or marks what was observed.
    pub(super) fn commit(&mut self, ctx: &egui::Context) {
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

    pub(super) fn go_on(&mut self, ctx: &egui::Context) {
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

    pub(super) fn advance(&mut self, ctx: &egui::Context) {
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

    pub(super) fn show_answer(&mut self, ask: &str) {
        let Some(lesson) = &self.guide.lesson else { return };
        let asks = lesson.lab().into_iter().flat_map(|lab| &lab.steps).flat_map(|step| &step.asks);
        let found = asks.into_iter().find(|known| known.id == ask).and_then(|ask| lesson.right_answer(ask));
        if let Some((_, Some(seq))) = found {
            self.playback.seek_event(&self.store, seq);
            self.settings.layout_mut().show("canvas");
        }
    }
}
