//! An attempt is graded to what it was told to be worth; what was changed is found, even where the chain was made anew.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::*;
use crate::{
    event::EventKind,
    headless::{Scribe, simulate_lab_kept},
    lab::{Attempt, Deed, evidence::seal},
    origin::BackendKind,
    time::TimingProfile,
    trace::RecordingWriter,
};

struct Bench {
    lab: Lab,
    folder: TempDir,
    path: PathBuf,
    evidence: Evidence,
}

impl Bench {
    /// Makes the golden attempt of a lab in the simulator.
    fn new(seed: u64) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs/majority-or-nothing");
        let lab = Lab::open(&folder).expect("a lab");
        let folder = tempfile::tempdir().expect("a folder");
        let actions = lab.script("golden").expect("a script").actions.clone();
        let attempt = Attempt { actions, seed, profile: TimingProfile::Fast };
        let mut scribe =
            Scribe::begin(folder.path(), &lab, &attempt, BackendKind::Sim, "golden", 1_000).expect("writable");
        let stop = AtomicBool::new(false);
        let outcome = simulate_lab_kept(&lab, &attempt, &stop, Some(&mut scribe)).expect("an outcome");
        assert!(outcome.passed(), "seed {seed}: {outcome:?}");
        let path = scribe.finish(&lab, &outcome).expect("evidence");
        let evidence = Evidence::open(&path).expect("evidence");
        Self { lab, folder, path, evidence }
    }

    fn recording(&self) -> PathBuf {
        self.folder.path().join("phase-1.faultline")
    }

    /// Makes evidence with a whole chain of something else.
    fn forged(&self, head: &Head, deeds: &[Deed], recording: &Path) -> Grade {
        let path = self.folder.path().join("forged.evidence");
        let journal = Journal { deeds: deeds.to_vec(), ..Journal::default() };
        let closing = self.evidence.closing.clone().expect("an end");
        seal(&path, head, &journal, &[(String::new(), 1, recording.to_owned())], &closing).expect("writable");
        graded(&path, Some(&self.lab))
    }
}

fn graded(path: &Path, lab: Option<&Lab>) -> Grade {
    let scratch = tempfile::tempdir().expect("a folder");
    let evidence = Evidence::open(path).expect("evidence");
    grade(&evidence, lab, scratch.path(), &AtomicBool::new(false)).expect("a grade")
}

fn red(grade: &Grade) -> Vec<&str> {
    grade.reasons.iter().filter(|it| it.light == Light::Red).map(|it| it.what.as_str()).collect()
}

#[test]
fn an_attempt_is_worth_by_its_trace_what_it_was_told_to_be_worth() {
    let bench = Bench::new(3);
    let grade = graded(&bench.path, Some(&bench.lab));
    let told: Vec<&str> = grade.reasons.iter().map(|reason| reason.what.as_str()).collect();
    assert_eq!(told, ["it was made by the script `golden`, not by a learner"]);
    let closing = bench.evidence.closing.clone().expect("an end");
    assert_eq!(grade.goals, closing.goals);
    assert_eq!(grade.score.map(Score::total), Some(100));
    assert_eq!((grade.met(), grade.observed, grade.predictions), ((3, 3), (1, 1), (2, 2)));
    let without = graded(&bench.path, None);
    assert!(without.score.is_none() && without.reasons.iter().any(|it| it.what.contains("is not at hand")));
}

/// Whoever has this program can make a chain: what is in it must still fit together.
#[test]
fn what_was_forged_does_not_fit_together() {
    let bench = Bench::new(3);
    let (head, deeds, recording) = (&bench.evidence.head, &bench.evidence.journal.deeds, bench.recording());
    assert_eq!(red(&bench.forged(head, deeds, &recording)), Vec::<&str>::new());
    // An answer.
    let mut changed = deeds.clone();
    for deed in &mut changed {
        if let Did::Observed { option, .. } = &mut deed.did {
            *option = "3".to_owned();
        }
    }
    assert!(red(&bench.forged(head, &changed, &recording))[0].contains("the file says 100"));
    // The parameters, the seed, and both.
    let mut other = head.clone();
    other.params.insert("v1".to_owned(), "0".to_owned());
    assert!(red(&bench.forged(&other, deeds, &recording))[0].contains("do not follow from its seed 3"));
    let other = Head { seed: 4, ..head.clone() };
    assert!(red(&bench.forged(&other, deeds, &recording))[0].contains("do not follow from its seed 4"));
    let other = Head { params: drawn(&bench.lab, 4), ..other };
    assert!(
        red(&bench.forged(&other, deeds, &recording))[0]
            .contains("recorded with seed 3, not with that of the attempt, 4")
    );
    // A prediction that came late.
    let mut late = deeds.clone();
    let prediction = late.remove(0);
    late.push(prediction);
    assert!(red(&bench.forged(head, &late, &recording)).iter().any(|it| it.contains("predicted after its experiment")));
}

#[test]
fn a_recording_of_somebody_else_is_found() {
    let (bench, friend) = (Bench::new(3), Bench::new(5));
    let grade = bench.forged(&bench.evidence.head, &bench.evidence.journal.deeds, &friend.recording());
    assert!(red(&grade)[0].contains("recorded with seed 5"), "{:?}", red(&grade));
    let copy = bench.folder.path().join("copy.evidence");
    let head = Head { participant: Some("other".to_owned()), ..bench.evidence.head.clone() };
    let journal = bench.evidence.journal.clone();
    let closing = bench.evidence.closing.clone().expect("an end");
    seal(&copy, &head, &journal, &[(String::new(), 1, bench.recording())], &closing).expect("writable");
    let mut grades = [graded(&bench.path, Some(&bench.lab)), graded(&copy, Some(&bench.lab))];
    compare_grades(&mut grades);
    assert!(grades.iter().all(|grade| red(grade).iter().any(|it| it.contains("the same recording is in"))));
}

#[test]
fn an_event_that_was_taken_out_of_a_recording_is_missed() {
    let bench = Bench::new(3);
    let mut recording = Recording::open(&bench.recording()).expect("a recording");
    let changed = bench.folder.path().join("changed.faultline");
    let origin = recording.origin().clone();
    let mut writer = RecordingWriter::create_of(&changed, recording.spec(), &origin, 0).expect("writable");
    let (mut next, mut taken) = (Seq(0), false);
    for block in 0..recording.blocks().len() {
        for mut event in recording.read(block).expect("sound") {
            if !taken && event.seq > Seq(200) && matches!(event.kind, EventKind::FrameSent { .. }) {
                taken = true;
                continue;
            }
            let before = |seq: Seq| if taken { Seq(seq.0.saturating_sub(1)) } else { seq };
            event.cause = event.cause.map(|cause| if cause > Seq(200) { before(cause) } else { cause });
            event.seq = next;
            next = next.next();
            writer.write(&[event]).expect("writable");
        }
    }
    writer.finish().expect("writable");
    let grade = bench.forged(&bench.evidence.head, &bench.evidence.journal.deeds, &changed);
    let told = red(&grade);
    assert!(told.iter().any(|it| it.contains("a message arrives that nobody sent")), "{told:?}");
    assert!(told.iter().any(|it| it.contains("executed again, it is not the same")), "{told:?}");
}

#[test]
fn an_attempt_whose_end_was_cut_off_is_told() {
    let bench = Bench::new(3);
    let bytes = fs::read(&bench.path).expect("evidence");
    let cut = bench.folder.path().join("cut.evidence");
    fs::write(&cut, &bytes[..bytes.len() - 100]).expect("writable");
    let grade = graded(&cut, Some(&bench.lab));
    assert!(red(&grade).iter().any(|it| it.contains("it was cut off")), "{:?}", red(&grade));
    // A flipped byte in the recording names its block.
    let mut changed = bytes.clone();
    let middle = bytes.len() / 2;
    changed[middle] ^= 1;
    fs::write(&cut, changed).expect("writable");
    let grade = graded(&cut, Some(&bench.lab));
    assert!(red(&grade)[0].contains("of the recording of the phase, attempt 1"), "{:?}", red(&grade));
}
