//! Whether a Parquet file holds rows and nothing else. Query engines skip rows by statistics, page indexes, Bloom filters,
//! dictionaries and orders, count rows by the footer, and change columns by its keys: a false one hides or changes rows for them
//! that a reader of all rows sees.

use crate::audit::bad_file::BadFile;
use crate::segment::guard::footer;
use crate::segment::guard::thrift::Struct;

/// The number of the type of a page that is a dictionary.
const DICTIONARY_PAGE: i64 = 2;

/// Checks the footer and the page headers of a file, and that its counts are of `rows`.
///
/// # Errors
/// What it holds beside rows, or which count is another.
pub fn check_rows_only(file: &[u8], rows: u64) -> Result<(), BadFile> {
    let footer = footer::read(file).map_err(|_| malformed("its footer"))?.1;
    // Numbers of fields are those of Parquet's `parquet.thrift`.
    refuse(footer.field(5).is_some(), "keys in its footer")?;
    let mut in_groups = 0_u64;
    for group in footer.list(4).structures() {
        let of_group = count(group, 3);
        in_groups = in_groups.saturating_add(of_group);
        refuse(group.field(4).is_some(), "an order of its rows")?;
        for chunk in group.list(1).structures() {
            check_chunk(chunk, of_group)?;
            check_pages(file, chunk.structure(3))?;
        }
    }
    refuse(in_groups != rows || count(footer, 3) != rows, "another count of rows")
}

fn check_chunk(chunk: Struct<'_>, rows: u64) -> Result<(), BadFile> {
    let metadata = chunk.structure(3);
    let (values, is_nested) = (count(metadata, 5), metadata.list(3).len() > 1);
    refuse((4..=7).any(|id| chunk.field(id).is_some()), "a page index")?;
    refuse(metadata.field(12).is_some(), "statistics")?;
    refuse(metadata.field(11).is_some(), "a dictionary")?;
    refuse((14..=15).any(|id| metadata.field(id).is_some()), "a Bloom filter")?;
    // A column of the headers has as many values as there are headers.
    refuse(
        values != rows && !(is_nested && values > rows),
        "another count of values",
    )
}

fn check_pages(file: &[u8], metadata: Struct<'_>) -> Result<(), BadFile> {
    let place = metadata.size(9).zip(metadata.size(7));
    let chunk = place.and_then(|(start, length)| file.get(start..start.checked_add(length)?));
    let mut rest = chunk.ok_or_else(|| malformed("a column"))?;
    while !rest.is_empty() {
        let (header, length) = Struct::read(rest).map_err(|_| malformed("a page"))?;
        refuse(header.int(1) == Some(DICTIONARY_PAGE), "a dictionary")?;
        // Of data pages of version 1 and 2. Arrow writes an empty structure where there are none.
        let statistics = [header.structure(5).structure(5), header.structure(8).structure(8)];
        let says_something = |of: Struct<'_>| of.fields().next().is_some();
        refuse(statistics.into_iter().any(says_something), "statistics")?;
        let page = header.size(3).and_then(|body| rest.get(length.checked_add(body)?..));
        rest = page.ok_or_else(|| malformed("a page"))?;
    }
    Ok(())
}

fn count(of: Struct<'_>, field: i16) -> u64 {
    of.int(field)
        .and_then(|count| u64::try_from(count).ok())
        .unwrap_or(u64::MAX)
}

fn refuse(is_there: bool, what: &str) -> Result<(), BadFile> {
    match is_there {
        false => Ok(()),
        true => Err(BadFile(format!(
            "it has {what}, by which query engines leave out or change rows"
        ))),
    }
}

fn malformed(what: &str) -> BadFile {
    BadFile(format!("it cannot be read: {what} is malformed"))
}
