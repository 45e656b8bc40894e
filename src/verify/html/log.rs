//! What experts ask: the log and its newest checkpoint, retention changes, and up to which height each chain is confirmed.

use std::fmt::{self, Write};

use crate::record::position::Height;
use crate::verify::claims::Anchors;
use crate::verify::html::markup::{Escaped, begin_table, end_table, row};
use crate::verify::report::{Anchored, Report, counted, grouped};

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
    let anchored = counted(report.anchored.len() as u64, "partition");
    let open = report.anchored.iter().filter(|anchored| anchored.unanchored > 0);
    let open = match open.count() as u64 {
        0 => "every link is confirmed".to_owned(),
        1 => "1 has newest links that nothing confirms: only their signatures protect them".to_owned(),
        more => format!(
            "{} have newest links that nothing confirms: only their signatures protect them",
            grouped(more)
        ),
    };
    let outside = |is: fn(&Anchors) -> bool| report.anchored.iter().any(|anchored| is(&anchored.by));
    let outside = match outside(|by| by.saved_checkpoint.is_some() || by.witnesses.is_some()) {
        true => "",
        false => " Nothing that is kept elsewhere does: no witness and no saved checkpoint was given.",
    };
    writeln!(
        page,
        "<section>\n<h2>What confirms the chains</h2>\n<p>The newest link of each partition that the log's checkpoints, Kafka, and what is \
         kept elsewhere confirm; link 0 is the first. Of {anchored} with links, {open}.{outside}</p>"
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
        "not confirmed",
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
    let height = |height: Option<Height>| match height {
        Some(height) => format!("link {}", grouped(height.0)),
        None => "—".to_owned(),
    };
    let cells = [
        format!("{}/{}", anchored.topic, anchored.partition),
        height(Some(anchored.height)),
        height(anchored.by.checkpoint),
        height(anchored.by.saved_checkpoint),
        height(anchored.by.witnesses),
        height(anchored.by.commit),
        height(anchored.by.records),
        match anchored.unanchored {
            0 => "none".to_owned(),
            links => counted(links, "link"),
        },
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
