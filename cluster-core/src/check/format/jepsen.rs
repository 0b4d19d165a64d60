//! The text log of Jepsen's etcd test: `INFO  jepsen.util - 3 :invoke :cas [1 2]`.

use std::io::BufRead;

use super::{
    super::{
        builder::{HistoryBuilder, Said},
        datum::Datum,
        history::{Ending, Function, History, HistoryError},
    },
    Lines,
};

/// Reads a log. Lines that are no operation of a client (other loggers, `:nemesis`) are passed over.
///
/// In these logs `:fail` of a compare-and-set is etcd's answer that the value was another one, so it tells something.
pub(super) fn read(input: impl BufRead) -> Result<History, HistoryError> {
    let mut lines = Lines::new(input);
    let mut builder = HistoryBuilder::default();
    builder.refusals_observe();
    let mut any = false;
    let mut first_other = None;
    while let Some((line, text)) = lines.next_line()? {
        let Some(rest) = operation_part(text) else {
            if !text.trim().is_empty() && first_other.is_none() {
                first_other = Some(line);
            }
            continue;
        };
        any = true;
        take(&mut builder, line, rest)?;
    }
    match first_other {
        Some(line) if !any => {
            let reason = "not a line of Jepsen's log such as `INFO  jepsen.util - 0 :invoke :read nil`, and no other \
                          line of the file is; name the format with --format"
                .to_owned();
            Err(HistoryError { line, reason })
        }
        _ => Ok(builder.finish()), // An empty log is an empty history.
    }
}

/// Returns what follows the logger's name on the line of an operation.
pub(super) fn operation_part(text: &str) -> Option<&str> {
    let (logger, rest) = text.split_once(" - ")?;
    logger.trim_end().ends_with("jepsen.util").then_some(rest)
}

fn take(builder: &mut HistoryBuilder, line: u64, text: &str) -> Result<(), HistoryError> {
    let wrong = |reason: String| HistoryError { line, reason };
    let mut words = text.split_whitespace();
    let mut next = |what: &str| words.next().ok_or_else(|| wrong(format!("the line ends before its {what}")));
    let process = next("process")?;
    if process == ":nemesis" {
        return Ok(());
    }
    if process.parse::<u64>().is_err() {
        return Err(wrong(format!("`{process}` is no process; a number is expected there")));
    }
    let kind = next("type")?;
    let name = next("function")?;
    let function = name.strip_prefix(':').and_then(Function::named);
    let function =
        function.ok_or_else(|| wrong(format!("unknown function `{name}`; known are :read, :write, :cas")))?;
    let value = value_of(words).map_err(wrong)?;
    let process = builder.process(process);
    let said = Said { line, at: None, process, function, key: None, value };
    match kind {
        ":invoke" => builder.begin(said).map(|_| ()),
        ":ok" => builder.end(said, Ending::Ok),
        ":fail" => builder.end(said, Ending::Fail),
        ":info" => builder.end(said, Ending::Unknown),
        other => Err(wrong(format!("unknown type `{other}`; known are :invoke, :ok, :fail, :info"))),
    }
}

/// Reads `nil`, `3`, `[1 2]` or `:timed-out`, and leaves a hint such as `:hint 7` aside.
fn value_of<'a>(words: impl Iterator<Item = &'a str>) -> Result<Datum, String> {
    let words: Vec<&str> = words.take_while(|word| *word != ":hint").collect();
    let single = |word: &str| match word {
        "nil" => Datum::Nil,
        _ => match (word.parse(), word.strip_prefix(':')) {
            (Ok(number), _) => Datum::Int(number),
            (Err(_), Some(keyword)) => Datum::Word(keyword.into()),
            (Err(_), None) => Datum::text(word),
        },
    };
    match words[..] {
        [] => Err("the line ends before its value".to_owned()),
        [value] if !value.starts_with('[') => Ok(single(value)),
        _ => {
            let text = words.join(" ");
            let inside = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
            let inside =
                inside.ok_or_else(|| format!("`{text}` is no value; write one word, or a list in brackets"))?;
            Ok(Datum::List(inside.split_whitespace().map(single).collect()))
        }
    }
}
