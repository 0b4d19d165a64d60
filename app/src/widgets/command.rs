//! A button that asks something of the cluster, or says why it cannot: a recording, the thing itself, or the lab that is open.

use cluster_core::command::Command;
use egui::{Button, Ui};

use crate::ctx::ViewCtx;

/// A button for a command. Returns whether it was asked.
pub fn command_ui<'t>(
    ui: &mut Ui,
    ctx: &ViewCtx<'_>,
    words: impl egui::IntoAtoms<'t>,
    about: &str,
    command: Command,
) -> bool {
    try_ui(ui, ctx, words, about, Ok(command))
}

/// A button for what may make no sense; `Err` says why. Returns whether it was asked.
pub fn try_ui<'t>(
    ui: &mut Ui,
    ctx: &ViewCtx<'_>,
    words: impl egui::IntoAtoms<'t>,
    about: &str,
    possible: Result<Command, &str>,
) -> bool {
    let possible = ctx.check(possible);
    let mut response = ui.add_enabled(possible.is_ok(), Button::new(words));
    match possible {
        Ok(command) => {
            if !about.is_empty() {
                response = response.on_hover_text(about);
            }
            if response.clicked() {
                ctx.command(command);
                return true;
            }
        }
        Err(why) => drop(response.on_disabled_hover_text(why)),
    }
    false
}
