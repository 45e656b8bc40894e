//! The projection against the reference implementation, on random texts.

use proptest::prelude::*;

use crate::segment::projection::cell::Projector;
use crate::segment::projection::cell_tests::{fast, projection};
use crate::segment::projection::reference;

/// JSON-like text: names from a small set so that they repeat, spaces and escapes in many forms.
fn json_text() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        8 => prop::sample::select(vec!["a", "b", "c", "d", "e", "/~é", ""]).prop_map(|name| format!("\"{name}\"")),
        1 => prop::sample::select(vec![r"\u0061", r"\u002F~é", r"\ud83d\ude00", r"\ud83d", r"\q"]).prop_map(|name| format!("\"{name}\"")),
    ];
    let leaf = prop_oneof![
        prop::sample::select(vec![
            "null",
            "true",
            "false",
            "0",
            "-0",
            "-0.0",
            "1.5",
            "-12.30",
            "9999.99",
            "10000.0",
            "0.125",
            "1e5",
            "1E400",
            "9223372036854775808",
            "-7",
            "01",
            "NaN",
            "\"x\"",
            "\"\"",
            "\"é\\n\\u0041\"",
            "\"2025-11-19T14:31:02.5+01:00\"",
            "\"2025-11-19 14:31:02\"",
            "\"\\ud800\"",
            "\"a long string without anything special in it\"",
            "[]",
            "{}",
        ])
        .prop_map(str::to_owned),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| format!("{number:e}")),
        "[ -~é]{0,12}".prop_map(|text| format!("{text:?}")),
    ];
    let space = prop::sample::select(vec!["", "", "", " ", "\n", "\t \r"]);
    leaf.prop_recursive(4, 40, 6, move |inner| {
        let member = (name.clone(), space.clone(), inner.clone(), space.clone());
        prop_oneof![
            3 => prop::collection::vec(member, 0..7).prop_map(|members| {
                let members: Vec<String> =
                    members.iter().map(|(name, before, value, after)| format!("{before}{name}{after}:{before}{value}{after}")).collect();
                format!("{{{}}}", members.join(","))
            }),
            1 => prop::collection::vec(inner, 0..4).prop_map(|elements| format!("[{}]", elements.join(", "))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_projection_agrees_with_the_reference(texts in prop::collection::vec(json_text(), 1..6)) {
        let projection = projection();
        // One projector for all texts: its state must not change a result.
        let mut projector = Projector::new(&projection);
        for text in texts.iter().chain(&texts) {
            let value = Some(text.as_bytes());
            prop_assert_eq!(fast(&mut projector, value), reference::project(&projection, value), "{}", text);
        }
    }

    #[test]
    fn the_projection_agrees_with_the_reference_on_damaged_texts(
        text in json_text(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), prop::sample::select(b"\"\\{}[]:,0eu-. ".to_vec())]), 0..4),
    ) {
        let projection = projection();
        let mut value = text.into_bytes();
        for (index, byte) in changes {
            if !value.is_empty() {
                let at = index.index(value.len());
                value[at] = byte;
            }
        }
        let value = Some(&value[..]);
        prop_assert_eq!(fast(&mut Projector::new(&projection), value), reference::project(&projection, value));
    }

    #[test]
    fn serde_json_accepts_every_text_that_the_reference_accepts(text in json_text()) {
        // serde_json accepts repeated names, so only one direction holds.
        let well_known = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        if reference::parse(&text).is_some() {
            prop_assert!(well_known, "{}", text);
        }
    }
}
