//! What runs beside the cluster for clients from outside: accepting, reading, writing where a socket is full.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    io,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use tokio::{
    net::TcpStream,
    task::{AbortHandle, spawn_local},
    time,
};

use super::door::{Door, Doors};
use crate::{ids::ClientId, resp::Talk};

/// How much is read at once.
pub(super) const READ_BYTES: usize = 64 << 10;
/// How long a client may take for its first command, and for the rest of one that it began.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often that is looked at.
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// How long a door waits before it accepts again after the system refused (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A connection of a client from outside.
pub(super) struct DoorConn {
    /// Its number, unique in the session.
    pub(super) id: u64,
    pub(super) door: Rc<Door>,
    pub(super) talk: RefCell<Talk>,
    /// Who it is, once it said something that is a command.
    pub(super) client: Cell<Option<ClientId>>,
    /// The port of the other end.
    pub(super) peer_port: u16,
    stream: RefCell<Option<TcpStream>>,
    task: RefCell<Option<AbortHandle>>,
    /// The task that reads, to be woken when there is room again or something to be written.
    reader: RefCell<Option<Waker>>,
    /// Whether it is on the list of those to look at.
    pub(super) ready: Cell<bool>,
    /// Whether it is on the list of those to be flushed.
    pub(super) touched: Cell<bool>,
    /// Whether the other end is gone.
    pub(super) gone: Cell<bool>,
    /// Whether it is over for good.
    pub(super) closed: Cell<bool>,
    /// Whether the socket was full.
    pub(super) stalled: Cell<bool>,
    /// Whether nothing is read because enough lies at hand.
    held: Cell<bool>,
    /// How many of its bytes are counted.
    pub(super) counted: Cell<usize>,
    /// Since when the client owes something, if it does.
    since: Cell<Instant>,
}

impl DoorConn {
    pub(super) fn new(id: u64, door: &Rc<Door>, stream: TcpStream) -> Self {
        // Answers must not wait for each other; a socket that cannot be told still works.
        drop(stream.set_nodelay(true));
        let peer_port = stream.peer_addr().map_or(0, |address| address.port());
        Self {
            id,
            door: Rc::clone(door),
            talk: RefCell::default(),
            client: Cell::new(None),
            peer_port,
            stream: RefCell::new(Some(stream)),
            task: RefCell::default(),
            reader: RefCell::default(),
            ready: Cell::new(false),
            touched: Cell::new(false),
            gone: Cell::new(false),
            closed: Cell::new(false),
            stalled: Cell::new(false),
            held: Cell::new(false),
            counted: Cell::new(0),
            since: Cell::new(Instant::now()),
        }
    }

    /// The client did what it owed.
    pub(super) fn progress(&self) {
        self.since.set(Instant::now());
    }

    /// Writes what waits, as far as the socket takes it.
    pub(super) fn flush(&self) -> io::Result<()> {
        let stream = self.stream.borrow();
        let Some(stream) = stream.as_ref() else { return Ok(()) };
        let mut talk = self.talk.borrow_mut();
        while !talk.out().is_empty() {
            match stream.try_write(talk.out()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => talk.wrote(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stalled.set(true);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        drop(talk);
        // It goes on reading, or waits for room to write.
        if self.stalled.get() || self.held.replace(false) {
            self.reader.borrow().iter().for_each(Waker::wake_by_ref);
        }
        Ok(())
    }

    /// Makes the other end fail at once.
    pub(super) fn reset(&self) {
        if let Some(stream) = &*self.stream.borrow() {
            // A socket that cannot be told to reset is closed in the usual way.
            drop(stream.set_zero_linger());
        }
    }

    /// Ends the connection at this side.
    pub(super) fn close(&self) {
        self.closed.set(true);
        if let Some(task) = self.task.take() {
            task.abort();
        }
        self.stream.take();
    }
}

/// Accepts clients for as long as the node's process lives.
pub(super) async fn accept(doors: Rc<Doors>, door: Rc<Door>) {
    loop {
        let accepted = poll_fn(|cx| {
            if !door.gate.passes(cx.waker()) {
                return Poll::Pending;
            }
            let listener = door.listener.borrow();
            let Some(listener) = listener.as_ref() else { return Poll::Ready(None) };
            listener.poll_accept(cx).map(Some)
        });
        match accepted.await {
            None => return,
            Some(Err(_)) => time::sleep(ACCEPT_PAUSE).await,
            Some(Ok((stream, _))) => {
                if doors.is_full(door.node) {
                    // What Redis says then; whether it is heard is not worth waiting for.
                    drop(stream.try_write(b"-ERR max number of clients reached\r\n"));
                    continue;
                }
                let conn = doors.admit(&door, stream);
                let task = spawn_local(read(Rc::clone(&doors), Rc::clone(&conn)));
                conn.task.replace(Some(task.abort_handle()));
            }
        }
    }
}

/// Turns clients away who begin something and do not end it.
pub(super) async fn watch_silence(doors: Rc<Doors>, door: Rc<Door>) {
    loop {
        time::sleep(WATCH_EVERY).await;
        for conn in doors.conns_of(door.node) {
            let owes = conn.client.get().is_none() || conn.talk.borrow().is_midway();
            // While a node is frozen, nobody can do what it waits for.
            if !owes || !door.gate.is_open() {
                conn.progress();
            } else if conn.since.get().elapsed() > PATIENCE && !conn.gone.replace(true) {
                doors.reject(
                    door.node,
                    format!("a Redis client that sent no whole command in {} s", PATIENCE.as_secs()),
                );
                doors.look_at(&conn);
            }
        }
    }
}

/// Reads what a client sends until the connection ends.
async fn read(doors: Rc<Doors>, conn: Rc<DoorConn>) {
    while poll_fn(|cx| read_once(&doors, &conn, cx)).await {
        doors.count_bytes(&conn);
        doors.look_at(&conn);
    }
    conn.gone.set(true);
    doors.look_at(&conn);
}

/// Reads once, if that is wanted, and writes if the socket has room again. Returns whether the connection goes on.
fn read_once(doors: &Rc<Doors>, conn: &Rc<DoorConn>, cx: &mut Context<'_>) -> Poll<bool> {
    if !conn.door.gate.passes(cx.waker()) {
        return Poll::Pending;
    }
    let stream = conn.stream.borrow();
    let Some(stream) = stream.as_ref() else { return Poll::Ready(false) };
    while conn.stalled.get() && stream.poll_write_ready(cx).is_ready() {
        conn.stalled.set(false);
        if conn.flush().is_err() {
            return Poll::Ready(false);
        }
        // What had to wait for room goes on.
        doors.look_at(conn);
    }
    if !conn.reader.borrow().as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
        conn.reader.replace(Some(cx.waker().clone()));
    }
    conn.held.set(!conn.talk.borrow().is_hungry());
    if conn.held.get() {
        return Poll::Pending;
    }
    loop {
        match stream.poll_read_ready(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(_)) => return Poll::Ready(false),
            Poll::Ready(Ok(())) => {}
        }
        let mut scratch = doors.scratch.borrow_mut();
        match stream.try_read(&mut scratch) {
            Ok(0) => return Poll::Ready(false),
            Ok(count) => {
                conn.talk.borrow_mut().feed(&scratch[..count]);
                return Poll::Ready(true);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return Poll::Ready(false),
        }
    }
}
