//! Each topic: its counts, and a picture of what the archive covers of each partition. What is whole is collapsed, so that a report
//! on a thousand partitions can be read.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use crate::verify::coverage::{Coverage, Mark, MarkKind};
use crate::verify::html::damage::{class, words};
use crate::verify::html::markup::{Escaped, begin_table, end_table, moment, row, span};
use crate::verify::html::picture::{Scale, axis, bar, legend};
use crate::verify::html::sum::Sum;
use crate::verify::report::{Report, TopicReport, counted, grouped};

/// Topics, and partitions of a topic, that are shown open. Of more, only those with marks are.
const OPEN_MAX: usize = 16;
/// Marks that are listed for a topic.
const LISTED_MARKS: usize = 50;

/// The section of all topics.
pub(super) fn write(page: &mut String, report: &Report) -> fmt::Result {
    if report.topics.is_empty() {
        return Ok(());
    }
    let mut by_topic: BTreeMap<&str, Vec<&Coverage>> = BTreeMap::new();
    for covered in &report.coverage {
        by_topic.entry(&covered.topic).or_default().push(covered);
    }
    let of = |topic: &TopicReport| by_topic.get(&*topic.topic).map_or(&[][..], Vec::as_slice);
    let (marked, whole): (Vec<&TopicReport>, Vec<_>) = report.topics.iter().partition(|topic| has_marks(of(topic)));
    writeln!(page, "<section class=\"topics\">\n<h2>Topics</h2>")?;
    legend(page, report)?;
    let scale = Scale::of(report);
    if let Some(scale) = scale {
        axis(page, scale)?;
    }
    let is_open = report.coverage.len() <= OPEN_MAX;
    for topic in marked {
        one(page, (topic, of(topic)), scale, true)?;
    }
    let is_collapsed = whole.len() > OPEN_MAX;
    if is_collapsed {
        begin_whole(page, whole.len(), "topic")?;
    }
    for topic in whole {
        one(page, (topic, of(topic)), scale, is_open)?;
    }
    if is_collapsed {
        writeln!(page, "</details>")?;
    }
    writeln!(page, "</section>")
}

/// What is collapsed because nothing is to be said of it.
fn begin_whole(page: &mut String, number: usize, noun: &str) -> fmt::Result {
    writeln!(
        page,
        "<details>\n<summary>{} without a gap</summary>",
        counted(number as u64, noun)
    )
}

fn has_marks(of: &[&Coverage]) -> bool {
    of.iter().any(|covered| !covered.marks.is_empty())
}

/// One topic: the bar and the gravest words in its first line, the rest below.
fn one(
    page: &mut String,
    (topic, of): (&TopicReport, &[&Coverage]),
    scale: Option<Scale>,
    is_open: bool,
) -> fmt::Result {
    let open = if is_open { " open" } else { "" };
    writeln!(
        page,
        "<details class=\"topic\"{open}>\n<summary><b>{}</b> <span>{} in {}</span> {}",
        Escaped(&topic.topic),
        counted(topic.records, "signed record"),
        counted(topic.partitions, "partition"),
        state(topic, of)
    )?;
    bar(page, scale, &topic.topic, of)?;
    writeln!(page, "</summary>")?;
    counts(page, topic)?;
    partitions(page, of, scale)?;
    marks(page, of)?;
    writeln!(page, "</details>")
}

/// The kinds of marks of a topic, each with its amount, as a part of all.
fn state(topic: &TopicReport, of: &[&Coverage]) -> String {
    let mut text = String::new();
    for kind in MarkKind::ALL {
        let sum = Sum::of(kind, of.iter().copied());
        if !sum.is_empty() {
            let _ = write!(
                text,
                "<em class=\"badge {}\">{} {}, in {} of {}</em> ",
                class(kind),
                Escaped(&sum.amount()),
                words(kind),
                grouped(sum.partitions()),
                counted(topic.partitions, "partition")
            );
        }
    }
    match (text.is_empty(), of.iter().any(|covered| covered.first_offset.is_some())) {
        (true, true) => "<em class=\"badge whole\">without a gap</em>".to_owned(),
        (true, false) if topic.lag == Some(0) => {
            "<em class=\"badge\">nothing archived, and Kafka has no records either</em>".to_owned()
        }
        (true, false) => "<em class=\"badge\">nothing archived</em>".to_owned(),
        (false, _) => text,
    }
}

fn counts(page: &mut String, topic: &TopicReport) -> fmt::Result {
    let times = topic.min_timestamp_ms.zip(topic.max_timestamp_ms);
    let times = times.map(|(min, max)| format!("{} to {}", moment(min), moment(max)));
    let read = format!("of {} signed", grouped(topic.records));
    let has_records = topic.records > 0;
    // What was not read was not counted.
    let of_read = |events: Option<u64>| events.filter(|_| topic.records_read > 0).map(grouped);
    let pairs = [
        ("Record times", times),
        (
            "Files read",
            Some(format!(
                "{} of {}",
                grouped(topic.segments_read),
                grouped(topic.segments)
            ))
            .filter(|_| has_records),
        ),
        (
            "Records read",
            Some(format!("{} {read}", grouped(topic.records_read))).filter(|_| has_records),
        ),
        ("Distinct events among the records read", of_read(topic.distinct_events)),
        ("Repeated events", of_read(topic.repeated_events)),
        ("Lost offsets", Some(grouped(topic.lost)).filter(|_| topic.lost > 0)),
        (
            "In Kafka, as signed",
            topic
                .compared_with_kafka
                .map(|equal| format!("{} {read}", grouped(equal)))
                .filter(|_| has_records),
        ),
        ("Not archived yet", topic.lag.map(grouped)),
    ];
    writeln!(page, "<dl class=\"counts\">")?;
    for (name, value) in pairs.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
        writeln!(page, "<div><dt>{name}</dt><dd>{}</dd></div>", Escaped(value))?;
    }
    writeln!(page, "</dl>")
}

fn partitions(page: &mut String, of: &[&Coverage], scale: Option<Scale>) -> fmt::Result {
    if scale.is_none() {
        return Ok(());
    }
    let is_long = of.len() > OPEN_MAX;
    let (marked, whole): (Vec<&&Coverage>, Vec<_>) =
        of.iter().partition(|covered| !is_long || !covered.marks.is_empty());
    for covered in marked {
        partition(page, covered, scale)?;
    }
    if whole.is_empty() {
        return Ok(());
    }
    begin_whole(page, whole.len(), "partition")?;
    for covered in whole {
        partition(page, covered, scale)?;
    }
    writeln!(page, "</details>")
}

fn partition(page: &mut String, covered: &Coverage, scale: Option<Scale>) -> fmt::Result {
    let offsets = match covered.first_offset.zip(covered.next_offset) {
        Some((first, next)) => format!("offsets {first}–{}", next.saturating_sub(1)),
        None => "nothing archived".to_owned(),
    };
    write!(
        page,
        "<div class=\"partition\"><span>{} <small>{offsets}</small></span>",
        covered.partition
    )?;
    bar(page, scale, &format!("partition {}", covered.partition), &[covered])?;
    writeln!(page, "</div>")
}

/// How many records a mark stands for.
fn amount(mark: &Mark) -> String {
    match (mark.records, mark.offsets()) {
        (Some(records), _) => grouped(records),
        (None, Some(offsets)) => format!("up to {}", grouped(offsets)),
        (None, None) => "unknown".to_owned(),
    }
}

fn marks(page: &mut String, of: &[&Coverage]) -> fmt::Result {
    let marks = || {
        of.iter()
            .flat_map(|covered| covered.marks.iter().map(move |mark| (covered, mark)))
    };
    if marks().next().is_none() {
        return Ok(());
    }
    let mut all: Vec<(&&Coverage, &Mark)> = marks().collect();
    all.sort_by_key(|(covered, mark)| (mark.kind, covered.partition, mark.first_offset));
    begin_table(page, "marks", ["partition", "what", "offsets", "records", "times"])?;
    for (covered, mark) in all.iter().take(LISTED_MARKS) {
        let offsets = match mark.next_offset {
            Some(next) => format!("{}–{}", mark.first_offset, next.saturating_sub(1)),
            None => format!("from {}", mark.first_offset),
        };
        let cells = [
            &covered.partition.to_string(),
            words(mark.kind),
            &offsets,
            &amount(mark),
            &span(mark.from_ms, mark.until_ms),
        ];
        row(page, cells)?;
    }
    end_table(page)?;
    if all.len() > LISTED_MARKS {
        let more = grouped((all.len() - LISTED_MARKS) as u64);
        writeln!(page, "<p>and {more} more, which the JSON report has</p>")?;
    }
    Ok(())
}
