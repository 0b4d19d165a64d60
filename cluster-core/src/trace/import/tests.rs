//! Logs of others, whole and broken.

use super::*;
use crate::{
    event::EventKind,
    ids::{Endpoint, NodeId, Seq},
    trace::{
        ClusterState,
        causality::{Causality, Order},
    },
};

fn causality(foreign: &Foreign) -> Causality {
    let mut causality = Causality::default();
    foreign.events.iter().for_each(|event| causality.push(event));
    causality
}

fn logged(foreign: &Foreign, wanted: &str) -> Seq {
    let says = |event: &&crate::event::TraceEvent| format!("{:?}", event.kind).contains(&format!("\"{wanted}\""));
    foreign.events.iter().find(says).map(|event| event.seq).unwrap_or_else(|| panic!("nobody logged {wanted}"))
}

const HELLO: &str = "ask\nalice {\"alice\":1}\nthink\nalice {\"alice\":2}\nhear\nbob {\"bob\":1, \"alice\":1}\n\
                     answer\nbob {\"bob\":2, \"alice\":1}\nunderstand\nalice {\"alice\":3, \"bob\":2}\n";

#[test]
fn a_shiviz_log_becomes_a_run_with_its_order_and_its_names() {
    let foreign = read_shiviz(HELLO.as_bytes(), None).unwrap();
    assert_eq!(foreign.spec.knobs.values().collect::<Vec<_>>(), ["alice", "bob"]);
    let causality = causality(&foreign);
    let order = |a: &str, b: &str| causality.order(logged(&foreign, a), logged(&foreign, b));
    assert_eq!(order("ask", "hear"), Some(Order::Before));
    assert_eq!(order("think", "hear"), Some(Order::Concurrent));
    assert_eq!(order("understand", "ask"), Some(Order::After));
    let sent = foreign.events.iter().filter(|event| matches!(event.kind, EventKind::FrameSent { .. })).count();
    assert_eq!(sent, 2, "what was heard of already is no message");
}

#[test]
fn a_log_whose_hosts_follow_each_other_in_the_file_is_the_same_run() {
    let by_host = "hear\nbob {\"bob\":1, \"alice\":1}\nanswer\nbob {\"bob\":2, \"alice\":1}\n\
                   ask\nalice {\"alice\":1}\nthink\nalice {\"alice\":2}\nunderstand\nalice {\"alice\":3, \"bob\":2}\n";
    let foreign = read_shiviz(by_host.as_bytes(), None).unwrap();
    let causality = causality(&foreign);
    assert_eq!(causality.order(logged(&foreign, "ask"), logged(&foreign, "answer")), Some(Order::Before));
    assert!(foreign.events.windows(2).all(|pair| pair[0].at <= pair[1].at && pair[0].seq.next() == pair[1].seq));
}

#[test]
fn an_expression_comes_with_the_log_or_from_whoever_opens_it() {
    let govector = "(?<host>\\S*) (?<clock>{.*})\\n(?<event>.*)\n\na {\"a\":1}\nstart\nb {\"b\":1, \"a\":1}\nheard\n";
    assert_eq!(read_shiviz(govector.as_bytes(), None).unwrap().spec.nodes.len(), 2);
    let one_line = "a \"start\" {\"a\":1}\nb \"heard\" {\"b\":1, \"a\":1}\n";
    let expression = "(?<host>\\w+) \"(?<event>.*)\" (?<clock>\\{.*\\})";
    let foreign = read_shiviz(one_line.as_bytes(), Some(expression)).unwrap();
    assert_eq!(causality(&foreign).order(logged(&foreign, "start"), logged(&foreign, "heard")), Some(Order::Before));
}

#[test]
fn a_broken_log_is_refused_with_its_line_and_what_to_do() {
    for (log, line, says) in [
        ("ask\nalice {\"alice\":1}\nthink\nalice\n", 3, "no part of an event"),
        ("ask\nalice {\"alice\":1}\nthink\nalice {\"bob\":2}\n", 4, "does not count `alice` itself"),
        ("ask\nalice {\"alice\":1}\nthink\nalice {\"alice\":3}\n", 4, "event 2 of host `alice` is missing"),
        ("ask\nalice {\"alice\":1}\nthink\nalice {\"alice\":1}\n", 4, "stands in line 2 already"),
        ("hear\nbob {\"bob\":1, \"alice\":4}\n", 2, "event 4 of host `alice`, which is not in the log"),
        ("ask\nalice {alice:1}\n", 2, "no vector clock"),
        ("a\na {\"a\":1, \"b\":1}\nb\nb {\"a\":1, \"b\":1}\n", 2, "contradict"),
        ("", 1, "has no event"),
    ] {
        let error = read_shiviz(log.as_bytes(), None).expect_err(log);
        assert!(error.line == line && error.reason.contains(says), "{log:?}: {error}");
    }
    let error = read_shiviz(HELLO.as_bytes(), Some("(?<host>\\S*) (?<clock>{.*})")).unwrap_err();
    assert!(error.reason.contains("(?<event>…)"), "{error}");
    let error = read_shiviz(HELLO.as_bytes(), Some("(?<host>")).unwrap_err();
    assert!(error.reason.contains("cannot be used"), "{error}");
    let error = read_shiviz(vec![b'x'; 3 << 20].as_slice(), None).unwrap_err();
    assert!(error.reason.contains("longer than 1 MiB"), "{error}");
    assert!(read_shiviz(&b"\xff\xfe\n"[..], None).unwrap_err().reason.contains("UTF-8"));
}

const ETCD: &str = r#"{"level":"debug","ts":10.0,"tag":"trace","event":{"name":"InitState","nid":"1","state":{"term":0,"vote":"0","commit":0},"role":"StateFollower","log":0,"conf":[["1","2"],[]]}}
{"ts":10.0,"tag":"trace","event":{"name":"InitState","nid":"2","state":{"term":0,"vote":"0","commit":0},"role":"StateFollower","log":0,"conf":[["1","2"],[]]}}
{"ts":10.5,"msg":"something else"}
{"ts":10.5,"tag":"trace","event":{"name":"BecomeCandidate","nid":"1","state":{"term":1,"vote":"1","commit":0},"role":"StateCandidate","log":0,"conf":[["1","2"],[]]}}
{"ts":10.5,"tag":"trace","event":{"name":"SendRequestVoteRequest","nid":"1","state":{"term":1,"vote":"1","commit":0},"role":"StateCandidate","log":0,"conf":[["1","2"],[]],"msg":{"type":"MsgVote","term":1,"from":"1","to":"2","entries":0,"logTerm":0,"index":0,"commit":0,"vote":"0","reject":false,"rejectHint":0}}}
{"ts":10.6,"tag":"trace","event":{"name":"ReceiveRequestVoteRequest","nid":"2","state":{"term":0,"vote":"0","commit":0},"role":"StateFollower","log":0,"conf":[["1","2"],[]],"msg":{"type":"MsgVote","term":1,"from":"1","to":"2","entries":0,"logTerm":0,"index":0,"commit":0,"vote":"0","reject":false,"rejectHint":0}}}
{"ts":10.7,"tag":"trace","event":{"name":"BecomeLeader","nid":"1","state":{"term":1,"vote":"1","commit":0},"role":"StateLeader","log":0,"conf":[["1","2"],[]]}}
{"ts":10.8,"tag":"trace","event":{"name":"Commit","nid":"1","state":{"term":1,"vote":"1","commit":3},"role":"StateLeader","log":3,"conf":[["1","2"],[]]}}
"#;

#[test]
fn lines_of_etcd_become_a_run_of_raft() {
    let foreign = read_etcd(ETCD.as_bytes()).unwrap();
    let mut state = ClusterState::before(&foreign.spec);
    foreign.events.iter().for_each(|event| state.apply(event));
    assert_eq!(state.leader(), Some(NodeId(1)));
    assert_eq!(state.nodes[&NodeId(1)].view.commit_index.0, 3);
    let arrived = foreign.events.iter().find(|event| matches!(event.kind, EventKind::FrameDelivered { .. })).unwrap();
    let causality = causality(&foreign);
    assert_eq!(causality.lane(arrived.seq), Some(crate::trace::causality::Lane::At(Endpoint::Node(NodeId(2)))));
    assert_eq!(foreign.events.last().unwrap().at.as_secs_f64().round(), 1.0);
}

#[test]
fn a_broken_line_of_etcd_is_refused_by_number() {
    let cut = &ETCD[..ETCD.len() - 60];
    let error = read_etcd(cut.as_bytes()).unwrap_err();
    assert!(error.line == 8 && error.reason.contains("mend it"), "{error}");
    let error = read_etcd(&b"{\"ts\":1}\n"[..]).unwrap_err();
    assert!(error.reason.contains("choose another file"), "{error}");
    let error = read_etcd(ETCD.replace("StateLeader", "StateKing").as_bytes()).unwrap_err();
    assert!(error.line == 7 && error.reason.contains("StateKing"), "{error}");
}
