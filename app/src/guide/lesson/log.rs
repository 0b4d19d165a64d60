//! An attempt is written down while it goes on, and sealed as evidence when it is over.

use std::{path::Path, time::Duration};

use cluster_core::lab::{
    Deed, Did,
    evidence::{AttemptLog, Closing, EvidenceError, Head},
};

use super::{Lesson, unix_ms};

impl Lesson {
    /// Writes a deed down.
    pub(in crate::guide) fn did(&mut self, did: Did) {
        let deed = Deed { at_ms: unix_ms(), did };
        self.journal.deeds.push(deed.clone());
        let noted = self.log.as_mut().map_or(Ok(()), |log| log.note(deed));
        self.lose_log(noted);
    }

    /// Begins to write the attempt down in a folder, or goes on with what is there.
    pub(in crate::guide) fn begin_log(&mut self, home: &Path) {
        let Some(lab) = &self.lab else { return };
        let folder = home.join("attempts").join(format!("{}-{}", self.journal.lab, self.journal.began_ms));
        let head = Head::of(lab, self.journal.seed, self.journal.profile, self.backend, self.journal.began_ms);
        let log =
            if self.journal.deeds.is_empty() { AttemptLog::begin(&folder, head) } else { AttemptLog::resume(&folder) };
        match log {
            Ok(log) => {
                // What was written down last counts: a kill may have come between the two files.
                self.journal.deeds = log.deeds().to_vec();
                self.log = Some(log);
            }
            Err(why) => self.evidence = Some(Err(why.to_string())),
        }
    }

    /// Waits for the disk now and then.
    pub(in crate::guide) fn tick_log(&mut self) {
        let now = Duration::from_secs_f64(self.now.max(0.0));
        let ticked = self.log.as_mut().map_or(Ok(()), |log| log.tick(now));
        self.lose_log(ticked);
    }

    /// Makes evidence of the attempt, which is over.
    pub(in crate::guide) fn seal(&mut self) {
        let Some(log) = self.log.take() else { return };
        let closing = Closing::of(unix_ms(), self.journal.active_ms, self.goals(), self.score().unwrap_or_default());
        self.evidence = Some(log.finish(&closing).map_err(|why| why.to_string()));
    }

    fn lose_log(&mut self, result: Result<(), EvidenceError>) {
        if let Err(why) = result {
            (self.log, self.evidence) = (None, Some(Err(why.to_string())));
        }
    }
}
