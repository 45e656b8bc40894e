//! A place that holds no archive, although the command needs one: says so, and names archives nearby.

use std::path::Path;

use crate::app::nearby::{Near, archives_near};
use crate::app::verify::absent;
use crate::cli::failure::{ErrorReport, Failure};
use crate::cli::output::Output;
use crate::config::{Loaded, Settings, StoreBackend, StoreSettings};
use crate::error::Kind;
use crate::log::object_key::LINKS;
use crate::reading::folders::partitions;
use crate::store::Store;

/// Refuses a path that is no folder with a copy of a bucket.
pub fn require_folder(folder: &Path) -> Result<(), Failure> {
    if folder.is_dir() {
        return Ok(());
    }
    let shown = folder.display();
    let what = if folder.exists() {
        format!("not a folder with a copy of a bucket, but a file: `{shown}`")
    } else {
        format!("the folder does not exist: `{shown}`")
    };
    let remedy = "name the folder that has archive.json in it; `kivend verify-proof FILE` verifies a proof file";
    Err(Failure::new(Kind::Config, what, remedy))
}

/// The failure of a command that reads an archive: that there is none, if there is none.
pub async fn explain(failure: Failure, store: &dyn Store, settings: &StoreSettings) -> Failure {
    match absent::has_objects(store).await {
        Ok(false) => no_archive(&store.location(), settings).await,
        _ => failure,
    }
}

/// The failure for a place without an archive.
pub async fn no_archive(location: &str, settings: &StoreSettings) -> Failure {
    let near = archives_near(settings).await;
    let mut causes = vec![format!("no archive is here: archive.json is missing in `{location}`")];
    causes.extend(near.iter().map(|near| {
        let Near { place, name } = near;
        format!("an archive is nearby: `{place}` (named {name})")
    }));
    Failure::Reported(ErrorReport {
        kind: Kind::Config,
        causes,
        remedy: remedy(settings, near.first()),
    })
}

fn remedy(settings: &StoreSettings, near: Option<&Near>) -> String {
    match (&settings.backend, near) {
        (StoreBackend::Directory(_), Some(near)) => format!("name that folder: `{}`", near.place),
        (StoreBackend::S3(_), Some(near)) => format!("set store.prefix to that prefix: `{}`", near.place),
        (StoreBackend::Directory(_), None) => {
            "name the folder that has archive.json in it; if nothing was archived yet, run `kivend archive`".to_owned()
        }
        (StoreBackend::S3(_), None) => {
            "set store.bucket and store.prefix to the archive's; if nothing was archived yet, run `kivend archive`"
                .to_owned()
        }
    }
}

/// Says that the archive has another name than the settings, which then may mean another archive.
pub fn warn_of_name(found: Option<&str>, loaded: &Loaded, output: &Output) {
    let configured = loaded.settings.archive.name.as_str();
    let is_meant = loaded.is_set("archive.name");
    if let Some(found) = found.filter(|found| is_meant && *found != configured) {
        output.remark(&format!(
            "warning: the archive here is named `{found}`, and archive.name is `{configured}`: if that one is meant, check store.bucket and store.prefix"
        ));
    }
}

/// Names the archives near a place where one is missing that must be there.
pub async fn hint_at_nearby(settings: &StoreSettings, output: &Output) {
    for Near { place, name } in archives_near(settings).await {
        output.remark(&format!("an archive is nearby: `{place}` (named {name})"));
    }
}

/// Refuses a topic of which neither the archive nor the settings know.
pub async fn require_topic(topic: &str, store: &dyn Store, settings: &Settings) -> Result<(), Failure> {
    let archived = partitions(store, LINKS).await?;
    let known: Vec<String> = archived.iter().map(|partition| partition.topic.to_string()).collect();
    if known.iter().any(|known| known == topic) || is_configured(topic, settings) {
        return Ok(());
    }
    Err(unknown_topic(topic, &known, settings))
}

/// Whether the settings know the topic.
pub fn is_configured(topic: &str, settings: &Settings) -> bool {
    settings.archived.takes(topic)
}

/// The failure for a partition of which neither the archive nor Kafka, if it was asked, knows.
pub fn unknown_partition(topic: Option<&str>, partition: i32) -> Failure {
    let what = match topic {
        Some(topic) => format!("there is no such partition: {topic}/{partition}"),
        None => format!("no topic has such a partition: {partition}"),
    };
    let remedy = "`kivend topics list` shows how many partitions each topic has";
    Failure::new(Kind::Config, what, remedy)
}

/// The failure for a topic of which neither the archive nor the settings know. `known` are the topics that exist.
pub fn unknown_topic(topic: &str, known: &[String], settings: &Settings) -> Failure {
    let mut known: Vec<&str> = known.iter().map(String::as_str).collect();
    known.extend(settings.archived.names());
    known.sort_unstable();
    known.dedup();
    let remedy = match crate::app::similar::nearest(topic, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("name one of the topics: {}", known.join(" ")),
    };
    Failure::new(Kind::Config, format!("there is no such topic: `{topic}`"), remedy)
}
