//! Colors that carry a meaning stay apart for eyes that lack one kind of cones, by simulation.
//!
//! Machado, Oliveira and Fernandes, *A Physiologically-based Model for Simulation of Color Vision Deficiency*, IEEE TVCG
//! 2009, at full severity; distances in Oklab, in which 0.02 can just be seen between two large fields.

use cluster_core::{event::Family, ids::NodeId};
use egui::{Color32, Rgba};
use faultline::theme::{NODE_COLORS, Theme};

type Matrix = [[f32; 3]; 3];

const EYES: [(&str, Matrix); 4] = [
    ("all cones", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    ("protanopia", [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    (
        "deuteranopia",
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    ),
    ("tritanopia", [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
];

/// Colors that stand beside each other in the picture, told apart at a glance.
const APART: f32 = 0.08;
/// Colors that never stand without their own word or shape.
const APART_WITH_A_SIGN: f32 = 0.06;

const FAMILIES: [Family; 7] =
    [Family::Vote, Family::Append, Family::Heartbeat, Family::Reply, Family::Snapshot, Family::Client, Family::Control];

/// Returns the color as those eyes see it, in Oklab.
fn seen(color: Color32, eyes: &Matrix) -> [f32; 3] {
    let linear = Rgba::from(color);
    let linear = [linear.r(), linear.g(), linear.b()];
    let dot = |row: &[f32; 3], of: &[f32; 3]| row.iter().zip(of).map(|(a, b)| a * b).sum::<f32>();
    let simulated = eyes.map(|row| dot(&row, &linear).clamp(0.0, 1.0));
    const TO_CONES: Matrix =
        [[0.412_221, 0.536_333, 0.051_446], [0.211_903, 0.680_700, 0.107_397], [0.088_302, 0.281_719, 0.629_979]];
    const TO_LAB: Matrix =
        [[0.210_454, 0.793_618, -0.004_072], [1.977_998, -2.428_592, 0.450_594], [0.025_904, 0.782_772, -0.808_676]];
    let cones = TO_CONES.map(|row| dot(&row, &simulated).cbrt());
    TO_LAB.map(|row| dot(&row, &cones))
}

fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
}

/// Lists every pair that is nearer than `apart` to some eyes.
fn confused(colors: &[(String, Color32)], apart: f32) -> Vec<String> {
    let mut confused = Vec::new();
    for (whose, eyes) in &EYES {
        for (at, (a, one)) in colors.iter().enumerate() {
            for (b, other) in &colors[at + 1..] {
                let near = distance(seen(*one, eyes), seen(*other, eyes));
                if near < apart {
                    confused.push(format!("{a} and {b} with {whose}: {near:.3}"));
                }
            }
        }
    }
    confused
}

fn both_themes(apart: f32, colors: impl Fn(&Theme) -> Vec<(String, Color32)>) {
    for theme in [Theme::dark(), Theme::light()] {
        assert_eq!(confused(&colors(&theme), apart), Vec::<String>::new(), "dark: {}", theme.dark);
    }
}

#[test]
fn epochs_stay_apart() {
    both_themes(APART, |theme| (0..8).map(|epoch| (format!("epoch {epoch}"), theme.epoch(epoch))).collect());
}

#[test]
fn the_lines_of_nodes_stay_apart() {
    let nodes = || (1..=NODE_COLORS as u16).map(NodeId);
    both_themes(APART, |theme| nodes().map(|node| (node.to_string(), theme.node(node))).collect());
}

#[test]
fn families_of_messages_stay_apart() {
    let named = |theme: &Theme, family: Family| (format!("{family:?}"), theme.family(family));
    both_themes(APART, |theme| FAMILIES.into_iter().map(|family| named(theme, family)).collect());
}

#[test]
fn what_went_well_and_what_is_broken_stay_apart() {
    both_themes(APART_WITH_A_SIGN, |theme| {
        let named = [
            ("good", theme.good),
            ("warn", theme.warn),
            ("bad", theme.bad),
            ("down", theme.down),
            ("frost", theme.frost),
            ("accent", theme.accent),
        ];
        named.map(|(name, color)| (name.to_owned(), color)).to_vec()
    });
}

/// WCAG 2.2, 1.4.11: what is not text needs 3 to 1 to be seen; text 4.5 to 1.
#[test]
fn colors_stand_out_from_their_ground() {
    for theme in [Theme::dark(), Theme::light()] {
        let luminance = |color: Color32| {
            let linear = Rgba::from(color);
            0.2126 * linear.r() + 0.7152 * linear.g() + 0.0722 * linear.b()
        };
        let contrast = |a: Color32, b: Color32| {
            let (a, b) = (luminance(a), luminance(b));
            (a.max(b) + 0.05) / (a.min(b) + 0.05)
        };
        for text in [theme.text, theme.text_weak] {
            assert!(contrast(text, theme.surface) >= 4.5 && contrast(text, theme.background) >= 4.5, "{text:?}");
        }
        let lines = (1..=8).map(|n| theme.node(NodeId(n))).chain(FAMILIES.map(|family| theme.family(family)));
        for line in lines.chain(theme.epochs).chain([theme.good, theme.warn, theme.bad, theme.frost, theme.accent]) {
            assert!(contrast(line, theme.surface) >= 3.0, "{line:?} on {:?}", theme.surface);
        }
    }
}

/// The test itself must be able to fail.
#[test]
fn red_and_green_of_one_lightness_are_found_confused() {
    let pair = [("red", Color32::from_rgb(0xc4, 0x5a, 0x3c)), ("green", Color32::from_rgb(0x7a, 0x7d, 0x3c))];
    let pair = pair.map(|(name, color)| (name.to_owned(), color));
    assert!(confused(&pair, APART).iter().any(|line| line.contains("deuteranopia")));
    assert!(!confused(&pair, APART).iter().any(|line| line.contains("all cones")));
}
