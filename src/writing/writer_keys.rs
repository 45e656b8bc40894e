//! The keys that a writer believes in, kept up to date with `keys/`: one listing before each link, from the last known
//! change on. Tells when the writer's own key was retired: then it stops. Never writes a key change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::archive::step::{Slot, Ticket};
use crate::log::key_change::{self, SignedKeyChange};
use crate::log::note::Invalid;
use crate::log::object_key::{Attempt, KEY_CHANGES, Key};
use crate::log::signed_note::VerifyingKey;
use crate::store::{Store, pages};
use crate::task::error::AppError;
use crate::writing::checkpoints;
use crate::writing::trust::WriterTrust;

/// Which keys count, shared by everything that writes in this process.
#[derive(Debug)]
pub struct WriterKeys {
    own: VerifyingKey,
    known: RwLock<Known>,
    /// Partitions whose next link needs no listing of its own, and in which turn: their segment's upload had one.
    listed: Mutex<HashMap<Slot, u64>>,
}

#[derive(Debug, Clone)]
struct Known {
    trust: Arc<WriterTrust>,
    /// What the last listing showed beyond the newest change: nothing of it is valid.
    junk: Vec<String>,
}

impl WriterKeys {
    /// Begins with what is known; `own` is the key that signs here.
    #[must_use]
    pub fn new(trust: WriterTrust, own: &VerifyingKey) -> WriterKeys {
        let known = Known {
            trust: Arc::new(trust),
            junk: Vec::new(),
        };
        WriterKeys {
            own: own.clone(),
            known: RwLock::new(known),
            listed: Mutex::default(),
        }
    }

    /// What is known now.
    #[must_use]
    pub fn trust(&self) -> Arc<WriterTrust> {
        Arc::clone(&self.known().trust)
    }

    fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lists what stands beyond the newest known change, and takes it into account: one request where nothing is new.
    ///
    /// # Errors
    /// What the store says; `Corrupt` where a signed change breaks a rule, or one is missing.
    pub async fn refresh(&self, store: &dyn Store) -> Result<Arc<WriterTrust>, AppError> {
        let before = self.known();
        let listed = list_beyond(store, before.trust.change_number).await?;
        if listed == before.junk {
            return Ok(before.trust);
        }
        let trust = Arc::new(read_on(store, WriterTrust::clone(&before.trust), &listed).await?);
        let newest = Key::KeyChange(trust.change_number, Attempt::PLAIN).to_string();
        let junk = listed.into_iter().filter(|key| *key > newest).collect();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // Another task may have read further meanwhile.
        if trust.change_number >= known.trust.change_number {
            *known = Known { trust, junk };
        }
        Ok(Arc::clone(&known.trust))
    }

    /// Whether the key that signs here may go on signing, by what the last listing showed.
    ///
    /// # Errors
    /// `Config` where it was retired, or never was the archive's.
    pub fn require_own(&self) -> Result<(), AppError> {
        require_in_force(&self.trust(), &self.own)
    }

    /// The listing before this partition's next link has been made, while its segment was on the way.
    pub fn note_listed(&self, ticket: Ticket) {
        self.lock().insert(ticket.slot, ticket.turn);
    }

    /// Whether it has been; said once.
    #[must_use]
    pub fn take_listed(&self, ticket: Ticket) -> bool {
        self.lock().remove(&ticket.slot) == Some(ticket.turn)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Slot, u64>> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Demands that a key is in force.
///
/// # Errors
/// `Config` with what to do where it is not.
pub fn require_in_force(trust: &WriterTrust, key: &VerifyingKey) -> Result<(), AppError> {
    let Some(term) = trust.keyring.term(key) else {
        return Err(
            AppError::config(format!("the signing key is none of this archive's key=`{key}`"))
                .fix("set archive.key_file to the archive's key, or store.prefix to a prefix of your own"),
        );
    };
    match &term.retired {
        None => Ok(()),
        Some(turn) => {
            let change = turn.change;
            Err(
                AppError::config(format!("the signing key was retired key=`{key}` change=`{change}`"))
                    .fix("set archive.key_file to a key in force, which `kivend keys show` names, and start again"),
            )
        }
    }
}

/// Reads every key change from `trust` on.
///
/// # Errors
/// What the store says; `Corrupt` where a signed change breaks a rule, or one is missing.
pub async fn read_all(store: &dyn Store, trust: WriterTrust) -> Result<WriterTrust, AppError> {
    let listed = list_beyond(store, trust.change_number).await?;
    read_on(store, trust, &listed).await
}

async fn list_beyond(store: &dyn Store, number: u64) -> Result<Vec<String>, AppError> {
    let after = Key::KeyChange(number, Attempt::PLAIN).to_string();
    Ok(pages::keys(store, KEY_CHANGES, Some(&after)).await?)
}

/// Takes the valid changes among these keys into account, in the order of their numbers; what is no valid note is passed
/// over.
async fn read_on(store: &dyn Store, mut trust: WriterTrust, listed: &[String]) -> Result<WriterTrust, AppError> {
    let mut places: Vec<(u64, Attempt)> = listed
        .iter()
        .filter_map(|key| match key.parse() {
            Ok(Key::KeyChange(number, attempt)) => Some((number, attempt)),
            _ => None,
        })
        .collect();
    places.sort_unstable();
    for (number, attempt) in places {
        if number <= trust.change_number {
            continue;
        }
        let key = Key::KeyChange(number, attempt).to_string();
        let Some(object) = store.get(&key).await? else { continue };
        match key_change::open(&object, &trust.keyring, &trust.archive_id, number) {
            Ok(signed) => take(store, &mut trust, &signed, &key).await?,
            Err(broken @ (Invalid::UnknownType(_) | Invalid::Content(_))) => return Err(broken_change(&broken, &key)),
            Err(_) => {}
        }
    }
    Ok(trust)
}

async fn take(store: &dyn Store, trust: &mut WriterTrust, signed: &SignedKeyChange, key: &str) -> Result<(), AppError> {
    let change = &signed.change;
    if change.number != trust.change_number + 1 {
        return Err(broken_change(&"a change before it is missing", key));
    }
    if change.previous != trust.change {
        return Err(broken_change(&"it does not name the change before", key));
    }
    if let Some(broken) = signed.broken_rule(&trust.keyring) {
        return Err(broken_change(&broken, key));
    }
    let named = checkpoints::at(store, trust, change.checkpoint.number).await?;
    if named
        .as_ref()
        .is_some_and(|named| named.hash != change.checkpoint.sha256)
    {
        return Err(broken_change(&"it names a checkpoint with another hash", key));
    }
    signed.apply_to(&mut trust.keyring, named.as_ref());
    (trust.change_number, trust.change) = (change.number, signed.hash);
    Ok(())
}

fn broken_change(why: &dyn std::fmt::Display, key: &str) -> AppError {
    AppError::corrupt(format!("a key change cannot be followed: {why} key=`{key}`"))
}
