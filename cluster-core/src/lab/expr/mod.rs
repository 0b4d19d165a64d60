//! Propositions in the Common Expression Language, over what a lab can see; typed and bounded before they run.

mod check;
mod row;
mod size;
#[cfg(test)]
mod tests;
pub mod vocabulary;

use std::{collections::BTreeSet, sync::OnceLock};

use cel::{Context, Program, Value};

pub use check::ExprError;
pub(crate) use row::{Cell, Row};
pub use size::{DEPTH_MAX, PARTS_MAX};
pub use vocabulary::Kind;

use self::{
    check::{Checker, Type},
    size::Size,
};
use crate::until::{self, ConditionError};

/// How many operations of a phase an expression sees, at most: the latest.
pub(crate) const OPS_MAX: usize = 2000;
/// How many acts, and changes of leaders, it sees at most: the latest.
pub(crate) const ACTS_MAX: usize = 200;

/// An expression that was read without a mistake.
#[derive(Debug)]
pub struct Expr {
    text: String,
    program: Program,
    names: BTreeSet<String>,
    changed_by: OnceLock<u8>,
}

/// What an expression is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// True or false.
    Truth,
    /// An answer to a question: a whole number or text.
    Answer,
}

impl Expr {
    /// Reads an expression over the state and what is `bound` by name.
    pub fn new(text: &str, wanted: Wanted, bound: &[(String, Kind)]) -> Result<Self, ExprError> {
        let program = until::compile(text).map_err(|error| match error {
            ConditionError::Text { column, ref what } => ExprError {
                at: column - 1,
                bytes: 1,
                problem: format!("it cannot be read: {what}; write for example `leaders.size() > 1`"),
            },
            other => ExprError { at: 0, bytes: text.len(), problem: other.to_string() },
        })?;
        small(text, Size::of(program.expression()))?;
        let mut checker = Checker::new(program.source_info(), &[vocabulary::STATE], bound);
        let found = checker.find(program.expression())?;
        let fits = match wanted {
            Wanted::Truth => found == Type::Bool,
            Wanted::Answer => matches!(found, Type::Int | Type::Text),
        };
        if !fits {
            let should = match wanted {
                Wanted::Truth => "it should be true or false; compare it with something, as in leaders.size() > 1",
                Wanted::Answer => "it should be a whole number or text",
            };
            return Err(ExprError {
                at: 0,
                bytes: text.len(),
                problem: format!("this is {}; {should}", found.words()),
            });
        }
        let names = program.references().variables().into_iter().map(str::to_owned).collect();
        Ok(Self { text: text.to_owned(), program, names, changed_by: OnceLock::new() })
    }

    /// Returns whether it holds; `None` if it makes no sense at this moment (such as the first of an empty list).
    pub(crate) fn holds(&self, context: &Context<'_, '_>) -> Option<bool> {
        match self.program.execute(context) {
            Ok(Value::Bool(holds)) => Some(holds),
            Ok(_) | Err(_) => None,
        }
    }

    /// Returns the answer that it is.
    pub(crate) fn answer(&self, context: &Context<'_, '_>) -> Option<String> {
        match self.program.execute(context) {
            Ok(Value::Int(number)) => Some(number.to_string()),
            Ok(Value::String(text)) => Some(text.to_string()),
            Ok(_) | Err(_) => None,
        }
    }

    /// Returns whether it speaks of a name.
    pub(crate) fn names(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Returns by what it can change, which `find` says once.
    pub(super) fn changed_by(&self, find: impl FnOnce() -> u8) -> u8 {
        *self.changed_by.get_or_init(find)
    }

    /// Returns its text.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Refuses what is larger than anybody reads, and takes longer than an event may.
fn small(text: &str, size: Size) -> Result<(), ExprError> {
    let problem = match size {
        Size { parts, .. } if parts > PARTS_MAX => format!(
            "this has {parts} parts, and {PARTS_MAX} is the most: names, values, operators and calls; make two goals of it, or leave out what follows from the rest"
        ),
        Size { depth, .. } if depth > DEPTH_MAX => format!(
            "this is nested {depth} deep, and {DEPTH_MAX} is the most; join conditions by && on one level, or make two goals of it"
        ),
        Size { .. } => return Ok(()),
    };
    Err(ExprError { at: 0, bytes: text.len(), problem })
}
