//! Knobs of the protocol, turned while the cluster runs.

use super::{Backend, World, nodes::Cause};
use crate::{
    event::EventKind,
    host::Input,
    ids::{NodeId, Seq},
    name::Name,
    protocol::NodeConfig,
    registry,
    time::Timestamp,
};

impl<B: Backend> World<B> {
    /// Returns what a node is told when it boots, or when a knob was turned.
    pub(super) fn node_config(&self, node: NodeId, member: bool) -> NodeConfig {
        NodeConfig {
            me: node,
            members: if member { self.spec.nodes.clone() } else { Vec::new() },
            profile: self.spec.profile,
            seed: self.spec.seed,
            knobs: self.spec.knobs.clone(),
        }
    }

    /// Gives a knob another value. Each running node hears of it at once, but takes it in only when it takes anything in:
    /// a frozen one when it goes on. Who is down reads it when it starts.
    pub(super) fn set_knob(&mut self, now: Timestamp, seq: Seq, knob: &str, value: String) -> Result<(), String> {
        let mut spec = self.spec.clone();
        spec.knobs.insert(knob.to_owned(), value.clone());
        registry::check(&spec).map_err(|error| error.to_string())?;
        let live = registry::live_knobs(self.row.id);
        if !live.contains(&knob) {
            let known = if live.is_empty() { "none".to_owned() } else { live.join(", ") };
            return Err(format!(
                "`{knob}` counts from the start of a cluster to its end; start another one with it, or turn one of these: {known}"
            ));
        }
        let old = registry::knob_value(&self.spec, knob).unwrap_or_default().to_owned();
        if old == value {
            return Err(format!("{knob} is {value} already"));
        }
        self.spec = spec;
        let name = |word: &str| Name::intern(word).ok_or_else(|| format!("`{word:.64}` is too long for a value"));
        let (knob, value, old) = (name(knob)?, name(&value)?, name(&old)?);
        let changed = self.record(now, Some(seq), EventKind::KnobChanged { knob, value, old });
        let running: Vec<(NodeId, u32, bool)> = self
            .nodes
            .iter()
            .filter(|(_, slot)| slot.process.is_some())
            .map(|(node, slot)| (node, slot.incarnation, slot.member))
            .collect();
        for (node, incarnation, member) in running {
            let config = Box::new(self.node_config(node, member));
            self.input(now, node, incarnation, Cause::Event(Some(changed)), Input::Config { knob, config });
        }
        Ok(())
    }
}
