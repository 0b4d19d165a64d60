//! Histories whose verdict is known: ours is the same.

// What helps a test may unwrap as a test may: its panic is the report.
#![allow(clippy::unwrap_used)]

mod agreement;
mod mistakes;
mod online;
mod random;
mod twins;

use std::{fs, io::BufReader, path::Path};

use cluster_core::check::{
    Budget, Model,
    format::{self, Format},
    linearizable,
};

/// Returns what differs from the verdicts that a folder's `expected.tsv` tells.
fn wrong_verdicts(folder: &Path) -> Vec<String> {
    let expected = fs::read_to_string(folder.join("expected.tsv")).unwrap();
    let mut wrong = Vec::new();
    for line in expected.lines() {
        let (path, verdict) = line.split_once('\t').unwrap();
        let bytes = fs::read(folder.join(path)).unwrap();
        let format = Format::guess(&bytes[..bytes.len().min(4096)]).unwrap();
        let history = format::read(format, BufReader::new(&bytes[..])).unwrap();
        let model = if format == Format::PorcupineKv { Model::KvAppend } else { Model::Register };
        let found = linearizable(&history, model, &Budget::default()).unwrap();
        let right = if verdict == "linearizable" { "holds" } else { "violated" };
        if found.word() != right {
            wrong.push(format!("{path}: {} and not {right}", found.word()));
        }
    }
    wrong
}

#[test]
fn verdicts_of_recorded_histories_are_right() {
    let wrong = wrong_verdicts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
