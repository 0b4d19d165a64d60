//! The scripts that show each variant of remote procedure calls: a client asks once, and goes on until it is answered.

use super::{
    acts::SHORT,
    proof::Proof,
    scene::{Scene, Stuck},
};
use crate::{
    command::Command,
    fault::Fault,
    ids::{ClientId, NodeId},
    request::Request,
    trace::ClusterState,
};

/// Every variant, once.
pub(super) const PROOFS: &[Proof] = &[
    rpc("remembers-after-reply", &["at-most-once"], busy_disk),
    rpc("forgets-on-restart", &["at-most-once"], restart),
    rpc("remembers-only-the-last", &["at-most-once"], another_between),
    rpc("ack-before-fsync", &["lost-write"], power_loss),
];

/// The client that asks. By hand nothing is asked twice.
pub(super) const CALLER: ClientId = ClientId(1);
const SERVER: NodeId = NodeId(1);

const fn rpc(
    variant: &'static str,
    breaks: &'static [&'static str],
    script: fn(&mut Scene) -> Result<(), Stuck>,
) -> Proof {
    Proof { protocol: "rpc", variant, breaks, nodes: 1, script }
}

/// The request comes again while the server still writes.
fn busy_disk(scene: &mut Scene) -> Result<(), Stuck> {
    scene.stall_disks(&[1])?;
    pay(scene)?;
    scene.breaks_within(SHORT * 4);
    Ok(())
}

/// The request is executed, its answer is lost, and the server dies before it comes again.
fn restart(scene: &mut Scene) -> Result<(), Stuck> {
    pay_unheard(scene)?;
    scene.reboot(1)?;
    come_again(scene)
}

/// The request is executed, its answer is lost, and others ask for something before it comes again.
fn another_between(scene: &mut Scene) -> Result<(), Stuck> {
    pay_unheard(scene)?;
    scene.must_put(1, "k", "between")?;
    come_again(scene)
}

/// A write is acknowledged while the disk cannot sync it; then the power fails.
fn power_loss(scene: &mut Scene) -> Result<(), Stuck> {
    scene.must_put(1, "k", "before")?;
    scene.stall_disks(&[1])?;
    scene.put(1, "k", "value")?;
    scene.power_cycle(&[1])?;
    scene.get(1, "k").map(drop)
}

fn pay(scene: &mut Scene) -> Result<(), Stuck> {
    scene.ask(Command::Ask { client: CALLER, request: Request::Increment { key: "paid".into(), by: 5 } })
}

fn pay_unheard(scene: &mut Scene) -> Result<(), Stuck> {
    scene.inject(vec![Fault::cut((SERVER.into(), CALLER.into()))])?;
    pay(scene)?;
    scene.until("the payment", |state| state.nodes.get(&SERVER).is_some_and(|it| it.view.persisted_index.0 >= 1))
}

fn come_again(scene: &mut Scene) -> Result<(), Stuck> {
    scene.join()?;
    let answered = |state: &ClusterState| state.clients.get(&CALLER).is_some_and(|it| it.ok > 0);
    scene.until("the answer", answered)
}
