//! Who made a pack: a signature over the digests of all its files, Ed25519.

use std::fmt;

use ed25519_dalek::{Signature, Signer, Verifier, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::lab::evidence::{digest_of, hex};

/// The signature's file in a pack.
pub(super) const FILE: &str = "pack.sig";

/// The key of somebody who signs packs.
pub struct SigningKey(ed25519_dalek::SigningKey);

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureFile {
    key: String,
    signature: String,
}

impl SigningKey {
    /// Makes a key of 32 random bytes.
    pub fn of(secret: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(secret))
    }

    /// Reads a key as it is kept: 64 hexadecimal digits.
    pub fn read(text: &str) -> Option<Self> {
        Some(Self::of(&bytes(text.trim())?))
    }

    /// Returns what others know the signer by.
    pub fn public(&self) -> String {
        hex(self.0.verifying_key().as_bytes())
    }
}

impl fmt::Debug for SigningKey {
    /// The secret stays one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public())
    }
}

/// Returns a public key as it is written, if it is one.
pub fn public_key(text: &str) -> Option<String> {
    let bytes: [u8; 32] = bytes(text.trim())?;
    VerifyingKey::from_bytes(&bytes).ok().map(|_| hex(&bytes))
}

/// Returns what is signed: a line for each file, in the order of their names.
pub(super) fn message(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut lines: Vec<String> = files.iter().map(|(name, bytes)| format!("{}  {name}\n", digest_of(bytes))).collect();
    lines.sort();
    format!("faultline pack 1\n{}", lines.concat()).into_bytes()
}

pub(super) fn sign(key: &SigningKey, message: &[u8]) -> Vec<u8> {
    let signature = hex(&key.0.sign(message).to_bytes());
    let file = SignatureFile { key: key.public(), signature };
    serde_json::to_vec_pretty(&file).expect("plain data always encodes")
}

/// Returns the public key of who signed a message.
pub(super) fn verify(file: &[u8], message: &[u8]) -> Result<String, String> {
    let file: SignatureFile = serde_json::from_slice(file).map_err(|error| format!("is no signature: {error}"))?;
    let key = bytes(&file.key).and_then(|key| VerifyingKey::from_bytes(&key).ok()).ok_or("names no key")?;
    let signature = Signature::from_bytes(&bytes(&file.signature).ok_or("is no signature")?);
    key.verify(message, &signature)
        .map_err(|_| "does not fit: a file was changed after the pack was signed; ask for the pack anew")?;
    Ok(file.key.to_lowercase())
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}
