//! The Parquet footer of a segment, read from the end of the object alone.

use crate::segment::error::Unreadable;
use crate::segment::guard::thrift::Struct;

/// The maximum size of the Parquet footer.
const FOOTER_MAX_BYTES: usize = 8 << 20;
/// The maximum size of its keys and values.
const PAIRS_MAX_BYTES: usize = 1 << 20;
/// The maximum number of its keys, more than a segment's.
const PAIRS_MAX: usize = 16;
pub(crate) const MAGIC: &[u8; 4] = b"PAR1";
/// The footer's length and the magic bytes.
const TAIL_BYTES: usize = 8;

/// The length of the footer, its length and the magic bytes, by the last bytes of an object.
pub(crate) fn length(end: &[u8]) -> Result<usize, Unreadable> {
    let Some((_, [l0, l1, l2, l3, magic @ ..])) = end.split_last_chunk::<TAIL_BYTES>() else {
        return Err(refused("it is too short"));
    };
    if magic != MAGIC {
        return Err(refused("it does not end with PAR1, or is encrypted"));
    }
    let length = u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize;
    if length > FOOTER_MAX_BYTES {
        return Err(Unreadable::TooLarge(format!("its footer has {length} bytes")));
    }
    Ok(length + TAIL_BYTES)
}

/// The footer's bytes and its structure, by the last bytes of an object, at least [`length`].
pub(crate) fn read(end: &[u8]) -> Result<(&[u8], Struct<'_>), Unreadable> {
    let start = end.len().checked_sub(length(end)?);
    let bytes = &end[start.ok_or_else(|| refused("its footer is cut off"))?..end.len() - TAIL_BYTES];
    let fields = Struct::read(bytes).map_err(|_| refused("its footer is malformed"))?;
    Ok((bytes, fields.0))
}

/// The keys and values of a footer.
pub(crate) fn pairs(footer: Struct<'_>) -> Result<Vec<(&str, &str)>, Unreadable> {
    let (list, mut room) = (footer.list(5), PAIRS_MAX_BYTES);
    let pairs = list.structures().take(PAIRS_MAX).map(|pair| {
        let (key, value) = (text(pair, 1)?, text(pair, 2)?);
        room = room.checked_sub(key.len() + value.len())?;
        Some((key, value))
    });
    let pairs: Option<Vec<(&str, &str)>> = pairs.collect();
    pairs.ok_or_else(|| refused("a key of its footer is too long, has no value, or is not UTF-8"))
}

/// The name of the program that wrote the file.
pub(crate) fn created_by(footer: Struct<'_>) -> Result<&str, Unreadable> {
    let is_name = |name: &str| (1..=64).contains(&name.len()) && name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    text(footer, 6)
        .filter(|writer| writer.strip_prefix("kivend ").is_some_and(is_name))
        .ok_or_else(|| refused("its writer is not kivend and a version"))
}

fn text<'b>(fields: Struct<'b>, id: i16) -> Option<&'b str> {
    std::str::from_utf8(fields.binary(id)?).ok()
}

pub(crate) fn refused(what: &str) -> Unreadable {
    Unreadable::Layout(what.to_owned())
}
