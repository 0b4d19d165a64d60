//! A value as a history carries it, and the table that gives each different one a small number.

use std::{collections::BTreeMap, fmt};

/// A value of a history, of whatever format.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Datum {
    /// Nothing: a key without a value, an answer without content.
    #[default]
    Nil,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number, as it was written.
    Number(Box<str>),
    /// A keyword, without its colon.
    Word(Box<str>),
    /// A text.
    Text(Box<str>),
    /// A list, a vector or a set.
    List(Vec<Self>),
    /// A map.
    Map(Vec<(Self, Self)>),
}

impl Datum {
    /// Makes a text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// Returns the number, if it is a whole one.
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Nil
            | Self::Bool(_)
            | Self::Number(_)
            | Self::Word(_)
            | Self::Text(_)
            | Self::List(_)
            | Self::Map(_) => None,
        }
    }

    /// Returns the parts, if it is a list.
    pub fn list(&self) -> Option<&[Self]> {
        match self {
            Self::List(parts) => Some(parts),
            Self::Nil
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Number(_)
            | Self::Word(_)
            | Self::Text(_)
            | Self::Map(_) => None,
        }
    }

    /// Returns the characters of a text or a keyword.
    pub fn words(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Word(text) => Some(text),
            Self::Nil | Self::Bool(_) | Self::Int(_) | Self::Number(_) | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// Returns the value of a keyword in a map.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(pairs) = self else { return None };
        pairs.iter().find(|(name, _)| name.words() == Some(key)).map(|(_, value)| value)
    }

    /// Returns about how many bytes it occupies.
    pub(crate) fn bytes(&self) -> usize {
        let inside = match self {
            Self::Nil | Self::Bool(_) | Self::Int(_) => 0,
            Self::Number(text) | Self::Word(text) | Self::Text(text) => text.len(),
            Self::List(parts) => parts.iter().map(Self::bytes).sum(),
            Self::Map(pairs) => pairs.iter().map(|(key, value)| key.bytes() + value.bytes()).sum(),
        };
        size_of::<Self>() + inside
    }
}

impl fmt::Display for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("nil"),
            Self::Bool(yes) => yes.fmt(f),
            Self::Int(number) => number.fmt(f),
            Self::Number(text) | Self::Word(text) => f.write_str(text),
            Self::Text(text) if text.is_empty() => f.write_str("\"\""),
            Self::Text(text) => f.write_str(text),
            Self::List(parts) => {
                let parts: Vec<_> = parts.iter().map(Self::to_string).collect();
                write!(f, "[{}]", parts.join(" "))
            }
            Self::Map(pairs) => {
                let pairs: Vec<_> = pairs.iter().map(|(key, value)| format!("{key} {value}")).collect();
                write!(f, "{{{}}}", pairs.join(", "))
            }
        }
    }
}

/// The number of a value in a [`DatumTable`]; equal values have equal numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatumId(pub u32);

impl DatumId {
    /// Nothing.
    pub const NIL: Self = Self(0);
}

/// All different values of a history.
#[derive(Clone, Debug)]
pub struct DatumTable {
    data: Vec<Datum>,
    ids: BTreeMap<Datum, DatumId>,
    bytes: usize,
}

impl Default for DatumTable {
    fn default() -> Self {
        Self { data: vec![Datum::Nil], ids: BTreeMap::from([(Datum::Nil, DatumId::NIL)]), bytes: 0 }
    }
}

impl DatumTable {
    /// Returns the number of a value.
    pub fn id(&mut self, datum: Datum) -> DatumId {
        if let Some(id) = self.ids.get(&datum) {
            return *id;
        }
        let id = DatumId(u32::try_from(self.data.len()).expect("a history is refused long before"));
        self.bytes += 2 * datum.bytes() + 16;
        self.data.push(datum.clone());
        self.ids.insert(datum, id);
        id
    }

    /// Returns the number of a value that is known.
    pub fn find(&self, datum: &Datum) -> Option<DatumId> {
        self.ids.get(datum).copied()
    }

    /// Returns a value.
    pub fn get(&self, id: DatumId) -> &Datum {
        &self.data[id.0 as usize]
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Returns whether there is nothing but "nothing".
    pub fn is_empty(&self) -> bool {
        self.data.len() == 1
    }

    /// Returns about how many bytes they occupy.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_one_number_and_different_ones_two() {
        let mut table = DatumTable::default();
        let five = table.id(Datum::Int(5));
        assert_eq!(table.id(Datum::Int(5)), five);
        assert_ne!(table.id(Datum::text("5")), five);
        assert_eq!((table.id(Datum::Nil), table.get(five)), (DatumId::NIL, &Datum::Int(5)));
    }
}
