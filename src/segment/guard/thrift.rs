//! Reads Thrift's compact protocol, the encoding of Parquet footers and page headers, in place: whatever a length announces,
//! nothing is allocated, and a structure is read once in full before a field of it is used. What is read here is encoded again
//! and compared, so that this reader need not refuse unusual forms.
//!
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>

/// The maximum nesting; Parquet needs nine levels.
const MAX_DEPTH: usize = 16;

/// A value of the compact protocol.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'b> {
    Bool(bool),
    /// Integers of every width.
    Int(i64),
    Double,
    /// Byte strings and text.
    Binary(&'b [u8]),
    List(List<'b>),
    Struct(Struct<'b>),
}

/// A structure: its fields' bytes, whose ids ascend.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Struct<'b>(&'b [u8]);

/// A list or set of elements of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct List<'b> {
    len: usize,
    kind: u8,
    elements: &'b [u8],
}

/// The bytes are not a structure of the compact protocol, or have features that Parquet does not use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotThrift;

impl<'b> Struct<'b> {
    /// The structure at the start of `bytes`, and its length.
    pub(crate) fn read(bytes: &'b [u8]) -> Result<(Struct<'b>, usize), NotThrift> {
        let read = Reader(bytes).structure(0)?;
        Ok((read, read.0.len()))
    }

    /// The fields in ascending order of their ids.
    pub(crate) fn fields(self) -> impl Iterator<Item = (i16, Value<'b>)> {
        let (mut reader, mut last) = (Reader(self.0), 0);
        std::iter::from_fn(move || {
            let field = reader.field(last, 0).ok().flatten()?;
            last = field.0;
            Some(field)
        })
    }

    /// The field `id`, if it is set.
    pub(crate) fn field(self, id: i16) -> Option<Value<'b>> {
        self.fields().find(|(known, _)| *known == id).map(|(_, value)| value)
    }

    /// The field as an integer.
    pub(crate) fn int(self, id: i16) -> Option<i64> {
        match self.field(id)? {
            Value::Int(int) => Some(int),
            _ => None,
        }
    }

    /// The field as a size or position: an integer that is not negative.
    pub(crate) fn size(self, id: i16) -> Option<usize> {
        self.int(id).and_then(|int| usize::try_from(int).ok())
    }

    /// The field as bytes.
    pub(crate) fn binary(self, id: i16) -> Option<&'b [u8]> {
        match self.field(id)? {
            Value::Binary(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The field as a structure; empty if it is not set.
    pub(crate) fn structure(self, id: i16) -> Struct<'b> {
        match self.field(id) {
            Some(Value::Struct(structure)) => structure,
            _ => Struct::default(),
        }
    }

    /// The field as a list; empty if it is not set.
    pub(crate) fn list(self, id: i16) -> List<'b> {
        match self.field(id) {
            Some(Value::List(list)) => list,
            _ => List::default(),
        }
    }
}

impl<'b> List<'b> {
    /// The number of elements.
    pub(crate) fn len(self) -> usize {
        self.len
    }

    /// The elements in order.
    pub(crate) fn iter(self) -> impl Iterator<Item = Value<'b>> {
        let mut reader = Reader(self.elements);
        (0..self.len).map_while(move |_| reader.element(self.kind, 0).ok())
    }

    /// The elements as structures; an element of another kind is an empty one.
    pub(crate) fn structures(self) -> impl Iterator<Item = Struct<'b>> {
        self.iter().map(|element| match element {
            Value::Struct(structure) => structure,
            _ => Struct::default(),
        })
    }
}

/// The bytes that are not read yet.
struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn structure(&mut self, depth: usize) -> Result<Struct<'b>, NotThrift> {
        let bytes = self.0;
        let mut last = 0;
        while let Some((id, _)) = self.field(last, depth)? {
            last = id;
        }
        Ok(Struct(&bytes[..bytes.len() - self.0.len()]))
    }

    /// The next field of a structure, whose id is above `last`; none at the structure's end.
    fn field(&mut self, last: i16, depth: usize) -> Result<Option<(i16, Value<'b>)>, NotThrift> {
        let header = self.byte()?;
        if header == 0 {
            return Ok(None);
        }
        let id = match header >> 4 {
            0 => i16::try_from(self.zigzag()?).ok().filter(|id| *id > last),
            delta => last.checked_add(i16::from(delta)),
        };
        let id = id.ok_or(NotThrift)?;
        let value = match header & 15 {
            kind @ (1 | 2) => Value::Bool(kind == 1),
            kind => self.value(kind, depth)?,
        };
        Ok(Some((id, value)))
    }

    fn value(&mut self, kind: u8, depth: usize) -> Result<Value<'b>, NotThrift> {
        if depth == MAX_DEPTH {
            return Err(NotThrift);
        }
        match kind {
            3 => self.byte().map(|byte| Value::Int(i64::from(byte.cast_signed()))),
            4..=6 => self.zigzag().map(Value::Int),
            7 => self.take(8).map(|_| Value::Double),
            8 => {
                let length = self.varint()?;
                self.take(length).map(Value::Binary)
            }
            9 | 10 => self.list(depth + 1).map(Value::List),
            12 => self.structure(depth + 1).map(Value::Struct),
            _ => Err(NotThrift),
        }
    }

    /// Every element takes at least one byte, so the bytes bound the work.
    fn list(&mut self, depth: usize) -> Result<List<'b>, NotThrift> {
        let header = self.byte()?;
        let (kind, len) = match (header & 15, header >> 4) {
            (kind, 15) => (kind, self.varint()?),
            (kind, len) => (kind, u64::from(len)),
        };
        let len = usize::try_from(len).map_err(|_| NotThrift)?;
        let bytes = self.0;
        for _ in 0..len {
            self.element(kind, depth)?;
        }
        let elements = &bytes[..bytes.len() - self.0.len()];
        Ok(List { len, kind, elements })
    }

    fn element(&mut self, kind: u8, depth: usize) -> Result<Value<'b>, NotThrift> {
        match kind {
            1 | 2 => self.byte().map(|byte| Value::Bool(byte == 1)),
            kind => self.value(kind, depth),
        }
    }

    fn take(&mut self, length: u64) -> Result<&'b [u8], NotThrift> {
        let length = usize::try_from(length).map_err(|_| NotThrift)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(NotThrift)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, NotThrift> {
        self.take(1).map(|byte| byte[0])
    }

    fn zigzag(&mut self) -> Result<i64, NotThrift> {
        let coded = self.varint()?;
        Ok((coded >> 1).cast_signed() ^ -((coded & 1).cast_signed()))
    }

    fn varint(&mut self) -> Result<u64, NotThrift> {
        varint(&mut self.0).ok_or(NotThrift)
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
        let (read, length) = Struct::read(&bytes).unwrap();
        assert_eq!(length, bytes.len() - 1);
        assert_eq!((read.int(1), read.size(1), read.field(3)), (Some(-1), None, None));
        assert_eq!(
            (read.binary(2), read.field(5)),
            (Some(&b"ab"[..]), Some(Value::Bool(true)))
        );
        assert!(read.list(4).iter().eq([Value::Int(1), Value::Int(2)]));
        assert_eq!(read.structure(20).fields().count(), 0);
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
            assert_eq!(Struct::read(bytes), Err(NotThrift), "{bytes:?}");
        }
        assert_eq!(Struct::read(&[0x1c; 1000]), Err(NotThrift));
        assert_eq!(Struct::read(&[0x19; 1000]), Err(NotThrift));
    }
}
