//! `faultline export`: a recording in the format of another tool, streamed.

use std::{
    io::{self, BufWriter, Write},
    path::Path,
};

use cluster_core::{
    check::JepsenEdn,
    event::TraceEvent,
    registry,
    trace::{
        Recording,
        export::{Chrome, Csv, EtcdNdjson, Exporter, Jsonl, OutFile, Shiviz},
    },
};

use super::{ExportArgs, ExportFormat, Failure};

/// Does what the flags say.
pub(super) fn export(args: &ExportArgs) -> Result<(), Failure> {
    let mut recording = Recording::open(&args.file).map_err(Failure::input)?;
    let mut exporter = exporter(args.format, &mut recording)?;
    if args.out == Path::new("-") {
        let mut out = BufWriter::new(io::stdout().lock());
        return match write(&mut recording, exporter.as_mut(), &mut out)?.and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::run(error)),
            Ok(()) | Err(_) => Ok(()),
        };
    }
    let mut out = OutFile::create(&args.out, args.force).map_err(Failure::input)?;
    write(&mut recording, exporter.as_mut(), &mut out)?.map_err(|why| Failure::input(out.error(why)))?;
    out.finish().map_err(Failure::input)?;
    if let Some(damage) = recording.damage() {
        eprintln!("warning: {damage}; what precedes the damage was written");
    }
    Ok(())
}

fn exporter(format: ExportFormat, recording: &mut Recording) -> Result<Box<dyn Exporter>, Failure> {
    Ok(match format {
        ExportFormat::Jsonl => Box::new(Jsonl::default()),
        ExportFormat::Shiviz => Box::new(Shiviz::default()),
        ExportFormat::Chrome => Box::new(Chrome::default()),
        ExportFormat::Csv => Box::new(Csv::default()),
        ExportFormat::JepsenEdn => {
            let mut exporter = JepsenEdn::default();
            each(recording, &mut |event| {
                exporter.survey(event);
                Ok(())
            })?
            .map_err(Failure::run)?;
            Box::new(exporter)
        }
        ExportFormat::EtcdNdjson => {
            let protocol = recording.spec().protocol.clone();
            let row = registry::protocol(&protocol).filter(|_| protocol.starts_with("raft")).ok_or_else(|| {
                Failure::Input(format!(
                    "etcd-ndjson is about Raft, and this is a recording of {protocol}; choose another format, such as jsonl"
                ))
            })?;
            Box::new(EtcdNdjson::new(row.fields))
        }
    })
}

/// Shows every event of a recording, one block in memory at a time. The inner error is that of `see`.
fn each(
    recording: &mut Recording,
    see: &mut dyn FnMut(&TraceEvent) -> io::Result<()>,
) -> Result<io::Result<()>, Failure> {
    for block in 0..recording.blocks().len() {
        let events = match recording.read(block) {
            Ok(events) => events,
            // What precedes the damage is worth having.
            Err(damage) if block > 0 => {
                recording.give_up_at(block, damage);
                break;
            }
            Err(damage) => return Err(Failure::input(damage)),
        };
        for event in &events {
            if let Err(why) = see(event) {
                return Ok(Err(why));
            }
        }
    }
    Ok(Ok(()))
}

fn write(
    recording: &mut Recording,
    exporter: &mut dyn Exporter,
    out: &mut dyn Write,
) -> Result<io::Result<()>, Failure> {
    let spec = recording.spec().clone();
    if let Err(why) = exporter.begin(&spec, out) {
        return Ok(Err(why));
    }
    let written = each(recording, &mut |event| exporter.event(event, out))?;
    Ok(written.and_then(|()| exporter.end(out)))
}
