//! What can be done to one direction of a link, and on which layer it acts.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Bandwidth, Burst, Checksum, Corrupt, Delay, Duplicate, FaultKind, Flap, LinkRules, Loss, Reorder, RuleError,
    link::check_span,
};

/// What is done to one direction of a link: a rule that stays until it is healed, or a blow to its connection.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum LinkFault {
    /// Nothing passes.
    Cut,
    /// Nothing passes, now and then.
    Flap(Flap),
    /// Frames wait.
    Delay(Delay),
    /// Frames disappear.
    Loss(Loss),
    /// Frames disappear in bursts.
    Burst(Burst),
    /// Frames are sent twice.
    Duplicate(Duplicate),
    /// Frames are overtaken by later ones.
    Reorder(Reorder),
    /// Frames are damaged.
    Corrupt(Corrupt),
    /// Frames queue before a narrow pipe.
    Bandwidth(Bandwidth),
    /// The connection is reset, once: what is under way on it is lost, and the next frame opens another one.
    Reset,
    /// The receiver's end of the connection is gone, and the sender does not know: what it sends vanishes until so much
    /// time has passed (or a reset, or a heal), when it finds out.
    HalfOpen(Duration),
    /// When the sender's process ends, the receiver believes for so much longer that the connection stands.
    SlowClose(Duration),
}

/// What a fault of a link acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Layer {
    /// Whole frames, before they are put on the TCP stream: the stream itself stays sound and in order.
    Frames,
    /// The TCP stream itself: its connection, and with it every frame on it.
    Stream,
}

impl Layer {
    /// Returns the layer in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Frames => "frames",
            Self::Stream => "TCP stream",
        }
    }
}

impl LinkFault {
    /// Every fault of a link, once, in the order of the menus and as they offer it first.
    pub const OFFERED: [Self; 12] = [
        Self::Cut,
        Self::Flap(Flap { up: Duration::from_secs(2), down: Duration::from_millis(500) }),
        Self::Delay(Delay::constant(Duration::from_millis(200))),
        Self::Loss(Loss { probability: 0.2 }),
        Self::Burst(Burst { turn_bad: 0.02, turn_good: 0.25, loss_bad: 1.0, loss_good: 0.0 }),
        Self::Duplicate(Duplicate { share: 0.1 }),
        Self::Reorder(Reorder { share: 0.1, by: Duration::from_millis(50) }),
        Self::Corrupt(Corrupt { share: 0.05, checksum: Checksum::On }),
        Self::Bandwidth(Bandwidth { bytes_per_sec: 50_000, queue_bytes: 64_000 }),
        Self::Reset,
        Self::HalfOpen(Duration::from_secs(10)),
        Self::SlowClose(Duration::from_secs(3)),
    ];

    /// Returns what kind of fault it is.
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Cut => FaultKind::Cut,
            Self::Flap(_) => FaultKind::Flap,
            Self::Delay(_) => FaultKind::Delay,
            Self::Loss(_) => FaultKind::Loss,
            Self::Burst(_) => FaultKind::Burst,
            Self::Duplicate(_) => FaultKind::Duplicate,
            Self::Reorder(_) => FaultKind::Reorder,
            Self::Corrupt(_) => FaultKind::Corrupt,
            Self::Bandwidth(_) => FaultKind::Bandwidth,
            Self::Reset => FaultKind::Reset,
            Self::HalfOpen(_) => FaultKind::HalfOpen,
            Self::SlowClose(_) => FaultKind::SlowClose,
        }
    }

    /// Returns what it acts on.
    pub fn layer(&self) -> Layer {
        match self {
            Self::Cut
            | Self::Flap(_)
            | Self::Delay(_)
            | Self::Loss(_)
            | Self::Burst(_)
            | Self::Duplicate(_)
            | Self::Reorder(_)
            | Self::Corrupt(_)
            | Self::Bandwidth(_) => Layer::Frames,
            Self::Reset | Self::HalfOpen(_) | Self::SlowClose(_) => Layer::Stream,
        }
    }

    /// Returns whether it is a rule that stays, not a blow.
    pub fn is_rule(&self) -> bool {
        !matches!(self, Self::Reset | Self::HalfOpen(_))
    }

    /// Makes it a rule; does nothing if it is a blow.
    pub fn add_to(self, rules: &mut LinkRules) {
        match self {
            Self::Cut => rules.cut = true,
            Self::Flap(flap) => rules.flap = Some(flap),
            Self::Delay(delay) => rules.delay = Some(delay),
            Self::Loss(loss) => rules.loss = Some(loss),
            Self::Burst(burst) => rules.burst = Some(burst),
            Self::Duplicate(duplicate) => rules.duplicate = Some(duplicate),
            Self::Reorder(reorder) => rules.reorder = Some(reorder),
            Self::Corrupt(corrupt) => rules.corrupt = Some(corrupt),
            Self::Bandwidth(bandwidth) => rules.bandwidth = Some(bandwidth),
            Self::SlowClose(by) => rules.slow_close = Some(by),
            Self::Reset | Self::HalfOpen(_) => {}
        }
    }

    /// Checks that it makes sense by itself.
    pub fn check(self) -> Result<(), RuleError> {
        if let Self::HalfOpen(timeout) = self {
            return check_span(timeout, RuleError::NoTime("a half-open connection"));
        }
        let mut rules = LinkRules::default();
        self.add_to(&mut rules);
        rules.check()
    }
}

impl fmt::Display for LinkFault {
    /// Writes it in words: its verb and its numbers, such as `delay 200ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut => f.write_str("cut"),
            Self::Flap(flap) => write!(f, "flap {flap}"),
            Self::Delay(delay) => write!(f, "delay {delay}"),
            Self::Loss(loss) => write!(f, "loss {loss}"),
            Self::Burst(burst) => write!(f, "burst loss {burst}"),
            Self::Duplicate(duplicate) => write!(f, "duplicate {duplicate}"),
            Self::Reorder(reorder) => write!(f, "reorder {reorder}"),
            Self::Corrupt(corrupt) => write!(f, "corrupt {corrupt}"),
            Self::Bandwidth(bandwidth) => write!(f, "bandwidth {bandwidth}"),
            Self::Reset => f.write_str("reset"),
            Self::HalfOpen(timeout) => write!(f, "half-open {}", humantime::format_duration(*timeout)),
            Self::SlowClose(by) => write!(f, "slow close {}", humantime::format_duration(*by)),
        }
    }
}

/// Returns on which layer a kind of fault acts; `None` if it strikes no link.
pub fn layer_of(kind: FaultKind) -> Option<Layer> {
    LAYERS.iter().find(|(known, _)| *known == kind).map(|(_, layer)| *layer)
}

const LAYERS: &[(FaultKind, Layer)] = &[
    (FaultKind::Cut, Layer::Frames),
    (FaultKind::Flap, Layer::Frames),
    (FaultKind::Delay, Layer::Frames),
    (FaultKind::Loss, Layer::Frames),
    (FaultKind::Burst, Layer::Frames),
    (FaultKind::Duplicate, Layer::Frames),
    (FaultKind::Reorder, Layer::Frames),
    (FaultKind::Corrupt, Layer::Frames),
    (FaultKind::Bandwidth, Layer::Frames),
    (FaultKind::Reset, Layer::Stream),
    (FaultKind::HalfOpen, Layer::Stream),
    (FaultKind::SlowClose, Layer::Stream),
    (FaultKind::Partition, Layer::Frames),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::FAULTS;

    #[test]
    fn menus_offer_every_fault_of_a_link_once_in_order_and_each_can_be() {
        let of_links = FAULTS.iter().map(|row| row.kind).filter(|kind| *kind != FaultKind::Partition);
        let of_links: Vec<_> = of_links.filter(|kind| layer_of(*kind).is_some()).collect();
        assert_eq!(LinkFault::OFFERED.map(|fault| fault.kind()).to_vec(), of_links);
        for fault in LinkFault::OFFERED {
            assert_eq!((fault.check(), layer_of(fault.kind())), (Ok(()), Some(fault.layer())), "{fault}");
        }
    }
}
