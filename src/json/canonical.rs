//! Canonical JSON, the form of stored objects: equal content is equal bytes.
//!
//! One line, exactly the named members once and in the named order, no white space, integers within i64, one newline at
//! the end. This is serde_json's compact form of a struct. Reading is strict: the content must print as the same bytes.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The text is not canonical JSON of the expected type.
#[derive(Debug, thiserror::Error)]
pub enum NotCanonical {
    /// It does not parse as the expected type.
    #[error("not the expected JSON: {0}")]
    Shape(#[from] serde_json::Error),
    /// It parses, but its canonical form is another text.
    #[error("not canonical: the same content is written differently")]
    Form,
}

/// The canonical text of `content`, with its final newline. The field order of the type is the order in the text.
///
/// # Errors
/// The type has no JSON form, such as a map whose keys are not strings.
pub fn to_text<T: Serialize>(content: &T) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string(content)?;
    text.push('\n');
    Ok(text)
}

/// Parses `text`, which must be exactly what [`to_text`] writes for the same content.
///
/// # Errors
/// [`NotCanonical`] for any other text: another order, white space, repeated, missing or unknown names, other escapes.
pub fn from_text<T: Serialize + DeserializeOwned>(text: &str) -> Result<T, NotCanonical> {
    let content: T = serde_json::from_str(text)?;
    if to_text(&content)? == text {
        Ok(content)
    } else {
        Err(NotCanonical::Form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Example {
        name: String,
        number: i64,
        pair: Option<(i64, i64)>,
    }

    #[test]
    fn only_required_characters_are_escaped() {
        let example = Example {
            name: "a\"\\\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}ä/\u{2028}".into(),
            number: -1,
            pair: None,
        };
        let text = to_text(&example).unwrap();
        assert_eq!(
            text,
            "{\"name\":\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\u{7f}ä/\u{2028}\",\"number\":-1,\"pair\":null}\n"
        );
        assert_eq!(from_text::<Example>(&text).unwrap(), example);
    }

    #[test]
    fn the_same_content_in_another_form_is_refused() {
        for text in [
            "{\"name\":\"a\",\"number\":1,\"pair\":[1,2]}",
            "{\"name\":\"a\",\"number\":1,\"pair\":[1,2]}\n\n",
            "{ \"name\":\"a\",\"number\":1,\"pair\":[1,2]}\n",
            "{\"number\":1,\"name\":\"a\",\"pair\":[1,2]}\n",
            "{\"name\":\"a\",\"number\":1}\n",
            "{\"name\":\"a\",\"number\":-0,\"pair\":null}\n",
            "{\"name\":\"a\",\"number\":1e0,\"pair\":null}\n",
            "{\"name\":\"\\u0061\",\"number\":1,\"pair\":null}\n",
            "{\"name\":\"a\",\"number\":1,\"pair\":null,\"more\":1}\n",
            "{\"name\":\"a\",\"name\":\"a\",\"number\":1,\"pair\":null}\n",
            "{\"name\":\"a\",\"number\":9223372036854775808,\"pair\":null}\n",
        ] {
            assert!(from_text::<Example>(text).is_err(), "{text}");
        }
    }
}
