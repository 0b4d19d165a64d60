//! Does a lab in the real window with the real mouse, from the prediction to the end, and has its evidence graded.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::{
    Tour,
    eyes::{Eyes, Seen},
    find_node, hand, leader, leader_other_than,
};

/// The lab that is done.
const LAB: &str = "majority-or-nothing";
/// What lies above and below is scrolled away.
const VISIBLE: (f64, f64) = (170.0, 640.0);
/// The guide is left of this.
const GUIDE: f64 = 372.0;
/// How often a menu is looked for, a frame each time.
const LOOKS: usize = 1000;
/// The mouse stands here while the guide is scrolled.
const IN_GUIDE: (f64, f64) = (180.0, 400.0);

/// Does the lab, and grades what it leaves.
pub(crate) fn tour(program: &Path, pictures: &Path) -> Result<()> {
    let home = tempfile::tempdir()?;
    let mut lab = LabTour::open(program, pictures, home.path())?;
    let points = lab.run();
    if points.is_err() {
        drop(lab.eyes.photograph(&pictures.join("failed-lab.png")));
    }
    lab.close()?;
    let points = points?;
    let evidence = evidence_in(home.path())?;
    grade(program, &evidence, &points)?;
    alter(program, &evidence, &home.path().join("altered.evidence"))?;
    println!(
        "window tour: {LAB} was done by mouse, for {points}; `lab grade` says the same, and finds out a bit that was changed"
    );
    Ok(())
}

struct LabTour<'a> {
    child: Child,
    eyes: Eyes,
    pictures: &'a Path,
}

impl<'a> LabTour<'a> {
    fn open(program: &Path, pictures: &'a Path, home: &Path) -> Result<Self> {
        let child = Command::new(program)
            .args(["lab", "open", LAB, "--backend", "sim", "--seed", "7"])
            .env("EGUI_INSPECTION", "1")
            .env("XDG_DATA_HOME", home)
            .stdin(Stdio::null())
            .spawn()
            .context("cannot start the window")?;
        let mut eyes = Eyes::open()?;
        eyes.wait_for("the question", |label| label == "How many nodes will call themselves leader?")?;
        hand::focus()?;
        Ok(Self { child, eyes, pictures })
    }

    fn close(mut self) -> Result<()> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the window ended with {status}");
        Ok(())
    }

    /// Does the lab. Returns the points that the window shows at its end.
    fn run(&mut self) -> Result<String> {
        self.press("Two")?;
        self.press("No answer")?;
        self.take("guide-predict")?;
        self.press("Commit prediction")?;
        self.experiment()?;
        self.press("Go on")?;

        self.press("2")?;
        self.press("Check")?;
        self.press("Go on")?;
        let field = self.reach("field Your thoughts")?;
        hand::click(field.at, 1)?;
        hand::write("The write was neither accepted nor rejected, so the screen should say that nobody knows yet.")?;
        self.press("Go on")?;
        self.eyes.wait_for("the echo", |label| label == "It happened")?;
        self.take("guide-echo")?;
        self.press("Finish")?;
        self.eyes.wait_for("the evidence", |label| label == "Evidence saved")?;
        self.take("guide-done")?;
        let points = self.eyes.wait_for("the points", |label| label.ends_with(" of 100") && !label.contains('·'))?;
        Ok(points.label)
    }

    /// Cuts the leader off with a neighbor, writes on both sides, and heals.
    fn experiment(&mut self) -> Result<()> {
        let tour = Tour { pictures: self.pictures };
        let (old, term) = leader(&mut self.eyes, 0)?;
        self.offers_only(old)?;
        tour.lasso(&mut self.eyes, old)?;
        tour.menu(&mut self.eyes, old, "Cut around these")?;
        let (new, _) = leader_other_than(&mut self.eyes, term, old)?;
        hand::press("Escape")?;
        self.write(old, 0)?;
        self.write(new, 1)?;
        self.wait_goal("Two nodes lead at once")?;
        self.take("guide-do")?;
        self.eyes.wait_for("the write that nobody answers", |label| {
            label.starts_with("client c0,") && label.ends_with("1 without answer")
        })?;
        hand::press("Escape")?;
        hand::press("h")?;
        self.wait_goal("The gray entry is erased")?;
        self.eyes.wait_for("that all is done", |label| label.contains("All goals are met"))?;
        Ok(())
    }

    /// Sees that the menu of a node has what the lab offers, and not what it does without.
    fn offers_only(&mut self, node: u16) -> Result<()> {
        let place = find_node(&mut self.eyes, node)?;
        hand::click(place.at, 3)?;
        self.eyes.wait_for("the menu", |label| label == "Cut around")?;
        let offered = self.eyes.look()?;
        hand::press("Escape")?;
        let freeze = offered.iter().any(|seen| seen.label == "Freeze");
        ensure!(!freeze, "the lab does without freezing, and the menu of n{node} offers it");
        Ok(())
    }

    /// Writes by one of the entries that the lab puts into a node's menu.
    fn write(&mut self, node: u16, which: usize) -> Result<()> {
        let place = find_node(&mut self.eyes, node)?;
        hand::click(place.at, 3)?;
        let mut entries = Vec::new();
        for _ in 0..LOOKS {
            // The guide speaks of writing, too.
            let of_menu = |seen: &Seen| seen.label.starts_with("Write ") && seen.at.0 > GUIDE;
            entries = self.eyes.look()?.into_iter().filter(of_menu).collect::<Vec<_>>();
            if !entries.is_empty() {
                break;
            }
        }
        entries.sort_by(|a, b| a.at.1.total_cmp(&b.at.1));
        entries.dedup_by(|a, b| a.label == b.label);
        let entry = entries.get(which).with_context(|| format!("the menu offers only {entries:?}"))?;
        hand::click(entry.at, 1)
    }

    fn wait_goal(&mut self, title: &str) -> Result<()> {
        let met = format!("goal {title}, met");
        self.eyes.wait_for(&met, |label| label == met).map(drop)
    }

    /// Clicks something in the guide.
    fn press(&mut self, label: &str) -> Result<()> {
        let seen = self.reach(label)?;
        hand::click(seen.at, 1)
    }

    /// Scrolls the guide until something is seen.
    fn reach(&mut self, wanted: &str) -> Result<Seen> {
        for _ in 0..60 {
            self.eyes.wait_for(wanted, |label| label == wanted)?;
            let seen = self.eyes.look()?.into_iter().find(|seen| seen.label == wanted && seen.at.0 < GUIDE);
            let Some(seen) = seen else { continue };
            if seen.at.1 > VISIBLE.1 {
                hand::click(IN_GUIDE, 5)?;
            } else if seen.at.1 < VISIBLE.0 {
                hand::click(IN_GUIDE, 4)?;
            } else {
                // What scrolls comes to rest first.
                return self.eyes.wait_for(wanted, |label| label == wanted).map(|_| seen);
            }
        }
        bail!("scrolled in vain for {wanted}")
    }

    fn take(&mut self, name: &str) -> Result<()> {
        self.eyes.photograph(&self.pictures.join(format!("{name}.png")))
    }
}

/// Returns the evidence that the attempt left.
fn evidence_in(home: &Path) -> Result<PathBuf> {
    let attempts = home.join("faultline/labs/attempts");
    for attempt in std::fs::read_dir(&attempts).with_context(|| format!("no attempts in {}", attempts.display()))? {
        for file in std::fs::read_dir(attempt?.path())? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "evidence") {
                return Ok(path);
            }
        }
    }
    bail!("the attempt left no evidence")
}

/// Grades the evidence with the command line: to the points that the window showed, with nothing that speaks against it.
fn grade(program: &Path, evidence: &Path, points: &str) -> Result<()> {
    let (sound, graded) = graded(program, evidence)?;
    let told = format!("{} of {}", graded["points"], graded["max_points"]);
    ensure!(told == points, "the window said {points}, the grade is {told}");
    ensure!(sound, "the evidence is refused: {}", graded["reasons"]);
    Ok(())
}

/// Changes one bit of the evidence and sees that the command line finds it out.
fn alter(program: &Path, evidence: &Path, altered: &Path) -> Result<()> {
    let mut bytes = std::fs::read(evidence)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(altered, bytes)?;
    let (sound, graded) = graded(program, altered)?;
    ensure!(!sound && graded["integrity"] == "red", "evidence with a changed bit is taken for sound: {graded}");
    Ok(())
}

/// Returns whether the command line finds the evidence sound, and what it says of it.
fn graded(program: &Path, evidence: &Path) -> Result<(bool, Value)> {
    let output = Command::new(program).args(["lab", "grade", "--json"]).arg(evidence).output()?;
    let said: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("`lab grade` says no JSON: {}", String::from_utf8_lossy(&output.stderr)))?;
    Ok((output.status.success(), said["attempts"][0].clone()))
}
