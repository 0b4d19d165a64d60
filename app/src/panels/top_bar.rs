//! The line at the top: run controls, the cluster in a few words, what clients were promised, and the looks.

use cluster_core::{
    command::Command,
    fault::Heal,
    origin::BackendKind,
    registry,
    time::{RATE_MAX, RATE_MIN, RATE_UNLIMITED, rate_words},
};
use egui::{Align, Button, Layout, RichText, Ui};

use crate::{
    action::Action,
    ctx::ViewCtx,
    format,
    guide::GuideAction,
    keys::{self, hint},
    panels::{
        new_cluster::{Draft, open_new_cluster},
        open_file::open_file,
        promises::{Lost, promises_ui},
        until::{UntilForm, until_ui},
    },
    theme::{SCALES, SPACE},
    tools::Menu,
    widgets::break_menu::break_menu_ui,
};

/// The speeds that are offered, the slowest first.
const RATES: [f64; 12] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, RATE_UNLIMITED];
/// The slowest and the fastest at which recorded events are played.
const PLAYED: (f64, f64) = (0.05, 20.0);

/// Returns the speeds at which what is shown can go, the slowest first: real nodes at real time at most, simulated ones
/// as fast as the machine.
pub fn rates(ctx: &ViewCtx<'_>) -> Vec<f64> {
    let (slowest, fastest) = match (ctx.commandable && ctx.cursor.live, ctx.store.origin().backend) {
        (true, BackendKind::Live) => (RATE_MIN, RATE_MAX),
        (true, BackendKind::Sim) => (RATE_MIN, RATE_UNLIMITED),
        (false, _) => PLAYED,
    };
    RATES.into_iter().filter(|rate| (slowest..=fastest).contains(rate)).collect()
}

/// What the furniture remembers between two frames.
#[derive(Clone, Debug, PartialEq)]
pub struct Chrome {
    /// Whether the list of keys is open.
    pub help_open: bool,
    /// The rate asked for last; it holds while paused, too.
    pub rate: f64,
    /// How many events wait that the window has not taken over yet.
    pub behind: u64,
    /// Acknowledged writes that are gone.
    pub lost: Lost,
    /// The cluster that is about to be started, while its dialog is open.
    pub draft: Option<Draft>,
    /// What the run is let go until, as far as it is written.
    pub until: UntilForm,
    /// The path of the file that is about to be opened, while its dialog is open.
    pub open_path: Option<String>,
    /// What runs the clusters of the lab that is chosen next.
    pub lab_backend: BackendKind,
    /// How much room the right side of the top bar took in the last frame.
    pub right_px: f32,
}

impl Default for Chrome {
    fn default() -> Self {
        Self {
            help_open: false,
            rate: 1.0,
            behind: 0,
            lost: Lost::default(),
            draft: None,
            until: UntilForm::default(),
            open_path: None,
            lab_backend: BackendKind::Live,
            right_px: 0.0,
        }
    }
}

/// Lays the line at the top out.
pub fn top_bar_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, chrome: &mut Chrome) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = SPACE;
        run_controls_ui(ui, ctx, chrome);
        ui.add_space(SPACE);
        backend_ui(ui, ctx);
        cluster_ui(ui, ctx, chrome);
        let right = ui.max_rect().right();
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            looks_ui(ui, ctx, chrome);
            ui.add_space(SPACE);
            heal_ui(ui, ctx);
            break_ui(ui, ctx);
            behind_ui(ui, ctx, chrome);
            promises_ui(ui, ctx, &chrome.lost);
            chrome.right_px = right - ui.min_rect().left();
        });
    });
}

fn run_controls_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, chrome: &mut Chrome) {
    let live = ctx.commandable && ctx.cursor.live;
    let moves = if live { ctx.state.rate > 0.0 } else { ctx.cursor.playing };
    let (sign, about) = match (live, moves) {
        (_, true) => ("⏸", "Pause"),
        (true, false) => ("▶", "Go on"),
        (false, false) => ("▶", "Play"),
    };
    let button = |sign: &str| Button::new(RichText::new(sign).size(15.0)).min_size(egui::vec2(34.0, 28.0));
    if named(ui.add(button(sign)), about).on_hover_text(hint(about, "Space")).clicked() {
        keys::pause_or_go_on(ctx, chrome);
    }
    if named(ui.add(button("⏭")), "Step").on_hover_text(hint("One step forward", ".")).clicked() {
        keys::step(ctx, chrome);
    }
    until_ui(ui, ctx, &mut chrome.until);
    speed_ui(ui, ctx, chrome, live);
    live_ui(ui, ctx);
}

fn speed_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, chrome: &Chrome, live: bool) {
    let speed = if live { chrome.rate } else { ctx.cursor.speed };
    let menu =
        egui::ComboBox::from_id_salt("speed").width(68.0).selected_text(RichText::new(rate_text(speed)).monospace());
    let shown = menu.show_ui(ui, |ui| {
        for rate in rates(ctx).into_iter().rev() {
            if ui.selectable_label(rate == speed, RichText::new(rate_text(rate)).monospace()).clicked() {
                ctx.act(if live { Action::Command(Command::SetRate(rate)) } else { Action::SetPlaySpeed(rate) });
            }
        }
    });
    named(shown.response, "Speed").on_hover_text("Speed of cluster time ([ and ])");
}

fn rate_text(rate: f64) -> String {
    // Short enough for the menu.
    if rate >= RATE_UNLIMITED { "max".to_owned() } else { rate_words(rate) }
}

fn live_ui(ui: &mut Ui, ctx: &ViewCtx<'_>) {
    let left = ctx.store.origin().branch.as_ref().filter(|branch| ctx.store.len() < branch.next);
    if let Some(branch) = left.filter(|_| ctx.commandable) {
        ui.spinner();
        ui.label(RichText::new(format!("Re-running to {}", branch.at)).color(ctx.theme.accent).strong());
        return;
    }
    let (word, color) = match (ctx.cursor.live, ctx.commandable) {
        (true, true) if ctx.state.rate > 0.0 => (now_word(ctx), ctx.theme.good),
        (true, true) if ctx.travel.is_some_and(|travel| travel.under_way().is_some()) => ("UNTIL…", ctx.theme.accent),
        (true, true) => ("PAUSED", ctx.theme.warn),
        (true, false) => ("END", ctx.theme.text_weak),
        (false, true) => ("PAST", ctx.theme.warn),
        (false, false) if ctx.allowed.is_some() && ctx.store.is_empty() => ("NOT STARTED", ctx.theme.text_weak),
        (false, false) => ("RECORDING", ctx.theme.text_weak),
    };
    ui.label(RichText::new(format!("● {word}")).color(color).strong());
    ui.label(RichText::new(ctx.at.to_string()).monospace());
}

/// Returns the word for the end of a run that goes on.
pub(super) fn now_word(ctx: &ViewCtx<'_>) -> &'static str {
    match (ctx.commandable, ctx.store.origin().backend) {
        (true, BackendKind::Live) => "LIVE",
        (true, BackendKind::Sim) => "NOW",
        (false, _) => "END",
    }
}

/// Says which of the two it is: real nodes, or the simulator.
fn backend_ui(ui: &mut Ui, ctx: &ViewCtx<'_>) {
    let (word, color, about) = match ctx.store.origin().backend {
        BackendKind::Live => (
            "REAL NODES",
            ctx.theme.good,
            "Real nodes on this machine, with sockets and files. The same again may come in another order.".to_owned(),
        ),
        BackendKind::Sim => (
            "SIMULATED",
            ctx.theme.accent,
            format!("Simulated from seed {}: the same seed and commands give the same run", ctx.store.spec().seed),
        ),
    };
    let fill = crate::theme::mix(ctx.theme.surface, color, 0.18);
    let chip = egui::Frame::new().fill(fill).corner_radius(crate::theme::RADIUS).inner_margin(egui::vec2(7.0, 2.0));
    let chip = chip.show(ui, |ui| ui.label(RichText::new(word).small().strong().color(color)));
    chip.response.on_hover_text(about);
}

/// The cluster in a few words; behind them, what can be read of its protocol, and another cluster.
fn cluster_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, chrome: &mut Chrome) {
    let spec = ctx.store.spec();
    let title = registry::title(spec);
    let nodes = ctx.state.nodes.len() as u64;
    let counted = format!("{title} · {}", format::counted(nodes, "node"));
    let summary = format!("{counted} · {}", spec.profile.word());
    let clients = spec.clients.len() as u64;
    let more =
        format!("Seed {}, {}, timing profile {}", spec.seed, format::counted(clients, "client"), spec.profile.word());
    let room = ui.available_width() - chrome.right_px - 3.0 * SPACE - 2.0 * ui.spacing().button_padding.x;
    let fits = |words: &String| wide(ui, words) <= room;
    let words = [summary, counted].into_iter().find(fits).unwrap_or_else(|| title.to_string());
    let menu = ui.menu_button(RichText::new(words).strong(), |ui| {
        let start = ui.add_enabled(ctx.startable, Button::new("New cluster…"));
        if start.on_disabled_hover_text("This window can start no cluster").on_hover_text("N").clicked() {
            open_new_cluster(ctx, chrome);
        }
        let open = ui.add_enabled(ctx.startable, Button::new("Open file…"));
        if open.on_disabled_hover_text("This window can open no file").on_hover_text("Ctrl + O").clicked() {
            open_file(ctx, chrome);
        }
        let labs = ui.add_enabled(ctx.startable, Button::new("Labs…"));
        if labs.on_disabled_hover_text("This window can start no cluster").on_hover_text("Q").clicked() {
            ctx.in_lab(GuideAction::ShowLabs);
        }
        if ui.button(format!("About {title}")).clicked() {
            ctx.act(Action::ShowView("about"));
        }
    });
    menu.response.on_hover_text(more);
    // In a lab the seed is one more number that nobody asked for.
    if ctx.allowed.is_none() {
        ui.weak(RichText::new(format!("seed {}", spec.seed)).small());
    }
}

/// Returns how wide the words of a button are.
fn wide(ui: &Ui, words: &str) -> f32 {
    let font = egui::TextStyle::Button.resolve(ui.style());
    ui.painter().layout_no_wrap(words.to_owned(), font, egui::Color32::PLACEHOLDER).size().x
}

fn behind_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, chrome: &Chrome) {
    if chrome.behind > 0 {
        ui.colored_label(ctx.theme.warn, format!("{} behind", format::count(chrome.behind)))
            .on_hover_text("Events that the window has not shown yet");
    }
}

fn heal_ui(ui: &mut Ui, ctx: &ViewCtx<'_>) {
    let broken = ctx.state.faults.len() + ctx.state.held.len() + ctx.state.traps.len();
    let text = if broken == 0 { "Nothing is broken".to_owned() } else { format!("Heal all ({broken})") };
    let mut button = Button::new(text);
    if broken > 0 {
        button = button.fill(crate::theme::mix(ctx.theme.surface, ctx.theme.bad, 0.3));
    }
    let possible = if broken > 0 { Ok(Command::Heal(Heal::All)) } else { Err("There is nothing to heal") };
    let possible = ctx.check(possible);
    let response = ui.add_enabled(possible.is_ok(), button);
    match possible {
        Ok(heal) => {
            if response.on_hover_text(hint("Heal everything", "H")).clicked() {
                ctx.command(heal);
            }
        }
        Err(why) => drop(response.on_disabled_hover_text(why)),
    }
}

fn break_ui(ui: &mut Ui, ctx: &ViewCtx<'_>) {
    let mut button = Button::new("Break");
    if ctx.tools.staging || ctx.tools.striking {
        button = button.fill(crate::theme::mix(ctx.theme.surface, ctx.theme.accent, 0.35));
    }
    let response = ui.add(button).on_hover_text(hint("Tools, shapes of partitions, random faults", "P"));
    if ctx.tools.menu == Some(Menu::Break) {
        response.request_focus();
        egui::Popup::open_id(ui.ctx(), egui::Popup::default_response_id(&response));
    }
    egui::Popup::menu(&response).show(|ui| break_menu_ui(ui, ctx));
}

fn looks_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, chrome: &mut Chrome) {
    let help = ui.add(Button::new("?").min_size(egui::vec2(28.0, 28.0)));
    if named(help, "Keys").on_hover_text(hint("All keys", "?")).clicked() {
        chrome.help_open = true;
    }
    let menu = ui.menu_button("View", |ui| {
        let theme = if ctx.theme.dark { "Light theme" } else { "Dark theme" };
        if ui.button(theme).clicked() {
            ctx.act(Action::ToggleTheme);
        }
        let motion = if ctx.reduced_motion { "Full motion" } else { "Reduced motion" };
        if ui.button(motion).clicked() {
            ctx.act(Action::ToggleReducedMotion);
        }
        if ui.button("Usual layout").clicked() {
            ctx.act(Action::ResetLayout);
        }
        ui.menu_button("Scale", |ui| {
            for scale in SCALES {
                let chosen = (ui.ctx().zoom_factor() - scale).abs() < 0.01;
                if ui.selectable_label(chosen, format!("{:.0} %", scale * 100.0)).clicked() {
                    ctx.act(Action::SetScale(scale));
                }
            }
        });
        ui.separator();
        for row in crate::layout::rows() {
            if ui.button(row.title).clicked() {
                ctx.act(Action::ShowView(row.id));
            }
        }
    });
    menu.response.on_hover_text("Theme, scale, layout and views");
}

/// Gives a control whose face is a sign a name that can be read out.
fn named(response: egui::Response, name: &str) -> egui::Response {
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, name));
    response
}
