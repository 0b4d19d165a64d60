//! Carries out what the user meant with time and with other runs.

use cluster_core::{
    command::{Author, Command},
    ids::Seq,
    trace::{MarkKind, Recipe, TraceStore},
    until::{Until, Wait},
};

use super::{Align, Errand, Goal, JumpTo, Travel, TravelAction, errand::Progress, fork_of};
use crate::{
    app::App,
    reading::Purpose,
    source::{Recording, Start},
};

impl App {
    /// Carries one of them out.
    pub(crate) fn on_travel(&mut self, action: TravelAction, ctx: &egui::Context) {
        let leaves = matches!(action, TravelAction::Fork | TravelAction::RunAgain);
        if leaves && self.guide.lesson.is_some() {
            self.toasts.warn("A lab is open, and it is about this run: close it to go another way");
            return;
        }
        match action {
            TravelAction::Until(until) => self.run_until(until),
            TravelAction::Stop => self.stop_errand(),
            TravelAction::Jump(to, forward) => self.jump(to, forward),
            TravelAction::SetJump(to) => self.travel.jump = to,
            TravelAction::SetSearch(text) => self.travel.search = text,
            TravelAction::ToggleBookmark => {
                let cursor = self.playback.cursor();
                let kept = self.travel.bookmarks.toggle(cursor.next, cursor.at);
                self.tell_if(kept);
            }
            TravelAction::RenameBookmark(next, name) => {
                let kept = self.travel.bookmarks.rename(next, &name);
                self.tell_if(kept);
            }
            TravelAction::RemoveBookmark(next) => {
                let kept = self.travel.bookmarks.remove(next);
                self.tell_if(kept);
            }
            TravelAction::Loop(span) => self.playback.set_span(&self.store, span),
            TravelAction::Fork => self.fork(ctx),
            TravelAction::RunAgain => self.run_again(ctx),
            TravelAction::Open(file) => self.read(&file, Purpose::ShowEnd, Recording::open, ctx),
            TravelAction::Compare(None) => self.travel.twin = None,
            TravelAction::Compare(Some(file)) => self.read(&file, Purpose::Compare, Recording::open, ctx),
            TravelAction::Align(align) => self.align(align),
        }
    }

    /// Goes on with what is under way to somewhere; once a frame.
    pub(crate) fn travel_on(&mut self, ctx: &egui::Context) {
        if !self.source.is_waiting() {
            self.travel.waiting = None;
        }
        if let Some(trouble) = self.travel.bookmarks.take_trouble() {
            self.toasts.warn(&trouble);
        }
        if let Some(trouble) = self.travel.broken_promise(&self.store) {
            self.toasts.warn(&trouble);
        }
        let cursor = self.playback.cursor();
        let comparing = self.travel.twin.as_mut().is_some_and(|twin| twin.follow(&self.store, cursor));
        let progress = self.travel.errand.as_mut().map(|errand| errand.advance(&self.store));
        match progress {
            None => {}
            Some(Progress::UnderWay) => ctx.request_repaint_after(crate::theme::FRAME),
            Some(Progress::Step) => drop(self.source.send(Author::User, Command::Step)),
            Some(Progress::Found(seq)) => {
                let steps = matches!(self.travel.errand.take(), Some(Errand::Steps { .. }));
                if !steps {
                    self.playback.seek_event(&self.store, seq);
                }
            }
            Some(Progress::NotThere(why)) => {
                self.travel.errand = None;
                self.toasts.tell(&why);
            }
        }
        if comparing {
            ctx.request_repaint_after(crate::theme::FRAME);
        }
    }

    fn tell_if(&mut self, kept: Result<(), String>) {
        if let Err(why) = kept {
            self.toasts.warn(&why);
        }
    }

    /// Lets what is shown go until something: a simulated cluster by itself, a live one step by step, a cursor in the past
    /// through what was recorded.
    fn run_until(&mut self, until: Until) {
        self.stop_errand();
        let now = self.source.commandable() && self.playback.cursor().live;
        if !now {
            let state = self.playback.state(&self.store);
            match Errand::forward(until, state) {
                Ok(errand) => self.travel.errand = Some(errand),
                Err(why) => self.toasts.warn(&why.to_string()),
            }
            return;
        }
        if !self.store.origin().is_simulated() {
            if self.store.latest().rate > 0.0 {
                self.source.send(Author::User, Command::Pause);
            }
            match Errand::steps(until, self.store.latest()) {
                Ok(errand) => self.travel.errand = Some(errand),
                Err(why) => self.toasts.warn(&why.to_string()),
            }
            return;
        }
        if let Err(why) = Wait::new(until.clone(), self.store.latest()) {
            return self.toasts.warn(&why.to_string());
        }
        if self.source.run_until(Author::User, until.clone()) {
            self.travel.waiting = Some(until);
        } else {
            self.toasts.warn("The cluster does not hear this: it has ended, or is far behind");
        }
    }

    fn stop_errand(&mut self) {
        self.travel.errand = None;
        if self.travel.waiting.take().is_some() {
            self.source.send(Author::User, Command::Pause);
        }
    }

    fn jump(&mut self, to: JumpTo, forward: bool) {
        let cursor = self.playback.cursor();
        let found = match to {
            JumpTo::Elections => mark(&self.store, cursor.next, forward, &[MarkKind::Leader, MarkKind::Election]),
            JumpTo::Faults => mark(&self.store, cursor.next, forward, &[MarkKind::Command, MarkKind::Down]),
            JumpTo::Events => {
                let last = if forward { cursor.next.0.checked_add(1) } else { cursor.next.0.checked_sub(1) };
                last.and_then(|next| next.checked_sub(1)).filter(|seq| *seq < self.store.len().0).map(Seq)
            }
            JumpTo::Bookmarks => return self.jump_to_bookmark(cursor.next, forward),
            JumpTo::Findings | JumpTo::Search => {
                let text = self.travel.search.trim().to_lowercase();
                if to == JumpTo::Search && text.is_empty() {
                    return self.toasts.tell("Write what to search for first");
                }
                let goal = if to == JumpTo::Findings { Goal::Finding } else { Goal::Text(text) };
                // Backwards, the event that is shown is not looked for again.
                let next = if forward { cursor.next } else { Seq(cursor.next.0.saturating_sub(1)) };
                self.travel.errand = Some(Errand::Search { goal, forward, next });
                return;
            }
        };
        match found {
            Some(seq) => self.playback.seek_event(&self.store, seq),
            None => self.toasts.tell(&nothing(to, forward)),
        }
    }

    fn jump_to_bookmark(&mut self, next: Seq, forward: bool) {
        let marks = self.travel.bookmarks.list();
        let found = match forward {
            true => marks.iter().find(|mark| mark.next > next.0),
            false => marks.iter().rfind(|mark| mark.next < next.0),
        };
        match found.map(|mark| (mark.next, mark.at())) {
            Some((next, at)) => self.playback.seek_moment(&self.store, Seq(next), at),
            None => self.toasts.tell(&nothing(JumpTo::Bookmarks, forward)),
        }
    }

    fn fork(&mut self, ctx: &egui::Context) {
        let cursor = self.playback.cursor();
        let (next, at) = (cursor.next.min(self.store.len()), cursor.at.min(self.store.end()));
        match fork_of(&self.store, self.travel.file.as_deref(), next, at) {
            Ok(start) => {
                let promise = next.0.checked_sub(1).and_then(|last| self.store.event(Seq(last)));
                if self.start(start, ctx) {
                    self.travel.promise = promise;
                    self.settings.layout_mut().show("runs");
                }
            }
            Err(why) => self.toasts.warn(&why),
        }
    }

    fn run_again(&mut self, ctx: &egui::Context) {
        if self.store.origin().is_simulated() {
            let (next, at) = (self.store.len(), self.store.end());
            return match fork_of(&self.store, self.travel.file.as_deref(), next, at) {
                Ok(start) => drop(self.start(start, ctx)),
                Err(why) => self.toasts.warn(&why),
            };
        }
        let recipe = Recipe::of(&self.store);
        let visits = recipe.visits;
        if self.start(Start::Again(Box::new(recipe)), ctx) {
            self.toasts
                .tell("The same commands at the same cluster times; what comes of them may differ, for real time does");
            if visits > 0 {
                self.toasts.tell(&format!("{visits} operations came from outside, and are not repeated"));
            }
        }
    }

    fn align(&mut self, align: Align) {
        let cursor = self.playback.cursor();
        let Some(twin) = &mut self.travel.twin else { return };
        if let Err(why) = twin.align(align, &self.store, cursor) {
            self.toasts.warn(&why);
        }
    }
}

/// Returns the event of the next mark of these kinds, or of the one before.
fn mark(store: &TraceStore, next: Seq, forward: bool, kinds: &[MarkKind]) -> Option<Seq> {
    let mut marks = store.timeline().marks.iter().filter(|mark| kinds.contains(&mark.kind));
    let found = match forward {
        true => marks.find(|mark| mark.seq >= next),
        false => marks.rfind(|mark| mark.seq.next() < next),
    };
    found.map(|mark| mark.seq)
}

fn nothing(to: JumpTo, forward: bool) -> String {
    let what = match to {
        JumpTo::Elections => "election",
        JumpTo::Findings => "finding",
        JumpTo::Faults => "fault",
        JumpTo::Bookmarks => "bookmark",
        JumpTo::Search => "such event",
        JumpTo::Events => "event",
    };
    format!("There is no {what} {}", if forward { "behind the cursor" } else { "before the cursor" })
}

impl Travel {
    /// Returns what is under way, in words as they follow "until".
    pub fn under_way(&self) -> Option<String> {
        let waiting = self.waiting.as_ref().map(Until::words);
        waiting.or_else(|| self.errand.as_ref().map(Errand::words))
    }
}
