//! How messages name an input.

use std::borrow::Cow;
use std::path::Path;

/// The name of standard input.
pub(super) const STDIN: &str = "stdin";

/// A path as text on one line: control characters are escaped.
pub(crate) fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A name as one argument in a shell.
pub(super) fn quoted(name: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || "_./,:=@%+-".contains(c);
    if name.chars().all(is_plain) && !name.is_empty() && !name.starts_with('-') {
        name.into()
    } else {
        format!("'{}'", name.replace('\'', "'\\''")).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shown_on_one_line_and_quoted_for_a_shell_where_it_must_be() {
        assert_eq!(shown(Path::new("a\n\x1b[2Jb ü")), "a\\n\\u{1b}[2Jb ü");
        assert_eq!(quoted("logs/app-1.jsonl"), "logs/app-1.jsonl");
        assert_eq!(quoted("it's here"), "'it'\\''s here'");
        assert_eq!(quoted("$(x)"), "'$(x)'");
    }
}
