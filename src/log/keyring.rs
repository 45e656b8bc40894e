//! The keys of an archive and what each may sign (FORMAT.md sections 2 to 4): those of `archive.json`, and those that changes add
//! and retire. Clocks play no part: terms begin and end with entries of the log. Writer and verifier use the same code.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::log::head::Head;
use crate::log::note::Invalid;
use crate::log::object_key::Place;
use crate::log::signed_note::{KeyId, Note, VerifyingKey};
use crate::record::hash::Hash;
use crate::record::position::{Epoch, Height, NextOffset, TopicPartition};

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Entries, checkpoints and links.
    Signing,
    /// Changes, and checkpoints.
    Change,
}

/// The heights of an entry's heads, and where their ranges end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heights(Arc<BTreeMap<TopicPartition, Reach>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reach {
    height: Height,
    end: (Epoch, NextOffset),
    link: Hash,
}

impl Heights {
    /// The heights of these heads.
    #[must_use]
    pub fn of(heads: &[Head]) -> Heights {
        let reach_of = |head: &Head| Reach {
            height: head.height,
            end: (head.epoch, head.next_offset),
            link: head.link,
        };
        Heights(Arc::new(
            heads
                .iter()
                .map(|head| (head.partition.clone(), reach_of(head)))
                .collect(),
        ))
    }

    /// Whether this height is at or below the partition's; false where there is none.
    fn reach(&self, partition: &TopicPartition, height: Height) -> bool {
        self.0.get(partition).is_some_and(|known| height <= known.height)
    }

    /// Whether a place is one of the partition's up to its head, whatever height the link there claims. A closing link stands
    /// where the range of the one before it ends, so it is told by its hash.
    fn hold(&self, place: &Place, link: &Hash) -> bool {
        self.0.get(&place.partition).is_some_and(|known| {
            let is_before_end = (place.epoch, place.first_offset.0) < (known.end.0, known.end.1.0);
            is_before_end || *link == known.link
        })
    }
}

/// The beginning of a key's term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addition {
    /// The number of the entry that carries the change.
    pub entry: u64,
    /// The heights of that entry.
    pub heights: Heights,
    /// The first signer of the change.
    pub by: VerifyingKey,
}

/// The end of a key's term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retirement {
    /// The number of the entry that carries the change.
    pub entry: u64,
    /// The heights of that entry.
    pub heights: Heights,
    /// The heights of the entry after it, up to which links count; `None` until that entry exists.
    pub until: Option<Heights>,
}

/// A key and the period in which it is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The public key.
    pub key: VerifyingKey,
    /// What it signs.
    pub role: Role,
    /// The change that added it; `None` for a key of `archive.json`.
    pub added: Option<Addition>,
    /// The change that retired it, if any.
    pub retired: Option<Retirement>,
}

/// Whether a key's term covers a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// The link counts.
    Inside,
    /// The link does not count.
    Outside,
    /// The entry with this number decides; it does not exist yet.
    Undecided(u64),
}

impl Term {
    /// Whether a link that this key signed counts at this height.
    #[must_use]
    pub fn covers_link(&self, partition: &TopicPartition, height: Height) -> Coverage {
        let too_early = self
            .added
            .as_ref()
            .is_some_and(|added| added.heights.reach(partition, height));
        if self.role != Role::Signing || too_early {
            return Coverage::Outside;
        }
        match &self.retired {
            None => Coverage::Inside,
            Some(retired) => match &retired.until {
                _ if retired.heights.reach(partition, height) => Coverage::Inside,
                Some(until) if until.reach(partition, height) => Coverage::Inside,
                Some(_) => Coverage::Outside,
                None => Coverage::Undecided(retired.entry + 1),
            },
        }
    }

    /// Whether a link that this key signed counts at this place, with this height and hash. The height of its place decides
    /// (FORMAT.md section 6, rule 4): a retired key cannot claim a height that counts at a place above it.
    #[must_use]
    pub fn covers_link_at(&self, place: &Place, height: Height, hash: &Hash) -> Coverage {
        let by_height = self.covers_link(&place.partition, height);
        match &self.retired {
            Some(retired) if by_height == Coverage::Inside => match &retired.until {
                Some(until) if until.hold(place, hash) => Coverage::Inside,
                Some(_) => Coverage::Outside,
                None if retired.heights.hold(place, hash) => Coverage::Inside,
                None => Coverage::Undecided(retired.entry + 1),
            },
            _ => by_height,
        }
    }

    /// Whether this key is in force after the entries below this number.
    #[must_use]
    pub fn is_in_force_before(&self, number: u64) -> bool {
        self.added.as_ref().is_none_or(|added| added.entry < number)
            && self.retired.as_ref().is_none_or(|retired| retired.entry >= number)
    }
}

/// A note with a valid signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened<'k> {
    /// The signed text.
    pub text: String,
    /// The SHA-256 of the whole object.
    pub hash: Hash,
    /// The signer's term. The caller must check that it covers the note's position.
    pub term: &'k Term,
}

impl Opened<'_> {
    /// The error for a note of a type that this version does not know.
    #[must_use]
    pub fn unknown_type(&self, kind: String) -> Invalid {
        Invalid::UnknownType {
            kind,
            signer: self.term.key.id(),
        }
    }

    /// The error for a note that the signer's term does not cover: the key counts as unknown there.
    #[must_use]
    pub fn out_of_term(&self) -> Invalid {
        Invalid::UnknownKey {
            name: self.term.key.name().to_owned(),
            id: self.term.key.id(),
        }
    }
}

/// All keys of an archive with their terms, in the order in which they were added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyring {
    origin: String,
    terms: Vec<Term>,
}

impl Keyring {
    /// A keyring with these signing and change keys in force from the beginning.
    #[must_use]
    pub fn new(origin: &str, signing: Vec<VerifyingKey>, change: Vec<VerifyingKey>) -> Keyring {
        let from_the_beginning = |role| {
            move |key| Term {
                key,
                role,
                added: None,
                retired: None,
            }
        };
        let signing = signing.into_iter().map(from_the_beginning(Role::Signing));
        let change = change.into_iter().map(from_the_beginning(Role::Change));
        Keyring {
            origin: origin.to_owned(),
            terms: signing.chain(change).collect(),
        }
    }

    /// The archive's origin, which names every key.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The keys with their terms.
    #[must_use]
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// All keys, retired ones included.
    pub fn keys(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.terms.iter().map(|term| &term.key)
    }

    /// The keys with this role that are not retired.
    pub fn in_force(&self, role: Role) -> impl Iterator<Item = &VerifyingKey> {
        self.terms
            .iter()
            .filter(move |term| term.role == role && term.retired.is_none())
            .map(|term| &term.key)
    }

    /// The role of the keys that sign changes: change keys where `archive.json` names one.
    #[must_use]
    pub fn change_role(&self) -> Role {
        if self.terms.iter().any(|term| term.role == Role::Change) {
            Role::Change
        } else {
            Role::Signing
        }
    }

    /// The term of `key`, if the keyring has it.
    #[must_use]
    pub fn term(&self, key: &VerifyingKey) -> Option<&Term> {
        self.terms.iter().find(|term| term.key == *key)
    }

    /// Whether a key of the archive, retired or not, has this id.
    #[must_use]
    pub fn has_id(&self, id: KeyId) -> bool {
        self.terms.iter().any(|term| term.key.id() == id)
    }

    /// The entry whose successor decides which links of a retired key count, while that successor is missing.
    #[must_use]
    pub fn undecided_since(&self) -> Option<u64> {
        let retired = self.terms.iter().filter_map(|term| term.retired.as_ref());
        retired
            .filter(|retired| retired.until.is_none())
            .map(|retired| retired.entry)
            .min()
    }

    /// Verifies an object as a note with exactly one signature, by a key of the keyring.
    ///
    /// # Errors
    /// [`Invalid`]: the variants that mean junk.
    pub fn open(&self, object: &[u8]) -> Result<Opened<'_>, Invalid> {
        let note = Note::parse(object)?;
        let [signature] = note.signatures() else {
            return Err(Invalid::Signatures(note.signatures().len()));
        };
        let named = |term: &&Term| term.key.name() == signature.name && term.key.id() == signature.key_id;
        let mut named = self.terms.iter().filter(named).peekable();
        let (name, id) = (signature.name.clone(), signature.key_id);
        if named.peek().is_none() {
            return Err(Invalid::UnknownKey { name, id });
        }
        let Some(term) = named.find(|term| term.key.signed(note.text(), signature)) else {
            return Err(Invalid::Forged { name, id });
        };
        Ok(Opened {
            text: note.text().to_owned(),
            hash: Hash::of(object),
            term,
        })
    }

    /// Adds keys whose term begins here.
    pub(super) fn add(&mut self, keys: &[VerifyingKey], role: Role, from: &Addition) {
        self.terms.extend(keys.iter().map(|key| Term {
            key: key.clone(),
            role,
            added: Some(from.clone()),
            retired: None,
        }));
    }

    /// Ends the terms of `keys`.
    pub(super) fn retire(&mut self, keys: &[VerifyingKey], at: &Retirement) {
        for term in self.terms.iter_mut().filter(|term| keys.contains(&term.key)) {
            term.retired = Some(at.clone());
        }
    }

    /// Takes the heights of the entry after one that retired keys.
    pub(super) fn decide(&mut self, heights: &Heights) {
        for retired in self.terms.iter_mut().filter_map(|term| term.retired.as_mut()) {
            if retired.until.is_none() {
                retired.until = Some(heights.clone());
            }
        }
    }
}
