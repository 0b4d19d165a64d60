//! Names that repeat: a message kind, a timer, a knob. Interned, so that an event carries a pointer and a file a word.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{LazyLock, Mutex},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A short word of a protocol's vocabulary, such as `AppendEntries`; cheap to copy.
#[derive(Clone, Copy, Default, Eq, PartialOrd, Ord)]
pub struct Name(&'static str);

/// Names read from files are kept for the life of the process, so their number is bounded.
const NAMES_MAX: usize = 4096;
const NAME_BYTES_MAX: usize = 64;

static READ_NAMES: LazyLock<Mutex<BTreeSet<&'static str>>> = LazyLock::new(Mutex::default);

impl Name {
    /// Wraps a word of the program's own.
    pub const fn new(word: &'static str) -> Self {
        Self(word)
    }

    /// Returns the word.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// Interns a word that came from outside; `None` if it is too long, or too many were seen.
    pub fn intern(word: &str) -> Option<Self> {
        let mut names = READ_NAMES.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(known) = names.get(word) {
            return Some(Self(known));
        }
        if word.len() > NAME_BYTES_MAX || names.len() >= NAMES_MAX {
            return None;
        }
        let kept: &'static str = Box::leak(word.to_owned().into_boxed_str());
        names.insert(kept);
        Some(Self(kept))
    }
}

impl PartialEq for Name {
    /// Two uses of one word are mostly the same bytes in memory: then they need not be looked at.
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0) || self.0 == other.0
    }
}

impl std::hash::Hash for Name {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Name;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a name of at most {NAME_BYTES_MAX} bytes, one of at most {NAMES_MAX}")
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<Name, E> {
                Name::intern(word).ok_or_else(|| E::invalid_value(de::Unexpected::Str(word), &self))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interned_name_equals_the_programs_own() {
        assert_eq!(Name::intern("AppendEntries"), Some(Name::new("AppendEntries")));
    }

    #[test]
    fn a_name_longer_than_the_bound_is_refused() {
        assert_eq!(Name::intern(&"x".repeat(NAME_BYTES_MAX + 1)), None);
    }
}
