//! What can be set about SWIM.

use std::{
    num::{NonZeroU8, NonZeroUsize},
    time::Duration,
};

use foca::{Config, PeriodicParams};

use super::{
    packet::{HEADER_BYTES, MEMBER_BYTES},
    variant::{self, FLAWS, Flaw},
};
use crate::protocol::{Knob, KnobValues, NodeConfig};

/// The knobs.
pub(super) const KNOBS: &[Knob] = &[
    Knob {
        name: "probe_period",
        about: "How often each member pings another; 0s takes ten heartbeats of the timing profile.",
        default: "0s",
        values: KnobValues::Duration,
    },
    Knob {
        name: "probe_timeout",
        about: "How long it waits for the answer before it asks others to ping too; 0s takes four tenths of the period.",
        default: "0s",
        values: KnobValues::Duration,
    },
    Knob {
        name: "indirect",
        about: "How many others it asks: k in the paper.",
        default: "3",
        values: KnobValues::Number(1, 20),
    },
    Knob {
        name: "suspicion_mult",
        about: "How many periods a suspicion lasts before it is a death, times log10 of the members if they are more than ten.",
        default: "2",
        values: KnobValues::Number(1, 100),
    },
    Knob {
        name: "lifeguard",
        about: "Whether members doubt themselves before they doubt others, and give a suspicion time until others share it.",
        default: "off",
        values: KnobValues::Flag,
    },
    Knob {
        name: "piggyback",
        about: "How many rumors ride along with a message, at most.",
        default: "12",
        values: KnobValues::Number(1, 1000),
    },
    Knob {
        name: "gossip",
        about: "Whether rumors also travel between probes, in messages of their own; off, only with pings and acks as in the paper.",
        default: "on",
        values: KnobValues::Flag,
    },
    Knob {
        name: "work",
        about: "How long one step keeps the processor busy on a healthy machine, as the service there takes its share too: what `slow` multiplies.",
        default: "10ms",
        values: KnobValues::Duration,
    },
    variant::KNOB,
];

/// How many times longer a suspicion lasts that nobody shares, with Lifeguard.
const UNSHARED: u32 = 6;
/// A probe needs some time between its stages.
const PERIOD_MIN: Duration = Duration::from_millis(10);

/// The knobs and the profile, read.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) period: Duration,
    pub(super) timeout: Duration,
    pub(super) indirect: usize,
    /// The shortest and the longest suspicion.
    pub(super) suspicion: (Duration, Duration),
    pub(super) lifeguard: bool,
    piggyback: usize,
    gossip: bool,
    pub(super) work: Duration,
    members: usize,
    pub(super) flaw: Option<Flaw>,
}

impl Settings {
    /// Reads them.
    pub(super) fn of(config: &NodeConfig) -> Self {
        let or = |knob: &str, derived: Duration| match config.duration(KNOBS, knob) {
            Duration::ZERO => derived,
            set => set,
        };
        let period = or("probe_period", config.profile.heartbeat() * 10).max(PERIOD_MIN);
        let members = config.members.len().max(1);
        let lifeguard = config.flag(KNOBS, "lifeguard");
        let shortest =
            period.mul_f64(config.number(KNOBS, "suspicion_mult") as f64 * (members as f64).log10().max(1.0));
        Self {
            period,
            // Who was asked must be able to answer within the period.
            timeout: or("probe_timeout", period * 2 / 5).min(period * 4 / 5),
            indirect: config.number(KNOBS, "indirect") as usize,
            suspicion: (shortest, if lifeguard { shortest * UNSHARED } else { shortest }),
            lifeguard,
            piggyback: config.number(KNOBS, "piggyback") as usize,
            gossip: config.flag(KNOBS, "gossip"),
            work: config.duration(KNOBS, "work"),
            members,
            flaw: FLAWS.of(config),
        }
    }

    /// Returns them as the engine takes them; `feeding` has room for every member.
    pub(super) fn engine(&self, feeding: bool) -> Config {
        let one = NonZeroUsize::MIN;
        let members = if feeding { self.members.max(self.piggyback) } else { self.piggyback };
        let every = |frequency, num_members| Some(PeriodicParams { frequency, num_members });
        Config {
            probe_period: self.period,
            probe_rtt: self.timeout,
            num_indirect_probes: NonZeroUsize::new(self.indirect).unwrap_or(one),
            // A rumor is passed on so often that one member in a thousand misses it; probes tell it then.
            max_transmissions: NonZeroU8::new((6.0 * (self.members as f64).log10().max(1.0)) as u8)
                .unwrap_or(NonZeroU8::MIN),
            suspect_to_down_after: self.suspicion.0,
            remove_down_after: None,
            max_packet_size: NonZeroUsize::new(HEADER_BYTES + 2 + members * MEMBER_BYTES).unwrap_or(one),
            notify_down_members: true,
            periodic_announce: every(self.period * 30, one),
            periodic_announce_to_down_members: every(self.period * 4, one),
            periodic_gossip: if self.gossip { every(self.period / 2, one.saturating_add(2)) } else { None },
        }
    }

    /// Returns how long a member that died while all is calm can be held for alive.
    ///
    /// A round goes through all members in a random order, so the next turn of one comes after two rounds at most; then
    /// it is pinged, suspected, and declared dead. With Lifeguard, a member that doubts itself takes its time first.
    pub(super) fn patience(&self, members: usize) -> Duration {
        let rounds = self.period * (2 * members as u32 + 4);
        let doubts =
            if self.lifeguard { self.period * u32::from(super::health::DOUBT_MAX) * 5 } else { Duration::ZERO };
        rounds + doubts + self.suspicion.1
    }
}
