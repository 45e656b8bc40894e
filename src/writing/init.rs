//! Creates an archive (`archive.json`, the signing key's file, checkpoint 0) or opens an existing one with its signing
//! key. Never overwrites a key, and never prints a private key.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use crate::clock::{self, Clock};
use crate::log::checkpoint::CheckpointRef;
use crate::log::identity::{Identity, IdentityError, is_archive_name};
use crate::log::object_key::IDENTITY;
use crate::log::signed_note::SigningKey;
use crate::store::Store;
use crate::task::error::AppError;
use crate::writing::checkpointer::Checkpointer;
use crate::writing::key_file::KeySource;
use crate::writing::trust::WriterTrust;
use crate::writing::writer_keys::{self, WriterKeys};

/// An archive that this process may write to, opened with its signing key.
#[derive(Debug, Clone)]
pub struct OwnArchive {
    /// The content of `archive.json`.
    pub identity: Identity,
    /// The identity and keys as of opening.
    pub trust: WriterTrust,
    /// The keys whose signatures count, refreshed from the archive by its users.
    pub keys: Arc<WriterKeys>,
    /// The key that this process signs with.
    pub key: SigningKey,
    /// The newest checkpoint as of opening.
    pub checkpoint: CheckpointRef,
    /// The path of the signing key's file.
    pub key_file: PathBuf,
    /// Whether this call created the archive.
    pub made: Made,
}

/// When an archive was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Made {
    /// By the call that opened it.
    Now,
    /// Earlier.
    Before,
}

/// The report of `kivend init`.
#[derive(Debug, Clone, Serialize)]
pub struct InitReport {
    /// The archive's name.
    pub archive: String,
    /// The archive's id, 32 hexadecimal digits.
    pub archive_id: String,
    /// The public key, for everyone who verifies the archive.
    pub public_key: String,
    /// The path of the private key's file.
    pub key_file: PathBuf,
    /// Whether this call created the archive.
    pub made: Made,
}

impl From<&OwnArchive> for InitReport {
    fn from(own: &OwnArchive) -> InitReport {
        InitReport {
            archive: own.identity.archive().to_owned(),
            archive_id: own.identity.id().to_owned(),
            public_key: own.key.verifying_key().to_string(),
            key_file: own.key_file.clone(),
            made: own.made,
        }
    }
}

/// Opens the archive under the store's prefix, or creates it if there is none. A crash in between costs nothing: the
/// next call finds the key file and `archive.json`, and creates what is missing.
///
/// # Errors
/// The store's errors; `Config` if the archive has another name, or if the signing key is not in force.
pub async fn open_or_make(store: &dyn Store, archive: &str, source: &KeySource) -> Result<OwnArchive, AppError> {
    if !is_archive_name(archive) {
        return Err(AppError::config(IdentityError::Name(archive.to_owned()).to_string()));
    }
    let found = store.get(IDENTITY).await?;
    let made = if found.is_some() { Made::Before } else { Made::Now };
    let key = match made {
        Made::Before => source.read()?,
        Made::Now => source.read_or_make(archive)?,
    };
    let object = match found {
        Some(object) => object,
        None => create_identity(store, archive, &key).await?,
    };
    let identity = parse_identity(&object)?;
    check_name(&identity, archive)?;
    let first = WriterTrust::of_identity(&identity, &object).map_err(|error| AppError::corrupt(error.to_string()))?;
    let trust = writer_keys::read_all(store, first).await?;
    writer_keys::require_in_force(&trust, key.verifying_key())?;
    let keys = Arc::new(WriterKeys::new(trust.clone(), key.verifying_key()));
    let checkpoint = newest_checkpoint(store, archive, &keys, &key).await?;
    Ok(OwnArchive {
        identity,
        trust,
        keys,
        key,
        checkpoint,
        key_file: source.file.clone(),
        made,
    })
}

/// Reads `archive.json`: its content and its bytes.
///
/// # Errors
/// The store's errors; `Input` if it is missing, `Corrupt` if it breaks the format.
pub async fn read_identity(store: &dyn Store) -> Result<(Identity, Bytes), AppError> {
    let object = store.get(IDENTITY).await?.ok_or_else(|| {
        AppError::input("the prefix holds no archive: archive.json is missing")
            .fix("set store.bucket and store.prefix to the archive's, or create an archive with `kivend init`")
    })?;
    Ok((parse_identity(&object)?, object))
}

fn parse_identity(object: &[u8]) -> Result<Identity, AppError> {
    Identity::from_bytes(object)
        .map_err(|error| AppError::corrupt(format!("archive.json is not the identity of an archive: {error}")))
}

/// Creates `archive.json` and returns the object that the store then has: this one, or that of another writer who was
/// first.
async fn create_identity(store: &dyn Store, archive: &str, key: &SigningKey) -> Result<Bytes, AppError> {
    let identity = Identity::new(
        archive,
        clock::random_bytes()?,
        Clock::start().utc_seconds(),
        key.verifying_key(),
    )
    .and_then(|identity| identity.to_bytes())
    .map_err(|error| AppError::config(error.to_string()))?;
    store.create(IDENTITY, Bytes::from(identity)).await?;
    let stored = store.get(IDENTITY).await?;
    stored.ok_or_else(|| {
        AppError::corrupt("archive.json was created, but the store does not return it")
            .fix("check with `kivend doctor` that the store keeps the objects that it acknowledges")
    })
}

fn check_name(identity: &Identity, archive: &str) -> Result<(), AppError> {
    if identity.archive() == archive {
        return Ok(());
    }
    let found = identity.archive();
    Err(AppError::config(format!(
        "the prefix holds an archive with another name found=`{found}` configured=`{archive}`"
    ))
    .fix("set archive.name to that name, or store.prefix to an unused prefix"))
}

/// The newest checkpoint. Creates number 0 if it is missing, as after a crash between `archive.json` and it.
async fn newest_checkpoint(
    store: &dyn Store,
    archive: &str,
    keys: &Arc<WriterKeys>,
    key: &SigningKey,
) -> Result<CheckpointRef, AppError> {
    if let Some(newest) = crate::writing::checkpoints::newest(store, &keys.trust()).await? {
        return Ok(newest.reference());
    }
    let now = Clock::start().utc_seconds();
    let first = Checkpointer::new(archive, Arc::clone(keys), key.clone())
        .ensure_first(store, now)
        .await?;
    Ok(first.reference())
}
