//! The shape of a text: everything around the values of its outermost object.
//!
//! Few programs produce events, so most lines have the members of the line before, in its order and with its spacing.
//! In a text with a known, valid shape only the values need checking: the names are well-formed and distinct. A text
//! must be accepted this way only if [`Cursor::read_all`](crate::json::cursor::Cursor::read_all) accepts it too.

/// Shapes with more members or more text than this are not kept.
const MEMBERS_MAX: usize = 64;
const TEXT_MAX_BYTES: usize = 4_096;

/// The position of a member of the outermost object.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    pub(crate) name: std::ops::Range<usize>,
    pub(crate) value: std::ops::Range<usize>,
    pub(crate) escaped: bool,
}

/// The text around the values of the last valid object; empty if there was none, or it was too large to keep.
#[derive(Debug)]
pub(crate) struct Shape<T> {
    members: Vec<Member<T>>,
    /// The text after the last value.
    end: Vec<u8>,
}

/// The text from the end of the value before (or the start) to this value, and the meaning of the member's name.
#[derive(Debug)]
pub(crate) struct Member<T> {
    lead: Vec<u8>,
    meaning: T,
}

impl<T> Default for Shape<T> {
    fn default() -> Shape<T> {
        Shape {
            members: Vec::new(),
            end: Vec::new(),
        }
    }
}

impl<T> Shape<T> {
    pub(crate) fn members(&self) -> &[Member<T>] {
        &self.members
    }

    /// Whether the shape ends with `rest`.
    pub(crate) fn is_end(&self, rest: &[u8]) -> bool {
        !self.members.is_empty() && rest == self.end
    }

    /// Keeps the shape of a valid text whose members are at `marks`.
    pub(crate) fn learn(&mut self, text: &str, marks: &[Mark], meaning: impl Fn(&str) -> T) {
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
                meaning: meaning(&text[mark.name.clone()]),
            });
            start = mark.value.end;
        }
        self.end = text.as_bytes()[start..].to_vec();
    }
}

impl<T> Member<T> {
    pub(crate) fn meaning(&self) -> &T {
        &self.meaning
    }

    /// The lead's length, if `text` begins with it. Leads are short, so comparing words inline is faster than `memcmp`.
    #[inline]
    pub(crate) fn lead_in(&self, text: &[u8]) -> Option<usize> {
        let lead = self.lead.as_slice();
        let text = text.get(..lead.len())?;
        let is_same = match (lead.last_chunk::<8>(), text.last_chunk::<8>()) {
            (Some(lead_end), Some(text_end)) => {
                let (lead_words, _) = lead.as_chunks::<8>();
                let (text_words, _) = text.as_chunks::<8>();
                lead_end == text_end && lead_words.iter().zip(text_words).all(|(one, other)| one == other)
            }
            _ => lead == text,
        };
        is_same.then_some(lead.len())
    }
}
