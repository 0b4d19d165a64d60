//! Five real Raft nodes: wait for a leader, kill it, wait for the next, and tell the story.

use std::time::Duration;

use cluster_core::{
    command::{Author, Command},
    event::{EventKind, Milestone},
    fault::Fault,
    session::{Next, Session, SessionError, SessionOptions},
    spec::ClusterSpec,
    trace::{ClusterState, sentence},
};

fn main() -> Result<(), SessionError> {
    let spec = ClusterSpec::default();
    let session = Session::live(spec.clone(), SessionOptions::default())?;
    let mut state = ClusterState::before(&spec);
    let mut elections = 0;
    while let Next::Batch(batch) = session.recv_batch(Duration::from_secs(10)) {
        for event in batch {
            if let Some(sentence) = sentence(&event, &state, "term") {
                println!("{}  {sentence}", event.at);
            }
            state.apply(&event);
            if let EventKind::Milestone { node, milestone: Milestone::LeaderElected { .. } } = event.kind {
                elections += 1;
                match elections {
                    1 => session.send(Author::User, Command::Inject(vec![Fault::Crash(node)])),
                    _ => return session.finish(),
                };
            }
        }
    }
    session.finish()
}
