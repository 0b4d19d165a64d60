//! What the lab that is open lets its learner ask of the cluster at this moment.

use cluster_core::{command::Command, lab::Palette, request::Request};

/// What may be asked of the cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Allowed {
    /// What the lab offers.
    pub palette: Palette,
    /// How many faults the learner caused in this phase.
    pub caused: u32,
    /// Whether the phase only shows how it is done.
    pub demo: bool,
    /// What the lab's scripts ask of nodes, with the values of this attempt.
    pub requests: Vec<Request>,
}

impl Allowed {
    /// Returns why a command is no part of the lab, if it is none.
    pub fn refusal(&self, command: &Command) -> Option<String> {
        match command {
            Command::Pause | Command::Resume | Command::Step | Command::SetRate(_) => None,
            _ if self.demo => Some("This is a demonstration; choose “My turn” to do it yourself".to_owned()),
            command => self.palette.refusal(command, self.caused), // whatever it is, the palette knows
        }
    }
}
