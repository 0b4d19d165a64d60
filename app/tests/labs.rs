//! The program as a teacher starts it: attempts that are graded, evidence that was altered, packs of labs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

const LAB: &str = "silence-of-a-timeout";

/// Runs the program without a display.
fn faultline(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_faultline"))
        .args(args)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .expect("the program starts")
}

fn labs() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs").display().to_string()
}

/// Runs `lab` with the labs that come along. Returns the exit code, what was printed, and what was told beside.
fn lab(args: &[&str]) -> (Option<i32>, String, String) {
    told(&[&["lab", "--labs", &labs()], args].concat())
}

fn told(args: &[&str]) -> (Option<i32>, String, String) {
    let output = faultline(args);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(!err.contains("panicked"), "{args:?} said: {err}");
    (output.status.code(), out, err)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Makes an attempt by a script. Returns what the run said of itself.
fn attempt(file: &Path, script: &str, seed: &str) -> Value {
    let file = file.display().to_string();
    let args = ["run", LAB, "--script", script, "--seed", seed, "--profile", "fast", "--evidence", &file, "--json"];
    let (code, out, err) = lab(&args);
    let said = json(&out);
    let expected = if said["passed"] == true { 0 } else { 1 };
    assert_eq!(code, Some(expected), "{err}");
    said
}

struct Bench {
    folder: TempDir,
    golden: Vec<u8>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("golden.evidence");
        attempt(&file, "golden", "3");
        let golden = fs::read(&file).expect("evidence");
        Self { folder, golden }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Grades bytes. Returns the exit code, what was printed, and what was told beside.
    fn graded(&self, bytes: &[u8]) -> (Option<i32>, String, String) {
        let path = self.path("one.evidence");
        fs::write(&path, bytes).expect("writable");
        lab(&["grade", &path.display().to_string()])
    }
}

/// Returns where each record of evidence begins, what it is, and where its body is.
fn records(bytes: &[u8]) -> Vec<(usize, u8, std::ops::Range<usize>)> {
    let mut records = Vec::new();
    let mut at = 12;
    while at < bytes.len() {
        let length = bytes[at + 1..at + 5].try_into().map(u32::from_le_bytes).expect("four bytes") as usize;
        records.push((at, bytes[at], at + 5..at + 5 + length));
        at += 37 + length;
    }
    records
}

/// Puts another text into the record that has it; both are equally long.
fn changed(bytes: &[u8], part: &str, by: &str) -> Vec<u8> {
    assert_eq!(part.len(), by.len());
    let at = bytes.windows(part.len()).position(|it| it == part.as_bytes());
    let at = at.unwrap_or_else(|| panic!("`{part}` is in the evidence"));
    let mut changed = bytes.to_vec();
    changed[at..at + by.len()].copy_from_slice(by.as_bytes());
    changed
}

#[test]
fn an_attempt_is_graded_to_the_points_that_its_run_told() {
    let folder = tempfile::tempdir().expect("a folder");
    for (script, passes) in [("golden", true), ("cuts-requests-twice", false)] {
        let file = folder.path().join(format!("{script}.evidence"));
        let said = attempt(&file, script, "3");
        let (code, out, err) = lab(&["grade", &file.display().to_string(), "--json"]);
        assert_eq!(code, Some(0), "{err}");
        let grade = &json(&out)["attempts"][0];
        assert_eq!((&grade["points"], &grade["max_points"]), (&said["points"], &said["max_points"]), "{out}");
        assert_eq!(grade["points"] == 100, passes, "{out}");
        let verdicts = |list: &Value| -> Vec<Value> {
            list["goals"].as_array().into_iter().flatten().map(|goal| goal["verdict"].clone()).collect()
        };
        assert_eq!(verdicts(grade), verdicts(&said));
        assert_eq!(verdicts(grade).iter().all(|verdict| *verdict == "met"), passes, "{out}");
        // That a script made it is said, and nothing else.
        assert_eq!((&grade["integrity"], grade["reasons"].as_array().map(Vec::len)), (&"yellow".into(), Some(1)));
        assert!(grade["reasons"][0]["what"].as_str().is_some_and(|it| it.contains(script)), "{out}");
    }
}

/// Whatever is altered, the exit code says so, and the reason says where.
#[test]
fn evidence_that_was_altered_is_found_out_with_its_place() {
    let bench = Bench::new();
    let (code, out, _) = bench.graded(&bench.golden);
    assert!(code == Some(0) && out.starts_with("yellow  100 of 100 points, 3 of 3 goals"), "{out}");
    let all = records(&bench.golden);
    let flipped = |at: usize| {
        let mut bytes = bench.golden.clone();
        bytes[at] ^= 1;
        bytes
    };
    let without = |record: usize| {
        let mut bytes = bench.golden.clone();
        bytes.drain(all[record].0..all[record].2.end + 32);
        bytes
    };
    let block = all.iter().position(|(_, kind, _)| *kind == 4).expect("a recording") + 1;
    let last = all.len() - 1;
    for (what, bytes, says) in [
        (
            "an answer",
            changed(&bench.golden, r#""option":"yes""#, r#""option":"not""#),
            &["the answer to `same-screen` is not as it was written", "80 points, and the file says 100"][..],
        ),
        (
            "a prediction",
            changed(&bench.golden, r#""option":"cannot-know""#, r#""option":"not-a-thing""#),
            &["record 2: the prediction of `the-counter` is not as it was written"],
        ),
        (
            "a verdict",
            changed(&bench.golden, r#"verdict":"Met","#, r#"verdict":"Bad","#),
            &["the end is not as it was written", "it is no end that this program knows", "it has no end"],
        ),
        (
            "the points",
            changed(&bench.golden, r#""points":[70"#, r#""points":[60"#),
            &["the end is not as it was written", "100 points, and the file says 90"],
        ),
        (
            "the seed",
            changed(&bench.golden, r#""seed":3"#, r#""seed":4"#),
            &["the head is not as it was written", "recorded with seed 3, not with that of the attempt, 4"],
        ),
        (
            "the recording",
            flipped((all[block].2.start + all[block].2.end) / 2),
            &[
                "block 0 of the recording of the phase, attempt 1 is not as it was written",
                "the experiment: its recording is damaged",
            ],
        ),
        (
            "a digest",
            flipped(all[2].2.end + 7),
            &["record 3: the beginning of the phase, attempt 1 is not as it was written"],
        ),
        ("a record away", without(1), &["record 2: the beginning of the phase, attempt 1 is not as it was written"]),
        (
            "a block away",
            without(block),
            &["the end is not as it was written", "its recording ends before the phase did"],
        ),
        ("the end away", without(last), &["it has no end"]),
        ("cut off", bench.golden[..bench.golden.len() - 9].to_vec(), &["the file ends within it: it was cut off"]),
        ("a tail", [&bench.golden[..], &[7; 80]].concat(), &["no record is like this: it was overwritten"]),
    ] {
        let (code, out, err) = bench.graded(&bytes);
        assert_eq!(code, Some(1), "{what}: {out}{err}");
        assert!(out.starts_with("red  "), "{what}: {out}");
        for part in says {
            assert!(out.contains(part), "{what}, `{part}`: {out}");
        }
        assert!(
            err.contains("1 of 1 are not as they were written") && err.contains("ask for those files anew"),
            "{err}"
        );
        // The recording is read beside the evidence; its name there means nothing to anybody.
        assert!(!out.contains("phase.faultline"), "{what}: {out}");
    }
}

#[test]
fn several_attempts_make_one_table_with_a_row_for_each_file() {
    let bench = Bench::new();
    let (hand_in, table) = (bench.path("hand-in"), bench.path("grades.csv"));
    fs::create_dir_all(hand_in.join("group-2")).expect("writable");
    attempt(&hand_in.join("=ada, \"the first\".evidence"), "golden", "5");
    attempt(&hand_in.join("group-2/bo.evidence"), "cuts-requests-twice", "6");
    fs::write(hand_in.join("cy.evidence"), &bench.golden).expect("writable");
    fs::write(hand_in.join("di.evidence"), "my homework").expect("writable");
    fs::write(hand_in.join("notes.txt"), "not looked at").expect("writable");
    let (hand_in, out_file) = (hand_in.display().to_string(), table.display().to_string());
    let (code, out, err) = lab(&["grade", &hand_in, "--csv", &out_file]);
    assert_eq!(code, Some(3), "{err}");
    assert!(out.contains("none    not graded: this is no evidence of an attempt; give files that end in .evidence"));
    assert!(err.contains("1 of 4 could not be graded"), "{err}");
    let table = fs::read_to_string(table).expect("a table");
    let rows: Vec<&str> = table.split_terminator("\r\n").collect();
    assert_eq!(rows.len(), 5, "{table}");
    assert!(rows[0].starts_with("session,date,pack,lab,lab_version,attempt,participant,"), "{}", rows[0]);
    assert!(rows[1].contains(r#"silence-of-a-timeout,1.0.0,5,"'=ada, ""the first""","#), "{}", rows[1]);
    assert!(rows[1].contains(",3,3,100,100,") && rows[2].contains(",3,cy,"), "{table}");
    assert!(rows[3].contains(",6,bo,") && !rows[3].contains(",100,100,"), "{}", rows[3]);
    assert!(rows[4].contains(",di,") && rows[4].contains(",unreadable,"), "{}", rows[4]);
    let cells = |row: &str| row.replace("ada, \"\"the first", "").matches(',').count();
    assert!(rows.iter().all(|row| cells(row) == cells(rows[0])), "{table}");
    // A copy under another name is told on both.
    let copy = bench.path("copy.evidence");
    fs::write(&copy, changed(&bench.golden, r#""participant":null"#, r#""participant":"me""#)).expect("writable");
    let (code, out, _) = lab(&["grade", &hand_in, &copy.display().to_string()]);
    assert_eq!((code, out.matches("red: the same recording is in ").count()), (Some(3), 2), "{out}");
    let (code, _, err) = lab(&["grade", &hand_in, "--csv", "/nowhere/grades.csv"]);
    assert!(code == Some(3) && err.contains("/nowhere/grades.csv") && err.contains("choose another file"), "{err}");
}

#[test]
fn what_is_no_evidence_is_refused_with_its_name_and_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("writable");
        path.display().to_string()
    };
    let prefix = b"\x89FLTEVI\n\x01\0\0\0";
    // A head that claims four gigabytes, and one that is nested for ever.
    let huge = [&prefix[..], &[1, 255, 255, 255, 255], &[0; 64]].concat();
    let nested = vec![b'['; 1 << 20];
    let deep = [&prefix[..], &[1], &(nested.len() as u32).to_le_bytes(), &nested, &[0; 32]].concat();
    let large = folder.path().join("large.evidence");
    fs::File::create(&large).and_then(|file| file.set_len(10 << 30)).expect("a sparse file");
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).expect("writable");
    for (path, says) in [
        (file("text.evidence", b"my homework"), "this is no evidence of an attempt; give files that end in .evidence"),
        (file("nothing.evidence", b""), "this is no evidence of an attempt"),
        (file("prefix.evidence", prefix), "does not say what it is an attempt at"),
        (file("newer.evidence", b"\x89FLTEVI\n\x09\0\0\0"), "take a later version of it"),
        (file("huge.evidence", &huge), "ask for the file anew"),
        (file("deep.evidence", &deep), "ask for the file anew"),
        (large.display().to_string(), "larger than any attempt makes it"),
        (folder.path().join("absent.evidence").display().to_string(), "check that the file is there"),
        (empty.display().to_string(), "give the folder where they were handed in"),
    ] {
        let (code, out, err) = lab(&["grade", &path]);
        assert_eq!(code, Some(3), "{path}: {out}{err}");
        let said = out + &err;
        assert!(said.contains(says) && said.contains(&path), "{path}: {said}");
    }
}

/// What a file says of itself stands in one line, and moves no cursor of who grades it.
#[test]
fn a_file_cannot_write_its_own_verdict_on_the_screen() {
    let bench = Bench::new();
    let tail = "\\n\\u001b[2Kgreen 100 of 100";
    let lie = format!("{LAB}\",\"version\":\"{tail}");
    let honest = format!("{LAB}\",\"version\":\"1.0.0");
    let all = records(&bench.golden);
    let head = String::from_utf8_lossy(&bench.golden[all[0].2.clone()]).replace(&honest, &lie).into_bytes();
    let length = (head.len() as u32).to_le_bytes();
    let forged = [&bench.golden[..13], &length, &head, &bench.golden[all[0].2.end..]].concat();
    let (code, out, _) = bench.graded(&forged);
    assert_eq!(code, Some(1), "{out}");
    assert!(!out.contains('\u{1b}') && !out.lines().any(|line| line.starts_with("green")), "{out}");
}

#[test]
fn a_script_or_a_lab_that_is_not_there_is_told_with_those_that_are() {
    let (code, _, err) = lab(&["run", LAB, "--script", "goldne"]);
    assert!(code == Some(3) && err.contains("did you mean `golden`?"), "{err}");
    let (code, _, err) = lab(&["run", "silence-of-a-tiemout"]);
    assert!(code == Some(3) && err.contains("did you mean `silence-of-a-timeout`?"), "{err}");
    let (code, _, err) = told(&["lab", "--labs", "/nowhere", "list"]);
    assert!(code == Some(3) && err.contains("/nowhere: there is no such folder") && err.contains("--labs"), "{err}");
    let file = "/nowhere/it.evidence";
    let (code, _, err) = lab(&["run", LAB, "--profile", "fast", "--evidence", file]);
    assert!(code == Some(3) && err.contains(file) && err.contains("choose another file"), "{err}");
}

/// What is written down of real nodes is graded to the same points as the run told, though nothing is executed again.
#[test]
fn an_attempt_on_real_nodes_is_graded_to_the_points_that_its_run_told_live() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("live.evidence").display().to_string();
    let (code, out, err) = lab(&["run", LAB, "--backend", "live", "--evidence", &file, "--json"]);
    assert_eq!(code, Some(0), "{out}{err}");
    let said = json(&out);
    let (code, out, err) = lab(&["grade", &file, "--json"]);
    assert_eq!(code, Some(0), "{out}{err}");
    let grade = &json(&out)["attempts"][0];
    assert_eq!((&grade["points"], &grade["integrity"]), (&said["points"], &"yellow".into()), "{out}");
    assert_eq!(grade["reasons"].as_array().map(Vec::len), Some(1), "{out}");
}
