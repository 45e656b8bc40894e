//! `add-checkpoint` of C2SP tlog-witness: the body of the request, and what an answer means.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::log::witness::cosignature::Cosignature;
use crate::record::hash::Hash;

/// The most that is read of an answer.
pub const ANSWER_MAX_BYTES: usize = 64 * 1024;
/// The most lines that a consistency proof may have.
pub const PROOF_MAX: usize = 63;
/// The media type of a conflict's body that names a size.
const SIZE_TYPE: &str = "text/x.tlog.size";

/// The body of a request that submits `checkpoint`, a whole signed note, to a witness whose newest tree has `old_size`
/// leaves. `proof` is the consistency proof between the two, empty where `old_size` is 0 or the checkpoint's own size.
#[must_use]
pub fn request_body(old_size: u64, proof: &[Hash], checkpoint: &[u8]) -> Vec<u8> {
    let mut body = format!("old {old_size}\n");
    for node in proof {
        body.push_str(&BASE64.encode(node.0));
        body.push('\n');
    }
    body.push('\n');
    [body.as_bytes(), checkpoint].concat()
}

/// What a witness answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// 200: signature lines, not verified, perhaps of keys that nobody asked for. At least one.
    Cosigned(Vec<Cosignature>),
    /// 409 with a size: the newest tree that the witness cosigned has this many leaves.
    OtherSize(u64),
    /// 409 without a size: the witness does not say why.
    Conflict,
    /// 404: the witness does not know the log's origin.
    UnknownLog,
    /// 403: no signature by a key that the witness trusts for this origin. Some witnesses answer so for an unknown origin.
    Untrusted,
    /// 422: the consistency proof does not verify, or the witness cosigned another root of the same size.
    Inconsistent,
    /// 400: the witness does not understand the request.
    Misunderstood,
    /// Any other status, such as 429 or 503.
    Unavailable(u16),
    /// 200 with a body that is not signature lines, or is too large.
    Garbled,
}

/// The meaning of an answer. `body` is what was read of it: an answer of more than [`ANSWER_MAX_BYTES`] is cut one byte
/// above that or later.
#[must_use]
pub fn classify(status: u16, media_type: Option<&str>, body: &[u8]) -> Answer {
    match status {
        200 => cosignatures(body).map_or(Answer::Garbled, Answer::Cosigned),
        409 if media_type.is_some_and(is_size_type) => size(body).map_or(Answer::Conflict, Answer::OtherSize),
        409 => Answer::Conflict,
        404 => Answer::UnknownLog,
        403 => Answer::Untrusted,
        422 => Answer::Inconsistent,
        400 => Answer::Misunderstood,
        other => Answer::Unavailable(other),
    }
}

/// Whether it is [`SIZE_TYPE`], with or without parameters.
fn is_size_type(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(SIZE_TYPE)
}

/// A decimal number without leading zeros, and a newline.
fn size(body: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(body).ok()?.strip_suffix('\n')?;
    let size: u64 = digits.parse().ok()?;
    (size.to_string() == digits).then_some(size)
}

/// The lines, of which those of other signature types are left out.
fn cosignatures(body: &[u8]) -> Option<Vec<Cosignature>> {
    if body.len() > ANSWER_MAX_BYTES {
        return None;
    }
    let lines = std::str::from_utf8(body).ok()?.strip_suffix('\n')?.split('\n');
    let found: Vec<_> = lines.filter_map(Cosignature::parse).collect();
    (!found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "\u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

    #[test]
    fn a_request_is_the_old_size_the_proof_an_empty_line_and_the_checkpoint() {
        let body = request_body(3, &[Hash([0; 32]), Hash([1; 32])], b"text\n\nsignature\n");
        let wanted = "old 3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n\ntext\n\nsignature\n";
        assert_eq!(body, wanted.as_bytes());
        assert_eq!(request_body(0, &[], b"x"), b"old 0\n\nx");
    }

    #[test]
    fn lines_of_a_success_are_cosignatures() {
        let Answer::Cosigned(lines) = classify(200, Some("text/plain"), LINE.repeat(2).as_bytes()) else {
            panic!("not cosigned");
        };
        assert_eq!(lines.len(), 2);
        assert_eq!(
            (lines[0].name(), lines[0].timestamp()),
            ("witness.example.com/w1", 1_679_315_147)
        );
        let with_another_type = format!("\u{2014} other AAAAAAA=\n{LINE}");
        assert!(
            matches!(classify(200, None, with_another_type.as_bytes()), Answer::Cosigned(lines) if lines.len() == 1)
        );
        let large = LINE.repeat(ANSWER_MAX_BYTES / LINE.len() + 1);
        for garbled in ["", "\n", "ok\n", LINE.trim_end(), &large] {
            assert_eq!(classify(200, None, garbled.as_bytes()), Answer::Garbled);
        }
    }

    #[test]
    fn only_a_conflict_of_the_right_type_names_a_size() {
        let size = |media_type, body: &str| classify(409, media_type, body.as_bytes());
        assert_eq!(
            size(Some("text/x.tlog.size"), "20852163\n"),
            Answer::OtherSize(20_852_163)
        );
        assert_eq!(
            size(Some("Text/X.tlog.size; charset=utf-8"), "0\n"),
            Answer::OtherSize(0)
        );
        for (media_type, body) in [
            (None, "3\n"),
            (Some("text/plain"), "3\n"),
            (Some("text/x.tlog.size"), "3"),
            (Some("text/x.tlog.size"), "03\n"),
            (Some("text/x.tlog.size"), "+3\n"),
            (Some("text/x.tlog.size"), "99999999999999999999\n"),
            (Some("text/x.tlog.size"), ""),
        ] {
            assert_eq!(size(media_type, body), Answer::Conflict, "{media_type:?} {body}");
        }
    }

    #[test]
    fn each_refusal_of_the_protocol_is_told_from_the_others() {
        let of = |status| classify(status, Some("text/plain"), b"no\n");
        assert_eq!(
            [404, 403, 422, 400].map(of),
            [
                Answer::UnknownLog,
                Answer::Untrusted,
                Answer::Inconsistent,
                Answer::Misunderstood
            ]
        );
        assert_eq!(
            [201, 302, 429, 503].map(of),
            [201, 302, 429, 503].map(Answer::Unavailable)
        );
    }
}
