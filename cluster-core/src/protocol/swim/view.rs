//! What a learner may see of a member: its opinion of every other, its rumors, its doubt about itself.

use std::borrow::Cow;

use super::{Swim, Timer, variant::FLAWS};
use crate::{
    event::{DetectorView, NodeView, RoleKind, TimerView},
    name::Name,
    protocol::Protocol,
};

impl Swim {
    pub(super) fn fill_view(&self, view: &mut NodeView) {
        (view.role, view.role_name) = (RoleKind::Follower, Name::new("member"));
        view.opinions.clone_from(&self.opinions);
        view.detector = Some(DetectorView {
            incarnation: self.incarnation,
            self_doubt: self.health.doubt(),
            rumors: u32::try_from(self.engine.updates_backlog()).unwrap_or(u32::MAX),
            patience: self.settings.patience(self.opinions.len() + 1),
        });
        view.timer = self.suspicions.next().map(|next| TimerView {
            name: Self::timer_name(Timer::Suspicion(self.me)),
            from: next.began,
            until: next.until,
        });
        view.waiting_for = self.waiting_for();
        view.extra.clear();
        if let Some(flaw) = self.settings.flaw {
            view.extra.push((Name::new("variant"), FLAWS.name(flaw).to_owned()));
        }
        if self.refused > 0 {
            view.extra.push((Name::new("packets refused"), self.refused.to_string()));
        }
    }

    fn waiting_for(&self) -> Cow<'static, str> {
        if !self.joined {
            return "its life to be on disk".into();
        }
        if !self.heard && self.members.len() != 1 {
            return "another member to speak to it".into();
        }
        match self.health.waits_for() {
            Some((target, 1)) => format!("{target}, which it has another ping too").into(),
            Some((target, asked)) => format!("{target}, which it has {asked} others ping too").into(),
            None => "".into(),
        }
    }
}
