//! The projection against a table of texts that JSON parsers disagree about.

use crate::segment::projection::cell::{ParseError, Projector};
use crate::segment::projection::reference::{self, OwnedCell};
use crate::segment::projection::rules::{ColumnType, Projection, Rule};

pub(super) fn projection() -> Projection {
    Projection::new(vec![
        Rule::new("s", "/a", ColumnType::String),
        Rule::new("i", "/b", ColumnType::Int64),
        Rule::new("f", "/b", ColumnType::Float64),
        Rule::new("b", "/c", ColumnType::Bool),
        Rule::new("t", "/a", ColumnType::TimestampUs),
        Rule::new("j", "/d", ColumnType::Json),
        Rule::new("deep", "/d/a", ColumnType::String),
        Rule::new("deeper", "/d/d/b", ColumnType::Int64),
        Rule::new("odd", "/~1~0é", ColumnType::Json),
        Rule::new("empty", "/", ColumnType::Json),
        Rule::new("d", "/b", ColumnType::Decimal { precision: 6, scale: 2 }),
    ])
    .unwrap()
}

/// All cells of a value, and its `parse_error`.
pub(super) fn fast(projector: &mut Projector<'_>, value: Option<&[u8]>) -> (Vec<OwnedCell>, Option<ParseError>) {
    let mut cells = Vec::new();
    let error = projector.project(value, |index, cell| {
        assert_eq!(index, cells.len());
        cells.push(OwnedCell::from(cell));
    });
    (cells, error)
}

fn parse_error(value: &[u8]) -> Option<ParseError> {
    fast(&mut Projector::new(&projection()), Some(value)).1
}

/// The one cell that a rule of this type has for `{"x": literal}`.
fn one(column_type: ColumnType, literal: &str) -> (OwnedCell, Option<ParseError>) {
    let projection = Projection::new(vec![Rule::new("x", "/x", column_type)]).unwrap();
    let text = format!("{{\"x\":{literal}}}");
    let (cells, error) = fast(&mut Projector::new(&projection), Some(text.as_bytes()));
    (cells[0].clone(), error)
}

#[test]
fn a_value_that_is_not_an_object_has_its_parse_error() {
    for (value, error) in [
        (&b"{}"[..], None),
        (b" \t\r\n{ } ", None),
        (b"", Some(ParseError::NotJson)),
        (b"\xff", Some(ParseError::NotUtf8)),
        (b"{\"a\":\"\xc3\"}", Some(ParseError::NotUtf8)),
        (b"{\"a\":\"\xed\xa0\x80\"}", Some(ParseError::NotUtf8)),
        (b"\xef\xbb\xbf{}", Some(ParseError::NotJson)),
        (b"[]", Some(ParseError::NotObject)),
        (b"null", Some(ParseError::NotObject)),
        (b"\"{}\"", Some(ParseError::NotObject)),
        (b"-1.5e3", Some(ParseError::NotObject)),
        (b"{}{}", Some(ParseError::NotJson)),
        (b"{\"a\":1}", Some(ParseError::FieldType)),
    ] {
        assert_eq!(parse_error(value), error, "{}", String::from_utf8_lossy(value));
    }
    assert_eq!(
        fast(&mut Projector::new(&projection()), None),
        (vec![OwnedCell::Null; 11], None)
    );
}

#[test]
fn what_rfc_8259_does_not_allow_is_not_json() {
    for text in [
        "{",
        "}",
        "{a:1}",
        "{'a':1}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\":1 \"b\":2}",
        "{\"a\" 1}",
        "{\"a\":[1,]}",
        "{\"a\":[,1]}",
        "{\"a\":[1 2]}",
        "{\"a\":[}",
        "{\"a\":[1}",
        "{\"a\":01}",
        "{\"a\":-01}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":1.}",
        "{\"a\":1.e1}",
        "{\"a\":1e}",
        "{\"a\":1e+}",
        "{\"a\":--1}",
        "{\"a\":-}",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{\"a\":-Infinity}",
        "{\"a\":0x1}",
        "{\"a\":1_0}",
        "{\"a\":tru}",
        "{\"a\":True}",
        "{\"a\":nul}",
        "{\"a\":nulll}",
        "{\"a\":truefalse}",
        "{\"a\":undefined}",
        "{\"a\":\"}",
        "{\"a\":\"\\\"}",
        "{\"a\":\"\\x41\"}",
        "{\"a\":\"\\'\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\u12G4\"}",
        "{\"a\":\"\\U0041\"}",
        "{\"a\":\"\\u+123\"}",
        "{\"a\":\"a\tb\"}",
        "{\"a\":\"a\nb\"}",
        "{\"a\":\"\0\"}",
        "{\"a\":\"\\\u{1}\"}",
        "{\"a\":1}//",
        "{\"a\":/**/1}",
        "{\"a\":1}\0",
        "{\"a\":1}\u{a0}",
        "{\u{c}\"a\":1}",
        "\u{feff}{}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\udc00\"}",
        "{\"a\":\"\\ud800\\ud800\"}",
        "{\"a\":\"\\ud800x\"}",
        "{\"a\":\"\\ud800\\n\"}",
        "{\"\\ud800\":1}",
        "{\"x\":[{\"y\":\"\\udfff\"}]}",
    ] {
        assert_eq!(parse_error(text.as_bytes()), Some(ParseError::NotJson), "{text}");
        assert_eq!(reference::parse(text), None, "{text}");
    }
}

#[test]
fn a_repeated_name_is_not_json_at_any_depth_and_after_unescaping() {
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"b":2,"a":3}"#,
        r#"{"a":1,"\u0061":1}"#,
        r#"{"\u0061":1,"a":1}"#,
        r#"{"\u0061":1,"\u0061":1}"#,
        r#"{"x":{"y":[{"k":1,"k":2}]}}"#,
        r#"{"":1,"":1}"#,
        r#"{"😀":1,"\ud83d\ude00":1}"#,
        r#"{"\/":1,"/":1}"#,
    ] {
        assert_eq!(parse_error(text.as_bytes()), Some(ParseError::NotJson), "{text}");
    }
    for text in [
        r#"{"x":{"x":{"x":1}},"y":[{"x":1},{"x":1}]}"#,
        r#"{"A":1,"Ａ":1}"#,
        r#"{"\n":1,"\\n":1}"#,
    ] {
        assert_eq!(parse_error(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn a_repeated_name_among_many_is_found() {
    let projection = projection();
    let projector = &mut Projector::new(&projection);
    for last in ["\"n7\"", "\"fresh\"", "\"n\\u0037\""] {
        for names in [10, 40, 100] {
            let members: Vec<String> = (0..names).map(|index| format!("\"n{index}\":0")).collect();
            let plain = format!("{{{}}}", members.join(","));
            assert_eq!(fast(projector, Some(plain.as_bytes())).1, None);
            let text = format!("{{{},{last}:0}}", members.join(","));
            let expected = (last != "\"fresh\"").then_some(ParseError::NotJson);
            assert_eq!(fast(projector, Some(text.as_bytes())).1, expected, "{text}");
        }
    }
}

#[test]
fn an_object_with_very_many_names_is_read() {
    let members: Vec<String> = (0..200_000).map(|index| format!("\"{index:0>20}\":0")).collect();
    let text = format!("{{{},\"a\":\"x\"}}", members.join(","));
    let (cells, error) = fast(&mut Projector::new(&projection()), Some(text.as_bytes()));
    assert_eq!(
        (&cells[0], error),
        (&OwnedCell::Text("x".into()), Some(ParseError::FieldType))
    );
}

#[test]
fn a_hundred_and_twenty_seven_levels_are_json_and_one_more_is_not() {
    for (open, close) in [("[", "]"), ("{\"x\":", "}")] {
        let nested = |levels: usize| format!("{{\"x\":{}0{}}}", open.repeat(levels), close.repeat(levels));
        assert_eq!(parse_error(nested(126).as_bytes()), None);
        assert_eq!(parse_error(nested(127).as_bytes()), Some(ParseError::NotJson));
        assert_eq!(parse_error(nested(200_000).as_bytes()), Some(ParseError::NotJson));
    }
    let wide = format!("{{\"x\":[{}[]]}}", "[[]],".repeat(1000));
    assert_eq!(parse_error(wide.as_bytes()), None);
}

#[test]
fn integers_are_literals_within_i64() {
    for (literal, number) in [
        ("0", 0),
        ("-0", 0),
        ("-1", -1),
        ("9223372036854775807", i64::MAX),
        ("-9223372036854775808", i64::MIN),
    ] {
        assert_eq!(
            one(ColumnType::Int64, literal),
            (OwnedCell::Int64(number), None),
            "{literal}"
        );
    }
    for literal in [
        "9223372036854775808",
        "-9223372036854775809",
        "1.0",
        "1e0",
        "-0.0",
        "-0e0",
        "\"1\"",
        "true",
        "[]",
        "{}",
        "123456789012345678901234567890",
    ] {
        assert_eq!(
            one(ColumnType::Int64, literal),
            (OwnedCell::Null, Some(ParseError::FieldType)),
            "{literal}"
        );
    }
    assert_eq!(one(ColumnType::Int64, "null"), (OwnedCell::Null, None));
}

#[test]
fn doubles_are_the_nearest_and_finite() {
    for (literal, number) in [
        ("0", 0.0),
        ("-0", 0.0),
        ("-0.0", -0.0),
        ("101.9", 101.9),
        ("1e-400", 0.0),
        ("-1e-400", -0.0),
        ("9007199254740993", 9_007_199_254_740_992.0),
        ("123456789012345678901234567890", 1.234_567_890_123_456_8e29),
        ("1.7976931348623157e308", f64::MAX),
        ("4.9e-324", 5e-324),
        ("2.2250738585072011e-308", 2.225_073_858_507_201e-308),
        ("1E+2", 100.0),
    ] {
        assert_eq!(
            one(ColumnType::Float64, literal),
            (OwnedCell::Float64(f64::to_bits(number)), None),
            "{literal}"
        );
    }
    for literal in ["1e400", "-1e309", "1.7976931348623159e308", "\"1\"", "true", "[1]"] {
        assert_eq!(
            one(ColumnType::Float64, literal),
            (OwnedCell::Null, Some(ParseError::FieldType)),
            "{literal}"
        );
    }
}

#[test]
fn decimals_are_exact_and_within_their_digits() {
    let money = ColumnType::Decimal { precision: 5, scale: 2 };
    for (literal, hundredths) in [
        ("0", 0),
        ("-0", 0),
        ("-0.00", 0),
        ("0.5", 50),
        ("-0.05", -5),
        ("101.9", 10190),
        ("999.99", 99999),
        ("-999.99", -99999),
        ("7", 700),
    ] {
        assert_eq!(one(money, literal), (OwnedCell::Decimal(hundredths), None), "{literal}");
    }
    for literal in [
        "1000", "0.001", "0.000", "1e0", "1E1", "1.5e1", "-1000.5", "\"1\"", "true", "[]", "1e-2",
    ] {
        assert_eq!(
            one(money, literal),
            (OwnedCell::Null, Some(ParseError::FieldType)),
            "{literal}"
        );
    }
    assert_eq!(one(money, "null"), (OwnedCell::Null, None));
    let [whole, fraction] = [0, 18].map(|scale| ColumnType::Decimal { precision: 18, scale });
    let largest = 999_999_999_999_999_999;
    assert_eq!(one(whole, "999999999999999999"), (OwnedCell::Decimal(largest), None));
    assert_eq!(one(whole, "1000000000000000000").1, Some(ParseError::FieldType));
    assert_eq!(one(whole, "1.0").1, Some(ParseError::FieldType));
    assert_eq!(
        one(fraction, "-0.999999999999999999"),
        (OwnedCell::Decimal(-largest), None)
    );
    assert_eq!(one(fraction, "1").1, Some(ParseError::FieldType));
    assert_eq!(one(fraction, "0"), (OwnedCell::Decimal(0), None));
}

#[test]
fn other_types_are_not_coerced() {
    let text = |text: &str| (OwnedCell::Text(text.into()), None);
    let wrong = (OwnedCell::Null, Some(ParseError::FieldType));
    assert_eq!(one(ColumnType::String, r#""a\u00e9\ud83d\ude00\n\/""#), text("aé😀\n/"));
    assert_eq!(one(ColumnType::String, r#""""#), text(""));
    assert_eq!(one(ColumnType::String, r#""\u0000""#), text("\0"));
    assert_eq!(one(ColumnType::String, "1"), wrong);
    assert_eq!(one(ColumnType::Bool, "true"), (OwnedCell::Bool(true), None));
    assert_eq!(one(ColumnType::Bool, "false"), (OwnedCell::Bool(false), None));
    assert_eq!(one(ColumnType::Bool, "\"true\""), wrong);
    assert_eq!(one(ColumnType::Bool, "1"), wrong);
    assert_eq!(
        one(ColumnType::Json, r#"{ "b" : [1, 2.0 ,"\u0061"] }  "#),
        text(r#"{ "b" : [1, 2.0 ,"\u0061"] }"#)
    );
    assert_eq!(one(ColumnType::Json, "\"x\""), text("\"x\""));
    assert_eq!(one(ColumnType::Json, " -0 "), text("-0"));
    assert_eq!(one(ColumnType::Json, "null"), (OwnedCell::Null, None));
    let time = (OwnedCell::TimestampUs(1_763_562_662_594_554), None);
    assert_eq!(one(ColumnType::TimestampUs, "\"2025-11-19 14:31:02.594554442\""), time);
    assert_eq!(
        one(ColumnType::TimestampUs, "\"2025-11-19 14:31:02.59455444\\u0032\""),
        time
    );
    assert_eq!(one(ColumnType::TimestampUs, "1763562662594554"), wrong);
    assert_eq!(one(ColumnType::TimestampUs, "\"2025-02-30 00:00:00\""), wrong);
}

#[test]
fn a_wrong_type_nulls_its_own_column_alone() {
    let value = br#"{"a":"x","b":"1","c":true}"#;
    let (cells, error) = fast(&mut Projector::new(&projection()), Some(value));
    assert_eq!(error, Some(ParseError::FieldType));
    assert_eq!(cells[0], OwnedCell::Text("x".into()));
    assert_eq!(cells[1], OwnedCell::Null);
    assert_eq!(cells[3], OwnedCell::Bool(true));
}

#[test]
fn a_step_through_anything_but_an_object_is_missing() {
    for value in [
        r#"{"d":[{"a":1}]}"#,
        r#"{"d":"a"}"#,
        r#"{"d":null}"#,
        r#"{"d":7}"#,
        r#"{"d":{"d":[0]}}"#,
    ] {
        let (cells, error) = fast(&mut Projector::new(&projection()), Some(value.as_bytes()));
        assert_eq!(
            (&cells[6], &cells[7], error),
            (&OwnedCell::Null, &OwnedCell::Null, None),
            "{value}"
        );
    }
}
