//! `kivend consume`: prints values, one per line, to stdout and statistics to stderr; with `--format json` only the
//! statistics. Joins no group and commits nothing.

use std::io::{self, Write};
use std::str::FromStr;

use crate::app::consume::{Beginning, ConsumeError, Ending, Report, Request, Surroundings, consume};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::format::Format;
use crate::cli::number::whole;
use crate::cli::output::{Align, count, size, table};
use crate::cli::when::When;
use crate::error::Exit;
use crate::record::record::Record;

/// Print the records of a topic, then statistics
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kivend consume payments
  kivend consume user-events 100
  kivend consume payments --from 24h > payments.jsonl
  kivend consume orders --from latest --follow
  kivend consume user-events --format json | jq .event_types")]
pub struct Args {
    /// The topic, with or without the configured prefix
    topic: String,
    /// The maximum number of records; default: all that exist now
    #[arg(value_name = "N", value_parser = whole::<u64>)]
    records_max: Option<u64>,
    /// Where to begin: earliest, latest, an offset, a time, or a duration back from now such as 24h
    #[arg(long, default_value = "earliest")]
    from: From,
    /// Continue with new records until Ctrl-C
    #[arg(long)]
    follow: bool,
}

#[derive(Debug, Clone, Copy)]
enum From {
    Earliest,
    Latest,
    Offset(i64),
    Time(When),
}

impl FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<From, String> {
        match text {
            "earliest" => Ok(From::Earliest),
            "latest" => Ok(From::Latest),
            _ if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => text
                .parse()
                .map(From::Offset)
                .map_err(|_| "the greatest offset is 9223372036854775807".to_owned()),
            _ => text
                .parse()
                .map(From::Time)
                .map_err(|why: String| format!("expected earliest, latest, an offset, or a time: {why}")),
        }
    }
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let settings = context.settings()?;
    let request = Request {
        topic: settings.topic_name(&args.topic),
        records_max: args.records_max,
        beginning: match args.from {
            From::Earliest => Beginning::Earliest,
            From::Latest => Beginning::Latest,
            From::Offset(offset) => Beginning::Offset(offset),
            From::Time(when) => Beginning::TimeMs(when.resolve(context.clock().wall()).as_millisecond()),
        },
        ending: if args.follow { Ending::Stopped } else { Ending::Now },
    };
    let output = context.output();
    let progress = match output.format() {
        Format::Json => context.progress(),
        Format::Text => context.progress_beside_stdout(),
    };
    let around = Surroundings {
        stop: context.stop(),
        clock: context.clock(),
        progress: &*progress,
        event_type_field: &settings.ingest.event_type_field,
    };
    let consumed = match output.format() {
        Format::Json => consume(&settings.kafka, &request, &around, |_| Ok(())),
        Format::Text => {
            let mut stdout = output.stdout();
            let show = |record: &Record<'_>| print(&mut stdout, record, request.ending);
            consume(&settings.kafka, &request, &around, show)
                .and_then(|report| stdout.flush().map(|()| report).map_err(ConsumeError::Output))
        }
    };
    drop(progress);
    let report = match consumed {
        Err(ConsumeError::Output(error)) => return Err(Failure::output(error)),
        other => other?,
    };
    match output.format() {
        Format::Json => output.report(&report, |_| String::new())?,
        Format::Text => output.remark(&format!("{}{}", text(&report), limits(args, &report))),
    }
    Ok(if report.interrupted {
        Exit::Interrupted
    } else {
        Exit::Done
    })
}

/// Prints one value as a line, unchanged: a value with newlines takes several. With `--follow` each line is flushed at once.
#[inline]
fn print(stdout: &mut impl Write, record: &Record<'_>, ending: Ending) -> io::Result<()> {
    stdout.write_all(record.value.unwrap_or_default())?;
    stdout.write_all(b"\n")?;
    match ending {
        Ending::Now => Ok(()),
        Ending::Stopped => stdout.flush(),
    }
}

/// Partitions whose ends are named.
const ENDS_SHOWN: usize = 6;

/// Where the log ends, if fewer records were there than asked for.
fn limits(args: &Args, report: &Report) -> String {
    let mut ends: Vec<String> = report
        .ends
        .iter()
        .take(ENDS_SHOWN)
        .map(|(partition, end)| format!("{}/{partition} before offset {end}", report.topic))
        .collect();
    if report.ends.len() > ENDS_SHOWN {
        ends.push(format!("and {} more partitions", report.ends.len() - ENDS_SHOWN));
    }
    match (args.from, args.records_max) {
        _ if ends.is_empty() || report.interrupted => String::new(),
        (From::Offset(_) | From::Time(_), _) if report.records == 0 => {
            format!("\nno record is at or after --from: the log ends at {}", ends.join(", "))
        }
        (_, Some(max)) if report.records < max => {
            format!("\nfewer than {}: the log ends at {}", count(max), ends.join(", "))
        }
        _ => String::new(),
    }
}

fn text(report: &Report) -> String {
    let mut types: Vec<_> = report
        .event_types
        .iter()
        .map(|(name, records)| (name.as_str(), *records))
        .collect();
    if report.without_event_type > 0 {
        types.push(("(no event type)", report.without_event_type));
    }
    types.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let mut by_type = table(&[("event type", Align::Left), ("records", Align::Right)]);
    for (name, records) in types {
        by_type.add_row([name.to_owned(), count(records)]);
    }
    let mut by_partition = table(&[("partition", Align::Left), ("records", Align::Right)]);
    for (partition, records) in &report.partitions {
        by_partition.add_row([format!("{}/{partition}", report.topic), count(*records)]);
    }
    let tables = if report.records == 0 {
        String::new()
    } else {
        format!("\n\n{}\n\n{}", by_type.trim_fmt(), by_partition.trim_fmt())
    };
    format!(
        "{} records of {} ({}) in {:.2} s: {:.0} records/s{tables}",
        count(report.records),
        report.topic,
        size(report.value_bytes),
        report.elapsed_s,
        report.records_per_s,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_a_word_an_offset_or_a_time() {
        let parsed = |text: &str| text.parse::<From>();
        assert!(matches!(parsed("earliest"), Ok(From::Earliest)));
        assert!(matches!(parsed("latest"), Ok(From::Latest)));
        assert!(matches!(parsed("2500"), Ok(From::Offset(2500))));
        assert!(matches!(parsed("24h"), Ok(From::Time(_))));
        assert!(matches!(parsed("2026-02-03"), Ok(From::Time(_))));
        for wrong in ["", "-1", "first", "99999999999999999999"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
