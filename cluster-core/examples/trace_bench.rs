//! Measures the trace in CPU time: recording, reading back, any moment of a long run, and what the tape is drawn from.
//!
//! `cargo run --release -p cluster-core --example trace_bench [EVENTS]`

#[path = "../src/trace/synthetic.rs"]
mod synthetic;

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use cluster_core::{
    event::TraceEvent,
    ids::Seq,
    spec::ClusterSpec,
    time::Timestamp,
    trace::{Recorder, RecordingWriter, Timeline, TraceStore},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The allocator of the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SEED: u64 = 1;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count = std::env::args().nth(1).map_or(Ok(1_000_000), |count| count.parse::<usize>())?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bench.flrec");
    let mut run = synthetic::Synthetic::new(5, SEED);
    let mut events = Vec::with_capacity(count + 1000);
    while events.len() < count {
        events.extend(run.batch());
    }
    events.truncate(count);
    println!("{count} events of a synthetic Raft run of five nodes, seed {SEED}");

    record(&events);
    write(&path, &events)?;
    append(&events);
    drop(events);

    let began = now();
    let store = TraceStore::open(&path)?;
    println!("open a recording           {:>9.1} ms", millis(now() - began));
    moments(&store, count as u64);
    println!("timeline                   {:>9.1} KiB", timeline_bytes(store.timeline()) as f64 / 1024.0);
    Ok(())
}

/// The cost where an event happens: numbering it and handing it on. As in a session, another thread takes the batches
/// and drops them, and the events come into being only shortly before.
fn record(events: &[TraceEvent]) {
    let (sender, receiver) = std::sync::mpsc::sync_channel::<Vec<TraceEvent>>(64);
    let taker = std::thread::spawn(move || receiver.into_iter().for_each(drop));
    let mut recorder = Recorder::new(move |batch: Vec<TraceEvent>| drop(sender.send(batch)));
    let mut took = Duration::ZERO;
    let mut kinds = Vec::with_capacity(1024);
    for batch in events.chunks(1024) {
        kinds.extend(batch.iter().map(|event| (event.at, event.cause, event.kind.clone())));
        let began = now();
        for (at, cause, kind) in kinds.drain(..) {
            recorder.record(at, cause, kind);
        }
        took += now() - began;
    }
    recorder.flush();
    drop(recorder);
    println!("an event in memory         {:>9} bytes", size_of::<TraceEvent>());
    println!("record                     {:>9.1} ns/event", nanos_each(took, events.len()));
    taker.join().expect("it only drops");
}

fn write(path: &std::path::Path, events: &[TraceEvent]) -> Result<(), Box<dyn std::error::Error>> {
    let began = now();
    let mut writer = RecordingWriter::create(path, &ClusterSpec::default(), 0)?;
    for batch in events.chunks(1024) {
        writer.write(batch)?;
    }
    writer.flush()?;
    println!("encode and write           {:>9.1} ns/event", nanos_each(now() - began, events.len()));
    println!("on disk                    {:>9.1} bytes/event", writer.bytes() as f64 / events.len() as f64);
    writer.finish()?;
    Ok(())
}

/// What the window pays for each event that comes in.
fn append(events: &[TraceEvent]) {
    let batches: Vec<Vec<TraceEvent>> = events.chunks(1024).map(<[TraceEvent]>::to_vec).collect();
    let mut store = TraceStore::new(ClusterSpec::default());
    let began = now();
    batches.into_iter().for_each(|batch| store.append(batch));
    println!("append to a store          {:>9.1} ns/event", nanos_each(now() - began, events.len()));
}

fn moments(store: &TraceStore, count: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let random: Vec<Seq> = (0..500).map(|_| Seq(rng.random_range(0..count))).collect();
    timed("state at a random event", random.into_iter(), |seq| {
        std::hint::black_box(store.state_at(seq));
    });
    let start = count / 3;
    timed("state 50 events later", (0..500).map(|step| Seq(start + 50 * step)), |seq| {
        std::hint::black_box(store.state_at(seq));
    });
    timed("state 50 events earlier", (0..500).map(|step| Seq(start + 25_000 - 50 * step)), |seq| {
        std::hint::black_box(store.state_at(seq));
    });
    let end = store.end().0;
    let times: Vec<_> = (0..500).map(|_| Timestamp(rng.random_range(0..end))).collect();
    timed("event at a random time", times.into_iter(), |at| {
        std::hint::black_box(store.seq_at(at));
    });
}

/// Single moments are shorter than the system's tick of CPU time, so where this thread's own time is not told exactly, these
/// are in real time, to be taken on a quiet machine.
fn timed<T>(what: &str, each: impl Iterator<Item = T>, mut run: impl FnMut(T)) {
    let mut took: Vec<Duration> = each
        .map(|item| {
            let began = thread_now();
            run(item);
            thread_now() - began
        })
        .collect();
    took.sort_unstable();
    let (median, p99) = (took[took.len() / 2], took[took.len() * 99 / 100]);
    let most = took.last().copied().unwrap_or_default();
    println!("{what:<26} {:>9.2} ms median, {:.2} ms p99, {:.2} ms at most", millis(median), millis(p99), millis(most));
}

/// Returns the CPU time of this thread where the system tells it to the nanosecond, else real time.
#[cfg(target_os = "linux")]
fn thread_now() -> Duration {
    let told = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(told.tv_sec.unsigned_abs(), u32::try_from(told.tv_nsec).unwrap_or(0))
}

#[cfg(not(target_os = "linux"))]
fn thread_now() -> Duration {
    now()
}

fn timeline_bytes(timeline: &Timeline) -> usize {
    size_of_val(&timeline.bands[..])
        + size_of_val(&timeline.marks[..])
        + size_of_val(&timeline.spans[..])
        + size_of_val(&timeline.service[..])
        + timeline.lag.values().map(|series| size_of_val(&series[..])).sum::<usize>()
}

/// Returns the CPU time of this process where the system tells it (a busy machine does not spoil that), else real time.
fn now() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let told = std::fs::read_to_string("/proc/self/schedstat").ok();
    let nanos = told.and_then(|told| told.split(' ').next().and_then(|nanos| nanos.parse().ok()));
    nanos.map_or_else(|| START.elapsed(), Duration::from_nanos)
}

fn nanos_each(took: Duration, count: usize) -> f64 {
    took.as_nanos() as f64 / count as f64
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1000.0
}
