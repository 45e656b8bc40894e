//! A pattern of topic names: `*` is any number of characters, `?` is one, everything else itself.

use std::fmt;

use crate::record::position::is_topic_name;

/// The longest pattern: as long as the longest topic name.
const MAX_BYTES: usize = 249;

/// A name of a topic, or a pattern of names.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPattern(String);

impl TopicPattern {
    /// The pattern that is written like this; `None` if no topic can have such a name.
    #[must_use]
    pub fn parse(written: &str) -> Option<TopicPattern> {
        let is_wild = written.contains(['*', '?']);
        let fits = (1..=MAX_BYTES).contains(&written.len());
        let is_part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'*' | b'?');
        let is_pattern = is_wild && fits && written.bytes().all(is_part);
        (is_pattern || is_topic_name(written)).then(|| TopicPattern(written.to_owned()))
    }

    /// The topic, if this is a name and no pattern.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        (!self.0.contains(['*', '?'])).then_some(self.0.as_str())
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether some text has the form of both.
    #[must_use]
    pub fn overlaps(&self, other: &TopicPattern) -> bool {
        let (own, others) = (self.0.as_bytes(), other.0.as_bytes());
        // Whether what follows in both can be the same text, from the ends on.
        let mut after = vec![false; others.len() + 1];
        for at in (0..=own.len()).rev() {
            let mut here = vec![false; others.len() + 1];
            for next in (0..=others.len()).rev() {
                here[next] = match (own.get(at), others.get(next)) {
                    (None, None) => true,
                    (Some(b'*'), None) => after[next],
                    (None, Some(b'*')) => here[next + 1],
                    (Some(b'*'), Some(_)) | (Some(_), Some(b'*')) => after[next] || here[next + 1],
                    (Some(a), Some(b)) => (a == b || *a == b'?' || *b == b'?') && after[next + 1],
                    (None, Some(_)) | (Some(_), None) => false,
                };
            }
            after = here;
        }
        after[0]
    }

    /// Whether every text of the other form has this one too. Says no where it is not sure.
    #[must_use]
    pub fn covers(&self, other: &TopicPattern) -> bool {
        // A star is anything: nothing, or more than this pattern could take but with a star of its own.
        let filled = |filling: &str| other.0.replace('*', filling).replace('?', "\u{1}");
        let long = "\u{1}".repeat(self.0.len() + 1);
        glob_matches(&self.0, &filled("")) && glob_matches(&self.0, &filled(&long))
    }

    /// Whether a topic has such a name.
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        glob_matches(&self.0, topic)
    }
}

/// Whether a pattern of `*` and `?` matches the whole text. Takes time of the order of both lengths multiplied, whatever the
/// pattern.
#[must_use]
pub fn glob_matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut next) = (0, 0);
    // Behind the last `*`, and the first byte that it does not take yet.
    let mut star: Option<(usize, usize)> = None;
    while next < text.len() {
        match (pattern.get(at), star) {
            (Some(b'*'), _) => {
                at += 1;
                star = Some((at, next));
            }
            (Some(b), _) if *b == b'?' || *b == text[next] => {
                at += 1;
                next += 1;
            }
            (_, Some((behind, taken))) => {
                at = behind;
                next = taken + 1;
                star = Some((behind, next));
            }
            (_, None) => return false,
        }
    }
    pattern[at..].iter().all(|b| *b == b'*')
}

impl fmt::Display for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, without regard to time.
    fn means(pattern: &[u8], topic: &[u8]) -> bool {
        match (pattern.split_first(), topic.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), None) => means(rest, topic),
            (Some((b'*', rest)), Some((_, later))) => means(rest, topic) || means(pattern, later),
            (Some((b'?', rest)), Some((_, later))) => means(rest, later),
            (Some((own, rest)), Some((other, later))) => own == other && means(rest, later),
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    fn pattern(written: &str) -> TopicPattern {
        TopicPattern::parse(written).unwrap()
    }

    proptest! {
        #[test]
        fn a_pattern_matches_what_its_definition_says(written in "[ab.*?]{1,10}", topic in "[ab.]{1,12}") {
            prop_assume!(TopicPattern::parse(&written).is_some());
            prop_assert_eq!(pattern(&written).matches(&topic), means(written.as_bytes(), topic.as_bytes()));
        }

        #[test]
        fn what_two_patterns_match_is_common_to_both_and_what_one_covers_it_matches(
            one in "[ab*?]{1,6}", other in "[ab*?]{1,6}", topic in "[ab]{1,7}",
        ) {
            let (one, other) = (TopicPattern::parse(&one), TopicPattern::parse(&other));
            let (Some(one), Some(other)) = (one, other) else { return Ok(()) };
            prop_assert_eq!(one.overlaps(&other), other.overlaps(&one));
            if one.matches(&topic) && other.matches(&topic) {
                prop_assert!(one.overlaps(&other), "{} {} {}", one, other, topic);
            }
            if one.covers(&other) && other.matches(&topic) {
                prop_assert!(one.matches(&topic), "{} {} {}", one, other, topic);
            }
        }

        #[test]
        fn a_name_matches_itself_alone(name in "[a-c._-]{1,6}", other in "[a-c._-]{1,6}") {
            prop_assume!(is_topic_name(&name));
            let pattern = pattern(&name);
            prop_assert_eq!(pattern.matches(&other), name == other);
            prop_assert_eq!(pattern.name(), Some(name.as_str()));
        }

        #[test]
        fn what_is_cut_out_of_a_name_is_matched_by_a_star(name in "[a-c.]{1,20}", from in 0usize..20, until in 0usize..20) {
            let (from, until) = (from.min(name.len()), until.min(name.len()));
            let (from, until) = (from.min(until), from.max(until));
            let written = format!("{}*{}", &name[..from], &name[until..]);
            prop_assert!(pattern(&written).matches(&name));
        }
    }

    #[test]
    fn a_text_that_no_topic_can_have_is_no_pattern() {
        for wrong in ["", "a b", "a/*", "[ab]", "{a,b}", "ä*", "..", "^a.*$", &"*".repeat(250)] {
            assert_eq!(TopicPattern::parse(wrong), None, "{wrong}");
        }
        for fine in ["*", "orders.*", "a?c", "payments"] {
            assert!(TopicPattern::parse(fine).is_some(), "{fine}");
        }
    }

    #[test]
    fn a_pattern_covers_narrower_ones_and_overlaps_those_with_a_common_name() {
        for (one, other, covers, overlaps) in [
            ("*", "orders.*", true, true),
            ("orders.*", "*", false, true),
            ("orders.*", "orders.eu.*", true, true),
            ("orders.*", "*.eu", false, true),
            ("orders.?", "orders.*", false, true),
            ("a*", "b*", false, false),
            ("*", "*", true, true),
        ] {
            let (one, other) = (pattern(one), pattern(other));
            assert_eq!(
                (one.covers(&other), one.overlaps(&other)),
                (covers, overlaps),
                "{one} {other}"
            );
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let written = "*a".repeat(100);
        assert!(!pattern(&written).matches(&format!("{}b", "a".repeat(248))));
    }
}
