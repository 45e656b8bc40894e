//! Checks that the XML of a listing is whole: the client takes a document that breaks off for a shorter one.
//!
//! Where the server announces the length, or sends chunks, a response that breaks off is an error already. Else its end is
//! the end of the connection, which a proxy closes at any moment.

use aws_sdk_s3::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;

/// Fails a response whose document has no end.
#[derive(Debug)]
pub(super) struct WholeDocument;

#[derive(Debug, thiserror::Error)]
#[error("the document breaks off")]
struct BrokenOff;

impl Intercept for WholeDocument {
    fn name(&self) -> &'static str {
        "WholeDocument"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let is_whole = response.body().bytes().is_some_and(is_whole);
        if response.status().is_success() && !is_whole {
            return Err(BrokenOff.into());
        }
        Ok(())
    }
}

/// Whether the text ends with the end of its first element.
pub(super) fn is_whole(text: &[u8]) -> bool {
    let text = text.trim_ascii_end();
    let starts = |pair: &[u8]| matches!(pair, [b'<', first] if first.is_ascii_alphabetic());
    let Some(root) = text.windows(2).position(starts).and_then(|start| text.get(start + 1..)) else {
        return false;
    };
    let name_bytes = root.iter().take_while(|byte| !b" \t\r\n/>".contains(byte)).count();
    let name = root.get(..name_bytes).unwrap_or_default();
    let is_empty = root.ends_with(b"/>") && !root.contains(&b'<');
    let without_bracket = root.strip_suffix(b">").map(<[u8]>::trim_ascii_end);
    let end = without_bracket.and_then(|end| end.strip_suffix(name));
    is_empty || end.is_some_and(|end| end.ends_with(b"</"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_whole_with_the_end_of_its_root_and_broken_off_anywhere_before() {
        let listing = "<?xml version=\"1.0\"?>\n<a:List xmlns:a=\"x\"><Key>a</Key><Empty/></a:List >\n";
        for end in 0..listing.trim_end().len() {
            assert!(!is_whole(&listing.as_bytes()[..end]), "{end}");
        }
        for whole in [listing, "<List/>", "<List a=\"b\" />", "<List></List>"] {
            assert!(is_whole(whole.as_bytes()), "{whole}");
        }
    }
}
