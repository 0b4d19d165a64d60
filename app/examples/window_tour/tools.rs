//! The second half of the tour: knife, stage, undo, a shape, a link that flaps, and random faults.

use anyhow::{Result, bail, ensure};

use crate::{
    Tour,
    eyes::{Eyes, Seen},
    find_node, hand,
};

/// The two nodes whose link is cut by the knife: on the circle of five, their link is level and nothing lies on it.
pub(crate) const CUT_APART: (u16, u16) = (4, 3);
/// The node that is staged to crash.
pub(crate) const STAGED: u16 = 5;

impl Tour<'_> {
    /// Uses every tool once, and heals after each.
    pub(crate) fn tools(&self, eyes: &mut Eyes) -> Result<()> {
        self.knife(eyes)?;
        self.stage(eyes)?;
        self.shape(eyes)?;
        self.flap(eyes)?;
        self.nemesis(eyes)
    }

    fn knife(&self, eyes: &mut Eyes) -> Result<()> {
        let (near, far) = CUT_APART;
        let (from, to) = (find_link(eyes, near, far)?, find_link(eyes, far, near)?);
        let across = |share: f64, beside: f64| {
            (from.at.0 + (to.at.0 - from.at.0) * share, from.at.1 + (to.at.1 - from.at.1) * share + beside)
        };
        hand::press("x")?;
        eyes.wait_for("the knife", |label| label == "Put the tool away")?;
        hand::hold(&[across(0.3, -34.0), across(0.55, 34.0)])?;
        self.take(eyes, "knife")?;
        hand::let_go()?;
        eyes.wait_for("the cut", |label| label == format!("link n{near} to n{far}, cut"))?;
        eyes.wait_for("the cut back", |label| label == format!("link n{far} to n{near}, cut"))?;
        hand::press("Escape")?;
        self.undo(eyes)
    }

    fn stage(&self, eyes: &mut Eyes) -> Result<()> {
        let (near, far) = CUT_APART;
        hand::press("s")?;
        hand::press(&STAGED.to_string())?;
        // Keys act on what is selected: it is, once the inspector shows it.
        eyes.wait_for("the inspector of the node", |label| label == "Wipe disk")?;
        hand::press("k")?;
        click_link(eyes, (near, far), 1, "Cut both ways")?;
        hand::press("c")?;
        eyes.wait_for("two staged faults", |label| label == "Staged 2")?;
        let node = find_node(eyes, STAGED)?;
        ensure!(!node.label.contains("crashed"), "what is staged was done at once: {}", node.label);
        self.take(eyes, "staged")?;
        hand::press("a")?;
        eyes.wait_for("the crash", |label| label.starts_with(&format!("node n{STAGED}, crashed")))?;
        eyes.wait_for("the cut", |label| label == format!("link n{near} to n{far}, cut"))?;
        self.undo(eyes)
    }

    fn shape(&self, eyes: &mut Eyes) -> Result<()> {
        hand::press("Escape")?;
        hand::press("p")?;
        for entry in ["Partition", "Bridge"] {
            let entry = eyes.wait_for(entry, |label| label == entry)?;
            hand::click(entry.at, 1)?;
        }
        eyes.wait_for("something broken", |label| label.starts_with("Heal all ("))?;
        self.undo(eyes)
    }

    fn flap(&self, eyes: &mut Eyes) -> Result<()> {
        let (near, far) = CUT_APART;
        let flaps = format!("link n{near} to n{far}, flap");
        click_link(eyes, (near, far), 3, "Frames")?;
        for entry in ["Frames", "Flap "] {
            let entry = eyes.wait_for(entry, |label| label.starts_with(entry))?;
            hand::click(entry.at, 1)?;
        }
        eyes.wait_for("a link that flaps", |label| label.starts_with(&flaps))?;
        self.undo(eyes)
    }

    fn nemesis(&self, eyes: &mut Eyes) -> Result<()> {
        hand::press("b")?;
        eyes.wait_for("random faults", |label| label.starts_with("Random faults: "))?;
        eyes.wait_for("something broken", |label| label.starts_with("Heal all ("))?;
        self.take(eyes, "nemesis")?;
        hand::press("b")?;
        hand::press("h")?;
        eyes.wait_for("nothing broken", |label| label == "Nothing is broken")?;
        Ok(())
    }

    fn undo(&self, eyes: &mut Eyes) -> Result<()> {
        hand::press("ctrl+z")?;
        eyes.wait_for("all of it undone", |label| label == "Nothing is broken")?;
        Ok(())
    }
}

/// Clicks a link until that shows: a frame that passes just then is hit in its place.
fn click_link(eyes: &mut Eyes, (from, to): (u16, u16), button: u8, shows: &str) -> Result<()> {
    for _ in 0..20 {
        let link = find_link(eyes, from, to)?;
        hand::click(link.at, button)?;
        for _ in 0..20 {
            if eyes.look()?.iter().any(|seen| seen.label.starts_with(shows)) {
                return Ok(());
            }
        }
        // What was hit is let go, or it would stay there as long as it is selected.
        if button == 3 {
            hand::press("Escape")?;
        }
        hand::press("1")?;
    }
    bail!("something lay over the link n{from} to n{to} each time")
}

fn find_link(eyes: &mut Eyes, from: u16, to: u16) -> Result<Seen> {
    let label = format!("link n{from} to n{to}");
    eyes.wait_for(&label, |seen| seen == label)
}
