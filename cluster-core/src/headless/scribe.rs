//! Writes down an attempt that a script makes, as the window does for a learner.

use std::{path::Path, path::PathBuf};

use crate::{
    lab::{
        Action, Attempt, Deed, Did, Lab, LabProgress, Outcome, Play, Segment, StepKind,
        evidence::{AttemptLog, Closing, EvidenceError, Head},
    },
    origin::BackendKind,
};

/// Writes down an attempt.
#[derive(Debug)]
pub struct Scribe {
    log: AttemptLog,
    /// The time of the attempt: cluster time passes, and nothing else.
    now_ms: u64,
}

impl Scribe {
    /// Begins an attempt in a folder, at a moment of Unix time.
    pub fn begin(
        folder: &Path,
        lab: &Lab,
        attempt: &Attempt,
        backend: BackendKind,
        script: &str,
        now_ms: u64,
    ) -> Result<Self, EvidenceError> {
        let head = Head::of(lab, attempt.seed, attempt.profile, backend, now_ms);
        let head = Head { script: Some(script.to_owned()), ..head };
        Ok(Self { log: AttemptLog::begin(folder, head)?, now_ms })
    }

    /// Writes down that a phase begins. Returns where its recording belongs.
    pub(super) fn begins(&mut self, lab: &Lab, segment: &Segment) -> Result<PathBuf, EvidenceError> {
        for action in &segment.actions {
            if let Action::Say(ask, option, true) = action {
                self.note(Did::Predicted { ask: ask.clone(), option: option.clone() })?;
            }
        }
        let phase = lab.phases.get(segment.phase).map_or(String::new(), |phase| phase.id.clone());
        let path = self.log.recording(&phase, 1);
        self.note(Did::Began { phase, nth: 1 })?;
        Ok(path)
    }

    /// Writes down what came of a phase.
    pub(super) fn ended(
        &mut self,
        lab: &Lab,
        segment: &Segment,
        play: &Play,
        progress: &LabProgress<'_>,
    ) -> Result<(), EvidenceError> {
        let state = progress.state();
        self.now_ms += state.at.since_start().as_millis() as u64;
        let phase = lab.phases.get(segment.phase).map_or(String::new(), |phase| phase.id.clone());
        self.note(Did::Ended { phase, until: state.next })?;
        for action in &segment.actions {
            match action {
                Action::Say(ask, option, false) if play.said().iter().any(|(said, _)| said == ask) => {
                    self.note(Did::Observed { ask: ask.clone(), option: option.clone() })?;
                }
                Action::Say(..)
                | Action::Reflect
                | Action::Do(_)
                | Action::Wait(_)
                | Action::Until(..)
                | Action::Bind(..)
                | Action::Phase(_) => {}
            }
        }
        if play.has_thought() {
            self.reflect(lab)?;
        }
        Ok(())
    }

    /// Ends the attempt. Returns where the evidence is.
    pub fn finish(mut self, lab: &Lab, outcome: &Outcome) -> Result<PathBuf, EvidenceError> {
        self.note(Did::Finished)?;
        let began = self.log.head().began_ms;
        self.log.finish(&Closing::of(self.now_ms, self.now_ms - began, outcome.goals.clone(), outcome.score(lab)))
    }

    /// A script thinks as many words as are asked for, and says so.
    fn reflect(&mut self, lab: &Lab) -> Result<(), EvidenceError> {
        for step in lab.steps.iter().filter(|step| step.kind == StepKind::Reflect) {
            let text = vec!["scripted"; step.min_words.max(1) as usize].join(" ");
            self.note(Did::Reflected { step: step.id.clone(), text })?;
        }
        Ok(())
    }

    fn note(&mut self, did: Did) -> Result<(), EvidenceError> {
        self.log.note(Deed { at_ms: self.now_ms, did })
    }
}
