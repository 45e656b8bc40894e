//! The frame of a page, escaped text, tables, and numbers and times for readers.

use std::fmt::{self, Write};

use crate::record::utc::UtcSeconds;
use crate::verify::report::grouped;

const STYLE: &str = include_str!("report.css");

/// The beginning of a page with this title. Nothing in the page may load anything. [`end_page`] ends it.
pub(super) fn begin_page(page: &mut String, title: &str) -> fmt::Result {
    writeln!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>",
        Escaped(title)
    )
}

/// The end of a page.
pub(super) fn end_page(page: &mut String) -> fmt::Result {
    writeln!(page, "</main>\n</body>\n</html>")
}

/// Text with the special characters of HTML escaped, and without characters that could change the order or the form of the text
/// around it.
pub(super) struct Escaped<'t>(pub(super) &'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' => f.write_char(' ')?,
                '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' => {
                    f.write_char(char::REPLACEMENT_CHARACTER)?;
                }
                other if other.is_control() => f.write_char(char::REPLACEMENT_CHARACTER)?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// A row of a table.
pub(super) fn row<const N: usize>(page: &mut String, cells: [&str; N]) -> fmt::Result {
    page.write_str("<tr>")?;
    for text in cells {
        write!(page, "<td>{}</td>", Escaped(text))?;
    }
    page.write_str("</tr>\n")
}

/// The beginning of a table, which scrolls by itself on a narrow screen. [`end_table`] ends it.
pub(super) fn begin_table<const N: usize>(page: &mut String, class: &str, names: [&str; N]) -> fmt::Result {
    writeln!(
        page,
        "<div class=\"scroll\" tabindex=\"0\"><table class=\"{class}\">\n<thead>"
    )?;
    page.write_str("<tr>")?;
    for name in names {
        write!(page, "<th scope=\"col\">{}</th>", Escaped(name))?;
    }
    writeln!(page, "</tr>\n</thead>\n<tbody>")
}

/// The end of a table.
pub(super) fn end_table(page: &mut String) -> fmt::Result {
    writeln!(page, "</tbody>\n</table></div>")
}

/// A count that may be unknown.
pub(super) fn optional(count: Option<u64>) -> String {
    count.map_or("—".to_owned(), grouped)
}

/// A time for readers, such as `3 Feb 2026 10:15:00 UTC` or `3 Feb 2026 10:15:00.250 UTC`. Never cut: a range would look shorter
/// than it is.
pub(super) fn moment(ms: i64) -> String {
    let whole = said(UtcSeconds::from_unix(ms.div_euclid(1000)));
    match ms.rem_euclid(1000) {
        0 => whole,
        part => format!("{}.{part:03} UTC", whole.trim_end_matches(" UTC")),
    }
}

/// The same of whole seconds.
pub(super) fn said(at: UtcSeconds) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let text = at.to_string();
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    let month = part(5..7).parse().unwrap_or(1_usize);
    let month = MONTHS.get(month.saturating_sub(1)).copied().unwrap_or_default();
    let day = part(8..10).trim_start_matches('0');
    format!("{day} {month} {} {} UTC", part(0..4), part(11..19))
}

/// A span of time for readers.
pub(super) fn span(from_ms: Option<i64>, until_ms: Option<i64>) -> String {
    match (from_ms, until_ms) {
        (Some(from), Some(until)) if moment(from) == moment(until) => format!("at {}", moment(from)),
        (Some(from), Some(until)) => format!("between {} and {}", moment(from), moment(until)),
        (Some(from), None) => format!("after {}", moment(from)),
        (None, Some(until)) => format!("before {}", moment(until)),
        (None, None) => "at unknown times".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_an_archive_is_escaped() {
        let shown = Escaped("<script>alert(\"&'\")</script>").to_string();
        assert_eq!(shown, "&lt;script&gt;alert(&quot;&amp;&#39;&quot;)&lt;/script&gt;");
        // Characters that turn the reading direction would show another text than is there.
        assert_eq!(Escaped("a\u{202e}b\u{0}c\nd").to_string(), "a\u{fffd}b\u{fffd}c d");
    }

    #[test]
    fn times_are_said_as_people_write_them() {
        assert_eq!(moment(1_770_113_700_250), "3 Feb 2026 10:15:00.250 UTC");
        assert_eq!(moment(1_770_113_700_000), "3 Feb 2026 10:15:00 UTC");
        assert_eq!(span(Some(0), None), "after 1 Jan 1970 00:00:00 UTC");
        assert_eq!(span(Some(0), Some(0)), "at 1 Jan 1970 00:00:00 UTC");
        assert_eq!(
            span(Some(0), Some(999)),
            "between 1 Jan 1970 00:00:00 UTC and 1 Jan 1970 00:00:00.999 UTC"
        );
        moment(i64::MIN);
        moment(i64::MAX);
    }

    #[test]
    fn a_table_names_its_columns() {
        let mut page = String::new();
        begin_table(&mut page, "numbers", ["topic", "a<b"]).unwrap();
        assert!(
            page.contains("<tr><th scope=\"col\">topic</th><th scope=\"col\">a&lt;b</th></tr>"),
            "{page}"
        );
    }
}
