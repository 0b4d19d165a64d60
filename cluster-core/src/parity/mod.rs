//! Holds the two backends together: the same script on simulated nodes and on real ones reaches the same findings.
//!
//! A [`Scene`] is a cluster on either backend that a script goes through by what it sees, not by the clock. A [`Case`] brings
//! faults about and tells what each did; [`proofs`] are the scripts that show each broken variant.

mod acts;
mod cases;
mod faults;
mod marks;
mod place;
mod proof;
mod proofs_of_backup;
mod proofs_of_omni_paxos;
mod proofs_of_raft;
mod proofs_of_rpc;
mod proofs_of_swim;
mod scene;

pub use cases::{apart, nothing_to_do, together};
pub use faults::{Case, Outcome, Told};
pub use place::Place;
pub use proof::{Proof, proofs};
pub use scene::{PATIENCE, Scene, Stuck};
