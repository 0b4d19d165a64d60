//! What a learner sees of a server: what it holds, what it remembers, and who waits for it.

use super::{Rpc, variant::FLAWS};
use crate::{
    event::{NodeView, RoleKind},
    name::Name,
};

/// How many keys are shown with their values.
const SHOWN: usize = 4;

impl Rpc {
    pub(super) fn fill(&self, view: &mut NodeView) {
        (view.role, view.role_name) = (RoleKind::Follower, Name::new("server"));
        view.first_index = self.journal.base.next();
        view.commit_index = self.journal.last;
        view.applied_index = self.journal.last;
        view.persisted_index = self.journal.durable;
        view.state_hash = self.state.hash();
        view.keys = self.state.len() as u64;
        view.snapshot = self.journal.snapshot;
        // A server on its own is all there is to ask.
        if view.voters != [self.me] {
            view.voters = vec![self.me];
        }
        view.waiting_for = if self.held.is_empty() { "requests" } else { "its disk, before it answers" }.into();
        view.extra.clear();
        if let Some(flaw) = self.flaw {
            view.extra.push((Name::new("variant"), FLAWS.name(flaw).to_owned()));
        }
        view.extra.push((Name::new("holds"), self.holds()));
        view.extra.push((Name::new("executed"), self.journal.last.to_string()));
        view.extra.push((Name::new("remembers"), self.remembers()));
        view.extra.push((Name::new("repeats answered"), self.repeats.to_string()));
        view.extra.push((Name::new("unanswered"), self.held.len().to_string()));
    }

    fn holds(&self) -> String {
        let pairs = self.state.iter().take(SHOWN).map(|(key, value)| format!("{key:.12}={value:.12}"));
        let mut text = pairs.collect::<Vec<_>>().join(", ");
        match self.state.len().saturating_sub(SHOWN) {
            0 if text.is_empty() => text.push_str("nothing"),
            0 => {}
            more => text.push_str(&format!(" and {more} more")),
        }
        text
    }

    fn remembers(&self) -> String {
        match self.table.window() {
            None => "no requests".to_owned(),
            Some(window) => format!("{} of at most {window} requests", self.table.len()),
        }
    }
}
