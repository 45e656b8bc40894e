//! The settings that topics have in Kafka.

use std::time::Duration;

use rdkafka::admin::{ConfigEntry, ConfigResource, OwnedResourceSpecifier, ResourceSpecifier};

use crate::kafka::error::KafkaError;
use crate::kafka::incremental;
use crate::kafka::native::controller::controller;
use crate::kafka::topics::{REQUEST_TIMEOUT, Topics, first, options, wait_for};

/// One setting of a topic.
pub(super) struct Property {
    pub(super) name: String,
    pub(super) value: String,
}

impl Topics {
    /// How long Kafka retains the topic's records, in ms; `None` without a limit, or if Kafka does not return the setting.
    ///
    /// # Errors
    /// The topic does not exist, missing rights, or no broker answered.
    pub fn retention_ms(&self, topic: &str) -> Result<Option<i64>, KafkaError> {
        let properties = self.properties(topic)?;
        let set = properties.iter().find(|property| property.name == "retention.ms");
        Ok(set
            .and_then(|property| property.value.parse().ok())
            .filter(|ms| *ms >= 0))
    }

    /// The topic's `cleanup.policy`; `None` if Kafka does not return the setting.
    ///
    /// # Errors
    /// The topic does not exist, missing rights, or no broker answered.
    pub fn cleanup_policy(&self, topic: &str) -> Result<Option<String>, KafkaError> {
        let properties = self.properties(topic)?;
        let set = properties
            .into_iter()
            .find(|property| property.name == "cleanup.policy");
        Ok(set.map(|property| property.value))
    }

    pub(super) fn properties(&self, topic: &str) -> Result<Vec<Property>, KafkaError> {
        let doing = "describe a topic's settings";
        let described = wait_for(
            self.admin
                .describe_configs([&ResourceSpecifier::Topic(topic)], &options()),
        );
        let resource = first(described, doing)?.map_err(|code| KafkaError::of_topic(code, doing, topic))?;
        Ok(properties_of(resource))
    }

    /// The settings of several topics in one request, by name; none of a topic about which Kafka says nothing within
    /// `timeout`, and of none if no controller is known, which librdkafka would wait for.
    ///
    /// # Errors
    /// No broker answered.
    pub(super) fn properties_within(
        &self,
        topics: &[&str],
        timeout: Duration,
    ) -> Result<Vec<(String, Vec<Property>)>, KafkaError> {
        let brokers = self.cluster.brokers()?;
        let controller = controller(self.admin.inner().native_client(), timeout);
        if topics.is_empty() || !brokers.iter().any(|broker| Some(broker.id) == controller) {
            return Ok(Vec::new());
        }
        let names: Vec<_> = topics.iter().copied().map(ResourceSpecifier::Topic).collect();
        let options = options()
            .request_timeout(Some(timeout))
            .operation_timeout(Some(timeout));
        let described = wait_for(self.admin.describe_configs(&names, &options))
            .map_err(|error| KafkaError::from_rdkafka(&error, "describe the topics' settings"))?;
        let named = described
            .into_iter()
            .flatten()
            .filter_map(|resource| match &resource.specifier {
                OwnedResourceSpecifier::Topic(name) => Some((name.clone(), properties_of(resource))),
                _ => None,
            });
        Ok(named.collect())
    }

    /// Sets a topic's retention to no limit.
    ///
    /// # Errors
    /// Missing rights, or no broker answered.
    pub fn lift_retention(&self, topic: &str) -> Result<(), KafkaError> {
        let doing = "set the retention of a topic";
        let unlimited = [("retention.ms", "-1")].into_iter();
        incremental::set(self.admin.inner().native_client(), topic, unlimited, REQUEST_TIMEOUT)
            .map_err(|(code, reason)| KafkaError::from_code(code, doing, format!("{reason} for the topic `{topic}`")))
    }
}

fn properties_of(resource: ConfigResource) -> Vec<Property> {
    let property = |entry: ConfigEntry| Property {
        name: entry.name,
        value: entry.value.unwrap_or_default(),
    };
    resource.entries.into_iter().map(property).collect()
}
