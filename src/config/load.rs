//! Loads the settings: merges the layers, refuses unknown settings with the most similar known one, and validates the
//! values. Every error must name the setting and its source.

use figment::Figment;
use figment::error::Kind as FigmentKind;
use figment::value::Value;
use serde::Serialize;

use crate::config::error::ConfigError;
use crate::config::layers::{Layer, Sources};
use crate::config::origin::DEFAULT;
use crate::config::pkcs11::PIN_VARIABLE;
use crate::config::properties::is_secret;
use crate::config::raw::Raw;
use crate::config::settings::Settings;
use crate::config::validate::{Surroundings, validate};

/// What is shown instead of a secret.
const MASKED: &str = "***";

/// The settings, and the source of each.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The validated settings.
    pub settings: Settings,
    /// One entry per setting, sorted by key, secrets masked.
    pub entries: Vec<Entry>,
    /// Variables of the environment that begin with `KIVEND_`, are no settings, and were ignored.
    pub ignored: Vec<String>,
}

impl Loaded {
    /// Whether a file, a variable or a flag sets this setting.
    #[must_use]
    pub fn is_set(&self, key: &str) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| entry.key == key && entry.origin != DEFAULT)
    }
}

/// One setting in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// The setting's name, such as `store.prefix` or `topics[0]`.
    pub key: String,
    /// The value in force; `***` for a secret.
    pub value: serde_json::Value,
    /// `default`, a file, an environment variable or a flag.
    pub origin: String,
}

/// Merges the sources and validates the result.
///
/// # Errors
/// The file cannot be read or is not TOML, a key is unknown, a value is of the wrong type or not allowed.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    merge(sources.layers()?, sources).map_err(|refused| refused.error)
}

/// Why layers were refused, and where.
pub(super) struct Refused {
    pub error: ConfigError,
    /// The parts of the setting's name.
    pub path: Vec<String>,
    /// Whether the setting is missing.
    pub is_missing: bool,
}

/// Merges the layers, from the lowest precedence to the highest, and validates the result.
pub(super) fn merge(layers: Vec<Layer>, sources: &Sources) -> Result<Loaded, Refused> {
    let merged = layers
        .into_iter()
        .fold(Figment::new(), |merged, layer| merged.merge(layer));
    let raw: Raw = merged.extract_lossy().map_err(|error| Refused {
        path: error.path.clone(),
        is_missing: matches!(error.kind, FigmentKind::MissingField(_)),
        error: explain(error, &merged),
    })?;
    let pin = sources.environment.iter().find(|(name, _)| name == PIN_VARIABLE);
    let around = Surroundings {
        config_home: sources.config_home.as_deref(),
        pin: pin.map(|(_, pin)| pin.as_str()),
    };
    let settings = validate(raw, &around).map_err(|invalid| Refused {
        path: invalid.path(),
        is_missing: false,
        error: ConfigError::Invalid {
            origin: origin_of_key(&merged, invalid.key),
            key: invalid.key.to_owned(),
            reason: invalid.reason,
        },
    })?;
    let mut entries = entries(&merged);
    // Show the path in force instead of the empty default.
    let key_file = settings.archive.key_file.as_deref();
    let key_file = key_file.map_or(String::new(), |file| file.display().to_string());
    for entry in entries.iter_mut().filter(|entry| entry.key == "archive.key_file") {
        entry.value = serde_json::Value::from(key_file.as_str());
    }
    Ok(Loaded {
        settings,
        entries,
        ignored: sources.service_variables(),
    })
}

/// The source of the value in force of `key`.
fn origin_of_key(merged: &Figment, key: &str) -> String {
    merged
        .find_value(key)
        .map_or_else(|_| DEFAULT.to_owned(), |value| origin_of(merged, &value))
}

fn origin_of(merged: &Figment, value: &Value) -> String {
    merged
        .get_metadata(value.tag())
        .map_or_else(|| DEFAULT.to_owned(), |metadata| metadata.name.to_string())
}

/// Turns figment's error into a [`ConfigError`].
fn explain(error: figment::Error, merged: &Figment) -> ConfigError {
    let origin = error
        .metadata
        .as_ref()
        .map_or_else(|| DEFAULT.to_owned(), |metadata| metadata.name.to_string());
    let key = error.path.join(".");
    match &error.kind {
        FigmentKind::UnknownField(..) => ConfigError::Unknown {
            nearest: nearest(&key, &error.kind, merged),
            key,
            origin,
        },
        // figment's message would contain the value.
        _ if is_secret(&key) => ConfigError::Invalid {
            reason: "the value has the wrong type".to_owned(),
            key,
            origin,
        },
        kind => ConfigError::Invalid {
            reason: kind.to_string(),
            key,
            origin,
        },
    }
}

/// The known setting most similar to `key`, if one is similar: among the members of its table, and among all settings.
fn nearest(key: &str, kind: &FigmentKind, merged: &Figment) -> Option<String> {
    let table = key
        .rsplit_once('.')
        .map_or(String::new(), |(table, _)| format!("{table}."));
    let siblings = match kind {
        FigmentKind::UnknownField(_, known) => *known,
        _ => &[],
    };
    let in_full = entries(merged)
        .into_iter()
        .filter(|entry| entry.origin == DEFAULT)
        .map(|entry| entry.key);
    siblings
        .iter()
        .map(|sibling| format!("{table}{sibling}"))
        .chain(in_full)
        .map(|known| (likeness(key, &known), known))
        .filter(|(similarity, _)| *similarity > 0.6)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}

/// Similarity from 0 to 1. The right name in the wrong table counts as very similar.
fn likeness(written: &str, known: &str) -> f64 {
    let name = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let misplaced = if name(written) == name(known) { 0.9 } else { 0.0 };
    strsim::normalized_damerau_levenshtein(written, known).max(misplaced)
}

/// Every setting in force: one entry per value, and one per table in a list of tables.
fn entries(merged: &Figment) -> Vec<Entry> {
    let mut entries = Vec::new();
    if let Ok(Value::Dict(_, root)) = merged.extract::<Value>() {
        for (name, value) in &root {
            collect(name, value, merged, &mut entries);
        }
    }
    entries
}

fn collect(key: &str, value: &Value, merged: &Figment, entries: &mut Vec<Entry>) {
    match value {
        Value::Dict(_, table) => {
            for (name, inner) in table {
                collect(&format!("{key}.{name}"), inner, merged, entries);
            }
        }
        Value::Array(_, items) if items.iter().any(|item| matches!(item, Value::Dict(..))) => {
            for (number, item) in items.iter().enumerate() {
                entries.push(entry(&format!("{key}[{number}]"), item, merged));
            }
        }
        _ => entries.push(entry(key, value, merged)),
    }
}

/// The value of a setting, with secrets masked, also those in tables in it.
fn without_secrets(key: &str, value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(members) => {
            let members = members.into_iter().map(|(name, member)| {
                let shown = without_secrets(&format!("{key}.{name}"), member);
                (name, shown)
            });
            members.collect()
        }
        value if is_secret(key) && value.as_str() != Some("") => MASKED.into(),
        value => value,
    }
}

fn entry(key: &str, value: &Value, merged: &Figment) -> Entry {
    let shown = serde_json::to_value(value).unwrap_or_else(|_| MASKED.into());
    Entry {
        key: key.to_owned(),
        value: without_secrets(key, shown),
        origin: origin_of(merged, value),
    }
}
