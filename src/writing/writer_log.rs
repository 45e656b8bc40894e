//! A writer's view of the archive's log. `log/` is listed whenever a writer must know which keys are in force: after it created
//! a link and before it commits to Kafka, after it found a link of somebody else, and before it signs an entry (FORMAT.md
//! section 4).

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Notify;

use crate::log::history::SignedEntry;
use crate::log::keyring::Keyring;
use crate::log::limits::ENTRY_MAX_BYTES;
use crate::log::note::Invalid;
use crate::log::object_key::{Attempt, Key, LOG};
use crate::log::signed_note::VerifyingKey;
use crate::store::{Entry as Listed, Store, pages};
use crate::task::error::AppError;
use crate::task::joined::Joined;
use crate::writing::trust::WriterTrust;

/// The archive's log, shared by all writers in this process.
#[derive(Debug)]
pub struct WriterLog {
    own: VerifyingKey,
    known: RwLock<Known>,
    refreshing: Joined,
    undecided: Notify,
}

#[derive(Debug, Clone)]
struct Known {
    trust: Arc<WriterTrust>,
    /// The keys that the last listing showed after the newest entry. Their objects are not valid entries.
    junk: Vec<String>,
}

impl WriterLog {
    /// Starts with this state. `own` is the key that this process signs with.
    #[must_use]
    pub fn new(trust: WriterTrust, own: &VerifyingKey) -> WriterLog {
        WriterLog {
            own: own.clone(),
            known: RwLock::new(Known {
                trust: Arc::new(trust),
                junk: Vec::new(),
            }),
            refreshing: Joined::default(),
            undecided: Notify::new(),
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

    /// Reads the entries after the newest known one, by a listing that begins after this call. Takes one request if there are none;
    /// tasks that ask while one is under way share the next.
    ///
    /// # Errors
    /// The store's errors; `Corrupt` if a newer version of kivend wrote the log, or if entries are missing, the newest known one
    /// among them.
    pub async fn refresh(&self, store: &dyn Store) -> Result<Arc<WriterTrust>, AppError> {
        self.refreshing.ask(self.read_new(store)).await?;
        Ok(self.trust())
    }

    async fn read_new(&self, store: &dyn Store) -> Result<(), AppError> {
        let before = self.known();
        let listed = list_beyond(store, &before.trust).await?;
        if listed.iter().map(|entry| &entry.key).eq(&before.junk) {
            return Ok(());
        }
        let mut trust = WriterTrust::clone(&before.trust);
        read_listed(store, &mut trust, listed).await?;
        // Once more, because a directory may be listed while entries are added: one may be missed that a later one follows.
        let junk = list_beyond(store, &trust).await?;
        let junk = read_listed(store, &mut trust, junk).await?;
        refuse_gap(store, &trust, &junk).await?;
        self.keep(trust, junk);
        Ok(())
    }

    /// Takes the state after an entry that this process created.
    pub(super) fn take(&self, trust: WriterTrust) -> Arc<WriterTrust> {
        self.keep(trust, Vec::new())
    }

    fn keep(&self, trust: WriterTrust, junk: Vec<String>) -> Arc<WriterTrust> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // Another task may have read newer entries or a newer checkpoint meanwhile.
        let state = |trust: &WriterTrust| (trust.history.next_number(), trust.checkpoint.map(|named| named.number));
        if state(&trust) >= state(&known.trust) {
            let trust = Arc::new(trust);
            *known = Known { trust, junk };
        }
        if known.trust.keyring().undecided_since().is_some() {
            self.undecided.notify_one();
        }
        Arc::clone(&known.trust)
    }

    /// Ends when a refresh finds that a key was retired and the entry after that is missing: it must be written at once.
    pub async fn undecided(&self) {
        self.undecided.notified().await;
    }

    /// Requires that this process's key is in force, by the last refresh.
    ///
    /// # Errors
    /// Those of [`require_in_force`].
    pub fn require_own(&self) -> Result<(), AppError> {
        require_in_force(&self.trust(), &self.own)
    }
}

/// Requires that a key is in force, and that the checkpoint over the entry that added it is in the bucket.
///
/// # Errors
/// `Config` if it was retired, or is not one of the archive's signing keys; `Transient` if that checkpoint is missing.
pub fn require_in_force(trust: &WriterTrust, key: &VerifyingKey) -> Result<(), AppError> {
    let Some(term) = trust.keyring().term(key) else {
        return Err(
            AppError::config(format!("the signing key {key} does not belong to this archive"))
                .fix("set archive.key_file or archive.pkcs11.label to the archive's key, or store.prefix to an unused prefix"),
        );
    };
    require_not_retired(trust.keyring(), key)?;
    let known = trust.checkpoint.map(|named| named.number);
    match &term.added {
        Some(added) if known < Some(added.entry) => Err(AppError::transient(format!(
            "the checkpoint over entry {}, which added the signing key, is missing",
            added.entry
        ))),
        _ => Ok(()),
    }
}

/// Requires that no change retired this key.
///
/// # Errors
/// `Config` if one did.
pub fn require_not_retired(keyring: &Keyring, key: &VerifyingKey) -> Result<(), AppError> {
    let Some(retired) = keyring.term(key).and_then(|term| term.retired.as_ref()) else {
        return Ok(());
    };
    let entry = retired.entry;
    Err(AppError::config(format!(
        "the signing key was retired: {key}, in entry {entry} of the log"
    ))
    .fix(
        "set archive.key_file or archive.pkcs11.label to a key in force, listed by `kivend keys show`, and start again",
    ))
}

/// Requires that a key is one of the archive's, in force or not, so that a wrong key is told before anything is read with it.
///
/// # Errors
/// `Config` if it is not.
pub fn require_known(trust: &WriterTrust, key: &VerifyingKey) -> Result<(), AppError> {
    match trust.keyring().term(key) {
        Some(_) => Ok(()),
        None => require_in_force(trust, key),
    }
}

/// The listed objects after the newest entry. Its own place is listed too: where nothing stands there any more, the bucket was cut
/// or restored, and what this process would sign next would fork the log (FORMAT.md section 3.5).
async fn list_beyond(store: &dyn Store, trust: &WriterTrust) -> Result<Vec<Listed>, AppError> {
    let Some(number) = trust.history.next_number().checked_sub(1) else {
        return Ok(pages::entries(store, LOG, None).await?);
    };
    let newest = Key::Entry(number, Attempt::PLAIN);
    let mut listed = pages::entries(store, LOG, Some(&newest.stem())).await?;
    if !listed.iter().any(|entry| is_at(&entry.key, number)) {
        return Err(AppError::corrupt(format!(
            "the log ends below entry {newest}, which was read from it: the bucket was cut or restored"
        ))
        .fix("restore the missing objects from a copy of the bucket, or begin a new archive under another prefix"));
    }
    let newest = newest.to_string();
    listed.retain(|entry| entry.key > newest);
    Ok(listed)
}

fn is_at(key: &str, number: u64) -> bool {
    matches!(key.parse(), Ok(Key::Entry(found, _)) if found == number)
}

/// Applies the valid entries among these objects. Returns the keys of the objects after the newest entry; those at its own
/// number or below are of no interest any more.
async fn read_listed(store: &dyn Store, trust: &mut WriterTrust, listed: Vec<Listed>) -> Result<Vec<String>, AppError> {
    let mut places: Vec<(u64, Attempt, u64)> = listed
        .iter()
        .filter_map(|entry| match entry.key.parse() {
            Ok(Key::Entry(number, attempt)) => Some((number, attempt, entry.bytes)),
            _ => None,
        })
        .collect();
    places.sort_unstable();
    for (number, attempt, bytes) in places {
        if number == trust.history.next_number()
            && bytes <= ENTRY_MAX_BYTES
            && let Some(signed) = open_at(store, trust, (number, attempt)).await?
        {
            trust.apply(&signed);
        }
    }
    let newest = trust.history.next_number().checked_sub(1);
    let newest = newest.map_or_else(String::new, |number| Key::Entry(number, Attempt::PLAIN).to_string());
    let keys = listed.into_iter().map(|entry| entry.key);
    Ok(keys.filter(|key| *key > newest).collect())
}

/// The entry at the next number, if this object is valid there. Writers pass over every other object, save one of a newer
/// version.
async fn open_at(
    store: &dyn Store,
    trust: &WriterTrust,
    (number, attempt): (u64, Attempt),
) -> Result<Option<SignedEntry>, AppError> {
    let key = Key::Entry(number, attempt).to_string();
    let Some(object) = store.get(&key, ENTRY_MAX_BYTES).await? else {
        return Ok(None);
    };
    match trust.history.open_entry(&object) {
        Ok(signed) => Ok(Some(signed)),
        Err(newer @ Invalid::UnknownType { .. }) => Err(AppError::corrupt(format!("{key}: {newer}"))
            .fix("run the newest version of kivend that writes to this archive")),
        Err(_) => Ok(None),
    }
}

/// Refuses a log in which an entry by a key in force follows a missing one: the bucket was cut or restored, and an entry in
/// its place would fork the log (FORMAT.md section 3.5).
async fn refuse_gap(store: &dyn Store, trust: &WriterTrust, beyond: &[String]) -> Result<(), AppError> {
    for key in beyond {
        let Ok(Key::Entry(number, _)) = key.parse() else {
            continue;
        };
        if number <= trust.history.next_number() {
            continue;
        }
        if let Some(object) = store.get(key, ENTRY_MAX_BYTES).await?
            && trust.history.open_named(&object, number).is_ok()
        {
            let missing = trust.history.next_number();
            return Err(AppError::corrupt(format!(
                "entry {missing} of the log is missing, though {key} is there: the bucket was cut or restored"
            ))
            .fix(
                "restore the missing objects from a copy of the bucket, or begin a new archive under another prefix",
            ));
        }
    }
    Ok(())
}
