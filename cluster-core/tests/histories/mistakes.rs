//! Histories with mistakes: each is told with its line and its reason, and none is checked.

use std::io::{BufReader, Read};

use cluster_core::check::{
    Budget, Model, Promise, check,
    format::{self, Format},
};

#[test]
fn a_mistake_is_told_with_its_line_and_its_reason() {
    let jepsen = |text: &str| text.lines().map(|line| format!("INFO  jepsen.util - {line}\n")).collect::<String>();
    for (format, text, line, says) in [
        (Format::Jepsen, jepsen("0 :invoke :read nil\n1 :ok :read 3"), 2, "never began"),
        (Format::Jepsen, jepsen("0 :invoke :read nil\n0 :invoke :write 3"), 2, "still open"),
        (Format::Jepsen, jepsen("0 :invoke :read nil\n0 :ok :write 3"), 2, "what it has open since line 1 is a read"),
        (Format::Jepsen, jepsen("0 :invoke :reed nil"), 1, "unknown function `:reed`"),
        (Format::Jepsen, jepsen("0 :begin :read nil"), 1, "unknown type `:begin`"),
        (Format::Jepsen, jepsen("0 :invoke :read"), 1, "before its value"),
        (Format::Jepsen, jepsen("zero :invoke :read nil"), 1, "`zero` is no process"),
        (Format::Jepsen, "a poem\n".to_owned(), 1, "no other line of the file is"),
        (Format::JepsenEdn, "{:process 0, :type :ok, :f :read}".to_owned(), 1, "never began"),
        (Format::JepsenEdn, "[{:process 0, :type :invoke, :f :read}\n".to_owned(), 2, "is the file cut"),
        (Format::JepsenEdn, "\n{:process 0, :f :read}".to_owned(), 2, "no `type`"),
        (Format::JepsenEdn, "3".to_owned(), 1, "an event is a map"),
        (Format::PorcupineKv, "{:process 0, :type :invoke, :f :put_, :key \"0\"}".to_owned(), 1, "unknown function"),
        (Format::Jsonl, "{\"process\":0,\"type\":\"invoke\",\"f\":\"read\"}\n{\"process\"".to_owned(), 2, "column"),
    ] {
        let error = format::read(format, text.as_bytes()).unwrap_err();
        assert!(error.line == line && error.reason.contains(says), "{text:?}: {error}");
    }
}

#[test]
fn what_the_object_cannot_do_is_told_with_its_line() {
    let text = r#"{"process":0,"type":"invoke","f":"enqueue","value":1}"#;
    let history = format::read(Format::Jsonl, text.as_bytes()).unwrap();
    let error = check(&history, Model::Register, Promise::Linearizable, &Budget::default()).unwrap_err();
    assert!(error.line == 1 && error.reason.contains("has no `enqueue`"), "{error}");
    let error = check(&history, Model::ListAppend, Promise::Serializable, &Budget::default()).unwrap_err();
    assert!(error.reason.contains("no transaction"), "{error}");
}

/// A file of two gigabytes that is no history must not be taken into memory.
#[test]
fn a_huge_file_is_refused_before_it_fills_the_memory() {
    let zeros = || BufReader::new(std::io::repeat(0).take(2 << 30));
    for format in [Format::Jepsen, Format::Jsonl, Format::JepsenEdn, Format::PorcupineKv] {
        let error = format::read(format, zeros()).unwrap_err();
        assert_eq!(error.line, 1, "{error}");
    }
    assert_eq!(Format::guess(&[0; 4096]), None);
}

#[test]
fn formats_are_guessed_by_how_a_file_begins() {
    for (head, format) in [
        ("\nlein test\nINFO  jepsen.util - 0\t:invoke\t:read\tnil", Some(Format::Jepsen)),
        ("; a comment\n({:process 0, :type :invoke", Some(Format::JepsenEdn)),
        ("{:process 0, :type :invoke, :f :get, :key \"0\"", Some(Format::PorcupineKv)),
        ("{\"process\":0", Some(Format::Jsonl)),
        ("# Read me", None),
        ("", None),
    ] {
        assert_eq!(Format::guess(head.as_bytes()), format, "{head}");
    }
}

/// Whoever asks may stop a search at any time, and gets "unknown".
#[test]
fn a_search_that_is_stopped_or_costs_too_much_is_unknown() {
    let mut text = String::new();
    for process in 0..24 {
        text += &format!("{{\"process\":{process},\"type\":\"invoke\",\"f\":\"enqueue\",\"value\":{process}}}\n");
    }
    for process in 0..24 {
        text += &format!("{{\"process\":{process},\"type\":\"ok\",\"f\":\"enqueue\",\"value\":{process}}}\n");
    }
    text += "{\"process\":0,\"type\":\"invoke\",\"f\":\"dequeue\"}\n{\"process\":0,\"type\":\"ok\",\"f\":\"dequeue\",\"value\":77}\n";
    let history = format::read(Format::Jsonl, text.as_bytes()).unwrap();
    let word = |budget: Budget<'_>| check(&history, Model::Queue, Promise::Linearizable, &budget).unwrap().word();
    assert_eq!(word(Budget { steps: 50_000, ..Budget::default() }), "unknown");
    assert_eq!(word(Budget { stop: &|| true, ..Budget::default() }), "unknown");
    assert_eq!(word(Budget { bytes: 1 << 20, ..Budget::default() }), "unknown");
}
