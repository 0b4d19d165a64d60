//! What runs beside the cluster: accepting, dialing, reading, and writing where a socket is full.

use std::{
    future::poll_fn,
    io,
    net::Ipv4Addr,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, ReadBuf},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::spawn_local,
    time,
};

use super::{
    conn::{Conn, Flushed, Side},
    frame::{FrameBuffer, FrameError},
    hello::{HELLO_BYTES, Hello},
    wire::{News, Station, Wire},
};
use crate::{fault::DropReason, ids::NodeId};

/// How much is read at once.
pub(super) const READ_BYTES: usize = 256 << 10;
/// How long a dialer may take to say who it is.
const HELLO_DEADLINE: Duration = Duration::from_secs(2);
/// How many connections may be silent at a time.
const STRANGERS_MAX: usize = 2048;
/// How long a node waits before it accepts again after the system refused (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections for as long as the node's process lives.
pub(super) async fn accept(wire: Rc<Wire>, station: Rc<Station>) {
    loop {
        let accepted = poll_fn(|cx| {
            if !station.gate.passes(cx.waker()) {
                return Poll::Pending;
            }
            let listener = station.listener.borrow();
            let Some(listener) = listener.as_ref() else { return Poll::Ready(None) };
            listener.poll_accept(cx).map(Some)
        });
        match accepted.await {
            None => return,
            Some(Err(_)) => time::sleep(ACCEPT_PAUSE).await,
            Some(Ok(_)) if wire.strangers.get() >= STRANGERS_MAX => {
                wire.tell(News::Rejected(station.node, "too many connections that say nothing".to_owned()));
            }
            Some(Ok((stream, _))) => {
                let task = spawn_local(greet(Rc::clone(&wire), Rc::clone(&station), stream));
                station.add_task(task.abort_handle());
            }
        }
    }
}

/// Hears who dialed, and turns strangers away.
async fn greet(wire: Rc<Wire>, station: Rc<Station>, stream: TcpStream) {
    let stranger = Stranger::new(&wire);
    let (mut reader, writer) = stream.into_split();
    let mut bytes = [0; HELLO_BYTES];
    let rejected = match time::timeout(HELLO_DEADLINE, reader.read_exact(&mut bytes)).await {
        Err(_) => Some(format!("a stranger who said nothing for {} s", HELLO_DEADLINE.as_secs())),
        Ok(Err(_)) => Some("a stranger who left without a hello".to_owned()),
        Ok(Ok(_)) => match Hello::decode(&bytes, wire.token) {
            Err(error) => Some(error.to_string()),
            Ok(hello) => {
                drop(stranger);
                // A connection of our own that was given up in the meantime is no news.
                if let Some(conn) = wire.greeted(hello, station.node) {
                    welcome(&wire, &conn, &station, reader, writer);
                }
                None
            }
        },
    };
    if let Some(reason) = rejected {
        wire.tell(News::Rejected(station.node, reason));
    }
}

fn welcome(wire: &Rc<Wire>, conn: &Rc<Conn>, station: &Rc<Station>, reader: OwnedReadHalf, writer: OwnedWriteHalf) {
    // Small frames must not wait for each other; a socket that cannot be told still works.
    drop(writer.as_ref().set_nodelay(true));
    conn.back.connect(writer);
    let task = spawn_local(read(Rc::clone(wire), Rc::clone(conn), Side::Dialer, Some(Rc::clone(station)), reader));
    conn.add_task(Side::Acceptor, task.abort_handle());
    wire.flush_lane(conn, Side::Acceptor);
}

/// Counts a connection for as long as nobody knows whose it is.
struct Stranger<'a>(&'a Wire);

impl<'a> Stranger<'a> {
    fn new(wire: &'a Wire) -> Self {
        wire.strangers.set(wire.strangers.get() + 1);
        Self(wire)
    }
}

impl Drop for Stranger<'_> {
    fn drop(&mut self) {
        self.0.strangers.set(self.0.strangers.get() - 1);
    }
}

/// Dials, sends what waits, and reads what comes back until the connection ends.
pub(super) async fn dial(wire: Rc<Wire>, conn: Rc<Conn>, port: u16, station: Option<Rc<Station>>) {
    match TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
        Ok(stream) => {
            drop(stream.set_nodelay(true));
            let (reader, writer) = stream.into_split();
            conn.there.connect(writer);
            wire.flush_lane(&conn, Side::Dialer);
            read(wire, conn, Side::Acceptor, station, reader).await;
        }
        Err(_) => wire.close(&conn, DropReason::ReceiverDown, None),
    }
}

/// Reads what `writer` writes until the connection ends. `station` is the reading node's, if a node reads.
async fn read(wire: Rc<Wire>, conn: Rc<Conn>, writer: Side, station: Option<Rc<Station>>, mut reader: OwnedReadHalf) {
    let mut frames = FrameBuffer::default();
    let rejected = loop {
        let turn = poll_fn(|cx| read_once(&wire, &conn, writer, station.as_deref(), &mut reader, &mut frames, cx));
        match turn.await {
            Ok(Turn::More) => {}
            Ok(Turn::End) => break None,
            Err(error) => break Some(error),
        }
    };
    if let (Some(error), Some(node)) = (rejected, reading_node(&conn, writer)) {
        wire.tell(News::Rejected(node, error.to_string()));
    }
    wire.close(&conn, DropReason::Reset, None);
}

enum Turn {
    More,
    End,
}

fn read_once(
    wire: &Wire,
    conn: &Conn,
    writer: Side,
    station: Option<&Station>,
    reader: &mut OwnedReadHalf,
    frames: &mut FrameBuffer,
    cx: &mut Context<'_>,
) -> Poll<Result<Turn, FrameError>> {
    let frozen = station.is_some_and(|station| !station.gate.passes(cx.waker()));
    if frozen || !wire.gate.passes(cx.waker()) {
        return Poll::Pending;
    }
    let mut scratch = wire.scratch.borrow_mut();
    let mut buffer = ReadBuf::new(&mut scratch);
    let outcome: io::Result<()> = ready!(Pin::new(reader).poll_read(cx, &mut buffer));
    // However a connection ends, it is over; whether that is a fault is for the rules of the node's end to say.
    if outcome.is_err() || buffer.filled().is_empty() {
        return Poll::Ready(Ok(Turn::End));
    }
    let fed = frames.feed(buffer.filled(), |msg, payload| match payload {
        Some(payload) => {
            wire.arrive(conn, writer, msg, payload);
            Ok(())
        }
        None if wire.damaged(conn, writer, msg) => Ok(()),
        None => Err(FrameError::Checksum),
    });
    Poll::Ready(fed.map(|()| Turn::More))
}

fn reading_node(conn: &Conn, writer: Side) -> Option<NodeId> {
    conn.ends(writer).1.node()
}

/// Writes the rest once the socket has room.
pub(super) async fn write_rest(wire: Rc<Wire>, conn: Rc<Conn>, writer: Side, half: Rc<OwnedWriteHalf>) {
    let lane = conn.lane(writer);
    loop {
        let broken = half.writable().await.is_err();
        match lane.flush() {
            _ if broken => break,
            Flushed::Done => {
                lane.blocked.set(false);
                return;
            }
            Flushed::Blocked(_) => {}
            Flushed::Broken => break,
        }
    }
    wire.close(&conn, DropReason::Reset, None);
}
