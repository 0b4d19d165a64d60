//! Proves on scratch connections that each fault of a TCP stream does what it says, before a cluster runs.

use std::{collections::BTreeMap, future::poll_fn, io, rc::Rc, task::Poll, time::Duration};

use bytes::Bytes;
use tokio::{
    runtime::{Builder, LocalOptions},
    time::timeout,
};

use super::wire::{News, Wire};
use crate::{
    fault::{self, DropReason, FaultKind, Proof},
    ids::{MsgId, NodeId},
    world::{Down, Frame, Handed},
};

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
/// How long anything may take that takes a few hundred microseconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// Tries every kind of link fault, on a thread that waits for it.
pub(crate) fn self_test() -> io::Result<Vec<Proof>> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    Ok(runtime.block_on(try_faults()))
}

/// Tries every kind of link fault: those of frames in virtual time, those of streams on real connections.
pub(super) async fn try_faults() -> Vec<Proof> {
    let mut proofs = fault::self_test();
    let mut scratch = match Scratch::open() {
        Ok(scratch) => scratch,
        Err(error) => {
            let stream = [FaultKind::Corrupt, FaultKind::Reset, FaultKind::HalfOpen, FaultKind::SlowClose];
            let outcome = Err(format!("no connection to try it on: {error}"));
            proofs.extend(stream.map(|kind| Proof { kind, outcome: outcome.clone() }));
            return proofs;
        }
    };
    proofs.push(Proof { kind: FaultKind::Corrupt, outcome: scratch.corrupt().await });
    proofs.push(Proof { kind: FaultKind::Reset, outcome: scratch.reset().await });
    proofs.push(Proof { kind: FaultKind::HalfOpen, outcome: scratch.half_open().await });
    proofs.push(Proof { kind: FaultKind::SlowClose, outcome: scratch.slow_close().await });
    scratch.close();
    proofs
}

/// Two stations that nobody runs on, and what happened between them.
struct Scratch {
    wire: Rc<Wire>,
    next: u64,
    arrived: Vec<MsgId>,
    lost: BTreeMap<MsgId, DropReason>,
    opened: u32,
    closed: u32,
}

type Outcome = Result<String, String>;

impl Scratch {
    fn open() -> io::Result<Self> {
        let wire = Wire::new(BTreeMap::new());
        wire.open(N1)?;
        wire.open(N2)?;
        Ok(Self { wire, next: 1, arrived: Vec::new(), lost: BTreeMap::new(), opened: 0, closed: 0 })
    }

    fn close(&self) {
        [N1, N2].into_iter().for_each(|node| self.wire.close_node(node, Down::Crash));
    }

    async fn corrupt(&mut self) -> Outcome {
        let before = self.send(N1, N2, None);
        self.arrives(before).await?;
        let damaged = self.send(N1, N2, Some(3));
        let after = self.send(N1, N2, None);
        self.arrives(after).await?;
        self.is_lost(damaged, DropReason::Corrupt).await?;
        self.same(self.opened, 1, "connections")?;
        Ok("the checksum caught a flipped bit, and the frame behind it arrived".to_owned())
    }

    async fn reset(&mut self) -> Outcome {
        let under_way = self.send(N1, N2, None);
        let opened = self.opened;
        holds(self.wire.reset(N1.into(), N2.into()), "there was no connection to reset")?;
        self.is_lost(under_way, DropReason::Reset).await?;
        self.reconnects(opened).await?;
        Ok("a frame under way was lost, and the next one opened another connection".to_owned())
    }

    async fn half_open(&mut self) -> Outcome {
        holds(self.wire.half_open(N1.into(), N2.into()), "there was no connection to break")?;
        let (opened, closed) = (self.opened, self.closed);
        let vanished = self.send(N1, N2, None);
        // A frame the other way takes as long as this one would.
        let back = self.send(N2, N1, None);
        self.arrives(back).await?;
        holds(!self.arrived.contains(&vanished), "what should vanish arrived")?;
        self.same(self.closed, closed, "ends that noticed")?;
        holds(self.wire.reset(N1.into(), N2.into()), "the sender's end did not stand")?;
        self.is_lost(vanished, DropReason::Reset).await?;
        self.reconnects(opened + 1).await?;
        Ok("a frame vanished without the sender noticing, until the end of the connection".to_owned())
    }

    async fn slow_close(&mut self) -> Outcome {
        holds(self.wire.half_open(N1.into(), N2.into()), "there was no connection to close")?;
        let (opened, closed) = (self.opened, self.closed);
        self.wire.close_node(N2, Down::Crash);
        let vanished = self.send(N1, N2, None);
        self.hear();
        holds(!self.lost.contains_key(&vanished), "the sender noticed at once")?;
        self.wire.open(N2).map_err(|error| error.to_string())?;
        let back = self.send(N2, N1, None);
        self.arrives(back).await?;
        // Only the connection of the process that ended was closed.
        holds(self.closed <= closed + 1, "the sender noticed too early")?;
        holds(self.wire.reset(N1.into(), N2.into()), "the sender's end did not stand")?;
        self.is_lost(vanished, DropReason::Reset).await?;
        self.reconnects(opened + 1).await?;
        Ok("the end of a process was noticed only when it was time".to_owned())
    }

    /// The next frame opens another connection, the `opened`-th and one more at least.
    async fn reconnects(&mut self, opened: u32) -> Result<(), String> {
        let next = self.send(N1, N2, None);
        self.arrives(next).await?;
        holds(self.opened > opened, "the next frame opened no other connection")
    }

    fn send(&mut self, from: NodeId, to: NodeId, damage: Option<u32>) -> MsgId {
        let msg = MsgId(self.next);
        self.next += 1;
        let payload = Bytes::from_static(b"a frame to try faults on");
        let handed = self.wire.transmit(&Frame { msg, from: from.into(), to: to.into(), payload, damage });
        self.wire.flush();
        if !matches!(handed, Handed::UnderWay) {
            self.lost.insert(msg, DropReason::ReceiverDown);
        }
        msg
    }

    async fn arrives(&mut self, msg: MsgId) -> Result<(), String> {
        self.wait("a frame did not arrive", |scratch| scratch.arrived.contains(&msg)).await
    }

    async fn is_lost(&mut self, msg: MsgId, reason: DropReason) -> Result<(), String> {
        self.wait("a frame was not told to be lost", |scratch| scratch.lost.get(&msg) == Some(&reason)).await
    }

    async fn wait(&mut self, or: &str, done: impl Fn(&Self) -> bool) -> Result<(), String> {
        let wire = Rc::clone(&self.wire);
        let waiting = async {
            loop {
                self.hear();
                if done(self) {
                    return;
                }
                poll_fn(|cx| if wire.poll(cx, true) { Poll::Ready(()) } else { Poll::Pending }).await;
            }
        };
        timeout(PATIENCE, waiting).await.map_err(|_| or.to_owned())
    }

    /// Takes over what happened.
    fn hear(&mut self) {
        self.arrived.extend(self.wire.take_mail(std::collections::VecDeque::new()).iter().map(|frame| frame.msg));
        for news in self.wire.take_news() {
            match news {
                News::Opened(..) => self.opened += 1,
                News::PeerLost(..) => self.closed += 1,
                News::Lost(msg, reason) => drop(self.lost.insert(msg, reason)),
                News::Rejected(..) => {}
            }
        }
    }

    fn same(&self, found: u32, wanted: u32, what: &str) -> Result<(), String> {
        if found == wanted { Ok(()) } else { Err(format!("{found} {what}, not {wanted}")) }
    }
}

fn holds(is: bool, or: &str) -> Result<(), String> {
    if is { Ok(()) } else { Err(or.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_link_fault_is_proven_live() {
        let proofs = self_test().expect("a runtime");
        for proof in &proofs {
            assert!(proof.outcome.is_ok(), "{proof:?}");
        }
        let kinds = fault::FAULTS.iter().map(|row| row.kind);
        let untried: Vec<_> = kinds
            .filter(|kind| fault::layer_of(*kind).is_some() && !proofs.iter().any(|proof| proof.kind == *kind))
            .collect();
        // A partition is many cuts.
        assert_eq!(untried, [FaultKind::Partition]);
    }
}
