//! How to check that nobody edited the page.

use std::fmt::{self, Write};

use crate::verify::html::markup::Escaped;
use crate::verify::report::Report;
use crate::verify::text::shell_quoted;

/// The section.
pub(super) fn write(page: &mut String, report: &Report) -> fmt::Result {
    let file = report.run.note.as_deref();
    let how = match file {
        Some(note) => format!(
            "A signed form was made with it, <code>{}</code>, which belongs in the same folder. It names the SHA-256 of this file.",
            Escaped(note)
        ),
        None => "No signed form was made with it. One is made with <code>--sign FILE</code>: ask for it, or repeat the verification."
            .to_owned(),
    };
    let note = file.map_or("FILE".to_owned(), quoted);
    writeln!(
        page,
        "<section>\n<h2>How to check that this page was not edited</h2>\n<p>Anybody can edit a page, and what it says of itself proves \
         nothing. {how} Either of these programs checks the signature, and compares this page with it:</p>\n\
         <pre>kivend verify-report {0} --key PUBLIC</pre>\n<pre>python3 tools/verify_report.py {0} --key PUBLIC</pre>\n\
         <p>PUBLIC is the public key of whoever signed: of the archive, unless <code>--sign-key</code> named another, such as an \
         auditor's. Get it from its holder, and not together with this page. An edited page ends with exit code 10, and a page that \
         another key signed with 12.</p>\n</section>",
        Escaped(&note)
    )
}

/// As a shell takes it, plain names as they are.
fn quoted(name: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    match name.chars().all(is_plain) && !name.starts_with('-') {
        true => name.to_owned(),
        false => shell_quoted(name),
    }
}
