//! A witness's public key, which verifies its cosignatures.

use std::fmt;
use std::str::FromStr;

use ml_dsa::signature::Verifier as _;
use ml_dsa::{EncodedVerifyingKey, MlDsa44};

use crate::log::checkpoint::Checkpoint;
use crate::log::signed_note::KeyId;
use crate::log::witness::cosignature::Cosignature;
use crate::log::witness::vkey::Vkey;

/// The signature type of cosignature/v1 with Ed25519.
const ED25519: u8 = 0x04;
/// The signature type of subtree/v1 with ML-DSA-44.
const ML_DSA_44: u8 = 0x06;

/// Why a text is not a witness's key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WitnessKeyError {
    /// Not of the form, or the id does not belong to name and key.
    #[error("not a key of the form name+id+base64, or its id does not belong to it")]
    Form,
    /// A key that signs something else than cosignatures.
    #[error(
        "a key of signature type 0x{0:02x} does not cosign: a witness's key has type 0x04 (Ed25519) or 0x06 (ML-DSA-44)"
    )]
    Kind(u8),
    /// The key has a wrong length, or is a point that anybody can sign for.
    #[error("not a valid public key of signature type 0x{0:02x}")]
    Invalid(u8),
}

/// A witness's public key with its name: `<name>+<8 hex of id>+<base64(type || key)>`.
#[derive(Clone)]
pub struct WitnessKey {
    vkey: Vkey,
    verifier: Verifier,
}

#[derive(Clone)]
enum Verifier {
    Ed25519(ed25519_dalek::VerifyingKey),
    MlDsa44(Box<ml_dsa::VerifyingKey<MlDsa44>>),
}

impl WitnessKey {
    /// The witness's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.vkey.name
    }

    /// The key's id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.vkey.id
    }

    /// Whether both are the same public key, whatever their names.
    #[must_use]
    pub fn has_key_of(&self, other: &WitnessKey) -> bool {
        self.vkey.key == other.vkey.key
    }

    /// Whether the line names this key.
    #[must_use]
    pub fn is_named_by(&self, cosignature: &Cosignature) -> bool {
        cosignature.name() == self.name() && cosignature.key_id() == self.id()
    }

    /// Whether `cosignature` is a valid signature of `head` by this key, with a time after 1970 that fits i64.
    #[must_use]
    pub fn verify(&self, head: &Checkpoint, cosignature: &Cosignature) -> bool {
        let has_time = (1..=i64::MAX.unsigned_abs()).contains(&cosignature.timestamp());
        self.is_named_by(cosignature) && has_time && self.signed(head, cosignature).is_some()
    }

    fn signed(&self, head: &Checkpoint, cosignature: &Cosignature) -> Option<()> {
        let timestamp = cosignature.timestamp();
        match &self.verifier {
            Verifier::Ed25519(key) => {
                let signature = ed25519_dalek::Signature::from_slice(cosignature.signature()).ok()?;
                key.verify_strict(ed25519_message(head, timestamp).as_bytes(), &signature)
                    .ok()
            }
            Verifier::MlDsa44(key) => {
                let signature = ml_dsa::Signature::<MlDsa44>::try_from(cosignature.signature()).ok()?;
                key.verify(&ml_dsa_message(self.name(), head, timestamp)?, &signature)
                    .ok()
            }
        }
    }
}

/// What an Ed25519 witness signs: two lines, and the text of the checkpoint.
fn ed25519_message(head: &Checkpoint, timestamp: u64) -> String {
    format!("cosignature/v1\ntime {timestamp}\n{head}")
}

/// What an ML-DSA-44 witness signs for the whole tree: label, its name, time, origin, start, end, root. None where a name
/// has more than 255 bytes.
fn ml_dsa_message(witness: &str, head: &Checkpoint, timestamp: u64) -> Option<Vec<u8>> {
    let mut message = b"subtree/v1\n\0".to_vec();
    message.push(u8::try_from(witness.len()).ok()?);
    message.extend(witness.as_bytes());
    message.extend(timestamp.to_be_bytes());
    message.push(u8::try_from(head.origin.len()).ok()?);
    message.extend(head.origin.as_bytes());
    message.extend(0u64.to_be_bytes());
    message.extend(head.size.to_be_bytes());
    message.extend(head.root.0);
    Some(message)
}

impl Verifier {
    fn of(kind: u8, key: &[u8]) -> Result<Verifier, WitnessKeyError> {
        let invalid = WitnessKeyError::Invalid(kind);
        match kind {
            ED25519 => ed25519(key).map(Verifier::Ed25519).ok_or(invalid),
            ML_DSA_44 => {
                let encoded = EncodedVerifyingKey::<MlDsa44>::try_from(key).map_err(|_| invalid)?;
                Ok(Verifier::MlDsa44(Box::new(ml_dsa::VerifyingKey::decode(&encoded))))
            }
            _ => Err(WitnessKeyError::Kind(kind)),
        }
    }
}

/// The key, if it is canonically encoded and not of small order.
fn ed25519(key: &[u8]) -> Option<ed25519_dalek::VerifyingKey> {
    let bytes: &[u8; 32] = key.try_into().ok()?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).ok()?;
    let is_canonical = key.to_edwards().compress().as_bytes() == bytes;
    (is_canonical && !key.is_weak()).then_some(key)
}

impl FromStr for WitnessKey {
    type Err = WitnessKeyError;

    fn from_str(text: &str) -> Result<WitnessKey, WitnessKeyError> {
        let vkey = Vkey::parse(text).ok_or(WitnessKeyError::Form)?;
        let verifier = Verifier::of(vkey.kind, &vkey.key)?;
        Ok(WitnessKey { vkey, verifier })
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.vkey.format())
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WitnessKey({}+{})", self.name(), self.id())
    }
}

impl PartialEq for WitnessKey {
    fn eq(&self, other: &WitnessKey) -> bool {
        self.vkey == other.vkey
    }
}

impl Eq for WitnessKey {}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
