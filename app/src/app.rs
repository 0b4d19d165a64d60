//! The window as a whole: takes events over, moves the cursor, lays out, and carries out what the user meant.

use std::cell::RefCell;

use cluster_core::{
    event::EventKind,
    ids::Seq,
    nemesis::Nemesis,
    trace::{Availability, Ledger, Subject, TraceStore},
};

use crate::{
    action::{Action, Selection},
    ctx::ViewCtx,
    guide::{Guide, Lesson},
    keys,
    layout::Looks,
    panels::{
        Chrome, Lost, Tape, Toasts, demo_frame_ui, hint_ui, labs_ui, new_cluster_ui, open_file_ui, reading_ui,
        tool_banner_ui, top_bar_ui,
    },
    playback::Playback,
    reading::Reading,
    settings::Settings,
    source::{self, Source, Start},
    theme::{self, Theme},
    tools::{Tool, Tools},
    travel::Travel,
};

/// About how many events are taken over in one frame, at most: the picture comes before completeness.
const EVENTS_MAX: u64 = 32_768;

/// The window as a whole.
pub struct App {
    pub(crate) source: Box<dyn Source>,
    pub(crate) store: TraceStore,
    pub(crate) playback: Playback,
    pub(crate) selection: Selection,
    /// What “Why?” was asked about last, and at which event the cursor stood.
    pub(crate) asked: Option<(Subject, Seq)>,
    pub(crate) settings: Settings,
    pub(crate) theme: Theme,
    pub(crate) chrome: Chrome,
    pub(crate) toasts: Toasts,
    pub(crate) tools: Tools,
    pub(crate) travel: Travel,
    pub(crate) nemesis: Option<Nemesis>,
    /// How many random faults were started so far.
    pub(crate) nemeses: u32,
    pub(crate) starter: Option<Starter>,
    pub(crate) opener: Option<Opener>,
    /// The file that is being read, to be shown or compared.
    pub(crate) reading: Option<Reading>,
    pub(crate) guide: Guide,
    looks: Looks,
    tape: Tape,
    ledger: Ledger,
    availability: Availability,
}

/// Starts a run as the source of a window, or says why it cannot be.
pub type Starter = Box<dyn Fn(Start) -> Result<Box<dyn Source>, String>>;

/// Reads a file, on another thread than the window's, or says why it cannot be.
pub type Opener = fn(&std::path::Path) -> Result<source::Recording, String>;

impl App {
    /// Makes the window of a source.
    pub fn new(mut source: Box<dyn Source>, settings: Settings) -> Self {
        let store = source.store();
        let travel = Travel::of(source.as_ref());
        let playback = Playback::new(source.commandable(), &store);
        let theme = if settings.dark { Theme::dark() } else { Theme::light() };
        let (mut ledger, mut availability) = (Ledger::default(), Availability::default());
        store.each(Seq(0)..store.len(), &mut |event| {
            ledger.apply(event, store.latest());
            availability.apply(event);
        });
        let chrome = Chrome { lost: Lost::of(&mut ledger), ..Chrome::default() };
        Self {
            source,
            store,
            playback,
            selection: Selection::Nothing,
            asked: None,
            settings,
            theme,
            chrome,
            toasts: Toasts::default(),
            tools: Tools::default(),
            travel,
            nemesis: None,
            nemeses: 0,
            starter: None,
            opener: None,
            reading: None,
            guide: Guide::new("labs".into(), None),
            looks: Looks::default(),
            tape: Tape::default(),
            ledger,
            availability,
        }
    }

    /// Says how a file is opened in this window.
    pub fn set_opener(&mut self, opener: Opener) {
        self.opener = Some(opener);
    }

    /// Says how another cluster is started from this window.
    pub fn set_starter(&mut self, starter: Starter) {
        self.starter = Some(starter);
    }

    /// Shows another source from here on. Returns the one before.
    pub(crate) fn show(&mut self, source: Box<dyn Source>) -> Box<dyn Source> {
        let settings = self.settings.clone();
        let before = std::mem::replace(self, Self::new(source, settings));
        (self.toasts, self.starter, self.opener) = (before.toasts, before.starter, before.opener);
        self.guide = before.guide;
        before.source
    }

    /// Sets fonts and both themes up; before the first frame.
    pub fn set_up(&self, ctx: &egui::Context) {
        theme::install(ctx);
        ctx.set_theme(self.theme.of_egui());
        ctx.set_zoom_factor(self.settings.scale);
    }

    /// Takes events over and moves the cursor; asks for the next frame if the picture moves by itself.
    pub fn logic(&mut self, ctx: &egui::Context) {
        let (real, grows) = (ctx.input(|input| input.time), self.source.commandable());
        let before = self.store.len();
        while self.store.len().0 - before.0 < EVENTS_MAX {
            let Some(batch) = self.source.poll() else { break };
            for event in &batch {
                if let EventKind::CommandRefused { reason } = &event.kind {
                    self.toasts.warn(reason);
                }
            }
            self.guide_sees(&batch);
            self.store.append(batch);
        }
        if let Some(trouble) = self.source.trouble() {
            self.toasts.warn(&trouble);
        }
        let arrived = self.store.len() != before;
        if arrived {
            // The state after the batch, not after each event: only who leads is read of it, and that settles here.
            let (ledger, availability, latest) = (&mut self.ledger, &mut self.availability, self.store.latest());
            self.store.each(before..self.store.len(), &mut |event| {
                ledger.apply(event, latest);
                availability.apply(event);
            });
            self.chrome.lost = Lost::of(ledger);
        }
        if self.store.latest().rate > 0.0 && grows {
            self.chrome.rate = self.store.latest().rate;
        }
        self.take_reading(ctx);
        self.drive_nemesis();
        self.guide_logic(ctx, real);
        self.playback.advance(&self.store, real, arrived, grows);
        self.travel_on(ctx);
        self.settings.scale = ctx.zoom_factor();
        self.ask_for_frames(ctx, arrived);
    }

    /// Lays everything out, and carries out what the user meant.
    pub fn root_ui(&mut self, ui: &mut egui::Ui) {
        let actions = RefCell::new(Vec::new());
        let cursor = self.playback.cursor();
        let state = self.playback.state(&self.store);
        let mut ctx = ViewCtx::new(&self.store, state, cursor, &self.selection, &self.theme, &actions);
        ctx.commandable = self.source.commandable();
        ctx.reduced_motion = self.settings.reduced_motion;
        ctx.data_dir = self.source.data_dir();
        ctx.tools = &self.tools;
        ctx.travel = Some(&self.travel);
        ctx.span = self.playback.span();
        ctx.startable = self.starter.is_some();
        ctx.asked = self.asked;
        ctx.ledger = Some(&self.ledger);
        ctx.availability = Some(&self.availability);
        let lesson = self.guide.lesson.as_ref();
        let (allowed, marks) = (lesson.map(Lesson::allowed), lesson.map(|lesson| lesson.marks(state)));
        if let Some(lesson) = lesson {
            ctx.names = lesson.names();
        }
        (ctx.guide, ctx.allowed, ctx.marks) = (Some(&self.guide), allowed.as_ref(), marks.as_ref());
        self.chrome.behind = self.source.behind();
        keys::on_keys(ui.ctx(), &ctx, &mut self.chrome);

        let bar = |margin| egui::Frame::new().fill(self.theme.surface).inner_margin(margin);
        let top = egui::Panel::top("top bar").frame(bar(egui::Margin::symmetric(12, 8)));
        top.show(ui, |ui| top_bar_ui(ui, &ctx, &mut self.chrome));
        let bottom = egui::Panel::bottom("tape").exact_size(theme::TAPE_HEIGHT);
        bottom.frame(bar(egui::Margin::symmetric(12, 8))).show(ui, |ui| self.tape.ui(ui, &ctx));
        let middle = egui::CentralPanel::no_frame().frame(egui::Frame::new().fill(self.theme.background));
        let layout = self.settings.layout_mut();
        middle.show(ui, |ui| layout.ui(ui, &mut self.looks, &ctx));
        let place = self.settings.layout().rect("canvas").unwrap_or_else(|| ui.max_rect());
        if !self.settings.hint_seen && ctx.commandable && self.tools.tool == Tool::Pointer {
            self.settings.hint_seen = hint_ui(ui.ctx(), place, &self.theme, ctx.leader_word());
        }
        tool_banner_ui(ui.ctx(), &ctx, place);
        reading_ui(ui.ctx(), &ctx, place, self.reading.as_ref());
        demo_frame_ui(ui.ctx(), &ctx, place);
        keys::help_ui(ui.ctx(), &ctx, &mut self.chrome);
        new_cluster_ui(ui.ctx(), &ctx, &mut self.chrome);
        open_file_ui(ui.ctx(), &ctx, &mut self.chrome);
        labs_ui(ui.ctx(), &ctx, &mut self.chrome);
        self.toasts.ui(ui.ctx(), place, &self.theme);

        // Whoever has that menu has opened it.
        self.tools.menu = None;
        let context = ui.ctx().clone();
        actions.into_inner().into_iter().for_each(|action| self.carry_out(action, &context));
    }

    /// Does as if a view had pushed the action.
    pub fn act(&mut self, action: Action, ctx: &egui::Context) {
        self.carry_out(action, ctx);
    }

    /// Returns the run.
    pub fn store(&self) -> &TraceStore {
        &self.store
    }

    /// Returns the cursor.
    pub fn cursor(&self) -> crate::playback::Cursor {
        self.playback.cursor()
    }

    /// Returns what is selected.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Returns the messages that are shown, oldest first.
    pub fn toasts(&self) -> impl Iterator<Item = &str> {
        self.toasts.texts()
    }

    /// Returns whether a file is being read.
    pub fn is_reading(&self) -> bool {
        self.reading.is_some()
    }

    /// Returns the tools in the user's hand.
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// Returns what is to be remembered.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Ends the cluster in good order; after the last frame.
    pub fn finish(&mut self) -> Result<(), String> {
        self.source.finish()
    }

    fn ask_for_frames(&self, ctx: &egui::Context, arrived: bool) {
        if self.playback.moves() {
            ctx.request_repaint_after(theme::FRAME);
        } else if arrived {
            ctx.request_repaint_after(theme::GLANCE);
        }
        if self.nemesis.is_some() {
            ctx.request_repaint_after(theme::GLANCE);
        }
    }
}
