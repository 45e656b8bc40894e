//! The page of a retrieval: what the folder is, what was searched, how to verify it offline, what it proves and what not.
//! Everything from the archive and from the command line is escaped.

use std::fmt::{self, Write};

use crate::verify::html::markup::{Escaped, begin_page, begin_table, end_page, end_table, moment, optional, row, span};
use crate::verify::report::{counted, grouped};
use crate::verify::retrieval::{Asked, Cost, LINES, PAGE, PROOF, ROWS, Retrieval};

/// Renders the page.
#[must_use]
pub fn render_retrieval(retrieval: &Retrieval) -> String {
    let mut page = String::new();
    // Writing to a string does not fail.
    let _ = write_page(&mut page, retrieval);
    page
}

fn write_page(page: &mut String, of: &Retrieval) -> fmt::Result {
    let records = counted(of.proved.records, "record");
    begin_page(page, &format!("{} — {records}", of.archive))?;
    writeln!(
        page,
        "<header>\n<p class=\"kicker\">Records from the archive {}</p>\n<h1>{records}</h1>\n\
         <p class=\"statement\">with times {}, and one proof that each of them is in the archive.</p>\n\
         <p class=\"meaning\">This page explains the folder. It proves nothing by itself: verify the folder as said below.</p>\n</header>",
        Escaped(&of.archive),
        Escaped(&span(of.proved.min_timestamp_ms, of.proved.max_timestamp_ms))
    )?;
    files(page, of)?;
    searched(page, of)?;
    cost(page, &of.cost)?;
    verify(page, of)?;
    proves(page, of)?;
    found(page, of)?;
    end_page(page)
}

fn files(page: &mut String, of: &Retrieval) -> fmt::Result {
    writeln!(page, "<section>\n<h2>The files</h2>\n<dl>")?;
    let left_out = match of.without_line {
        0 => String::new(),
        number => format!(
            " {} without a value or with an empty one have no line.",
            counted(number, "record")
        ),
    };
    for (name, what) in [
        (
            LINES,
            format!("The values, byte for byte, one a line, by topic, partition and offset.{left_out}"),
        ),
        (
            ROWS,
            "The whole records: topic, partition, offset, time, record key, value, headers.".to_owned(),
        ),
        (
            PROOF,
            "The whole records again, with the signatures and hashes that prove them. The other two files are compared with it."
                .to_owned(),
        ),
        (PAGE, "This page. Nothing checks it.".to_owned()),
    ] {
        writeln!(page, "<dt><code>{name}</code></dt><dd>{}</dd>", Escaped(&what))?;
    }
    writeln!(page, "</dl>\n</section>")
}

fn pairs(page: &mut String, title: &str, pairs: &[(&str, String)]) -> fmt::Result {
    writeln!(page, "<section>\n<h2>{title}</h2>\n<dl>")?;
    for (name, value) in pairs {
        writeln!(page, "<dt>{name}</dt><dd>{}</dd>", Escaped(value))?;
    }
    writeln!(page, "</dl>")
}

fn searched(page: &mut String, of: &Retrieval) -> fmt::Result {
    let (asked, checkpoint) = (&of.asked, &of.proved.checkpoint);
    pairs(
        page,
        "What was searched",
        &[
            ("archive", format!("{}, id {}", of.archive, of.archive_id)),
            ("read at", of.location.clone()),
            (
                "up to",
                format!(
                    "checkpoint {} of {}, root {}",
                    checkpoint.number, of.proved.entry_at, checkpoint.root
                ),
            ),
            ("topics", topics(asked)),
            (
                "partition",
                asked.partition.map_or("all".to_owned(), |number| number.to_string()),
            ),
            ("period", period(asked)),
            (
                "conditions",
                match asked.conditions.is_empty() {
                    true => "none".to_owned(),
                    false => asked.conditions.join(" and "),
                },
            ),
            ("found", by_topic(of)),
            ("made", format!("{} by {}", of.made_at, of.made_by)),
        ],
    )?;
    writeln!(page, "</section>")
}

fn topics(asked: &Asked) -> String {
    let matched = asked.matched.join(", ");
    match asked.topics.is_empty() {
        true => format!("all: {matched}"),
        false => format!("{}: {matched}", asked.topics.join(", ")),
    }
}

fn period(asked: &Asked) -> String {
    let times = match asked.time {
        "archived" => "archived",
        _ => "with a record time",
    };
    match (asked.since_ms, asked.until_ms) {
        (None, None) => "all times".to_owned(),
        (Some(since), None) => format!("{times} from {} on", moment(since)),
        (None, Some(until)) => format!("{times} before {}", moment(until)),
        (Some(since), Some(until)) => format!("{times} from {} on, before {}", moment(since), moment(until)),
    }
}

fn by_topic(of: &Retrieval) -> String {
    let topics = of.proved.topics.iter();
    let counts: Vec<String> = topics
        .map(|(topic, records)| format!("{} in {topic}", counted(*records, "record")))
        .collect();
    format!("{}; from {}", counts.join(", "), counted(of.proved.segments, "segment"))
}

fn cost(page: &mut String, cost: &Cost) -> fmt::Result {
    pairs(
        page,
        "What the search read",
        &[
            (
                "segments",
                format!(
                    "{} of {}",
                    counted(cost.segments, "segment"),
                    counted(cost.partitions, "partition")
                ),
            ),
            (
                "read",
                format!("{} with {}", grouped(cost.read), counted(cost.records_read, "record")),
            ),
            ("skipped by time", grouped(cost.skipped_by_time)),
            ("skipped by statistics", grouped(cost.skipped_by_statistics)),
            (
                "removed",
                format!(
                    "{} with {}",
                    grouped(cost.removed),
                    counted(cost.removed_records, "record")
                ),
            ),
            ("not yet under a checkpoint", grouped(cost.above_checkpoint)),
            (
                "fetched",
                format!(
                    "{}, {} bytes, of which {} of segments",
                    counted(cost.requests, "request"),
                    grouped(cost.bytes),
                    grouped(cost.segment_bytes)
                ),
            ),
        ],
    )?;
    if cost.skipped_by_statistics > 0 {
        writeln!(
            page,
            "<p>A segment is skipped by statistics where the Parquet file says that no row has the value that was asked for. This \
             search did not check what they say. A false statistic would hide records: <code>kivend verify</code> checks every \
             one.</p>"
        )?;
    }
    writeln!(page, "</section>")
}

fn verify(page: &mut String, of: &Retrieval) -> fmt::Result {
    writeln!(
        page,
        "<section>\n<h2>How to verify it</h2>\n\
         <p>Offline, in this folder, with either of two programs that share no code. Neither reads the bucket.</p>\n\
         <pre>kivend verify-proof . --key PUBLIC</pre>\n<pre>python verify_proof.py . --key PUBLIC</pre>\n\
         <p>Each exits with 0 and says “intact”, or with 10 or 12 and says what is wrong. The second is \
         <code>tools/verify_proof.py</code> of kivend's sources; it was written from the format's description alone, and needs \
         Python's package <code>pyarrow</code> to compare <code>records.parquet</code>.</p>"
    )?;
    writeln!(
        page,
        "<p>PUBLIC is the archive's public key. Get it from its operator, and not from this folder: whoever forges records can \
         sign them with a key of their own. Without <code>--key</code> the keys in the proof are trusted. The keys of the archive \
         at this checkpoint, to compare:</p>\n<ul>"
    )?;
    for key in &of.keys {
        writeln!(page, "<li><code>{}</code></li>", Escaped(key))?;
    }
    writeln!(page, "</ul>\n</section>")
}

fn proves(page: &mut String, of: &Retrieval) -> fmt::Result {
    let cost = &of.cost;
    writeln!(
        page,
        "<section class=\"proves\">\n<h2>What this proves, and what not</h2>\n<h3>It proves</h3>\n<ul>"
    )?;
    let mut does = vec![
        "That each of these records is in the archive at its offset, byte for byte with record key, value, headers and time: its \
         hash leads to a checkpoint that a key of the archive signed."
            .to_owned(),
        "That the writer of the archive signed them no later than that checkpoint, and that they are in the history that everybody \
         sees who has this checkpoint or a later one that continues it."
            .to_owned(),
    ];
    let mut does_not = vec![
        "That no other records match. The search is a statement of whoever ran it; it is as good as what it read, as counted above. \
         Anyone with access to the bucket can repeat it."
            .to_owned(),
        "That what was sent to Kafka is true, or that the times of records are right: the programs that sent them, or Kafka, set \
         them."
            .to_owned(),
        "That the rest of the archive is whole. kivend verify checks that.".to_owned(),
    ];
    if of.keys_given {
        does.push("The search relied on keys or witnesses that were given to it from elsewhere.".to_owned());
    } else {
        does_not.push("Whose archive this is, unless the key for --key comes from elsewhere.".to_owned());
    }
    if cost.removed > 0 {
        does_not.push(format!(
            "Anything about {} that were removed under a signed retention change.",
            counted(cost.removed_records, "record")
        ));
    }
    if cost.above_checkpoint > 0 {
        does_not.push(format!(
            "Anything about {} that no checkpoint covered yet.",
            counted(cost.above_checkpoint, "segment")
        ));
    }
    for sentence in &does {
        writeln!(page, "<li>{}</li>", Escaped(sentence))?;
    }
    writeln!(page, "</ul>\n<h3>It does not prove</h3>\n<ul>")?;
    for sentence in &does_not {
        writeln!(page, "<li>{}</li>", Escaped(sentence))?;
    }
    writeln!(page, "</ul>\n</section>")
}

fn found(page: &mut String, of: &Retrieval) -> fmt::Result {
    let shown = of.shown.len() as u64;
    let title = if shown < of.proved.records {
        format!(
            "The first {} of {}",
            counted(shown, "record"),
            grouped(of.proved.records)
        )
    } else {
        "The records".to_owned()
    };
    writeln!(page, "<section>\n<h2>{title}</h2>")?;
    begin_table(page, "records", ["record", "time", "record key", "value"])?;
    for record in &of.shown {
        let time = record.timestamp_ms.map_or_else(|| optional(None), moment);
        row(
            page,
            [
                record.place.as_str(),
                time.as_str(),
                record.key.as_str(),
                record.value.as_str(),
            ],
        )?;
    }
    end_table(page)?;
    writeln!(page, "</section>")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::record::hash::Hash;
    use crate::verify::proof_report::{CheckpointNamed, ProvedRecords};
    use crate::verify::retrieval::ShownRecord;

    const HOSTILE: &str = "<script>alert('\"&')</script>";

    #[test]
    fn nothing_of_an_archive_or_of_a_command_line_is_markup() {
        let hostile = || HOSTILE.to_owned();
        let page = render_retrieval(&Retrieval {
            archive: hostile(),
            archive_id: hostile(),
            location: hostile(),
            keys: vec![hostile()],
            keys_given: false,
            made_at: hostile(),
            made_by: hostile(),
            asked: Asked {
                topics: vec![hostile()],
                matched: vec![hostile()],
                conditions: vec![hostile()],
                ..Asked::default()
            },
            cost: Cost::default(),
            proved: ProvedRecords {
                records: 1,
                topics: BTreeMap::from([(hostile(), 1)]),
                partitions: 1,
                segments: 1,
                min_timestamp_ms: Some(0),
                max_timestamp_ms: Some(i64::MAX),
                entry: 1,
                entry_at: hostile(),
                checkpoint: CheckpointNamed {
                    number: 1,
                    root: Hash::ZERO,
                },
            },
            without_line: 0,
            shown: vec![ShownRecord {
                place: hostile(),
                timestamp_ms: None,
                key: hostile(),
                value: hostile(),
            }],
        });
        assert!(!page.contains("<script"), "{page}");
        assert_eq!(page.matches("&lt;script&gt;").count(), 16, "{page}");
    }
}
