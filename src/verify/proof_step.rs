//! The steps of checking a proof file.

use crate::log::note::Invalid;
use crate::verify::findings::{Code, Finding};

/// A step of the check; the error is the first thing that is wrong.
pub(super) type Checked<T> = Result<T, Box<Finding>>;

pub(super) fn wrong(code: Code, detail: impl Into<String>) -> Box<Finding> {
    Box::new(Finding::new(code, detail))
}

pub(super) fn require(holds: bool, code: Code, detail: &str) -> Checked<()> {
    if holds { Ok(()) } else { Err(wrong(code, detail)) }
}

/// The finding for a note in the proof that is not valid.
pub(super) fn invalid(what: &str) -> impl Fn(Invalid) -> Box<Finding> {
    move |invalid| {
        let code = match invalid {
            Invalid::UnknownType { .. } => Code::ProofUnknownType,
            _ => Code::ProofNoteInvalid,
        };
        wrong(code, format!("{what}: {invalid}"))
    }
}
