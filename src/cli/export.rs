//! `kivend export`: exports archived records as lines or rows.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use crate::app::export::{ExportError, Form, Report, Request, export};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::format::Format;
use crate::cli::key_argument::{KeyArgument, read_keys};
use crate::cli::output::{count, size};
use crate::cli::output_file::{Existing, OutputFile, file_named};
use crate::cli::place::explain;
use crate::cli::time_range::{require_range, time};
use crate::cli::when::When;
use crate::config::Settings;
use crate::error::{Exit, Kind};
use crate::store;
use crate::verify::given::Given;

/// Export archived records as JSONL, byte for byte, or as CSV or Parquet
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Records come by topic, partition and offset. Each segment is checked against its signed link first.
As JSONL, records with an empty value or without one have no line: they are counted and left out.
CSV and Parquet have whole records. In CSV the column base64 names the fields that are not UTF-8 and stand as Base64; a null
is an empty field, an empty text is \"\".
`kivend restore` sends whole records to Kafka.

Examples:
  kivend export --topic payments -o payments.jsonl
  kivend export --topic payments --as parquet -o payments.parquet
  kivend export --since 2026-02-01 --until 2026-02-02 | wc -l"
)]
pub struct Args {
    /// Export only this topic
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// Export only records with this time or a later one
    #[arg(long, value_name = "WHEN")]
    since: Option<When>,
    /// Export only records with an earlier time
    #[arg(long, value_name = "WHEN")]
    until: Option<When>,
    /// The form of the export
    #[arg(long = "as", value_name = "FORM", value_enum, default_value_t)]
    form: FormArgument,
    /// Write to this file instead of stdout; it gets its name once it is complete
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Was replaced by `kivend restore`
    #[arg(long, hide = true)]
    to_kafka: bool,
    /// Replace FILE if it exists
    #[arg(long, requires = "output")]
    force: bool,
    /// A public key of the archive from outside the bucket, or a file with one; may be repeated
    #[arg(long = "key", value_name = "PUBLIC|FILE")]
    keys: Vec<KeyArgument>,
}

/// A form, as an argument.
#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum FormArgument {
    /// Values, one a line
    #[default]
    Jsonl,
    /// Whole records, with a line of names
    Csv,
    /// Whole records, in one file
    Parquet,
}

impl From<FormArgument> for Form {
    fn from(argument: FormArgument) -> Form {
        match argument {
            FormArgument::Jsonl => Form::Jsonl,
            FormArgument::Csv => Form::Csv,
            FormArgument::Parquet => Form::Parquet,
        }
    }
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    if args.to_kafka {
        return Err(Failure::new(
            Kind::Config,
            "--to-kafka: `kivend export` writes lines, and no longer sends records to Kafka",
            "use `kivend restore`, which continues where it was interrupted: `kivend restore --prefix restored-`",
        ));
    }
    let settings = context.settings()?;
    let ms = |when: When| when.resolve(context.clock().wall()).as_millisecond();
    let request = Request {
        topic: args.topic.as_deref().map(|topic| settings.topic_name(topic)),
        since_ms: args.since.map(ms),
        until_ms: args.until.map(ms),
        form: args.form.into(),
    };
    require_range(request.since_ms, request.until_ms)?;
    let output = context.output();
    let file = file_named(args.output.as_ref());
    let report = match file {
        Some(file) => {
            let existing = if args.force { Existing::Replaced } else { Existing::Kept };
            let mut lines = OutputFile::create(file, existing)?;
            let report = match give(args, context, &settings, &request, &mut lines)? {
                Err(ExportError::Output(error)) => lines.written(Err(error))?,
                other => other?,
            };
            lines.finish()?;
            report
        }
        // The lines are the result. With --format json only the counts are printed.
        None => {
            let mut lines: Box<dyn Write> = match output.format() {
                Format::Text => Box::new(output.stdout()),
                Format::Json => Box::new(std::io::sink()),
            };
            match give(args, context, &settings, &request, &mut lines)? {
                Err(ExportError::Output(error)) => output.written(Err(error))?,
                other => other?,
            }
        }
    };
    match (output.format(), file.is_none()) {
        (Format::Text, true) => output.remark(&text(&report, request.form)),
        _ => output.report(&report, |report| text(report, request.form))?,
    }
    Ok(Exit::Done)
}

fn give(
    args: &Args,
    context: &Context,
    settings: &Settings,
    request: &Request,
    lines: &mut dyn Write,
) -> Result<Result<Report, ExportError>, Failure> {
    let given = Given::keys(&read_keys("--key", &args.keys)?);
    let progress = match (&args.output, context.output().format()) {
        (None, Format::Text) => context.progress_beside_stdout(),
        _ => context.progress(),
    };
    context.runtime()?.block_on(async {
        let store = store::open(&settings.store).await?;
        match export(Arc::clone(&store), &given, request, lines, progress.as_ref()).await {
            Err(ExportError::App(error)) => Err(explain(error.into(), store.as_ref(), &settings.store).await),
            other => Ok(other),
        }
    })
}

fn text(report: &Report, form: Form) -> String {
    let mut text = format!(
        "{} records ({}) in {:.1} s",
        count(report.records),
        size(report.value_bytes),
        report.elapsed_s
    );
    if let (0, Some(from), Some(until)) = (report.records, report.archived_from_ms, report.archived_until_ms) {
        text.push_str(&format!(
            "\n  no record is in the range: the archived ones have times from {} to {}",
            time(from),
            time(until)
        ));
    }
    for (topic, records) in &report.topics {
        text.push_str(&format!("\n  {topic}: {}", count(*records)));
    }
    let (left_out, lines) = match form {
        Form::Jsonl => (", left out", ", on more than one line"),
        Form::Csv | Form::Parquet => ("", ""),
    };
    for (number, what) in [
        (report.tombstones, format!("without a value (tombstones){left_out}")),
        (report.empty, format!("with an empty value{left_out}")),
        (report.with_newline, format!("with a newline in the value{lines}")),
        (
            report.lost_offsets,
            "offsets were lost before they were archived, as links declare".to_owned(),
        ),
    ] {
        if number > 0 {
            text.push_str(&format!("\n  {} {what}", count(number)));
        }
    }
    text
}
