//! Checks of a file of a stranger before the Parquet library decodes it: what its pages announce and what they decompress to is
//! bounded. The library allocates what a page header announces, and decompresses gzip without a limit.

use std::io::Read as _;
use std::ops::Range;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use parquet::basic::Compression;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::reader::FileReader as _;
use parquet::file::serialized_reader::SerializedFileReader;

use crate::audit::bad_file::BadFile;
use crate::segment::error::Unreadable;
use crate::segment::guard::footer;
use crate::segment::guard::thrift::{Struct, Value};

/// The maximum size of a page, decompressed: a page has one record at least, however large that is.
const PAGE_MAX_BYTES: usize = 256 << 20;
/// The number of the encoding whose values repeat the beginning of the one before.
const DELTA_BYTE_ARRAY: i64 = 7;

/// What the pages of a chunk are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pages {
    /// The size of the largest one, decompressed.
    pub(super) max_bytes: usize,
    /// Whether values repeat the beginning of the one before, so that a short page can have long values.
    pub(super) repeats_prefixes: bool,
}

/// Checks all columns of a file. Returns the size of the largest page, decompressed.
///
/// # Errors
/// [`BadFile`]; also where values repeat the beginning of the one before.
pub fn check_file(bytes: &Bytes) -> Result<usize, BadFile> {
    check_footer(bytes)?;
    let reader = SerializedFileReader::new(bytes.clone())?;
    let mut max_bytes = 0;
    for chunk in reader
        .metadata()
        .row_groups()
        .iter()
        .flat_map(RowGroupMetaData::columns)
    {
        let pages = check_chunk(bytes, chunk)?;
        if pages.repeats_prefixes {
            return Err(bad("a column has an encoding that kivend does not write"));
        }
        max_bytes = max_bytes.max(pages.max_bytes);
    }
    Ok(max_bytes)
}

/// Checks the form of the footer.
pub(super) fn check_footer(bytes: &[u8]) -> Result<(), BadFile> {
    let read = footer::read(bytes).map(|_| ());
    read.map_err(|error| match error {
        Unreadable::Parquet(what)
        | Unreadable::Layout(what)
        | Unreadable::Schema(what)
        | Unreadable::Footer(what)
        | Unreadable::TooLarge(what) => BadFile(what),
        Unreadable::Row { what, .. } => BadFile(what.to_owned()),
    })
}

/// Checks the pages of a column chunk.
pub(super) fn check_chunk(bytes: &[u8], chunk: &ColumnChunkMetaData) -> Result<Pages, BadFile> {
    let codec = chunk.compression();
    if !matches!(
        codec,
        Compression::UNCOMPRESSED
            | Compression::SNAPPY
            | Compression::GZIP(_)
            | Compression::ZSTD(_)
            | Compression::LZ4_RAW
    ) {
        return Err(BadFile(format!(
            "a column is compressed with {codec}, which kivend does not read"
        )));
    }
    let place = place(chunk).filter(|place| place.end <= bytes.len());
    let place = place.ok_or_else(|| bad("a column is cut off"))?;
    let (mut pages, mut at) = (Pages::default(), place.start);
    while at < place.end {
        let (header, length) = Struct::read(&bytes[at..place.end]).map_err(|_| bad("a page header is malformed"))?;
        let sizes = header.size(2).zip(header.size(3));
        let (unpacked, packed) = sizes.ok_or_else(|| bad("a page header has no size"))?;
        let start = at + length;
        let body = bytes[..place.end].get(start..start.saturating_add(packed));
        let body = body.ok_or_else(|| bad("a page is cut off"))?;
        if unpacked > PAGE_MAX_BYTES {
            return Err(BadFile(format!("a page announces {unpacked} bytes")));
        }
        if matches!(codec, Compression::GZIP(_)) {
            check_gzip(header, body, unpacked)?;
        }
        pages.max_bytes = pages.max_bytes.max(unpacked);
        pages.repeats_prefixes |= encoding(header) == Some(DELTA_BYTE_ARRAY);
        at = start + packed;
    }
    Ok(pages)
}

fn place(chunk: &ColumnChunkMetaData) -> Option<Range<usize>> {
    let start = chunk
        .dictionary_page_offset()
        .unwrap_or_else(|| chunk.data_page_offset());
    let start = usize::try_from(start).ok()?;
    let length = usize::try_from(chunk.compressed_size()).ok()?;
    Some(start..start.checked_add(length)?)
}

/// The encoding of a data page of either version.
fn encoding(header: Struct<'_>) -> Option<i64> {
    header.structure(5).int(2).or_else(|| header.structure(8).int(4))
}

fn check_gzip(header: Struct<'_>, body: &[u8], unpacked: usize) -> Result<(), BadFile> {
    let of_version_2 = header.structure(8);
    if of_version_2.field(7) == Some(Value::Bool(false)) {
        return Ok(());
    }
    let levels = of_version_2
        .size(5)
        .unwrap_or(0)
        .saturating_add(of_version_2.size(6).unwrap_or(0));
    let (packed, expected) = (body.get(levels..), unpacked.checked_sub(levels));
    let (packed, expected) = packed
        .zip(expected)
        .ok_or_else(|| bad("a page is shorter than its levels"))?;
    let mut limited = MultiGzDecoder::new(packed).take(expected as u64 + 1);
    match std::io::copy(&mut limited, &mut std::io::sink()) {
        Ok(length) if length == expected as u64 => Ok(()),
        _ if expected == 0 => Ok(()),
        _ => Err(bad("a page does not decompress to its length")),
    }
}

fn bad(what: &str) -> BadFile {
    BadFile(what.to_owned())
}
