//! One connection: two lanes of frames, each with what waits to be written and what is under way.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io,
    rc::Rc,
    task::Waker,
};

use tokio::{net::tcp::OwnedWriteHalf, task::AbortHandle};

use super::frame;
use crate::{
    ids::{Endpoint, MsgId, NodeId},
    world::Frame,
};

/// How much may wait to be written in one direction before frames are dropped: the receiver is frozen or far too slow.
const WAITING_MAX: usize = 64 << 20;
/// A write buffer that grew beyond this is given back when it is empty.
const KEPT_BYTES: usize = 256 << 10;

/// A connection from the side of this process, which holds both of its ends.
#[derive(Debug)]
pub(super) struct Conn {
    /// Its number, unique in the session.
    pub(super) id: u64,
    /// Who dialed.
    pub(super) dialer: Endpoint,
    /// Who accepted.
    pub(super) acceptor: NodeId,
    /// From the dialer to the acceptor.
    pub(super) there: Lane,
    /// From the acceptor to the dialer: answers to a client.
    pub(super) back: Lane,
    /// Whether the hello was heard.
    pub(super) opened: Cell<bool>,
    /// Whether it is over for good.
    pub(super) closed: Cell<bool>,
    /// The side that is gone without the other knowing.
    pub(super) gone: Cell<Option<Side>>,
    tasks: RefCell<Vec<(Side, AbortHandle)>>,
}

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The one that dialed.
    Dialer,
    /// The one that accepted.
    Acceptor,
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub(super) struct Lane {
    waiting: RefCell<Vec<u8>>,
    half: RefCell<Option<Rc<OwnedWriteHalf>>>,
    under_way: RefCell<VecDeque<MsgId>>,
    /// Whether it is on the list of lanes to be flushed.
    pub(super) dirty: Cell<bool>,
    /// Whether a task waits for room in the socket.
    pub(super) blocked: Cell<bool>,
}

/// What came of a flush.
#[derive(Debug)]
pub(super) enum Flushed {
    /// Everything is in the socket, or waits for the connection to stand.
    Done,
    /// The socket is full.
    Blocked(Rc<OwnedWriteHalf>),
    /// The connection is broken.
    Broken,
}

impl Conn {
    pub(super) fn new(id: u64, dialer: Endpoint, acceptor: NodeId) -> Self {
        Self {
            id,
            dialer,
            acceptor,
            there: Lane::default(),
            back: Lane::default(),
            opened: Cell::new(false),
            closed: Cell::new(false),
            gone: Cell::new(None),
            tasks: RefCell::default(),
        }
    }

    /// Returns the lane that the given side writes.
    pub(super) fn lane(&self, writer: Side) -> &Lane {
        match writer {
            Side::Dialer => &self.there,
            Side::Acceptor => &self.back,
        }
    }

    /// Returns who writes and who reads what the given side writes.
    pub(super) fn ends(&self, writer: Side) -> (Endpoint, Endpoint) {
        match writer {
            Side::Dialer => (self.dialer, self.acceptor.into()),
            Side::Acceptor => (self.acceptor.into(), self.dialer),
        }
    }

    /// Returns which end a node is, if it is one.
    pub(super) fn side_of(&self, node: NodeId) -> Option<Side> {
        match self.dialer {
            _ if self.acceptor == node => Some(Side::Acceptor),
            Endpoint::Node(dialer) if dialer == node => Some(Side::Dialer),
            Endpoint::Node(_) | Endpoint::Client(_) => None,
        }
    }

    /// Remembers a task that is to end with its side.
    pub(super) fn add_task(&self, side: Side, task: AbortHandle) {
        let mut tasks = self.tasks.borrow_mut();
        tasks.retain(|(_, task)| !task.is_finished());
        tasks.push((side, task));
    }

    /// Takes one side away so that the other does not notice: nobody reads there any more, and its socket stays open.
    pub(super) fn abandon_side(&self, side: Side) {
        self.gone.set(Some(side));
        for (_, task) in self.tasks.borrow().iter().filter(|(of, _)| *of == side) {
            task.abort();
        }
        // If one of them waited for room in the socket, the next flush does.
        self.lane(side).blocked.set(false);
    }

    /// Ends one side: its tasks, and with them its socket. A reset makes the other side fail at once; otherwise it reads
    /// to the end of what was sent.
    pub(super) fn end_side(&self, side: Side, reset: bool) {
        for (_, task) in self.tasks.borrow().iter().filter(|(of, _)| *of == side) {
            task.abort();
        }
        let Some(half) = self.lane(side).half.take() else { return };
        if reset {
            // A socket that cannot be told to reset is closed in the usual way.
            drop(half.as_ref().as_ref().set_zero_linger());
            if let Ok(half) = Rc::try_unwrap(half) {
                half.forget();
            }
        }
    }
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Dialer => Self::Acceptor,
            Self::Acceptor => Self::Dialer,
        }
    }
}

impl Lane {
    /// Makes the lane begin with bytes that are no frame.
    pub(super) fn begin(&self, bytes: &[u8]) {
        self.waiting.borrow_mut().extend_from_slice(bytes);
    }

    /// Takes a frame to be written with the next flush. Returns whether there was room.
    pub(super) fn push(&self, frame: &Frame) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() + frame.payload.len() > WAITING_MAX {
            return false;
        }
        frame::encode(frame.msg, &frame.payload, frame.damage, &mut waiting);
        self.under_way.borrow_mut().push_back(frame.msg);
        true
    }

    /// The connection stands: writes can begin.
    pub(super) fn connect(&self, half: OwnedWriteHalf) {
        *self.half.borrow_mut() = Some(Rc::new(half));
    }

    /// Writes what waits, as far as the socket takes it.
    pub(super) fn flush(&self) -> Flushed {
        let Some(half) = self.half.borrow().clone() else { return Flushed::Done };
        let mut waiting = self.waiting.borrow_mut();
        let mut written = 0;
        let outcome = loop {
            if written == waiting.len() {
                break Flushed::Done;
            }
            match half.try_write(&waiting[written..]) {
                Ok(0) => break Flushed::Broken,
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Flushed::Blocked(half),
                Err(_) => break Flushed::Broken,
            }
        };
        if written == waiting.len() {
            waiting.clear();
            if waiting.capacity() > KEPT_BYTES {
                *waiting = Vec::new();
            }
        } else {
            waiting.drain(..written);
        }
        outcome
    }

    /// A frame came out at the other end. Returns whether it had been put in: TCP keeps the order, so it is the first.
    pub(super) fn came_out(&self, msg: MsgId) -> bool {
        let mut under_way = self.under_way.borrow_mut();
        let first = under_way.front() == Some(&msg);
        if first {
            under_way.pop_front();
        }
        first
    }

    /// Takes the frames that will never come out.
    pub(super) fn take_lost(&self) -> VecDeque<MsgId> {
        self.waiting.borrow_mut().clear();
        self.under_way.take()
    }

    /// Returns whether nothing is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.under_way.borrow().is_empty()
    }
}

/// Keeps readers from reading: a frozen node, or a cluster that stands still.
#[derive(Debug, Default)]
pub(super) struct Gate {
    shut: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl Gate {
    pub(super) fn set_shut(&self, shut: bool) {
        self.shut.set(shut);
        if !shut {
            self.waiting.take().into_iter().for_each(Waker::wake);
        }
    }

    pub(super) fn is_open(&self) -> bool {
        !self.shut.get()
    }

    /// Returns whether the gate is open; if not, `waker` is woken when it opens.
    pub(super) fn passes(&self, waker: &Waker) -> bool {
        if self.shut.get() {
            let mut waiting = self.waiting.borrow_mut();
            if !waiting.iter().any(|other| other.will_wake(waker)) {
                waiting.push(waker.clone());
            }
        }
        self.is_open()
    }
}
