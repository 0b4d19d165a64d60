//! What a lab lets its learner do: the verbs that it offers, how many faults, and the requests that it is about.

use std::collections::BTreeSet;

use super::{
    acts::verb,
    draw::drawn,
    model::{Action, Lab, verb_line},
    play::filled_in,
};
use crate::{
    command::Command,
    fault::{ByHand, Heal, LinkRules},
    request::Request,
    script::Verb,
};

/// What a learner can use in a lab.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Palette {
    verbs: BTreeSet<String>,
    max_faults: Option<u32>,
}

impl Palette {
    /// Returns the palette of a lab.
    pub fn of(lab: &Lab) -> Self {
        Self { verbs: lab.verbs.iter().cloned().collect(), max_faults: lab.max_faults }
    }

    /// Returns whether the lab offers a verb of scripts.
    pub fn offers(&self, verb: &str) -> bool {
        self.verbs.contains(verb)
    }

    /// Returns how many faults may be caused in a phase, if that is limited.
    pub fn max_faults(&self) -> Option<u32> {
        self.max_faults
    }

    /// Returns whether a command breaks something, and so counts.
    pub fn counts(command: &Command) -> bool {
        match command {
            Command::Inject(_) => true,
            Command::SetLinks(links) => links.iter().any(|(_, rules)| !rules.is_healthy()),
            Command::Message(what) => matches!(what, ByHand::Drop(_) | ByHand::Duplicate(_)),
            _ => false, // Nothing else breaks anything.
        }
    }

    /// Returns why a command is no part of the lab, after so many faults in this phase; nothing if it is.
    pub fn refusal(&self, command: &Command, caused: u32) -> Option<String> {
        let missing = match verbs(command) {
            Ok(verbs) => verbs.into_iter().find(|verb| !self.offers(verb)),
            Err(what) => return Some(format!("This lab leaves {what} as they are")),
        };
        if let Some(verb) = missing {
            let offered: Vec<&str> = self.verbs.iter().map(String::as_str).collect();
            return Some(format!("This lab does without “{verb}”; it offers {}", offered.join(", ")));
        }
        let most = self.max_faults.filter(|most| Self::counts(command) && caused >= *most)?;
        Some(format!("This phase allows {most} faults, and they are used up; retry the phase to begin anew"))
    }
}

/// Returns the verbs of scripts by which the same could be asked, or what it is that no verb can ask for.
fn verbs(command: &Command) -> Result<Vec<&'static str>, &'static str> {
    Ok(match command {
        Command::Inject(faults) => faults.iter().map(|fault| verb(fault.kind())).collect(),
        Command::SetLinks(links) => {
            let broken = links.iter().flat_map(|(_, rules)| rules.parts()).map(|part| verb(part.kind()));
            let mends = links.iter().any(|(_, rules)| *rules == LinkRules::default());
            broken.chain(mends.then_some("heal")).collect()
        }
        Command::Heal(Heal::All | Heal::Links | Heal::Link(_) | Heal::Around(_) | Heal::Ailment(..)) => vec!["heal"],
        Command::Restart(_) | Command::RestartAll | Command::RestartWiped(_) => vec!["restart"],
        Command::Unfreeze(_) => vec!["unfreeze"],
        Command::AddNode(_) => vec!["add"],
        Command::Submit { request, .. } | Command::Ask { request, .. } => match request {
            Request::Get { .. } => vec!["get"],
            Request::Put { .. } => vec!["put"],
            Request::Delete { .. } => vec!["delete"],
            Request::Increment { .. } => vec!["increment"],
            Request::Admin(admin) => vec![admin.verb()],
            _ => return Err("such requests"), // The window's forms make no others.
        },
        Command::SetKnob { .. } => vec!["set"],
        Command::SetClient(_) | Command::RemoveClient(_) => return Err("the clients"),
        Command::Message(what) => vec![match what {
            ByHand::Hold(_) | ByHand::SetTrap(_) => "hold",
            ByHand::Release(_) | ByHand::ReleaseAll | ByHand::ReleaseTrap(_) => "release",
            ByHand::Drop(_) => "drop",
            ByHand::Duplicate(_) => "copy",
            ByHand::DeliverNow(_) => "deliver",
            ByHand::RemoveTrap(_) => "untrap",
        }],
        // Time is the learner's own, and what was done by mistake can be taken back.
        Command::Pause | Command::Resume | Command::Step | Command::SetRate(_) | Command::Restore { .. } => Vec::new(),
    })
}

impl Lab {
    /// Returns what its scripts ask of nodes for an attempt, each once, the golden one first: what a learner will want to ask,
    /// too.
    pub fn requests(&self, seed: u64) -> Vec<Request> {
        let params = drawn(self, seed);
        let golden = self.scripts.iter().filter(|script| script.name == "golden");
        let others = self.scripts.iter().filter(|script| script.name != "golden");
        let mut found: Vec<Request> = Vec::new();
        for action in golden.chain(others).flat_map(|script| &script.actions) {
            let Action::Do(line) = action else { continue };
            let line = filled_in(line, &params);
            let words: Vec<&str> = line.split_whitespace().collect();
            let [verb @ ("put" | "get" | "delete" | "increment"), _, rest @ ..] = &words[..] else { continue };
            // Whom it asks may have a name that only the script knows.
            let asked = verb_line(&format!("{verb} @leader {}", rest.join(" ")));
            let request = match asked.map(|timed| timed.verb) {
                Ok(Verb::Get(_, key)) => Request::Get { key },
                Ok(Verb::Put(_, key, value)) => Request::Put { key, value },
                Ok(Verb::Delete(_, key)) => Request::Delete { key },
                Ok(Verb::Increment(_, key, by, _)) => Request::Increment { key, by },
                _ => continue, // It was read without a mistake before.
            };
            if !found.contains(&request) {
                found.push(request);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fault::{Fault, LinkFault},
        ids::NodeId,
        spec::ClientSpec,
    };

    fn palette(verbs: &[&str], max_faults: Option<u32>) -> Palette {
        Palette { verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(), max_faults }
    }

    #[test]
    fn only_what_is_offered_can_be_asked_for_and_the_reason_names_it() {
        let palette = palette(&["crash", "heal"], None);
        let crash = Command::Inject(vec![Fault::Crash(NodeId(1))]);
        assert_eq!(palette.refusal(&crash, 99), None);
        assert_eq!(palette.refusal(&Command::Heal(Heal::All), 0), None);
        assert_eq!(palette.refusal(&Command::Pause, 0), None);
        let both = Command::Inject(vec![Fault::Crash(NodeId(1)), Fault::Freeze(NodeId(2))]);
        let why = palette.refusal(&both, 0).unwrap_or_default();
        assert_eq!(why, "This lab does without “freeze”; it offers crash, heal");
        assert!(palette.refusal(&Command::SetClient(ClientSpec::default()), 0).is_some());
        let put = Request::Put { key: "k".into(), value: "v".into() };
        assert!(palette.refusal(&Command::Submit { node: NodeId(1), request: put }, 0).is_some());
    }

    #[test]
    fn faults_run_out_and_mending_does_not() {
        let palette = palette(&["cut", "heal"], Some(2));
        let cut = Command::Inject(vec![Fault::Link((NodeId(1).into(), NodeId(2).into()), LinkFault::Cut)]);
        assert_eq!(palette.refusal(&cut, 1), None);
        assert!(palette.refusal(&cut, 2).is_some_and(|why| why.contains("2 faults")));
        assert_eq!(palette.refusal(&Command::Heal(Heal::All), 2), None);
    }
}
