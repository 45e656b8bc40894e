//! Finds one member of a JSON object without checking the rest of the text. For statistics only: a text that is not
//! valid JSON may still have a result.

use memchr::memchr2;

/// The value of the first member `name` of the outermost object, if it is a string without escapes.
#[must_use]
pub fn string_member<'a>(text: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut at = expect(text, 0, b'{')?;
    loop {
        let key_start = expect(text, at, b'"')?;
        let key_end = string_end(text, key_start)?;
        let value = skip_space(text, expect(text, key_end + 1, b':')?);
        if text.get(key_start..key_end)? == name.as_bytes() {
            let start = expect(text, value, b'"')?;
            let end = memchr2(b'"', b'\\', text.get(start..)?)? + start;
            return (text[end] == b'"').then(|| &text[start..end]);
        }
        at = expect(text, value_end(text, value)?, b',')?;
    }
}

/// The position after `byte`, which must come next apart from white space.
fn expect(text: &[u8], at: usize, byte: u8) -> Option<usize> {
    let at = skip_space(text, at);
    (*text.get(at)? == byte).then_some(at + 1)
}

fn skip_space(text: &[u8], mut at: usize) -> usize {
    while text
        .get(at)
        .is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
    {
        at += 1;
    }
    at
}

/// The position of the closing quotation mark of a string whose content begins at `start`.
fn string_end(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// The position after a value of any kind.
fn value_end(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    let mut depth = 0usize;
    loop {
        match text.get(at)? {
            b'"' => at = string_end(text, at + 1)?,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return Some(at),
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => return Some(at),
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(text: &str) -> Option<&str> {
        string_member(text.as_bytes(), "event_type").map(|bytes| std::str::from_utf8(bytes).unwrap())
    }

    #[test]
    fn the_member_is_found_anywhere_in_the_outermost_object() {
        for text in [
            r#"{"event_type":"search"}"#,
            r#" { "a" : 1 , "event_type" : "search" } "#,
            r#"{"a":{"event_type":"no"},"event_type":"search"}"#,
            r#"{"a":"\"event_type\":\"no\"","b":[1,{"c":"]"}],"event_type":"search"}"#,
        ] {
            assert_eq!(found(text), Some("search"), "{text}");
        }
    }

    #[test]
    fn missing_members_and_other_values_than_plain_strings_are_not_found() {
        for text in [
            "",
            "null",
            "{}",
            "[]",
            r#"{"a":{"event_type":"no"}}"#,
            r#"{"event_type":7}"#,
            r#"{"event_type":"a\u0041"}"#,
            r#"{"event_type":"#,
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _found = string_member(&text, "event_type");
        }

        #[test]
        fn it_agrees_with_a_full_parser(
            before in proptest::collection::btree_map("[a-d]{1,3}", ".{0,8}", 0..4),
            wanted in "[a-z_]{1,12}",
        ) {
            let mut object = serde_json::Map::new();
            object.extend(before.into_iter().map(|(name, value)| (name, value.into())));
            object.insert("event_type".to_owned(), wanted.clone().into());
            let text = serde_json::to_vec(&object).unwrap();
            prop_assert_eq!(string_member(&text, "event_type"), Some(wanted.as_bytes()));
        }
    }
}
