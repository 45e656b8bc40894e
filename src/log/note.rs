//! What an object at a note's place is (FORMAT.md section 1.2), and the steps of that judgement that need no keys.
//! [`Keyring::open`](crate::log::keyring::Keyring::open) verifies the signature.

use crate::json::document::Document;
use crate::log::checkpoint::Form;
use crate::log::object_key::Place;
use crate::log::signed_note::{KeyId, NoteError};

/// The kinds of note and stored JSON that the format has, as they begin the type.
const KINDS: [&str; 7] = [
    "kivend.archive/",
    "kivend.change/",
    "kivend.drill/",
    "kivend.entry/",
    "kivend.leaf/",
    "kivend.link/",
    "kivend.report/",
];

/// Why an object is not a valid note of its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Junk: it is not a note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Junk: it does not have exactly one signature line.
    #[error("the note does not have exactly one signature, but {0}")]
    Signatures(usize),
    /// Junk: it is larger than its kind allows, and was not read.
    #[error("the object is larger than a note may be: {0} bytes")]
    TooLarge(u64),
    /// Junk: its signature names a key that is not known, or not in force for this note.
    #[error("a key that is not in force signed the note: {name}+{id}")]
    UnknownKey {
        /// The key's name.
        name: String,
        /// The key's id.
        id: KeyId,
    },
    /// Junk: the signature does not verify with the key that it names.
    #[error("the signature does not verify with its key, {name}+{id}")]
    Forged {
        /// The key's name.
        name: String,
        /// The key's id.
        id: KeyId,
    },
    /// A validly signed note of another type, archive or place.
    #[error("it is a copy of a note of another place: {0}")]
    Replay(String),
    /// The signature is valid, and the content breaks a rule.
    #[error("{0}")]
    Content(String),
    /// The signature is valid, and this version does not know the type.
    #[error("the note has an unknown type, perhaps of a newer version of kivend: {kind}")]
    UnknownType {
        /// The type.
        kind: String,
        /// The key that signed it. If it is not in force for the place, the note is junk.
        signer: KeyId,
    },
    /// A link of a retired key, above the heights of the entry that retires it, while the entry after that one is missing.
    #[error("a retired key signed the link, and log entry {0}, which decides whether it counts, is missing")]
    Undecided(u64),
}

/// What the place of a note requires of the members of its text.
#[derive(Debug, Clone, Copy)]
pub enum Expected<'a> {
    /// The log entry with this number.
    Entry(u64),
    /// The link of this place.
    Link(&'a Place),
    /// The change that an entry carries.
    Change,
}

impl Expected<'_> {
    fn kind(self) -> &'static str {
        match self {
            Expected::Entry(_) => "kivend.entry/",
            Expected::Link(_) => "kivend.link/",
            Expected::Change => "kivend.change/",
        }
    }

    /// Whether the members that a note of unknown type has are those of this place.
    fn is_named_by(self, note: &Document, archive_id: &str) -> bool {
        let text = |name: &str, expected: &str| {
            note.member(name)
                .is_none_or(|found| *found == Document::Text(expected.to_owned()))
        };
        let number = |name: &str, expected: u64| {
            note.member(name)
                .is_none_or(|found| matches!(found, Document::Integer(n) if u64::try_from(*n) == Ok(expected)))
        };
        let here = match self {
            Expected::Entry(expected) => number("number", expected),
            Expected::Link(place) => {
                text("topic", &place.partition.topic)
                    && number(
                        "partition",
                        u64::try_from(place.partition.partition).unwrap_or(u64::MAX),
                    )
                    && number("epoch", u64::from(place.epoch.0))
                    && number("first_offset", u64::try_from(place.first_offset.0).unwrap_or(u64::MAX))
            }
            Expected::Change => true,
        };
        here && text("archive_id", archive_id)
    }
}

/// What a validly signed text is by its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeFound {
    /// Version 1 of the expected type.
    Expected,
    /// A type that this version does not know.
    Unknown(String),
}

/// Judges a validly signed text by its type (FORMAT.md section 1.2, steps 3 to 6). Its other
/// members are not checked.
///
/// # Errors
/// `Content` or `Replay`.
pub fn check_type(text: &str, expected: Expected<'_>, archive_id: &str) -> Result<TypeFound, Invalid> {
    let Some(note) = Document::canonical_object(text) else {
        return Err(if Form::of(text).is_some() {
            Invalid::Replay("a checkpoint".to_owned())
        } else {
            Invalid::Content("the text is not canonical JSON".to_owned())
        });
    };
    let Some(found) = note.leading_type() else {
        return Err(Invalid::Content("the first member is not a type".to_owned()));
    };
    if KINDS
        .iter()
        .any(|kind| *kind != expected.kind() && found.starts_with(kind))
    {
        return Err(Invalid::Replay(format!("type {found}")));
    }
    if found.strip_prefix(expected.kind()) == Some("v1") {
        return Ok(TypeFound::Expected);
    }
    if expected.is_named_by(&note, archive_id) {
        Ok(TypeFound::Unknown(found.to_owned()))
    } else {
        Err(Invalid::Replay(format!("type {found}")))
    }
}

/// Whether a text is canonical JSON that begins with a type.
#[must_use]
pub fn is_typed_json(text: &str) -> bool {
    let document = Document::canonical_object(text);
    document.as_ref().and_then(Document::leading_type).is_some()
}
