//! Sees the real window: its accessibility tree and its pixels.

use std::{
    net::TcpStream,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use egui_inspection::protocol::{Request, Response, read_handshake, read_message, write_message};

/// How long anything that must come is waited for.
const DEADLINE: Duration = Duration::from_secs(60);

/// A connection to the window under test.
pub(crate) struct Eyes(TcpStream);

/// Something painted that has a label.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Its label (of plain text: the text; of a field with a label beside it: `field` and that).
    pub(crate) label: String,
    /// Its middle, in points.
    pub(crate) at: (f64, f64),
    /// Its size, in points.
    pub(crate) size: (f64, f64),
}

impl Eyes {
    /// Connects to a window that is starting.
    pub(crate) fn open() -> Result<Self> {
        let began = Instant::now();
        loop {
            match TcpStream::connect("127.0.0.1:5719") {
                Ok(mut stream) => {
                    read_handshake(&mut stream).context("the window does not answer as expected")?;
                    return Ok(Self(stream));
                }
                Err(error) if began.elapsed() > DEADLINE => return Err(error).context("the window did not open"),
                Err(_) => std::thread::park_timeout(Duration::from_millis(20)),
            }
        }
    }

    /// Returns everything that has a label.
    pub(crate) fn look(&mut self) -> Result<Vec<Seen>> {
        let Response::Tree { accesskit: Some(tree), .. } = self.ask(&Request::GetTree)? else {
            return Ok(Vec::new());
        };
        let text_of = |id| {
            let (_, node) = tree.nodes.iter().find(|(other, _)| *other == id)?;
            node.label().or_else(|| node.value())
        };
        let seen = tree.nodes.iter().filter_map(|(_, node)| {
            let label = match node.labelled_by().first() {
                Some(by) => format!("field {}", text_of(*by)?),
                None => node.label().or_else(|| node.value())?.to_owned(),
            };
            let bounds = node.bounds()?;
            let at = ((bounds.x0 + bounds.x1) / 2.0, (bounds.y0 + bounds.y1) / 2.0);
            Some(Seen { label, at, size: (bounds.width(), bounds.height()) })
        });
        Ok(seen.collect())
    }

    /// Waits until something is seen whose label satisfies `wanted`, and stands still: a panel that has just appeared
    /// may still be making room.
    pub(crate) fn wait_for(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> Result<Seen> {
        let began = Instant::now();
        let mut last = None;
        loop {
            let seen = self.look()?;
            let found = seen.iter().find(|seen| wanted(&seen.label));
            if let Some(found) = found.filter(|found| last == Some(found.at)) {
                return Ok(found.clone());
            }
            last = found.map(|found| found.at);
            if began.elapsed() > DEADLINE {
                let labels: Vec<_> = seen.into_iter().map(|seen| seen.label).collect();
                bail!("did not see {what}; saw {labels:?}");
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// Writes what the window shows to a PNG file.
    pub(crate) fn photograph(&mut self, out: &Path) -> Result<()> {
        match self.ask(&Request::GetScreenshot { pixels_per_point: None })? {
            Response::Screenshot(png) => std::fs::write(out, png.bytes).context("cannot write the picture"),
            other => bail!("no picture, but {other:?}"),
        }
    }

    fn ask(&mut self, request: &Request) -> Result<Response> {
        write_message(&mut self.0, request).context("the window is gone")?;
        read_message(&mut self.0).context("the window is gone")
    }
}
