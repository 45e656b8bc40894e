//! Reads a structure in Thrift's compact protocol, the encoding of Parquet footers and page headers, as a tree.
//!
//! The Parquet library allocates by the sizes in a structure and drops fields that it does not know. For untrusted files,
//! this reader requires every element to exist, bounds the recursion, and keeps all fields.
//!
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>

/// The maximum nesting; Parquet needs nine levels.
const MAX_DEPTH: usize = 16;
/// The maximum number of fields in a structure; Parquet needs seventeen.
const MAX_FIELDS: usize = 64;

/// A value of the compact protocol.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Thrift<'b> {
    Bool(bool),
    /// Integers of every width.
    Int(i64),
    Double(f64),
    /// Byte strings and text.
    Binary(&'b [u8]),
    /// Lists and sets.
    List(Vec<Thrift<'b>>),
    /// Field ids with their values; ids are unique.
    Struct(Vec<(i16, Thrift<'b>)>),
}

/// The bytes are not a structure of the compact protocol, or have features that Parquet does not use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotThrift;

impl<'b> Thrift<'b> {
    /// Reads the structure at the start of `bytes`; also returns its length.
    pub(crate) fn read(bytes: &'b [u8]) -> Result<(Thrift<'b>, usize), NotThrift> {
        let mut reader = Reader { rest: bytes, depth: 0 };
        let read = reader.structure()?;
        Ok((read, bytes.len() - reader.rest.len()))
    }

    /// The field `id`; none if it is not set or this is not a structure.
    pub(crate) fn field(&self, id: i16) -> Option<&Thrift<'b>> {
        match self {
            Thrift::Struct(fields) => fields.iter().find(|(known, _)| *known == id).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The field as an integer.
    pub(crate) fn int(&self, id: i16) -> Option<i64> {
        match self.field(id)? {
            Thrift::Int(int) => Some(*int),
            _ => None,
        }
    }

    /// The field as a size or position: an integer that is not negative.
    pub(crate) fn size(&self, id: i16) -> Option<u64> {
        self.int(id).and_then(|int| u64::try_from(int).ok())
    }

    /// The field as a boolean.
    pub(crate) fn bool(&self, id: i16) -> Option<bool> {
        match self.field(id)? {
            Thrift::Bool(bool) => Some(*bool),
            _ => None,
        }
    }

    /// The field as a list; empty if it is not set.
    pub(crate) fn list(&self, id: i16) -> &[Thrift<'b>] {
        match self.field(id) {
            Some(Thrift::List(elements)) => elements,
            _ => &[],
        }
    }
}

struct Reader<'b> {
    rest: &'b [u8],
    depth: usize,
}

impl<'b> Reader<'b> {
    fn structure(&mut self) -> Result<Thrift<'b>, NotThrift> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(NotThrift);
        }
        let mut fields: Vec<(i16, Thrift<'b>)> = Vec::new();
        let mut last = 0i16;
        loop {
            let header = self.byte()?;
            if header == 0 {
                self.depth -= 1;
                return Ok(Thrift::Struct(fields));
            }
            let id = match header >> 4 {
                0 => i16::try_from(self.zigzag()?).map_err(|_| NotThrift)?,
                delta => last.checked_add(i16::from(delta)).ok_or(NotThrift)?,
            };
            if fields.len() == MAX_FIELDS || fields.iter().any(|(known, _)| *known == id) {
                return Err(NotThrift);
            }
            let value = match header & 15 {
                1 => Thrift::Bool(true),
                2 => Thrift::Bool(false),
                other => self.value(other)?,
            };
            fields.push((id, value));
            last = id;
        }
    }

    fn value(&mut self, kind: u8) -> Result<Thrift<'b>, NotThrift> {
        match kind {
            3 => self.byte().map(|byte| Thrift::Int(i64::from(byte as i8))),
            4..=6 => self.zigzag().map(Thrift::Int),
            7 => {
                let (bytes, rest) = self.rest.split_first_chunk().ok_or(NotThrift)?;
                self.rest = rest;
                Ok(Thrift::Double(f64::from_le_bytes(*bytes)))
            }
            8 => self.binary().map(Thrift::Binary),
            9 | 10 => self.list(),
            12 => self.structure(),
            _ => Err(NotThrift),
        }
    }

    /// Every element takes at least one byte, so the bytes bound the length of the list.
    fn list(&mut self) -> Result<Thrift<'b>, NotThrift> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(NotThrift);
        }
        let header = self.byte()?;
        let size = match header >> 4 {
            15 => self.varint()?,
            size => u64::from(size),
        };
        let mut elements = Vec::new();
        for _ in 0..size {
            elements.push(match header & 15 {
                1 | 2 => Thrift::Bool(self.byte()? == 1),
                other => self.value(other)?,
            });
        }
        self.depth -= 1;
        Ok(Thrift::List(elements))
    }

    fn binary(&mut self) -> Result<&'b [u8], NotThrift> {
        let length = usize::try_from(self.varint()?).map_err(|_| NotThrift)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(NotThrift)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, NotThrift> {
        let (byte, rest) = self.rest.split_first().ok_or(NotThrift)?;
        self.rest = rest;
        Ok(*byte)
    }

    fn zigzag(&mut self) -> Result<i64, NotThrift> {
        let coded = self.varint()?;
        Ok((coded >> 1) as i64 ^ -((coded & 1) as i64))
    }

    fn varint(&mut self) -> Result<u64, NotThrift> {
        varint(&mut self.rest).ok_or(NotThrift)
    }
}

/// Reads an unsigned LEB128 number from the front of `rest`.
pub(crate) fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_structure_is_read_with_all_kinds_of_fields() {
        // 1: i32 -1, 2: "ab", 4: [1, 2] of i64, 5: true, 20: {} and the stop, then a byte of something else.
        let bytes = [
            0x15, 0x01, 0x18, 2, b'a', b'b', 0x29, 0x26, 2, 4, 0x11, 0x0c, 40, 0, 0, 9,
        ];
        let (read, length) = Thrift::read(&bytes).unwrap();
        assert_eq!(length, bytes.len() - 1);
        assert_eq!(
            (read.int(1), read.field(2), read.bool(5)),
            (Some(-1), Some(&Thrift::Binary(b"ab")), Some(true))
        );
        assert_eq!(read.list(4), [Thrift::Int(1), Thrift::Int(2)]);
        assert_eq!(read.field(20), Some(&Thrift::Struct(Vec::new())));
        assert_eq!((read.size(1), read.field(3)), (None, None));
    }

    #[test]
    fn sizes_beyond_the_bytes_are_refused() {
        let list_of_two_billion = [0x19, 0xf6, 0xff, 0xff, 0xff, 0xff, 7, 0];
        let long_string = [0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0];
        let endless_number = [0x16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0];
        let field_twice = [0x15, 2, 0x05, 2, 2, 0];
        let a_map = [0x1b, 0, 0];
        for bytes in [
            &list_of_two_billion[..],
            &long_string,
            &endless_number,
            &field_twice,
            &a_map,
            &[],
            &[0x15],
        ] {
            assert_eq!(Thrift::read(bytes), Err(NotThrift), "{bytes:?}");
        }
        assert_eq!(Thrift::read(&[0x1c; 1000]), Err(NotThrift));
        assert_eq!(Thrift::read(&[0x19; 1000]), Err(NotThrift));
    }
}
