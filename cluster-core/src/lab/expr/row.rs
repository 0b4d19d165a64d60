//! A row of a table as the expression language sees it: copied by reference, its fields asked for by name.

use std::sync::Arc;

use cel::{
    ExecutionError,
    common::{
        traits::Indexer,
        types::{CelBool, CelDouble, CelInt, CelString, Type},
        value::{CowVal, StaticVal, Val},
    },
};

use super::vocabulary::Table;

static ROW: Type = Type::new_unspecified_type("row");

/// What stands in a field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// Text.
    Text(String),
}

impl Cell {
    /// Wraps a number that counts something.
    pub(crate) fn count(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// Returns it as the language takes it.
    pub(crate) fn val(&self) -> Box<dyn Val> {
        match self {
            Self::Bool(it) => Box::new(CelBool::from(*it)),
            Self::Int(it) => Box::new(CelInt::from(*it)),
            Self::Double(it) => Box::new(CelDouble::from(*it)),
            Self::Text(it) => Box::new(CelString::from(it.clone())),
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Cell {
    fn from(it: bool) -> Self {
        Self::Bool(it)
    }
}

impl From<f64> for Cell {
    fn from(it: f64) -> Self {
        Self::Double(it)
    }
}

/// A row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    table: &'static Table,
    values: Arc<[Box<dyn Val>]>,
}

impl Row {
    /// Makes a row; the cells stand in the order of the table's fields.
    pub(crate) fn new(table: &'static Table, cells: &[Cell]) -> Self {
        debug_assert_eq!(table.fields.len(), cells.len(), "a row has the fields of its table");
        Self { table, values: cells.iter().map(Cell::val).collect() }
    }
}

impl Val for Row {
    fn get_type(&self) -> &Type {
        &ROW
    }

    fn cel_type() -> &'static Type {
        &ROW
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn into_indexer<'v>(self: Box<Self>) -> Option<Box<dyn Indexer + 'v>>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        other.downcast_ref::<Self>().is_some_and(|other| Arc::ptr_eq(&self.values, &other.values))
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn std::any::Any> {
        Some(self)
    }
}

impl StaticVal for Row {}

impl Indexer for Row {
    fn get<'b, 'v>(&'b self, name: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let name = name.downcast_ref::<CelString<'_>>().map_or("", CelString::inner);
        let at = self.table.fields.iter().position(|field| field.name == name);
        match at.and_then(|at| self.values.get(at)) {
            Some(value) => Ok(CowVal::Borrowed(value.as_ref())),
            None => Err(ExecutionError::no_such_key(name)),
        }
    }

    fn steal<'v>(self: Box<Self>, name: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(name).map(|value| value.clone_as_boxed())
    }
}
