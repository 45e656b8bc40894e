//! Whether archivers continue every partition after the archive's head: they stop one whose topic was deleted and created again,
//! whose log lost archived records, or whose links are missing, until somebody acts.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _};

use crate::app::doctor::check::{Check, listed};
use crate::archive::partition::stops;
use crate::archive::step::{FoundSegments, LoadedHead, StopReason};
use crate::archiver::backends::Offsets as _;
use crate::archiver::group_offsets::GroupOffsets;
use crate::archiver::requests::{HeadFound, find_head};
use crate::config::Settings;
use crate::kafka::cluster::{Cluster, TopicLayout};
use crate::log::identity::Identity;
use crate::log::limits::IDENTITY_MAX_BYTES;
use crate::log::object_key::IDENTITY;
use crate::record::position::TopicPartition;
use crate::store::Store;
use crate::task::error::AppError;
use crate::writing::key_source::KeySource;
use crate::writing::log_start;
use crate::writing::trust::WriterTrust;

const NAME: &str = "partitions";
/// Partitions that are asked about at the same time.
const AT_ONCE: usize = 16;

/// Checks every partition of the archived topics.
pub async fn examine(store: Option<&dyn Store>, settings: &Settings) -> Check {
    let Some(store) = store else {
        return Check::skipped(NAME, "the store could not be opened");
    };
    let trust = match trust(store, settings).await {
        Ok(Some(trust)) => trust,
        Ok(None) => return Check::skipped(NAME, "there is no archive yet"),
        Err(error) => return Check::skipped(NAME, error.to_string()),
    };
    match ask(store, settings, &trust).await {
        Ok(partitions) => check(&partitions),
        Err(error) => Check::error(NAME, &error),
    }
}

/// The keys that count, as the log says; `None` without an archive.
async fn trust(store: &dyn Store, settings: &Settings) -> Result<Option<WriterTrust>, AppError> {
    let Some(object) = store.get(IDENTITY, IDENTITY_MAX_BYTES).await? else {
        return Ok(None);
    };
    let identity = Identity::from_bytes(&object).map_err(|error| AppError::corrupt(error.to_string()))?;
    let first = WriterTrust::of_identity(&identity, &object).map_err(|error| AppError::corrupt(error.to_string()))?;
    let own = KeySource::from(&settings.archive).read(identity.origin()).ok();
    let own = own.map(|own| own.verifying_key().clone());
    log_start::read(store, first, own.as_ref()).await.map(Some)
}

/// A partition, and why an archiver stops it.
type Continued = (TopicPartition, Option<StopReason>);

async fn ask(store: &dyn Store, settings: &Settings, trust: &WriterTrust) -> Result<Vec<Continued>, AppError> {
    let (kafka, archived) = (settings.kafka.clone(), settings.archived.clone());
    let asking = tokio::task::spawn_blocking(move || {
        let cluster = Cluster::connect_to_group(&kafka)?;
        let layouts = cluster.archived_topics(&archived)?;
        Ok::<_, AppError>((cluster.cluster_id()?, layouts, cluster))
    });
    let (cluster_id, layouts, cluster) = asking.await.map_err(|error| AppError::internal(error.to_string()))??;
    let offsets = GroupOffsets(Arc::new(cluster));
    let partitions = layouts.iter().flat_map(TopicLayout::positions);
    let asked = futures::stream::iter(partitions).map(async |partition| {
        let loaded = load(store, trust, &offsets, &partition).await?;
        Ok((partition, stops(&loaded, &cluster_id)))
    });
    asked.buffered(AT_ONCE).try_collect().await
}

/// The head as an archiver loads it, but for segments that have no link.
async fn load(
    store: &dyn Store,
    trust: &WriterTrust,
    offsets: &GroupOffsets,
    partition: &TopicPartition,
) -> Result<LoadedHead, AppError> {
    let HeadFound {
        head,
        topic_id,
        committed,
    } = find_head((store, offsets), trust, partition).await?;
    let log = offsets.log_range(partition).await?;
    Ok(LoadedHead {
        head,
        found: FoundSegments::default(),
        topic_id,
        log_start_offset: log.start_offset,
        log_end_offset: log.end_offset,
        committed,
    })
}

/// Reasons are said once a topic, with the number of its partitions.
fn check(partitions: &[Continued]) -> Check {
    let mut stopped: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for (partition, why) in partitions {
        if let Some(why) = why {
            let of_topic = matches!(why, StopReason::TopicRecreated { .. } | StopReason::OtherCluster { .. });
            let shown = if of_topic {
                why.to_string()
            } else {
                format!("partition {}: {why}", partition.partition)
            };
            *stopped.entry((&*partition.topic, shown)).or_default() += 1;
        }
    }
    if stopped.is_empty() {
        return Check::ok(NAME, format!("{} continue where the archive ends", partitions.len()));
    }
    let described = stopped.iter().map(|((topic, why), count)| match count {
        1 => format!("{topic}: {why}"),
        count => format!("{topic}, {count} partitions: {why}"),
    });
    Check::failed(
        NAME,
        format!("not archived until somebody acts: {}", listed(described)),
        "do what each reason says: stop the archivers before `kivend archive --new-epoch` or `--diverged`, and start them after it",
    )
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;
    use crate::record::position::Epoch;

    #[test]
    fn a_recreated_topic_fails_once_with_the_command_that_continues() {
        let recreated = StopReason::TopicRecreated {
            archived: "AAAAAAAAAAAAAAAAAAAAAQ".to_owned(),
            found: "AAAAAAAAAAAAAAAAAAAAAg".to_owned(),
        };
        let behind = StopReason::LogBehindArchive {
            epoch: Epoch(0),
            log_end_offset: 3,
            next_offset: 5,
        };
        let of = |topic: &str, number, why| (TopicPartition::new(topic, number), why);
        let fine = [of("orders", 0, None)];
        assert_eq!(check(&fine), Check::ok(NAME, "1 continue where the archive ends"));
        let check = check(&[
            of("orders", 0, None),
            of("payments", 0, Some(recreated.clone())),
            of("payments", 1, Some(recreated)),
            of("users", 2, Some(behind)),
        ]);
        assert_eq!(check.status, Status::Failed);
        for part in [
            "payments, 2 partitions: the topic was deleted and created again",
            "users: partition 2: Kafka's log ends at offset 3",
            "`kivend archive --new-epoch TOPIC`",
        ] {
            assert!(check.detail.contains(part), "{}", check.detail);
        }
        assert_eq!(check.detail.matches("deleted and created again: its id").count(), 1);
    }
}
