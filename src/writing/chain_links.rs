//! Reads a partition's links in the order of its chain. Whoever may create objects can add copies of links, and whoever has a retired
//! key can add others where that key counts: neither may stop a writer.

use std::ops::ControlFlow;

use crate::log::identity::genesis;
use crate::log::keyring::Coverage;
use crate::log::link::{self, SignedLink};
use crate::log::object_key::{Attempt, Key, Place, links_of};
use crate::log::signed_note::KeyId;
use crate::reading::attempts::{self, Candidate};
use crate::reading::fetch;
use crate::record::hash::Hash;
use crate::record::merkle::leaf_hash;
use crate::record::position::TopicPartition;
use crate::store::Store;
use crate::store::pages::Pages;
use crate::task::error::AppError;
use crate::writing::trust::WriterTrust;

/// A link of the chain.
#[derive(Debug, Clone)]
pub struct ChainLink {
    /// Its object key.
    pub key: String,
    /// The hash of its object as a leaf of the partition's tree.
    pub leaf: Hash,
    /// The link.
    pub signed: SignedLink,
    attempt: Attempt,
}

/// A link after which reading continues.
#[derive(Debug, Clone)]
pub struct After {
    /// Its object key. It must not be the key of a later invalid object: the next link may have the key with `-r1`, which sorts
    /// before that object.
    pub key: String,
    /// The link.
    pub signed: SignedLink,
}

/// Calls `take` with the links after `after`, or all, until it breaks. At each place the valid link with the lowest attempt counts
/// (FORMAT.md section 1.1). Links of a retired key count while it is not decided whether they do.
///
/// # Errors
/// The store's errors; `Corrupt` if a link of a key in force does not continue the chain.
pub async fn each(
    store: &dyn Store,
    trust: &WriterTrust,
    (partition, after): (&TopicPartition, Option<After>),
    take: impl FnMut(ChainLink) -> ControlFlow<()>,
) -> Result<(), AppError> {
    let (mut after, head) = after.map(|after| (after.key, after.signed)).unzip();
    let mut chain = Chain {
        trust,
        genesis: genesis(&trust.identity(), partition),
        head,
        take,
    };
    loop {
        let mut pages = Pages::new(store, &links_of(partition), after.as_deref());
        let (mut at_place, mut next) = (AtPlace::default(), Next::Link);
        while let Some(page) = pages.next().await? {
            fetch::each(store, page, |key, object| {
                if let (Next::Link, Ok(Key::Link(place, attempt))) = (&next, key.parse()) {
                    let found = open(trust, (&place, attempt), key, &object);
                    next = chain.settle(at_place.add((place, attempt), found))?;
                }
                Ok(())
            })
            .await?;
            if !matches!(next, Next::Link) {
                break;
            }
        }
        if let Next::Link = next {
            next = chain.settle(at_place)?;
            if let Next::Link = next {
                return Ok(());
            }
        }
        let Next::Judge(place) = next else { return Ok(()) };
        let accept = |found: Candidate| open(trust, (&place, found.attempt), &found.key, &found.object);
        if let Some(counts) = attempts::lowest(store, |attempt| place.link(attempt), accept).await?
            && chain.append(counts)?.is_break()
        {
            return Ok(());
        }
        // '~' sorts after every attempt at the place.
        after = Some(format!("{}{}~", links_of(partition), place.stem()));
    }
}

/// The link in a note, if its key counts there or may.
fn open(trust: &WriterTrust, (place, attempt): (&Place, Attempt), key: &str, object: &[u8]) -> Option<ChainLink> {
    match link::open_with_coverage(object, trust.keyring(), trust.archive_id(), place) {
        Ok((signed, Coverage::Inside | Coverage::Undecided(_))) => Some(ChainLink {
            key: key.to_owned(),
            leaf: leaf_hash(object),
            signed,
            attempt,
        }),
        _ => None,
    }
}

/// What follows after a place of the listing.
enum Next {
    /// The objects at the next place.
    Link,
    /// This place is read again by its keys: the listing lacks an attempt, as one that is stale does.
    Judge(Place),
    End,
}

/// The objects at one place of the listing, which has `-r1` before the plain key.
#[derive(Default)]
struct AtPlace {
    place: Option<Place>,
    attempts: Vec<Attempt>,
    lowest: Option<ChainLink>,
}

impl AtPlace {
    /// Adds an object. Returns the place before if this one is at another.
    fn add(&mut self, (place, attempt): (Place, Attempt), found: Option<ChainLink>) -> AtPlace {
        let place = Some(place);
        let mut before = AtPlace::default();
        if self.place != place {
            let next = AtPlace {
                place,
                ..AtPlace::default()
            };
            before = std::mem::replace(self, next);
        }
        self.attempts.push(attempt);
        let is_lower = |found: &ChainLink| self.lowest.as_ref().is_none_or(|lowest| found.attempt < lowest.attempt);
        if let Some(found) = found.filter(is_lower) {
            self.lowest = Some(found);
        }
        before
    }

    /// Whether the listing has every attempt below this one.
    fn has_all_below(&self, attempt: Attempt) -> bool {
        self.attempts.iter().filter(|known| **known < attempt).count() == attempt.0 as usize
    }
}

struct Chain<'a, T> {
    trust: &'a WriterTrust,
    genesis: Hash,
    head: Option<SignedLink>,
    take: T,
}

impl<T: FnMut(ChainLink) -> ControlFlow<()>> Chain<'_, T> {
    /// Takes the link that counts at this place, if the listing tells which one does.
    fn settle(&mut self, at_place: AtPlace) -> Result<Next, AppError> {
        let Some(lowest) = &at_place.lowest else {
            return Ok(Next::Link);
        };
        let place = lowest.signed.link.place();
        // Further objects at the place after which reading began.
        if self.head.as_ref().is_some_and(|head| head.link.place() == place) {
            return Ok(Next::Link);
        }
        if !at_place.has_all_below(lowest.attempt) {
            return Ok(Next::Judge(place));
        }
        let appended = at_place.lowest.map(|counts| self.append(counts)).transpose()?;
        Ok(match appended {
            Some(ControlFlow::Break(())) => Next::End,
            _ => Next::Link,
        })
    }

    /// Takes a link that counts at its place.
    fn append(&mut self, found: ChainLink) -> Result<ControlFlow<()>, AppError> {
        match found.signed.link.continues(self.head.as_ref(), &self.genesis) {
            Ok(()) => {
                self.head = Some(found.signed.clone());
                Ok((self.take)(found))
            }
            Err(_) if is_retired(self.trust, found.signed.signer) => Ok(ControlFlow::Continue(())),
            Err(broken) => Err(AppError::corrupt(format!(
                "the signed link {} does not continue the chain: {broken}",
                found.key
            ))),
        }
    }
}

/// Whether a key is one of the archive's that is not in force any more.
pub(super) fn is_retired(trust: &WriterTrust, signer: KeyId) -> bool {
    let mut terms = trust.keyring().terms().iter().filter(|term| term.key.id() == signer);
    terms.all(|term| term.retired.is_some())
}
