//! Sends the page of numbers to whoever asks for it by HTTP on loopback.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::trace::{Metrics, OPENMETRICS_TYPE};

/// The longest head of a request.
const HEAD_MAX: usize = 8 << 10;
/// How long one request may take; they are answered one after the other.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long it waits after the system refused a connection.
const PAUSE: Duration = Duration::from_millis(50);

/// The numbers of a run, shared between the thread that records and the one that answers. The cluster's own thread knows
/// neither.
pub(super) type SharedMetrics = Arc<Mutex<Metrics>>;

/// A thread that answers.
pub(super) struct MetricsServer {
    port: u16,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl MetricsServer {
    /// Listens on a port of loopback.
    pub(super) fn start(port: u16, metrics: SharedMetrics) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let port = listener.local_addr()?.port();
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        let thread = thread::Builder::new().name("faultline-metrics".to_owned()).spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                match stream {
                    // Whoever asks and does not listen has himself to blame.
                    Ok(stream) => drop(answer(stream, &metrics)),
                    Err(_) => thread::sleep(PAUSE),
                }
            }
        })?;
        Ok(Self { port, over, thread: Some(thread) })
    }

    /// Returns the port.
    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // A connection of its own wakes the thread; if none can be made, it ends with the program.
        let woken = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)), PATIENCE);
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            // A panic of it concerns nobody else.
            drop(thread.join());
        }
    }
}

fn answer(mut stream: TcpStream, metrics: &SharedMetrics) -> io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    let (status, kind, body) = match read_head(&mut stream)? {
        Some(head) => match wanted(&head) {
            Wanted::Page => ("200 OK", OPENMETRICS_TYPE, lock(metrics).page()),
            Wanted::Elsewhere => ("404 Not Found", "text/plain", "the numbers are at /metrics\n".to_owned()),
            Wanted::Otherwise => ("405 Method Not Allowed", "text/plain", "only GET is answered\n".to_owned()),
            Wanted::Nothing => ("400 Bad Request", "text/plain", "this is no HTTP request\n".to_owned()),
        },
        None => ("431 Request Header Fields Too Large", "text/plain", "the request is too long\n".to_owned()),
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

fn lock(metrics: &SharedMetrics) -> std::sync::MutexGuard<'_, Metrics> {
    metrics.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads up to the empty line; `None` if it is too far away.
fn read_head(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let until = Instant::now() + PATIENCE;
    let mut head = Vec::new();
    let mut part = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let count = stream.read(&mut part)?;
        if count == 0 {
            break;
        }
        head.extend_from_slice(&part[..count]);
        if head.len() > HEAD_MAX {
            return Ok(None);
        }
    }
    Ok(Some(head))
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Page,
    Elsewhere,
    Otherwise,
    Nothing,
}

pub(super) fn wanted(head: &[u8]) -> Wanted {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (method, path, version) = (words.next(), words.next(), words.next());
    if !version.is_some_and(|version| version.starts_with(b"HTTP/1.")) || words.next().is_some() {
        return Wanted::Nothing;
    }
    let path = path.unwrap_or_default().split(|byte| *byte == b'?').next();
    match (method, path) {
        (Some(b"GET"), Some(b"/metrics")) => Wanted::Page,
        (Some(b"GET"), _) => Wanted::Elsewhere,
        _ => Wanted::Otherwise, // Any other method.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_get_of_the_page_gets_the_page() {
        assert_eq!(wanted(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), Wanted::Page);
        assert_eq!(wanted(b"GET /metrics?x=1 HTTP/1.0\r\n\r\n"), Wanted::Page);
        assert_eq!(wanted(b"GET / HTTP/1.1\r\n\r\n"), Wanted::Elsewhere);
        assert_eq!(wanted(b"POST /metrics HTTP/1.1\r\n\r\n"), Wanted::Otherwise);
        for nonsense in [&b""[..], b"\r\n\r\n", b"GET /metrics\r\n\r\n", b"PING\r\n", b"a b c d\r\n\r\n"] {
            assert_eq!(wanted(nonsense), Wanted::Nothing);
        }
    }
}
