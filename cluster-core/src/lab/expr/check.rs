//! Types of expressions, found before anything runs: unknown names, fields and mixed types are refused with their place, and
//! so is what would take too long.

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators};

use super::vocabulary::{Kind, Table, Word, rows_max};
use crate::script::did_you_mean;

/// How many steps one look at an expression may take, at most.
const STEPS_MAX: u64 = 1_000_000;

/// A mistake in an expression: where, in bytes from its beginning, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExprError {
    /// Where it begins.
    pub at: usize,
    /// How long it is.
    pub bytes: usize,
    /// What is wrong, and what to do.
    pub problem: String,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Bool,
    Int,
    Double,
    Text,
    Row(&'static Table),
    /// A list, and how long it can be.
    List(Box<Self>, u64),
    /// Of an empty list: whatever is wanted.
    Any,
}

impl From<Kind> for Type {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Bool => Self::Bool,
            Kind::Int => Self::Int,
            Kind::Double => Self::Double,
            Kind::Text => Self::Text,
            Kind::Row(table) => Self::Row(table),
            Kind::Rows(table) => Self::List(Box::new(Self::Row(table)), rows_max(table)),
            Kind::Ints => Self::List(Box::new(Self::Int), super::OPS_MAX as u64),
            Kind::Texts => Self::List(Box::new(Self::Text), rows_max(&super::vocabulary::NODE)),
        }
    }
}

impl Type {
    /// Returns it in words.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Bool => "true or false".to_owned(),
            Self::Int => "a whole number".to_owned(),
            Self::Double => "a number".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Row(table) => format!("one {}", table.name),
            Self::List(of, _) => match &**of {
                Self::Row(table) => format!("a list of {}s", table.name),
                _ => "a list".to_owned(),
            },
            Self::Any => "anything".to_owned(),
        }
    }

    fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Double | Self::Any)
    }

    fn fits(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::List(one, _), Self::List(other, _)) => one.fits(other),
            (one, other) => one == other || (one.is_number() && other.is_number()),
        }
    }
}

/// Finds the type of an expression, and how long it takes.
pub(super) struct Checker<'a> {
    pub(super) places: &'a SourceInfo,
    /// What is known by name, innermost last.
    pub(super) scope: Vec<(String, Type)>,
    pub(super) steps: u64,
    /// How often what is looked at is done.
    times: u64,
}

type Found = Result<Type, ExprError>;

impl<'a> Checker<'a> {
    pub(super) fn new(places: &'a SourceInfo, names: &[&'static [Word]], bound: &[(String, Kind)]) -> Self {
        let words = names.iter().copied().flatten().map(|word| (word.name.to_owned(), word.kind.into()));
        let bound = bound.iter().map(|(name, kind)| (name.clone(), (*kind).into()));
        Self { places, scope: words.chain(bound).collect(), steps: 0, times: 1 }
    }

    /// Returns the type of an expression.
    pub(super) fn find(&mut self, expr: &IdedExpr) -> Found {
        self.steps = self.steps.saturating_add(self.times);
        if self.steps > STEPS_MAX {
            return self.wrong(
                expr,
                "this may take too long: lists are gone through inside of lists; say it with fewer of them".to_owned(),
            );
        }
        match &expr.expr {
            Expr::Literal(literal) => self.literal(expr, literal),
            Expr::Ident(name) => self.name(expr, name),
            Expr::Select(select) if select.test => {
                let all =
                    "everything here has all of its fields, and has() is not needed; compare the field with something";
                self.wrong(expr, all.to_owned())
            }
            Expr::Select(select) => {
                let of = self.find(&select.operand)?;
                match of {
                    Type::Row(table) => self.field(expr, table, &select.field),
                    Type::Any => Ok(Type::Any),
                    other => self.wrong(expr, format!("{} has no field `{}`", other.words(), select.field)),
                }
            }
            Expr::List(list) => {
                let mut of = Type::Any;
                for element in &list.elements {
                    let found = self.find(element)?;
                    if !of.fits(&found) {
                        return self.wrong(
                            element,
                            format!(
                                "this is {}, and what stands before it is {}; a list holds one kind",
                                found.words(),
                                of.words()
                            ),
                        );
                    }
                    of = found;
                }
                Ok(Type::List(Box::new(of), list.elements.len() as u64))
            }
            Expr::Comprehension(it) => self.comprehension(it),
            Expr::Call(call) => self.call(expr, call),
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                self.wrong(expr, "maps and structures mean nothing here; compare fields one by one".to_owned())
            }
        }
    }

    fn literal(&self, expr: &IdedExpr, literal: &LiteralValue) -> Found {
        match literal {
            LiteralValue::Boolean(_) => Ok(Type::Bool),
            LiteralValue::Int(_) | LiteralValue::UInt(_) => Ok(Type::Int),
            LiteralValue::Double(_) => Ok(Type::Double),
            LiteralValue::String(_) => Ok(Type::Text),
            LiteralValue::Bytes(_) | LiteralValue::Null => {
                self.wrong(expr, "there is no such value here; write text, a number, true or false".to_owned())
            }
        }
    }

    fn name(&self, expr: &IdedExpr, name: &str) -> Found {
        if let Some((_, kind)) = self.scope.iter().rev().find(|(known, _)| known == name) {
            return Ok(kind.clone());
        }
        let known: Vec<&str> =
            self.scope.iter().map(|(name, _)| name.as_str()).filter(|it| !it.starts_with('@')).collect();
        let remedy = match did_you_mean(name, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("there are {}", known.join(", ")),
        };
        self.wrong(expr, format!("`{name}` is not known here; {remedy}"))
    }

    fn field(&self, expr: &IdedExpr, table: &'static Table, name: &str) -> Found {
        if let Some(field) = table.fields.iter().find(|field| field.name == name) {
            return Ok(field.kind.into());
        }
        let known: Vec<&str> = table.fields.iter().map(|field| field.name).collect();
        let remedy = match did_you_mean(name, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("it has {}", known.join(", ")),
        };
        self.wrong(expr, format!("one {} has no `{name}`; {remedy}", table.name))
    }

    fn comprehension(&mut self, it: &ComprehensionExpr) -> Found {
        let range = self.find(&it.iter_range)?;
        let (of, most) = match range {
            Type::List(of, most) => (*of, most),
            Type::Any => (Type::Any, 1),
            other => return self.wrong(&it.iter_range, format!("this is {}, not a list", other.words())),
        };
        let before = (self.times, self.scope.len());
        let start = self.find(&it.accu_init)?;
        self.times = self.times.saturating_mul(most.max(1));
        self.scope.push((it.iter_var.clone(), of));
        self.scope.push((it.accu_var.clone(), start.clone()));
        self.find(&it.loop_cond)?;
        let step = self.find(&it.loop_step)?;
        self.times = before.0;
        if !start.fits(&step) {
            return self.wrong(&it.loop_step, format!("this is {}; it should be {}", step.words(), start.words()));
        }
        // What a list that is built holds is what is added to it; it gets no longer than what is gone through.
        let step = match step {
            Type::List(of, _) => Type::List(of, most),
            other => other,
        };
        self.scope.pop();
        self.scope.push((it.accu_var.clone(), step));
        let result = self.find(&it.result);
        self.scope.truncate(before.1);
        result
    }

    fn call(&mut self, expr: &IdedExpr, call: &CallExpr) -> Found {
        let mut kinds = Vec::with_capacity(call.args.len() + 1);
        for arg in call.target.as_deref().into_iter().chain(&call.args) {
            kinds.push(self.find(arg)?);
        }
        let args: Vec<&IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
        let want = |wanted: Type| -> Result<(), ExprError> {
            match kinds.iter().zip(&args).find(|(kind, _)| !wanted.fits(kind)) {
                Some((kind, arg)) => {
                    self.wrong(arg, format!("this is {}; it should be {}", kind.words(), wanted.words()))
                }
                None => Ok(()),
            }
        };
        match (call.func_name.as_str(), kinds.as_slice()) {
            (
                operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT | operators::NOT_STRICTLY_FALSE,
                _,
            ) => {
                want(Type::Bool)?;
                Ok(Type::Bool)
            }
            (operators::EQUALS | operators::NOT_EQUALS, [one, other]) => {
                if !one.fits(other) {
                    return self.wrong(expr, format!("{} and {} are never equal", one.words(), other.words()));
                }
                Ok(Type::Bool)
            }
            (operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS, _) => {
                want(Type::Double)?;
                Ok(Type::Bool)
            }
            (operators::IN, [one, Type::List(of, _)]) => {
                if !one.fits(of) {
                    return self.wrong(expr, format!("{} is in no list of that kind", one.words()));
                }
                Ok(Type::Bool)
            }
            (operators::ADD, [Type::List(one, some), Type::List(other, more)]) if one.fits(other) => {
                let of = if **one == Type::Any { other } else { one };
                Ok(Type::List(of.clone(), some.saturating_add(*more)))
            }
            (
                operators::ADD | operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE | operators::MODULO,
                [one, other],
            ) => {
                want(Type::Double)?;
                if one != other && *one != Type::Any && *other != Type::Any {
                    return self.wrong(
                        expr,
                        "a whole number and a number with a fraction cannot be mixed in a sum; write 2.0, or double(x)"
                            .to_owned(),
                    );
                }
                Ok(one.clone())
            }
            (operators::NEGATE, [one]) => {
                want(Type::Double)?;
                Ok(one.clone())
            }
            (operators::CONDITIONAL, [Type::Bool, one, other]) if one.fits(other) => {
                Ok(if matches!(one, Type::List(of, _) if **of == Type::Any) { other.clone() } else { one.clone() })
            }
            ("size", [Type::List(..) | Type::Text]) => Ok(Type::Int),
            ("double", [kind]) if kind.is_number() => Ok(Type::Double),
            ("int", [kind]) if kind.is_number() => Ok(Type::Int),
            ("contains" | "startsWith" | "endsWith", [Type::Text, Type::Text]) => Ok(Type::Bool),
            (operators::INDEX, [Type::List(of, _), Type::Int]) => Ok((**of).clone()),
            (name, kinds) => {
                let given: Vec<String> = kinds.iter().map(Type::words).collect();
                let name = name.trim_matches(['_', '@']);
                self.wrong(
                    expr,
                    format!(
                        "`{name}` means nothing for {}; there are && || ! == != < <= > >= + - * / in, size, exists, all, \
                         exists_one, filter, map, double, int, contains, startsWith, endsWith",
                        if given.is_empty() { "nothing".to_owned() } else { given.join(" and ") },
                    ),
                )
            }
        }
    }

    fn wrong<T>(&self, expr: &IdedExpr, problem: String) -> Result<T, ExprError> {
        let (start, stop) = self.places.offset_for(expr.id).unwrap_or_default();
        let (at, end) = (start as usize, stop as usize);
        Err(ExprError { at, bytes: end.saturating_sub(at).max(1), problem })
    }
}
