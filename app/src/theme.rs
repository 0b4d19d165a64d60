//! Every color, size, font and duration of the window. Nothing else names one.
//!
//! The colors that carry a meaning were chosen so that they stay apart under protanopia, deuteranopia and tritanopia;
//! `tests/palette.rs` holds them to it.

use std::time::Duration;

use cluster_core::{event::Family, ids::NodeId};
use egui::{Color32, CornerRadius, FontFamily, FontId, Margin, Stroke, TextStyle, Vec2, Visuals, vec2};

/// The space that separates; everything is a multiple of a half of it.
pub const SPACE: f32 = 8.0;
/// The height of a list in a menu, before it scrolls.
pub const LIST_HEIGHT: f32 = 280.0;
/// The width of a dialog with a form.
pub const DIALOG_WIDTH: f32 = 440.0;
/// The radius of corners.
pub const RADIUS: u8 = 6;
/// The margin inside panes.
pub const PANE_MARGIN: Margin = Margin::same(12);
/// Text that is read.
pub const TEXT_SIZE: f32 = 13.5;
/// Text that stands beside.
pub const SMALL_SIZE: f32 = 11.5;
/// The smallest words in the picture of a small cluster.
pub const CANVAS_TEXT_MIN: f32 = 11.0;
/// Titles.
pub const HEADING_SIZE: f32 = 18.0;
/// The height of the tabs of panes.
pub const TAB_HEIGHT: f32 = 30.0;
/// The height of the time tape.
pub const TAPE_HEIGHT: f32 = 144.0;
/// The size that the window opens with.
pub const WINDOW_SIZE: Vec2 = vec2(1280.0, 800.0);
/// The smallest size at which everything can be reached.
pub const WINDOW_MIN: Vec2 = vec2(800.0, 500.0);
/// The time between two frames while something moves.
pub const FRAME: Duration = Duration::from_millis(16);
/// The time between two frames while only the end of the tape grows.
pub const GLANCE: Duration = Duration::from_millis(100);
/// The time between two looks at what only time changes in a lab.
pub const GUIDE_TICK: Duration = Duration::from_millis(500);
/// How long a message to the user stays.
pub const TOAST: Duration = Duration::from_secs(7);
/// How many colors nodes have.
pub const NODE_COLORS: usize = 8;
/// The scales that can be chosen.
pub const SCALES: [f32; 7] = [0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0];

/// The looks of the window: one of two, dark first.
#[derive(Clone, Debug, PartialEq)]
pub struct Theme {
    /// Whether it is the dark one.
    pub dark: bool,
    /// Behind everything.
    pub background: Color32,
    /// Panels and cards.
    pub surface: Color32,
    /// Raised parts: buttons, hovered rows.
    pub raised: Color32,
    /// The few lines between things.
    pub line: Color32,
    /// Text.
    pub text: Color32,
    /// Text that can wait.
    pub text_weak: Color32,
    /// The one accent: selection, cursor, focus.
    pub accent: Color32,
    /// Went well.
    pub good: Color32,
    /// Wants attention.
    pub warn: Color32,
    /// Broken.
    pub bad: Color32,
    /// Spans of faults behind charts.
    pub fault_shade: Color32,
    /// Nodes that are down.
    pub down: Color32,
    /// Frozen nodes.
    pub frost: Color32,
    /// Tints of epochs, used in turn.
    pub epochs: [Color32; 8],
    /// What led to the selected event.
    pub past: Color32,
    /// What came of it.
    pub future: Color32,
}

impl Theme {
    /// Returns the dark theme.
    pub fn dark() -> Self {
        Self {
            dark: true,
            background: rgb(0x0f1218),
            surface: rgb(0x171b23),
            raised: rgb(0x222833),
            line: rgb(0x2d3442),
            text: rgb(0xe6e9ef),
            text_weak: rgb(0x939db0),
            accent: rgb(0x729df5),
            good: rgb(0x54cfa7),
            warn: rgb(0xeeb72f),
            bad: rgb(0xf2645e),
            fault_shade: Color32::from_rgba_unmultiplied(0xf2, 0x66, 0x5e, 26),
            down: rgb(0x5b6473),
            frost: rgb(0x9fd8f5),
            epochs: [0x5ac5fe, 0xe3a000, 0x48b991, 0xb1679b, 0xefe83d, 0x888bf3, 0xe17031, 0xabd774].map(rgb),
            past: rgb(0xf0a35e),
            future: rgb(0x6cc7ff),
        }
    }

    /// Returns the light theme.
    pub fn light() -> Self {
        Self {
            dark: false,
            background: rgb(0xf5f6f8),
            surface: rgb(0xffffff),
            raised: rgb(0xe9ecf1),
            line: rgb(0xd4d9e2),
            text: rgb(0x1a202c),
            text_weak: rgb(0x5c677a),
            accent: rgb(0x2f62d8),
            good: rgb(0x067542),
            warn: rgb(0xb07000),
            bad: rgb(0xb71c1c),
            fault_shade: Color32::from_rgba_unmultiplied(0xb7, 0x1c, 0x1c, 22),
            down: rgb(0x9aa3b2),
            frost: rgb(0x0d90d0),
            epochs: [0x1b7eb7, 0x7a5d04, 0x094e3e, 0xa5497f, 0x949a38, 0x5554c8, 0x822000, 0x7b8000].map(rgb),
            past: rgb(0xb8590a),
            future: rgb(0x1273b8),
        }
    }

    /// Returns the tint of an epoch: what a node believes in is seen as its color.
    pub fn epoch(&self, epoch: u64) -> Color32 {
        self.epochs[(epoch % self.epochs.len() as u64) as usize]
    }

    /// Returns the color of a node's lines: the same for life. After [`NODE_COLORS`] nodes the colors come again, with
    /// another dash.
    pub fn node(&self, node: NodeId) -> Color32 {
        const DARK: [u32; NODE_COLORS] =
            [0x60b3f1, 0xe59f10, 0x2fa67a, 0xffbce3, 0xf4f054, 0x8b82e5, 0xe66d38, 0xacb0b6];
        const LIGHT: [u32; NODE_COLORS] =
            [0x2f7eb7, 0xc98701, 0x157356, 0xba4d8c, 0x817613, 0x6e4bc0, 0x993508, 0x455065];
        let at = usize::from(node.0.saturating_sub(1)) % DARK.len();
        rgb(if self.dark { DARK[at] } else { LIGHT[at] })
    }

    /// Returns the color of a family of messages.
    pub fn family(&self, family: Family) -> Color32 {
        let (dark, light) = match family {
            Family::Vote => (0xece546, 0x786a00),
            Family::Append => (0x5db3f3, 0x2076a9),
            Family::Heartbeat => (0xa2aab9, 0x828dab),
            Family::Reply => (0x63e0b4, 0x2fa06d),
            Family::Snapshot => (0xc16e9e, 0xa8467e),
            Family::Client => (0xeca442, 0xb97c03),
            Family::Control => (0x8b83ea, 0x5949c1),
        };
        rgb(if self.dark { dark } else { light })
    }

    /// Returns the glyph of a family of messages that a protocol calls by that word, so that color never stands alone.
    pub fn family_glyph(&self, family: Family, word: &str) -> String {
        match family {
            Family::Heartbeat => "·".to_owned(),
            Family::Reply => "✔".to_owned(),
            Family::Control => "*".to_owned(),
            Family::Vote | Family::Append | Family::Snapshot | Family::Client => {
                word.chars().take(1).flat_map(char::to_uppercase).collect()
            }
        }
    }
}

impl Theme {
    /// Returns the colors and lines of egui's own widgets.
    pub fn visuals(&self) -> Visuals {
        let mut visuals = if self.dark { Visuals::dark() } else { Visuals::light() };
        let corner_radius = CornerRadius::same(RADIUS);
        let widget = |widget: &mut egui::style::WidgetVisuals, fill: Color32, text: Color32, line: Color32| {
            (widget.bg_fill, widget.weak_bg_fill) = (fill, fill);
            widget.bg_stroke = Stroke::new(1.0, line);
            widget.fg_stroke = Stroke::new(1.0, text);
            (widget.corner_radius, widget.expansion) = (corner_radius, 0.0);
        };
        let hovered = mix(self.raised, self.accent, 0.25);
        widget(&mut visuals.widgets.noninteractive, self.surface, self.text, self.line);
        widget(&mut visuals.widgets.inactive, self.raised, self.text, Color32::TRANSPARENT);
        widget(&mut visuals.widgets.hovered, hovered, self.text, Color32::TRANSPARENT);
        widget(&mut visuals.widgets.active, hovered, self.text, self.accent);
        widget(&mut visuals.widgets.open, self.raised, self.text, Color32::TRANSPARENT);
        visuals.selection.bg_fill = mix(self.surface, self.accent, 0.35);
        visuals.selection.stroke = Stroke::new(1.5, self.accent);
        visuals.weak_text_color = Some(self.text_weak);
        visuals.hyperlink_color = self.accent;
        (visuals.warn_fg_color, visuals.error_fg_color) = (self.warn, self.bad);
        visuals.panel_fill = self.surface;
        (visuals.window_fill, visuals.window_stroke) = (self.surface, Stroke::new(1.0, self.line));
        (visuals.window_corner_radius, visuals.menu_corner_radius) = (corner_radius, corner_radius);
        (visuals.extreme_bg_color, visuals.code_bg_color) = (self.background, self.background);
        visuals.text_edit_bg_color = Some(self.background);
        visuals.faint_bg_color = mix(self.surface, self.raised, 0.5);
        visuals.slider_trailing_fill = true;
        visuals
    }

    /// Returns the theme of egui that goes with it.
    pub fn of_egui(&self) -> egui::Theme {
        if self.dark { egui::Theme::Dark } else { egui::Theme::Light }
    }
}

/// Sets fonts, spacing and both themes up, once.
pub fn install(ctx: &egui::Context) {
    ctx.set_fonts(fonts());
    for theme in [Theme::dark(), Theme::light()] {
        ctx.style_mut_of(theme.of_egui(), |style| {
            style.visuals = theme.visuals();
            style.text_styles = [
                (TextStyle::Small, FontId::proportional(SMALL_SIZE)),
                (TextStyle::Body, FontId::proportional(TEXT_SIZE)),
                (TextStyle::Button, FontId::proportional(TEXT_SIZE)),
                (TextStyle::Heading, FontId::proportional(HEADING_SIZE)),
                (TextStyle::Monospace, FontId::monospace(TEXT_SIZE - 1.0)),
            ]
            .into();
            style.drag_value_text_style = TextStyle::Monospace;
            style.spacing.item_spacing = vec2(SPACE, 0.75 * SPACE);
            style.spacing.button_padding = vec2(1.25 * SPACE, 0.5 * SPACE);
            style.spacing.interact_size.y = 3.0 * SPACE;
            style.spacing.menu_margin = Margin::same(SPACE as i8);
            style.spacing.window_margin = Margin::same(2 * SPACE as i8);
            style.spacing.indent = 2.0 * SPACE;
            style.spacing.scroll = egui::style::ScrollStyle::thin();
        });
    }
}

/// Returns a color between two: `share` of the second.
pub fn mix(one: Color32, other: Color32, share: f32) -> Color32 {
    one.lerp_to_gamma(other, share)
}

/// Returns the fonts of the window: the proportional one has no arrows of its own and borrows them.
pub fn fonts() -> egui::FontDefinitions {
    let mut fonts = egui::FontDefinitions::default();
    fonts.families.entry(FontFamily::Proportional).or_default().push("Hack".to_owned());
    fonts
}

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

/// Sizes and strengths of the guide: it is read, by one person or by a room.
pub mod guide {
    /// The title of the lab.
    pub const TITLE_PX: f32 = 13.0;
    /// The heading of a step.
    pub const HEADING_PX: f32 = 21.0;
    /// Text.
    pub const TEXT_PX: f32 = 14.5;
    /// Words beside.
    pub const SMALL_PX: f32 = 12.5;
    /// The height of the button that leads on.
    pub const BUTTON_PX: f32 = 36.0;
    /// The height of an answer.
    pub const OPTION_PX: f32 = 34.0;
    /// The room between two parts.
    pub const GAP_PX: f32 = 18.0;
    /// The dot of a step.
    pub const DOT_PX: f32 = 5.0;
    /// The sign of a goal.
    pub const SIGN_PX: f32 = 18.0;
    /// The width of the list of labs.
    pub const LABS_WIDTH: f32 = 620.0;
    /// The width of an explanation.
    pub const CARD_WIDTH: f32 = 320.0;
    /// The greatest height of a picture.
    pub const PICTURE_PX: f32 = 260.0;
    /// The bar of a goal that is on its way.
    pub const BAR_PX: f32 = 4.0;
    /// Between two of its parts.
    pub const BAR_GAP_PX: f32 = 3.0;
    /// How wide it is at most.
    pub const BAR_WIDTH: f32 = 220.0;
    /// The mark of a goal on the tape.
    pub const MARK_PX: f32 = 5.5;
    /// Half the frame around the picture of a demonstration.
    pub const FRAME_PX: f32 = 3.0;
    /// How strong the ground of a card is.
    pub const CARD_STRENGTH: f32 = 0.10;
    /// How strong the color of a button on a card is.
    pub const CARD_BUTTON_STRENGTH: f32 = 0.28;
    /// How strong the ground of what is chosen is.
    pub const CHOSEN_STRENGTH: f32 = 0.22;
    /// The ring around what a hint points at.
    pub const RING_PX: f32 = 4.0;
    /// How far it is from what it points at.
    pub const RING_GAP_PX: f32 = 7.0;
}

/// Sizes and strengths of charts.
pub mod chart {
    /// Labels.
    pub const TEXT_PX: f32 = 11.5;
    /// Labels of faults.
    pub const FAULT_TEXT_PX: f32 = 10.5;
    /// A sentence in place of a picture.
    pub const NOTE_PX: f32 = 15.0;
    /// Lines.
    pub const LINE_PX: f32 = 1.6;
    /// Dashes, and the gaps between them.
    pub const DASH_PX: f32 = 4.0;
    /// Dots.
    pub const DOT_PX: f32 = 1.5;
    /// Corners of bars.
    pub const ROUNDING_PX: f32 = 2.0;
    /// Corners of cards.
    pub const CARD_ROUNDING_PX: f32 = 6.0;
    /// The room within cards.
    pub const PAD_PX: f32 = 8.0;
    /// The swatch of a line in a legend.
    pub const SWATCH_PX: f32 = 14.0;
    /// Between swatch, name and value.
    pub const LEGEND_GAP_PX: f32 = 6.0;
    /// Between an axis and its labels.
    pub const LABEL_GAP_PX: f32 = 6.0;
    /// About the distance of two labels of time.
    pub const TICK_PX: f32 = 64.0;
    /// The room left of a plot: the labels of values.
    pub const LEFT_PX: f32 = 48.0;
    /// The room right of a plot.
    pub const RIGHT_PX: f32 = 22.0;
    /// The room above a plot.
    pub const TOP_PX: f32 = 8.0;
    /// The room below a plot: the labels of time.
    pub const BOTTOM_PX: f32 = 24.0;
    /// The height of a lane of faults.
    pub const LANE_PX: f32 = 17.0;
    /// How many lanes of faults there are.
    pub const LANES: usize = 2;
    /// The least width of a plot.
    pub const MIN_WIDTH_PX: f32 = 160.0;
    /// The least height of a plot.
    pub const MIN_HEIGHT_PX: f32 = 80.0;
    /// How fast the wheel zooms.
    pub const ZOOM_PER_PX: f32 = 0.004;
    /// How many faults a readout names.
    pub const READOUT_FAULTS: usize = 4;
    /// How strong grid lines are.
    pub const GRID_STRENGTH: f32 = 0.7;
    /// How strong bars of faults are.
    pub const BAR_STRENGTH: f32 = 0.28;
    /// How strong areas under lines are.
    pub const AREA_STRENGTH: f32 = 0.35;
    /// How strong lines are that nobody asked for.
    pub const FAINT_STRENGTH: f32 = 0.3;
    /// How far the part ahead of the cursor is veiled.
    pub const AHEAD_STRENGTH: f32 = 0.6;
    /// How strong the cursor is while it is pinned to the end.
    pub const LIVE_STRENGTH: f32 = 0.55;
}

/// Sizes and strengths of the space-time diagram.
pub mod space_time {
    /// The names of lanes, left of where time begins.
    pub const NAMES_PX: f32 = 104.0;
    /// The room right of the lanes.
    pub const RIGHT_PX: f32 = 14.0;
    /// The ruler of time, above the lanes.
    pub const RULER_PX: f32 = 24.0;
    /// The row of what was done to the cluster, below the ruler.
    pub const FLAGS_PX: f32 = 18.0;
    /// The least height of a lane; more lanes than fit are scrolled.
    pub const LANE_MIN_PX: f32 = 13.0;
    /// The greatest.
    pub const LANE_MAX_PX: f32 = 92.0;
    /// From this height on, a lane says what its node is.
    pub const LANE_WORDS_PX: f32 = 34.0;
    /// Names.
    pub const NAME_PX: f32 = 14.0;
    /// Words beside.
    pub const TEXT_PX: f32 = 11.5;
    /// The line of a node that follows.
    pub const LINE_PX: f32 = 2.0;
    /// The line of a node that leads.
    pub const LEADER_PX: f32 = 5.0;
    /// A message.
    pub const MESSAGE_PX: f32 = 1.5;
    /// A message that is looked at.
    pub const LOOKED_AT_PX: f32 = 2.8;
    /// The head of an arrow.
    pub const HEAD_PX: f32 = 8.0;
    /// The radius of an event.
    pub const EVENT_PX: f32 = 2.4;
    /// The radius of a mark.
    pub const MARK_PX: f32 = 5.0;
    /// How near the pointer must be.
    pub const NEAR_PX: f32 = 9.0;
    /// A stretch of time in which nothing happens, folded.
    pub const FOLD_PX: f32 = 26.0;
    /// What is neither before nor after what is looked at.
    pub const FADED: f32 = 0.16;
    /// Messages while nothing is looked at.
    pub const CALM: f32 = 0.85;
    /// The bands of lanes.
    pub const BAND_STRENGTH: f32 = 0.16;
    /// The line along a lane that shows how far a cone reaches.
    pub const CONE_PX: f32 = 7.0;
    /// How strong it is.
    pub const CONE_STRENGTH: f32 = 0.55;
    /// A column of a lane whose messages are too many to draw.
    pub const COLUMN_PX: f32 = 3.0;
    /// About the distance of two labels of time.
    pub const TICK_PX: f32 = 96.0;
    /// The room of an operation's bar.
    pub const OP_PX: f32 = 13.0;
    /// How much of what lies ahead of the cursor is veiled.
    pub const AHEAD_STRENGTH: f32 = 0.6;
    /// How fast the wheel zooms.
    pub const ZOOM_PER_PX: f32 = 0.005;
}

/// Sizes and strengths of the picture of operations.
pub mod operations {
    /// The column of clients' names.
    pub const NAMES_PX: f32 = 48.0;
    /// A row of bars, at least and at most.
    pub const ROW_MIN_PX: f32 = 4.0;
    /// See above.
    pub const ROW_MAX_PX: f32 = 20.0;
    /// Between two rows.
    pub const ROW_GAP_PX: f32 = 2.0;
    /// Between two lanes.
    pub const LANE_GAP_PX: f32 = 8.0;
    /// The shortest bar.
    pub const BAR_MIN_PX: f32 = 2.0;
    /// A bar of this width has room for words.
    pub const NAMED_PX: f32 = 64.0;
    /// A row of this height has room for words.
    pub const TEXT_FROM_PX: f32 = 11.0;
    /// A bar of this width shows when it took effect.
    pub const POINT_FROM_PX: f32 = 10.0;
    /// Half the mark of that instant.
    pub const POINT_PX: f32 = 4.0;
    /// Half a cross.
    pub const GLYPH_PX: f32 = 3.5;
    /// The frame of what is selected or accused.
    pub const FRAME_PX: f32 = 2.0;
    /// How far beside a bar the mouse still means it.
    pub const REACH_PX: f32 = 2.0;
    /// More bars than this on a pixel of width are drawn as a crowd.
    pub const BARS_PER_PX: f32 = 1.5;
    /// The width of a column of a crowd.
    pub const COLUMN_PX: f32 = 2.0;
    /// The height of a mark of what did not go well in a crowd.
    pub const TICK_PX: f32 = 6.0;
    /// How strong hollow bars are.
    pub const HOLLOW_STRENGTH: f32 = 0.22;
    /// How strong a crowd is.
    pub const DENSE_STRENGTH: f32 = 0.75;
    /// A swatch of the legend.
    pub const SWATCH_PX: f32 = 18.0;
}

/// Sizes and strengths of lists and tables.
pub mod table {
    /// Text.
    pub const TEXT_PX: f32 = 12.5;
    /// A row.
    pub const ROW_PX: f32 = 20.0;
    /// The column of numbers.
    pub const NUMBER_PX: f32 = 70.0;
    /// The column of times.
    pub const TIME_PX: f32 = 84.0;
    /// The column of kinds.
    pub const KIND_PX: f32 = 120.0;
    /// The narrowest column.
    pub const KIND_MIN_PX: f32 = 50.0;
    /// The column of places.
    pub const PLACE_PX: f32 = 80.0;
    /// The field of a search.
    pub const SEARCH_PX: f32 = 180.0;
    /// Below this width, a table shows fewer columns and one line of controls.
    pub const NARROW_PX: f32 = 480.0;
    /// How strong rows ahead of the cursor are.
    pub const AHEAD_STRENGTH: f32 = 0.5;
    /// Between two sentences of the story.
    pub const STORY_GAP_PX: f32 = 7.0;
    /// The text of the story.
    pub const STORY_PX: f32 = 13.5;
    /// The column of times of the story.
    pub const STORY_TIME_PX: f32 = 42.0;
    /// The room right of the story: its scroll bar.
    pub const STORY_RIGHT_PX: f32 = 8.0;
    /// How far down the line at the cursor stands.
    pub const STORY_PAST_SHARE: f32 = 0.7;
    /// Around an icon.
    pub const ICON_PX: f32 = 14.0;
    /// The mark of the line at the cursor.
    pub const MARK_PX: f32 = 3.0;
    /// Corners of rows.
    pub const ROUNDING_PX: f32 = 4.0;
}
