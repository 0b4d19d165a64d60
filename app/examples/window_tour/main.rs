//! A tour of the real window with a real mouse: kills the leader, cuts two nodes off, heals, uses every tool, and checks in
//! the recording that what was seen is what happened. Takes the pictures for `screenshots/` on its way.
//!
//! Then it does a lab, from the prediction to the end.
//!
//! `cargo run --example window_tour --features inspection -- PROGRAM FOLDER` with `DISPLAY` set and xdotool on the PATH;
//! PROGRAM is a `faultline` built with the feature `inspection`, FOLDER is where pictures go; `lab` behind them does the lab only.

mod eyes;
mod hand;
mod lab;
mod proof;
mod tools;

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, ensure};

use eyes::{Eyes, Seen};

fn main() -> Result<()> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(program), Some(pictures)) = (args.next(), args.next()) else {
        anyhow::bail!("usage: window_tour PROGRAM FOLDER [lab]");
    };
    std::fs::create_dir_all(&pictures)?;
    if args.next().is_none() {
        cluster_tour(&program, &pictures)?;
    }
    lab::tour(&program, &pictures)
}

/// Breaks and mends a living cluster, and compares what was seen with its recording.
fn cluster_tour(program: &Path, pictures: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let recording = folder.path().join("tour.faultline");
    let mut window = Window::open(program, &recording, folder.path())?;
    let tour = Tour { pictures };
    let told = tour.run(&mut window.eyes);
    if told.is_err() {
        drop(window.eyes.photograph(&pictures.join("failed.png")));
    }
    window.close()?;
    let told = told?;
    proof::check(&recording, &told)?;
    println!("window tour: all that was seen is in the recording");
    Ok(())
}

/// What the mouse did, for the recording to confirm.
pub(crate) struct Told {
    /// The leader that was crashed and restarted.
    pub(crate) crashed: u16,
    /// The leader that was cut off with a follower.
    pub(crate) cut_off: u16,
}

struct Window {
    child: Child,
    eyes: Eyes,
}

impl Window {
    fn open(program: &Path, recording: &Path, home: &Path) -> Result<Self> {
        let began = Instant::now();
        let child = Command::new(program)
            .args(["--knob", "check_quorum=off", "--record"])
            .arg(recording)
            .env("EGUI_INSPECTION", "1")
            // A first start: no layout of an earlier one.
            .env("XDG_DATA_HOME", home)
            .stdin(Stdio::null())
            .spawn()
            .context("cannot start the window")?;
        let mut eyes = Eyes::open()?;
        eyes.wait_for("a living cluster", |label| label.starts_with("node n5, "))?;
        println!("window tour: five living nodes on the screen {} ms after the start", began.elapsed().as_millis());
        Ok(Self { child, eyes })
    }

    fn close(mut self) -> Result<()> {
        // The second step of every shutdown: a kind request first.
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the window ended with {status}");
        Ok(())
    }
}

pub(crate) struct Tour<'a> {
    pub(crate) pictures: &'a Path,
}

impl Tour<'_> {
    fn run(&self, eyes: &mut Eyes) -> Result<Told> {
        let (crashed, term) = leader(eyes, 0)?;
        hand::focus()?;
        self.take(eyes, "first-light")?;

        self.menu(eyes, crashed, "Crash")?;
        eyes.wait_for("the crashed node", |label| label.starts_with(&format!("node n{crashed}, crashed")))?;
        let (_, next_term) = leader(eyes, term)?;
        ensure!(next_term > term, "the new leader's term {next_term} is not above {term}");
        self.take(eyes, "crashed")?;
        self.menu(eyes, crashed, "Restart")?;
        eyes.wait_for("it follows", |label| label.starts_with(&format!("node n{crashed}, follower")))?;

        let (cut_off, term) = leader(eyes, next_term - 1)?;
        self.lasso(eyes, cut_off)?;
        self.menu(eyes, cut_off, "Cut around these")?;
        leader(eyes, term)?;
        self.write_by_hand(eyes, cut_off)?;
        self.take(eyes, "cut-off")?;
        hand::press("h")?;
        eyes.wait_for("nothing broken", |label| label == "Nothing is broken")?;
        eyes.wait_for("the old leader follows", |label| label.starts_with(&format!("node n{cut_off}, follower")))?;
        self.take(eyes, "healed")?;

        let (frozen, term) = leader(eyes, term)?;
        self.menu(eyes, frozen, "Freeze")?;
        eyes.wait_for("the frozen node", |label| label.starts_with(&format!("node n{frozen}, frozen")))?;
        leader_other_than(eyes, term, frozen)?;
        self.take(eyes, "frozen")?;
        hand::press("h")?;
        eyes.wait_for("nothing broken", |label| label == "Nothing is broken")?;
        self.tools(eyes)?;
        Ok(Told { crashed, cut_off })
    }

    /// Opens a node's menu by the right button and clicks an entry.
    pub(crate) fn menu(&self, eyes: &mut Eyes, node: u16, entry: &str) -> Result<()> {
        let place = find_node(eyes, node)?;
        hand::click(place.at, 3)?;
        let entry = eyes.wait_for(entry, |label| label == entry)?;
        hand::click(entry.at, 1)
    }

    /// Draws a lasso around a node and its neighbor on the circle.
    pub(crate) fn lasso(&self, eyes: &mut Eyes, node: u16) -> Result<()> {
        let one = find_node(eyes, node)?;
        let other = find_node(eyes, if node == 5 { 1 } else { node + 1 })?;
        let radius = one.size.0.max(one.size.1) / 2.0 + 12.0;
        hand::drag(&capsule(one.at, other.at, radius))
    }

    /// Selects a node and asks it to write, by the inspector's form.
    fn write_by_hand(&self, eyes: &mut Eyes, node: u16) -> Result<()> {
        hand::press("Escape")?;
        let place = find_node(eyes, node)?;
        hand::click(place.at, 1)?;
        let value = eyes.wait_for("the field of the value", |label| label == "field value")?;
        hand::click(value.at, 1)?;
        hand::press("ctrl+a")?;
        hand::write("lost?")?;
        let put = eyes.wait_for("the button to put", |label| label == "Put")?;
        hand::click(put.at, 1)?;
        // The keyboard belongs to the window again, not to the field.
        hand::press("Escape")
    }

    fn take(&self, eyes: &mut Eyes, name: &str) -> Result<()> {
        eyes.photograph(&self.pictures.join(format!("{name}.png")))
    }
}

pub(crate) fn find_node(eyes: &mut Eyes, node: u16) -> Result<Seen> {
    eyes.wait_for(&format!("node n{node}"), |label| label.starts_with(&format!("node n{node},")))
}

/// Waits for a leader of a term above `term`. Returns who and which term.
pub(crate) fn leader(eyes: &mut Eyes, term: u64) -> Result<(u16, u64)> {
    leader_other_than(eyes, term, 0)
}

pub(crate) fn leader_other_than(eyes: &mut Eyes, term: u64, not: u16) -> Result<(u16, u64)> {
    let found = |label: &str| parse_leader(label).is_some_and(|(node, its)| its > term && node != not);
    let seen = eyes.wait_for(&format!("a leader of a term above {term}"), found)?;
    parse_leader(&seen.label).context("just seen")
}

/// Reads `node n3, leader, term 7`.
fn parse_leader(label: &str) -> Option<(u16, u64)> {
    let (node, rest) = label.strip_prefix("node n")?.split_once(", leader, term ")?;
    Some((node.parse().ok()?, rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?))
}

/// Returns a closed path around two points.
fn capsule(a: (f64, f64), b: (f64, f64), radius: f64) -> Vec<(f64, f64)> {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length = dx.hypot(dy).max(1.0);
    let (ux, uy) = (dx / length * radius, dy / length * radius);
    let (nx, ny) = (-uy, ux);
    vec![
        (a.0 - ux + nx, a.1 - uy + ny),
        (b.0 + ux + nx, b.1 + uy + ny),
        (b.0 + ux - nx, b.1 + uy - ny),
        (a.0 - ux - nx, a.1 - uy - ny),
        (a.0 - ux + nx, a.1 - uy + ny),
    ]
}
