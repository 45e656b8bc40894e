//! Opens a signed report: who signed it, and whether its text is of the kind that is asked for. The content is judged elsewhere, and
//! the outcome is a [`CheckedNote`].

use serde::Serialize;

use crate::json::document::Document;
use crate::log::signed_note::{Note, VerifyingKey};
use crate::verify::verdict::Verdict;

/// What a file with a signed report is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedNote<R> {
    /// Intact if a given key signed it, and it breaks no rule. Not what the report says was found.
    pub verdict: Verdict,
    /// Why it is not intact.
    pub detail: Option<String>,
    /// The key that signed it, by name and id.
    pub signer: Option<String>,
    /// The report, if a given key signed it and it breaks no rule.
    pub report: Option<R>,
}

/// Who signed a report and what it says, or what it is instead and why.
pub(super) type Judged<'k, R> = Result<(&'k VerifyingKey, R), (Verdict, String)>;

impl<R> From<Judged<'_, R>> for CheckedNote<R> {
    fn from(judged: Judged<'_, R>) -> CheckedNote<R> {
        match judged {
            Ok((key, report)) => CheckedNote {
                verdict: Verdict::Intact,
                detail: None,
                signer: Some(format!("{}+{}", key.name(), key.id())),
                report: Some(report),
            },
            Err((verdict, why)) => CheckedNote {
                verdict,
                detail: Some(why),
                signer: None,
                report: None,
            },
        }
    }
}

/// Opens the note in a file as a report whose type is `kind` and `/v1`. Only signatures of these keys count. Returns the key that
/// signed it and its text, or what it is instead and why.
pub(super) fn open<'k>(file: &[u8], keys: &'k [VerifyingKey], kind: &str) -> Judged<'k, String> {
    let tampered = |why: &dyn std::fmt::Display| (Verdict::Tampered, why.to_string());
    let unknown = |why: String| (Verdict::Unverifiable, why);
    let note = Note::parse(file).map_err(|error| tampered(&error))?;
    let [signature] = note.signatures() else {
        return Err(tampered(&"it does not have exactly one signature"));
    };
    let is_signer = |key: &&VerifyingKey| key.name() == signature.name && key.id() == signature.key_id;
    let key = keys.iter().find(is_signer).ok_or_else(|| {
        unknown(format!(
            "none of the given keys signed it, but {}+{}",
            signature.name, signature.key_id
        ))
    })?;
    if !key.signed(note.text(), signature) {
        return Err(tampered(
            &"the signature does not verify: it was altered after it was signed",
        ));
    }
    let document = Document::canonical_object(note.text());
    let found = document.as_ref().and_then(Document::leading_type);
    match found.and_then(|found| Some((found, found.strip_prefix(kind)?.strip_prefix("/v")?))) {
        Some((_, "1")) => Ok((key, note.text().to_owned())),
        Some((found, version)) if is_version(version) => Err(unknown(format!("it has an unknown type: {found}"))),
        _ => Err(tampered(&"it is a note of another kind")),
    }
}

fn is_version(digits: &str) -> bool {
    (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}
