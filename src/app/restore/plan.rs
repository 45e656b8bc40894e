//! What is to be restored: for each topic its target, its partitions and their links.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, TryStreamExt as _};

use crate::app::restore::mark::{Mark, Subject};
use crate::app::restore::report::Share;
use crate::app::restore::request::Request;
use crate::app::similar::nearest;
use crate::log::link::Link;
use crate::reading::archive::Archive;
use crate::record::position::TopicPartition;
use crate::task::error::AppError;

/// Chains that are read at the same time.
const CHAINS: usize = 16;

/// An archived topic and its target.
#[derive(Debug)]
pub(in crate::app) struct TopicPlan {
    pub(in crate::app) from: String,
    pub(super) to: String,
    /// The number of partitions that the archive knows of, whether they are restored or not.
    pub(super) partition_count: i32,
    pub(in crate::app) partitions: Vec<PartitionPlan>,
}

/// An archived partition, to be restored to the partition with the same number.
#[derive(Debug)]
pub(in crate::app) struct PartitionPlan {
    pub(in crate::app) subject: Subject,
    /// The links whose segments may have records of the range, oldest first.
    pub(in crate::app) links: Vec<Link>,
    /// The offsets that all links of the partition declare lost.
    pub(super) lost_offsets: u64,
}

impl PartitionPlan {
    /// The links that are left after a mark.
    pub(super) fn left(&self, mark: Option<Mark>) -> impl Iterator<Item = &Link> {
        let height = mark.unwrap_or_default().height;
        self.links.iter().filter(move |link| link.height >= height)
    }
}

impl TopicPlan {
    /// What is known before anything is sent.
    pub(super) fn share(&self) -> Share {
        let mut share = Share::default();
        share.topic.from.clone_from(&self.from);
        share.topic.to.clone_from(&self.to);
        share.topic.partitions = self.partitions.len();
        share.lost_offsets = self.partitions.iter().map(|partition| partition.lost_offsets).sum();
        share
    }

    /// The records of links that may be in the range.
    pub(in crate::app) fn records(&self) -> u64 {
        let links = self.partitions.iter().flat_map(|partition| &partition.links);
        links.map(|link| link.record_count).sum()
    }
}

/// Plans all topics that the request names.
///
/// # Errors
/// `Config` if it names none that is archived, or two that have one target; `Corrupt` if a chain is broken.
pub(in crate::app) async fn plan(archive: &Archive, request: &Request) -> Result<Vec<TopicPlan>, AppError> {
    let all = archive.partitions();
    let is_asked = |topic: &str| request.topics.is_empty() || request.topics.iter().any(|asked| asked.matches(topic));
    let mut counts: BTreeMap<&str, i32> = BTreeMap::new();
    for partition in &all {
        let count = counts.entry(&partition.topic).or_default();
        *count = (*count).max(partition.partition + 1);
    }
    let asked = |partition: &&TopicPartition| {
        is_asked(&partition.topic) && request.partition.is_none_or(|number| number == partition.partition)
    };
    let wanted: Vec<TopicPartition> = all.iter().filter(asked).cloned().collect();
    if wanted.is_empty() {
        return Err(nothing(request, &counts));
    }
    let chains = futures::stream::iter(wanted).map(|partition| partition_plan(archive, request, partition));
    let partitions: Vec<(TopicPartition, PartitionPlan)> = chains.buffered(CHAINS).try_collect().await?;
    let mut topics: BTreeMap<String, TopicPlan> = BTreeMap::new();
    for (partition, plan) in partitions {
        let topic = partition.topic.to_string();
        let of_topic = topics.entry(topic.clone()).or_insert_with(|| TopicPlan {
            to: request.naming.target(&topic),
            partition_count: counts.get(topic.as_str()).copied().unwrap_or(1),
            from: topic,
            partitions: Vec::new(),
        });
        of_topic.partitions.push(plan);
    }
    let topics: Vec<TopicPlan> = topics.into_values().collect();
    require_distinct(&topics)?;
    Ok(topics)
}

async fn partition_plan(
    archive: &Archive,
    request: &Request,
    partition: TopicPartition,
) -> Result<(TopicPartition, PartitionPlan), AppError> {
    let chain = archive.chain(&partition).await?;
    let links = || chain.iter().map(|accepted| &accepted.signed.link);
    let lost = links().filter(|link| link.lost.is_some());
    let plan = PartitionPlan {
        subject: Subject {
            archive: archive.content().id().to_owned(),
            from: partition.topic.to_string(),
            partition: partition.partition,
            to: request.naming.target(&partition.topic),
            to_id: None,
            range: request.span.name(),
        },
        lost_offsets: lost.map(|link| link.next_offset.0.abs_diff(link.first_offset.0)).sum(),
        links: links()
            .filter(|link| link.segment.is_some() && request.span.may_cover(link))
            .cloned()
            .collect(),
    };
    Ok((partition, plan))
}

/// Two archived topics in one target could not be told apart any more.
fn require_distinct(topics: &[TopicPlan]) -> Result<(), AppError> {
    let mut targets = BTreeSet::new();
    match topics.iter().find(|topic| !targets.insert(&topic.to)) {
        None => Ok(()),
        Some(second) => Err(AppError::config(format!(
            "two archived topics would be restored to one target, the topic `{}`",
            second.to
        ))
        .fix("give each a target of its own with --rename FROM=TO")),
    }
}

fn nothing(request: &Request, archived: &BTreeMap<&str, i32>) -> AppError {
    if archived.is_empty() {
        return AppError::input("the archive has no records yet").fix("run `kivend archive`, and restore again");
    }
    let asked: Vec<String> = request.topics.iter().map(ToString::to_string).collect();
    let asked = asked.join(" ");
    let near = nearest(&asked, archived.keys().copied());
    let meant = near.map_or(String::new(), |near| format!(", did you mean `{near}`?"));
    let names: Vec<&str> = archived.keys().copied().collect();
    AppError::config(format!(
        "the archive has no records of `{asked}`, only of {}{meant}",
        names.join(", ")
    ))
    .fix("name archived topics with --topic, or none for all")
}
