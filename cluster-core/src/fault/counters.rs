//! What a link did to frames: each deed, why a frame never arrived, and the live counters of both.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a link decided about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Goes on, after this wait.
    Pass(Duration),
    /// Is gone.
    Drop(DropReason),
}

/// Something that a rule did to a frame that it let pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Act {
    /// It waits so much longer than on a healthy link.
    Delayed(Duration),
    /// It waits so long for its turn in a narrow pipe, and for getting through.
    Throttled(Duration),
    /// It is held back for so long, for others to overtake it.
    HeldBack(Duration),
    /// It arrives before so many frames that were sent earlier.
    Overtook(u32),
    /// A copy of it follows.
    Duplicated,
    /// This bit of its payload, counted from the first, is flipped.
    Corrupted(u32),
}

impl Act {
    /// Returns the deed in words that follow "the link".
    pub fn words(self) -> String {
        let span = |span: Duration| humantime::format_duration(Duration::from_micros(span.as_micros() as u64));
        match self {
            Self::Delayed(by) => format!("delays it by {}", span(by)),
            Self::Throttled(by) => format!("carries it in {}", span(by)),
            Self::HeldBack(by) => format!("holds it back for {}", span(by)),
            Self::Overtook(frames) => format!("lets it overtake {frames}"),
            Self::Duplicated => "sends it twice".to_owned(),
            Self::Corrupted(bit) => format!("flips its bit {bit}"),
        }
    }
}

/// Why a frame never arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DropReason {
    /// The direction is cut.
    Cut,
    /// The direction loses frames.
    Loss,
    /// The receiver is down: nothing listens, or its connection was reset.
    ReceiverDown,
    /// The sender went down before the frame left it.
    SenderDown,
    /// The receiver is frozen and its receive buffer is full.
    BufferFull,
    /// The connection broke with the frame in it.
    Reset,
    /// The direction flaps and was down.
    Flap,
    /// The direction loses frames in bursts.
    Burst,
    /// It was damaged on the way: its checksum does not match, or its receiver cannot read it.
    Corrupt,
    /// The queue before a narrow pipe was full.
    QueueFull,
    /// It was sent on a connection whose other end was gone.
    HalfOpen,
    /// Somebody took it off its way by hand.
    ByHand,
}

impl DropReason {
    /// Returns the reason in one word, for goals and tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Loss => "loss",
            Self::ReceiverDown => "receiver-down",
            Self::SenderDown => "sender-down",
            Self::BufferFull => "buffer-full",
            Self::Reset => "reset",
            Self::Flap => "flap",
            Self::Burst => "burst",
            Self::Corrupt => "corrupt",
            Self::QueueFull => "queue-full",
            Self::HalfOpen => "half-open",
            Self::ByHand => "by-hand",
        }
    }

    /// Returns the reason in words that complete "dropped: …".
    pub fn words(self) -> &'static str {
        match self {
            Self::Cut => "link cut",
            Self::Loss => "lost by the link",
            Self::ReceiverDown => "receiver down",
            Self::SenderDown => "sender went down",
            Self::BufferFull => "receive buffer full",
            Self::Reset => "connection reset",
            Self::Flap => "link down at that moment",
            Self::Burst => "lost in a burst",
            Self::Corrupt => "damaged on the way",
            Self::QueueFull => "queue of the narrow link full",
            Self::HalfOpen => "vanished in a half-open connection",
            Self::ByHand => "taken out by hand",
        }
    }
}

/// What one direction did so far, rule by rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkCounters {
    /// Frames that passed.
    pub passed: u64,
    /// Their bytes.
    pub passed_bytes: u64,
    /// Frames stopped by a cut.
    pub cut: u64,
    /// Frames stopped while the link was down between two flaps.
    pub flapped: u64,
    /// Frames lost, each by itself.
    pub lost: u64,
    /// Frames lost in bursts.
    pub burst: u64,
    /// Frames that a delay rule held up.
    pub delayed: u64,
    /// Frames that got a copy.
    pub duplicated: u64,
    /// Frames held back for others to overtake.
    pub held_back: u64,
    /// How many of those were overtaken.
    pub reordered: u64,
    /// Frames damaged.
    pub corrupted: u64,
    /// How many of those were found out and dropped.
    pub caught: u64,
    /// Frames that a narrow pipe slowed.
    pub throttled: u64,
    /// Frames for which the queue of a narrow pipe had no room.
    pub queue_dropped: u64,
    /// How often the connection was reset.
    pub resets: u64,
    /// How often the connection was half-open.
    pub half_opened: u64,
    /// How often the connection closed slowly.
    pub slow_closed: u64,
    /// Frames that vanished in a half-open or slowly closing connection.
    pub vanished: u64,
}

impl LinkCounters {
    /// Counts what a rule did to a frame.
    pub fn count(&mut self, act: Act) {
        match act {
            Act::Delayed(_) => self.delayed += 1,
            Act::Throttled(_) => self.throttled += 1,
            Act::HeldBack(_) => self.held_back += 1,
            Act::Overtook(frames) => self.reordered += u64::from(frames),
            Act::Duplicated => self.duplicated += 1,
            Act::Corrupted(_) => self.corrupted += 1,
        }
    }

    /// Counts a frame that never arrived, if a rule of the link is the reason.
    pub fn count_drop(&mut self, reason: DropReason) {
        match reason {
            DropReason::Cut => self.cut += 1,
            DropReason::Loss => self.lost += 1,
            DropReason::Flap => self.flapped += 1,
            DropReason::Burst => self.burst += 1,
            DropReason::Corrupt => self.caught += 1,
            DropReason::QueueFull => self.queue_dropped += 1,
            DropReason::HalfOpen => self.vanished += 1,
            DropReason::ReceiverDown
            | DropReason::SenderDown
            | DropReason::BufferFull
            | DropReason::Reset
            | DropReason::ByHand => {}
        }
    }

    /// Returns how many frames the link's rules stopped.
    pub fn stopped(&self) -> u64 {
        self.cut + self.flapped + self.lost + self.burst + self.caught + self.queue_dropped + self.vanished
    }

    /// Returns how many frames the link's rules let through, but not as they came: damaged, or twice.
    pub fn bent(&self) -> u64 {
        self.duplicated + self.corrupted.saturating_sub(self.caught)
    }

    /// Returns how many frames the link's rules slowed.
    pub fn slowed(&self) -> u64 {
        self.delayed + self.throttled + self.held_back
    }
}
