//! The strict JSON reader against a table, against serde_json, and against random texts.

use super::*;
use proptest::prelude::*;

fn members(text: &str) -> Result<Vec<(String, String)>, NotJson> {
    let mut members = Vec::new();
    Reader::default().read(text, str::to_owned, |name, value| {
        let value = match value {
            Value::String(text) => text.decoded().into_owned(),
            Value::Number(text) | Value::Array(text) | Value::Object(text) => text.to_owned(),
            other => format!("{other:?}"),
        };
        members.push((name.clone(), value));
    })?;
    Ok(members)
}

#[test]
fn members_of_the_outermost_object_are_visited_unchanged() {
    let text =
        r#" {"a": 1.50, "b\u0063\ud83d\ude00\n" : "x\"\u00e4", "d":[ 1,{"a":2} ], "e": {"a": {}}, "f":null,"g":true} "#;
    let shown = members(text).unwrap();
    let expected = [
        ("a", "1.50"),
        ("bc😀\n", "x\"ä"),
        ("d", "[ 1,{\"a\":2} ]"),
        ("e", "{\"a\": {}}"),
        ("f", "Null"),
        ("g", "Bool(true)"),
    ];
    assert_eq!(shown, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn what_rfc_8259_or_the_archive_format_refuses_is_refused() {
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(members(&deep(DEPTH_MAX)).is_ok());
    let many_names = |last: &str| {
        let names: Vec<String> = (0..100).map(|n| format!("\"name{n}\":{n}")).collect();
        format!("{{{},\"{last}\":0}}", names.join(","))
    };
    assert!(members(&many_names("name100")).is_ok());
    for (text, what) in [
        ("", "expected a value"),
        ("{", "expected a name"),
        ("{\"a\":1,}", "expected a name"),
        ("{\"a\" 1}", "expected a colon after a name"),
        ("{\"a\":1 \"b\":2}", "expected a comma or the end of the object"),
        ("[1 2]", "expected a comma or the end of the array"),
        ("[1,]", "expected a value"),
        ("{} {}", "text after the value"),
        ("\u{feff}{}", "expected a value"),
        ("nul", "expected a value"),
        ("NaN", "expected a value"),
        ("-", "expected a digit"),
        ("01", "text after the value"),
        ("1.", "expected a digit"),
        ("1e+", "expected a digit"),
        ("\"a", "unterminated string"),
        ("\"a\u{1}\"", "control character in a string"),
        ("\"\\x\"", "unknown escape"),
        ("\"\\u12g4\"", "unknown escape"),
        ("\"\\u12", "unknown escape"),
        ("\"\\ud800\"", "lone surrogate"),
        ("\"\\ud800\\u0041\"", "lone surrogate"),
        ("\"\\udc00\"", "lone surrogate"),
        ("{\"a\":1,\"b\":2,\"a\":3}", "repeated name"),
        ("{\"a\":1,\"\\u0061\":3}", "repeated name"),
        ("[{\"x\":{\"a\":1,\"a\":3}}]", "repeated name"),
        (&many_names("name3"), "repeated name"),
        (&deep(DEPTH_MAX + 1), "nested more than 127 levels deep"),
    ] {
        assert_eq!(members(text).unwrap_err().what, what, "{text}");
    }
}

#[test]
fn other_values_than_objects_are_valid_and_have_no_members() {
    for text in ["[]", "[{\"a\":1}]", "-0.0e-7", "\"\"", "null", " 3 "] {
        let answer = Reader::default().read(text, |_| (), |(), _| panic!("shown"));
        assert_eq!(answer, Ok(Outermost::Other), "{text}");
    }
}

/// Texts of JSON tokens: many are valid, and the rest nearly so.
fn near_json() -> impl Strategy<Value = String> {
    let tokens = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"b\"",
        "\"\\u0061\"",
        "1",
        "-2.5e3",
        "null",
        "true",
        " ",
        "\"ä\\n",
        "\"",
    ];
    proptest::collection::vec(proptest::sample::select(tokens.to_vec()), 0..24).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn what_this_reader_accepts_serde_json_accepts_too(text in near_json()) {
        let accepted = members(&text).is_ok();
        let there = serde_json::from_str::<serde_json::Value>(&text);
        // serde_json accepts repeated names; otherwise both agree on texts of these tokens.
        prop_assert!(!accepted || there.is_ok());
        prop_assert!(accepted || there.is_err() || members(&text).unwrap_err().what == "repeated name");
    }

    #[test]
    fn whatever_serde_json_writes_reads_back(
        pairs in proptest::collection::btree_map(".*", ".*", 0..40),
    ) {
        let text = serde_json::to_string(&pairs).unwrap();
        prop_assert_eq!(members(&text).unwrap(), pairs.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn no_text_panics(text in ".*") {
        let _ = members(&text);
    }
}

/// The results of reading `texts` with one reader, and with a new reader for each.
fn answers(texts: &[String]) -> (Vec<String>, Vec<String>) {
    let answer = |reader: &mut Reader<String>, text: &str| {
        let mut last = std::collections::BTreeMap::new();
        let answer = reader.read(text, str::to_owned, |name, value| {
            last.insert(name.clone(), format!("{value:?}"));
        });
        format!(
            "{answer:?} {:?}",
            if answer.is_ok() { last } else { Default::default() }
        )
    };
    let mut one = Reader::default();
    let by_one = texts.iter().map(|text| answer(&mut one, text)).collect();
    let each_by_its_own = texts.iter().map(|text| answer(&mut Reader::default(), text)).collect();
    (by_one, each_by_its_own)
}

#[test]
fn a_text_of_a_known_shape_is_fully_checked() {
    let texts = [
        r#"{"a": 1, "b": "x"}"#,
        r#"{"a": [1, {"b":2}], "b": null}"#,
        r#"{"a": 1, "b": 01}"#,
        r#"{"a": 1, "b": "x"} "#,
        r#"{"a": 1, "b": "x", "a": 2}"#,
        r#"{"a": 1, "b": "x"}}"#,
        r#"{"a": 1, "b": "\ud800"}"#,
        r#"{"a": 1}"#,
        r#"{"a": , "b": "x"}"#,
        r#"{"a": 1, "\u0062": 1, "b": 2}"#,
    ];
    let (by_one, each_by_its_own) = answers(&texts.map(str::to_owned));
    assert_eq!(by_one, each_by_its_own);
}

proptest! {
    #[test]
    fn earlier_texts_do_not_change_a_result(texts in proptest::collection::vec(near_json(), 2..6), twice in 0usize..2) {
        let object = |text: &String| format!("{{\"x\": 1, \"y\":{text}}}");
        let texts: Vec<String> = texts.iter().flat_map(|text| [object(text), text.repeat(1 + twice)]).collect();
        let (by_one, each_by_its_own) = answers(&texts);
        prop_assert_eq!(by_one, each_by_its_own);
    }
}
