//! Patterns of object names that say which records a file holds: `{topic}`, `{partition}`, `{offset}` (the first one of the
//! file) and `*`, everything else itself.

use std::fmt;
use std::str::FromStr;

use crate::record::position::is_topic_name;

/// How Confluent's sink names objects.
pub const CONFLUENT: &str = "{topic}+{partition}+{offset}.*";
/// How Aiven's sink names objects, with and without an ending.
pub const AIVEN: [&str; 2] = ["{topic}-{partition}-{offset}.*", "{topic}-{partition}-{offset}"];
/// Comparisons after which a name counts as one of another form: a hostile one could need many.
const STEPS_MAX: usize = 100_000;
/// Wildcards and fields that a pattern may have, which bounds the time to match.
const PARTS_MAX: usize = 12;

/// A pattern of the end of object names: it is compared with as many folders as it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    written: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Topic,
    Partition,
    Offset,
    Anything,
}

/// What a name says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// The topic.
    pub topic: Option<String>,
    /// The partition.
    pub partition: Option<i32>,
    /// The offset of the first row.
    pub offset: Option<i64>,
}

impl FromStr for NamePattern {
    type Err = String;

    fn from_str(written: &str) -> Result<NamePattern, String> {
        let (mut parts, mut rest) = (Vec::new(), written);
        while !rest.is_empty() {
            let fields = [
                ("{topic}", Part::Topic),
                ("{partition}", Part::Partition),
                ("{offset}", Part::Offset),
                ("*", Part::Anything),
            ];
            let field = fields.into_iter().find(|(name, _)| rest.starts_with(name));
            if let Some((name, part)) = field {
                parts.push(part);
                rest = &rest[name.len()..];
            } else {
                let end = rest[1..].find(['{', '*']).map_or(rest.len(), |at| at + 1);
                if rest.starts_with('{') || !rest.is_char_boundary(end) {
                    return Err("only {topic}, {partition} and {offset} can be in braces".to_owned());
                }
                parts.push(Part::Literal(rest[..end].to_owned()));
                rest = &rest[end..];
            }
        }
        let fields = parts.iter().filter(|part| !matches!(part, Part::Literal(_))).count();
        if !(1..=PARTS_MAX).contains(&fields) || !parts.contains(&Part::Partition) && !parts.contains(&Part::Topic) {
            return Err(format!(
                "a pattern has {{topic}} or {{partition}}, and at most {PARTS_MAX} fields and wildcards"
            ));
        }
        Ok(NamePattern {
            written: written.to_owned(),
            parts,
        })
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl NamePattern {
    /// What an object's name says; `None` if it is not of this form.
    #[must_use]
    pub fn read(&self, key: &str) -> Option<Named> {
        let folders = self.written.matches('/').count();
        let start = key.rmatch_indices('/').nth(folders).map_or(0, |(at, _)| at + 1);
        read(&self.parts, &key[start..], &Named::default(), &mut 0)
    }
}

fn read(parts: &[Part], text: &str, named: &Named, steps: &mut usize) -> Option<Named> {
    *steps += 1;
    if *steps > STEPS_MAX {
        return None;
    }
    let Some((part, parts)) = parts.split_first() else {
        return text.is_empty().then(|| named.clone());
    };
    if let Part::Literal(literal) = part {
        return read(parts, text.strip_prefix(literal.as_str())?, named, steps);
    }
    let end = text.find('/').unwrap_or(text.len());
    // The longest first: a topic may have the separator in its name.
    let ends = (0..=end).rev().filter(|end| text.is_char_boundary(*end));
    ends.filter_map(|end| Some((take(part, &text[..end], named)?, &text[end..])))
        .find_map(|(named, rest)| read(parts, rest, &named, steps))
}

fn take(part: &Part, text: &str, named: &Named) -> Option<Named> {
    let mut named = named.clone();
    match part {
        Part::Literal(_) | Part::Anything => {}
        Part::Topic => agree(&mut named.topic, is_topic_name(text).then(|| text.to_owned())?)?,
        Part::Partition => agree(&mut named.partition, digits(text)?.parse().ok()?)?,
        Part::Offset => agree(&mut named.offset, digits(text)?.parse().ok()?)?,
    }
    Some(named)
}

fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then_some(text)
}

/// A field that is in the pattern twice must be the same in both places.
fn agree<T: PartialEq>(known: &mut Option<T>, found: T) -> Option<()> {
    if known.as_ref().is_some_and(|known| *known != found) {
        return None;
    }
    *known = Some(found);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(topic: &str, partition: i32, offset: i64) -> Option<Named> {
        Some(Named {
            topic: Some(topic.to_owned()),
            partition: Some(partition),
            offset: Some(offset),
        })
    }

    #[test]
    fn names_of_confluents_and_aivens_sinks_are_read() {
        let long: NamePattern = "{topic}/partition={partition}/{topic}+{partition}+{offset}.*"
            .parse()
            .unwrap();
        let name = "topics/user-events/partition=3/user-events+3+0000000120.snappy.parquet";
        assert_eq!(long.read(name), named("user-events", 3, 120));
        assert_eq!(
            CONFLUENT.parse::<NamePattern>().unwrap().read(name),
            named("user-events", 3, 120)
        );
        assert_eq!(long.read("a/partition=3/b+3+1.parquet"), None);
        let aiven = |name: &str| {
            AIVEN
                .iter()
                .find_map(|form| form.parse::<NamePattern>().unwrap().read(name))
        };
        assert_eq!(aiven("x/user-events-1-2-0000.parquet"), named("user-events-1", 2, 0));
        assert_eq!(aiven("x/user-events-1-2"), named("user-events", 1, 2));
        assert_eq!(aiven("part-00000-5f7c.c000.parquet"), None);
    }

    #[test]
    fn a_pattern_without_a_place_or_with_unknown_fields_is_refused() {
        for wrong in ["", "*", "{offset}", "{topik}", "a{", "{topic}*************"] {
            assert!(wrong.parse::<NamePattern>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_long_name_does_not_take_long() {
        let pattern: NamePattern = "*{topic}*{partition}*{offset}*.x".parse().unwrap();
        assert_eq!(pattern.read(&"1".repeat(1000)), None);
    }
}
