//! The gossip workload on madsim: an endpoint a node. Each send and each receipt takes it a millisecond of virtual time, which
//! is the period: so a node has as many tasks that send, and that receive, as it has messages in a period.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use madsim::{Config, net::Endpoint, runtime::Runtime, task, time::sleep};

use crate::workload::{BYTES, Failure, LATENCY, NODES};

/// How many messages were heard, by all nodes of all runs.
static HEARD: AtomicU64 = AtomicU64::new(0);
const TAG: u64 = 1;

/// Lets five nodes gossip for `span` of virtual time. Returns how many messages arrived.
pub(crate) fn run(count: u64, span: Duration) -> Result<u64, Failure> {
    let before = HEARD.load(Ordering::Relaxed);
    let mut config = Config::default();
    config.net.packet_loss_rate = 0.0;
    config.net.send_latency = LATENCY.0..LATENCY.1;
    let runtime = Runtime::with_seed_and_config(1, config);
    for node in 1..=NODES {
        let place = runtime.create_node().ip(address(node).ip()).build();
        place.spawn(gossip(node, count));
    }
    runtime.block_on(async move { sleep(span).await });
    Ok(HEARD.load(Ordering::Relaxed) - before)
}

fn address(node: u16) -> SocketAddr {
    (IpAddr::from([10, 0, 0, node as u8]), 9000).into()
}

async fn gossip(me: u16, count: u64) {
    let endpoint = Arc::new(Endpoint::bind(address(me)).await.expect("the address is its own"));
    let peers: Vec<SocketAddr> = (1..=NODES).filter(|node| *node != me).map(address).collect();
    for _ in 0..count {
        for peer in peers.iter().copied() {
            let (mouth, ear) = (Arc::clone(&endpoint), Arc::clone(&endpoint));
            task::spawn(async move { while mouth.send_to(peer, TAG, &[7; BYTES]).await.is_ok() {} });
            task::spawn(async move {
                let mut buffer = [0; BYTES];
                while let Ok((length, _)) = ear.recv_from(TAG, &mut buffer).await {
                    assert_eq!(length, BYTES);
                    HEARD.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    }
    // The endpoint stays open.
    std::future::pending::<()>().await;
}
