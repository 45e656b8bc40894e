//! What an error answer says beside its code: a page of text in place of S3's XML, and where a redirect leads.

use aws_sdk_s3::config::http::HttpResponse;

use crate::store::s3::document;

/// The longest text of an answer in a message, in characters.
const TEXT_MAX: usize = 300;

/// Where the request should have gone, as names and values for the message.
pub(super) fn pointers(response: &HttpResponse) -> Vec<(&'static str, String)> {
    let named = [("bucket region", "x-amz-bucket-region"), ("location", "location")];
    let value = |header| response.headers().get(header).map(cut);
    named
        .into_iter()
        .filter_map(|(name, header)| Some((name, value(header)?)))
        .collect()
}

/// The text of an answer without a code, without its markup. None if it is empty.
pub(super) fn page(response: &HttpResponse) -> Option<String> {
    let body = response.body().bytes().filter(|body| !body.is_empty())?;
    Some(cut(&without_markup(&String::from_utf8_lossy(body))))
}

/// The text of an answer whose XML has no end, so that its code may be half of one.
pub(super) fn broken_off(response: &HttpResponse) -> Option<String> {
    let is_whole = response.body().bytes().is_some_and(document::is_whole);
    if is_whole { None } else { page(response) }
}

/// The text, cut to what fits a message.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn without_markup(text: &str) -> String {
    let mut plain = String::new();
    for (number, part) in text.split('<').enumerate() {
        let after_tag = if number == 0 {
            part
        } else {
            part.split_once('>').map_or("", |(_, after)| after)
        };
        plain.push_str(after_tag);
        plain.push(' ');
    }
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_is_shown_without_its_markup() {
        let page = "<html>\n<head><title>403 Forbidden</title></head>\n<body>Blocked by <b>policy</b>";
        assert_eq!(without_markup(page), "403 Forbidden Blocked by policy");
        assert_eq!(without_markup("default backend - 404\n"), "default backend - 404");
    }

    proptest! {
        #[test]
        fn any_text_is_cut_without_a_panic(text in ".*") {
            prop_assert!(cut(&without_markup(&text)).chars().count() <= TEXT_MAX + 1);
        }
    }
}
