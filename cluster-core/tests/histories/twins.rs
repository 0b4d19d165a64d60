//! Each checker fires on a minimal bad history, and is silent on its good twin.

use cluster_core::check::{
    Budget, History, Model, Promise, Unknown, Verdict, check,
    format::{self, Format},
    guess_model,
};

/// Reads a history of lines such as `0 invoke write 1` or `1 ok read nil @ 300` (milliseconds); `k=` before a value names
/// the key.
fn history(lines: &[&str]) -> History {
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let (line, time) = line.split_once(" @ ").unwrap_or((line, ""));
        let mut words = line.splitn(4, ' ');
        let mut next = || words.next().unwrap_or("null");
        let (process, kind, function, value) = (next(), next(), next(), next());
        let (key, value) = value.split_once('=').map_or((None, value), |(key, value)| (Some(key), value));
        let key = key.map_or_else(String::new, |key| format!(r#","key":"{key}""#));
        let value = if value == "nil" { "null" } else { value };
        let time = if time.is_empty() { number as u64 * 1000 } else { time.parse().unwrap() };
        text += &format!(
            r#"{{"process":{process},"type":"{kind}","f":"{function}"{key},"value":{value},"time":{}}}"#,
            time * 1_000_000
        );
        text += "\n";
    }
    format::read(Format::Jsonl, text.as_bytes()).unwrap()
}

/// Makes operations that follow each other: `0 write 1` begins and ends at once.
fn one_by_one(operations: &[&str]) -> Vec<String> {
    let mut lines = Vec::new();
    for operation in operations {
        let mut words = operation.splitn(3, ' ');
        let (process, function) = (words.next().unwrap(), words.next().unwrap());
        let value = words.next().unwrap_or("null");
        let (key, asked) = value.split_once('=').map_or(("", value), |(key, asked)| (key, asked));
        let read = matches!(function, "read" | "get" | "dequeue" | "generate");
        let equals = if key.is_empty() { "" } else { "=" };
        let begin = format!("{key}{equals}{}", if read { "null" } else { asked });
        lines.push(format!("{process} invoke {function} {begin}"));
        lines.push(format!("{process} ok {function} {value}"));
    }
    lines
}

fn verdict(operations: &[&str], model: Model, promise: Promise) -> Verdict {
    let lines = one_by_one(operations);
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    check(&history(&lines), model, promise, &Budget::default()).unwrap()
}

/// Asserts that the first breaks the promise and the second keeps it, and returns the sentence.
fn fires(bad: &[&str], good: &[&str], model: Model, promise: Promise) -> String {
    let kept = verdict(good, model, promise);
    assert_eq!(kept.word(), "holds", "{promise:?}: {kept:?}");
    match verdict(bad, model, promise) {
        Verdict::Violated(witness) => {
            assert!(!witness.operations.is_empty(), "{promise:?} shows nothing");
            witness.sentence
        }
        other => panic!("{promise:?} does not fire: {other:?}"),
    }
}

#[test]
fn linearizability_of_a_register() {
    let stale = ["0 write 1", "0 write 2", "1 read 1"];
    let said = fires(&stale, &["0 write 1", "1 read 1", "0 write 2"], Model::Register, Promise::Linearizable);
    assert_eq!(said, "this read returned 1 although 2 had been acknowledged 1000 ms before it began");
    let invented = fires(&["0 read 7"], &["0 read nil"], Model::Register, Promise::Linearizable);
    assert!(invented.contains("nobody had begun to write"), "{invented}");
    let cas = ["0 write 1", "1 cas [2,3]"];
    fires(&cas, &["0 write 2", "1 cas [2,3]", "0 read 3"], Model::Register, Promise::Linearizable);
}

#[test]
fn linearizability_of_every_other_object() {
    let check = |bad: &[&str], good: &[&str], model| fires(bad, good, model, Promise::Linearizable);
    check(&["0 put a=1", "0 put b=2", "1 get a=2"], &["0 put a=1", "0 put b=2", "1 get a=1"], Model::Kv);
    let (bad, good) = (r#"1 get a="yx""#, r#"1 get a="xy""#);
    let append = [r#"0 append a="x""#, r#"0 append a="y""#];
    check(&[append[0], append[1], bad], &[append[0], append[1], good], Model::KvAppend);
    check(&["0 add 2", "0 remove 1", "1 read 2"], &["0 add 2", "0 remove 1", "1 read 1"], Model::Counter);
    let queue = ["0 enqueue 1", "0 enqueue 2"];
    check(&[queue[0], queue[1], "1 dequeue 2"], &[queue[0], queue[1], "1 dequeue 1", "1 dequeue 2"], Model::Queue);
    check(&["0 enqueue 1", "1 dequeue nil"], &["1 dequeue nil", "0 enqueue 1"], Model::Queue);
    check(&["0 acquire", "1 acquire"], &["0 acquire", "0 release", "1 acquire"], Model::Lock);
    check(&["0 acquire", "1 release"], &["0 acquire", "0 release"], Model::Lock);
    check(&["0 add 1", "1 read []"], &["0 add 1", "0 add 2", "0 remove 1", "1 read [2]"], Model::Set);
}

/// An operation without an answer may take effect at any later time, but only once.
#[test]
fn an_unknown_outcome_may_show_late_and_once() {
    let lines = |last: &'static [&'static str]| {
        let mut lines = vec!["0 invoke write 1", "0 info write 1"];
        for pair in last {
            lines.push(pair);
        }
        lines
    };
    let holds = |lines: &[&str]| {
        check(&history(lines), Model::Register, Promise::Linearizable, &Budget::default()).unwrap().word().to_owned()
    };
    let late = lines(&["1 invoke write 2", "1 ok write 2", "1 invoke read nil", "1 ok read 1"]);
    assert_eq!(holds(&late), "holds");
    let twice = lines(&[
        "1 invoke write 2",
        "1 ok write 2",
        "1 invoke read nil",
        "1 ok read 1",
        "1 invoke write 3",
        "1 ok write 3",
        "1 invoke read nil",
        "1 ok read 1",
    ]);
    assert_eq!(holds(&twice), "violated");
}

#[test]
fn sequential_consistency_forgets_real_time_and_not_a_client_s_own_order() {
    let model = Model::Kv;
    // Stale across clients is fine; what one client saw in its own order is not.
    let good = ["0 put a=1", "0 put a=2", "1 get a=1", "1 get a=2"];
    assert_eq!(verdict(&good, model, Promise::Linearizable).word(), "violated");
    fires(&["0 put a=1", "0 put a=2", "1 get a=2", "1 get a=1"], &good, model, Promise::Sequential);
    // Not local: either key alone is fine.
    let both = ["0 put a=1", "0 get b=nil", "1 put b=1", "1 get a=nil"];
    fires(&both, &["0 put a=1", "0 get b=nil", "1 put b=1", "1 get a=1"], model, Promise::Sequential);
}

#[test]
fn causal_consistency() {
    let model = Model::Kv;
    // Client 2 sees the answer and not the question.
    let bad = ["0 put q=1", "1 get q=1", "1 put a=2", "2 get a=2", "2 get q=nil"];
    let good = ["0 put q=1", "1 get q=1", "1 put a=2", "2 get q=nil", "2 get a=2", "2 get q=1"];
    let said = fires(&bad, &good, model, Promise::Causal);
    assert!(said.contains("causal past"), "{said}");
    // Two writes that do not know of each other may be seen in either order.
    let either = ["0 put x=1", "1 put x=2", "2 get x=1", "3 get x=2", "2 get x=2", "3 get x=1"];
    let overwritten = ["0 put x=1", "1 get x=1", "1 put x=2", "2 get x=2", "2 get x=1"];
    fires(&overwritten, &either, model, Promise::Causal);
    // Each read what the other only wrote afterwards.
    let circle = ["0 get x=1", "0 put y=1", "1 get y=1", "1 put x=1"];
    fires(&circle, &["0 put y=1", "1 get y=1", "1 put x=1", "0 get x=1"], model, Promise::Causal);
    assert_eq!(
        verdict(&["0 put x=1", "1 put x=1", "2 get x=1"], model, Promise::Causal),
        Verdict::Unknown(Unknown::Ambiguous)
    );
}

#[test]
fn the_four_session_guarantees() {
    let model = Model::Kv;
    let twice = ["0 put x=1", "0 put x=2"];
    fires(&[twice[0], twice[1], "0 get x=1"], &[twice[0], twice[1], "1 get x=1"], model, Promise::ReadYourWrites);
    let back = [twice[0], twice[1], "1 get x=2", "1 get x=1"];
    let forth = [twice[0], twice[1], "1 get x=1", "1 get x=2"];
    fires(&back, &forth, model, Promise::MonotonicReads);
    fires(&back, &forth, model, Promise::MonotonicWrites);
    let bad = ["0 put q=1", "0 put q=2", "1 get q=2", "1 put a=3", "2 get a=3", "2 get q=1"];
    let good = ["0 put q=1", "0 put q=2", "1 get q=2", "1 put a=3", "2 get q=1", "2 get a=3", "2 get q=2"];
    fires(&bad, &good, model, Promise::WritesFollowReads);
}

#[test]
fn staleness_is_measured_against_its_bound() {
    let at = |read: &str| {
        let lines = [
            "0 invoke put x=1 @ 0",
            "0 ok put x=1 @ 10",
            "0 invoke put x=2 @ 20",
            "0 ok put x=2 @ 100",
            "1 invoke get x=null @ 400",
            read,
        ];
        history(&lines)
    };
    let bound = |millis| Promise::Staleness(std::time::Duration::from_millis(millis));
    let word = |history: &History, promise| check(history, Model::Kv, promise, &Budget::default()).unwrap().word();
    let stale = at("1 ok get x=1 @ 410");
    assert_eq!((word(&stale, bound(200)), word(&stale, bound(300))), ("violated", "holds"));
    assert_eq!(word(&at("1 ok get x=2 @ 410"), bound(0)), "holds");
}

#[test]
fn convergence_looks_only_behind_the_last_write() {
    let before = ["0 put x=1", "1 get x=nil", "0 put x=2", "1 get x=2", "2 get x=2"];
    let bad = ["0 put x=1", "0 put x=2", "1 get x=2", "2 get x=1"];
    fires(&bad, &before, Model::Kv, Promise::Convergence);
    assert_eq!(verdict(&["0 put x=1"], Model::Kv, Promise::Convergence), Verdict::Unknown(Unknown::Nothing));
}

#[test]
fn sets_counters_and_ids() {
    let (lost, invented) = (["0 add 1", "0 add 2", "1 read [2]"], ["0 add 1", "1 read [1,5]"]);
    let kept = ["0 add 1", "0 add 2", "0 remove 1", "1 read [2]"];
    assert!(fires(&lost, &kept, Model::Set, Promise::SetKept).contains("1 was added and acknowledged"));
    assert!(fires(&invented, &kept, Model::Set, Promise::SetKept).contains("nobody had added"));
    fires(&["0 add 2", "1 read 1"], &["0 add 2", "1 read 2"], Model::Counter, Promise::CounterBounds);
    fires(&["0 generate 1", "1 generate 1"], &["0 generate 1", "1 generate 2"], Model::UniqueIds, Promise::UniqueIds);
    // Beside an open addition a counter may be either.
    let open =
        ["0 invoke add 2", "1 invoke read null", "1 ok read 0", "1 invoke read null", "1 ok read 2", "0 ok add 2"];
    let found = check(&history(&open), Model::Counter, Promise::CounterBounds, &Budget::default()).unwrap();
    assert_eq!(found, Verdict::Holds);
}

/// Transactions: `0 ok [["append","x",1]]` begins and ends at once.
fn transactions(lines: &[&str]) -> History {
    let mut all = Vec::new();
    for line in lines {
        let mut words = line.splitn(3, ' ');
        let (process, kind, steps) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        all.push(format!("{process} invoke txn {steps}"));
        all.push(format!("{process} {kind} txn {steps}"));
    }
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    history(&all)
}

fn anomaly(lines: &[&str], promise: Promise) -> String {
    let history = transactions(lines);
    match check(&history, guess_model(&history), promise, &Budget::default()).unwrap() {
        Verdict::Violated(witness) => {
            assert!(!witness.operations.is_empty());
            witness.sentence
        }
        other => other.word().to_owned(),
    }
}

#[test]
fn every_anomaly_of_list_append_transactions() {
    let all = Promise::Serializable;
    for (name, bad, good) in [
        (
            "G0",
            &[
                r#"0 ok [["append","x",1],["append","y",1]]"#,
                r#"1 ok [["append","x",2],["append","y",2]]"#,
                r#"2 ok [["r","x",[1,2]],["r","y",[2,1]]]"#,
            ][..],
            &[
                r#"0 ok [["append","x",1],["append","y",1]]"#,
                r#"1 ok [["append","x",2],["append","y",2]]"#,
                r#"2 ok [["r","x",[1,2]],["r","y",[1,2]]]"#,
            ][..],
        ),
        (
            "G1a",
            &[r#"0 fail [["append","x",1]]"#, r#"1 ok [["r","x",[1]]]"#],
            &[r#"0 fail [["append","x",1]]"#, r#"1 ok [["r","x",[]]]"#],
        ),
        (
            "G1b",
            &[r#"0 ok [["append","x",1],["append","x",2]]"#, r#"1 ok [["r","x",[1]]]"#],
            &[r#"0 ok [["append","x",1],["append","x",2]]"#, r#"1 ok [["r","x",[1,2]]]"#],
        ),
        (
            "G1c",
            &[r#"0 ok [["append","x",1],["r","y",[1]]]"#, r#"1 ok [["append","y",1],["r","x",[1]]]"#],
            &[r#"0 ok [["append","x",1],["r","y",[]]]"#, r#"1 ok [["append","y",1],["r","x",[1]]]"#],
        ),
        (
            "lost update",
            &[
                r#"0 ok [["r","x",[]],["append","x",1]]"#,
                r#"1 ok [["r","x",[]],["append","x",2]]"#,
                r#"2 ok [["r","x",[1,2]]]"#,
            ],
            &[
                r#"0 ok [["r","x",[]],["append","x",1]]"#,
                r#"1 ok [["r","x",[1]],["append","x",2]]"#,
                r#"2 ok [["r","x",[1,2]]]"#,
            ],
        ),
        (
            "G-single",
            &[
                r#"0 ok [["append","x",1],["append","y",1]]"#,
                r#"1 ok [["r","x",[1]],["r","y",[]]]"#,
                r#"2 ok [["r","y",[1]]]"#,
            ],
            &[
                r#"0 ok [["append","x",1],["append","y",1]]"#,
                r#"1 ok [["r","x",[]],["r","y",[]]]"#,
                r#"2 ok [["r","x",[1]],["r","y",[1]]]"#,
            ],
        ),
        (
            "G2",
            &[
                r#"0 ok [["r","x",[]],["append","y",1]]"#,
                r#"1 ok [["r","y",[]],["append","x",1]]"#,
                r#"2 ok [["r","x",[1]],["r","y",[1]]]"#,
            ],
            &[
                r#"0 ok [["r","x",[]],["append","y",1]]"#,
                r#"1 ok [["r","y",[1]],["append","x",1]]"#,
                r#"2 ok [["r","x",[1]],["r","y",[1]]]"#,
            ],
        ),
        (
            "incompatible",
            &[
                r#"0 ok [["append","x",1]]"#,
                r#"1 ok [["append","x",2]]"#,
                r#"2 ok [["r","x",[1,2]]]"#,
                r#"3 ok [["r","x",[2]]]"#,
            ],
            &[
                r#"0 ok [["append","x",1]]"#,
                r#"1 ok [["append","x",2]]"#,
                r#"2 ok [["r","x",[1,2]]]"#,
                r#"3 ok [["r","x",[1]]]"#,
            ],
        ),
        ("internal", &[r#"0 ok [["append","x",1],["r","x",[]]]"#], &[r#"0 ok [["append","x",1],["r","x",[1]]]"#]),
    ] {
        let said = anomaly(bad, all);
        assert!(said.starts_with(name), "{name}: {said}");
        assert_eq!(anomaly(good, all), "holds", "{name}");
    }
}

#[test]
fn anomalies_of_register_transactions() {
    let all = Promise::Serializable;
    for (name, bad, good) in [
        (
            "G1a",
            &[r#"0 fail [["w","x",1]]"#, r#"1 ok [["r","x",1]]"#][..],
            &[r#"0 ok [["w","x",1]]"#, r#"1 ok [["r","x",1]]"#][..],
        ),
        (
            "G1b",
            &[r#"0 ok [["w","x",1],["w","x",2]]"#, r#"1 ok [["r","x",1]]"#],
            &[r#"0 ok [["w","x",1],["w","x",2]]"#, r#"1 ok [["r","x",2]]"#],
        ),
        (
            "G1c",
            &[r#"0 ok [["w","x",1],["r","y",1]]"#, r#"1 ok [["w","y",1],["r","x",1]]"#],
            &[r#"0 ok [["w","x",1],["r","y",null]]"#, r#"1 ok [["w","y",1],["r","x",1]]"#],
        ),
        (
            "lost update",
            &[r#"0 ok [["r","x",null],["w","x",1]]"#, r#"1 ok [["r","x",null],["w","x",2]]"#],
            &[r#"0 ok [["r","x",null],["w","x",1]]"#, r#"1 ok [["r","x",1],["w","x",2]]"#],
        ),
        (
            "G2",
            &[
                r#"0 ok [["r","x",null],["r","y",null],["w","y",1]]"#,
                r#"1 ok [["r","y",null],["r","x",null],["w","x",1]]"#,
            ],
            &[
                r#"0 ok [["r","x",null],["r","y",null],["w","y",1]]"#,
                r#"1 ok [["r","y",1],["r","x",null],["w","x",1]]"#,
            ],
        ),
    ] {
        let said = anomaly(bad, all);
        assert!(said.starts_with(name), "{name}: {said}");
        assert_eq!(anomaly(good, all), "holds", "{name}");
    }
}

/// Write skew is what snapshot isolation allows and serializability does not; a read skew is forbidden by both.
#[test]
fn levels_forbid_what_the_literature_says() {
    let write_skew = [
        r#"0 ok [["r","x",[]],["append","y",1]]"#,
        r#"1 ok [["r","y",[]],["append","x",1]]"#,
        r#"2 ok [["r","x",[1]],["r","y",[1]]]"#,
    ];
    assert_eq!(anomaly(&write_skew, Promise::SnapshotIsolation), "holds");
    assert!(anomaly(&write_skew, Promise::Serializable).starts_with("G2"));
    let read_skew = [
        r#"0 ok [["append","x",1],["append","y",1]]"#,
        r#"1 ok [["r","x",[1]],["r","y",[]]]"#,
        r#"2 ok [["r","y",[1]]]"#,
    ];
    assert_eq!(anomaly(&read_skew, Promise::ReadCommitted), "holds");
    assert!(anomaly(&read_skew, Promise::SnapshotIsolation).starts_with("G-single"));
}
