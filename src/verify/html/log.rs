//! What experts ask: the log and its newest checkpoint, retention changes, and up to which height each chain is confirmed.

use std::fmt::{self, Write};

use crate::record::position::Height;
use crate::verify::html::markup::{Escaped, begin_table, counted, end_table, optional, row};
use crate::verify::report::{Anchored, Report, grouped};

/// Rows of a table that are shown open; longer tables are collapsed.
const OPEN_MAX: usize = 16;

/// The sections.
pub(super) fn write(page: &mut String, report: &Report) -> fmt::Result {
    removals(page, report)?;
    checkpoint(page, report)?;
    anchors(page, report)
}

fn checkpoint(page: &mut String, report: &Report) -> fmt::Result {
    let log = &report.checkpoints;
    let (Some(newest), Some(root)) = (log.newest, &log.newest_root) else {
        return Ok(());
    };
    writeln!(
        page,
        "<section>\n<h2>Log</h2>\n<p>Newest checkpoint: {newest}, over entries 0 to {newest}, root <code>{}</code></p>",
        Escaped(root)
    )?;
    if let Some(sha256) = &report.archive.sha256 {
        writeln!(page, "<p>SHA-256 of archive.json: <code>{}</code></p>", Escaped(sha256))?;
    }
    writeln!(page, "</section>")
}

fn anchors(page: &mut String, report: &Report) -> fmt::Result {
    if report.anchored.is_empty() {
        return Ok(());
    }
    let open = report
        .anchored
        .iter()
        .filter(|anchored| anchored.unanchored > 0)
        .count() as u64;
    writeln!(
        page,
        "<section>\n<h2>Confirmation from outside</h2>\n<p>Up to which link (by height, from 0) checkpoints and Kafka confirm each chain. \
         Links above the highest of them are unanchored: only their signatures protect them. Of {}, {} some.</p>",
        counted(report.anchored.len() as u64, "partition"),
        match open {
            0 => "none has".to_owned(),
            1 => "1 has".to_owned(),
            more => format!("{} have", grouped(more)),
        }
    )?;
    let is_long = report.anchored.len() > OPEN_MAX;
    if is_long {
        writeln!(page, "<details>\n<summary>All partitions</summary>")?;
    }
    let names = [
        "partition",
        "newest link",
        "checkpoint",
        "saved checkpoint",
        "witnesses",
        "Kafka's commit",
        "Kafka's records",
        "unanchored",
    ];
    begin_table(page, "numbers", names)?;
    for anchored in &report.anchored {
        anchor_row(page, anchored)?;
    }
    end_table(page)?;
    if is_long {
        writeln!(page, "</details>")?;
    }
    writeln!(page, "</section>")
}

fn anchor_row(page: &mut String, anchored: &Anchored) -> fmt::Result {
    let height = |height: Option<Height>| optional(height.map(|height| height.0));
    let cells = [
        format!("{}/{}", anchored.topic, anchored.partition),
        grouped(anchored.height.0),
        height(anchored.by.checkpoint),
        height(anchored.by.saved_checkpoint),
        height(anchored.by.witnesses),
        height(anchored.by.commit),
        height(anchored.by.records),
        grouped(anchored.unanchored),
    ];
    row(page, cells.each_ref().map(String::as_str))
}

fn removals(page: &mut String, report: &Report) -> fmt::Result {
    if report.removals.iter().all(|removal| removal.segments == 0) {
        return Ok(());
    }
    writeln!(page, "<section>\n<h2>Removed under retention changes</h2>")?;
    let names = [
        "partition",
        "links",
        "segments",
        "records",
        "change",
        "signed at",
        "reason",
    ];
    begin_table(page, "removals", names)?;
    for removal in report.removals.iter().filter(|removal| removal.segments > 0) {
        let cells = [
            format!("{}/{}", removal.topic, removal.partition),
            format!("{} to {}", removal.from, removal.below.saturating_sub(1)),
            grouped(removal.segments),
            grouped(removal.records),
            removal.sequence.to_string(),
            removal.at.clone(),
            removal.reason.clone(),
        ];
        row(page, cells.each_ref().map(String::as_str))?;
    }
    end_table(page)?;
    writeln!(page, "</section>")
}
