//! Which faults are tried together, on which protocols; and commands that have nothing to do.

use super::{
    faults::Case,
    place::Place,
    scene::{Scene, Stuck},
};
use crate::{
    command::Command,
    fault::{Ailment, ByHand, FAULTS, Fault, FaultKind, Heal},
    ids::{MsgId, NodeId, TrapId},
    registry::PROTOCOLS,
};

/// What takes away what was fsynced: nothing comes after it.
const LAST: [FaultKind; 3] = [FaultKind::Wipe, FaultKind::BitRot, FaultKind::LyingSync];

/// Returns every protocol with every fault, where each can be struck first: those of nodes on one cluster, those of links on
/// another, and what no heal mends each on its own.
pub fn together(seed: u64) -> Vec<Case> {
    let kinds = |strikes_node: bool| {
        let mended = |kind: &FaultKind| !LAST.contains(kind);
        let of = FAULTS.iter().filter(|row| row.strikes_node == strikes_node);
        of.map(|row| row.kind).filter(mended).collect::<Vec<_>>()
    };
    let groups = || [kinds(true), kinds(false)].into_iter().chain(LAST.map(|kind| vec![kind]));
    let of = |protocol, place| groups().map(move |kinds| Case { protocol, kinds, place, seed });
    let first = PROTOCOLS.iter().filter_map(|row| Some((row.id, *Place::all_in(row).first()?)));
    first.flat_map(|(protocol, place)| of(protocol, place)).collect()
}

/// Returns every protocol with every fault, each on a cluster of its own, wherever it can be struck.
pub fn apart(seed: u64) -> Vec<Case> {
    let of = |protocol, place| FAULTS.iter().map(move |row| Case { protocol, kinds: vec![row.kind], place, seed });
    let places = PROTOCOLS.iter().flat_map(|row| Place::all_in(row).iter().map(|place| (row.id, *place)));
    places.flat_map(|(protocol, place)| of(protocol, place)).collect()
}

/// Asks for things that have nothing to do: each must be refused.
pub fn nothing_to_do(scene: &mut Scene) -> Result<(), Stuck> {
    let one = NodeId(1);
    let link = (one.into(), NodeId(2).into());
    let idle = [
        Command::Restart(one),
        Command::RestartAll,
        Command::RestartWiped(one),
        Command::Unfreeze(one),
        Command::Heal(Heal::All),
        Command::Heal(Heal::Links),
        Command::Heal(Heal::Link(link)),
        Command::Heal(Heal::Around(one.into())),
        Command::Heal(Heal::Ailment(one, Ailment::Disk)),
        Command::Inject(vec![Fault::Crash(NodeId(9))]),
        Command::Message(ByHand::Release(MsgId(u64::MAX))),
        Command::Message(ByHand::ReleaseAll),
        Command::Message(ByHand::RemoveTrap(TrapId(7))),
        Command::SetRate(0.0),
    ];
    scene.until("all nodes", |state| state.nodes.values().all(|node| node.status.is_running()))?;
    idle.into_iter().try_for_each(|command| scene.ask(command))?;
    scene.ask(Command::Inject(vec![Fault::Crash(one)]))?;
    scene.until("the crash", |state| state.nodes.get(&one).is_some_and(|node| !node.status.is_running()))?;
    for fault in [Fault::Crash(one), Fault::Freeze(one), Fault::Stop(one), Fault::PowerLoss(one)] {
        scene.ask(Command::Inject(vec![fault]))?;
    }
    scene.ask(Command::Inject(vec![Fault::cut(link)]))?;
    scene.ask(Command::Inject(vec![Fault::cut(link)]))?;
    // What was refused is told behind what was asked.
    scene.pass(super::acts::SHORT);
    Ok(())
}
