//! `kivend topics`: creates and lists the configured topics.

use clap::Subcommand;

use crate::app::topics::{self, Created, Listed};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::output::{Align, count, table};
use crate::error::Exit;
use crate::kafka::topics::{Action, Alteration};

/// Create or list the configured topics
#[derive(Debug, Subcommand)]
pub enum Topics {
    /// Create the configured topics; existing ones are compared, and changed only with --alter
    #[command(after_help = "Examples:
  kivend topics create
  kivend topics create --format json | jq '.topics[] | select(.action == \"differs\")'")]
    Create {
        /// Give existing topics the configured settings and number of partitions
        #[arg(long)]
        alter: bool,
    },
    /// List the topics with their partitions, replication and records
    #[command(after_help = "Examples:
  kivend topics list
  kivend topics list --format json | jq '.topics[] | {topic, records}'")]
    List,
}

pub fn run(command: &Topics, context: &Context) -> Result<Exit, Failure> {
    let settings = context.settings()?;
    match command {
        Topics::Create { alter } => {
            let alteration = if *alter {
                Alteration::Allowed
            } else {
                Alteration::Refused
            };
            let report = topics::create(&settings.kafka, &settings.topics, alteration)?;
            print_differences(&report, alteration, context);
            context.output().report(&report, created)?;
            let differs = report.topics.iter().any(|topic| topic.action == Action::Differs);
            if *alter && differs {
                return Ok(Exit::Failed);
            }
        }
        Topics::List => {
            let report = topics::list(&settings.kafka, &settings.topic_prefix)?;
            context.output().report(&report, listed)?;
        }
    }
    Ok(Exit::Done)
}

fn print_differences(report: &Created, alteration: Alteration, context: &Context) {
    let differing = report.topics.iter().filter(|topic| topic.action == Action::Differs);
    for (topic, difference) in differing.flat_map(|topic| topic.differences.iter().map(move |d| (&topic.topic, d))) {
        let (setting, wanted, found) = (&difference.setting, &difference.wanted, &difference.found);
        context
            .output()
            .remark(&format!("{topic}: {setting} is {found}, configured is {wanted}"));
    }
    let mut differences = report
        .topics
        .iter()
        .filter(|topic| topic.action == Action::Differs)
        .flat_map(|topic| &topic.differences);
    if alteration == Alteration::Refused && differences.clone().any(topics::is_alterable) {
        context
            .output()
            .remark("these topics were not changed; --alter changes what Kafka can change");
    }
    if differences.any(|difference| !topics::is_alterable(difference)) {
        context.output().remark(
            "--alter cannot change all of it: fewer partitions need a new topic, another replication factor needs `kafka-reassign-partitions.sh`",
        );
    }
}

fn created(report: &Created) -> String {
    let mut table = table(&[
        ("topic", Align::Left),
        ("partitions", Align::Right),
        ("replication", Align::Right),
        ("", Align::Left),
    ]);
    for topic in &report.topics {
        let action = match topic.action {
            Action::Created => "created",
            Action::Unchanged => "exists",
            Action::Altered => "altered",
            Action::Differs => "exists, differs",
        };
        let numbers = [topic.partitions.to_string(), topic.replication_factor.to_string()];
        let [partitions, replication] = numbers;
        table.add_row([topic.topic.clone(), partitions, replication, action.to_owned()]);
    }
    table.trim_fmt()
}

/// What the number of records is.
const COUNTED: &str = "records: the offsets that Kafka holds, up to the oldest open transaction;\nmarkers of transactions, aborted and compacted records are counted too";

fn listed(report: &Listed) -> String {
    let mut table = table(&[
        ("topic", Align::Left),
        ("partitions", Align::Right),
        ("replication", Align::Right),
        ("records", Align::Right),
        ("", Align::Left),
    ]);
    for topic in &report.topics {
        table.add_row([
            topic.topic.clone(),
            topic.partitions.to_string(),
            topic.replication_factor.to_string(),
            count(topic.records),
            (if topic.under_replicated {
                "under-replicated"
            } else {
                "in sync"
            })
            .to_owned(),
        ]);
    }
    format!("{}\n\n{COUNTED}\n", table.trim_fmt())
}
