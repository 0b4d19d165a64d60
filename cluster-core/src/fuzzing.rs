//! Everything here that reads bytes which somebody else may have written, by name, for those who try to break it.
//!
//! The tests feed each decoder damaged examples; `cluster-core/fuzz` has a coverage-guided target for each.

use std::{collections::BTreeMap, io::Write, time::Duration};

use bytes::Bytes;

use crate::{
    check::format::{self, FORMATS, Format},
    disk::records,
    event::{EventKind, NodeView, RoleKind},
    ids::{ClientId, LogIndex, NodeId, OpId},
    live::{frame, hello},
    protocol::KvMap,
    registry::PROTOCOLS,
    request::Response,
    resp::{Belief, Did, Talk},
    script::Script,
    session,
    sim::Sim,
    spec::{ClientSpec, ClusterSpec, Load},
    time::Timestamp,
    trace::{Recording, RecordingWriter, Subject},
    workload::wire,
};

/// Something that reads bytes.
pub struct DecoderRow {
    /// Its name, as the targets are called.
    pub name: &'static str,
    /// Reads the bytes, whatever they are. It must neither panic nor hang.
    pub read: fn(&[u8]),
    /// Makes examples of what it understands.
    pub examples: fn() -> Vec<Vec<u8>>,
}

/// Every decoder, once.
pub const DECODERS: &[DecoderRow] = &[
    DecoderRow { name: "frames", read: read_frames, examples: frames },
    DecoderRow { name: "hello", read: read_hello, examples: hellos },
    DecoderRow { name: "messages", read: read_messages, examples: payloads },
    DecoderRow { name: "requests", read: read_requests, examples: payloads },
    DecoderRow { name: "redis", read: read_redis, examples: commands },
    DecoderRow { name: "metrics", read: read_metrics, examples: heads },
    DecoderRow { name: "records", read: read_records, examples: record_files },
    DecoderRow { name: "snapshot", read: read_snapshot, examples: snapshots },
    DecoderRow { name: "recording", read: read_recording, examples: recordings },
    DecoderRow { name: "script", read: read_script, examples: scripts },
    DecoderRow { name: "history", read: read_history, examples: histories },
    DecoderRow { name: "subject", read: read_subject, examples: subjects },
];

/// Returns the decoder of that name.
pub fn decoder(name: &str) -> Option<&'static DecoderRow> {
    DECODERS.iter().find(|row| row.name == name)
}

fn read_frames(bytes: &[u8]) {
    let mut buffer = frame::FrameBuffer::default();
    // In pieces, as a connection delivers them; the first byte says how long those are.
    let piece = usize::from(bytes.first().copied().unwrap_or(0)) + 1;
    for part in bytes.chunks(piece) {
        if buffer.feed(part, |_, payload| payload.map(drop).ok_or(frame::FrameError::Checksum)).is_err() {
            return;
        }
    }
}

fn frames() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for (nth, payload) in payloads().iter().enumerate() {
        frame::encode(crate::ids::MsgId(nth as u64), payload, None, &mut all);
    }
    vec![all]
}

fn read_hello(bytes: &[u8]) {
    let Some(head) = bytes.first_chunk() else { return };
    let _ = hello::Hello::decode(head, hello::Token([1; 16]));
}

fn hellos() -> Vec<Vec<u8>> {
    let hello = hello::Hello { from: NodeId(1).into(), connection: 7 };
    vec![hello.encode(hello::Token([1; 16])).to_vec()]
}

fn read_messages(bytes: &[u8]) {
    for row in PROTOCOLS {
        let _ = (row.fields)(bytes);
    }
}

fn read_requests(bytes: &[u8]) {
    let _ = (wire::decode_request(bytes), wire::decode_response(bytes));
    let _ = (wire::request_fields(bytes), wire::response_fields(bytes));
}

/// Returns what the messages and requests of a small cluster carry.
fn payloads() -> Vec<Vec<u8>> {
    let mut payloads = BTreeMap::new();
    let sim = small_cluster();
    sim.trace().each(crate::ids::Seq(0)..sim.trace().len(), &mut |event| {
        if let EventKind::FrameSent { info, payload, .. } = &event.kind {
            payloads.insert((info.name, payload.len()), payload.to_vec());
        }
    });
    payloads.into_values().collect()
}

fn small_cluster() -> Sim {
    let client = ClientSpec { id: ClientId(1), load: Load::Open { rate_hz: 50.0 }, ..ClientSpec::default() };
    let spec = ClusterSpec { nodes: (1..=3).map(NodeId).collect(), clients: vec![client], ..ClusterSpec::default() };
    let mut sim = Sim::start(&spec).expect("three nodes are a cluster");
    sim.run_for(Duration::from_secs(3));
    sim
}

fn read_redis(bytes: &[u8]) {
    let (mut talk, doors) = (Talk::default(), BTreeMap::from([(NodeId(1), 7101)]));
    let view = NodeView { role: RoleKind::Leader, leader: Some(NodeId(1)), ..NodeView::default() };
    talk.feed(bytes);
    let mut op = OpId(0);
    while matches!(talk.read(), Ok(true)) {
        let (me, client) = (NodeId(1), ClientId(10_000));
        let belief =
            Belief { me, view: &view, protocol: "raft", doors: &doors, connections: 1, client, client_port: 5 };
        if let Did::Ask(_) = talk.obey(&belief) {
            op.0 += 1;
            talk.asked(op);
            talk.answer(op, Response::Written { at: LogIndex(1) }, |_| None);
        }
        talk.wrote(talk.out().len());
    }
}

fn commands() -> Vec<Vec<u8>> {
    [
        "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
        "hello 3\r\ncluster slots\r\nmset a 1 b 2\r\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

fn read_metrics(bytes: &[u8]) {
    session::read_request_head(bytes);
}

fn heads() -> Vec<Vec<u8>> {
    vec![b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()]
}

fn read_records(bytes: &[u8]) {
    let _ = records::decode(Bytes::copy_from_slice(bytes));
}

fn record_files() -> Vec<Vec<u8>> {
    let mut file = Vec::new();
    for payload in payloads() {
        records::encode(&payload, &mut file);
    }
    vec![file]
}

fn read_snapshot(bytes: &[u8]) {
    let _ = KvMap::from_bytes(bytes);
}

fn snapshots() -> Vec<Vec<u8>> {
    let mut map = KvMap::default();
    for payload in payloads() {
        if let Some((op, request, _)) = wire::decode_request(&payload).filter(|(_, request, _)| request.is_write()) {
            map.apply(op, &request, LogIndex(op.0));
        }
    }
    vec![KvMap::default().to_bytes().to_vec(), map.to_bytes().to_vec()]
}

fn read_recording(bytes: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    file.write_all(bytes).expect("a temporary file can be written");
    if let Ok(mut recording) = Recording::open(file.path()) {
        for block in 0..recording.blocks().len() {
            let _ = recording.read(block);
        }
    }
}

fn recordings() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("example.faultline");
    let sim = small_cluster();
    let mut writer = RecordingWriter::create(&path, sim.trace().spec(), 0).expect("a recording can be made");
    sim.trace().each(crate::ids::Seq(0)..sim.trace().len(), &mut |event| {
        writer.write(std::slice::from_ref(event)).expect("an event can be written");
    });
    writer.finish().expect("a recording can be finished");
    vec![std::fs::read(path).expect("what was written can be read")]
}

fn read_script(bytes: &[u8]) {
    let _ = Script::parse("fuzzed", &String::from_utf8_lossy(bytes));
}

fn scripts() -> Vec<Vec<u8>> {
    vec![include_bytes!("../../labs/first-light/crash-and-partition.faults").to_vec()]
}

fn read_history(bytes: &[u8]) {
    for (format, _) in FORMATS {
        let _ = format::read(*format, bytes);
    }
    let _ = Format::guess(bytes);
}

fn histories() -> Vec<Vec<u8>> {
    [
        "INFO  jepsen.util - 0\t:invoke\t:write\t2\nINFO  jepsen.util - 0\t:ok\t:write\t2\n",
        "{:process 0, :type :invoke, :f :read, :value nil}\n{:process 0, :type :ok, :f :read, :value 3}\n",
        "{:process 0, :type :invoke, :f :append, :key \"k\", :value \"x\"}\n",
        "{\"process\": 0, \"type\": \"invoke\", \"f\": \"write\", \"value\": 1}\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

fn read_subject(bytes: &[u8]) {
    let _ = Subject::parse(&String::from_utf8_lossy(bytes), Timestamp::ZERO);
}

fn subjects() -> Vec<Vec<u8>> {
    ["event 12", "n2", "unavailable"].map(|text| text.as_bytes().to_vec()).into()
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Damages an example the way that lines and disks do: a bit, a byte, a piece gone, a piece twice, an end cut off.
    fn damage(example: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
        let mut bytes = example.to_vec();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..=bytes.len());
            let piece = at..(at + rng.random_range(0..40)).min(bytes.len());
            match (rng.random_range(0..5), bytes.get_mut(at)) {
                (0, Some(byte)) => *byte ^= 1 << rng.random_range(0..8),
                (1, Some(byte)) => *byte = [0, 1, 0x7f, 0x80, 0xff][rng.random_range(0..5)],
                (2, _) => drop(bytes.drain(piece)),
                (3, _) => drop(bytes.splice(at..at, bytes[piece].to_vec())),
                _ => bytes.truncate(at), // a byte that is not there is an end, too
            }
        }
        bytes
    }

    #[test]
    fn no_decoder_panics_over_damaged_examples_or_noise() {
        for (nth, row) in DECODERS.iter().enumerate() {
            let seed = 40 + nth as u64;
            println!("{} with seed {seed}", row.name);
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let examples = (row.examples)();
            for round in 0..150 {
                (row.read)(&damage(&examples[round % examples.len()], &mut rng));
                let noise: Vec<u8> = (0..rng.random_range(0..200)).map(|_| rng.random()).collect();
                (row.read)(&noise);
            }
        }
    }

    #[test]
    fn every_example_is_understood_by_its_decoder() {
        assert!(payloads().iter().any(|payload| (PROTOCOLS[0].fields)(payload).is_some()));
        assert!(payloads().iter().any(|payload| wire::decode_request(payload).is_some()));
        assert!(record_files().into_iter().all(|file| records::decode(file.into()).is_ok()));
        assert!(snapshots().iter().all(|bytes| KvMap::from_bytes(bytes).is_some()));
        assert!(scripts().iter().all(|text| Script::parse("", &String::from_utf8_lossy(text)).is_ok()));
        for text in histories() {
            assert!(FORMATS.iter().any(|(format, _)| format::read(*format, &text[..]).is_ok()), "{text:?}");
        }
    }

    #[test]
    fn every_decoder_has_a_fuzz_target() {
        let manifest = include_str!("../fuzz/Cargo.toml");
        for row in DECODERS {
            assert!(manifest.contains(&format!("name = \"{}\"", row.name)), "{} has no target", row.name);
        }
    }
}
