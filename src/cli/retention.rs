//! `kivend retention`: what is old enough to go, the change that says so, and its removal.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::app::retention::{self, Before, Cutoff, Plan, RemovalReport};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::output::{Align, count, table};
use crate::cli::output_file::OutputFile;
use crate::cli::place::require_topic;
use crate::cli::when::When;
use crate::clock::Clock;
use crate::config::Settings;
use crate::error::{Exit, Kind};
use crate::store;

/// Show, propose or carry out the removal of old segments
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without --propose and --delete, prints what would go and changes nothing. Links are never removed, so the chain stays
complete, and verification counts what was removed, by which change, when and why.

Examples:
  kivend retention --topic user-events --before 395d
  kivend retention --topic user-events --before 395d --reason 'contract 17: 13 months' --propose change
  kivend keys sign change && kivend keys apply change
  AWS_PROFILE=may-delete kivend retention --delete"
)]
pub struct Args {
    /// Only this topic
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// Segments whose records are all older than this: 395d, 2026-02-03 or 2026-02-03T10:15:00Z
    #[arg(
        long,
        value_name = "TIME",
        required_unless_present_any = ["delete", "kept"],
        conflicts_with = "delete"
    )]
    before: Option<When>,
    /// Segments whose records are all older than the setting `keep` of their topic; of other topics none
    #[arg(long, conflicts_with_all = ["before", "delete"])]
    kept: bool,
    /// Write the change, to be signed, to this file
    #[arg(long, value_name = "FILE", requires = "reason", conflicts_with = "delete")]
    propose: Option<PathBuf>,
    /// The reason that the change states, for whoever verifies the archive
    #[arg(long, value_name = "TEXT", requires = "propose")]
    reason: Option<String>,
    /// Remove what changes in the log let go; needs credentials that may delete, which an archiver's should not
    #[arg(long)]
    delete: bool,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let settings = context.settings()?;
    let output = context.output();
    let topic = args.topic.as_deref().map(|topic| settings.topic_name(topic));
    context.runtime()?.block_on(async {
        let store = store::open(&settings.store).await?;
        if let Some(topic) = &topic {
            require_topic(topic, store.as_ref(), &settings).await?;
        }
        let removal = store::open_removal(&settings.store).await?;
        if args.delete {
            let report = retention::remove(&store, removal.as_ref(), topic.as_deref()).await?;
            output.report(&report, removed)?;
            return Ok::<_, Failure>(());
        }
        let before = Before {
            topic: topic.as_deref().map(str::to_owned),
            cutoff: cutoff(args.before, &settings)?,
        };
        let plan = retention::plan(store.as_ref(), removal.as_ref(), &before, args.reason.as_deref()).await?;
        if let (Some(file), Some(proposal)) = (&args.propose, &plan.proposal) {
            OutputFile::replace(file, proposal)?;
        }
        output.report(&plan, |plan| text(plan, args.propose.as_ref()))?;
        Ok(())
    })?;
    Ok(Exit::Done)
}

fn cutoff(before: Option<When>, settings: &Settings) -> Result<Cutoff, Failure> {
    let now = Clock::start().wall();
    if let Some(before) = before {
        return Ok(Cutoff::Before(before.resolve(now).as_millisecond()));
    }
    let mut rules = settings.archived.rules().iter();
    if rules.any(|rule| rule.overrides.keep.is_some()) {
        return Ok(Cutoff::NotKept(settings.archived.clone(), now.as_millisecond()));
    }
    Err(Failure::new(
        Kind::Config,
        "--kept: no entry of `topics` in the settings says how long its records are kept",
        "set `keep` there, such as keep = \"395d\", or use --before",
    ))
}

fn text(plan: &Plan, file: Option<&PathBuf>) -> String {
    if plan.partitions.is_empty() {
        return "nothing is old enough to go\n".to_owned();
    }
    let mut table = table(&[
        ("partition", Align::Left),
        ("segments", Align::Right),
        ("records", Align::Right),
        ("bytes", Align::Right),
        ("offsets", Align::Right),
        ("links below", Align::Right),
        ("locked", Align::Right),
    ]);
    for plan in &plan.partitions {
        let locked = match &plan.locked_until {
            Some(until) => format!("{} until {until}", plan.locked),
            None => count(plan.locked),
        };
        table.add_row([
            format!("{}/{}", plan.topic, plan.partition),
            count(plan.segments),
            count(plan.records),
            count(plan.bytes),
            format!("{}–{}", plan.offsets.0, plan.offsets.1 - 1),
            plan.below.to_string(),
            locked,
        ]);
    }
    let mut text = format!("{}\n", table.trim_fmt());
    if let Some(file) = file {
        let file = file.display();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "The change is in {file}.\nNext: `kivend keys sign {file}`, `kivend keys apply {file}`, then `kivend retention --delete`, or a lifecycle rule of the bucket."
        );
    }
    text
}

fn removed(report: &RemovalReport) -> String {
    let mut text = format!(
        "removed {} objects of {} bytes\n",
        count(report.removed),
        count(report.bytes)
    );
    if report.locked > 0 {
        let until = report.locked_until.as_deref().unwrap_or("a legal hold is released");
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{} objects are locked until {until}; run this again then",
            count(report.locked)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::Args;

    #[derive(clap::Parser)]
    struct Retention {
        #[command(flatten)]
        _args: Args,
    }

    #[test]
    fn a_topic_and_a_time_go_together_and_a_removal_takes_no_time() {
        let accepted = |line: &str| Retention::try_parse_from(line.split(' ')).is_ok();
        for good in [
            "retention --topic user-events --before 395d",
            "retention --before 395d --propose change --reason why",
            "retention --topic user-events --delete",
        ] {
            assert!(accepted(good), "{good}");
        }
        for wrong in [
            "retention --topic user-events",
            "retention --before 395d --delete",
            "retention --before 395d --propose change",
            "retention --delete --propose change --reason why",
            "retention --propose change --reason why",
        ] {
            assert!(!accepted(wrong), "{wrong}");
        }
    }
}
