//! One pass over a JSON text (RFC 8259, strict) that finds the configured members and builds nothing else.
//!
//! Events of one type name the same members in the same order. So each object on a configured way remembers the names
//! that it saw last, and the next one is compared with them: a name found where it was expected needs no look-up, and
//! names found in the order of a list that has no repetition are not repeated. What is remembered speeds up the answer and
//! never changes it. Never allocates per value in the common case, never recurses deeper than the format allows.

use crate::segment::json_string::{escape, plain_run, unescape_into};
use crate::segment::projection::{NodeId, Projection};

/// Objects and arrays open at once, at most.
const MAX_DEPTH: usize = 127;
/// Objects with more members than this are not remembered, and their names are sorted to find a repeated one.
const FEW_NAMES: usize = 32;

/// The text is not JSON as the format wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotJson;

/// What kind of value stands somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Null,
    Bool(bool),
    /// No fraction, no exponent.
    Integer,
    /// Any other number.
    Number,
    /// A string in which every byte stands for itself.
    Plain,
    /// A string with at least one escape.
    Escaped,
    Object,
    Array,
}

/// A value, and where it stands in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) token: Token,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Found {
    /// What a member that is missing counts as.
    const MISSING: Found = Found {
        token: Token::Null,
        start: 0,
        end: 0,
    };
}

/// What a scanner keeps between texts: its buffers, and what it remembers of objects.
#[derive(Debug)]
pub(super) struct Scanner<'p> {
    projection: &'p Projection,
    found: Vec<Found>,
    names: Vec<Name>,
    unescaped: String,
    shapes: Vec<Shape>,
}

/// A name in an object that is still open.
#[derive(Debug, Clone, Copy)]
struct Name {
    start: usize,
    end: usize,
    /// Whether it stands in `unescaped` rather than in the text.
    unescaped: bool,
}

/// The names that an object had last, none of them repeated or escaped.
#[derive(Debug, Default)]
struct Shape {
    /// Each with its closing quote, one after the other.
    text: Vec<u8>,
    members: Vec<ShapeMember>,
}

#[derive(Debug, Clone, Copy)]
struct ShapeMember {
    start: usize,
    end: usize,
    node: Option<NodeId>,
}

impl<'p> Scanner<'p> {
    pub(super) fn new(projection: &'p Projection) -> Scanner<'p> {
        Scanner {
            projection,
            found: Vec::new(),
            names: Vec::new(),
            unescaped: String::new(),
            shapes: (0..projection.node_count()).map(|_| Shape::default()).collect(),
        }
    }

    /// Reads the whole text. Gives the token of the text itself, and per rule what its path points at: null where it is
    /// missing.
    pub(super) fn scan(&mut self, text: &str) -> Result<(Token, &[Found]), NotJson> {
        self.found.clear();
        self.found.resize(self.projection.rules().len(), Found::MISSING);
        self.names.clear();
        self.unescaped.clear();
        let mut reader = Reader {
            text: text.as_bytes(),
            at: 0,
            depth: 0,
            scanner: self,
        };
        reader.skip_space();
        let token = reader.value(Some(0))?;
        reader.skip_space();
        if reader.at == text.len() {
            Ok((token, &self.found))
        } else {
            Err(NotJson)
        }
    }
}

struct Reader<'t, 's, 'p> {
    text: &'t [u8],
    at: usize,
    depth: usize,
    scanner: &'s mut Scanner<'p>,
}

impl Reader<'_, '_, '_> {
    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    #[inline]
    fn take(&mut self, byte: u8) -> Result<(), NotJson> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(NotJson)
        }
    }

    #[inline]
    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// `node` is the configured way's node that this value stands at, if any.
    #[inline]
    fn value(&mut self, node: Option<NodeId>) -> Result<Token, NotJson> {
        match self.peek().ok_or(NotJson)? {
            b'"' => {
                self.at += 1;
                self.string()
            }
            b'{' => self.nested(|reader| reader.object(node)).map(|()| Token::Object),
            b'[' => self.nested(Self::array).map(|()| Token::Array),
            b'n' => self.word(b"null", Token::Null),
            b't' => self.word(b"true", Token::Bool(true)),
            b'f' => self.word(b"false", Token::Bool(false)),
            _ => self.number(),
        }
    }

    #[inline]
    fn word(&mut self, word: &[u8], token: Token) -> Result<Token, NotJson> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(token)
        } else {
            Err(NotJson)
        }
    }

    /// Reads an object or array from its opening bracket on.
    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Result<(), NotJson>) -> Result<(), NotJson> {
        if self.depth == MAX_DEPTH {
            return Err(NotJson);
        }
        self.depth += 1;
        self.at += 1;
        self.skip_space();
        read(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn array(&mut self) -> Result<(), NotJson> {
        if self.take(b']').is_ok() {
            return Ok(());
        }
        loop {
            self.value(None)?;
            self.skip_space();
            if self.take(b']').is_ok() {
                return Ok(());
            }
            self.take(b',')?;
            self.skip_space();
        }
    }

    fn object(&mut self, node: Option<NodeId>) -> Result<(), NotJson> {
        if self.take(b'}').is_ok() {
            return Ok(());
        }
        let first_name = self.scanner.names.len();
        let mut expected = 0;
        let mut as_expected = true;
        loop {
            self.take(b'"')?;
            let member = match self.expected_name(node, &mut expected) {
                Some(member) => member,
                None => {
                    as_expected = false;
                    self.any_name(node)?
                }
            };
            self.skip_space();
            self.take(b':')?;
            self.skip_space();
            self.member(member)?;
            self.skip_space();
            if self.take(b'}').is_ok() {
                break;
            }
            self.take(b',')?;
            self.skip_space();
        }
        if !as_expected {
            self.refuse_repeated_names(first_name)?;
            if let Some(node) = node {
                self.remember(node, first_name);
            }
        }
        self.scanner.names.truncate(first_name);
        Ok(())
    }

    #[inline]
    fn member(&mut self, node: Option<NodeId>) -> Result<(), NotJson> {
        let start = self.at;
        let token = self.value(node)?;
        if let Some(node) = node {
            let end = self.at;
            for rule in &self.scanner.projection.node(node).rules {
                self.scanner.found[*rule] = Found { token, start, end };
            }
        }
        Ok(())
    }

    /// The member's node if the name that begins here is one that this object is expected to have next or later.
    #[inline]
    fn expected_name(&mut self, node: Option<NodeId>, expected: &mut usize) -> Option<Option<NodeId>> {
        let shape = self.scanner.shapes.get(node?)?;
        let rest = self.text.get(self.at..)?;
        for (index, member) in shape.members.iter().enumerate().skip(*expected) {
            let name = &shape.text[member.start..member.end];
            if rest.starts_with(name) {
                *expected = index + 1;
                let end = self.at + name.len() - 1;
                self.scanner.names.push(Name {
                    start: self.at,
                    end,
                    unescaped: false,
                });
                self.at = end + 1;
                return Some(member.node);
            }
        }
        None
    }

    /// Reads a name from behind its opening quote, and looks it up.
    fn any_name(&mut self, node: Option<NodeId>) -> Result<Option<NodeId>, NotJson> {
        let start = self.at;
        let token = self.string()?;
        let raw = Name {
            start,
            end: self.at - 1,
            unescaped: false,
        };
        let name = match token {
            Token::Escaped => self.unescaped_name(raw),
            _ => raw,
        };
        self.scanner.names.push(name);
        let Some(node) = node else { return Ok(None) };
        let name = self.name_bytes(name);
        let members = &self.scanner.projection.node(node).members;
        Ok(members
            .iter()
            .find(|(known, _)| **known == *name)
            .map(|(_, node)| *node))
    }

    fn unescaped_name(&mut self, raw: Name) -> Name {
        let start = self.scanner.unescaped.len();
        unescape_into(&self.text[raw.start..raw.end], &mut self.scanner.unescaped);
        Name {
            start,
            end: self.scanner.unescaped.len(),
            unescaped: true,
        }
    }

    fn name_bytes(&self, name: Name) -> &[u8] {
        let text = if name.unescaped {
            self.scanner.unescaped.as_bytes()
        } else {
            self.text
        };
        &text[name.start..name.end]
    }

    /// Pairs for a few names; sorting for many, so that a hostile object costs n log n and no more.
    fn refuse_repeated_names(&self, first: usize) -> Result<(), NotJson> {
        let names = &self.scanner.names[first..];
        let repeated = if names.len() <= FEW_NAMES {
            names.iter().enumerate().any(|(index, name)| {
                let name = self.name_bytes(*name);
                names[..index].iter().any(|earlier| self.name_bytes(*earlier) == name)
            })
        } else {
            let mut sorted: Vec<&[u8]> = names.iter().map(|name| self.name_bytes(*name)).collect();
            sorted.sort_unstable();
            sorted.windows(2).any(|pair| pair[0] == pair[1])
        };
        if repeated { Err(NotJson) } else { Ok(()) }
    }

    fn remember(&mut self, node: NodeId, first: usize) {
        let names = &self.scanner.names[first..];
        if names.len() > FEW_NAMES || names.iter().any(|name| name.unescaped) {
            return;
        }
        let members = &self.scanner.projection.node(node).members;
        let shape = &mut self.scanner.shapes[node];
        shape.text.clear();
        shape.members.clear();
        for name in names {
            let bytes = &self.text[name.start..name.end];
            let start = shape.text.len();
            shape.text.extend_from_slice(bytes);
            shape.text.push(b'"');
            shape.members.push(ShapeMember {
                start,
                end: shape.text.len(),
                node: members
                    .iter()
                    .find(|(known, _)| **known == *bytes)
                    .map(|(_, node)| *node),
            });
        }
    }

    /// Reads a string from behind its opening quote to behind its closing one.
    #[inline]
    fn string(&mut self) -> Result<Token, NotJson> {
        let mut token = Token::Plain;
        loop {
            self.at += plain_run(&self.text[self.at..]);
            match self.peek().ok_or(NotJson)? {
                b'"' => {
                    self.at += 1;
                    return Ok(token);
                }
                b'\\' => {
                    token = Token::Escaped;
                    let (_, length) = escape(&self.text[self.at + 1..]).ok_or(NotJson)?;
                    self.at += 1 + length;
                }
                _ => return Err(NotJson),
            }
        }
    }

    fn number(&mut self) -> Result<Token, NotJson> {
        let mut token = Token::Integer;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
            token = Token::Number;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
            token = Token::Number;
        }
        Ok(token)
    }

    /// One digit or more.
    #[inline]
    fn digits(&mut self) -> Result<(), NotJson> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(NotJson) }
    }
}
