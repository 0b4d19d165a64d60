//! Messages to the user that go away by themselves.

use std::collections::VecDeque;

use crate::theme::{SPACE, TAB_HEIGHT, TOAST, Theme};

const TOASTS_MAX: usize = 4;

/// Messages to the user.
#[derive(Default)]
pub struct Toasts {
    waiting: Vec<(Tone, String)>,
    shown: VecDeque<(f64, Tone, String)>,
}

#[derive(Clone, Copy)]
enum Tone {
    Warning,
    News,
}

impl Toasts {
    /// Says that something could not be done, and why.
    pub fn warn(&mut self, text: &str) {
        self.waiting.push((Tone::Warning, text.to_owned()));
    }

    /// Says what is good to know.
    pub fn tell(&mut self, text: &str) {
        self.waiting.push((Tone::News, text.to_owned()));
    }

    /// Returns the messages that can be read, oldest first.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.shown.iter().map(|(_, _, text)| text.as_str())
    }

    /// Shows them at the upper right of `place`, from its line of tabs on (a first one hides nothing of the picture), and
    /// lets go of the old ones.
    pub fn ui(&mut self, ctx: &egui::Context, place: egui::Rect, theme: &Theme) {
        let now = ctx.input(|input| input.time);
        for (tone, text) in self.waiting.drain(..) {
            self.shown.retain(|(_, _, known)| *known != text);
            self.shown.push_back((now, tone, text));
        }
        self.shown.retain(|(born, ..)| now - born < TOAST.as_secs_f64());
        let excess = self.shown.len().saturating_sub(TOASTS_MAX);
        self.shown.drain(..excess);
        if self.shown.is_empty() {
            return;
        }
        ctx.request_repaint_after(TOAST / 8);
        let at = place.right_top() - egui::vec2(0.0, TAB_HEIGHT - 1.0);
        let area = egui::Area::new(egui::Id::unique("toasts")).pivot(egui::Align2::RIGHT_TOP).fixed_pos(at);
        area.interactable(false).show(ctx, |ui| {
            for (_, tone, text) in &self.shown {
                let frame = egui::Frame::popup(ui.style()).inner_margin(egui::Margin::symmetric(12, 4));
                frame.show(ui, |ui| {
                    ui.set_max_width((60.0 * SPACE).min(place.width() - 6.0 * SPACE));
                    ui.horizontal_wrapped(|ui| {
                        match tone {
                            Tone::Warning => ui.colored_label(theme.warn, "⚠"),
                            Tone::News => ui.colored_label(theme.good, "✔"),
                        };
                        ui.label(text);
                    });
                });
            }
        });
    }
}
