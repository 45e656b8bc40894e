//! `archive.json`: the archive's identity and first public keys. It is the first object, and its hash is part of every
//! genesis hash, so a chain breaks if it changes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::json::canonical::{self, NotCanonical};
use crate::json::document::Document;
use crate::log::signed_note::{KeyId, VerifyingKey};
use crate::record::hash::Hash;
use crate::record::position::TopicPartition;
use crate::record::utc::UtcSeconds;

const TYPE: &str = "kivend.archive/v1";

/// The archive's identity; the fields are in the order of the canonical text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    r#type: String,
    archive: String,
    id: String,
    origin: String,
    created_at: UtcSeconds,
    keys: Vec<String>,
    change_keys: Vec<String>,
}

/// Why `archive.json` is not valid.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Not the canonical JSON of an identity.
    #[error(transparent)]
    Form(#[from] NotCanonical),
    /// Not UTF-8.
    #[error("archive.json is not UTF-8")]
    Text,
    /// Another type.
    #[error("archive.json has another type: `{0}`")]
    Type(String),
    /// Another version.
    #[error("archive.json has an unknown type, perhaps of a newer version of kivend: {0}")]
    Version(String),
    /// The archive's name does not match `[a-z0-9][a-z0-9._-]{0,62}`.
    #[error("an archive's name is 1 to 63 of a-z 0-9 . _ - and begins with a letter or digit, not `{0}`")]
    Name(String),
    /// The id is not 32 lower-case hex digits.
    #[error("the archive's id is not 32 lower-case hex digits: `{0}`")]
    Id(String),
    /// The origin does not match `[a-z0-9][a-z0-9._/-]{0,127}`.
    #[error("an archive's origin is 1 to 128 of a-z 0-9 . _ / - and begins with a letter or digit, not `{0}`")]
    Origin(String),
    /// No key, a malformed or repeated key, or a key that is not named by the origin.
    #[error("archive.json does not name its keys, each once, in the form origin+id+base64")]
    Keys,
}

/// The keys of a new archive, each named by its origin.
#[derive(Debug, Clone)]
pub struct FirstKeys<'k> {
    /// The key that signs entries, checkpoints and links.
    pub signing: &'k VerifyingKey,
    /// The keys that sign changes; without any, the signing key does.
    pub change: &'k [VerifyingKey],
}

/// The default origin of an archive: its name and the first 16 digits of its id.
#[must_use]
pub fn default_origin(archive: &str, id: &[u8; 16]) -> String {
    format!("{archive}/{:016x}", u128::from_be_bytes(*id) >> 64)
}

impl Identity {
    /// The identity of a new archive; `random` becomes its id, and the name of the signing key its origin.
    ///
    /// # Errors
    /// [`IdentityError`] if the name, the origin or the keys are not allowed.
    pub fn new(
        archive: &str,
        random: [u8; 16],
        created_at: UtcSeconds,
        keys: &FirstKeys<'_>,
    ) -> Result<Identity, IdentityError> {
        let identity = Identity {
            r#type: TYPE.into(),
            archive: archive.into(),
            id: format!("{:032x}", u128::from_be_bytes(random)),
            origin: keys.signing.name().to_owned(),
            created_at,
            keys: vec![keys.signing.to_string()],
            change_keys: keys.change.iter().map(ToString::to_string).collect(),
        };
        identity.check()?;
        Ok(identity)
    }

    /// Reads the bytes of `archive.json`.
    ///
    /// # Errors
    /// [`IdentityError`] if they are not exactly the canonical text.
    pub fn from_bytes(object: &[u8]) -> Result<Identity, IdentityError> {
        let text = std::str::from_utf8(object).map_err(|_| IdentityError::Text)?;
        if let Some(kind) = other_version(text) {
            return Err(IdentityError::Version(kind));
        }
        let identity: Identity = canonical::from_text(text)?;
        identity.check()?;
        Ok(identity)
    }

    /// The bytes of `archive.json`.
    ///
    /// # Errors
    /// None in practice: all fields have a JSON form.
    pub fn to_bytes(&self) -> Result<Vec<u8>, IdentityError> {
        Ok(canonical::to_text(self).map_err(NotCanonical::Shape)?.into_bytes())
    }

    fn check(&self) -> Result<(), IdentityError> {
        if self.r#type != TYPE {
            return Err(IdentityError::Type(self.r#type.clone()));
        }
        if !is_archive_name(&self.archive) {
            return Err(IdentityError::Name(self.archive.clone()));
        }
        if !is_archive_id(&self.id) {
            return Err(IdentityError::Id(self.id.clone()));
        }
        if !is_origin(&self.origin) {
            return Err(IdentityError::Origin(self.origin.clone()));
        }
        let (signing, change) = (self.keys()?, self.change_keys()?);
        let all = || signing.iter().chain(&change);
        let ids: BTreeSet<KeyId> = all().map(VerifyingKey::id).collect();
        let well_named = all().all(|key| key.name() == self.origin);
        if signing.is_empty() || ids.len() != all().count() || !well_named {
            Err(IdentityError::Keys)
        } else {
            Ok(())
        }
    }

    /// The archive's name.
    #[must_use]
    pub fn archive(&self) -> &str {
        &self.archive
    }

    /// The archive's id: 32 random hex digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The log's origin: the first line of its checkpoints, and the name of its keys.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The time of creation by the creator's clock.
    #[must_use]
    pub fn created_at(&self) -> UtcSeconds {
        self.created_at
    }

    /// The signing keys in force until a change.
    ///
    /// # Errors
    /// [`IdentityError::Keys`] if one is malformed.
    pub fn keys(&self) -> Result<Vec<VerifyingKey>, IdentityError> {
        parse_keys(&self.keys)
    }

    /// The keys that sign changes until a change; none if the signing keys do.
    ///
    /// # Errors
    /// [`IdentityError::Keys`] if one is malformed.
    pub fn change_keys(&self) -> Result<Vec<VerifyingKey>, IdentityError> {
        parse_keys(&self.change_keys)
    }
}

fn parse_keys(keys: &[String]) -> Result<Vec<VerifyingKey>, IdentityError> {
    keys.iter()
        .map(|key| key.parse().map_err(|_| IdentityError::Keys))
        .collect()
}

/// Whether `origin` is valid: `[a-z0-9][a-z0-9._/-]{0,127}`.
#[must_use]
pub fn is_origin(origin: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=128).contains(&origin.len())
        && origin
            .bytes()
            .all(|b| plain(b) || matches!(b, b'.' | b'_' | b'/' | b'-'))
        && origin.bytes().next().is_some_and(plain)
}

/// Whether `name` is valid for an archive: `[a-z0-9][a-z0-9._-]{0,62}`.
#[must_use]
pub fn is_archive_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=63).contains(&name.len())
        && name.bytes().all(|b| plain(b) || matches!(b, b'.' | b'_' | b'-'))
        && name.bytes().next().is_some_and(plain)
}

/// Whether `id` is 32 lower-case hex digits.
#[must_use]
pub fn is_archive_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// The genesis hash: `previous` of a partition's link at height 0. `identity` is the SHA-256 of `archive.json`.
#[must_use]
pub fn genesis(identity: &Hash, partition: &TopicPartition) -> Hash {
    Hash::of(
        format!(
            "kivend.genesis/v1\n{identity}\n{}\n{}\n",
            partition.topic, partition.partition
        )
        .as_bytes(),
    )
}

/// The type of a canonical text of another version than 1.
fn other_version(text: &str) -> Option<String> {
    let document = Document::canonical_object(text)?;
    let kind = document.leading_type()?;
    let version = kind.strip_prefix("kivend.archive/v")?;
    let is_number = (1..=9).contains(&version.len()) && version.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && kind != TYPE).then(|| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::signed_note::SigningKey;

    #[test]
    fn an_identity_follows_the_format_and_reads_back() {
        let origin = default_origin("kivend", &[0xab; 16]);
        let key = SigningKey::from_seed(&origin, &[7; 32]).unwrap();
        let change = SigningKey::from_seed(&origin, &[8; 32]).unwrap();
        let keys = FirstKeys {
            signing: key.verifying_key(),
            change: &[change.verifying_key().clone()],
        };
        let made = Identity::new("kivend", [0xab; 16], UtcSeconds::from_unix(0), &keys).unwrap();
        let text = String::from_utf8(made.to_bytes().unwrap()).unwrap();
        assert_eq!(
            text,
            format!(
                "{{\"type\":\"kivend.archive/v1\",\"archive\":\"kivend\",\"id\":\"{}\",\"origin\":\"kivend/{}\",\"created_at\":\"1970-01-01T00:00:00Z\",\"keys\":[\"{}\"],\"change_keys\":[\"{}\"]}}\n",
                "ab".repeat(16),
                "ab".repeat(8),
                key.verifying_key(),
                change.verifying_key()
            )
        );
        assert_eq!(Identity::from_bytes(text.as_bytes()).unwrap(), made);
        let (signing, change) = (key.verifying_key().to_string(), change.verifying_key().to_string());
        for (from, to) in [
            ("/v1", "/v2"),
            ("\"kivend\"", "\"Kivend\""),
            ("abab", "ABAB"),
            ("[\"", "[\"x"),
            ("\n", ""),
            ("\"origin\":\"kivend/", "\"origin\":\"kivend-"),
            (change.as_str(), signing.as_str()),
        ] {
            assert!(
                Identity::from_bytes(text.replacen(from, to, 1).as_bytes()).is_err(),
                "{from}"
            );
        }
        let refused = |text: &str| Identity::from_bytes(text.as_bytes()).unwrap_err();
        for newer in ["kivend.archive/v2", "kivend.archive/v10"] {
            let text = format!("{{\"type\":\"{newer}\",\"more\":[]}}\n");
            assert!(matches!(refused(&text), IdentityError::Version(kind) if kind == newer));
        }
        for other in ["kivend.archive/v", "kivend.archive/v2x", "kivend.link/v2"] {
            let text = text.replacen("kivend.archive/v1", other, 1);
            assert!(matches!(refused(&text), IdentityError::Type(_)), "{other}");
        }
    }
}
