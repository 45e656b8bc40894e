//! The line of each setting in a TOML file.

use std::ops::Range;

use toml_edit::{ImDocument, Item, TableLike};

/// A parsed file with its text.
#[derive(Debug)]
pub(super) struct Lines {
    document: ImDocument<String>,
}

/// The file is not TOML.
#[derive(Debug)]
pub(super) struct NotToml {
    pub line: Option<usize>,
}

impl Lines {
    pub fn of(text: &str) -> Result<Lines, NotToml> {
        let parsed = ImDocument::parse(text.to_owned());
        parsed.map(|document| Lines { document }).map_err(|error| NotToml {
            line: error.span().map(|span| line_at(text, span.start)),
        })
    }

    /// The line of the setting with these parts, else of the innermost table or list around it that the file has.
    pub fn line_of(&self, path: &[String]) -> Option<usize> {
        let place = innermost(self.document.as_item(), path)?;
        Some(line_at(self.document.raw(), place.start))
    }
}

fn line_at(text: &str, place: usize) -> usize {
    1 + text.bytes().take(place).filter(|b| *b == b'\n').count()
}

/// The place of the innermost item on the way along `path`.
fn innermost(item: &Item, path: &[String]) -> Option<Range<usize>> {
    let (first, rest) = path.split_first()?;
    if let Ok(number) = first.parse::<usize>() {
        return in_list(item, number, rest);
    }
    in_table(item.as_table_like()?, first, rest)
}

fn in_table(table: &dyn TableLike, first: &str, rest: &[String]) -> Option<Range<usize>> {
    if let Some((key, value)) = table.get_key_value(first) {
        let inner = innermost(value, rest);
        return inner.or_else(|| key.span()).or_else(|| start_of(value));
    }
    // The name of a property has dots, which may be tables in the file.
    let (head, tail) = first.split_once('.')?;
    let (_, value) = table.get_key_value(head)?;
    in_table(value.as_table_like()?, tail, rest)
}

fn in_list(item: &Item, number: usize, rest: &[String]) -> Option<Range<usize>> {
    if let Some(tables) = item.as_array_of_tables() {
        let table = tables.get(number)?;
        let inner = rest
            .split_first()
            .and_then(|(first, rest)| in_table(table, first, rest));
        return inner.or_else(|| table.span());
    }
    let value = item.as_array()?.get(number)?;
    let inner = rest
        .split_first()
        .and_then(|(first, rest)| in_table(value.as_inline_table()?, first, rest));
    inner.or_else(|| value.span())
}

fn start_of(item: &Item) -> Option<Range<usize>> {
    let first = item.as_array_of_tables().and_then(|tables| tables.get(0));
    item.span().or_else(|| first?.span())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "topic_prefix = 'a'\n\n[[topics]]\nname = 'x'\n\n[[topics]]\nname = 'y'\nexclude = ['z']\n\
                        [kafka.properties]\nsasl.username = 'u'\n'ssl.ca.location' = 'f'\n[archive]\n\
                        checkpoint_copies = [\n  { directory = '/a' },\n  { topic = 't' },\n]\n";

    #[test]
    fn each_setting_has_its_line_and_an_absent_one_that_of_its_table() {
        let lines = Lines::of(TEXT).unwrap();
        for (path, line) in [
            ("topic_prefix", 1),
            ("topics", 3),
            ("topics 0", 3),
            ("topics 0 name", 4),
            ("topics 1 exclude", 8),
            ("topics 1 keep", 6),
            ("kafka properties sasl.username", 10),
            ("kafka properties ssl.ca.location", 11),
            ("archive", 12),
            ("archive checkpoint_copies 1", 15),
            ("archive checkpoint_copies 1 topic", 15),
        ] {
            let path: Vec<String> = path.split(' ').map(str::to_owned).collect();
            assert_eq!(lines.line_of(&path), Some(line), "{path:?}");
        }
        assert_eq!(lines.line_of(&["store".to_owned()]), None);
    }

    #[test]
    fn a_file_that_is_not_toml_is_wrong_in_a_line() {
        assert_eq!(Lines::of("a = 1\n[store\n").unwrap_err().line, Some(2));
    }
}
