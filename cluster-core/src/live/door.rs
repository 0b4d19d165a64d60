//! Front doors: where clients that are not ours come in, by the Redis protocol. One listener a node.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    io,
    rc::Rc,
    task::{Context, Waker},
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, spawn_local},
};

use super::{
    backend::LiveBackend,
    conn::Gate,
    door_conn::{self, DoorConn},
    wire::listen,
};
use crate::{
    ids::{ClientId, NodeId},
    resp::{Belief, Did},
    time::Timestamp,
    world::{Answered, Down, World},
};

/// How many connections all doors of a cluster have at most.
const CONNS_MAX: usize = 2048;
/// How many bytes may wait in all of them together.
const BYTES_MAX: usize = 64 << 20;
/// How many commands of one connection are obeyed before it is the turn of the next.
const TURN: usize = 256;

/// All doors of a session. One thread uses them, so they are shared without locks.
pub(super) struct Doors {
    /// Whether there are doors at all.
    open: bool,
    /// The port of each node's door, kept over its restarts.
    ports: RefCell<BTreeMap<NodeId, u16>>,
    doors: RefCell<BTreeMap<NodeId, Rc<Door>>>,
    conns: RefCell<BTreeMap<u64, Rc<DoorConn>>>,
    clients: RefCell<BTreeMap<ClientId, Rc<DoorConn>>>,
    next_conn: Cell<u64>,
    /// Connections to look at.
    ready: RefCell<VecDeque<Rc<DoorConn>>>,
    rejected: RefCell<Vec<(NodeId, String)>>,
    /// The memory of the last answers, for the next.
    answered: RefCell<Vec<Answered>>,
    touched: RefCell<Vec<Rc<DoorConn>>>,
    bytes: Cell<usize>,
    driver: RefCell<Option<Waker>>,
    /// What is read goes through here.
    pub(super) scratch: RefCell<Vec<u8>>,
}

/// A node's door.
pub(super) struct Door {
    pub(super) node: NodeId,
    /// Gone as soon as the process is.
    pub(super) listener: RefCell<Option<TcpListener>>,
    /// Shut while the process is frozen.
    pub(super) gate: Gate,
    tasks: RefCell<Vec<AbortHandle>>,
}

/// Whether, and where, nodes take clients from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DoorPorts {
    /// Nowhere.
    Closed,
    /// On free ports.
    #[default]
    Free,
    /// On this port and those after it, in the order of the nodes.
    From(u16),
}

impl DoorPorts {
    /// Returns the first port, if it was chosen.
    pub fn base(self) -> Option<u16> {
        match self {
            Self::Closed | Self::Free => None,
            Self::From(base) => Some(base),
        }
    }
}

impl Doors {
    pub(super) fn new(open: bool, ports: BTreeMap<NodeId, u16>) -> Rc<Self> {
        Rc::new(Self {
            open,
            ports: RefCell::new(ports),
            doors: RefCell::default(),
            conns: RefCell::default(),
            clients: RefCell::default(),
            next_conn: Cell::new(1),
            ready: RefCell::default(),
            rejected: RefCell::default(),
            answered: RefCell::default(),
            touched: RefCell::default(),
            bytes: Cell::new(0),
            driver: RefCell::default(),
            scratch: RefCell::new(vec![0; door_conn::READ_BYTES]),
        })
    }

    /// Opens a node's door. Returns its port; 0 if there are no doors.
    pub(super) fn open(self: &Rc<Self>, node: NodeId) -> io::Result<u16> {
        if !self.open {
            return Ok(0);
        }
        let wished = self.ports.borrow().get(&node).copied().unwrap_or(0);
        let listener = listen(wished)?;
        let port = listener.local_addr()?.port();
        self.ports.borrow_mut().insert(node, port);
        let door = Rc::new(Door {
            node,
            listener: RefCell::new(Some(listener)),
            gate: Gate::default(),
            tasks: RefCell::default(),
        });
        let tasks = [
            spawn_local(door_conn::accept(Rc::clone(self), Rc::clone(&door))).abort_handle(),
            spawn_local(door_conn::watch_silence(Rc::clone(self), Rc::clone(&door))).abort_handle(),
        ];
        door.tasks.borrow_mut().extend(tasks);
        self.doors.borrow_mut().insert(node, door);
        Ok(port)
    }

    /// Closes a node's door, and ends the connections that came in by it.
    pub(super) fn close(&self, node: NodeId, how: Down) {
        let Some(door) = self.doors.borrow_mut().remove(&node) else { return };
        door.listener.take();
        door.tasks.take().iter().for_each(AbortHandle::abort);
        for conn in self.conns_of(node) {
            match how {
                Down::Crash | Down::PowerLoss | Down::TornPowerLoss => conn.reset(),
                Down::Stop => drop(conn.flush()),
            }
            self.forget(&conn);
        }
    }

    /// Stops or resumes reading for a node.
    pub(super) fn freeze(&self, node: NodeId, frozen: bool) {
        if let Some(door) = self.doors.borrow().get(&node) {
            door.gate.set_shut(frozen);
        }
        if !frozen {
            self.conns_of(node).into_iter().for_each(|conn| self.look_at(&conn));
        }
    }

    /// Returns whether there is no room for another connection; if so, somebody is turned away.
    pub(super) fn is_full(&self, node: NodeId) -> bool {
        let full = self.conns.borrow().len() >= CONNS_MAX;
        if full {
            self.reject(node, format!("a Redis client beyond the {CONNS_MAX} that all nodes take together"));
        }
        full
    }

    /// Takes a connection in.
    pub(super) fn admit(&self, door: &Rc<Door>, stream: TcpStream) -> Rc<DoorConn> {
        let id = self.next_conn.get();
        self.next_conn.set(id + 1);
        let conn = Rc::new(DoorConn::new(id, door, stream));
        self.conns.borrow_mut().insert(id, Rc::clone(&conn));
        conn
    }

    /// Marks a connection as one to look at.
    pub(super) fn look_at(&self, conn: &Rc<DoorConn>) {
        if !conn.ready.replace(true) {
            self.ready.borrow_mut().push_back(Rc::clone(conn));
        }
        if let Some(driver) = &*self.driver.borrow() {
            driver.wake_by_ref();
        }
    }

    pub(super) fn conns_of(&self, node: NodeId) -> Vec<Rc<DoorConn>> {
        self.conns.borrow().values().filter(|conn| conn.door.node == node).map(Rc::clone).collect()
    }

    /// Remembers that somebody was turned away.
    pub(super) fn reject(&self, node: NodeId, why: impl Into<String>) {
        self.rejected.borrow_mut().push((node, why.into()));
        if let Some(driver) = &*self.driver.borrow() {
            driver.wake_by_ref();
        }
    }

    /// Returns whether somebody was turned away, or commands are wanted and connections are to be looked at; if not, the
    /// caller is woken when that changes.
    pub(super) fn poll(&self, cx: &Context<'_>, commands_wanted: bool) -> bool {
        if commands_wanted && !self.ready.borrow().is_empty() || !self.rejected.borrow().is_empty() {
            return true;
        }
        let mut driver = self.driver.borrow_mut();
        if !driver.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            *driver = Some(cx.waker().clone());
        }
        false
    }

    /// Tells who was turned away.
    pub(super) fn tell_rejected(&self, world: &mut World<LiveBackend>, now: Timestamp) {
        for (node, why) in self.rejected.take() {
            world.rejected(now, node, why);
        }
    }

    /// Lets nodes obey what came in, at most so many commands in all. Returns how many it were.
    pub(super) fn serve(self: &Rc<Self>, world: &mut World<LiveBackend>, now: Timestamp, most: usize) -> usize {
        let mut served = 0;
        let turns = self.ready.borrow().len();
        for _ in 0..turns {
            if served >= most {
                break;
            }
            let Some(conn) = self.ready.borrow_mut().pop_front() else { break };
            conn.ready.set(false);
            // A frozen node takes nothing up; when it goes on, this is looked at again.
            if conn.door.gate.is_open() {
                served += self.serve_one(world, now, &conn, TURN.min(most - served));
            }
        }
        served
    }

    /// Hands the answers to whom they are for, and writes what is to be written.
    pub(super) fn answer(self: &Rc<Self>, world: &mut World<LiveBackend>, now: Timestamp) {
        let mut answered = world.take_answered(self.answered.take());
        let mut touched = self.touched.take();
        for Answered { client, op, response } in answered.drain(..) {
            let Some(conn) = self.clients.borrow().get(&client).map(Rc::clone) else { continue };
            let ports = self.ports.borrow();
            conn.talk.borrow_mut().answer(op, response, |node| ports.get(&node).copied());
            if !conn.touched.replace(true) {
                touched.push(conn);
            }
        }
        self.answered.replace(answered);
        for conn in touched.drain(..) {
            conn.touched.set(false);
            self.flush(world, now, &conn);
        }
        self.touched.replace(touched);
    }

    fn serve_one(
        self: &Rc<Self>,
        world: &mut World<LiveBackend>,
        now: Timestamp,
        conn: &Rc<DoorConn>,
        most: usize,
    ) -> usize {
        let mut served = 0;
        while served < most && !conn.closed.get() {
            let read = conn.talk.borrow_mut().read();
            match read {
                Ok(true) => {}
                Ok(false) => break,
                Err(why) => {
                    self.reject(conn.door.node, format!("{why}, on the port for Redis clients"));
                    conn.talk.borrow_mut().refuse(&why);
                    break;
                }
            }
            if !self.obey(world, now, conn) {
                break;
            }
            served += 1;
        }
        self.count_bytes(conn);
        self.touch(conn);
        served
    }

    /// Obeys one command. Returns whether the connection goes on.
    fn obey(&self, world: &mut World<LiveBackend>, now: Timestamp, conn: &Rc<DoorConn>) -> bool {
        conn.progress();
        let node = conn.door.node;
        let client = match conn.client.get() {
            Some(client) => client,
            None => {
                let Some(client) = world.visitor_came(now, node, "") else { return false };
                conn.client.set(Some(client));
                self.clients.borrow_mut().insert(client, Rc::clone(conn));
                client
            }
        };
        let Some(view) = world.view(node) else { return false };
        let did = {
            let doors = self.ports.borrow();
            let connections = self.conns.borrow().len();
            let (protocol, client_port) = (world.protocol(), conn.peer_port);
            let belief = Belief { me: node, view, protocol, doors: &doors, connections, client, client_port };
            conn.talk.borrow_mut().obey(&belief)
        };
        match did {
            Did::Ask(request) => match world.visitor_asks(now, client, request) {
                Some(op) => conn.talk.borrow_mut().asked(op),
                None => conn.talk.borrow_mut().not_asked(),
            },
            Did::Answered => {}
            Did::Named => world.visitor_named(now, client, conn.talk.borrow().name()),
        }
        true
    }

    fn touch(&self, conn: &Rc<DoorConn>) {
        if !conn.touched.replace(true) {
            self.touched.borrow_mut().push(Rc::clone(conn));
        }
    }

    /// Writes what a connection has to say, and ends it if that was the last.
    fn flush(self: &Rc<Self>, world: &mut World<LiveBackend>, now: Timestamp, conn: &Rc<DoorConn>) {
        let over = conn.gone.get() || conn.closed.get() || self.write(conn).is_err();
        let said = conn.talk.borrow().is_closing() && conn.talk.borrow().out().is_empty();
        if over || said {
            if let Some(client) = conn.client.get() {
                world.visitor_left(now, client);
            }
            return self.forget(conn);
        }
        if conn.talk.borrow().can_go_on() {
            self.look_at(conn);
        }
        self.count_bytes(conn);
    }

    /// Writes until nothing is left to say, or the socket is full.
    fn write(&self, conn: &DoorConn) -> io::Result<()> {
        loop {
            conn.flush()?;
            let ports = self.ports.borrow();
            let mut talk = conn.talk.borrow_mut();
            talk.settle(|node| ports.get(&node).copied());
            if talk.out().is_empty() || conn.stalled.get() {
                return Ok(());
            }
        }
    }

    /// Takes a connection off the books; its tasks end with it.
    fn forget(&self, conn: &Rc<DoorConn>) {
        conn.close();
        self.bytes.set(self.bytes.get() - conn.counted.replace(0));
        self.conns.borrow_mut().remove(&conn.id);
        if let Some(client) = conn.client.get() {
            self.clients.borrow_mut().remove(&client);
        }
    }

    /// Keeps count of what waits in all connections, and ends the one with which it becomes too much.
    pub(super) fn count_bytes(self: &Rc<Self>, conn: &Rc<DoorConn>) {
        if conn.closed.get() {
            return;
        }
        let bytes = conn.talk.borrow().bytes();
        let all = self.bytes.get() - conn.counted.replace(bytes) + bytes;
        self.bytes.set(all);
        if all > BYTES_MAX && !conn.gone.replace(true) {
            self.reject(conn.door.node, format!("a Redis client with which more than {BYTES_MAX} bytes wait"));
            conn.reset();
            self.touch(conn);
            self.look_at(conn);
        }
    }
}
