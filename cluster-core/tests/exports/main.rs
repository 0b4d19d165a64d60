//! Exports of real runs, read back by others: a JSON schema validator, ShiViz's expression, and our own checker.

mod support;

use std::collections::BTreeMap;

use cluster_core::{
    check::{Budget, HistoryFold, JepsenEdn, Model, Promise, Verdict, check, format},
    ids::Seq,
    registry,
    trace::{
        causality::{Causality, Order},
        export::{Chrome, Csv, EtcdNdjson, ExportError, Jsonl, OutFile, SHIVIZ_EXPRESSION, Shiviz},
    },
};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use support::{events, run, written};

#[test]
fn each_line_of_json_fits_the_documented_schema() {
    let schema: Value = serde_json::from_str(include_str!("../../schema/events.schema.json")).unwrap();
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    compiler.add_resource("mem:///events.json", schema).unwrap();
    let index = compiler.compile("mem:///events.json", &mut schemas).unwrap();
    for protocol in ["raft", "primary-backup"] {
        let run = run(protocol, 3);
        let text = written(&mut Jsonl::default(), &run);
        assert_eq!(text.lines().count() as u64, 1 + run.len().0, "a header, and a line an event");
        for line in text.lines() {
            let value: Value = serde_json::from_str(line).unwrap();
            if let Err(error) = schemas.validate(&value, index) {
                panic!("{line}\n{error}");
            }
        }
    }
    // The schema must be able to say no.
    for wrong in [
        json!({"seq": 1, "at_ns": 0, "cause": null, "place": "n1", "kind": "NodeCrashed", "text": "x"}),
        json!({"seq": 1, "at_ns": 0, "cause": null, "place": null, "kind": "FrameDelivered", "text": "x", "data": {"msg": 1}}),
        json!({"format": "faultline-events", "version": 2, "cluster": {}}),
    ] {
        assert!(schemas.validate(&wrong, index).is_err(), "{wrong}");
    }
}

/// ShiViz's reading of a log: its default expression, and the order that vector clocks make.
struct Read {
    host: String,
    text: String,
    clock: BTreeMap<String, u64>,
}

impl Read {
    fn own(&self) -> u64 {
        self.clock[&self.host]
    }

    /// Returns whether this happened before the other, by their clocks alone.
    fn before(&self, other: &Self) -> bool {
        other.clock.get(&self.host).is_some_and(|seen| *seen >= self.own())
            && !(self.host == other.host && self.own() == other.own())
    }
}

fn shiviz(log: &str) -> Vec<Read> {
    // The expression is one of JavaScript, where a brace that repeats nothing is itself.
    let expression = regex::Regex::new(&SHIVIZ_EXPRESSION.replace("{.*}", r"\{.*\}")).expect("the expression is one");
    let read = expression.captures_iter(log).map(|found| Read {
        host: found["host"].to_owned(),
        text: found["event"].to_owned(),
        clock: serde_json::from_str(&found["clock"]).expect("a clock is JSON"),
    });
    read.collect()
}

#[test]
fn a_shiviz_log_is_read_by_its_default_expression_and_orders_events_as_the_run_did() {
    let run = run("raft", 5);
    let read = shiviz(&written(&mut Shiviz::default(), &run));
    let mut causality = Causality::default();
    events(&run).iter().for_each(|event| causality.push(event));
    let laned: Vec<Seq> = (0..run.len().0).map(Seq).filter(|seq| causality.lane(*seq).is_some()).collect();
    assert_eq!(read.len(), laned.len(), "each event with a host is there");
    // ShiViz refuses a log in which a host's own count does not grow by one each time.
    let mut counts = BTreeMap::<&str, u64>::new();
    for event in &read {
        let count = counts.entry(&event.host).or_default();
        *count += 1;
        assert_eq!(event.own(), *count, "{}: {}", event.host, event.text);
    }
    let seed = 5;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for _ in 0..300 {
        let (a, b) = (rng.random_range(0..read.len()), rng.random_range(0..read.len()));
        let order = match (a == b, read[a].before(&read[b]), read[b].before(&read[a])) {
            (true, ..) => Order::Same,
            (_, true, _) => Order::Before,
            (_, _, true) => Order::After,
            _ => Order::Concurrent,
        };
        assert_eq!(causality.order(laned[a], laned[b]), Some(order), "{} and {}, seed {seed}", laned[a], laned[b]);
    }
}

#[test]
fn a_chrome_trace_has_what_its_format_asks_of_every_event_and_closes_what_it_opens() {
    let trace: Value = serde_json::from_str(&written(&mut Chrome::default(), &run("raft", 3))).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let (mut open, mut flows) = (BTreeMap::new(), BTreeMap::new());
    let (mut arrived, mut spans) = (0, 0);
    for event in events {
        let ph = event["ph"].as_str().unwrap();
        assert!(event["pid"].is_u64() && event["tid"].is_u64() && event["name"].is_string(), "{event}");
        assert!(ph == "M" || event["ts"].is_number(), "{event}");
        let id = (event["cat"].to_string(), event["id"].to_string());
        match ph {
            "X" => assert!(event["dur"].is_number(), "{event}"),
            "i" => assert!(["g", "t"].contains(&event["s"].as_str().unwrap()), "{event}"),
            "b" => assert!(open.insert(id, ()).is_none(), "{event} is open already"),
            "e" => {
                spans += 1;
                assert!(open.remove(&id).is_some(), "{event} was not open");
            }
            "s" => drop(flows.insert(id, event["ts"].as_f64())),
            "f" => {
                arrived += 1;
                assert!(flows.remove(&id).unwrap() <= event["ts"].as_f64(), "{event} arrives before it was sent");
            }
            "M" => {}
            other => panic!("no phase of the format that we write: {other}"),
        }
    }
    assert!(open.is_empty() && arrived > 100 && spans > 10, "{open:?}, {arrived}, {spans}");
}

#[test]
fn a_jepsen_history_is_checked_to_the_same_verdict_as_its_recording() {
    let mut verdicts = Vec::new();
    for (protocol, seed) in [("raft", 1), ("primary-backup", 1), ("primary-backup", 2), ("primary-backup", 3)] {
        let run = run(protocol, seed);
        let mut fold = HistoryFold::default();
        events(&run).iter().for_each(|event| fold.apply(event).unwrap());
        let own = fold.finish();
        let mut exporter = JepsenEdn::default();
        events(&run).iter().for_each(|event| exporter.survey(event));
        let text = written(&mut exporter, &run);
        let format = format::Format::guess(text.as_bytes()).expect("the format is told from the beginning of the file");
        let read = format::read(format, text.as_bytes()).unwrap();
        assert_eq!(read.operations.len(), own.operations.len(), "{protocol}");
        let verdict = |history| {
            let budget = Budget { steps: 100_000_000, bytes: 200 << 20, stop: &|| false };
            matches!(check(history, Model::Kv, Promise::Linearizable, &budget).unwrap(), Verdict::Holds)
        };
        assert_eq!(verdict(&read), verdict(&own), "{protocol}, seed {seed}");
        verdicts.push(verdict(&own));
    }
    assert!(verdicts.contains(&true) && verdicts.contains(&false), "both verdicts must occur: {verdicts:?}");
}

#[test]
fn the_table_of_metrics_has_one_row_a_stretch_and_as_many_fields_as_its_head() {
    let run = run("raft", 1);
    let text = written(&mut Csv::default(), &run);
    let mut lines = text.lines();
    let head: Vec<_> = lines.next().unwrap().split(',').collect();
    assert!(head.contains(&"ops_ok") && head.iter().any(|name| name.ends_with("_lag_ms")));
    let ok = head.iter().position(|name| *name == "ops_ok").unwrap();
    let mut sum = 0.0;
    for line in lines {
        let fields: Vec<f64> = line.split(',').map(|field| field.parse().unwrap()).collect();
        assert_eq!(fields.len(), head.len());
        sum += fields[ok];
    }
    let service = &run.timeline().service;
    assert_eq!(sum as u64, service.iter().map(|bucket| u64::from(bucket.ok)).sum::<u64>());
}

#[test]
fn lines_for_etcd_have_the_fields_of_its_tracer_and_every_arrival_was_sent() {
    let run = run("raft", 3);
    let fields = registry::protocol("raft").unwrap().fields;
    let text = written(&mut EtcdNdjson::new(fields), &run);
    let mut under_way: Vec<Value> = Vec::new();
    let mut names = BTreeMap::<String, u64>::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["tag"], "trace");
        let event = &line["event"];
        for key in ["name", "nid", "state", "role", "log", "conf"] {
            assert!(!event[key].is_null(), "{key} of {line}");
        }
        for key in ["term", "vote", "commit"] {
            assert!(!event["state"][key].is_null(), "{key} of {line}");
        }
        let name = event["name"].as_str().unwrap().to_owned();
        let message = event["msg"].clone();
        if name.starts_with("Send") {
            assert_eq!(message["from"], event["nid"]);
            under_way.push(message);
        } else if name.starts_with("Receive") {
            assert_eq!(message["to"], event["nid"]);
            let sent = under_way.iter().position(|sent| *sent == message);
            under_way.swap_remove(sent.expect("what arrives was sent"));
        }
        *names.entry(name).or_default() += 1;
    }
    for name in ["InitState", "BecomeCandidate", "BecomeLeader", "Replicate", "Commit", "SendAppendEntriesRequest"] {
        assert!(names.get(name).is_some_and(|count| *count > 0), "{name} of {names:?}");
    }
}

/// The expectations of etcd's trace specification (`Traceetcdraft.tla`) on the fields of each line, written anew: which
/// message a line may carry, what of it is compared, and the words and types of a node's state.
#[test]
fn lines_for_etcd_meet_the_expectations_of_its_specification() {
    let run = run("raft", 3);
    let text = written(&mut EtcdNdjson::new(registry::protocol("raft").unwrap().fields), &run);
    let servers: Vec<String> = run.spec().nodes.iter().map(|node| node.0.to_string()).collect();
    let (mut terms, mut asked) = (BTreeMap::<String, u64>::new(), 0);
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let event = &line["event"];
        let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("a number in {line}"));
        let word = |value: &Value| value.as_str().unwrap_or_else(|| panic!("a string in {line}")).to_owned();
        // `Server` has strings; `Nil` is "0"; `StateFollower` and its kin are words of the model.
        assert!(servers.contains(&word(&event["nid"])), "{line}");
        let vote = word(&event["state"]["vote"]);
        assert!(vote == "0" || servers.contains(&vote), "{line}");
        assert!(["StateFollower", "StateCandidate", "StateLeader"].contains(&word(&event["role"]).as_str()), "{line}");
        // `ConfFromTrace` takes both halves of a joint configuration as sets of servers.
        let halves = event["conf"].as_array().unwrap();
        assert_eq!(halves.len(), 2, "{line}");
        assert!(
            halves.iter().flat_map(|half| half.as_array().unwrap()).all(|it| servers.contains(&word(it))),
            "{line}"
        );
        let (term, commit) = (number(&event["state"]["term"]), number(&event["state"]["commit"]));
        let applied = number(&event["applied"]);
        assert!(applied <= commit || event["name"] != "Commit", "{line}");
        number(&event["log"]);
        let before = terms.insert(word(&event["nid"]), term).unwrap_or(0);
        assert!(before <= term, "a term never falls: {line}");
        let name = word(&event["name"]);
        match name.as_str() {
            "BecomeLeader" => assert_eq!(event["role"], "StateLeader", "{line}"),
            "BecomeCandidate" => {
                assert_eq!(event["role"], "StateCandidate", "{line}");
                assert!(term > before, "a candidate begins a term: {line}");
            }
            "BecomeFollower" | "InitState" => assert_eq!(event["role"], "StateFollower", "{line}"),
            "Commit" | "Replicate" => assert_eq!(event["role"], "StateLeader", "{line}"),
            "ApplyConfChange" => assert!(event["prop"]["cc"]["newconf"].is_array(), "{line}"),
            message => {
                let Some(stem) = message.strip_prefix("Send").or_else(|| message.strip_prefix("Receive")) else {
                    panic!("the specification knows no {message}: {line}");
                };
                asked += 1;
                let msg = &event["msg"];
                let kinds: &[&str] = match stem {
                    "AppendEntriesRequest" => &["MsgApp", "MsgHeartbeat", "MsgSnap"],
                    "AppendEntriesResponse" => &["MsgAppResp", "MsgHeartbeatResp"],
                    "RequestVoteRequest" => &["MsgVote"],
                    "RequestVoteResponse" => &["MsgVoteResp"],
                    other => panic!("the specification knows no {other}: {line}"),
                };
                assert!(kinds.contains(&word(&msg["type"]).as_str()), "{line}");
                assert!(servers.contains(&word(&msg["from"])) && servers.contains(&word(&msg["to"])), "{line}");
                assert!(number(&msg["term"]) > 0 && msg["reject"].is_boolean(), "{line}");
                for compared in ["commit", "index", "logTerm", "entries"] {
                    number(&msg[compared]);
                }
                if msg["type"] == "MsgHeartbeat" {
                    assert_eq!(msg["entries"], 0, "a heartbeat has no entries: {line}");
                }
                if msg["type"] == "MsgApp" && msg["index"] != 0 {
                    assert!(number(&msg["logTerm"]) > 0, "what is before an entry has a term: {line}");
                }
            }
        }
    }
    assert!(asked > 20, "{asked} messages");
}

#[test]
fn an_export_replaces_no_file_unasked_and_half_of_one_is_never_seen() {
    use std::io::Write as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let mut out = OutFile::create(&path, false).unwrap();
    out.write_all(b"first").unwrap();
    assert!(!path.exists(), "nothing is seen before it is whole");
    out.finish().unwrap();
    assert!(matches!(OutFile::create(&path, false), Err(ExportError::Exists { .. })));
    drop(OutFile::create(&path, true).unwrap());
    assert_eq!(std::fs::read(&path).unwrap(), b"first", "an export that is given up leaves what was there");
    let mut out = OutFile::create(&path, true).unwrap();
    out.write_all(b"second").unwrap();
    out.finish().unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"second");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}
