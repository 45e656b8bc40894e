//! Checks the report of a drill: its signature by a given key, its form, and the rules of its content (FORMAT.md section 8.2).

use serde::Serialize;

use crate::json::document::Document;
use crate::log::drill::{DrillReport, TYPE};
use crate::log::signed_note::{Note, VerifyingKey};
use crate::verify::verdict::Verdict;

/// What a file with a report is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedDrill {
    /// Intact if a given key signed it, and it breaks no rule. Not what the drill found: that is its result.
    pub verdict: Verdict,
    /// Why it is not intact.
    pub detail: Option<String>,
    /// The key that signed it, by name and id.
    pub signer: Option<String>,
    /// The report, if it is intact.
    pub report: Option<DrillReport>,
}

/// Checks a file. Only signatures of these keys count.
#[must_use]
pub fn check(file: &[u8], keys: &[VerifyingKey]) -> CheckedDrill {
    match judge(file, keys) {
        Ok((key, report)) => CheckedDrill {
            verdict: Verdict::Intact,
            detail: None,
            signer: Some(format!("{}+{}", key.name(), key.id())),
            report: Some(report),
        },
        Err((verdict, why)) => CheckedDrill {
            verdict,
            detail: Some(why),
            signer: None,
            report: None,
        },
    }
}

fn judge<'k>(file: &[u8], keys: &'k [VerifyingKey]) -> Result<(&'k VerifyingKey, DrillReport), (Verdict, String)> {
    let tampered = |why: &dyn std::fmt::Display| (Verdict::Tampered, why.to_string());
    let unknown = |why: String| (Verdict::Unverifiable, why);
    let note = Note::parse(file).map_err(|error| tampered(&error))?;
    let [signature] = note.signatures() else {
        return Err(tampered(&"it does not have exactly one signature"));
    };
    let is_signer = |key: &&VerifyingKey| key.name() == signature.name && key.id() == signature.key_id;
    let key = keys.iter().find(is_signer).ok_or_else(|| {
        unknown(format!(
            "none of the given keys signed it: key={}+{}",
            signature.name, signature.key_id
        ))
    })?;
    if !key.signed(note.text(), signature) {
        return Err(tampered(
            &"the signature does not verify: it was altered after it was signed",
        ));
    }
    let document = Document::canonical_object(note.text());
    match document.as_ref().and_then(Document::leading_type) {
        Some(TYPE) => {}
        Some(kind) if is_version(kind) => return Err(unknown(format!("it has an unknown type: type={kind}"))),
        _ => return Err(tampered(&"it is a note of another kind")),
    }
    let report = DrillReport::from_text(note.text()).map_err(|error| tampered(&error))?;
    if report.origin != key.name() {
        return Err(tampered(&"its key has another name than the archive"));
    }
    match report.broken_rule() {
        None => Ok((key, report)),
        Some(rule) => Err(tampered(&rule)),
    }
}

/// Whether it is a report of another version.
fn is_version(kind: &str) -> bool {
    let version = kind.strip_prefix("kivend.drill/v");
    version.is_some_and(|digits| (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()))
}
