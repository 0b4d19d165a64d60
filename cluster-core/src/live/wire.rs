//! All listeners and connections of a session, and the mail that came in on them.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    io,
    net::{Ipv4Addr, SocketAddr},
    rc::Rc,
    task::{Context, Waker},
};

use bytes::Bytes;
use tokio::{
    net::{TcpListener, TcpSocket},
    task::{AbortHandle, spawn_local},
};

use super::{
    conn::{Conn, Flushed, Gate, Side},
    hello::{Hello, Token},
    tasks,
};
use crate::{
    fault::DropReason,
    ids::{Endpoint, MsgId, NodeId},
    world::{Down, Frame, Handed},
};

/// How many frames may wait while cluster time stands still before nothing more is read.
const HELD_MAX: usize = 4096;
/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// The network of a session. One thread uses it, so it is shared without locks.
pub(super) struct Wire {
    pub(super) token: Token,
    stations: RefCell<BTreeMap<NodeId, Rc<Station>>>,
    /// The port of each node, kept over its restarts.
    ports: RefCell<BTreeMap<NodeId, u16>>,
    conns: RefCell<BTreeMap<(Endpoint, NodeId), Rc<Conn>>>,
    /// Dialed, but the hello was not heard yet.
    greeting: RefCell<BTreeMap<u64, Rc<Conn>>>,
    next_conn: Cell<u64>,
    dirty: RefCell<Vec<(Rc<Conn>, Side)>>,
    inbox: RefCell<VecDeque<Frame>>,
    news: RefCell<VecDeque<News>>,
    driver: RefCell<Option<Waker>>,
    paused: Cell<bool>,
    /// Shut while too much waits in a cluster that stands still.
    pub(super) gate: Gate,
    /// What is read goes through here.
    pub(super) scratch: RefCell<Vec<u8>>,
    /// Connections whose hello was not heard yet, from wherever they come.
    pub(super) strangers: Cell<usize>,
}

/// A node's own place on the network.
pub(super) struct Station {
    pub(super) node: NodeId,
    /// Gone as soon as the process is.
    pub(super) listener: RefCell<Option<TcpListener>>,
    /// Shut while the process is frozen.
    pub(super) gate: Gate,
    tasks: RefCell<Vec<AbortHandle>>,
}

/// What happened on the network, apart from frames that came in.
#[derive(Debug)]
pub(super) enum News {
    /// A connection stands.
    Opened(Endpoint, Endpoint),
    /// A connection is gone.
    PeerLost(Endpoint, Endpoint),
    /// A frame will never come in.
    Lost(MsgId, DropReason),
    /// A stranger, or bytes that are no frame.
    Rejected(NodeId, String),
}

impl Wire {
    pub(super) fn new(ports: BTreeMap<NodeId, u16>) -> Rc<Self> {
        Rc::new(Self {
            token: Token::draw(),
            stations: RefCell::default(),
            ports: RefCell::new(ports),
            conns: RefCell::default(),
            greeting: RefCell::default(),
            next_conn: Cell::new(1),
            dirty: RefCell::default(),
            inbox: RefCell::default(),
            news: RefCell::default(),
            driver: RefCell::default(),
            paused: Cell::new(false),
            gate: Gate::default(),
            scratch: RefCell::new(vec![0; tasks::READ_BYTES]),
            strangers: Cell::new(0),
        })
    }

    /// Opens a node's listener. Returns its port.
    pub(super) fn open(self: &Rc<Self>, node: NodeId) -> io::Result<u16> {
        let wished = self.ports.borrow().get(&node).copied().unwrap_or(0);
        let listener = listen(wished)?;
        let port = listener.local_addr()?.port();
        self.ports.borrow_mut().insert(node, port);
        let station = Rc::new(Station {
            node,
            listener: RefCell::new(Some(listener)),
            gate: Gate::default(),
            tasks: RefCell::default(),
        });
        let accept = spawn_local(tasks::accept(Rc::clone(self), Rc::clone(&station)));
        station.add_task(accept.abort_handle());
        self.stations.borrow_mut().insert(node, station);
        Ok(port)
    }

    /// Takes a node off the network.
    pub(super) fn close_node(self: &Rc<Self>, node: NodeId, how: Down) {
        let Some(station) = self.stations.borrow_mut().remove(&node) else { return };
        station.listener.take();
        station.tasks.take().iter().for_each(AbortHandle::abort);
        self.forget_mail(node);
        let ours: Vec<_> =
            self.conns.borrow().values().filter(|conn| conn.side_of(node).is_some()).map(Rc::clone).collect();
        for conn in ours {
            // The other end is to believe for a while that it stands.
            if conn.gone.get().is_some_and(|gone| conn.side_of(node) == Some(gone)) {
                continue;
            }
            match how {
                Down::Crash | Down::PowerLoss | Down::TornPowerLoss => self.close(&conn, DropReason::Reset, Some(node)),
                Down::Stop => self.leave(&conn, node),
            }
        }
    }

    /// Stops or resumes reading for a node.
    pub(super) fn freeze(&self, node: NodeId, frozen: bool) {
        if let Some(station) = self.stations.borrow().get(&node) {
            station.gate.set_shut(frozen);
        }
    }

    /// While cluster time stands still, only so much is read.
    pub(super) fn set_paused(&self, paused: bool) {
        self.paused.set(paused);
        if !paused {
            self.gate.set_shut(false);
        }
    }

    /// Takes a frame to be written with the next flush.
    pub(super) fn transmit(self: &Rc<Self>, frame: &Frame) -> Handed {
        let (key, writer) = match (frame.from, frame.to) {
            (from, Endpoint::Node(to)) => ((from, to), Side::Dialer),
            (Endpoint::Node(from), to @ Endpoint::Client(_)) => ((to, from), Side::Acceptor),
            (Endpoint::Client(_), Endpoint::Client(_)) => return Handed::Refused,
        };
        let known = self.conns.borrow().get(&key).map(Rc::clone);
        // A node answers where it was asked; it never dials a client.
        let conn = known.or_else(|| (writer == Side::Dialer).then(|| self.dial(key.0, key.1))?);
        let Some(conn) = conn else { return Handed::Refused };
        let lane = conn.lane(writer);
        if !lane.push(frame) {
            self.tell(News::Lost(frame.msg, DropReason::BufferFull));
        } else if !lane.dirty.replace(true) {
            self.dirty.borrow_mut().push((conn, writer));
        }
        Handed::UnderWay
    }

    /// Writes what was taken.
    pub(super) fn flush(self: &Rc<Self>) {
        let mut dirty = self.dirty.take();
        for (conn, writer) in dirty.drain(..) {
            conn.lane(writer).dirty.set(false);
            self.flush_lane(&conn, writer);
        }
        // Keeps the list's memory, unless closing a connection made another one.
        let mut list = self.dirty.borrow_mut();
        if list.is_empty() {
            *list = dirty;
        }
    }

    pub(super) fn flush_lane(self: &Rc<Self>, conn: &Rc<Conn>, writer: Side) {
        let lane = conn.lane(writer);
        if lane.blocked.get() || conn.closed.get() {
            return;
        }
        match lane.flush() {
            Flushed::Done => {}
            Flushed::Blocked(half) => {
                lane.blocked.set(true);
                let task = spawn_local(tasks::write_rest(Rc::clone(self), Rc::clone(conn), writer, half));
                conn.add_task(writer, task.abort_handle());
            }
            Flushed::Broken => self.close(conn, DropReason::Reset, None),
        }
    }

    /// Resets the connection that carries a direction. Returns whether there was one.
    pub(super) fn reset(&self, from: Endpoint, to: Endpoint) -> bool {
        let conn = self.carrying(from, to);
        conn.is_some_and(|(conn, _)| self.end(&conn, DropReason::Reset, None))
    }

    /// Takes the receiver's end of the connection that carries a direction away; the sender does not notice. Returns
    /// whether there was one that stood.
    pub(super) fn half_open(&self, from: Endpoint, to: Endpoint) -> bool {
        let Some((conn, writer)) = self.carrying(from, to) else { return false };
        let whole = conn.opened.get() && conn.gone.get().is_none();
        if whole {
            conn.abandon_side(writer.other());
        }
        whole
    }

    /// Returns the connection that carries a direction, and which of its sides writes there.
    fn carrying(&self, from: Endpoint, to: Endpoint) -> Option<(Rc<Conn>, Side)> {
        let (key, writer) = match (from, to) {
            (from, Endpoint::Node(to)) => ((from, to), Side::Dialer),
            (Endpoint::Node(from), to @ Endpoint::Client(_)) => ((to, from), Side::Acceptor),
            (Endpoint::Client(_), Endpoint::Client(_)) => return None,
        };
        self.conns.borrow().get(&key).map(|conn| (Rc::clone(conn), writer))
    }

    /// Ends a connection at both ends and tells that it is gone.
    pub(super) fn close(&self, conn: &Rc<Conn>, reason: DropReason, dead: Option<NodeId>) {
        if self.end(conn, reason, dead) && conn.opened.get() {
            self.tell(News::PeerLost(conn.dialer, conn.acceptor.into()));
        }
    }

    /// Ends a connection at both ends; what was under way is lost. `dead` is the end whose process died, if one did.
    /// Returns whether it had not ended before.
    fn end(&self, conn: &Rc<Conn>, reason: DropReason, dead: Option<NodeId>) -> bool {
        if conn.closed.replace(true) {
            return false;
        }
        self.forget(conn);
        for writer in [Side::Dialer, Side::Acceptor] {
            conn.end_side(writer, true);
            let (from, to) = conn.ends(writer);
            let reason = match dead.map(Endpoint::Node) {
                Some(dead) if dead == from => DropReason::SenderDown,
                Some(dead) if dead == to => DropReason::ReceiverDown,
                Some(_) | None => reason,
            };
            self.tell_lost(conn, writer, reason);
        }
        true
    }

    /// One end leaves in good order: the other reads to the end of what was sent.
    fn leave(self: &Rc<Self>, conn: &Rc<Conn>, node: NodeId) {
        let Some(side) = conn.side_of(node) else { return };
        self.flush_lane(conn, side);
        if conn.lane(side).is_empty() || !conn.opened.get() {
            return self.close(conn, DropReason::Reset, Some(node));
        }
        self.forget(conn);
        conn.end_side(side, false);
        self.tell_lost(conn, side.other(), DropReason::ReceiverDown);
    }

    /// The dialer's connection of that number, whose hello was just heard.
    pub(super) fn greeted(&self, hello: Hello, by: NodeId) -> Option<Rc<Conn>> {
        let conn = self.greeting.borrow_mut().remove(&hello.connection)?;
        let fits = conn.dialer == hello.from && conn.acceptor == by && !conn.closed.get();
        if !fits {
            return None;
        }
        conn.opened.set(true);
        self.tell(News::Opened(conn.dialer, by.into()));
        Some(conn)
    }

    /// A frame came in.
    pub(super) fn arrive(&self, conn: &Conn, writer: Side, msg: MsgId, payload: Bytes) {
        // What was never sent, or was given up, does not arrive.
        if !conn.lane(writer).came_out(msg) {
            return;
        }
        let (from, to) = conn.ends(writer);
        let mut inbox = self.inbox.borrow_mut();
        inbox.push_back(Frame { msg, from, to, payload, damage: None });
        if self.paused.get() && inbox.len() >= HELD_MAX {
            self.gate.set_shut(true);
        }
        self.wake();
    }

    /// A frame came in whose checksum does not match. Returns whether it is one of ours, damaged on purpose.
    pub(super) fn damaged(&self, conn: &Conn, writer: Side, msg: MsgId) -> bool {
        let ours = conn.lane(writer).came_out(msg);
        if ours {
            self.tell(News::Lost(msg, DropReason::Corrupt));
        }
        ours
    }

    pub(super) fn tell(&self, news: News) {
        self.news.borrow_mut().push_back(news);
        self.wake();
    }

    pub(super) fn take_news(&self) -> VecDeque<News> {
        self.news.take()
    }

    /// Takes all frames that came in; `empty` takes their place.
    pub(super) fn take_mail(&self, empty: VecDeque<Frame>) -> VecDeque<Frame> {
        self.inbox.replace(empty)
    }

    /// Takes the first frame that came in.
    pub(super) fn take_frame(&self) -> Option<Frame> {
        let mut inbox = self.inbox.borrow_mut();
        let frame = inbox.pop_front();
        if inbox.len() < HELD_MAX {
            self.gate.set_shut(false);
        }
        frame
    }

    /// Returns whether frames or news wait; if not, the caller is woken when some come.
    pub(super) fn poll(&self, cx: &Context<'_>, frames_wanted: bool) -> bool {
        if !self.news.borrow().is_empty() || frames_wanted && !self.inbox.borrow().is_empty() {
            return true;
        }
        let mut driver = self.driver.borrow_mut();
        if !driver.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            *driver = Some(cx.waker().clone());
        }
        false
    }

    /// Returns whether a frame is on its way to somebody who reads.
    pub(super) fn something_under_way(&self) -> bool {
        let stations = self.stations.borrow();
        let reads = |end: Endpoint| match end {
            Endpoint::Node(node) => stations.get(&node).is_some_and(|station| station.gate.is_open()),
            Endpoint::Client(_) => true,
        };
        self.conns.borrow().values().any(|conn| {
            [Side::Dialer, Side::Acceptor]
                .into_iter()
                .filter(|writer| conn.gone.get() != Some(writer.other()))
                .any(|writer| !conn.lane(writer).is_empty() && reads(conn.ends(writer).1))
        })
    }

    /// Returns a running node's station.
    pub(super) fn station(&self, node: NodeId) -> Option<Rc<Station>> {
        self.stations.borrow().get(&node).map(Rc::clone)
    }

    fn dial(self: &Rc<Self>, from: Endpoint, to: NodeId) -> Option<Rc<Conn>> {
        if !self.stations.borrow().contains_key(&to) {
            return None;
        }
        let port = self.ports.borrow().get(&to).copied()?;
        let id = self.next_conn.get();
        self.next_conn.set(id + 1);
        let conn = Rc::new(Conn::new(id, from, to));
        conn.there.begin(&Hello { from, connection: id }.encode(self.token));
        self.conns.borrow_mut().insert((from, to), Rc::clone(&conn));
        self.greeting.borrow_mut().insert(id, Rc::clone(&conn));
        let gate = from.node().and_then(|node| self.station(node));
        let task = spawn_local(tasks::dial(Rc::clone(self), Rc::clone(&conn), port, gate));
        conn.add_task(Side::Dialer, task.abort_handle());
        Some(conn)
    }

    /// Makes room for the next connection between the two.
    fn forget(&self, conn: &Conn) {
        let key = (conn.dialer, conn.acceptor);
        let mut conns = self.conns.borrow_mut();
        if conns.get(&key).is_some_and(|known| known.id == conn.id) {
            conns.remove(&key);
        }
        self.greeting.borrow_mut().remove(&conn.id);
    }

    /// What had come in for a dead process was not taken up.
    fn forget_mail(&self, node: NodeId) {
        let mut lost = Vec::new();
        self.inbox.borrow_mut().retain(|frame| {
            let keep = frame.to != Endpoint::Node(node);
            if !keep {
                lost.push(frame.msg);
            }
            keep
        });
        lost.into_iter().for_each(|msg| self.tell(News::Lost(msg, DropReason::ReceiverDown)));
    }

    fn tell_lost(&self, conn: &Conn, writer: Side, reason: DropReason) {
        conn.lane(writer).take_lost().into_iter().for_each(|msg| self.tell(News::Lost(msg, reason)));
    }

    fn wake(&self) {
        if let Some(driver) = &*self.driver.borrow() {
            driver.wake_by_ref();
        }
    }
}

impl Station {
    /// Remembers a task that is to end with the process.
    pub(super) fn add_task(&self, task: AbortHandle) {
        let mut tasks = self.tasks.borrow_mut();
        tasks.retain(|task| !task.is_finished());
        tasks.push(task);
    }
}

/// Opens a listener on loopback.
pub(super) fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // Windows lets a second program share the port of a first one with this; elsewhere it only skips the wait after a close.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(BACKLOG)
}
