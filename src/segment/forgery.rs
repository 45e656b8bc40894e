//! Tools of the tests that forge segments: a segment of which each part may be changed before it is written, and the footer of
//! a written one as a tree.

use bytes::Bytes;

use crate::segment::encode::CREATED_BY;
use crate::segment::footer::Footer;
use crate::segment::page_encoding::column::Packer;
use crate::segment::page_encoding::file::SegmentFile;
use crate::segment::page_encoding::row_group::{Constants, RowGroup};
use crate::segment::page_encoding::varint::{put_varint, put_zigzag};
use crate::segment::projection::cell::Projector;
use crate::segment::projection::typed::{TypedColumn, typed_columns};
use crate::segment::round_trip_tests::{Owned, event, footer_of, projection, rows_of, segment_of};
use crate::segment::rows::Chunk;
use crate::segment::schema::{Element, elements};

/// The parts of a segment of one page.
pub(super) struct Forgery {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) epoch: i32,
    pub(super) chunk: Chunk,
    pub(super) typed: Vec<TypedColumn>,
    pub(super) elements: Vec<Element>,
    pub(super) pairs: Vec<(&'static str, String)>,
    pub(super) created_by: String,
}

impl Forgery {
    /// The parts of an honest segment.
    pub(super) fn of(records: &[Owned]) -> Forgery {
        let footer: Footer = footer_of(&rows_of(records));
        let projection = projection();
        let chunk = rows_of(records).into_chunks().next().unwrap();
        let typed = typed_columns(&mut Projector::new(&projection), projection.rules(), &chunk.values);
        Forgery {
            topic: footer.topic_partition.topic.to_string(),
            partition: footer.topic_partition.partition,
            epoch: i32::try_from(footer.epoch.0).unwrap(),
            chunk,
            typed,
            elements: elements(&projection),
            pairs: footer.to_pairs(&projection).unwrap().to_vec(),
            created_by: CREATED_BY.into(),
        }
    }

    /// The segment.
    pub(super) fn write(&self) -> Bytes {
        let constants = Constants {
            topic: &self.topic,
            partition: self.partition,
            epoch: self.epoch,
        };
        let mut packer = Packer::default();
        let mut row_group = RowGroup::new(self.typed.len());
        row_group
            .write(constants, &self.chunk, &self.typed, &mut packer)
            .unwrap();
        let mut file = SegmentFile::new(self.elements.clone());
        file.append(row_group, &mut packer).unwrap();
        Bytes::from(file.finish(&self.pairs, &self.created_by))
    }
}

/// A value of Thrift's compact protocol with its type, so that it is written as it was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Bool(bool),
    /// The code of the type, and the value.
    Int(u8, i64),
    Binary(Vec<u8>),
    /// The code of the elements' type, and the elements.
    List(u8, Vec<Node>),
    Struct(Vec<(i16, Node)>),
}

impl Node {
    pub(super) const I32: u8 = 5;
    pub(super) const I64: u8 = 6;

    /// Reads a structure, and says how many bytes it has.
    pub(super) fn read(bytes: &[u8]) -> (Node, usize) {
        let mut rest = bytes;
        let node = Node::value(12, &mut rest);
        (node, bytes.len() - rest.len())
    }

    fn value(kind: u8, rest: &mut &[u8]) -> Node {
        match kind {
            4..=6 => {
                let coded = varint(rest);
                Node::Int(kind, (coded >> 1) as i64 ^ -((coded & 1) as i64))
            }
            8 => {
                let length = varint(rest) as usize;
                Node::Binary(rest.split_off(..length).unwrap().to_vec())
            }
            9 => {
                let head = byte(rest);
                let length = if head >> 4 == 15 {
                    varint(rest)
                } else {
                    u64::from(head >> 4)
                };
                Node::List(head & 15, (0..length).map(|_| Node::value(head & 15, rest)).collect())
            }
            12 => {
                let (mut fields, mut id) = (Vec::new(), 0);
                loop {
                    let head = byte(rest);
                    if head == 0 {
                        return Node::Struct(fields);
                    }
                    id += i16::from(head >> 4);
                    fields.push((
                        id,
                        match head & 15 {
                            1 => Node::Bool(true),
                            2 => Node::Bool(false),
                            other => Node::value(other, rest),
                        },
                    ));
                }
            }
            other => panic!("a type that segments do not use: {other}"),
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Node::Bool(true) => 1,
            Node::Bool(false) => 2,
            Node::Int(kind, _) => *kind,
            Node::Binary(_) => 8,
            Node::List(..) => 9,
            Node::Struct(_) => 12,
        }
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Node::Bool(_) => {}
            Node::Int(_, value) => put_zigzag(*value, out),
            Node::Binary(bytes) => {
                put_varint(bytes.len() as u64, out);
                out.extend_from_slice(bytes);
            }
            Node::List(kind, elements) => {
                out.push(0xf0 | kind);
                if elements.len() < 15 {
                    *out.last_mut().unwrap() = (elements.len() as u8) << 4 | kind;
                } else {
                    put_varint(elements.len() as u64, out);
                }
                elements.iter().for_each(|element| element.put(out));
            }
            Node::Struct(fields) => {
                let mut last = 0;
                for (id, value) in fields {
                    match u8::try_from(id - last) {
                        Ok(step @ 1..=15) => out.push(step << 4 | value.kind()),
                        _ => {
                            out.push(value.kind());
                            put_zigzag(i64::from(*id), out);
                        }
                    }
                    value.put(out);
                    last = *id;
                }
                out.push(0);
            }
        }
    }

    /// A field of a structure, which is there.
    pub(super) fn field(&mut self, id: i16) -> &mut Node {
        let fields = self.fields();
        &mut fields.iter_mut().find(|(own, _)| *own == id).unwrap().1
    }

    /// The fields of a structure.
    pub(super) fn fields(&mut self) -> &mut Vec<(i16, Node)> {
        match self {
            Node::Struct(fields) => fields,
            other => panic!("no structure: {other:?}"),
        }
    }

    /// The elements of a list.
    pub(super) fn elements(&mut self) -> &mut Vec<Node> {
        match self {
            Node::List(_, elements) => elements,
            other => panic!("no list: {other:?}"),
        }
    }

    /// Adds or replaces a field of a structure, and keeps the order of the ids.
    pub(super) fn set(&mut self, id: i16, value: Node) {
        let fields = self.fields();
        fields.retain(|(own, _)| *own != id);
        fields.push((id, value));
        fields.sort_by_key(|(own, _)| *own);
    }

    /// The structure of a column chunk in the first row group of a footer.
    pub(super) fn chunk(&mut self, leaf: usize) -> &mut Node {
        let groups = self.field(4).elements();
        &mut groups[0].field(1).elements()[leaf]
    }
}

fn byte(rest: &mut &[u8]) -> u8 {
    *rest.split_off_first().unwrap()
}

fn varint(rest: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let low = byte(rest);
        value |= u64::from(low & 0x7f) << shift;
        if low < 0x80 {
            return value;
        }
        shift += 7;
    }
}

/// The segment with its footer changed; the pages stay where they are.
pub(super) fn with_footer(segment: &Bytes, change: impl FnOnce(&mut Node)) -> Bytes {
    let (body, tail) = segment.split_last_chunk::<8>().unwrap();
    let length = u32::from_le_bytes(*tail.first_chunk().unwrap()) as usize;
    let (pages, footer) = body.split_at(body.len() - length);
    let (mut node, read) = Node::read(footer);
    assert_eq!(read, length);
    change(&mut node);
    let mut forged = pages.to_vec();
    node.put(&mut forged);
    let length = (forged.len() - pages.len()) as u32;
    forged.extend_from_slice(&length.to_le_bytes());
    forged.extend_from_slice(b"PAR1");
    Bytes::from(forged)
}

#[test]
fn a_footer_that_is_not_changed_is_written_as_it_was() {
    let records: Vec<Owned> = (0..3).map(event).collect();
    let segment = Forgery::of(&records).write();
    assert_eq!(segment, segment_of(&records));
    assert_eq!(with_footer(&segment, |_| {}), segment);
}
