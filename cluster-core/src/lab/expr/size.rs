//! How much an expression says: it is looked at again after almost every event, so it is small.

use cel::common::ast::{ComprehensionExpr, Expr, IdedExpr, operators};

/// How many parts an expression may have. A name with its fields is one part, and so are a value, a list, an operator and a
/// call. The longest of the course, which tells apart what two clients read, has 54.
pub const PARTS_MAX: usize = 64;
/// How deep its parts may be nested. Names and values do not nest, all that `&&` or `||` joins is on one level, and what
/// is asked of a list is on that of the list.
pub const DEPTH_MAX: usize = 6;

/// How much an expression says, in the terms of who wrote it: what a macro such as `exists` is made of is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) parts: usize,
    pub(super) depth: usize,
}

impl Size {
    const LEAF: Self = Self { parts: 1, depth: 0 };

    /// Returns the size of an expression.
    pub(super) fn of(expr: &IdedExpr) -> Self {
        match &expr.expr {
            Expr::Select(select) => Self::of(&select.operand),
            Expr::Call(call) => {
                let joins = matches!(call.func_name.as_str(), operators::LOGICAL_AND | operators::LOGICAL_OR);
                let asks = call.target.is_some() && call.args.is_empty();
                let inside = |part: &IdedExpr| match &part.expr {
                    Expr::Call(inner) if joins && inner.func_name == call.func_name => Self::of(part),
                    _ if asks => Self::of(part),
                    _ => Self::of(part).nested(), // Only what the same word joins is on its level.
                };
                call.target.as_deref().into_iter().chain(&call.args).map(inside).fold(Self::LEAF, Self::and)
            }
            Expr::Comprehension(it) => {
                let inside = written(it).into_iter().map(|part| Self::of(part).nested());
                inside.fold(Self::LEAF.and(Self::of(&it.iter_range)), Self::and)
            }
            Expr::List(list) => list.elements.iter().map(|part| Self::of(part).nested()).fold(Self::LEAF, Self::and),
            // Maps and structures mean nothing here, and are refused by their type.
            Expr::Ident(_) | Expr::Literal(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => Self::LEAF,
        }
    }

    fn nested(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }

    fn and(self, other: Self) -> Self {
        Self { parts: self.parts + other.parts, depth: self.depth.max(other.depth) }
    }
}

/// Returns what somebody wrote inside of the brackets of a macro; the rest of its step counts or collects.
fn written(it: &ComprehensionExpr) -> Vec<&IdedExpr> {
    let counts = |part: &IdedExpr| matches!(&part.expr, Expr::Ident(name) if *name == it.accu_var);
    let itself = |part: &IdedExpr| matches!(&part.expr, Expr::Ident(name) if *name == it.iter_var);
    let mut found = Vec::new();
    let Expr::Call(step) = &it.loop_step.expr else { return found };
    for part in step.args.iter().filter(|part| !counts(part)) {
        match &part.expr {
            Expr::Call(add) if add.args.first().is_some_and(counts) => {
                // `filter` and `map` collect; `exists_one` counts what there is.
                if let Some(Expr::List(list)) = add.args.get(1).map(|it| &it.expr) {
                    found.extend(list.elements.iter().filter(|part| !itself(part)));
                }
            }
            Expr::List(list) => found.extend(list.elements.iter().filter(|part| !itself(part))),
            _ => found.push(part),
        }
    }
    found
}
