//! `keys rotate`: adds a signing key and installs it on this machine.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use crate::app::keys::enter::Writable;
use crate::app::keys::proposing::{Asked, KeysAsked, change_of_keys};
use crate::log::change::KeysOf;
use crate::log::keyring::Role;
use crate::log::proposal::Proposal;
use crate::log::signed_note::VerifyingKey;
use crate::log::signer::{SignError, Signer};
use crate::store::Store;
use crate::task::error::AppError;
use crate::writing::key_source::{KeyPlace, KeySource};
use crate::writing::next_key::NextKey;
use crate::writing::trust::WriterTrust;

/// The result of `kivend keys rotate`.
#[derive(Debug, Clone, Serialize)]
pub struct RotateReport {
    /// The key that archivers on this machine sign with after their next start.
    pub key: String,
    /// Where its private key is kept.
    pub private_key: KeyPlace,
    /// The path to which the old private key was moved.
    pub old_key_file: Option<PathBuf>,
    /// What this run did.
    pub done: Rotated,
    /// The change, signed by the new key, for the holder of a change key; `None` unless it is needed.
    #[serde(skip)]
    pub proposal: Option<Vec<u8>>,
    /// The other keys in force, to be retired.
    pub to_retire: Vec<String>,
}

/// What a rotation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotated {
    /// A key was added.
    Added,
    /// A key was created, and the change that adds it needs the signature of a change key.
    Proposed,
    /// Nothing: an older key must be retired first.
    OverlapOpen,
}

/// Adds a key, and installs it on this machine if it is in a file. `next_label` names a key in a token; it is created if
/// there is none.
///
/// # Errors
/// Errors of the store; `Config` if the key on this machine is not in force, its file cannot be replaced, or the next one cannot
/// be created.
pub async fn rotate(store: &dyn Store, source: &KeySource, next_label: Option<&str>) -> Result<RotateReport, AppError> {
    let mut archive = Writable::open(store, source).await?;
    let own = archive.own.verifying_key().clone();
    let next_key = NextKey::after(source, next_label)?;
    let origin = own.name().to_owned();
    let prepared = next_key.open(&origin)?;
    if prepared.as_ref().is_some_and(|next| *next.verifying_key() == own) {
        return Err(
            AppError::config("the next key is the one that signs on this machine already")
                .fix("name a key with another label after --next-label"),
        );
    }
    let trust = archive.writer.trust();
    let is_added = |next: &Arc<dyn Signer>| trust.keyring().term(next.verifying_key()).is_some();
    let others = others_in_force(trust, &own);
    let report = |done, key: &VerifyingKey, to_retire: &[VerifyingKey]| RotateReport {
        key: key.to_string(),
        private_key: source.place(),
        old_key_file: None,
        done,
        proposal: None,
        to_retire: to_retire.iter().map(ToString::to_string).collect(),
    };
    if !others.is_empty() && !prepared.as_ref().is_some_and(is_added) {
        return Ok(report(Rotated::OverlapOpen, &own, &others));
    }
    let next = match prepared {
        Some(next) => next,
        None => next_key.make(&origin)?,
    };
    if trust.keyring().term(next.verifying_key()).is_none() {
        let asked = KeysAsked {
            of: KeysOf::Keys,
            asked: Asked::Add(vec![next.verifying_key().clone()]),
        };
        let proposal = Proposal::new(own.name(), &change_of_keys(&trust.history, &asked))
            .map_err(SignError::from)?
            .sign(next.as_ref())?;
        if trust.keyring().change_role() == Role::Change {
            return Ok(RotateReport {
                proposal: Some(proposal.to_bytes()),
                ..report(Rotated::Proposed, next.verifying_key(), &others)
            });
        }
        archive
            .enter(store, &proposal.sign(archive.own.clone().as_ref())?)
            .await?;
    }
    crate::writing::writer_log::require_in_force(archive.writer.trust(), next.verifying_key())?;
    // After a crash here both keys are in force and the old one is installed; the next run continues from there.
    let (private_key, old_key_file) = next_key.install(source, &own)?;
    let to_retire = others_in_force(archive.writer.trust(), next.verifying_key());
    Ok(RotateReport {
        private_key,
        old_key_file,
        ..report(Rotated::Added, next.verifying_key(), &to_retire)
    })
}

/// The signing keys in force except this one.
pub(super) fn others_in_force(trust: &WriterTrust, own: &VerifyingKey) -> Vec<VerifyingKey> {
    let others = trust.keyring().in_force(Role::Signing).filter(|key| *key != own);
    others.cloned().collect()
}
