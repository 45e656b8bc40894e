//! Chooses the note that counts among the objects of one place: the valid one with the lowest k (FORMAT.md section 1.1). The
//! same rule for entries, checkpoints and links. What each object is follows from section 1.2.

use bytes::Bytes;

use crate::log::note::Invalid;
use crate::log::object_key::Attempt;
use crate::record::hash::Hash;
use crate::verify::findings::{Code, Finding, Findings};

/// Why an object was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// It is larger than the limit of its kind, so it is no object of an archive. Its length in bytes.
    #[error("it is larger than the limit of its kind and was not read: {0} bytes")]
    TooLarge(u64),
    /// The store failed; why.
    #[error("{0}")]
    Failed(String),
}

/// An object at a place, not opened yet.
#[derive(Debug, Clone)]
pub struct RawObject {
    /// The attempt in its key.
    pub attempt: Attempt,
    /// Its key, relative to the prefix.
    pub key: String,
    /// Its bytes.
    pub object: Result<Bytes, Unread>,
}

impl RawObject {
    /// Opens the object. `digest` is what two equal notes have in common.
    #[must_use]
    pub fn open<T>(
        &self,
        digest: impl FnOnce(&[u8]) -> Hash,
        open: impl FnOnce(&[u8]) -> Result<T, Invalid>,
    ) -> Candidate<T> {
        let read = self.object.as_deref().map_err(Clone::clone);
        let digest = self.object.as_deref().map_or(Hash::ZERO, digest);
        let found = Found::open(read, open);
        Candidate {
            attempt: self.attempt,
            key: self.key.clone(),
            digest,
            found,
        }
    }
}

/// The result of opening one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<T> {
    /// A valid note for its place.
    Valid(T),
    /// Not a valid note.
    Invalid(Invalid),
    /// It could not be read; the reason.
    Unreadable(String),
}

impl<T> Found<T> {
    /// Opens an object as a note with `open`.
    pub fn open(read: Result<&[u8], Unread>, open: impl FnOnce(&[u8]) -> Result<T, Invalid>) -> Found<T> {
        match read {
            Ok(object) => open(object).map_or_else(Found::Invalid, Found::Valid),
            Err(Unread::TooLarge(bytes)) => Found::Invalid(Invalid::TooLarge(bytes)),
            Err(Unread::Failed(why)) => Found::Unreadable(why),
        }
    }
}

/// One object at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate<T> {
    /// The retry suffix of its key.
    pub attempt: Attempt,
    /// Its key, relative to the prefix.
    pub key: String,
    /// What two equal notes have in common: the hash of the object, or of a checkpoint's text.
    pub digest: Hash,
    /// The result of opening it.
    pub found: Found<T>,
}

/// An object that is not a valid note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidNote {
    /// Its key, relative to the prefix.
    pub key: String,
    /// Why it is not valid.
    pub why: String,
}

/// The note at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice<T> {
    /// The valid note that counts, and its key.
    Valid(T, String),
    /// No valid note. What the objects are depends on what else is known of the place. Replays and broken notes, which have
    /// findings already, are not among them.
    Junk(Vec<InvalidNote>),
    /// An object could not be read or understood, so the place cannot be judged.
    Unknown,
}

/// The finding codes of one kind of note.
#[derive(Debug, Clone, Copy)]
pub struct Codes {
    /// Junk with a lower k than the note that counts.
    pub passed_over: Code,
    /// Junk with a higher k, or where no note can be.
    pub stray: Code,
    /// A note signed by a valid key that breaks a rule.
    pub breaks_rule: Code,
    /// A second valid note.
    pub doubled: Code,
    /// An object with a lower k than the note that counts is missing.
    pub attempt_missing: Code,
    /// An object that could not be read.
    pub unreadable: Code,
    /// A note of an unknown type.
    pub unknown_type: Code,
}

/// Chooses among the objects of one place, given in ascending order of their attempts. Reports what is a finding whatever
/// other places hold.
pub fn choose<T>(candidates: Vec<Candidate<T>>, codes: &Codes, findings: &mut Findings) -> Choice<T> {
    let mut chosen: Option<(T, String, Hash)> = None;
    let mut junk = Vec::new();
    let (mut unknown_type, mut unreadable) = (false, false);
    let mut free = Attempt::PLAIN;
    for candidate in candidates {
        let Candidate {
            attempt,
            key,
            digest,
            found,
        } = candidate;
        if chosen.is_none() && attempt > free && matches!(found, Found::Valid(_)) {
            let detail = format!(
                "the valid note is {key}, but the object with suffix -r{free:?} before it is missing",
                free = free.0
            );
            findings.push(Finding::new(codes.attempt_missing, detail).object(&key));
        }
        if attempt == free {
            free = free.next();
        }
        let is_copy = chosen.as_ref().is_some_and(|(_, _, counts)| *counts == digest);
        let finding = match found {
            Found::Valid(note) if chosen.is_none() => {
                chosen = Some((note, key, digest));
                continue;
            }
            Found::Valid(_) | Found::Invalid(_) if is_copy => {
                Finding::new(Code::Replay, "a copy of the note that counts at this place")
            }
            Found::Valid(_) => Finding::new(codes.doubled, "a second valid note at the same place"),
            Found::Unreadable(why) => {
                unreadable = true;
                Finding::new(codes.unreadable, why)
            }
            Found::Invalid(Invalid::UnknownType { kind, .. }) => {
                unknown_type = true;
                let detail = format!("the note has a type that this version of kivend does not know: {kind}");
                Finding::new(codes.unknown_type, detail)
            }
            Found::Invalid(Invalid::Replay(named)) => Finding::new(
                Code::Replay,
                format!("a valid note of another place or kind was copied here: {named}"),
            ),
            Found::Invalid(Invalid::Content(why)) => Finding::new(codes.breaks_rule, why),
            Found::Invalid(other) if chosen.is_none() => {
                let why = other.to_string();
                junk.push(InvalidNote { key, why });
                continue;
            }
            Found::Invalid(other) => {
                let detail =
                    format!("no writer creates this object, because the place has a valid note before it: {other}");
                Finding::new(codes.stray, detail)
            }
        };
        findings.push(finding.object(key));
    }
    match chosen {
        // An unknown note makes its place unverifiable, whatever else stands there.
        _ if unknown_type => Choice::Unknown,
        Some((note, key, _)) => {
            for passed in junk {
                findings.push(Finding::new(codes.passed_over, passed.why).object(passed.key));
            }
            Choice::Valid(note, key)
        }
        None if unreadable => Choice::Unknown,
        None => Choice::Junk(junk),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::signed_note::KeyId;
    use crate::verify::chain_walk::LINK_CODES;

    fn at(attempt: u32, found: Found<u32>) -> Candidate<u32> {
        let digest = match &found {
            Found::Valid(note) => Hash::of(&note.to_be_bytes()),
            _ => Hash::of(b"other"),
        };
        Candidate {
            attempt: Attempt(attempt),
            key: format!("key-r{attempt}"),
            digest,
            found,
        }
    }

    fn junk() -> Found<u32> {
        Found::Invalid(Invalid::Signatures(0))
    }

    fn unknown() -> Found<u32> {
        Found::Invalid(Invalid::UnknownType {
            kind: "x".into(),
            signer: KeyId([0; 4]),
        })
    }

    fn judged(candidates: Vec<Candidate<u32>>) -> (Choice<u32>, Vec<Code>) {
        let mut findings = Findings::default();
        let choice = choose(candidates, &LINK_CODES, &mut findings);
        (choice, findings.counts().keys().copied().collect())
    }

    #[test]
    fn the_valid_note_with_the_lowest_name_counts() {
        let (choice, codes) = judged(vec![at(0, Found::Valid(7))]);
        assert_eq!((choice, codes), (Choice::Valid(7, "key-r0".into()), vec![]));
        let (choice, codes) = judged(vec![at(0, junk()), at(1, Found::Valid(7))]);
        assert_eq!(choice, Choice::Valid(7, "key-r1".into()));
        assert_eq!(codes, [Code::LinkPassedOver]);
    }

    #[test]
    fn what_stands_beside_the_one_that_counts_is_named() {
        let replay = || Found::Invalid(Invalid::Replay("another place".into()));
        for (candidates, code) in [
            (vec![at(0, Found::Valid(7)), at(1, Found::Valid(8))], Code::LinkDoubled),
            (vec![at(0, Found::Valid(7)), at(1, Found::Valid(7))], Code::Replay),
            (vec![at(0, Found::Valid(7)), at(1, replay())], Code::Replay),
            (vec![at(0, replay()), at(1, Found::Valid(7))], Code::Replay),
            (vec![at(0, Found::Valid(7)), at(1, junk())], Code::StrayLink),
            (vec![at(1, Found::Valid(7))], Code::LinkAttemptMissing),
            (
                vec![at(0, Found::Valid(7)), at(1, Found::Unreadable("no".into()))],
                Code::LinkUnreadable,
            ),
            (
                vec![
                    at(0, Found::Invalid(Invalid::Content("rule".into()))),
                    at(1, Found::Valid(7)),
                ],
                Code::LinkBreaksRule,
            ),
        ] {
            let (choice, codes) = judged(candidates);
            assert!(matches!(choice, Choice::Valid(7, _)));
            assert_eq!(codes, [code]);
        }
    }

    #[test]
    fn a_place_with_an_unknown_type_is_not_judged() {
        let (choice, codes) = judged(vec![at(0, Found::Valid(7)), at(1, unknown())]);
        assert_eq!((choice, codes), (Choice::Unknown, vec![Code::LinkUnknownType]));
        let (choice, _) = judged(vec![at(0, Found::Unreadable("no".into()))]);
        assert_eq!(choice, Choice::Unknown);
    }

    #[test]
    fn junk_alone_is_left_for_others_to_judge() {
        let (choice, codes) = judged(vec![at(0, junk())]);
        assert!(matches!(choice, Choice::Junk(passed) if passed.len() == 1));
        assert!(codes.is_empty());
        let (choice, _) = judged(vec![at(0, Found::Invalid(Invalid::TooLarge(2 << 20)))]);
        assert!(matches!(choice, Choice::Junk(passed) if passed.len() == 1));
    }
}
