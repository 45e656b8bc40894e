//! Chooses the note that counts among the objects of one place: the valid one with the lowest k (FORMAT.md sections 1 and 9).
//! The same rule for links, checkpoints and key changes. Does not check that the note continues the chain.

use crate::log::note::Invalid;
use crate::log::object_key::Attempt;
use crate::verify::findings::{Code, Finding, Findings};

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

/// One object at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate<T> {
    /// The retry suffix of its key.
    pub attempt: Attempt,
    /// Its key, relative to the prefix.
    pub key: String,
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
    /// No valid note. What the objects are depends on what else is known of the place.
    Junk(Vec<InvalidNote>),
    /// An object could not be read or understood, so the place cannot be judged.
    Unknown,
}

/// The finding codes of one kind of note.
#[derive(Debug, Clone, Copy)]
pub struct Codes {
    /// An invalid object with a lower k than the note that counts.
    pub passed_over: Code,
    /// An invalid object with a higher k, or where no note can be.
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
    let mut chosen: Option<(T, String)> = None;
    let mut junk = Vec::new();
    let mut unknown = false;
    let mut free = Attempt::PLAIN;
    for Candidate { attempt, key, found } in candidates {
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
        match found {
            Found::Valid(note) if chosen.is_none() => chosen = Some((note, key)),
            Found::Valid(_) => {
                let detail = "a second valid note at the same place";
                findings.push(Finding::new(codes.doubled, detail).object(key));
            }
            Found::Unreadable(why) => {
                findings.push(Finding::new(codes.unreadable, why).object(key));
                unknown = true;
            }
            Found::Invalid(Invalid::UnknownType(name)) => {
                let detail = format!("the note has a type that this version of kivend does not know: type={name}");
                findings.push(Finding::new(codes.unknown_type, detail).object(key));
                unknown = true;
            }
            Found::Invalid(Invalid::Content(why)) => {
                findings.push(Finding::new(codes.breaks_rule, why).object(key));
            }
            Found::Invalid(other) if chosen.is_none() => junk.push(InvalidNote {
                key,
                why: other.to_string(),
            }),
            Found::Invalid(other) => {
                let detail =
                    format!("no writer creates this object, because the place has a valid note before it: {other}");
                findings.push(Finding::new(codes.stray, detail).object(key));
            }
        }
    }
    match chosen {
        Some((note, key)) => {
            for passed in junk {
                findings.push(Finding::new(codes.passed_over, passed.why).object(passed.key));
            }
            Choice::Valid(note, key)
        }
        None if unknown => Choice::Unknown,
        None => Choice::Junk(junk),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::chain_walk::LINK_CODES;

    fn at(attempt: u32, found: Found<u32>) -> Candidate<u32> {
        Candidate {
            attempt: Attempt(attempt),
            key: format!("key-r{attempt}"),
            found,
        }
    }

    fn junk() -> Found<u32> {
        Found::Invalid(Invalid::Signatures(0))
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
        for (candidates, code) in [
            (vec![at(0, Found::Valid(7)), at(1, Found::Valid(8))], Code::LinkDoubled),
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
    fn junk_alone_is_left_for_others_to_judge() {
        let (choice, codes) = judged(vec![at(0, junk())]);
        assert!(matches!(choice, Choice::Junk(passed) if passed.len() == 1));
        assert!(codes.is_empty());
        let (choice, _) = judged(vec![at(0, Found::Invalid(Invalid::UnknownType("x".into())))]);
        assert_eq!(choice, Choice::Unknown);
    }
}
