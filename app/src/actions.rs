//! Carries actions out: the one place where what the user meant becomes so.

use std::path::Path;

use cluster_core::{
    command::{Author, Command},
    time::Timestamp,
};

use crate::{
    action::{Action, Selection},
    app::{App, Opener},
    layout::Layout,
    reading::{Purpose, Reading},
    source::{Source, Start},
    theme::Theme,
    travel::Twin,
};

impl App {
    /// Carries one action out.
    pub(crate) fn carry_out(&mut self, action: Action, ctx: &egui::Context) {
        match action {
            Action::Command(command) => self.send(command),
            Action::Start(start) => drop(self.start(start, ctx)),
            Action::OpenFile(path) => self.open_file(&path, ctx),
            Action::GiveUpReading => self.reading = None,
            Action::Select(selection) => self.select(selection),
            Action::Seek(at) => self.playback.seek(&self.store, at),
            Action::SeekEvent(seq) => self.playback.seek_event(&self.store, seq),
            Action::Why(subject) => {
                self.asked = Some((subject, self.playback.cursor().next));
                self.settings.layout_mut().show("why");
            }
            Action::GoLive => self.playback.go_live(),
            Action::TogglePlay => self.playback.toggle_play(&self.store),
            Action::SetPlaySpeed(speed) => self.playback.set_speed(speed),
            Action::ShowView(id) => self.settings.layout_mut().show(id),
            Action::ResetLayout if self.settings.in_lab => self.settings.lab_layout = Layout::of_labs(),
            Action::ResetLayout => self.settings.layout = Layout::default(),
            Action::ToggleTheme => {
                self.settings.dark = !self.settings.dark;
                self.theme = if self.settings.dark { Theme::dark() } else { Theme::light() };
                ctx.set_theme(self.theme.of_egui());
            }
            Action::SetScale(scale) => ctx.set_zoom_factor(scale.clamp(0.75, 3.0)),
            Action::Tool(action) => self.on_tool(action),
            Action::Travel(action) => self.on_travel(action, ctx),
            Action::Guide(action) => self.on_guide(action, ctx),
            Action::ToggleReducedMotion => self.settings.reduced_motion = !self.settings.reduced_motion,
        }
        ctx.request_repaint();
    }

    pub(crate) fn send(&mut self, command: Command) {
        if let Some(why) = self.guide.lesson.as_ref().and_then(|lesson| lesson.allowed().refusal(&command)) {
            return self.toasts.warn(&why);
        }
        let command = match command {
            Command::Inject(faults) if self.tools.staging => return self.stage(faults),
            Command::SetLinks(links) if self.tools.staging => return self.stage_rules(links),
            command => command, // nothing else breaks anything
        };
        if !self.source.commandable() {
            self.toasts.warn("A recording takes no commands: what happened, happened");
            return;
        }
        if let Command::SetRate(rate) = command {
            self.chrome.rate = rate;
        }
        if matches!(command, Command::Inject(_) | Command::SetLinks(_)) {
            self.settings.hint_seen = true;
        }
        if !self.source.send(Author::User, command) {
            self.toasts.warn("The cluster does not hear this: it has ended, or is far behind");
        }
    }

    /// Starts another run; the one before ends once that has succeeded. Returns whether it has.
    pub(crate) fn start(&mut self, start: Start, ctx: &egui::Context) -> bool {
        let Some(starter) = &self.starter else {
            self.toasts.warn("This window can start no cluster");
            return false;
        };
        match starter(start) {
            Ok(source) => {
                self.replace(source, ctx);
                true
            }
            Err(why) => {
                self.toasts.warn(&why);
                false
            }
        }
    }

    /// Starts another run for the lab that is open. Returns whether it has begun.
    pub(crate) fn start_for_lab(&mut self, start: Start) -> bool {
        let Some(starter) = &self.starter else {
            self.toasts.warn("This window can start no cluster");
            return false;
        };
        match starter(start) {
            Ok(source) => {
                self.replace_for_lab(source);
                true
            }
            Err(why) => {
                self.toasts.warn(&why);
                false
            }
        }
    }

    /// Shows another source for the lab that is open; the one before ends in good order, and nothing need be said of it.
    pub(crate) fn replace_for_lab(&mut self, source: Box<dyn Source>) {
        let mut before = self.show(source);
        if let Err(why) = before.finish() {
            self.toasts.warn(&why);
        }
    }

    /// Shows another source; the one before ends in good order. A lab that is open is left: it was about that one.
    pub(crate) fn replace(&mut self, source: Box<dyn Source>, ctx: &egui::Context) {
        self.close_lesson();
        let mut before = self.show(source);
        ctx.send_viewport_cmd(egui::ViewportCommand::Title("Faultline".to_owned()));
        let ran = before.commandable();
        match (before.finish(), before.recording()) {
            (Err(why), _) => self.toasts.warn(&why),
            (Ok(()), Some(file)) if ran => self.toasts.tell(&format!("The run before is kept: {}", file.display())),
            (Ok(()), _) => {}
        }
        self.travel.look_around();
    }

    /// Shows a file; the run before ends once the file has been read.
    fn open_file(&mut self, path: &Path, ctx: &egui::Context) {
        match self.opener {
            Some(opener) => self.read(path, Purpose::Show, opener, ctx),
            None => self.toasts.warn("This window can open no file"),
        }
    }

    /// Begins to read a file; another that is being read is given up.
    pub(crate) fn read(&mut self, path: &Path, purpose: Purpose, opener: Opener, ctx: &egui::Context) {
        let wake = ctx.clone();
        match Reading::start(path, purpose, opener, move || wake.request_repaint()) {
            Ok(reading) => self.reading = Some(reading),
            Err(why) => self.toasts.warn(&why),
        }
    }

    /// Takes a file over that was read; once a frame.
    pub(crate) fn take_reading(&mut self, ctx: &egui::Context) {
        let Some(read) = self.reading.as_ref().and_then(Reading::poll) else { return };
        let Some(reading) = self.reading.take() else { return };
        match read {
            Ok(recording) if reading.purpose() == Purpose::Compare => {
                self.travel.twin = Some(Twin::of(recording, reading.path(), &self.store));
                self.settings.layout_mut().show("compare");
            }
            Ok(recording) => {
                let damage = recording.damage();
                self.replace(Box::new(recording), ctx);
                if reading.purpose() == Purpose::ShowEnd {
                    self.playback.seek(&self.store, Timestamp(u64::MAX));
                }
                ctx.send_viewport_cmd(egui::ViewportCommand::Title(format!("{} – Faultline", reading.name())));
                damage.iter().for_each(|damage| self.toasts.warn(damage));
            }
            Err(why) => self.toasts.warn(&why),
        }
    }

    fn select(&mut self, selection: Selection) {
        if selection != Selection::Nothing {
            self.settings.layout_mut().show("inspector");
        }
        self.selection = selection;
    }
}
