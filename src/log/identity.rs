//! `archive.json`: the archive's identity and first public keys. It is the first object, and its hash is part of every
//! genesis hash, so a chain breaks if it changes.

use serde::{Deserialize, Serialize};

use crate::json::canonical::{self, NotCanonical};
use crate::log::signed_note::VerifyingKey;
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
    created_at: UtcSeconds,
    keys: Vec<String>,
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
    /// Another type or version.
    #[error("archive.json is of an unknown type: type={0}")]
    Type(String),
    /// The archive's name does not match `[a-z0-9][a-z0-9._-]{0,62}`.
    #[error("an archive's name is 1 to 63 of a-z 0-9 . _ - and begins with a letter or digit: archive={0}")]
    Name(String),
    /// The id is not 32 lower-case hex digits.
    #[error("the archive's id is not 32 lower-case hex digits: id={0}")]
    Id(String),
    /// No key, a malformed key, or a repeated key.
    #[error("archive.json does not name its keys, each once, in the form name+id+base64")]
    Keys,
}

impl Identity {
    /// The identity of a new archive; `random` becomes its id.
    ///
    /// # Errors
    /// [`IdentityError::Name`] if the name is not allowed.
    pub fn new(
        archive: &str,
        random: [u8; 16],
        created_at: UtcSeconds,
        key: &VerifyingKey,
    ) -> Result<Identity, IdentityError> {
        let id = format!("{:032x}", u128::from_be_bytes(random));
        let identity = Identity {
            r#type: TYPE.into(),
            archive: archive.into(),
            id,
            created_at,
            keys: vec![key.to_string()],
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
        let mut keys = self.keys()?;
        keys.sort_by_key(ToString::to_string);
        keys.dedup();
        if keys.is_empty() || keys.len() != self.keys.len() {
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

    /// The time of creation by the creator's clock.
    #[must_use]
    pub fn created_at(&self) -> UtcSeconds {
        self.created_at
    }

    /// The keys in force until a key change.
    ///
    /// # Errors
    /// [`IdentityError::Keys`] if one is malformed.
    pub fn keys(&self) -> Result<Vec<VerifyingKey>, IdentityError> {
        self.keys
            .iter()
            .map(|key| key.parse().map_err(|_| IdentityError::Keys))
            .collect()
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::signed_note::SigningKey;

    #[test]
    fn an_identity_follows_the_format_and_reads_back() {
        let key = SigningKey::from_seed("kivend", &[7; 32]).unwrap();
        let made = Identity::new("kivend", [0xab; 16], UtcSeconds::from_unix(0), key.verifying_key()).unwrap();
        let text = String::from_utf8(made.to_bytes().unwrap()).unwrap();
        assert_eq!(
            text,
            format!(
                "{{\"type\":\"kivend.archive/v1\",\"archive\":\"kivend\",\"id\":\"{}\",\"created_at\":\"1970-01-01T00:00:00Z\",\"keys\":[\"{}\"]}}\n",
                "ab".repeat(16),
                key.verifying_key()
            )
        );
        assert_eq!(Identity::from_bytes(text.as_bytes()).unwrap(), made);
        for (from, to) in [
            ("/v1", "/v2"),
            ("\"kivend\"", "\"Kivend\""),
            ("abab", "ABAB"),
            ("[\"", "[\"x"),
            ("\n", ""),
        ] {
            assert!(
                Identity::from_bytes(text.replacen(from, to, 1).as_bytes()).is_err(),
                "{from}"
            );
        }
    }
}
