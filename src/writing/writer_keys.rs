//! A writer's view of the keys in force: `keys/` is listed before each link, from the last known change on, so that a
//! writer stops when its signing key is retired and accepts links signed with added keys (FORMAT.md section 3).

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

/// The keys whose notes count, shared by all writers in this process.
#[derive(Debug)]
pub struct WriterKeys {
    own: VerifyingKey,
    known: RwLock<Known>,
    /// The partitions, each with the turn of its ticket, whose next link needs no listing because the create of its
    /// segment made one.
    listed: Mutex<HashMap<Slot, u64>>,
}

#[derive(Debug, Clone)]
struct Known {
    trust: Arc<WriterTrust>,
    /// The keys that the last listing showed after the newest change. Their objects are not valid key changes.
    junk: Vec<String>,
}

impl WriterKeys {
    /// Starts with this state. `own` is the key that this process signs with.
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

    /// The state of the last refresh.
    #[must_use]
    pub fn trust(&self) -> Arc<WriterTrust> {
        Arc::clone(&self.known().trust)
    }

    fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the key changes after the newest known one. Takes one request if there are none.
    ///
    /// # Errors
    /// The store's errors; `Corrupt` if a signed change breaks a rule, or one is missing.
    pub async fn refresh(&self, store: &dyn Store) -> Result<Arc<WriterTrust>, AppError> {
        let before = self.known();
        let listed = list_beyond(store, before.trust.change_number).await?;
        if listed == before.junk {
            return Ok(before.trust);
        }
        let trust = Arc::new(apply_changes(store, WriterTrust::clone(&before.trust), &listed).await?);
        let newest = Key::KeyChange(trust.change_number, Attempt::PLAIN).to_string();
        let junk = listed.into_iter().filter(|key| *key > newest).collect();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // Another task may have read newer changes meanwhile.
        if trust.change_number >= known.trust.change_number {
            *known = Known { trust, junk };
        }
        Ok(Arc::clone(&known.trust))
    }

    /// Requires that this process's key is in force, by the last refresh.
    ///
    /// # Errors
    /// Those of [`require_in_force`].
    pub fn require_own(&self) -> Result<(), AppError> {
        require_in_force(&self.trust(), &self.own)
    }

    /// Notes that `keys/` was listed for this partition's next link, while its segment was created.
    pub fn mark_listed(&self, ticket: Ticket) {
        self.lock().insert(ticket.slot, ticket.turn);
    }

    /// Whether [`mark_listed`](WriterKeys::mark_listed) was called with this ticket. Removes the mark: it holds for one
    /// link only.
    #[must_use]
    pub fn take_listed_mark(&self, ticket: Ticket) -> bool {
        self.lock().remove(&ticket.slot) == Some(ticket.turn)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Slot, u64>> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Requires that a key is in force.
///
/// # Errors
/// `Config` if it was retired, or is not one of the archive's keys.
pub fn require_in_force(trust: &WriterTrust, key: &VerifyingKey) -> Result<(), AppError> {
    let Some(term) = trust.keyring.term(key) else {
        return Err(
            AppError::config(format!("the signing key does not belong to this archive key=`{key}`"))
                .fix("set archive.key_file to the archive's key, or store.prefix to an unused prefix"),
        );
    };
    match &term.retired {
        None => Ok(()),
        Some(turn) => {
            let change = turn.change;
            Err(
                AppError::config(format!("the signing key was retired key=`{key}` change=`{change}`"))
                    .fix("set archive.key_file to a key in force, listed by `kivend keys show`, and start again"),
            )
        }
    }
}

/// Reads every key change after that of `trust`.
///
/// # Errors
/// The store's errors; `Corrupt` if a signed change breaks a rule, or one is missing.
pub async fn read_all(store: &dyn Store, trust: WriterTrust) -> Result<WriterTrust, AppError> {
    let listed = list_beyond(store, trust.change_number).await?;
    apply_changes(store, trust, &listed).await
}

async fn list_beyond(store: &dyn Store, number: u64) -> Result<Vec<String>, AppError> {
    let after = Key::KeyChange(number, Attempt::PLAIN).to_string();
    Ok(pages::keys(store, KEY_CHANGES, Some(&after)).await?)
}

/// Applies the valid changes among these object keys, in the order of their numbers. Invalid notes are skipped.
async fn apply_changes(store: &dyn Store, mut trust: WriterTrust, listed: &[String]) -> Result<WriterTrust, AppError> {
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
            Ok(signed) => apply_change(store, &mut trust, &signed, &key).await?,
            Err(broken @ (Invalid::UnknownType(_) | Invalid::Content(_))) => return Err(broken_change(&broken, &key)),
            Err(_) => {}
        }
    }
    Ok(trust)
}

async fn apply_change(
    store: &dyn Store,
    trust: &mut WriterTrust,
    signed: &SignedKeyChange,
    key: &str,
) -> Result<(), AppError> {
    let change = &signed.change;
    if change.number != trust.change_number + 1 {
        return Err(broken_change(&"the change before it is missing", key));
    }
    if change.previous != trust.change {
        return Err(broken_change(&"it does not name the change before it", key));
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
    AppError::corrupt(format!("a signed key change cannot be applied: {why} key=`{key}`"))
}
