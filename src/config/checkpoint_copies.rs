//! Validates `archive.checkpoint_copies`: each entry is a folder, a bucket or a compacted topic. Credentials of a bucket
//! come from a profile of the AWS files, so no setting holds one.

use std::path::PathBuf;

use crate::config::invalid::{Invalid, require};
use crate::config::properties::Properties;
use crate::config::raw::{RawCheckpointCopy, RawTopicDefaults};
use crate::config::selection::TopicRule;
use crate::config::settings::{
    Addressing, CheckpointCopy, ObjectSettings, S3Settings, StoreBackend, StoreSettings, TopicSettings,
};
use crate::config::transport::is_plaintext_endpoint;
use crate::record::position::is_topic_name;

const KEY: &str = "archive.checkpoint_copies";

/// `store` is the archive's own store. A bucket takes its settings from there, except for those that the entry names.
pub(super) fn checkpoint_copies(
    written: Vec<RawCheckpointCopy>,
    store: &StoreSettings,
    topics: &[TopicRule],
    defaults: &RawTopicDefaults,
) -> Result<Vec<CheckpointCopy>, Invalid> {
    let mut copies = Vec::with_capacity(written.len());
    for copy in written {
        let place = match (&copy.directory, &copy.topic, &copy.bucket) {
            (Some(folder), None, None) => {
                copy.require_no_bucket("directory")?;
                folder_copy(folder)?
            }
            (None, Some(topic), None) => {
                copy.require_no_bucket("topic")?;
                topic_copy(topic, topics, defaults)?
            }
            (None, None, Some(bucket)) => bucket_copy(bucket, &copy, store)?,
            _ => {
                let reason = "each entry needs exactly one of `directory`, `topic` or `bucket`";
                return Err(Invalid::new(KEY, reason.to_owned()));
            }
        };
        let is_archive = matches!(&place, CheckpointCopy::Store(place) if place == store);
        require(!is_archive, KEY, "a copy must not be in the archive's own store")?;
        require(!copies.contains(&place), KEY, "the same place is listed twice")?;
        copies.push(place);
    }
    Ok(copies)
}

impl RawCheckpointCopy {
    /// Refuses members that only a bucket has.
    fn require_no_bucket(&self, kind: &str) -> Result<(), Invalid> {
        let others = [&self.prefix, &self.endpoint, &self.region, &self.profile];
        let none =
            self.path_style.is_none() && self.allow_plaintext.is_none() && others.iter().all(|other| other.is_none());
        require(
            none,
            KEY,
            format!("an entry with `{kind}` takes no other members: they belong to a bucket"),
        )
    }
}

fn folder_copy(folder: &str) -> Result<CheckpointCopy, Invalid> {
    require(!folder.is_empty(), KEY, "`directory` must not be empty")?;
    Ok(CheckpointCopy::Store(StoreSettings {
        backend: StoreBackend::Directory(PathBuf::from(folder)),
        prefix: String::new(),
    }))
}

fn topic_copy(name: &str, topics: &[TopicRule], defaults: &RawTopicDefaults) -> Result<CheckpointCopy, Invalid> {
    require(
        is_topic_name(name),
        KEY,
        format!("not a name that Kafka accepts: `{name}`"),
    )?;
    let archived = topics.iter().any(|rule| rule.pattern.name() == Some(name));
    require(
        !archived,
        KEY,
        format!("`{name}` is an archived topic, which cannot hold copies of checkpoints"),
    )?;
    let properties = [("cleanup.policy", "compact"), ("retention.ms", "-1")];
    let properties: Properties = properties
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into_iter()
        .collect();
    Ok(CheckpointCopy::Topic(TopicSettings {
        name: name.to_owned(),
        partitions: 1,
        replication_factor: defaults.replication_factor,
        properties,
    }))
}

fn bucket_copy(bucket: &str, copy: &RawCheckpointCopy, store: &StoreSettings) -> Result<CheckpointCopy, Invalid> {
    let StoreBackend::S3(own) = &store.backend else {
        return Err(Invalid::new(
            KEY,
            "a copy in a bucket needs the archive in a bucket too, but store.directory is set".to_owned(),
        ));
    };
    require(!bucket.is_empty(), KEY, "`bucket` must not be empty")?;
    let endpoint = match &copy.endpoint {
        None => own.endpoint.clone(),
        Some(endpoint) if endpoint.is_empty() => None,
        Some(endpoint) => {
            let is_url = endpoint.starts_with("http://") || endpoint.starts_with("https://");
            require(
                is_url && !endpoint.contains('@'),
                KEY,
                "an endpoint must be http://… or https://…, without credentials",
            )?;
            require(
                copy.allow_plaintext == Some(true) || !is_plaintext_endpoint(endpoint),
                KEY,
                "an endpoint on another machine must be https://…; set `allow_plaintext = true` only on a trusted network",
            )?;
            Some(endpoint.trim_end_matches('/').to_owned())
        }
    };
    let prefix = copy.prefix.clone().unwrap_or_default();
    let slashed = prefix.starts_with('/') || prefix.ends_with('/') || prefix.contains("//");
    require(
        !slashed,
        KEY,
        format!("the prefix `{prefix}` must not begin or end with a slash, nor contain two in a row"),
    )?;
    Ok(CheckpointCopy::Store(StoreSettings {
        backend: StoreBackend::S3(S3Settings {
            endpoint,
            bucket: bucket.to_owned(),
            region: copy.region.clone().unwrap_or_else(|| own.region.clone()),
            addressing: match copy.path_style {
                None => own.addressing,
                Some(true) => Addressing::Path,
                Some(false) => Addressing::VirtualHost,
            },
            // A key of the key service and an owner are those of the archive's own bucket.
            objects: ObjectSettings::default(),
            expected_owner: None,
            profile: copy.profile.clone().filter(|profile| !profile.is_empty()),
            ..own.clone()
        }),
        prefix,
    }))
}
