//! Removes topics that kivend created for a while. Nothing else in kivend deletes a topic, so the names are checked here.

use rdkafka::types::RDKafkaErrorCode as Code;

use crate::kafka::error::KafkaError;
use crate::kafka::topics::{Topics, options, wait_for};

/// How the name of every throw-away topic begins. No pattern of `topics` takes such a name, so that it is not archived.
pub const THROW_AWAY: &str = "__kivend-drill.";

impl Topics {
    /// Deletes those of these topics that exist.
    ///
    /// # Errors
    /// Missing rights, a cluster that deletes no topics, or no broker answered; [`KafkaError::Other`] for a name that is not
    /// one of a throw-away topic. The others are deleted.
    pub fn remove_throw_away(&self, topics: &[String]) -> Result<(), KafkaError> {
        let doing = "delete a throw-away topic";
        if let Some(other) = topics.iter().find(|topic| !topic.starts_with(THROW_AWAY)) {
            let reason = format!("`{other}` is none");
            return Err(KafkaError::Other { doing, reason });
        }
        if topics.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        let results = wait_for(self.admin.delete_topics(&names, &options()));
        let results = results.map_err(|error| KafkaError::from_rdkafka(&error, doing))?;
        let failed = results.into_iter().find_map(|result| match result {
            Ok(_) | Err((_, Code::UnknownTopicOrPartition | Code::UnknownTopic)) => None,
            Err((topic, code)) => Some(KafkaError::of_topic(code, doing, &topic)),
        });
        failed.map_or(Ok(()), Err)
    }
}
