//! Encodes what a segment's file says of its pages: page headers and the footer. The reader encodes them again from the pages
//! that it finds, and compares the bytes, so that it needs no rule for what a writer would not say.

use crate::segment::page_encoding::thrift::{BINARY, I32, STRUCT, Structure, put_binary, put_i32, put_structure};
use crate::segment::schema::{Annotation, Element, Leaf, Physical, ROOT, leaves};

/// Parquet's number of the zstd codec.
const ZSTD: i32 = 6;

/// How a page codes its values; the number is Parquet's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Plain = 0,
    Rle = 3,
    DeltaBinaryPacked = 5,
    RleDictionary = 8,
}

/// What a page holds; the number is Parquet's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PageKind {
    Data = 0,
    Dictionary = 2,
}

/// A page as its header describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageHeader {
    pub(crate) kind: PageKind,
    pub(crate) encoding: Encoding,
    pub(crate) entries: u32,
    pub(crate) unpacked_bytes: u32,
    pub(crate) packed_bytes: u32,
}

/// Appends a page header.
pub(crate) fn put_page_header(out: &mut Vec<u8>, page: &PageHeader) {
    put_structure(out, |header| {
        header.i32(1, page.kind as i32);
        header.i32(2, page.unpacked_bytes.cast_signed());
        header.i32(3, page.packed_bytes.cast_signed());
        let field = match page.kind {
            PageKind::Data => 5,
            PageKind::Dictionary => 7,
        };
        header.structure(field, |own| {
            own.i32(1, page.entries.cast_signed());
            own.i32(2, page.encoding as i32);
            if page.kind == PageKind::Data {
                // The encodings of the levels.
                own.i32(3, Encoding::Rle as i32);
                own.i32(4, Encoding::Rle as i32);
            }
        });
    });
}

/// The statistics of a chunk: the number of nulls, and the least and the greatest value in PLAIN encoding, if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statistics {
    pub(crate) nulls: i64,
    pub(crate) bounds: Option<(Vec<u8>, Vec<u8>)>,
}

impl Statistics {
    /// Those of numbers.
    pub(crate) fn of_numbers(physical: Physical, nulls: i64, bounds: Option<(i64, i64)>) -> Statistics {
        let plain = |number: i64| match physical {
            Physical::Int32 => (number as i32).to_le_bytes().to_vec(),
            _ => number.to_le_bytes().to_vec(),
        };
        Statistics {
            nulls,
            bounds: bounds.map(|(least, greatest)| (plain(least), plain(greatest))),
        }
    }

    /// Those of one text.
    pub(crate) fn of_text(text: &[u8]) -> Statistics {
        Statistics {
            nulls: 0,
            bounds: Some((text.to_vec(), text.to_vec())),
        }
    }
}

/// A column chunk as the footer describes it.
#[derive(Debug)]
pub(crate) struct ChunkFacts {
    /// The position of the dictionary page.
    pub(crate) dictionary: Option<usize>,
    /// The position of the first data page.
    pub(crate) data: usize,
    pub(crate) packed_bytes: usize,
    /// The size as if the pages were not compressed, headers included.
    pub(crate) unpacked_bytes: usize,
    /// Values and nulls.
    pub(crate) entries: usize,
    /// The encoding of the values where there is no dictionary.
    pub(crate) encoding: Encoding,
    pub(crate) statistics: Option<Statistics>,
}

/// Appends the structure of a chunk.
pub(crate) fn put_chunk(out: &mut Vec<u8>, facts: &ChunkFacts, leaf: &Leaf) {
    put_structure(out, |chunk| {
        // Parquet asks for this field, and for no value in it.
        chunk.i64(2, 0);
        chunk.structure(3, |metadata| {
            metadata.i32(1, leaf.physical as i32);
            let encodings: &[Encoding] = match (facts.dictionary, facts.encoding) {
                (Some(_), _) => &[Encoding::Plain, Encoding::Rle, Encoding::RleDictionary],
                (None, Encoding::DeltaBinaryPacked) => &[Encoding::Rle, Encoding::DeltaBinaryPacked],
                (None, _) => &[Encoding::Plain, Encoding::Rle],
            };
            metadata.list(2, I32, encodings.iter(), |out, encoding| put_i32(out, *encoding as i32));
            metadata.list(3, BINARY, leaf.path.iter(), |out, name| {
                put_binary(out, name.as_bytes());
            });
            metadata.i32(4, ZSTD);
            metadata.i64(5, facts.entries as i64);
            metadata.i64(6, facts.unpacked_bytes as i64);
            metadata.i64(7, facts.packed_bytes as i64);
            metadata.i64(9, facts.data as i64);
            if let Some(dictionary) = facts.dictionary {
                metadata.i64(11, dictionary as i64);
            }
            if let Some(statistics) = &facts.statistics {
                metadata.structure(12, |own| put_statistics(own, statistics));
            }
        });
    });
}

fn put_statistics(own: &mut Structure<'_>, statistics: &Statistics) {
    own.i64(3, statistics.nulls);
    if let Some((least, greatest)) = &statistics.bounds {
        own.binary(5, greatest);
        own.binary(6, least);
        own.bool(7, true);
        own.bool(8, true);
    }
}

/// Appends the structure of a row group with these chunks.
pub(crate) fn put_row_group(out: &mut Vec<u8>, chunks: &[Vec<u8>], unpacked_bytes: usize, rows: usize) {
    put_structure(out, |group| {
        group.list(1, STRUCT, chunks.iter(), |out, chunk| out.extend_from_slice(chunk));
        group.i64(2, unpacked_bytes as i64);
        group.i64(3, rows as i64);
    });
}

/// A file as its footer describes it.
pub(crate) struct FileFacts<'f> {
    pub(crate) elements: &'f [Element],
    pub(crate) rows: usize,
    /// The structures of the row groups.
    pub(crate) row_groups: &'f [Vec<u8>],
    pub(crate) pairs: &'f [(&'f str, &'f str)],
    pub(crate) created_by: &'f str,
}

/// Appends the footer.
pub(crate) fn put_footer(out: &mut Vec<u8>, facts: &FileFacts<'_>) {
    put_structure(out, |footer| {
        footer.i32(1, 1);
        let mut schema = vec![root(facts.elements.len())];
        facts
            .elements
            .iter()
            .for_each(|element| add_element(&mut schema, element));
        footer.list(2, STRUCT, schema.iter(), |out, element| out.extend_from_slice(element));
        footer.i64(3, facts.rows as i64);
        footer.list(4, STRUCT, facts.row_groups.iter(), |out, group| {
            out.extend_from_slice(group);
        });
        footer.list(5, STRUCT, facts.pairs.iter(), |out, (key, value)| {
            put_structure(out, |pair| {
                pair.binary(1, key.as_bytes());
                pair.binary(2, value.as_bytes());
            });
        });
        footer.binary(6, facts.created_by.as_bytes());
        // The order of every column is the one that its type defines.
        footer.list(7, STRUCT, leaves(facts.elements).iter(), |out, _| {
            put_structure(out, |order| order.structure(1, |_| {}));
        });
    });
}

fn root(columns: usize) -> Vec<u8> {
    let mut structure = Vec::new();
    put_structure(&mut structure, |root| {
        root.binary(4, ROOT.as_bytes());
        root.i32(5, columns as i32);
    });
    structure
}

/// Adds the structures of an element and of those below it.
fn add_element(structures: &mut Vec<Vec<u8>>, element: &Element) {
    let mut structure = Vec::new();
    put_structure(&mut structure, |own| {
        if let Some(physical) = element.physical {
            own.i32(1, physical as i32);
        }
        own.i32(3, element.repetition as i32);
        own.binary(4, element.name.as_bytes());
        if element.physical.is_none() {
            own.i32(5, element.children.len() as i32);
        }
        put_annotation(own, element.annotation);
    });
    structures.push(structure);
    element.children.iter().for_each(|child| add_element(structures, child));
}

/// The converted type, for older readers, and the logical type, which says the same.
fn put_annotation(element: &mut Structure<'_>, annotation: Annotation) {
    const UTF8: i32 = 0;
    const LIST: i32 = 3;
    const DECIMAL: i32 = 5;
    const TIMESTAMP_MILLIS: i32 = 9;
    const TIMESTAMP_MICROS: i32 = 10;
    let timestamp = |element: &mut Structure<'_>, unit: i16| {
        element.structure(10, |logical| {
            logical.structure(8, |timestamp| {
                timestamp.bool(1, true);
                timestamp.structure(2, |units| units.structure(unit, |_| {}));
            });
        });
    };
    match annotation {
        Annotation::None => {}
        Annotation::Text => {
            element.i32(6, UTF8);
            element.structure(10, |logical| logical.structure(1, |_| {}));
        }
        Annotation::List => {
            element.i32(6, LIST);
            element.structure(10, |logical| logical.structure(3, |_| {}));
        }
        Annotation::TimestampMs => {
            element.i32(6, TIMESTAMP_MILLIS);
            timestamp(element, 1);
        }
        Annotation::TimestampUs => {
            element.i32(6, TIMESTAMP_MICROS);
            timestamp(element, 2);
        }
        Annotation::Decimal { precision, scale } => {
            element.i32(6, DECIMAL);
            element.i32(7, i32::from(scale));
            element.i32(8, i32::from(precision));
            element.structure(10, |logical| {
                logical.structure(5, |decimal| {
                    decimal.i32(1, i32::from(scale));
                    decimal.i32(2, i32::from(precision));
                });
            });
        }
    }
}
