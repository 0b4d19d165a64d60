//! The anomalies, and which isolation level forbids which.

/// Something that transactions show and should not, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Anomaly {
    /// Adya's G0, "write cycles": transactions overwrite each other in a circle.
    DirtyWrite,
    /// What was read does not fit together: lists in two orders, elements twice or from nowhere (Elle §4.2.3).
    Incompatible,
    /// Adya's G1a, "aborted reads".
    AbortedRead,
    /// Adya's G1b, "intermediate reads": read in the middle of another transaction.
    IntermediateRead,
    /// Adya's G1c, "circular information flow".
    CircularFlow,
    /// A transaction does not see what it wrote itself (Elle §4.2.3, "internal").
    Internal,
    /// Two transactions read the same version and both replaced it (Berenson et al. 1995, P4; Adya's G-cursor).
    LostUpdate,
    /// Adya's G-single: a circle with one anti-dependency, "single anti-dependency cycles"; read skew.
    ReadSkew,
    /// Adya's G2: a circle with anti-dependencies; write skew.
    AntiDependency,
}

impl Anomaly {
    /// Returns what the literature calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::DirtyWrite => "G0 (dirty write)",
            Self::Incompatible => "incompatible order",
            Self::AbortedRead => "G1a (aborted read)",
            Self::IntermediateRead => "G1b (intermediate read)",
            Self::CircularFlow => "G1c (circular information flow)",
            Self::Internal => "internal inconsistency",
            Self::LostUpdate => "lost update",
            Self::ReadSkew => "G-single (read skew)",
            Self::AntiDependency => "G2 (anti-dependency cycle)",
        }
    }
}

/// An isolation level, by what it forbids (Adya 1999, §4, PL-1 to PL-3 and PL-SI).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// PL-1: no G0.
    ReadUncommitted,
    /// PL-2: no G0, G1a, G1b, G1c.
    ReadCommitted,
    /// PL-SI, as far as circles show it: no G1, no lost update, no G-single.
    SnapshotIsolation,
    /// PL-3: no G1, no G2.
    Serializable,
}

impl Level {
    /// Returns whether transactions at this level never show the anomaly.
    pub fn forbids(self, anomaly: Anomaly) -> bool {
        let from = match anomaly {
            Anomaly::DirtyWrite | Anomaly::Incompatible => Self::ReadUncommitted,
            Anomaly::AbortedRead | Anomaly::IntermediateRead | Anomaly::CircularFlow | Anomaly::Internal => {
                Self::ReadCommitted
            }
            Anomaly::LostUpdate | Anomaly::ReadSkew => Self::SnapshotIsolation,
            Anomaly::AntiDependency => Self::Serializable,
        };
        self >= from
    }
}
