//! Moves the real mouse and presses real keys, by xdotool.

use std::{process::Command, time::Duration};

use anyhow::{Result, ensure};

/// The window needs a frame to see that the mouse came before it clicks; on a busy machine frames are late.
const A_FRAME: Duration = Duration::from_millis(120);

/// Clicks with a button: 1 is left, 3 is right.
pub(crate) fn click((x, y): (f64, f64), button: u8) -> Result<()> {
    go((x, y))?;
    xdotool(&["click", &button.to_string()])?;
    pause();
    Ok(())
}

/// Drags along a path.
pub(crate) fn drag(path: &[(f64, f64)]) -> Result<()> {
    hold(path)?;
    let_go()
}

/// Drags along a path, and holds what it drags.
pub(crate) fn hold(path: &[(f64, f64)]) -> Result<()> {
    let Some((first, rest)) = path.split_first() else { return Ok(()) };
    go(*first)?;
    xdotool(&["mousedown", "1"])?;
    let mut from = *first;
    for to in rest {
        for step in 1..=6 {
            let share = f64::from(step) / 6.0;
            go((from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share))?;
        }
        from = *to;
    }
    Ok(())
}

/// Lets go of what is dragged.
pub(crate) fn let_go() -> Result<()> {
    xdotool(&["mouseup", "1"])?;
    pause();
    Ok(())
}

/// Types text where the focus is.
pub(crate) fn write(text: &str) -> Result<()> {
    xdotool(&["type", "--delay", "30", text])?;
    pause();
    Ok(())
}

/// Presses a key, such as `Escape` or `ctrl+a`.
pub(crate) fn press(key: &str) -> Result<()> {
    xdotool(&["key", key])?;
    pause();
    Ok(())
}

/// Puts the mouse somewhere.
pub(crate) fn go((x, y): (f64, f64)) -> Result<()> {
    xdotool(&["mousemove", &format!("{x:.0}"), &format!("{y:.0}")])?;
    pause();
    Ok(())
}

/// Gives the window the keyboard; without a window manager nobody else does.
pub(crate) fn focus() -> Result<()> {
    let found = Command::new("xdotool").args(["search", "--onlyvisible", "--name", "Faultline"]).output()?;
    let id = String::from_utf8_lossy(&found.stdout).lines().last().unwrap_or_default().to_owned();
    ensure!(!id.is_empty(), "xdotool finds no window named Faultline");
    xdotool(&["windowfocus", &id])
}

fn xdotool(args: &[&str]) -> Result<()> {
    let status = Command::new("xdotool").args(args).status()?;
    ensure!(status.success(), "xdotool {args:?} failed");
    Ok(())
}

fn pause() {
    std::thread::park_timeout(A_FRAME);
}
