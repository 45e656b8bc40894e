//! Checks the structure of a segment's file before a page is decompressed: chunks back to back, in the order of the columns,
//! with the same rows in their pages. The footer is encoded again from the pages and compared, so that nothing is in it by
//! which another reader could see other rows.

use crate::segment::error::Unreadable;
use crate::segment::guard::footer::{MAGIC, refused};
use crate::segment::guard::pages::{Page, Pages};
use crate::segment::guard::thrift::Struct;
use crate::segment::page_encoding::description::{ChunkFacts, Encoding, Statistics, put_chunk, put_row_group};
use crate::segment::schema::{Leaf, Physical, Repetition};

/// The maximum number of row groups.
const GROUPS_MAX: usize = 4096;
/// The maximum number of rows in a page.
const PAGE_MAX_ROWS: u32 = 8192;
/// The maximum size of a page of more than one row, decompressed.
const PAGE_MAX_BYTES: u32 = 2 << 20;
/// The maximum memory for the pages of the same rows and their decoded entries.
const MEMORY_MAX_BYTES: u64 = 512 << 20;
/// The memory for a decoded entry, beside the bytes of its page.
const ENTRY_BYTES: u64 = 32;

/// A checked row group.
#[derive(Debug)]
pub(crate) struct Group {
    /// One for each leaf column.
    pub(crate) chunks: Vec<Chunk>,
    /// The rows of each data page; the same in every column.
    pub(crate) page_rows: Vec<u32>,
    /// Its structure in the footer, encoded again.
    pub(crate) again: Vec<u8>,
}

/// A checked column chunk.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) pages: Pages,
    pub(crate) statistics: Option<Statistics>,
}

/// Calls `sink` with each row group of a footer, in order. `pages` are the bytes before the footer.
pub(crate) fn for_each_group(
    pages: &[u8],
    footer: Struct<'_>,
    leaves: &[Leaf],
    mut sink: impl FnMut(Group) -> Result<(), Unreadable>,
) -> Result<(), Unreadable> {
    let groups = footer.list(4);
    if !pages.starts_with(MAGIC) || !(1..=GROUPS_MAX).contains(&groups.len()) {
        return Err(refused("it does not begin with PAR1, or has no row group or too many"));
    }
    let mut at = MAGIC.len();
    for group in groups.structures() {
        sink(Group::read(pages, &mut at, group, leaves)?)?;
    }
    if at == pages.len() {
        Ok(())
    } else {
        Err(refused("it has bytes between its chunks and its footer"))
    }
}

impl Group {
    /// The number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.page_rows.iter().map(|rows| *rows as usize).sum()
    }

    /// The maximum memory for the pages of the same rows and their decoded entries, in bytes.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let indices = 0..self.page_rows.len();
        indices
            .map(|index| self.pages_at(index).map(memory).sum())
            .max()
            .unwrap_or(0)
    }

    /// The page with this index of each column.
    fn pages_at(&self, index: usize) -> impl Iterator<Item = &Page> {
        self.chunks.iter().filter_map(move |chunk| chunk.pages.data.get(index))
    }

    /// The row group whose first chunk begins at `at`, which is set to its end.
    fn read(object: &[u8], at: &mut usize, fields: Struct<'_>, leaves: &[Leaf]) -> Result<Group, Unreadable> {
        let found = fields.list(1);
        if found.len() != leaves.len() {
            return Err(refused("a row group has other columns than the file"));
        }
        let (mut chunks, mut structures, mut unpacked_bytes) = (Vec::new(), Vec::new(), 0);
        for (leaf, fields) in leaves.iter().zip(found.structures()) {
            let (chunk, facts) = Chunk::read(object, at, fields.structure(3), leaf).map_err(|error| match error {
                Unreadable::Layout(what) => Unreadable::Layout(format!("column {}: {what}", leaf.path.join("."))),
                other => other,
            })?;
            let mut structure = Vec::new();
            put_chunk(&mut structure, &facts, leaf);
            structures.push(structure);
            unpacked_bytes += facts.unpacked_bytes;
            chunks.push(chunk);
        }
        let first = chunks.first().map_or(&[][..], |chunk: &Chunk| &chunk.pages.data);
        let mut group = Group {
            page_rows: first.iter().map(|page| page.header.entries).collect(),
            chunks,
            again: Vec::new(),
        };
        group.check_rows(leaves)?;
        let rows = group.rows();
        put_row_group(&mut group.again, &structures, unpacked_bytes, rows);
        Ok(group)
    }

    /// Checks that the pages of each column have the same rows, and are not too large.
    fn check_rows(&self, leaves: &[Leaf]) -> Result<(), Unreadable> {
        for (chunk, leaf) in self.chunks.iter().zip(leaves) {
            let is_counted = |(page, rows): (&Page, &u32)| {
                page.header.entries == *rows || (leaf.path.len() > 1 && page.header.entries > *rows)
            };
            let pages = &chunk.pages.data;
            if pages.len() != self.page_rows.len() || !pages.iter().zip(&self.page_rows).all(is_counted) {
                return Err(refused("the pages of its columns have different rows"));
            }
        }
        for (index, rows) in self.page_rows.iter().enumerate() {
            let is_large = |page: &Page| page.header.unpacked_bytes > PAGE_MAX_BYTES;
            if !(1..=PAGE_MAX_ROWS).contains(rows) || (*rows > 1 && self.pages_at(index).any(is_large)) {
                return Err(refused("a page is too large, or has no rows or too many"));
            }
        }
        if self.memory_bytes() > MEMORY_MAX_BYTES {
            return Err(Unreadable::TooLarge(format!(
                "a page needs {} bytes of memory",
                self.memory_bytes()
            )));
        }
        Ok(())
    }
}

fn memory(page: &Page) -> u64 {
    u64::from(page.header.unpacked_bytes) + ENTRY_BYTES * u64::from(page.header.entries)
}

impl Chunk {
    /// The chunk that begins at `at`, which is set to its end, and what the footer must say of it.
    fn read(
        object: &[u8],
        at: &mut usize,
        metadata: Struct<'_>,
        leaf: &Leaf,
    ) -> Result<(Chunk, ChunkFacts), Unreadable> {
        let start = *at;
        let packed_bytes = metadata.size(7).filter(|length| *length <= object.len() - start);
        let packed_bytes = packed_bytes.ok_or_else(|| refused("a chunk is cut off"))?;
        *at += packed_bytes;
        let pages = Pages::walk(object, start..*at)?;
        let encoding =
            encoding(&pages, leaf).ok_or_else(|| refused("a page has an encoding that its column does not use"))?;
        let statistics = leaf.has_statistics().then(|| {
            let found = metadata.structure(12);
            Statistics {
                nulls: found.int(3).unwrap_or(-1),
                bounds: found
                    .binary(6)
                    .zip(found.binary(5))
                    .map(|(least, greatest)| (least.to_vec(), greatest.to_vec())),
            }
        });
        let facts = ChunkFacts {
            dictionary: pages.dictionary.as_ref().map(|_| start),
            data: pages.dictionary.as_ref().map_or(start, |page| page.body.end),
            packed_bytes,
            unpacked_bytes: pages.unpacked_bytes,
            entries: pages.data.iter().map(|page| page.header.entries as usize).sum(),
            encoding,
            statistics: statistics.clone(),
        };
        Ok((Chunk { pages, statistics }, facts))
    }
}

/// The encoding of a chunk's values; none if a page has another one than its column, or there is a dictionary where no page
/// uses one.
fn encoding(pages: &Pages, leaf: &Leaf) -> Option<Encoding> {
    let is_required = leaf.repetition == Repetition::Required && leaf.path.len() == 1;
    let encoding = match (is_required, leaf.physical) {
        (true, Physical::Int64) => Encoding::DeltaBinaryPacked,
        (true, _) => Encoding::RleDictionary,
        (false, _) => Encoding::Plain,
    };
    let is_coded = encoding == Encoding::RleDictionary;
    let all_have_it = pages.data.iter().all(|page| page.header.encoding == encoding);
    (all_have_it && pages.dictionary.is_some() == is_coded).then_some(encoding)
}
