//! `keys show`: all keys of an archive, since and until when they count.

use serde::Serialize;

use crate::error::{Explain, Kind};
use crate::log::keyring::{Role, Term};
use crate::store::Store;
use crate::task::error::AppError;
use crate::writing::init;
use crate::writing::key_source::{KeyPlace, KeySource};
use crate::writing::log_start;
use crate::writing::trust::WriterTrust;

/// The result of `kivend keys show`.
#[derive(Debug, Clone, Serialize)]
pub struct KeysReport {
    /// The archive's name.
    pub archive: String,
    /// Its id.
    pub archive_id: String,
    /// Its origin, which names the keys.
    pub origin: String,
    /// Where the private key of this machine is kept, whether or not it exists.
    pub private_key: KeyPlace,
    /// Why the private key cannot be used, if it is there and cannot.
    pub private_key_problem: Option<String>,
    /// All keys of the archive, retired ones too, in the order in which they were added.
    pub keys: Vec<KeyShown>,
}

/// One key.
#[derive(Debug, Clone, Serialize)]
pub struct KeyShown {
    /// The public key.
    pub key: String,
    /// What it signs: `signing` or `change`.
    pub role: &'static str,
    /// The number of the log's entry that added it; `None` for a key in `archive.json`.
    pub added_by: Option<u64>,
    /// The number of the log's entry that retired it.
    pub retired_by: Option<u64>,
    /// Whether it may sign new notes.
    pub in_force: bool,
    /// Whether archivers on this machine sign with it.
    pub signs_here: bool,
}

/// Checks that the archive has the configured name, so that a wrong one is not taken for a missing key.
///
/// # Errors
/// Errors of the store; `Config` if it has another name.
pub async fn require_name(store: &dyn Store, name: &str) -> Result<(), AppError> {
    let (identity, _) = init::read_identity(store).await?;
    init::check_name(&identity, name)
}

/// Lists all keys of the archive.
///
/// # Errors
/// Errors of the store; `Corrupt` if the identity is not valid.
pub async fn show(store: &dyn Store, source: &KeySource) -> Result<KeysReport, AppError> {
    let (identity, object) = init::read_identity(store).await?;
    let first = WriterTrust::of_identity(&identity, &object).map_err(|error| AppError::corrupt(error.to_string()))?;
    // Listing the keys needs no private key.
    let read = source.read(identity.origin());
    let problem = read.as_ref().err().filter(|error| error.kind() == Kind::Config);
    let private_key_problem = problem.map(|error| {
        let remedy = Explain::remedy(error).map_or(String::new(), |remedy| format!("; {remedy}"));
        format!("{error}{remedy}")
    });
    let own = read.ok();
    let own = own.as_ref().map(|own| own.verifying_key().clone());
    let trust = log_start::read(store, first, own.as_ref()).await?;
    let shown = |term: &Term| KeyShown {
        key: term.key.to_string(),
        role: match term.role {
            Role::Signing => "signing",
            Role::Change => "change",
        },
        added_by: term.added.as_ref().map(|added| added.entry),
        retired_by: term.retired.as_ref().map(|retired| retired.entry),
        in_force: term.retired.is_none(),
        signs_here: own.as_ref() == Some(&term.key),
    };
    Ok(KeysReport {
        archive: identity.archive().to_owned(),
        archive_id: identity.id().to_owned(),
        origin: identity.origin().to_owned(),
        private_key: source.place(),
        private_key_problem,
        keys: trust.keyring().terms().iter().map(shown).collect(),
    })
}
