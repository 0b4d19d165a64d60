//! The program as it is started from a shell: what it says about bad input, and a short run from end to end.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

/// Runs the program without a display.
fn faultline(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_faultline"))
        .args(args)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .expect("the program starts")
}

fn refused(args: &[&str], code: i32) -> String {
    let output = faultline(args);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{args:?} said: {said}");
    assert!(!said.contains("panicked"), "{args:?} said: {said}");
    assert!(output.stdout.is_empty(), "{args:?} printed something although it failed");
    said
}

fn file(folder: &Path, name: &str, content: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).expect("the test's folder can be written");
    path.display().to_string()
}

#[test]
fn a_mistake_on_the_command_line_is_told_with_what_to_write() {
    for (args, says) in [
        (&["run", "--nodse", "3"][..], "--nodes"),
        (&["run", "--for", "soon"], "20s"),
        (&["run", "--profile", "quick"], "human"),
        (&["run", "--knob", "pre-vote"], "a name and a value"),
        (&["screenshot", "out.png", "--size", "big"], "1440x900"),
        (&["screenshot", "out.png", "--view", "canvsa"], "did you mean `canvas`"),
        (&["screenshot", "out.gif"], "PNG"),
        (&["runn"], "run"),
        (&["run", "--backend", "real"], "live, sim"),
        (&["run", "--speed", "20"], "--backend sim"),
        (&["run", "--speed", "fast"], "max"),
        (&["run", "--backend", "sim", "--base-port", "7000"], "needs real nodes"),
    ] {
        let said = refused(args, 2);
        assert!(said.contains(says), "{args:?} said: {said}");
    }
}

#[test]
fn an_impossible_cluster_is_refused_by_name() {
    for (args, says) in [
        (&["run", "--nodes", "0"][..], "at least one node"),
        (&["run", "--nodes", "100000"], "at most 1000"),
        (&["run", "--nodes", "n1,n2,n1"], "n1 is named twice"),
        (&["run", "--nodes", "n1,two"], "`two` names no node"),
        (&["run", "--protocol", "rfat"], "did you mean `raft`"),
        (&["run", "--knob", "nonsense=1"], "has no knob `nonsense`"),
        (&["run", "--clients", "5000"], "at most 1000"),
        (&["run", "--read-share", "7"], "must be 0 to 1"),
        (&["run", "--rate", "0"], "must be above 0"),
        (&["--nodes", "0"], "at least one node"),
    ] {
        let said = refused(args, 3);
        assert!(said.contains(says), "{args:?} said: {said}");
    }
}

#[test]
fn a_mistake_in_line_7_of_a_script_is_told_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let script = file(folder.path(), "faults.txt", b"# 1\n# 2\n# 3\nat 1s heal\n# 5\n# 6\nat 5s crsh @leader\n");
    let said = refused(&["run", &script], 3);
    assert!(said.contains("faults.txt, line 7, column 7") && said.contains("did you mean `crash`"), "{said}");
    let said = refused(&["run", "no-such-script.txt"], 3);
    assert!(said.contains("no-such-script.txt"), "{said}");
    let script = file(folder.path(), "binary.txt", b"at 1s heal\n\xff\xfe\n");
    let said = refused(&["run", &script], 3);
    assert!(said.contains("binary.txt, line 2"), "{said}");
}

#[test]
fn a_file_that_is_no_recording_is_refused_by_every_command() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let noise = file(folder.path(), "noise.flt", b"this is a text and not a recording at all");
    let empty = file(folder.path(), "empty.flt", b"");
    for recording in [noise.as_str(), &empty, "no-such-file.flt"] {
        for args in [
            &["play", recording][..],
            &["play", recording, "--at", "1s", "--json"],
            &["chart", "out.svg", "--recording", recording],
            &["screenshot", "out.png", "--recording", recording],
        ] {
            let said = refused(args, 3);
            assert!(said.contains(recording), "{args:?} said: {said}");
        }
    }
}

#[test]
fn without_a_display_the_window_names_the_commands_that_need_none() {
    let said = refused(&[], 4);
    assert!(said.contains("no display") && said.contains("faultline run"), "{said}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("it has a port").port().to_string();
    let said = refused(&["run", "--nodes", "1", "--for", "1s", "--base-port", &port], 3);
    assert!(said.contains(&port), "{said}");
}

#[test]
fn protocols_and_verbs_are_listed() {
    let listed = |args: &[&str]| String::from_utf8_lossy(&faultline(args).stdout).into_owned();
    let protocols = listed(&["protocols"]);
    assert!(protocols.contains("raft") && protocols.contains("primary-backup"), "{protocols}");
    let verbs = listed(&["verbs"]);
    assert!(verbs.contains("partition @leader,@follower[0] | rest"), "{verbs}");
}

/// What `check` says of histories, by its exit code.
#[test]
fn histories_are_checked_to_a_verdict_and_the_worst_one_is_the_exit_code() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let line = |rest: &str| format!("INFO  jepsen.util - {rest}\n");
    let write = ["0 :invoke :write 1", "0 :ok :write 1", "0 :invoke :write 2", "0 :ok :write 2", "1 :invoke :read nil"];
    let write: String = write.iter().map(|rest| line(rest)).collect();
    let good = file(folder.path(), "good.log", (write.clone() + &line("1 :ok :read 2")).as_bytes());
    let bad = file(folder.path(), "bad.log", (write.clone() + &line("1 :ok :read 1")).as_bytes());
    let cut = file(folder.path(), "cut.log", (write + &line("7 :ok :read 2")).as_bytes());
    file(folder.path(), "notes.txt", b"no history");
    let code = |args: &[&str]| faultline(args).status.code();
    assert_eq!(code(&["check", &good, "--model", "register"]), Some(0));
    assert_eq!(code(&["check", &good, &bad]), Some(1));
    assert_eq!(code(&["check", &bad, "--steps", "0", "--promise", "sequential"]), Some(2));
    assert_eq!(code(&["check", &good, &bad, &cut]), Some(3));

    let output = faultline(&["check", &folder.path().display().to_string(), "--json"]);
    assert_eq!(output.status.code(), Some(3));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the verdicts are JSON");
    assert_eq!(told["verdict"], "unusable", "{told}");
    let files = told["files"].as_array().expect("a list of files");
    assert_eq!(files.len(), 3, "{told}");
    let sentence = files[0]["witness"]["sentence"].as_str().unwrap_or_default();
    assert!(sentence.contains("returned 1 although 2 had been acknowledged"), "{told}");
    assert!(files[1]["reason"].as_str().is_some_and(|reason| reason.starts_with("line 6: process 7")), "{told}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("passed over, no history") && said.contains("notes.txt"), "{said}");
    for (args, says) in [
        (&["check", "no-such.log"][..], "no-such.log"),
        (&["check", &cut], "line 6"),
        (&["check", &format!("{}/notes.txt", folder.path().display())], "neither a recording nor a history"),
    ] {
        let output = faultline(args);
        assert_eq!(output.status.code(), Some(3));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(says), "{args:?} said: {said}");
    }
    assert!(refused(&["check", &good, "--model", "registre"], 2).contains("known are register"));
}

/// The whole way once: a live cluster, a script, a recording, and everything that is made of it.
#[test]
fn a_run_is_recorded_summed_up_charted_and_pictured() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let inside = |name: &str| folder.path().join(name).display().to_string();
    let script = file(folder.path(), "faults.txt", b"at 2s crash @leader\nat 4s restart all\n");
    let recording = inside("run.flt");
    let run = ["run", "--nodes", "3", "--profile", "fast", "--for", "5s", "--json", "--record", &recording, &script];
    let output = faultline(&run);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the summary is JSON");
    let number = |key: &str| summary[key].as_f64().unwrap_or_else(|| panic!("{key} is no number in {summary}"));
    assert_eq!(number("lost_acknowledged"), 0.0, "{summary}");
    assert!(number("acknowledged") > 0.0 && number("acknowledged") <= number("operations"), "{summary}");
    for key in ["failed", "unanswered", "longest_unavailable_ms", "messages_per_operation"] {
        assert!(number(key) >= 0.0);
    }
    let elections = summary["elections"].as_array().expect("a list of elections");
    assert!(elections.len() >= 2 && elections[0]["time_ms"].is_u64(), "{summary}");
    assert!(summary["max_lag"]["n2"]["entries"].is_u64(), "{summary}");

    let output = faultline(&["play", &recording, "--at", "3s", "--json"]);
    let state: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the state is JSON");
    let crashed =
        state["nodes"].as_object().map(|nodes| nodes.values().filter(|node| node["status"] == "crashed").count());
    assert_eq!((state["at_ms"].as_f64(), crashed), (Some(3000.0), Some(1)), "{state}");

    let output = faultline(&["play", &recording, "--at", "4s", "--why", "term2", "--json"]);
    let why: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the chain of causes is JSON");
    let root = why["chain"].as_array().and_then(|chain| chain.last()).expect("a chain has links");
    assert!(root["sentence"].as_str().is_some_and(|said| said.starts_with("The script crashed")), "{why}");
    let output = faultline(&["play", &recording, "--at", "3s", "--why", "unavailable"]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
    assert!(refused(&["play", &recording, "--why", "everything"], 3).contains("lost:op12"));
    let output = faultline(&["check", &recording, "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the verdict is JSON");
    assert_eq!((output.status.code(), &told["files"][0]["model"]), (Some(0), &"kv".into()), "{told}");

    let (chart, picture) = (inside("chart.svg"), inside("picture.png"));
    assert_eq!(faultline(&["chart", &chart, "--recording", &recording]).status.code(), Some(0));
    assert!(std::fs::read_to_string(&chart).is_ok_and(|svg| svg.contains("<svg")));
    let shot = ["screenshot", &picture, "--recording", &recording, "--at", "3s", "--size", "800x600"];
    let output = faultline(&shot);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(std::fs::read(&picture).is_ok_and(|png| png.starts_with(b"\x89PNG")));
}

/// What a program recorded must not be lost when it is killed with the signal that nobody can catch.
#[test]
fn the_recording_of_a_killed_program_opens_live() {
    const ENOUGH_BYTES: u64 = 10_000;
    let folder = tempfile::tempdir().expect("a folder for the test");
    let recording = folder.path().join("killed.faultline");
    let mut run = Command::new(env!("CARGO_BIN_EXE_faultline"))
        .args(["run", "--quiet", "--profile", "fast", "--for", "1h", "--record"])
        .arg(&recording)
        .arg("--data-dir")
        .arg(folder.path().join("nodes"))
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    let deadline = Instant::now() + Duration::from_secs(60);
    while std::fs::metadata(&recording).map_or(0, |file| file.len()) < ENOUGH_BYTES {
        assert!(Instant::now() < deadline, "nothing was recorded within a minute");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    run.kill().expect("the program runs");
    run.wait().expect("the program ran");

    let output = faultline(&["play", &recording.display().to_string(), "--json"]);
    let state: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the state is JSON");
    assert!(output.status.success());
    assert!(state["events"].as_u64() > Some(100), "{state}");
    assert!(state["leader"].is_string(), "{state}");
}

/// The same seed and script give the same file in every bit; it is executed again, and another seed is told apart.
#[test]
fn a_simulated_run_is_the_same_again_and_another_one_is_told_apart() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let script = file(folder.path(), "faults", b"at 2s crash @leader\nat 4s restart all\n");
    let run = |name: &str, seed: &str| {
        let path = folder.path().join(name).display().to_string();
        let args = ["run", "--backend", "sim", "--seed", seed, "--for", "6s", "--quiet", "--record", &path, &script];
        let output = faultline(&args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        path
    };
    let (one, again, other) = (run("one", "7"), run("again", "7"), run("other", "8"));
    let output = faultline(&["rerun", &one, "--quiet"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("each the same in every bit"), "{said}");
    let output = faultline(&["diff", &one, &again]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let output = faultline(&["diff", &one, &other, "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["same"], serde_json::Value::Bool(false));
    assert!(json["first_difference"]["first"]["what"].is_string());

    // A file that was altered is refused by its place; one that was cut off is executed as far as it goes.
    let mut bytes = std::fs::read(&one).expect("the recording can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let altered = file(folder.path(), "altered", &bytes);
    assert!(refused(&["rerun", &altered, "--quiet"], 3).contains("is damaged"));
    bytes[middle] ^= 1;
    let cut = file(folder.path(), "cut", &bytes[..bytes.len() - 100]);
    let output = faultline(&["rerun", &cut, "--quiet"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(refused(&["rerun", &script], 3).contains("no recording"));
    assert!(refused(&["diff", &one, "nowhere"], 3).contains("cannot read"));
}

const SHIVIZ: &[u8] = b"ask\nalice {\"alice\":1}\nhear\nbob {\"bob\":1, \"alice\":1}\n";

#[test]
fn a_log_of_others_is_told_by_how_it_begins_and_a_broken_one_by_its_line() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let log = file(folder.path(), "hello.log", SHIVIZ);
    let output = faultline(&["play", &log, "--json"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("\"protocol\": \"shiviz\""), "{said}");
    let broken = file(folder.path(), "broken.log", b"ask\nalice {\"alice\":1}\nthink\nalice {\"alice\":3}\n");
    let said = refused(&["play", &broken, "--json"], 3);
    assert!(said.contains("broken.log, line 4") && said.contains("missing"), "{said}");
    let said = refused(&["play", &log, "--json", "--format", "etcd-ndjson"], 3);
    assert!(said.contains("hello.log, line 1"), "{said}");
    let said = refused(&["play", &log, "--json", "--expression", "(?<host>\\w+)"], 3);
    assert!(said.contains("(?<clock>…)"), "{said}");
}

#[test]
fn an_export_is_written_whole_and_never_over_another_file() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let recording = folder.path().join("run.faultline").display().to_string();
    let run = faultline(&["run", "--quiet", "--backend", "sim", "--nodes", "3", "--for", "3s", "--record", &recording]);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    for format in ["jsonl", "shiviz", "chrome", "jepsen-edn", "csv", "etcd-ndjson"] {
        let out = folder.path().join(format).display().to_string();
        let done = faultline(&["export", &recording, "--format", format, "-o", &out]);
        assert!(done.status.success(), "{format}: {}", String::from_utf8_lossy(&done.stderr));
        assert!(std::fs::metadata(&out).is_ok_and(|file| file.len() > 100), "{format}");
        let said = refused(&["export", &recording, "--format", format, "-o", &out], 3);
        assert!(said.contains("--force"), "{said}");
    }
    for (format, protocol) in [("shiviz", "shiviz"), ("etcd-ndjson", "etcd"), ("jepsen-edn", "history")] {
        // What we write, we read.
        let out = folder.path().join(format).display().to_string();
        let output = faultline(&["play", &out, "--json"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains(&format!("\"protocol\": \"{protocol}\"")), "{format}: {said}");
    }
    let said = refused(&["export", "no-such-file", "--format", "csv", "-o", "x.csv"], 3);
    assert!(said.contains("no-such-file"), "{said}");
}

#[test]
fn a_lab_that_was_just_begun_is_found_right_and_a_mistake_in_it_is_told_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let labs = folder.path().display().to_string();
    assert!(faultline(&["lab", "--labs", &labs, "new", "mine"]).status.success());
    assert!(refused(&["lab", "--labs", &labs, "new", "mine"], 3).contains("choose another id"));
    assert!(refused(&["lab", "--labs", &labs, "new", "../mine"], 2).contains("small letters"));
    let checked = faultline(&["lab", "--labs", &labs, "check", "--runs", "1", "--json", "-q"]);
    let told = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{told}");
    let told: serde_json::Value = serde_json::from_str(&told).expect("it is JSON");
    assert_eq!((&told["labs"][0]["id"], &told["labs"][0]["ok"]), (&"mine".into(), &true.into()), "{told}");
    let golden = &told["labs"][0]["scripts"][0];
    assert_eq!((&golden["name"], &golden["passed"]), (&"golden".into(), &2.into()), "{golden}");

    let file = folder.path().join("mine/lab.toml");
    let toml = std::fs::read_to_string(&file).expect("it was written").replace("k.role ==", "k.rank ==");
    std::fs::write(&file, toml).expect("it can be written");
    let checked = faultline(&["lab", "--labs", &labs, "check", "-q"]);
    let told = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert_eq!(checked.status.code(), Some(1), "{told}");
    assert!(told.contains("goal.another-leads.sequence: one act has no `rank`; it has kind, by"), "{told}");
    assert!(refused(&["lab", "--labs", &labs, "run", "mien"], 3).contains("did you mean `mine`?"));
}
