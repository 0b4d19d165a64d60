//! A table for spreadsheets: per stretch of time, what clients saw, what links did, and how far followers lag.

use std::io::{self, Write};

use super::Exporter;
use crate::{
    event::TraceEvent,
    spec::ClusterSpec,
    trace::{ClusterState, Lag, Timeline},
};

/// Writes the series of the charts: at most a few thousand rows, however long the run.
#[derive(Debug, Default)]
pub struct Csv {
    state: ClusterState,
    timeline: Timeline,
}

impl Exporter for Csv {
    fn begin(&mut self, spec: &ClusterSpec, _: &mut dyn Write) -> io::Result<()> {
        self.state = ClusterState::before(spec);
        Ok(())
    }

    fn event(&mut self, event: &TraceEvent, _: &mut dyn Write) -> io::Result<()> {
        self.state.apply(event);
        self.timeline.apply(event, &self.state);
        Ok(())
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.timeline.settle(self.state.at);
        let timeline = &self.timeline;
        write!(
            out,
            "at_s,span_s,ops_begun,ops_ok,ops_refused,ops_unanswered,p50_ms,p99_ms,frames_sent,frames_dropped"
        )?;
        for node in timeline.lag.keys() {
            write!(out, ",{node}_lag_entries,{node}_lag_bytes,{node}_lag_ms")?;
        }
        writeln!(out)?;
        let span = timeline.bucket_nanos as f64 / 1e9;
        for (at, service) in timeline.service.iter().enumerate() {
            write!(
                out,
                "{:.3},{span},{},{},{},{},{:.3},{:.3},{},{}",
                at as f64 * span,
                service.invoked,
                service.ok,
                service.failed,
                service.unanswered,
                service.p50_nanos as f64 / 1e6,
                service.p99_nanos as f64 / 1e6,
                service.frames,
                service.dropped,
            )?;
            for series in timeline.lag.values() {
                let Lag { entries, bytes, nanos } = series.get(at).copied().unwrap_or_default();
                write!(out, ",{entries},{bytes},{:.3}", nanos as f64 / 1e6)?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}
