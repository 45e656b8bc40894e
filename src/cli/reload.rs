//! SIGHUP: loads the settings again, applies what can change while the archiver runs, and says what cannot.

use tokio::signal::unix::{SignalKind, signal};

use crate::archiver::{Projections, Reloaded};
use crate::config::{self, Entry, Sources};
use crate::telemetry;

/// The settings that SIGHUP applies, or the tables of such settings.
const RELOADABLE: [&str; 2] = ["archive.projection", "telemetry.log"];

/// Applies the settings again at each SIGHUP, on a thread of its own. If no thread can be started, SIGHUP keeps its default effect,
/// which is to end the process.
pub(super) fn watch(sources: Sources, in_force: Vec<Entry>, reloaded: Reloaded) {
    let _watcher = std::thread::Builder::new().name("reload".to_owned()).spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
            return;
        };
        runtime.block_on(async {
            let Ok(mut hangup) = signal(SignalKind::hangup()) else {
                return;
            };
            let mut in_force = in_force;
            while hangup.recv().await.is_some() {
                reload(&sources, &mut in_force, &reloaded);
            }
        });
    });
}

/// Settings that cannot be loaded change nothing.
fn reload(sources: &Sources, in_force: &mut Vec<Entry>, reloaded: &Reloaded) {
    let loaded = config::load(sources)
        .map_err(|error| error.to_string())
        .and_then(|loaded| {
            let projections = Projections::of(&loaded.settings);
            Ok((projections.map_err(|error| error.to_string())?, loaded))
        });
    let (projections, loaded) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => {
            tracing::error!(
                event = "settings_refused",
                error,
                "SIGHUP: the settings cannot be loaded; those in force stay"
            );
            return;
        }
    };
    reloaded.set_projections(projections);
    telemetry::set_log_filter(&loaded.settings.telemetry.log);
    let changed = changed(in_force, &loaded.entries);
    let (applied, waiting): (Vec<&str>, Vec<&str>) = changed.iter().partition(|key| is_reloadable(key));
    let (applied, waiting) = (applied.join(", "), waiting.join(", "));
    // What waits for a restart is reported again at the next SIGHUP.
    in_force.retain(|entry| !is_reloadable(&entry.key));
    let reloadable = loaded.entries.iter().filter(|entry| is_reloadable(&entry.key));
    in_force.extend(reloadable.cloned());
    tracing::info!(
        event = "settings_loaded",
        applied,
        "SIGHUP: the settings were loaded again; typed columns change with the next segment"
    );
    if !waiting.is_empty() {
        tracing::warn!(
            event = "restart_needed",
            waiting,
            "SIGHUP: settings that changed need a restart"
        );
    }
}

fn is_reloadable(key: &str) -> bool {
    RELOADABLE.iter().any(|reloadable| key.starts_with(reloadable))
}

/// The names of the settings whose values differ. Secrets are masked in both, so that a changed one is not among them.
fn changed<'e>(before: &'e [Entry], now: &'e [Entry]) -> Vec<&'e str> {
    let lacks =
        |entries: &[Entry], entry: &Entry| !entries.iter().any(|e| e.key == entry.key && e.value == entry.value);
    let new = now.iter().filter(|entry| lacks(before, entry));
    let old = before.iter().filter(|entry| lacks(now, entry));
    let mut names: Vec<&str> = new.chain(old).map(|entry| entry.key.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(values: &[(&str, &str)]) -> Vec<Entry> {
        let entry = |(key, value): &(&str, &str)| Entry {
            key: (*key).to_owned(),
            value: (*value).into(),
            origin: "default".to_owned(),
        };
        values.iter().map(entry).collect()
    }

    #[test]
    fn a_setting_that_was_changed_added_or_removed_is_named_once() {
        let before = entries(&[("store.prefix", "a"), ("telemetry.log", ""), ("topics[1]", "b")]);
        let now = entries(&[
            ("store.prefix", "a"),
            ("telemetry.log", "info"),
            ("archive.projection[0]", "c"),
        ]);
        assert_eq!(
            changed(&before, &now),
            ["archive.projection[0]", "telemetry.log", "topics[1]"]
        );
        assert!(is_reloadable("archive.projection[0]") && !is_reloadable("topics[1]"));
    }
}
