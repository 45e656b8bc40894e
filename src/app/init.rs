//! Makes an archive, once: `archive.json`, a signing key in its file, checkpoint 0; or opens the one that is there with
//! the key that belongs to it. Never overwrites a key, and never prints its secret.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use crate::app::checkpoint::Checkpointer;
use crate::app::error::AppError;
use crate::app::head::Trust;
use crate::app::key_book::{self, KeyBook};
use crate::clock::{self, Clock};
use crate::error::Kind;
use crate::model::note::SigningKey;
use crate::segment::identity::{Identity, IdentityError, is_archive_name};
use crate::segment::key::IDENTITY;
use crate::segment::link::CheckpointRef;
use crate::store::Store;

/// An archive that this process may write to.
#[derive(Debug, Clone)]
pub struct OwnArchive {
    /// Who the archive is.
    pub identity: Identity,
    /// What its chains are checked against.
    pub trust: Trust,
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
pub async fn open_or_make(store: &dyn Store, archive: &str, key_file: &Path) -> Result<OwnArchive, AppError> {
    if !is_archive_name(archive) {
        return Err(AppError::config(IdentityError::Name(archive.to_owned()).to_string()));
    }
    let found = store.get(IDENTITY).await?;
    let made = if found.is_some() { Made::Before } else { Made::Now };
    let key = match made {
        Made::Before => read_key(key_file)?,
        Made::Now => read_or_make_key(key_file, archive)?,
    };
    let object = match found {
        Some(object) => object,
        None => create_identity(store, archive, &key).await?,
    };
    let identity = Identity::from_bytes(&object)
        .map_err(|error| AppError::corrupt(format!("archive.json cannot be trusted: {error}")))?;
    check_name(&identity, archive)?;
    let first = Trust::of_identity(&identity, &object).map_err(|error| AppError::corrupt(error.to_string()))?;
    let trust = key_book::read_all(store, first).await?;
    key_book::require_in_force(&trust, key.verifying_key())?;
    let checkpoint = newest_checkpoint(store, archive, &trust, &key).await?;
    Ok(OwnArchive {
        identity,
        trust,
        key,
        checkpoint,
        key_file: key_file.to_owned(),
        made,
    })
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
    trust: &Trust,
    key: &SigningKey,
) -> Result<CheckpointRef, AppError> {
    if let Some(newest) = crate::app::checkpoint::newest(store, trust).await? {
        return Ok(newest.reference());
    }
    let now = Clock::start().utc_seconds();
    let keys = Arc::new(KeyBook::new(trust.clone(), key.verifying_key()));
    let first = Checkpointer::new(archive, keys, key.clone()).found(store, now).await?;
    Ok(first.reference())
}

fn read_or_make_key(file: &Path, name: &str) -> Result<SigningKey, AppError> {
    match read_key(file) {
        Err(AppError::Told { kind: Kind::Input, .. }) => make_key(file, name),
        read => read,
    }
}

/// Reads the signing key, whose file must be its owner's only.
///
/// # Errors
/// `Input` where there is no file; `Config` where others may read it or it holds no key.
pub fn read_key(file: &Path) -> Result<SigningKey, AppError> {
    let shown = file.display();
    let metadata = match fs::metadata(file) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(
                AppError::input(format!("the archive's signing key is not here key_file=`{shown}`"))
                    .fix("copy it from where the archive was made, or set archive.key_file"),
            );
        }
        Err(error) => {
            return Err(
                AppError::config(format!("the signing key cannot be read: {error} key_file=`{shown}`"))
                    .fix("let this user read the file, or set archive.key_file to another"),
            );
        }
    };
    if metadata.mode() & 0o077 != 0 {
        return Err(AppError::config(format!(
            "others may read the signing key key_file=`{shown}` mode=`{:o}`",
            metadata.mode() & 0o777
        ))
        .fix("make it its owner's only with `chmod 600`, and take a new key if anybody did read it"));
    }
    let text = fs::read_to_string(file)
        .map_err(|error| AppError::config(format!("the signing key cannot be read: {error} key_file=`{shown}`")))?;
    text.trim_end().parse().map_err(|_| {
        AppError::config(format!(
            "the file holds no signing key of the form PRIVATE+KEY+… key_file=`{shown}`"
        ))
        .fix("set archive.key_file to the file that `kivend init` made")
    })
}

/// Makes a key and its file, readable by its owner only, before anything is signed with it.
fn make_key(file: &Path, name: &str) -> Result<SigningKey, AppError> {
    let key =
        SigningKey::from_seed(name, &clock::random_bytes()?).map_err(|error| AppError::internal(error.to_string()))?;
    let write = || -> std::io::Result<()> {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut opened = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(file)?;
        writeln!(opened, "{}", key.to_secret_text())?;
        opened.sync_all()
    };
    write().map_err(|error| {
        AppError::config(format!(
            "the signing key cannot be written: {error} key_file=`{}`",
            file.display()
        ))
        .fix("set archive.key_file to where this user may write")
    })?;
    Ok(key)
}
