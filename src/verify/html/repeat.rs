//! How to repeat the verification, with this program and with the second one.

use std::fmt::{self, Write};

use crate::verify::html::markup::Escaped;
use crate::verify::report::Report;
use crate::verify::text::shell_quoted;
use crate::verify::trust::Basis;

/// The section.
pub(super) fn write(page: &mut String, report: &Report) -> fmt::Result {
    writeln!(page, "<section>\n<h2>How to repeat it</h2>")?;
    if let Some(command) = &report.run.repeat {
        writeln!(
            page,
            "<p>This command verifies again and writes no file; a further report gets another name than this one has \
             (<code>--html AGAIN.html</code>):</p>\n<pre>{}</pre>\n<p>{}</p>",
            Escaped(command),
            Escaped(&settings(report))
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

/// The settings that decide what is verified, and what differs the next time.
fn settings(report: &Report) -> String {
    let run = &report.run;
    let kafka = match run.brokers.is_empty() {
        true => String::new(),
        false => format!(", and Kafka at {}", run.brokers.join(", ")),
    };
    format!(
        "It needs the same settings: the archive was in {}{kafka}. What will differ: when it was verified; what was archived, removed or \
         repaired since; and what Kafka has received or deleted since.",
        report.archive.location
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
