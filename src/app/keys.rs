//! Changes the signing key in two steps with an overlap: `rotate` adds a key and installs it on this machine; `retire` ends
//! the old one when no writer signs with it any more. Each step can be interrupted anywhere and run again: what was done is
//! found and not repeated. No key is deleted, and no private key is printed.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use crate::clock::Clock;
use crate::log::checkpoint::{CheckpointRef, SignedCheckpoint};
use crate::log::identity::Identity;
use crate::log::key_change::{self, KeyChange, KeyChangeType};
use crate::log::keyring::Term;
use crate::log::object_key::{Attempt, Key, LINKS, links_of};
use crate::log::signed_note::{Note, SigningKey, VerifyingKey};
use crate::reading::attempts;
use crate::reading::folders::{links_after, partitions};
use crate::store::{Store, pages};
use crate::task::error::AppError;
use crate::writing::checkpointer::Checkpointer;
use crate::writing::checkpoints;
use crate::writing::create::create_or_read;
use crate::writing::init;
use crate::writing::key_file::{self, KeySource};
use crate::writing::trust::WriterTrust;
use crate::writing::writer_keys::{self, WriterKeys};

/// The result of `kivend keys show`.
#[derive(Debug, Clone, Serialize)]
pub struct KeysReport {
    /// The archive's name.
    pub archive: String,
    /// Its id.
    pub archive_id: String,
    /// The path of the private key, whether or not it exists.
    pub key_file: PathBuf,
    /// All keys of the archive, retired ones too, in the order in which they were added.
    pub keys: Vec<KeyShown>,
}

/// One key.
#[derive(Debug, Clone, Serialize)]
pub struct KeyShown {
    /// The public key.
    pub key: String,
    /// The number of the key change that added it; `None` for a key in `archive.json`.
    pub added_by: Option<u64>,
    /// The number of the key change that retired it.
    pub retired_by: Option<u64>,
    /// Whether it may sign new notes.
    pub in_force: bool,
    /// Whether archivers on this machine sign with it.
    pub signs_here: bool,
}

/// The result of `kivend keys rotate`.
#[derive(Debug, Clone, Serialize)]
pub struct RotateReport {
    /// The key that archivers on this machine sign with after their next start.
    pub key: String,
    /// The path of its private key.
    pub key_file: PathBuf,
    /// The path to which the old private key was moved.
    pub old_key_file: Option<PathBuf>,
    /// What this run did.
    pub done: Rotated,
    /// The other keys in force, to be retired.
    pub to_retire: Vec<String>,
}

/// What a rotation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotated {
    /// A key was added.
    Added,
    /// Nothing: an older key must be retired first.
    OverlapOpen,
}

/// The result of `kivend keys retire`.
#[derive(Debug, Clone, Serialize)]
pub struct RetireReport {
    /// The retired keys.
    pub retired: Vec<String>,
    /// The number of the key change.
    pub change: u64,
    /// The checkpoint up to which signatures by the retired keys count.
    pub checkpoint: u64,
    /// Links beyond that checkpoint that a retired key signed meanwhile. They do not count; their records are archived again.
    pub late: Vec<String>,
}

/// Whether the newest link of an idle partition may be signed by the key to retire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// No: the newest link of every partition and the newest checkpoint must be signed by another key.
    Refused,
    /// Yes: the user knows that no archiver uses the key any more.
    Accepted,
}

/// Reads the archive's identity and its key changes.
async fn read(store: &dyn Store) -> Result<(Identity, WriterTrust), AppError> {
    let (identity, object) = init::read_identity(store).await?;
    let first = WriterTrust::of_identity(&identity, &object).map_err(|error| AppError::corrupt(error.to_string()))?;
    Ok((identity, writer_keys::read_all(store, first).await?))
}

/// Lists all keys of the archive.
///
/// # Errors
/// Errors of the store; `Corrupt` if the identity or the key changes are not valid.
pub async fn show(store: &dyn Store, source: &KeySource) -> Result<KeysReport, AppError> {
    let (identity, trust) = read(store).await?;
    // Listing the keys needs no private key.
    let own = source.read().ok();
    let shown = |term: &Term| KeyShown {
        key: term.key.to_string(),
        added_by: term.added.as_ref().map(|turn| turn.change),
        retired_by: term.retired.as_ref().map(|turn| turn.change),
        in_force: term.retired.is_none(),
        signs_here: own.as_ref().is_some_and(|own| *own.verifying_key() == term.key),
    };
    Ok(KeysReport {
        archive: identity.archive().to_owned(),
        archive_id: identity.id().to_owned(),
        key_file: source.file.clone(),
        keys: trust.keyring.terms().iter().map(shown).collect(),
    })
}

/// Adds a key, and installs it on this machine.
///
/// # Errors
/// Errors of the store; `Config` if the key on this machine is not in force, or its file cannot be replaced.
pub async fn rotate(store: &dyn Store, source: &KeySource) -> Result<RotateReport, AppError> {
    let (identity, mut trust) = read(store).await?;
    let own = source.read()?;
    writer_keys::require_in_force(&trust, own.verifying_key())?;
    let next_file = key_file::beside(&source.file, "next");
    if !next_file.exists() {
        let others = others_in_force(&trust, &own);
        if !others.is_empty() {
            return Ok(RotateReport {
                key: own.verifying_key().to_string(),
                key_file: source.file.clone(),
                old_key_file: None,
                done: Rotated::OverlapOpen,
                to_retire: others.iter().map(ToString::to_string).collect(),
            });
        }
        key_file::make(&next_file, identity.archive())?;
    }
    let next = key_file::read(&next_file)?;
    while trust.keyring.term(next.verifying_key()).is_none() {
        let newest = newest_checkpoint(store, &trust).await?;
        let add = vec![next.verifying_key().to_string()];
        let change = draft(&trust, add, Vec::new(), newest.reference());
        trust = write_change(store, trust, &change, &own, &[&next]).await?;
    }
    writer_keys::require_in_force(&trust, next.verifying_key())?;
    // After a crash here both keys are in force and the old one is installed; the next run continues from there.
    let (key_file, old_key_file) = match source.text {
        Some(_) => (next_file, None),
        None => (
            source.file.clone(),
            Some(key_file::replace(&source.file, &next_file, &own)?),
        ),
    };
    Ok(RotateReport {
        key: next.verifying_key().to_string(),
        key_file,
        old_key_file,
        done: Rotated::Added,
        to_retire: others_in_force(&trust, &next).iter().map(ToString::to_string).collect(),
    })
}

/// Retires all keys in force except the one on this machine, or only the given one.
///
/// # Errors
/// Errors of the store; `Config` if the key on this machine is not in force or is the one to retire, or if the other is still
/// in use.
pub async fn retire(
    store: &dyn Store,
    source: &KeySource,
    asked: Option<&VerifyingKey>,
    idle: Idle,
) -> Result<RetireReport, AppError> {
    let (identity, mut trust) = read(store).await?;
    let own = source.read()?;
    writer_keys::require_in_force(&trust, own.verifying_key())?;
    let keys = to_retire(&trust, &own, asked)?;
    let book = Arc::new(WriterKeys::new(trust.clone(), own.verifying_key()));
    let mut checkpointer = Checkpointer::new(identity.archive(), book, own.clone());
    let now = Clock::start().utc_seconds();
    while keys
        .iter()
        .any(|key| trust.keyring.in_force().any(|known| known == key))
    {
        if idle == Idle::Refused {
            let newest = newest_checkpoint(store, &trust).await?;
            refuse_unless_superseded(store, &newest, &keys).await?;
        }
        checkpointer.advance(store, now).await?;
        if idle == Idle::Refused {
            refuse_heads_of(store, &checkpointer, &keys).await?;
        }
        // Signed by the key on this machine, so after the last note of the old key. A crash here leaves one checkpoint more.
        let checkpoint = checkpointer.renew(store, now).await?;
        let retire = keys.iter().map(ToString::to_string).collect();
        let change = draft(&trust, Vec::new(), retire, checkpoint.reference());
        trust = write_change(store, trust, &change, &own, &[]).await?;
    }
    let turns = keys.iter().filter_map(|key| trust.keyring.term(key)?.retired.as_ref());
    let (change, number) = turns
        .map(|turn| (turn.change, turn.checkpoint))
        .max()
        .unwrap_or_default();
    Ok(RetireReport {
        late: late_links(store, &trust, number, &keys).await?,
        retired: keys.iter().map(ToString::to_string).collect(),
        change,
        checkpoint: number,
    })
}

fn others_in_force(trust: &WriterTrust, own: &SigningKey) -> Vec<VerifyingKey> {
    let others = trust.keyring.in_force().filter(|key| *key != own.verifying_key());
    others.cloned().collect()
}

fn to_retire(
    trust: &WriterTrust,
    own: &SigningKey,
    asked: Option<&VerifyingKey>,
) -> Result<Vec<VerifyingKey>, AppError> {
    let others = others_in_force(trust, own);
    match asked {
        Some(key) if key == own.verifying_key() => Err(AppError::config(format!(
            "this is the key that signs on this machine, so it cannot be retired here key=`{key}`"
        ))
        .fix("run `kivend keys rotate` first, or set archive.key_file to another key in force")),
        // A retired key is accepted: the run that retired it may have ended right after that.
        Some(key) if trust.keyring.term(key).is_some() => Ok(vec![key.clone()]),
        Some(key) => Err(
            AppError::input(format!("the key does not belong to this archive key=`{key}`"))
                .fix("`kivend keys show` lists its keys"),
        ),
        None if others.is_empty() => Err(AppError::input("there is no other key to retire")
            .fix("`kivend keys rotate` adds a new key; after that the old one can be retired")),
        None => Ok(others),
    }
}

fn draft(trust: &WriterTrust, add: Vec<String>, retire: Vec<String>, checkpoint: CheckpointRef) -> KeyChange {
    KeyChange {
        r#type: KeyChangeType::V1,
        id: trust.archive_id.clone(),
        number: trust.change_number + 1,
        add,
        retire,
        at: Clock::start().utc_seconds(),
        checkpoint,
        previous: trust.change,
    }
}

/// Creates the key change, unless another run was first. Returns the keys as they are then; the caller must check that its own
/// change is among them.
async fn write_change(
    store: &dyn Store,
    trust: WriterTrust,
    change: &KeyChange,
    signer: &SigningKey,
    added: &[&SigningKey],
) -> Result<WriterTrust, AppError> {
    let sealed = change
        .seal(signer, added)
        .map_err(|error| AppError::internal(error.to_string()))?;
    let mut attempt = Attempt::PLAIN;
    loop {
        let key = Key::KeyChange(change.number, attempt).to_string();
        let winner = match create_or_read(store, &key, &sealed).await? {
            None => true,
            Some(object) => key_change::open(&object, &trust.keyring, &trust.archive_id, change.number).is_ok(),
        };
        if winner {
            return writer_keys::read_all(store, trust).await;
        }
        attempt = attempt.next();
    }
}

async fn newest_checkpoint(store: &dyn Store, trust: &WriterTrust) -> Result<SignedCheckpoint, AppError> {
    let newest = checkpoints::newest(store, trust).await?;
    newest.ok_or_else(|| AppError::corrupt("the archive has no checkpoint 0"))
}

async fn refuse_unless_superseded(
    store: &dyn Store,
    newest: &SignedCheckpoint,
    keys: &[VerifyingKey],
) -> Result<(), AppError> {
    let number = newest.checkpoint.number;
    let signed = attempts::lowest(
        store,
        |attempt| Key::Checkpoint(number, attempt),
        |found| signed_by_any(&found.object, keys).then_some(found.key),
    );
    match signed.await? {
        Some(key) => Err(still_in_use("the newest checkpoint", &key)),
        None => Ok(()),
    }
}

async fn refuse_heads_of(
    store: &dyn Store,
    checkpointer: &Checkpointer,
    keys: &[VerifyingKey],
) -> Result<(), AppError> {
    for key in checkpointer.head_keys() {
        if let Some(object) = store.get(key).await?
            && signed_by_any(&object, keys)
        {
            return Err(still_in_use("the newest link of a partition", &key));
        }
    }
    Ok(())
}

fn still_in_use(what: &str, object: &dyn std::fmt::Display) -> AppError {
    AppError::config(format!(
        "{what} was signed by the key to retire, so an archiver may still use it object=`{object}`"
    ))
    .fix("restart all archivers with the new key and wait until every partition has archived something; if you know that no archiver uses the old key, add --accept-idle")
}

fn signed_by_any(object: &[u8], keys: &[VerifyingKey]) -> bool {
    let Ok(note) = Note::parse(object) else { return false };
    let by = |key: &VerifyingKey| note.signatures().iter().any(|line| key.signed(note.text(), line));
    keys.iter().any(by)
}

/// Links beyond the checkpoint that the retired keys signed.
async fn late_links(
    store: &dyn Store,
    trust: &WriterTrust,
    number: u64,
    keys: &[VerifyingKey],
) -> Result<Vec<String>, AppError> {
    let mut late = Vec::new();
    let Some(checkpoint) = checkpoints::at(store, trust, number).await? else {
        return Ok(late);
    };
    for partition in partitions(store, LINKS).await? {
        let head = checkpoint.checkpoint.head(&partition);
        let after = head.map(links_after);
        for key in pages::keys(store, &links_of(&partition), after.as_deref()).await? {
            if let Some(object) = store.get(&key).await?
                && signed_by_any(&object, keys)
            {
                late.push(key);
            }
        }
    }
    Ok(late)
}
