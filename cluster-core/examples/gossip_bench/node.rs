//! The gossip workload on this simulator: a protocol with a host and a codec, on links with a delay of their own.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use cluster_core::{
    disk::{Recovered, SyncId},
    event::{Family, MessageInfo, NodeView},
    fault::Delay,
    ids::{NodeId, OpId},
    name::Name,
    protocol::{Ctx, Knob, KnobValues, NodeConfig, Protocol},
    registry::{self, ProtocolRow},
    request::Request,
    sim::{Runner, SimBackend},
    spec::ClusterSpec,
    time::Timestamp,
    trace::Recorder,
    world::World,
};

use crate::workload::{BYTES, LATENCY, NODES, PERIOD};

/// How many messages a node sends to each other node in a period.
const KNOB: &str = "messages";

/// It is in no table of protocols: nobody but this benchmark runs it.
static GOSSIP: ProtocolRow = ProtocolRow {
    id: "gossip",
    title: "Gossip",
    about: "",
    epoch_word: "epoch",
    leader_word: "leader",
    replicates: false,
    serves_clients: false,
    families: &[],
    knobs: &[Knob {
        name: KNOB,
        about: "How many messages a node sends to each other node in a period.",
        default: "1",
        values: KnobValues::Number(1, 1000),
    }],
    variants: &[],
    boot: registry::boot::<Gossip>,
    fields: registry::fields::<Gossip>,
};

/// How many messages were heard, by all nodes of all runs.
static HEARD: AtomicU64 = AtomicU64::new(0);

/// One node: it talks at every beat, and counts what it hears.
struct Gossip {
    peers: Vec<NodeId>,
    count: u64,
}

impl Gossip {
    fn talk(&self, ctx: &mut Ctx<'_, Self>) {
        for _ in 0..self.count {
            for peer in &self.peers {
                ctx.send(*peer, Bytes::from_static(&[7; BYTES]));
            }
        }
        ctx.set_timer((), PERIOD);
    }
}

impl Protocol for Gossip {
    type Message = Bytes;
    type Timer = ();

    fn start(config: &NodeConfig, _: &Recovered, ctx: &mut Ctx<'_, Self>) -> Self {
        ctx.set_timer((), PERIOD);
        let peers = config.members.iter().copied().filter(|node| *node != config.me).collect();
        Self { peers, count: config.number(GOSSIP.knobs, KNOB) }
    }

    fn on_message(&mut self, _: NodeId, message: Bytes, _: &mut Ctx<'_, Self>) {
        assert_eq!(message.len(), BYTES);
        HEARD.fetch_add(1, Ordering::Relaxed);
    }

    fn on_timer(&mut self, (): (), ctx: &mut Ctx<'_, Self>) {
        self.talk(ctx);
    }

    fn on_request(&mut self, _: OpId, _: Request, _: &mut Ctx<'_, Self>) {}
    fn on_synced(&mut self, _: SyncId, _: &mut Ctx<'_, Self>) {}

    fn view(&self, _: &mut NodeView) {}

    /// There is nothing to be seen of it.
    fn stirred(&mut self) -> bool {
        false
    }

    fn describe(_: &Bytes) -> MessageInfo {
        MessageInfo { name: Name::new("Gossip"), family: Family::Control, refuses: false }
    }

    fn fields(_: &Bytes) -> Vec<(Name, String)> {
        Vec::new()
    }

    fn timer_name((): ()) -> Name {
        Name::new("period")
    }
}

/// Lets five nodes gossip for `span` of virtual time. Returns how many messages arrived.
pub(crate) fn run(count: u64, span: Duration, recorder: Recorder) -> Result<u64, Box<dyn std::error::Error>> {
    let (least, most) = LATENCY;
    let spec = ClusterSpec {
        protocol: GOSSIP.id.to_owned(),
        nodes: (1..=NODES).map(NodeId).collect(),
        link_delay: Some(Delay::uniform((least + most) / 2, (most - least) / 2)),
        clients: Vec::new(),
        knobs: [(KNOB.to_owned(), count.to_string())].into(),
        ..ClusterSpec::default()
    };
    let mut sim = Runner::of(World::of(&GOSSIP, &spec, SimBackend::new(&spec), recorder)?);
    let (before, mut events) = (HEARD.load(Ordering::Relaxed), Vec::new());
    while !sim.advance(Timestamp::from(span), 4096) {
        sim.take_events(&mut events);
        events.clear();
    }
    Ok(HEARD.load(Ordering::Relaxed) - before)
}
