//! What an object above the newest valid entry of the log is (FORMAT.md section 3.1, rule 4): evidence that entries are
//! missing, tampering, or junk.

use bytes::Bytes;

use crate::log::checkpoint::{Checkpoint, Form};
use crate::log::history::History;
use crate::log::note::{Expected, Invalid, TypeFound, check_type, is_typed_json};
use crate::log::object_key::Key;
use crate::verify::candidates::Unread;
use crate::verify::findings::{Code, Finding};

/// Something shows that an entry existed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The number of the entry.
    pub number: u64,
    /// What shows it: an object key, or a few words.
    pub by: String,
}

/// Judges an object at the place of an entry or checkpoint above the newest entry. Junk is returned as a stray object.
///
/// # Errors
/// The finding about an object that shows nothing.
pub fn judge_above(history: &History, key: &Key, object: &Result<Bytes, Unread>) -> Result<Shown, Box<Finding>> {
    let finding = |code, why: String| Err(Box::new(Finding::new(code, why)));
    let (number, stray, unreadable) = match key {
        Key::Entry(number, _) => (*number, Code::StrayEntry, Code::EntryUnreadable),
        Key::Checkpoint(number, _) => (*number, Code::StrayCheckpoint, Code::CheckpointUnreadable),
        _ => return finding(Code::StrayObject, "not a note of the log".to_owned()),
    };
    let object = match object {
        Ok(object) => object,
        Err(Unread::Failed(why)) => return finding(unreadable, why.clone()),
        Err(unread @ Unread::TooLarge(_)) => return finding(stray, unread.to_string()),
    };
    let judged = match key {
        Key::Entry(..) => entry(history, object, number),
        _ => checkpoint(history, object, number),
    };
    match judged {
        Ok(()) => Ok(Shown {
            number,
            by: key.to_string(),
        }),
        Err(Invalid::Replay(named)) => finding(
            Code::Replay,
            format!("a valid note of another place or kind was copied here: {named}"),
        ),
        Err(Invalid::Content(why)) if stray == Code::StrayEntry => finding(Code::EntryBreaksRule, why.to_string()),
        Err(Invalid::Content(why)) => finding(Code::CheckpointBreaksRule, why.to_string()),
        Err(other) => finding(stray, other.to_string()),
    }
}

/// Whether a known key that is not in force signed this object as the entry of this number. A note of another type is junk.
pub(super) fn is_entry_out_of_force(history: &History, object: &[u8], number: u64) -> bool {
    let Err(Invalid::UnknownKey { .. }) = history.open_named(object, number) else {
        return false;
    };
    let expected = Expected::Entry(number);
    let opened = history.keyring().open(object);
    opened.is_ok_and(|opened| check_type(&opened.text, expected, history.archive_id()) == Ok(TypeFound::Expected))
}

fn entry(history: &History, object: &[u8], number: u64) -> Result<(), Invalid> {
    match history.open_named(object, number) {
        Ok(_) | Err(Invalid::UnknownType { .. }) => Ok(()),
        // A known key, which is not in force: it signed an entry that can never be valid.
        Err(Invalid::UnknownKey { name, id }) if is_entry_out_of_force(history, object, number) => Err(
            Invalid::Content(format!("a key that is not in force signed the entry: {name}+{id}")),
        ),
        Err(other) => Err(other),
    }
}

fn checkpoint(history: &History, object: &[u8], number: u64) -> Result<(), Invalid> {
    let opened = history.keyring().open(object)?;
    if is_typed_json(&opened.text) {
        return Err(Invalid::Replay("a note of another kind".to_owned()));
    }
    let Some(form) = Form::of(&opened.text) else {
        return Err(Invalid::Content("the text is not a checkpoint".to_owned()));
    };
    let (origin, size) = (history.keyring().origin(), number.saturating_add(1).to_string());
    if (form.origin, form.size) != (origin, &size) {
        return Err(Invalid::Replay(format!("origin {}, size {}", form.origin, form.size)));
    }
    let may_sign = opened.term.is_in_force_before(history.next_number());
    if form.further_lines == 0 && opened.text.parse::<Checkpoint>().is_err() {
        return Err(Invalid::Content("the text is not a checkpoint".to_owned()));
    }
    if may_sign { Ok(()) } else { Err(opened.out_of_term()) }
}
