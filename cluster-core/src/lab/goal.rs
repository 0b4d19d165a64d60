//! How far a goal is: one monitor for each, fed with moments and changes.

use std::collections::VecDeque;

use cel::common::value::Val;
use serde::{Deserialize, Serialize};

use super::{
    expr::{Expr, Row},
    model::{Goal, Moment, Pattern, scaled},
    sight::{ALL, Changed, Happened, Sight},
    so_far::SoFar,
};
use crate::time::{Timestamp, TimingProfile};

/// How many ways in which a goal may have begun are kept: the latest.
const CANDIDATES_MAX: usize = 256;

/// What became of a goal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It may still be met.
    #[default]
    Pending,
    /// It is met.
    Met,
    /// It cannot be met any more in this phase.
    Violated,
    /// Nobody can tell: there was not enough to judge by, or what it says made no sense.
    Unknown,
}

impl Verdict {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Met => "met",
            Self::Violated => "violated",
            Self::Unknown => "unknown",
        }
    }
}

/// An expression, with what it said last.
#[derive(Debug)]
struct Watched<'a> {
    expr: &'a Expr,
    speaks_of: Changed,
    held: Option<bool>,
}

impl<'a> Watched<'a> {
    fn new(expr: &'a Expr) -> Self {
        Self { expr, speaks_of: Sight::speaks_of(expr), held: Some(false) }
    }

    fn look(&mut self, sight: &Sight, changed: Changed) -> bool {
        if changed & self.speaks_of != 0 {
            self.held = self.expr.holds(sight.context());
        }
        self.held == Some(true)
    }
}

/// A way in which a goal may have begun.
#[derive(Clone, Debug)]
struct Candidate {
    next: usize,
    since: Timestamp,
    /// Whether the state that it waits for was looked at: from then on only a change of it tells.
    looked: bool,
    bound: Vec<(String, Row)>,
}

#[derive(Debug)]
enum Watch<'a> {
    Reach { it: Watched<'a>, since: Option<Timestamp>, counted: bool, times: u32 },
    Hold { it: Watched<'a>, witness: Watched<'a>, since: Option<Timestamp> },
    Never { it: Watched<'a>, witness: Watched<'a> },
    Respond { open: VecDeque<Candidate>, held: bool, answered: u32 },
    Sequence { begun: VecDeque<Candidate>, held: bool },
    Measure { it: Watched<'a>, witness: Watched<'a> },
}

/// Follows one goal.
#[derive(Debug)]
pub(super) struct Monitor<'a> {
    goal: &'a Goal,
    profile: TimingProfile,
    watch: Watch<'a>,
    verdict: Verdict,
    /// When it was decided.
    at: Option<Timestamp>,
}

impl<'a> Monitor<'a> {
    pub(super) fn new(goal: &'a Goal, profile: TimingProfile) -> Self {
        let watch = match &goal.pattern {
            Pattern::Reach { it, .. } => Watch::Reach { it: Watched::new(it), since: None, counted: false, times: 0 },
            Pattern::Hold { it, witness, .. } => {
                Watch::Hold { it: Watched::new(it), witness: Watched::new(witness), since: None }
            }
            Pattern::Never { it, witness } => Watch::Never { it: Watched::new(it), witness: Watched::new(witness) },
            Pattern::Respond { .. } => Watch::Respond { open: VecDeque::new(), held: false, answered: 0 },
            Pattern::Sequence { .. } => Watch::Sequence { begun: VecDeque::new(), held: false },
            Pattern::Measure { it, witness } => Watch::Measure { it: Watched::new(it), witness: Watched::new(witness) },
        };
        Self { goal, profile, watch, verdict: Verdict::Pending, at: None }
    }

    pub(super) fn verdict(&self) -> Verdict {
        self.verdict
    }

    pub(super) fn at(&self) -> Option<Timestamp> {
        self.at
    }

    pub(super) fn goal(&self) -> &'a Goal {
        self.goal
    }

    /// Decides what time alone decides, up to a moment before which nothing else changed.
    pub(super) fn pass(&mut self, at: Timestamp) {
        if self.verdict != Verdict::Pending {
            return;
        }
        let profile = self.profile;
        let lasted =
            |since: Option<Timestamp>, span| since.is_some_and(|since| at.since(since) >= scaled(span, profile));
        let verdict = match (&mut self.watch, &self.goal.pattern) {
            (Watch::Reach { since, counted, times, .. }, Pattern::Reach { held, times: wanted, .. }) => {
                let counts = !*counted && lasted(*since, *held);
                *counted |= counts;
                *times += u32::from(counts);
                (*times >= *wanted).then_some(Verdict::Met)
            }
            (Watch::Hold { since, .. }, Pattern::Hold { held, .. }) => lasted(*since, *held).then_some(Verdict::Met),
            (Watch::Respond { open, .. }, Pattern::Respond { within, .. }) => {
                let late = open.front().is_some_and(|first| at.since(first.since) > scaled(*within, profile));
                late.then_some(Verdict::Violated)
            }
            _ => None, // Time alone decides nothing of the others.
        };
        if let Some(verdict) = verdict {
            self.decide(verdict, at);
        }
    }

    /// Takes over what happened, and what may be otherwise for it.
    pub(super) fn see(&mut self, sight: &Sight, moments: &[Happened], changed: Changed, at: Timestamp) {
        if self.verdict != Verdict::Pending || (changed == 0 && moments.is_empty()) {
            return;
        }
        let verdict = match (&mut self.watch, &self.goal.pattern) {
            (Watch::Reach { it, since, counted, .. }, Pattern::Reach { .. }) => {
                match it.look(sight, changed) {
                    true => drop(since.get_or_insert(at)),
                    false => (*since, *counted) = (None, false),
                }
                None
            }
            (Watch::Hold { it, witness, since }, Pattern::Hold { .. }) => {
                match it.look(sight, changed) & witness.look(sight, changed) {
                    true => drop(since.get_or_insert(at)),
                    false => *since = None,
                }
                None
            }
            (Watch::Never { it, .. }, Pattern::Never { .. }) => it.look(sight, changed).then_some(Verdict::Violated),
            (Watch::Respond { open, held, answered }, Pattern::Respond { after, then, min_triggers, .. }) => {
                let before = open.len();
                for candidate in open.iter_mut() {
                    candidate.next = usize::from(!advanced(then, candidate, sight, moments, changed).is_empty());
                    candidate.looked = true;
                }
                open.retain(|candidate| candidate.next == 0);
                *answered += (before - open.len()) as u32;
                begin(after, open, held, sight, moments, changed, at);
                (*answered >= *min_triggers && open.is_empty()).then_some(Verdict::Met)
            }
            (Watch::Sequence { begun, held }, Pattern::Sequence { steps, within }) => {
                if let Some(within) = within.map(|within| scaled(within, self.profile)) {
                    begun.retain(|candidate| at.since(candidate.since) <= within);
                }
                go_on(steps, begun, held, sight, moments, changed, at).then_some(Verdict::Met)
            }
            _ => None, // A measure is taken at the end.
        };
        if let Some(verdict) = verdict {
            return self.decide(verdict, at);
        }
        self.pass(at);
    }

    /// Returns whether it is met but for the end of the phase.
    pub(super) fn is_good_so_far(&mut self, sight: &Sight) -> bool {
        match &mut self.watch {
            Watch::Never { witness, .. } => self.verdict == Verdict::Pending && witness.look(sight, ALL),
            _ => self.verdict == Verdict::Met,
        }
    }

    /// Returns how far it is on its way, if it is not decided and can be part of the way.
    pub(super) fn so_far(&mut self, sight: &Sight) -> Option<SoFar> {
        if self.verdict != Verdict::Pending {
            return None;
        }
        let profile = self.profile;
        match (&mut self.watch, &self.goal.pattern) {
            (Watch::Reach { times, .. }, Pattern::Reach { times: of, .. }) if *of > 1 => {
                Some(SoFar::Times { done: *times, of: *of })
            }
            (Watch::Reach { since, .. }, Pattern::Reach { held, .. })
            | (Watch::Hold { since, .. }, Pattern::Hold { held, .. }) => {
                (!held.is_zero()).then(|| SoFar::Held { since: *since, span: scaled(*held, profile) })
            }
            (Watch::Respond { open, answered, .. }, Pattern::Respond { within, min_triggers, .. }) => {
                let due = open.front().map(|first| first.since + scaled(*within, profile));
                Some(SoFar::Followed { done: *answered, of: *min_triggers, due })
            }
            (Watch::Sequence { begun, .. }, Pattern::Sequence { steps, .. }) => {
                let done = begun.iter().map(|candidate| candidate.next).max().unwrap_or(0);
                (steps.len() > 1).then_some(SoFar::Steps { done: done as u32, of: steps.len() as u32 })
            }
            (Watch::Never { it, witness } | Watch::Measure { it, witness }, pattern) => {
                let so = it.look(sight, ALL) != matches!(pattern, Pattern::Never { .. });
                Some(SoFar::AtTheEnd { so, enough: witness.look(sight, ALL) })
            }
            _ => None, // A monitor watches for what its goal says.
        }
    }

    /// Decides what the end of the phase decides.
    pub(super) fn finish(&mut self, sight: &Sight, at: Timestamp) {
        self.pass(at);
        if self.verdict != Verdict::Pending {
            return;
        }
        let confused = match &mut self.watch {
            Watch::Never { it, witness } => match (it.look(sight, ALL), witness.look(sight, ALL)) {
                (false, true) if it.held.is_some() => return self.decide(Verdict::Met, at),
                _ => it.held.is_none(),
            },
            Watch::Measure { it, witness } => match (witness.look(sight, ALL), it.look(sight, ALL)) {
                (true, true) => return self.decide(Verdict::Met, at),
                (true, false) if it.held.is_some() => return self.decide(Verdict::Violated, at),
                _ => true,
            },
            Watch::Reach { it, .. } | Watch::Hold { it, .. } => it.held.is_none(),
            Watch::Respond { .. } | Watch::Sequence { .. } => false,
        };
        if confused {
            self.decide(Verdict::Unknown, at);
        }
    }

    fn decide(&mut self, verdict: Verdict, at: Timestamp) {
        (self.verdict, self.at) = (verdict, Some(at));
    }
}

/// Moves candidates on, and begins new ones. Returns whether one is at the end.
fn go_on(
    steps: &[Moment],
    begun: &mut VecDeque<Candidate>,
    held: &mut bool,
    sight: &Sight,
    moments: &[Happened],
    changed: Changed,
    at: Timestamp,
) -> bool {
    let mut moved = Vec::new();
    begun.retain(|candidate| {
        let Some(step) = steps.get(candidate.next) else { return false };
        let next = advanced(step, candidate, sight, moments, changed);
        // A step that gives a name may have taken the wrong one: who waits for it goes on waiting.
        let stays = next.is_empty() || matches!(step, Moment::Event { name, .. } if name != "it");
        moved.extend(next);
        stays
    });
    let mut first = VecDeque::new();
    if let Some(step) = steps.first() {
        begin(step, &mut first, held, sight, moments, changed, at);
        first.iter_mut().for_each(|candidate| candidate.next = 1);
    }
    moved.extend(first);
    for mut candidate in moved {
        // States that are so already need not be waited for.
        while let Some(Moment::State(expr)) = steps.get(candidate.next)
            && holds(expr, &candidate.bound, sight)
        {
            candidate.next += 1;
        }
        candidate.looked = true;
        if candidate.next >= steps.len() {
            return true;
        }
        let same =
            |other: &Candidate| other.next == candidate.next && other.bound.is_empty() && candidate.bound.is_empty();
        if begun.iter().any(same) {
            continue;
        }
        if begun.len() == CANDIDATES_MAX {
            begun.pop_front();
        }
        begun.push_back(candidate);
    }
    false
}

/// Begins a candidate for each moment that fits, or when a state becomes so.
fn begin(
    step: &Moment,
    into: &mut VecDeque<Candidate>,
    held: &mut bool,
    sight: &Sight,
    moments: &[Happened],
    changed: Changed,
    at: Timestamp,
) {
    let new = Candidate { next: 0, since: at, looked: false, bound: Vec::new() };
    let begins = match step {
        Moment::State(expr) => {
            if changed & Sight::speaks_of(expr) == 0 {
                return;
            }
            let holds = holds(expr, &[], sight);
            let begins = holds && !std::mem::replace(held, holds);
            if begins { vec![new] } else { Vec::new() }
        }
        Moment::Event { .. } => advanced(step, &new, sight, moments, changed),
    };
    for candidate in begins {
        if into.len() == CANDIDATES_MAX {
            into.pop_front();
        }
        into.push_back(candidate);
    }
}

/// Returns the ways in which a candidate can go on now.
fn advanced(
    step: &Moment,
    candidate: &Candidate,
    sight: &Sight,
    moments: &[Happened],
    changed: Changed,
) -> Vec<Candidate> {
    match step {
        Moment::State(expr) if candidate.looked && changed & Sight::speaks_of(expr) == 0 => Vec::new(),
        Moment::State(expr) => match holds(expr, &candidate.bound, sight) {
            true => vec![Candidate { next: candidate.next + 1, ..candidate.clone() }],
            false => Vec::new(),
        },
        Moment::Event { kind, name, only, .. } => {
            let fitting = moments.iter().filter(|(moment, _)| moment == kind);
            let bind = |row: &Row| {
                let mut bound = candidate.bound.clone();
                bound.push((name.clone(), row.clone()));
                bound
            };
            let ways = fitting.map(|(_, row)| bind(row));
            let ways = ways.filter(|bound| only.as_ref().is_none_or(|only| holds(only, bound, sight)));
            let named = |mut bound: Vec<(String, Row)>| {
                bound.retain(|(name, _)| name != "it");
                Candidate { next: candidate.next + 1, since: candidate.since, looked: false, bound }
            };
            ways.map(named).collect()
        }
    }
}

fn holds(expr: &Expr, bound: &[(String, Row)], sight: &Sight) -> bool {
    if bound.is_empty() {
        return expr.holds(sight.context()) == Some(true);
    }
    let mut context = sight.context().new_inner_scope();
    for (name, row) in bound {
        context.add_variable_as_val(name, Box::new(row.clone()) as Box<dyn Val>);
    }
    expr.holds(&context) == Some(true)
}
