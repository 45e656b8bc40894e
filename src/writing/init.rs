//! Makes an archive, once: `archive.json`, a signing key in its file, checkpoint 0; or opens the one that is there with
//! the key that belongs to it. Never overwrites a key, and never prints its secret.

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

/// An archive that this process may write to.
#[derive(Debug, Clone)]
pub struct OwnArchive {
    /// Who the archive is.
    pub identity: Identity,
    /// What its chains are checked against.
    pub trust: WriterTrust,
    /// The keys that count, kept up to date with the archive.
    pub keys: Arc<WriterKeys>,
    /// The key that signs.
    pub key: SigningKey,
    /// The newest checkpoint.
    pub checkpoint: CheckpointRef,
    /// Where the key lies.
    pub key_file: PathBuf,
    /// Whether it was made just now.
    pub made: Made,
}

/// Whether an archive was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Made {
    /// By this call.
    Now,
    /// Before.
    Before,
}

/// What `kivend init` reports.
#[derive(Debug, Clone, Serialize)]
pub struct InitReport {
    /// The archive's name.
    pub archive: String,
    /// Its id.
    pub archive_id: String,
    /// The key to give to whoever verifies.
    pub public_key: String,
    /// Where the private key lies.
    pub key_file: PathBuf,
    /// Whether it was made just now.
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

/// Opens the archive under the store's prefix, or makes it where nothing is.
///
/// # Errors
/// What the store says; `Config` where the archive has another name, or the key in the file is none of its keys.
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

/// Reads `archive.json`: the identity, and the object itself.
///
/// # Errors
/// What the store says; `Input` where there is none, `Corrupt` where it is none.
pub async fn read_identity(store: &dyn Store) -> Result<(Identity, Bytes), AppError> {
    let object = store.get(IDENTITY).await?.ok_or_else(|| {
        AppError::input("no archive stands under this prefix")
            .fix("set store.bucket and store.prefix to where it is, or make one with `kivend init`")
    })?;
    Ok((parse_identity(&object)?, object))
}

fn parse_identity(object: &[u8]) -> Result<Identity, AppError> {
    Identity::from_bytes(object).map_err(|error| AppError::corrupt(format!("archive.json cannot be trusted: {error}")))
}

/// The identity as it stands after this: ours, or that of who was first.
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
    let stands = store.get(IDENTITY).await?;
    stands.ok_or_else(|| AppError::corrupt("archive.json was created and is not there: the store loses objects"))
}

fn check_name(identity: &Identity, archive: &str) -> Result<(), AppError> {
    if identity.archive() == archive {
        return Ok(());
    }
    let found = identity.archive();
    Err(AppError::config(format!(
        "another archive stands under this prefix found=`{found}` configured=`{archive}`"
    ))
    .fix("set archive.name to its name, or store.prefix to a prefix of your own"))
}

/// The newest checkpoint; number 0 is made where a crash after `archive.json` left it out.
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
        .found(store, now)
        .await?;
    Ok(first.reference())
}
