//! The flags that say what cluster is to run, alike for every command that runs one.

use std::{collections::BTreeMap, time::Duration};

use clap::Args;
use cluster_core::{
    fault::Delay,
    ids::{ClientId, NodeId},
    origin::BackendKind,
    registry,
    script::{did_you_mean, parse_duration},
    spec::{CLIENTS_MAX, ClientSpec, ClusterSpec, Load, NODES_MAX, SpecError, Target},
    time::{RATE_MAX, RATE_MIN, RATE_UNLIMITED, TimingProfile},
};

use super::Failure;

/// The flags of a cluster.
#[derive(Args, Clone, Debug)]
pub struct ClusterArgs {
    /// The protocol (see `faultline protocols`).
    #[arg(long, value_name = "PROTOCOL", default_value = "raft")]
    pub protocol: String,
    /// How many nodes, or which: `5`, or `n1,n2,n7`.
    #[arg(long, value_name = "N", default_value = "5")]
    pub nodes: String,
    /// What runs it: real nodes on this machine, or the simulator (virtual time, the same trace for the same seed).
    #[arg(long, default_value = "live", value_parser = ["live", "sim"])]
    pub backend: String,
    /// How fast cluster time goes, such as `0.1` or `20`; `max` is as fast as the machine, if simulated [default: 1; `run`
    /// simulates as fast as the machine].
    #[arg(long, value_name = "X", value_parser = speed)]
    pub speed: Option<f64>,
    /// Everything random follows from it.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// How patient the nodes are.
    #[arg(long, default_value = "human", value_parser = ["human", "slow", "slower", "fast", "real"])]
    pub profile: String,
    /// Set a knob of the protocol, such as `--knob mode=sync`; may be repeated.
    #[arg(long = "knob", value_name = "K=V", value_parser = knob)]
    pub knobs: Vec<(String, String)>,
    /// How many clients ask [default: 2; none of a protocol that serves no clients].
    #[arg(long, value_name = "N")]
    pub clients: Option<usize>,
    /// Operations a second of each client [default: 4].
    #[arg(long, value_name = "HZ", conflicts_with = "closed")]
    pub rate: Option<f64>,
    /// Each client asks the next as soon as it has its answer.
    #[arg(long)]
    pub closed: bool,
    /// The share of reads, 0 to 1.
    #[arg(long, value_name = "X", default_value_t = 0.3)]
    pub read_share: f64,
    /// Reads go to all nodes in turn, not to the leader.
    #[arg(long)]
    pub read_anywhere: bool,
    /// How many keys each client uses.
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub keys: u32,
    /// The size of the values that are written.
    #[arg(long, value_name = "BYTES", default_value_t = 8)]
    pub value_bytes: u32,
    /// How long a client waits for an answer before it asks another node.
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration)]
    pub timeout: Duration,
    /// The delay of healthy links, such as `40ms` or `40ms+-8ms` [default: the profile's].
    #[arg(long, value_name = "DELAY", value_parser = link_delay)]
    pub link_delay: Option<Delay>,
    /// Acknowledge without waiting for the disk: faster, and a power loss loses writes.
    #[arg(long)]
    pub no_fsync: bool,
}

impl ClusterArgs {
    /// Returns the cluster that the flags describe, checked with its protocol.
    pub fn spec(&self) -> Result<ClusterSpec, Failure> {
        let spec = self.unchecked().map_err(|error| Failure::Input(self.explain(&error)))?;
        registry::check(&spec).map_err(|error| Failure::Input(self.explain(&error)))?;
        Ok(spec)
    }

    /// Returns what is to run the cluster.
    pub fn backend(&self) -> Result<BackendKind, Failure> {
        BackendKind::from_word(&self.backend).ok_or_else(|| Failure::Usage("--backend takes live or sim".to_owned()))
    }

    /// Returns the speed that was asked for, if the backend can go at it.
    pub fn speed(&self) -> Result<Option<f64>, Failure> {
        match self.speed {
            Some(speed) if speed > RATE_MAX && self.backend()? == BackendKind::Live => Err(Failure::Usage(
                "real nodes run in real time: give a --speed of at most 1, or --backend sim".to_owned(),
            )),
            speed => Ok(speed),
        }
    }

    /// Refuses flags that mean something to real nodes only.
    pub fn check_live_only(&self, given: &[(&str, bool)]) -> Result<(), Failure> {
        match given.iter().find(|(_, given)| *given) {
            Some((flag, _)) if self.backend()? == BackendKind::Sim => Err(Failure::Usage(format!(
                "{flag} needs real nodes: simulated ones have no ports and no folders; leave it out, or --backend sim"
            ))),
            Some(_) | None => Ok(()),
        }
    }

    fn unchecked(&self) -> Result<ClusterSpec, SpecError> {
        // Before the list is made: it would be a long one.
        let serves = registry::protocol(&self.protocol).is_none_or(|row| row.serves_clients);
        let clients = self.clients.unwrap_or(if serves { 2 } else { 0 });
        if clients > CLIENTS_MAX {
            return Err(SpecError::TooManyClients(clients));
        }
        let load = match (self.closed, self.rate) {
            (true, _) => Load::Closed { think: Duration::ZERO },
            (false, rate_hz) => Load::Open { rate_hz: rate_hz.unwrap_or(4.0) },
        };
        let client = ClientSpec {
            load,
            read_share: self.read_share,
            keys: self.keys,
            value_bytes: self.value_bytes,
            timeout: self.timeout,
            target: if self.read_anywhere { Target::ReadAnywhere } else { Target::Leader },
            ..ClientSpec::default()
        };
        let clients = (1..=clients as u16).map(|n| ClientSpec { id: ClientId(n), ..client.clone() });
        Ok(ClusterSpec {
            protocol: self.protocol.clone(),
            nodes: nodes(&self.nodes)?,
            seed: self.seed,
            profile: TimingProfile::from_word(&self.profile).unwrap_or_default(),
            link_delay: self.link_delay,
            fsync: !self.no_fsync,
            knobs: self.knobs.iter().cloned().collect::<BTreeMap<_, _>>(),
            clients: clients.collect(),
        })
    }

    /// Says what is wrong and, where a known word is near, which was probably meant.
    fn explain(&self, error: &SpecError) -> String {
        let meant = match error {
            SpecError::UnknownProtocol { name, .. } => did_you_mean(name, registry::PROTOCOLS.iter().map(|row| row.id)),
            SpecError::UnknownKnob { protocol, knob, .. } => {
                registry::protocol(protocol).and_then(|row| did_you_mean(knob, row.knobs.iter().map(|knob| knob.name)))
            }
            _ => None,
        };
        let place = match error {
            SpecError::NoNodes | SpecError::TooManyNodes(_) | SpecError::Twice(_) | SpecError::NodeZero => {
                format!("--nodes {}: ", self.nodes)
            }
            SpecError::TooManyClients(clients) => format!("--clients {clients}: "),
            _ => String::new(),
        };
        meant.map_or_else(|| format!("{place}{error}"), |meant| format!("{place}{error}; did you mean `{meant}`?"))
    }
}

/// Reads `5` or `n1,n2,n7`.
fn nodes(text: &str) -> Result<Vec<NodeId>, SpecError> {
    if let Ok(count) = text.parse::<usize>() {
        if count > NODES_MAX {
            return Err(SpecError::TooManyNodes(count));
        }
        return Ok((1..=count as u16).map(NodeId).collect());
    }
    let ids = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    ids.map(|word| node(word).map_err(|_| SpecError::NodeWord(word.to_owned()))).collect()
}

/// Reads `n3`.
pub(super) fn node(text: &str) -> Result<NodeId, String> {
    let number = text.strip_prefix('n').and_then(|number| number.parse().ok());
    number.map(NodeId).ok_or_else(|| format!("`{text}` names no node; write for example n3"))
}

/// Reads `0.1`, `20` or `max`.
fn speed(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('x').parse::<f64>() {
        _ if text == "max" => Ok(RATE_UNLIMITED),
        Ok(speed) if (RATE_MIN..=RATE_UNLIMITED).contains(&speed) => Ok(speed),
        Ok(_) | Err(_) => Err(format!("give {RATE_MIN} or more, such as 0.1 or 20, or max")),
    }
}

/// Reads a duration.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "write a duration such as 20s, 1.5s or 250ms".to_owned())
}

fn link_delay(text: &str) -> Result<Delay, String> {
    let (mean, jitter) = match text.split_once("+-").or_else(|| text.split_once('±')) {
        Some((mean, jitter)) => (mean, duration(jitter)?),
        None => (text, Duration::ZERO),
    };
    Ok(Delay::uniform(duration(mean)?, jitter))
}

/// Reads `name=value`.
pub(super) fn knob(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("write a name and a value, such as pre-vote=off".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_a_number_or_a_list() {
        assert_eq!(nodes("3"), Ok(vec![NodeId(1), NodeId(2), NodeId(3)]));
        assert_eq!(nodes("n1, n7"), Ok(vec![NodeId(1), NodeId(7)]));
        assert_eq!(nodes("100000"), Err(SpecError::TooManyNodes(100_000)));
        assert_eq!(nodes("n1,x"), Err(SpecError::NodeWord("x".to_owned())));
    }

    #[test]
    fn a_delay_may_have_a_jitter() {
        let (mean, jitter) = (Duration::from_millis(40), Duration::from_millis(8));
        assert_eq!(link_delay("40ms+-8ms"), Ok(Delay::uniform(mean, jitter)));
        assert_eq!(link_delay("40ms"), Ok(Delay::constant(mean)));
        assert!(link_delay("soon").is_err());
    }
}
