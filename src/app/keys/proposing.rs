//! `keys propose` writes a change to a file; `keys sign` signs it and needs neither bucket nor network.

use serde::Serialize;

use crate::clock::Clock;
use crate::log::change::{Before, Change, ChangeType, KeysChange, KeysOf};
use crate::log::history::History;
use crate::log::proposal::Proposal;
use crate::log::signed_note::VerifyingKey;
use crate::log::signer::{SignError, Signer};
use crate::store::Store;
use crate::task::error::AppError;
use crate::writing::init;
use crate::writing::log_start;
use crate::writing::trust::WriterTrust;

/// What a change of keys does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Adds these keys.
    Add(Vec<VerifyingKey>),
    /// Retires these keys.
    Retire(Vec<VerifyingKey>),
}

/// A change of keys that a user asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysAsked {
    /// The kind of keys.
    pub of: KeysOf,
    /// What happens to them.
    pub asked: Asked,
}

/// The result of `kivend keys propose`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProposalReport {
    /// The sequence of the change.
    pub sequence: u64,
    /// The text of the change.
    pub text: String,
    /// The keys of which one must sign first.
    pub first_signers: Vec<String>,
    /// The keys that must sign too.
    pub added: Vec<String>,
}

/// The result of `kivend keys sign`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignReport {
    /// The text of the change.
    pub text: String,
    /// The public key that signed it.
    pub signed_by: String,
}

/// Makes a change of keys that continues the newest change.
///
/// # Errors
/// The store's errors; `Input` if there is no archive, or if the change would not be valid whoever signed it.
pub async fn propose(store: &dyn Store, asked: &KeysAsked) -> Result<(Proposal, ProposalReport), AppError> {
    let (identity, object) = init::read_identity(store).await?;
    let first = WriterTrust::of_identity(&identity, &object).map_err(|error| AppError::corrupt(error.to_string()))?;
    let trust = log_start::read(store, first, None).await?;
    let before = trust.history.before_change();
    check(&before, asked, &trust.history)?;
    let change = change_of_keys(&trust.history, asked);
    let proposal = Proposal::new(identity.origin(), &change).map_err(SignError::from)?;
    let retired: &[VerifyingKey] = match &asked.asked {
        Asked::Add(_) => &[],
        Asked::Retire(keys) => keys,
    };
    let signers = before.keyring.in_force(before.signing_role());
    // A change is not signed by a key that it retires.
    let signers = signers.filter(|key| !retired.contains(key));
    let report = ProposalReport {
        sequence: change.sequence(),
        text: change.to_text().unwrap_or_default(),
        first_signers: signers.map(ToString::to_string).collect(),
        added: match &asked.asked {
            Asked::Add(keys) => keys.iter().map(ToString::to_string).collect(),
            Asked::Retire(_) => Vec::new(),
        },
    };
    Ok((proposal, report))
}

/// Refuses a change that no signature makes valid, before it is carried to the holder of a change key.
fn check(before: &Before<'_>, asked: &KeysAsked, history: &History) -> Result<(), AppError> {
    let Change::Keys(change) = change_of_keys(history, asked) else {
        return Ok(());
    };
    let none: &[VerifyingKey] = &[];
    let (add, retire) = match &asked.asked {
        Asked::Add(keys) => (&keys[..], none),
        Asked::Retire(keys) => (none, &keys[..]),
    };
    before.check_unsigned(&change, add, retire).map_err(|why| {
        let refused = AppError::input(format!("the change is not possible: {why}"));
        match (asked.of, before.leaves_none(asked.of.role(), retire) && !retire.is_empty()) {
            (KeysOf::ChangeKeys, true) => refused.fix(
                "add another change key first (`kivend keys propose --change-keys --add PUBLIC`, then `keys sign` and `keys apply`), and retire this one with the change after it",
            ),
            (KeysOf::Keys, true) => refused.fix(
                "add another signing key first (`kivend keys rotate`, or `kivend keys propose --add PUBLIC`), and retire this one with the change after it",
            ),
            _ => refused.fix("`kivend keys show` lists the keys of the archive, and which are in force"),
        }
    })
}

/// The change of keys that comes next in this log.
#[must_use]
pub fn change_of_keys(history: &History, asked: &KeysAsked) -> Change {
    let written = |keys: &[VerifyingKey]| keys.iter().map(ToString::to_string).collect();
    let (add, retire) = match &asked.asked {
        Asked::Add(keys) => (written(keys), Vec::new()),
        Asked::Retire(keys) => (Vec::new(), written(keys)),
    };
    let newest = history.changes();
    Change::Keys(KeysChange {
        r#type: ChangeType::V1,
        archive_id: history.archive_id().to_owned(),
        sequence: newest.sequence + 1,
        previous: newest.sha256,
        at: Clock::start().utc_seconds(),
        of: asked.of,
        add,
        retire,
    })
}

/// The name of the keys that sign the change in a file.
///
/// # Errors
/// `Input` if the file holds no change.
pub fn origin_of(file: &[u8]) -> Result<String, AppError> {
    let proposal = Proposal::from_bytes(file);
    let proposal = proposal.map_err(|error| AppError::input(format!("the file holds no change: {error}")))?;
    Ok(proposal.origin().to_owned())
}

/// Signs the change in a file. Reads and writes nothing else.
///
/// # Errors
/// `Input` if the file holds no change; those of the key.
pub fn sign(file: &[u8], signer: &dyn Signer) -> Result<(Proposal, SignReport), AppError> {
    let not_a_change = |error: &dyn std::fmt::Display| AppError::input(format!("the file holds no change: {error}"));
    let proposal = Proposal::from_bytes(file).map_err(|error| not_a_change(&error))?;
    let change = proposal.change().map_err(|error| not_a_change(&error))?;
    let signed = proposal.sign(signer)?;
    let report = SignReport {
        text: change.to_text().unwrap_or_default(),
        signed_by: signer.verifying_key().to_string(),
    };
    Ok((signed, report))
}
