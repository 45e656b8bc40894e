//! Opens a signed report: who signed it, and whether its text is of the kind that is asked for. The content is judged elsewhere.

use crate::json::document::Document;
use crate::log::signed_note::{Note, VerifyingKey};
use crate::verify::verdict::Verdict;

/// Opens the note in a file as a report whose type is `kind` and `/v1`. Only signatures of these keys count. Returns the key that
/// signed it and its text, or what it is instead and why.
pub(super) fn open<'k>(
    file: &[u8],
    keys: &'k [VerifyingKey],
    kind: &str,
) -> Result<(&'k VerifyingKey, String), (Verdict, String)> {
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
    let found = document.as_ref().and_then(Document::leading_type);
    match found.and_then(|found| Some((found, found.strip_prefix(kind)?.strip_prefix("/v")?))) {
        Some((_, "1")) => Ok((key, note.text().to_owned())),
        Some((found, version)) if is_version(version) => Err(unknown(format!("it has an unknown type: type={found}"))),
        _ => Err(tampered(&"it is a note of another kind")),
    }
}

fn is_version(digits: &str) -> bool {
    (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}
