//! The gossip workload on turmoil: a UDP socket a node.

use std::{
    net::IpAddr,
    rc::Rc,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use turmoil::net::UdpSocket;

use crate::workload::{BYTES, Failure, LATENCY, NODES, PERIOD};

/// How many messages were heard, by all nodes of all runs.
static HEARD: AtomicU64 = AtomicU64::new(0);
const PORT: u16 = 9000;

/// Lets five nodes gossip for `span` of virtual time. Returns how many messages arrived.
pub(crate) fn run(count: u64, span: Duration) -> Result<u64, Failure> {
    let before = HEARD.load(Ordering::Relaxed);
    let mut sim = turmoil::Builder::new()
        .simulation_duration(span * 2)
        .tick_duration(PERIOD)
        .min_message_latency(LATENCY.0)
        .max_message_latency(LATENCY.1)
        .udp_capacity(1 << 20)
        .rng_seed(1)
        .build();
    for node in 1..=NODES {
        sim.host(name(node), move || gossip(node, count));
    }
    sim.client("observer", async move {
        tokio::time::sleep(span).await;
        Ok(())
    });
    sim.run().map_err(|failure| failure.to_string())?;
    Ok(HEARD.load(Ordering::Relaxed) - before)
}

fn name(node: u16) -> String {
    format!("n{node}")
}

async fn gossip(me: u16, count: u64) -> turmoil::Result {
    let socket = Rc::new(UdpSocket::bind((IpAddr::from([0, 0, 0, 0]), PORT)).await?);
    let peers: Vec<(IpAddr, u16)> =
        (1..=NODES).filter(|node| *node != me).map(|node| (turmoil::lookup(name(node)), PORT)).collect();
    let ear = Rc::clone(&socket);
    tokio::task::spawn_local(async move {
        let mut buffer = [0; BYTES];
        while let Ok((length, _)) = ear.recv_from(&mut buffer).await {
            assert_eq!(length, BYTES);
            HEARD.fetch_add(1, Ordering::Relaxed);
        }
    });
    let mut beat = tokio::time::interval(PERIOD);
    loop {
        beat.tick().await;
        for _ in 0..count {
            for peer in &peers {
                socket.send_to(&[7; BYTES], *peer).await?;
            }
        }
    }
}
