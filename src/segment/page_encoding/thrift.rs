//! Writes structures in Thrift's compact protocol, the encoding of Parquet footers and page headers.
//!
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>

use crate::segment::page_encoding::varint::{put_varint, put_zigzag};

/// The protocol's codes of the types that Parquet uses.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
pub(crate) const I32: u8 = 5;
const I64: u8 = 6;
pub(crate) const BINARY: u8 = 8;
const LIST: u8 = 9;
pub(crate) const STRUCT: u8 = 12;

/// Writes the fields of one structure, in ascending order of their ids.
pub(crate) struct Structure<'o> {
    out: &'o mut Vec<u8>,
    last: i16,
}

/// Appends a structure with the fields that `write` adds.
pub(crate) fn put_structure(out: &mut Vec<u8>, write: impl FnOnce(&mut Structure<'_>)) {
    let mut structure = Structure { out, last: 0 };
    write(&mut structure);
    structure.out.push(0);
}

impl Structure<'_> {
    fn field(&mut self, id: i16, kind: u8) {
        // Parquet's ids are at most 17, so that a step always fits into the short form.
        self.out.push(((id - self.last) as u8) << 4 | kind);
        self.last = id;
    }

    pub(crate) fn bool(&mut self, id: i16, value: bool) {
        self.field(id, if value { TRUE } else { FALSE });
    }

    pub(crate) fn i32(&mut self, id: i16, value: i32) {
        self.field(id, I32);
        put_zigzag(i64::from(value), self.out);
    }

    pub(crate) fn i64(&mut self, id: i16, value: i64) {
        self.field(id, I64);
        put_zigzag(value, self.out);
    }

    pub(crate) fn binary(&mut self, id: i16, bytes: &[u8]) {
        self.field(id, BINARY);
        put_binary(self.out, bytes);
    }

    pub(crate) fn structure(&mut self, id: i16, write: impl FnOnce(&mut Structure<'_>)) {
        self.field(id, STRUCT);
        put_structure(self.out, write);
    }

    /// A list whose elements have the type `kind`; `put` appends one of them.
    pub(crate) fn list<T>(
        &mut self,
        id: i16,
        kind: u8,
        elements: impl ExactSizeIterator<Item = T>,
        mut put: impl FnMut(&mut Vec<u8>, T),
    ) {
        self.field(id, LIST);
        match elements.len() {
            short @ 0..15 => self.out.push((short as u8) << 4 | kind),
            long => {
                self.out.push(0xf0 | kind);
                put_varint(long as u64, self.out);
            }
        }
        for element in elements {
            put(self.out, element);
        }
    }
}

/// Appends a byte string as an element of a list.
pub(crate) fn put_binary(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Appends an integer as an element of a list.
pub(crate) fn put_i32(out: &mut Vec<u8>, value: i32) {
    put_zigzag(i64::from(value), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_all_kinds_follow_the_protocol() {
        let mut out = Vec::new();
        put_structure(&mut out, |all| {
            all.i32(1, -1);
            all.binary(2, b"ab");
            all.list(4, I32, [1, 2].into_iter(), put_i32);
            all.bool(5, true);
            all.structure(10, |inner| inner.i64(1, 20));
        });
        let expected = [
            0x15, 0x01, 0x18, 2, b'a', b'b', 0x29, 0x25, 2, 4, 0x11, 0x5c, 0x16, 40, 0, 0,
        ];
        assert_eq!(out, expected);
    }

    #[test]
    fn a_list_of_fifteen_has_its_length_apart() {
        let mut out = Vec::new();
        put_structure(&mut out, |all| {
            all.list(1, BINARY, [b"x"; 15].into_iter(), |out, x| put_binary(out, x));
        });
        assert_eq!(out[..5], [0x19, 0xf8, 15, 1, b'x']);
        assert_eq!(out.len(), 3 + 15 * 2 + 1);
    }
}
