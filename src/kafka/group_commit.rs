//! Commits offsets for a group that this process does not join, as a restore does.

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::KafkaError as Rdkafka;

use crate::config::{KafkaSettings, Properties};
use crate::kafka::context::Context;
use crate::kafka::error::KafkaError;
use crate::kafka::partition_lists::with_offsets;
use crate::kafka::settings::group_config;
use crate::record::position::TopicPartition;

const DOING: &str = "commit the offsets of a consumer group";

/// Commits these offsets. Blocks.
///
/// # Errors
/// The group has members, rights are missing, or no coordinator answered.
pub fn commit_for(settings: &KafkaSettings, group: &str, offsets: &[(TopicPartition, i64)]) -> Result<(), KafkaError> {
    // Of the group protocols, only the classic one takes commits from outside of the group.
    let is_kept = |name: &str| name != "group.protocol" && name != "group.instance.id";
    let kept = settings.properties.iter().filter(|(name, _)| is_kept(name));
    let own = KafkaSettings {
        group_id: group.to_owned(),
        properties: kept
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect::<Properties>(),
        ..settings.clone()
    };
    let client: BaseConsumer<Context> = group_config(&own)?
        .create_with_context(Context::default())
        .map_err(|error| KafkaError::from_rdkafka(&error, DOING))?;
    let list = with_offsets(offsets.iter().cloned(), DOING)?;
    client.commit(&list, CommitMode::Sync).map_err(|error: Rdkafka| {
        let reason = format!("{error} for the group `{group}`");
        match error.rdkafka_error_code() {
            Some(code) => KafkaError::from_code(code, DOING, reason),
            None => KafkaError::from_rdkafka(&error, DOING),
        }
    })
}
