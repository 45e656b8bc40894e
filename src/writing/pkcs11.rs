//! A signing key that never leaves a PKCS#11 token. Sessions are opened again after a failure: tokens are unplugged and
//! restarted while an archiver runs.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use crate::config::Pkcs11Settings;
use crate::log::signed_note::VerifyingKey;
use crate::log::signer::{SignError, Signer};
use crate::writing::pkcs11_session::{Failure, Modules, connect, connect_to_write, describe, reconnect};

/// The curve as the text that PKCS#11 3.0 names, and as the object identifier that newer tokens ask for, both in DER.
const ED25519: [&[u8]; 2] = [b"\x13\x0cedwards25519", &[0x06, 0x03, 0x2b, 0x65, 0x70]];
/// What is signed to find the public key that belongs to a private one. No note has such a text.
const TEST: &[u8] = b"\0kivend: does this key sign?";

/// A key in a token.
pub struct TokenSigner {
    settings: Pkcs11Settings,
    label: String,
    key: VerifyingKey,
    /// `None` after a failure.
    opened: Mutex<Option<Opened>>,
}

/// A session, and the private key in it.
struct Opened {
    session: Session,
    private: ObjectHandle,
}

impl TokenSigner {
    /// The Ed25519 key with this label, under this name. `None` if the token has none.
    ///
    /// # Errors
    /// [`SignError::Unavailable`] if the token does not answer; [`SignError::Refused`] if library, token or PIN are
    /// wrong, if several keys have the label, or if no public key verifies a test signature.
    pub fn open(settings: &Pkcs11Settings, label: &str, name: &str) -> Result<Option<TokenSigner>, SignError> {
        let mut modules = Modules::lock();
        let session = connect(&mut modules, settings)?;
        let Some(private) = find_private(&session, label)? else {
            return Ok(None);
        };
        let opened = Opened { session, private };
        let key = opened.public_key(label, name)?;
        Ok(Some(TokenSigner {
            settings: settings.clone(),
            label: label.to_owned(),
            key,
            opened: Mutex::new(Some(opened)),
        }))
    }

    /// Creates an Ed25519 key with this label in the token, which cannot be read out of it.
    ///
    /// # Errors
    /// Those of [`TokenSigner::open`]; [`SignError::Refused`] if the token refuses to create the key.
    pub fn make(settings: &Pkcs11Settings, label: &str, id: &[u8; 16]) -> Result<(), SignError> {
        let mut modules = Modules::lock();
        let session = connect_to_write(&mut modules, settings)?;
        let named = [
            Attribute::Token(true),
            Attribute::Label(label.as_bytes().to_vec()),
            Attribute::Id(id.to_vec()),
        ];
        let private = [
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
        ];
        let private = [&named[..], &private].concat();
        let mut made = Ok(());
        for curve in ED25519 {
            let public = [
                Attribute::Private(false),
                Attribute::Verify(true),
                Attribute::EcParams(curve.to_vec()),
            ];
            let public = [&named[..], &public].concat();
            made = session
                .generate_key_pair(&Mechanism::EccEdwardsKeyPairGen, &public, &private)
                .map(drop);
            if made.is_ok() {
                break;
            }
        }
        made.map_err(|error| SignError::Refused(format!("the token creates no Ed25519 key: {}", describe(&error))))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Opened>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Signer for TokenSigner {
    fn verifying_key(&self) -> &VerifyingKey {
        &self.key
    }

    fn sign_text(&self, text: &str) -> Result<[u8; 64], SignError> {
        let mut modules = Modules::lock();
        let mut opened = self.lock();
        // The session is dropped if it fails: the device may have ended it.
        if let Some(before) = opened.take()
            && let Ok(signature) = before.sign(text.as_bytes())
            && self.key.verifies(text.as_bytes(), &signature)
        {
            *opened = Some(before);
            return Ok(signature);
        }
        let session = reconnect(&mut modules, &self.settings).map_err(Failure::later)?;
        let private = find_private(&session, &self.label).map_err(Failure::later)?;
        let private = private.ok_or_else(|| Failure::Absent("the key is missing".to_owned()).later())?;
        let fresh = Opened { session, private };
        let signature = fresh.sign(text.as_bytes()).map_err(Failure::later)?;
        if !self.key.verifies(text.as_bytes(), &signature) {
            let why = format!(
                "the token signs with another key than at the start, with the label `{}`",
                self.label
            );
            return Err(SignError::Refused(why));
        }
        *opened = Some(fresh);
        Ok(signature)
    }

    fn may_block(&self) -> bool {
        true
    }
}

impl fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenSigner({}+{})", self.key.name(), self.key.id())
    }
}

impl Opened {
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], Failure> {
        let eddsa = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure));
        let signature = match self.session.sign(&eddsa, self.private, message) {
            Err(Error::Pkcs11(RvError::MechanismInvalid | RvError::KeyFunctionNotPermitted, _)) => {
                return Err(Failure::Absent(
                    "the token does not sign with this key by Ed25519 (CKM_EDDSA)".to_owned(),
                ));
            }
            signature => signature?,
        };
        let length = signature.len();
        signature
            .try_into()
            .map_err(|_| Failure::Absent(format!("the token makes signatures of {length} bytes instead of 64")))
    }

    /// The public key that verifies what the private key signs, from the objects that may hold it.
    fn public_key(&self, label: &str, name: &str) -> Result<VerifyingKey, Failure> {
        let signature = self.sign(TEST)?;
        let mut holders = self.find_public(Attribute::Label(label.as_bytes().to_vec()))?;
        if let Ok(attributes) = self.session.get_attributes(self.private, &[AttributeType::Id])
            && let Some(id @ Attribute::Id(_)) = attributes.into_iter().next()
        {
            holders.extend(self.find_public(id)?);
        }
        holders.push(self.private);
        let points = holders.iter().filter_map(|holder| self.point(*holder));
        let mut keys = points.filter_map(|point| VerifyingKey::new(name, &point).ok());
        keys.find(|key| key.verifies(TEST, &signature)).ok_or_else(|| {
            Failure::Absent(format!(
                "the token has no public key with the label `{label}` that verifies what its private key signs"
            ))
        })
    }

    fn find_public(&self, named: Attribute) -> Result<Vec<ObjectHandle>, Failure> {
        let class = Attribute::Class(ObjectClass::PUBLIC_KEY);
        Ok(self
            .session
            .find_objects(&[class, Attribute::KeyType(KeyType::EC_EDWARDS), named])?)
    }

    fn point(&self, holder: ObjectHandle) -> Option<[u8; 32]> {
        let attributes = self.session.get_attributes(holder, &[AttributeType::EcPoint]).ok()?;
        match attributes.first()? {
            Attribute::EcPoint(point) => public_key_in(point),
            _ => None,
        }
    }
}

/// The public key in `CKA_EC_POINT`: as it is, or in the DER of an octet string or of a bit string. Tokens differ.
fn public_key_in(point: &[u8]) -> Option<[u8; 32]> {
    let wrapped = point
        .strip_prefix(&[0x04, 0x20])
        .or(point.strip_prefix(&[0x03, 0x21, 0x00]));
    match wrapped {
        Some(key) if key.len() == 32 => key.try_into().ok(),
        _ => point.try_into().ok(),
    }
}

fn find_private(session: &Session, label: &str) -> Result<Option<ObjectHandle>, Failure> {
    let found = session.find_objects(&[
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::KeyType(KeyType::EC_EDWARDS),
        Attribute::Label(label.as_bytes().to_vec()),
    ])?;
    match found[..] {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => Err(Failure::Absent(format!(
            "{} Ed25519 keys have the label `{label}`, so that it names none of them",
            found.len()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_is_read_in_each_form_in_which_tokens_return_it() {
        let key: [u8; 32] = std::array::from_fn(|at| at as u8 + 3);
        let with = |prefix: &[u8]| [prefix, &key].concat();
        for point in [with(&[]), with(&[4, 32]), with(&[3, 33, 0])] {
            assert_eq!(public_key_in(&point), Some(key));
        }
        // A key may begin like the DER of another.
        let begins_like_der: [u8; 32] = std::array::from_fn(|at| if at == 0 { 4 } else { 32 });
        assert_eq!(public_key_in(&begins_like_der), Some(begins_like_der));
        for point in [with(&[4]), with(&[4, 33]), with(&[4, 32])[1..].to_vec(), Vec::new()] {
            assert_eq!(public_key_in(&point), None, "{point:?}");
        }
    }
}
