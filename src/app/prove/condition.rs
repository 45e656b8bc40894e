//! Conditions on the fields of records' JSON values. A field is a typed column of the segment, or else a member of the value's
//! outermost object. Both are computed from the signed value; what the file has in a typed column is not read.

use memchr::memmem::Finder;
use serde::Serialize;

use crate::segment::bounds::ColumnBounds;
use crate::segment::projection::cell::{Cell, Projector};
use crate::segment::projection::rules::{ColumnType, Projection, Rule};
use crate::task::error::AppError;

/// A field has a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// The name of a typed column, or of a member.
    pub field: String,
    /// A string's content, or the text of another JSON value.
    pub value: String,
}

/// Finds the records for which all conditions hold, in segments that have the same rules.
#[derive(Debug)]
pub(super) struct Matcher {
    /// A rule for each test.
    projection: Projection,
    tests: Vec<Test>,
    conditions: usize,
    /// What every value has as it is that has no escapes.
    literals: Vec<Finder<'static>>,
}

/// A condition holds where a member is a value. A member that is no typed column has two tests: as a string and as its text.
#[derive(Debug)]
struct Test {
    condition: usize,
    wanted: Wanted,
}

/// A cell.
#[derive(Debug, Clone, PartialEq)]
enum Wanted {
    Text(String),
    /// Of an `int64`, `decimal` or `timestamp_us` column.
    Integer(i64),
    Float(f64),
    Bool(bool),
    /// The type of the column has no such value.
    Nothing,
}

impl Matcher {
    pub(super) fn new(conditions: &[Condition], columns: &Projection) -> Result<Matcher, AppError> {
        let (mut rules, mut tests, mut literals) = (Vec::new(), Vec::new(), Vec::new());
        for (index, condition) in conditions.iter().enumerate() {
            let typed = columns.rules().iter().find(|rule| rule.column == condition.field);
            let is_literal = typed.is_none_or(|rule| matches!(rule.column_type, ColumnType::String | ColumnType::Json));
            if is_literal {
                literals.push(Finder::new(condition.value.as_bytes()).into_owned());
            }
            let types = match typed {
                Some(rule) => vec![(rule.path.clone(), rule.column_type)],
                None => {
                    let path = format!("/{}", condition.field.replace('~', "~0").replace('/', "~1"));
                    vec![(path.clone(), ColumnType::String), (path, ColumnType::Json)]
                }
            };
            for (path, column_type) in types {
                rules.push(Rule::new(&format!("c{}", rules.len()), &path, column_type));
                tests.push(Test {
                    condition: index,
                    wanted: wanted(column_type, &condition.value),
                });
            }
        }
        let projection = Projection::new(rules).map_err(|error| AppError::config(format!("--where: {error}")))?;
        Ok(Matcher {
            projection,
            tests,
            conditions: conditions.len(),
            literals,
        })
    }

    /// Reads values one after the other.
    pub(super) fn projector(&self) -> Projector<'_> {
        Projector::new(&self.projection)
    }

    /// Whether all conditions hold for a value.
    pub(super) fn matches(&self, projector: &mut Projector<'_>, value: Option<&[u8]>) -> bool {
        if self.conditions == 0 {
            return true;
        }
        let Some(value) = value else { return false };
        // Most values differ, and need not be parsed. A string with escapes may be equal and have other bytes.
        let lacks = |literal: &Finder<'_>| literal.find(value).is_none();
        if self.literals.iter().any(lacks) && memchr::memchr(b'\\', value).is_none() {
            return false;
        }
        let mut holds = vec![false; self.conditions];
        projector.project(Some(value), |index, cell| {
            if let Some(test) = self.tests.get(index) {
                holds[test.condition] |= test.wanted.is(&cell);
            }
        });
        holds.into_iter().all(|holds| holds)
    }
}

impl Wanted {
    fn of(cell: &Cell<'_>) -> Wanted {
        match cell {
            Cell::Null => Wanted::Nothing,
            Cell::Text(text) => Wanted::Text((*text).to_owned()),
            Cell::Int64(number) | Cell::Decimal(number) | Cell::TimestampUs(number) => Wanted::Integer(*number),
            Cell::Float64(number) => Wanted::Float(*number),
            Cell::Bool(bool) => Wanted::Bool(*bool),
        }
    }

    fn is(&self, cell: &Cell<'_>) -> bool {
        match (self, cell) {
            (Wanted::Text(wanted), Cell::Text(text)) => wanted == text,
            (Wanted::Nothing, _) | (_, Cell::Null) => false,
            _ => *self == Wanted::of(cell),
        }
    }
}

/// The cell that `value` has in a column of this type.
fn wanted(column_type: ColumnType, value: &str) -> Wanted {
    let member = match column_type {
        ColumnType::String | ColumnType::Json => return Wanted::Text(value.to_owned()),
        ColumnType::TimestampUs => serde_json::Value::from(value).to_string(),
        // A literal: nothing in it ends the member.
        _ if value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) =>
        {
            value.to_owned()
        }
        _ => return Wanted::Nothing,
    };
    let mut found = Wanted::Nothing;
    if let Ok(rules) = Projection::new(vec![Rule::new("c", "/v", column_type)]) {
        let text = format!("{{\"v\":{member}}}");
        Projector::new(&rules).project(Some(text.as_bytes()), |_, cell| found = Wanted::of(&cell));
    }
    found
}

/// Whether a segment may have a record for which all conditions hold, by the bounds of its columns.
pub(super) fn may_match(conditions: &[Condition], bounds: &ColumnBounds) -> bool {
    bounded(conditions, bounds).all(|(rule, value)| bounds.may_have(rule, value))
}

/// Whether bounds can tell that a segment has no such record.
pub(super) fn has_bounds(conditions: &[Condition], bounds: &ColumnBounds) -> bool {
    bounded(conditions, bounds).any(|(rule, _)| bounds.are_known(rule))
}

/// The conditions on columns of integers, as the index of the rule and the integer.
fn bounded(conditions: &[Condition], bounds: &ColumnBounds) -> impl Iterator<Item = (usize, i64)> {
    let rules = bounds.projection().rules();
    conditions.iter().filter_map(|condition| {
        let index = rules.iter().position(|rule| rule.column == condition.field)?;
        match wanted(rules[index].column_type, &condition.value) {
            Wanted::Integer(value) => Some((index, value)),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(rules: &[Rule], conditions: &[(&str, &str)], value: &str) -> bool {
        let conditions: Vec<Condition> = conditions
            .iter()
            .map(|(field, value)| Condition {
                field: (*field).to_owned(),
                value: (*value).to_owned(),
            })
            .collect();
        let columns = Projection::new(rules.to_vec()).unwrap();
        let matcher = Matcher::new(&conditions, &columns).unwrap();
        matcher.matches(&mut matcher.projector(), Some(value.as_bytes()))
    }

    #[test]
    fn a_member_is_compared_as_a_string_or_as_its_text() {
        for (value, json) in [
            ("c-1", r#"{"id":"c-1"}"#),
            ("c-1", r#"{"id":"c\u002d1"}"#),
            ("42", r#"{"id":42}"#),
            ("42", r#"{"id":"42"}"#),
            ("true", r#"{"id":true}"#),
            ("[1,2]", r#"{"id":[1,2]}"#),
            ("", r#"{"id":""}"#),
        ] {
            assert!(matches(&[], &[("id", value)], json), "{value} {json}");
        }
        for (value, json) in [
            ("c-1", r#"{"id":"c-12"}"#),
            ("c-1", r#"{"other":"c-1"}"#),
            ("c-1", r#"{"a":{"id":"c-1"}}"#),
            ("42", r#"{"id":42.0}"#),
            ("null", r#"{"id":null}"#),
            ("c-1", r#""c-1""#),
            ("c-1", r#"{"id":"c-1""#),
        ] {
            assert!(!matches(&[], &[("id", value)], json), "{value} {json}");
        }
        assert!(matches(&[], &[("a/b~c", "1")], r#"{"a/b~c":1}"#));
    }

    #[test]
    fn a_typed_column_is_compared_by_its_type_and_wherever_its_path_leads() {
        let rules = [
            Rule::new(
                "amount",
                "/cart/value",
                ColumnType::Decimal {
                    precision: 18,
                    scale: 2,
                },
            ),
            Rule::new("event_ts", "/ts", ColumnType::TimestampUs),
            Rule::new("number", "/n", ColumnType::Int64),
        ];
        let value = r#"{"cart":{"value":10.50},"ts":"2026-02-03T11:15:00+01:00","n":7,"amount":"x"}"#;
        for (field, wanted) in [
            ("amount", "10.5"),
            ("amount", "10.50"),
            ("event_ts", "2026-02-03T10:15:00Z"),
            ("number", "7"),
        ] {
            assert!(matches(&rules, &[(field, wanted)], value), "{field} {wanted}");
        }
        for (field, wanted) in [
            ("amount", "x"),
            ("amount", "10.501"),
            ("number", "7,\"n\":7"),
            ("number", "seven"),
            ("event_ts", "2026-02-03T11:15:00Z"),
        ] {
            assert!(!matches(&rules, &[(field, wanted)], value), "{field} {wanted}");
        }
        assert!(matches(&rules, &[("number", "7"), ("amount", "10.5")], value));
        assert!(!matches(&rules, &[("number", "7"), ("amount", "10.6")], value));
    }
}
