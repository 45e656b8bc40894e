//! What neighbouring texts have in common: the text around their values.
//!
//! Events come from few programs, so most lines have the members of the line before, in its order and its spacing. A
//! text that begins as a known, valid one does, value by value, needs only its values checked: its names are known to be
//! well-formed and distinct. Never accepts what the ordinary way would refuse.

use super::Text;

/// Longer or larger shapes are not worth keeping.
const MEMBERS_MAX: usize = 64;
const TEXT_MAX_BYTES: usize = 4_096;

/// Where a member of an outermost object stands in its text.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    pub(super) name: std::ops::Range<usize>,
    pub(super) value: std::ops::Range<usize>,
    pub(super) escaped: bool,
}

/// The text around the values of the last object that was valid; empty if there was none worth keeping.
#[derive(Debug, Default)]
pub(super) struct Shape {
    members: Vec<Member>,
    /// After the last value.
    end: Vec<u8>,
}

/// The text that leads to a value.
#[derive(Debug)]
pub(super) struct Member {
    /// From the end of the value before, or the start of the text.
    lead: Vec<u8>,
    name_start: usize,
    name_end: usize,
}

impl Shape {
    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    /// Whether the text may end so.
    pub(super) fn is_end(&self, rest: &[u8]) -> bool {
        !self.members.is_empty() && rest == self.end
    }

    /// Keeps the shape of a text that was found valid, whose members stand at `marks`.
    pub(super) fn learn(&mut self, text: &str, marks: &[Mark]) {
        self.members.clear();
        let values_bytes: usize = marks.iter().map(|mark| mark.value.len()).sum();
        let is_worth_it = marks.len() <= MEMBERS_MAX && text.len() - values_bytes <= TEXT_MAX_BYTES;
        if !is_worth_it || marks.iter().any(|mark| mark.escaped) {
            return;
        }
        let mut start = 0;
        for mark in marks {
            self.members.push(Member {
                lead: text.as_bytes()[start..mark.value.start].to_vec(),
                name_start: mark.name.start - start,
                name_end: mark.name.end - start,
            });
            start = mark.value.end;
        }
        self.end = text.as_bytes()[start..].to_vec();
    }
}

impl Member {
    pub(super) fn lead(&self) -> &[u8] {
        &self.lead
    }

    /// The member's name, if its lead stands in `text` at `at`.
    #[inline]
    pub(super) fn name_in<'a>(&self, text: &'a str, at: usize) -> Option<Text<'a>> {
        let stands = text.as_bytes().get(at..)?.starts_with(&self.lead);
        let raw = text.get(at + self.name_start..at + self.name_end)?;
        stands.then_some(Text { raw, escaped: false })
    }
}
