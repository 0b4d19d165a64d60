//! Opens what others logged: finds out what a file is, and makes a run of it that every view can show.

use std::{
    fs::File,
    io::{BufReader, Read as _, Seek as _},
    path::Path,
};

use cluster_core::{
    check::{
        format::{self, Format},
        run_of,
    },
    trace::{
        Recording, TraceStore,
        import::{Foreign, read_etcd, read_shiviz},
    },
};

/// What a file can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum OpenFormat {
    /// A recording of Faultline.
    Recording,
    /// A ShiViz log: events with vector clocks.
    Shiviz,
    /// The lines that etcd's Raft writes for its TLA+ trace validation.
    EtcdNdjson,
    /// A text log of Jepsen.
    Jepsen,
    /// A history of Jepsen or Knossos in EDN.
    JepsenEdn,
    /// A key-value log of Porcupine.
    PorcupineKv,
    /// A history in JSON maps, one a line.
    Jsonl,
}

/// How much of a file is looked at to find out what it is.
const HEAD_BYTES: u64 = 64 << 10;
/// So many events are handed to the store at once.
const BATCH: usize = 4096;

/// Opens a file; what it is told by how it begins, unless somebody says it. The error says what is wrong, and where.
pub(crate) fn open(path: &Path, format: Option<OpenFormat>, expression: Option<&str>) -> Result<TraceStore, String> {
    let shown = path.display();
    let unreadable = |why: std::io::Error| format!("cannot read the file: {why}; check that it exists: {shown}");
    let mut file = File::open(path).map_err(unreadable)?;
    let mut head = Vec::new();
    (&mut file).take(HEAD_BYTES).read_to_end(&mut head).map_err(unreadable)?;
    let guessed = guess(&head).or(expression.map(|_| OpenFormat::Shiviz));
    // Whatever else it is, the reader of recordings says best what is wrong with it.
    let format = format.or(guessed).unwrap_or(OpenFormat::Recording);
    file.rewind().map_err(unreadable)?;
    let input = BufReader::with_capacity(1 << 16, file);
    let history = |format: Format| {
        let history = format::read(format, input_of(path)?).map_err(|error| format!("{shown}, {error}"))?;
        run_of(&history).map_err(|error| format!("{shown}, {error}"))
    };
    let foreign = match format {
        OpenFormat::Recording => return TraceStore::open(path).map_err(|error| error.to_string()),
        OpenFormat::Shiviz => read_shiviz(input, expression).map_err(|error| format!("{shown}, {error}"))?,
        OpenFormat::EtcdNdjson => read_etcd(input).map_err(|error| format!("{shown}, {error}"))?,
        OpenFormat::Jepsen => history(Format::Jepsen)?,
        OpenFormat::JepsenEdn => history(Format::JepsenEdn)?,
        OpenFormat::PorcupineKv => history(Format::PorcupineKv)?,
        OpenFormat::Jsonl => history(Format::Jsonl)?,
    };
    Ok(store(foreign))
}

fn input_of(path: &Path) -> Result<BufReader<File>, String> {
    let file = File::open(path)
        .map_err(|why| format!("cannot read the file: {why}; check that it exists: {}", path.display()))?;
    Ok(BufReader::with_capacity(1 << 16, file))
}

/// Returns whether a file begins as a recording does; one that cannot be read counts, for its reader says why.
pub(crate) fn is_recording(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEAD_BYTES).read_to_end(&mut head));
    read.is_err() || matches!(guess(&head), Some(OpenFormat::Recording) | None)
}

/// Guesses what a file is from its beginning.
fn guess(head: &[u8]) -> Option<OpenFormat> {
    if Recording::is_one(head) {
        return Some(OpenFormat::Recording);
    }
    let text = String::from_utf8_lossy(head);
    let first = text.lines().find(|line| !line.trim().is_empty())?;
    if first.starts_with('{')
        && text.lines().take(50).any(|line| line.contains("\"event\":{") && line.contains("\"nid\":"))
    {
        return Some(OpenFormat::EtcdNdjson);
    }
    match Format::guess(head) {
        Some(Format::Jepsen) => return Some(OpenFormat::Jepsen),
        Some(Format::JepsenEdn) => return Some(OpenFormat::JepsenEdn),
        Some(Format::PorcupineKv) => return Some(OpenFormat::PorcupineKv),
        Some(Format::Jsonl) => return Some(OpenFormat::Jsonl),
        None => {}
    }
    // A clock in braces with a name in quotation marks and a count.
    let clock = |line: &str| line.split_once("{\"").is_some_and(|(_, rest)| rest.contains("\":") && rest.contains('}'));
    (first.contains("(?<clock>") || text.lines().take(50).any(clock)).then_some(OpenFormat::Shiviz)
}

fn store(foreign: Foreign) -> TraceStore {
    let mut store = TraceStore::new(foreign.spec);
    let mut events = foreign.events.into_iter();
    loop {
        let batch: Vec<_> = events.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return store;
        }
        store.append(batch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_is_is_told_by_how_it_begins() {
        for (head, format) in [
            ("start\na {\"a\":1}\n", Some(OpenFormat::Shiviz)),
            ("(?<host>\\S*) (?<clock>{.*})\\n(?<event>.*)\n\na {\"a\":1}\nx\n", Some(OpenFormat::Shiviz)),
            ("{\"tag\":\"trace\",\"event\":{\"name\":\"InitState\",\"nid\":\"1\"}}\n", Some(OpenFormat::EtcdNdjson)),
            ("{:process 0, :type :invoke, :f :read, :value nil}\n", Some(OpenFormat::JepsenEdn)),
            ("{\"process\":1,\"type\":\"invoke\",\"f\":\"read\"}\n", Some(OpenFormat::Jsonl)),
            ("INFO  jepsen.util - 0 :invoke :read nil\n", Some(OpenFormat::Jepsen)),
            ("once upon a time\n", None),
        ] {
            assert_eq!(guess(head.as_bytes()), format, "{head}");
        }
    }
}
