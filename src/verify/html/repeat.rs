//! How to repeat the verification, with this program and with the second one.

use std::fmt::{self, Write};

use crate::verify::html::markup::Escaped;
use crate::verify::report::Report;
use crate::verify::text::shell_quoted;
use crate::verify::trust::Basis;

/// The section.
pub(super) fn write(page: &mut String, report: &Report) -> fmt::Result {
    writeln!(page, "<section>\n<h2>How to repeat it</h2>")?;
    if let Some(command) = &report.run.command {
        writeln!(
            page,
            "<p>With the same settings, this command makes the same report, as far as archive and Kafka are still what they were:</p>\n\
             <pre>{}</pre>",
            Escaped(command)
        )?;
    }
    writeln!(
        page,
        "<p>The second verifier shares no code with kivend. It is written in Python from the text of the archive format (docs/FORMAT.md), and \
         is in the folder tools/ of kivend's sources. It reads a copy of the bucket in a folder, and compares it neither with Kafka nor with \
         older versions of objects:</p>\n<pre>{}</pre>",
        Escaped(&second(report))
    )?;
    writeln!(
        page,
        "<p><code>kivend verify --offline FOLDER</code> verifies the same copy. The JSON report (<code>--format json</code>) has everything \
         that this page says.</p>\n</section>"
    )
}

fn second(report: &Report) -> String {
    let mut command = "python3 tools/verify.py FOLDER".to_owned();
    // On first use it takes the keys from the archive, as kivend does.
    if report.trust.basis == Some(Basis::KeysGiven) {
        for key in &report.trust.keys {
            command += &format!(" --key {}", shell_quoted(key));
        }
    }
    for seen in &report.checkpoints.witnesses {
        command += &format!(" --witness {}", shell_quoted(&seen.witness));
    }
    if report.checkpoints.saved > 0 {
        command += " --checkpoint FILE";
    }
    command
}
