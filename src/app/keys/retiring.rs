//! `keys retire`: ends the old key when no writer signs with it any more.

use serde::Serialize;

use crate::app::keys::enter::Writable;
use crate::app::keys::proposing::{Asked, KeysAsked, change_of_keys};
use crate::app::keys::rotating::others_in_force;
use crate::clock::Clock;
use crate::log::change::KeysOf;
use crate::log::keyring::Role;
use crate::log::limits::NOTE_MAX_BYTES;
use crate::log::object_key::{LINKS, links_of};
use crate::log::proposal::Proposal;
use crate::log::signed_note::{Note, VerifyingKey};
use crate::log::signer::SignError;
use crate::reading::folders::{links_after, partitions};
use crate::store::{Store, pages};
use crate::task::error::AppError;
use crate::writing::entry_writer::{EntryWriter, Moment};
use crate::writing::key_source::KeySource;
use crate::writing::trust::WriterTrust;

/// The result of `kivend keys retire`.
#[derive(Debug, Clone, Serialize)]
pub struct RetireReport {
    /// The keys that are retired, or that the proposal retires.
    pub retired: Vec<String>,
    /// The entry that retires them; `None` if the change needs the signature of a change key.
    pub entry: Option<u64>,
    /// The change for the holder of a change key; `None` unless it is needed.
    #[serde(skip)]
    pub proposal: Option<Vec<u8>>,
    /// Links beyond the heads that decide, which a retired key signed meanwhile. They do not count; their records are archived
    /// again.
    pub late: Vec<String>,
}

/// Whether the newest link of an idle partition may be signed by the key to retire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// No: the newest link of every partition must be signed by another key.
    Refused,
    /// Yes: the user knows that no archiver uses the key any more.
    Accepted,
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
    let mut archive = Writable::open(store, source).await?;
    let own = archive.own.verifying_key().clone();
    let keys = to_retire(archive.writer.trust(), &own, asked)?;
    let moment = Moment::at(Clock::start().utc_seconds());
    archive.writer.advance(store, &moment).await?;
    let retired: Vec<String> = keys.iter().map(ToString::to_string).collect();
    let open: Vec<VerifyingKey> = {
        let in_force = |key: &&VerifyingKey| {
            archive
                .writer
                .trust()
                .keyring()
                .in_force(Role::Signing)
                .any(|known| known == *key)
        };
        keys.iter().filter(in_force).cloned().collect()
    };
    if !open.is_empty() {
        if idle == Idle::Refused {
            refuse_heads_of(store, &archive.writer, &open).await?;
        }
        let asked = KeysAsked {
            of: KeysOf::Keys,
            asked: Asked::Retire(open),
        };
        let history = &archive.writer.trust().history;
        let proposal = Proposal::new(own.name(), &change_of_keys(history, &asked)).map_err(SignError::from)?;
        if history.keyring().change_role() == Role::Change {
            return Ok(RetireReport {
                retired,
                entry: None,
                proposal: Some(proposal.to_bytes()),
                late: Vec::new(),
            });
        }
        let signed = proposal.sign(archive.own.as_ref())?;
        archive.enter(store, &signed).await?;
    }
    let trust = archive.writer.trust();
    let entries = keys
        .iter()
        .filter_map(|key| Some(trust.keyring().term(key)?.retired.as_ref()?.entry));
    Ok(RetireReport {
        entry: entries.max(),
        late: late_links(store, trust, &keys).await?,
        retired,
        proposal: None,
    })
}

fn to_retire(
    trust: &WriterTrust,
    own: &VerifyingKey,
    asked: Option<&VerifyingKey>,
) -> Result<Vec<VerifyingKey>, AppError> {
    let others = others_in_force(trust, own);
    match asked {
        Some(key) if key == own => Err(AppError::config(format!(
            "the key {key} signs on this machine, so it cannot be retired here"
        ))
        .fix(
            "run `kivend keys rotate` first, or set archive.key_file or archive.pkcs11.label to another key in force",
        )),
        // A retired key is accepted: the run that retired it may have ended right after that.
        Some(key) if trust.keyring().term(key).is_some_and(|term| term.role == Role::Signing) => Ok(vec![key.clone()]),
        Some(key) => Err(
            AppError::input(format!("the key {key} is not a signing key of this archive"))
                .fix("`kivend keys show` lists its keys; change keys are retired with `kivend keys propose`"),
        ),
        None if others.is_empty() => Err(AppError::input("there is no other key to retire")
            .fix("`kivend keys rotate` adds a new key; after that the old one can be retired")),
        None => Ok(others),
    }
}

async fn refuse_heads_of(store: &dyn Store, writer: &EntryWriter, keys: &[VerifyingKey]) -> Result<(), AppError> {
    for key in writer.head_keys() {
        if let Some(object) = store.get(key, NOTE_MAX_BYTES).await?
            && signed_by_any(&object, keys)
        {
            return Err(AppError::config(format!(
                "the newest link of a partition, {key}, was signed by the key to retire, so an archiver may still use it"
            ))
            .fix("restart all archivers with the new key and wait until every partition has archived something; if you know that no archiver uses the old key, add --accept-idle"));
        }
    }
    Ok(())
}

fn signed_by_any(object: &[u8], keys: &[VerifyingKey]) -> bool {
    let Ok(note) = Note::parse(object) else { return false };
    let by = |key: &VerifyingKey| note.signatures().iter().any(|line| key.signed(note.text(), line));
    keys.iter().any(by)
}

/// Links beyond the heads of the newest entry that the retired keys signed.
async fn late_links(store: &dyn Store, trust: &WriterTrust, keys: &[VerifyingKey]) -> Result<Vec<String>, AppError> {
    let mut late = Vec::new();
    for partition in partitions(store, LINKS).await? {
        let head = crate::log::head::head_of(trust.history.heads(), &partition);
        let after = head.map(links_after);
        for key in pages::keys(store, &links_of(&partition), after.as_deref()).await? {
            if let Some(object) = store.get(&key, NOTE_MAX_BYTES).await?
                && signed_by_any(&object, keys)
            {
                late.push(key);
            }
        }
    }
    Ok(late)
}
