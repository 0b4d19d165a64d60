//! The first bytes on a connection: who dials, and the proof that it belongs to this cluster.

use crate::ids::{ClientId, Endpoint, NodeId};

/// Marks a connection as Faultline's.
const MAGIC: [u8; 4] = *b"FLTL";
/// The version of hello and frames.
const VERSION: u8 = 1;
/// How long a hello is.
pub(crate) const HELLO_BYTES: usize = 32;

/// A secret of the session: strangers on this machine do not know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token(pub(crate) [u8; 16]);

impl Token {
    /// Draws a token from the process's own random state: no two sessions share one.
    pub(crate) fn draw() -> Self {
        use std::hash::{BuildHasher, Hasher, RandomState};
        let mut bytes = [0; 16];
        for half in bytes.chunks_mut(8) {
            half.copy_from_slice(&RandomState::new().build_hasher().finish().to_le_bytes());
        }
        Self(bytes)
    }
}

/// What the dialer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    /// Who dials.
    pub(crate) from: Endpoint,
    /// Which of its connections this is.
    pub(crate) connection: u64,
}

/// Why a stranger was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HelloError {
    /// Another program.
    #[error("a stranger whose first bytes are no hello")]
    Magic,
    /// Another version.
    #[error("a stranger who speaks version {0}, not {VERSION}")]
    Version(u8),
    /// Another session.
    #[error("a stranger of another cluster")]
    Token,
}

impl Hello {
    /// Returns the bytes.
    pub(crate) fn encode(self, token: Token) -> [u8; HELLO_BYTES] {
        let (kind, id) = match self.from {
            Endpoint::Node(NodeId(id)) => (0, id),
            Endpoint::Client(ClientId(id)) => (1, id),
        };
        let mut bytes = [0; HELLO_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = VERSION;
        bytes[5] = kind;
        bytes[6..8].copy_from_slice(&id.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.connection.to_le_bytes());
        bytes[16..].copy_from_slice(&token.0);
        bytes
    }

    /// Reads the bytes.
    pub(crate) fn decode(bytes: &[u8; HELLO_BYTES], token: Token) -> Result<Self, HelloError> {
        if bytes[..4] != MAGIC || bytes[5] > 1 {
            return Err(HelloError::Magic);
        }
        if bytes[4] != VERSION {
            return Err(HelloError::Version(bytes[4]));
        }
        if bytes[16..] != token.0 {
            return Err(HelloError::Token);
        }
        let id = u16::from_le_bytes([bytes[6], bytes[7]]);
        let from = if bytes[5] == 0 { Endpoint::Node(NodeId(id)) } else { Endpoint::Client(ClientId(id)) };
        let connection = bytes[8..16].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
        Ok(Self { from, connection })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_is_understood_by_its_own_cluster_only_live() {
        let (ours, theirs) = (Token([1; 16]), Token([2; 16]));
        let hello = Hello { from: Endpoint::Client(ClientId(300)), connection: 0x0102_0304_0506_0708 };
        assert_eq!(Hello::decode(&hello.encode(ours), ours), Ok(hello));
        assert_eq!(Hello::decode(&hello.encode(theirs), ours), Err(HelloError::Token));
    }

    #[test]
    fn another_program_is_told_from_another_version_live() {
        let token = Token([1; 16]);
        let mut bytes = Hello { from: Endpoint::Node(NodeId(1)), connection: 1 }.encode(token);
        bytes[4] = 9;
        assert_eq!(Hello::decode(&bytes, token), Err(HelloError::Version(9)));
        let browser = *b"GET / HTTP/1.1\r\nHost: localhost:";
        assert_eq!(Hello::decode(&browser, token), Err(HelloError::Magic));
    }
}
