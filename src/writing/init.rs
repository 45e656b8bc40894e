//! Creates an archive (`archive.json`, the key files, entry 0 and its checkpoint) or opens an existing one with its signing
//! key. Never overwrites a key, and never prints a private key.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use crate::clock::{self, Clock};
use crate::log::checkpoint::CheckpointRef;
use crate::log::identity::{FirstKeys, Identity, IdentityError, default_origin, is_archive_name, is_origin};
use crate::log::keyring::Role;
use crate::log::limits::IDENTITY_MAX_BYTES;
use crate::log::object_key::IDENTITY;
use crate::log::signer::Signer;
use crate::store::Store;
use crate::task::error::AppError;
use crate::writing::entry_writer::EntryWriter;
use crate::writing::key_source::{KeyPlace, KeySource};
use crate::writing::log_start;
use crate::writing::trust::WriterTrust;
use crate::writing::writer_log::{self, WriterLog};

/// An archive that this process may write to, opened with its signing key.
#[derive(Debug, Clone)]
pub struct OwnArchive {
    /// The content of `archive.json`.
    pub identity: Identity,
    /// The log as of opening.
    pub trust: Arc<WriterTrust>,
    /// The log, refreshed from the archive by its users.
    pub log: Arc<WriterLog>,
    /// The key that this process signs with.
    pub signer: Arc<dyn Signer>,
    /// The newest checkpoint as of opening.
    pub checkpoint: CheckpointRef,
    /// Where the private key is kept.
    pub private_key: KeyPlace,
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
    /// Its origin: the name of its keys, and the first line of its checkpoints.
    pub origin: String,
    /// The public key, for everyone who verifies the archive.
    pub public_key: String,
    /// The keys that sign changes, kept elsewhere; none if the signing keys do.
    pub change_keys: Vec<String>,
    /// Where the private key is kept: a path, or the URI of a key in a token.
    pub private_key: KeyPlace,
    /// Whether this call created the archive.
    pub made: Made,
}

impl From<&OwnArchive> for InitReport {
    fn from(own: &OwnArchive) -> InitReport {
        InitReport {
            archive: own.identity.archive().to_owned(),
            archive_id: own.identity.id().to_owned(),
            origin: own.identity.origin().to_owned(),
            change_keys: own
                .trust
                .keyring()
                .in_force(Role::Change)
                .map(ToString::to_string)
                .collect(),
            public_key: own.signer.verifying_key().to_string(),
            private_key: own.private_key.clone(),
            made: own.made,
        }
    }
}

/// How an archive is created if there is none.
#[derive(Debug, Clone, Default)]
pub struct NewArchive {
    /// The origin, by which witnesses know its log; by default its name and the first digits of its id.
    pub origin: Option<String>,
    /// The file of a change key, which is created if it is missing. Without one, the signing key signs changes.
    pub change_key: Option<PathBuf>,
}

/// Opens the archive under the store's prefix, or creates it if there is none. A crash in between costs nothing: the
/// next call finds the key file and `archive.json`, and creates what is missing.
///
/// # Errors
/// The store's errors; `Config` if the archive has another name, or if the signing key is not in force.
pub async fn open_or_make(
    store: &dyn Store,
    archive: &str,
    source: &KeySource,
    new: &NewArchive,
) -> Result<OwnArchive, AppError> {
    if !is_archive_name(archive) {
        return Err(AppError::config(IdentityError::Name(archive.to_owned()).to_string()));
    }
    let found = store.get(IDENTITY, IDENTITY_MAX_BYTES).await?;
    let made = if found.is_some() { Made::Before } else { Made::Now };
    let object = match found {
        Some(object) => object,
        None => create_identity(store, archive, source, new).await?,
    };
    let identity = parse_identity(&object)?;
    check_name(&identity, archive)?;
    let signer = source.read(identity.origin())?;
    let first = WriterTrust::of_identity(&identity, &object).map_err(|error| AppError::corrupt(error.to_string()))?;
    let start = log_start::read(store, first, Some(signer.verifying_key())).await?;
    writer_log::require_known(&start, signer.verifying_key())?;
    let log = Arc::new(WriterLog::new(start, signer.verifying_key()));
    let mut writer = EntryWriter::new(Arc::clone(&log), Arc::clone(&signer));
    let now = Clock::start().utc_seconds();
    if let Some(file) = &new.change_key {
        let change: Arc<dyn Signer> = KeySource::of_file(file.clone()).read(identity.origin())?;
        writer.begin(store, now, &change).await?;
    }
    let checkpoint = writer.complete(store, now).await?;
    log.require_own()?;
    Ok(OwnArchive {
        trust: log.trust(),
        identity,
        log,
        signer,
        checkpoint,
        private_key: source.place(),
        made,
    })
}

/// Reads `archive.json`: its content and its bytes.
///
/// # Errors
/// The store's errors; `Input` if it is missing, `Corrupt` if it breaks the format.
pub async fn read_identity(store: &dyn Store) -> Result<(Identity, Bytes), AppError> {
    let object = store.get(IDENTITY, IDENTITY_MAX_BYTES).await?.ok_or_else(|| {
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
/// first. The key files come first, so that nothing is signed with a key that a crash loses.
async fn create_identity(
    store: &dyn Store,
    archive: &str,
    source: &KeySource,
    new: &NewArchive,
) -> Result<Bytes, AppError> {
    let id = clock::random_bytes()?;
    let origin = new.origin.clone().unwrap_or_else(|| default_origin(archive, &id));
    if !is_origin(&origin) {
        return Err(AppError::config(IdentityError::Origin(origin).to_string()));
    }
    let signer = source.read_or_make(&origin)?;
    let change = match &new.change_key {
        Some(file) => vec![
            KeySource::of_file(file.clone())
                .read_or_make(&origin)?
                .verifying_key()
                .clone(),
        ],
        None => Vec::new(),
    };
    let keys = FirstKeys {
        signing: signer.verifying_key(),
        change: &change,
    };
    let identity = Identity::new(archive, id, Clock::start().utc_seconds(), &keys)
        .and_then(|identity| identity.to_bytes())
        .map_err(|error| AppError::config(error.to_string()))?;
    store.create(IDENTITY, Bytes::from(identity)).await?;
    let stored = store.get(IDENTITY, IDENTITY_MAX_BYTES).await?;
    stored.ok_or_else(|| {
        AppError::corrupt("archive.json was created, but the store does not return it")
            .fix("check with `kivend doctor` that the store keeps the objects that it acknowledges")
    })
}

/// Checks that the archive has the configured name.
///
/// # Errors
/// `Config` if it has another one.
pub fn check_name(identity: &Identity, archive: &str) -> Result<(), AppError> {
    if identity.archive() == archive {
        return Ok(());
    }
    let found = identity.archive();
    Err(AppError::config(format!(
        "the prefix holds an archive with another name: `{found}`, while `{archive}` is configured"
    ))
    .fix("set archive.name to that name, or store.prefix to an unused prefix"))
}
