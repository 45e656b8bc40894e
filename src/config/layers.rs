//! The sources of settings: defaults, a file, environment variables, flags. Each is one layer with a name that error
//! messages and `config show` print.

use std::env;
use std::path::PathBuf;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

use crate::config::error::ConfigError;
use crate::config::origin::DEFAULT;
use crate::config::pkcs11::PIN_VARIABLE;
use crate::config::service_variables::is_service_variable;

/// The defaults, exactly as `config/kivend.toml` documents them.
pub const DEFAULTS_TOML: &str = include_str!("../../config/kivend.toml");

/// Variables that begin with `KIVEND_` and are not settings: the command line reads the first three, the
/// fourth is no setting because it must not stand in a file with them, and the tests read the last.
/// `KIVEND_TEST_*`, which the tests read, are not settings either.
const NOT_SETTINGS: [&str; 5] = [
    "KIVEND_CONFIG",
    "KIVEND_LOG",
    "KIVEND_LOG_FORMAT",
    PIN_VARIABLE,
    "KIVEND_REQUIRE_SERVERS",
];

/// The sources of settings as values, so that tests do not depend on their process's environment.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file of `--config`, which must exist.
    pub file: Option<PathBuf>,
    /// The files to try without `--config`: the first that exists is read.
    pub search: Vec<PathBuf>,
    /// `$XDG_CONFIG_HOME/kivend`: the default folder of the signing key file.
    pub config_home: Option<PathBuf>,
    /// Names and values of environment variables; only `KIVEND_*` is read.
    pub environment: Vec<(String, String)>,
    /// Names of `KIVEND_*` variables whose values are not UTF-8.
    pub not_text: Vec<String>,
    /// Settings from the command line; a later one overrides an earlier one.
    pub flags: Vec<Flag>,
}

/// A setting from the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// As the user wrote it, such as `--store-prefix`.
    pub name: String,
    /// The setting, such as `store.prefix`.
    pub key: String,
    /// The value as written.
    pub value: String,
}

impl Sources {
    /// The sources of this process: its environment, and the usual places for a file.
    #[must_use]
    pub fn of_process(file: Option<PathBuf>, flags: Vec<Flag>) -> Sources {
        let home = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let config_home = home("XDG_CONFIG_HOME")
            .or_else(|| home("HOME").map(|home| home.join(".config")))
            .map(|folder| folder.join("kivend"));
        let mut search = vec![PathBuf::from("config/kivend.toml")];
        search.extend(config_home.iter().map(|folder| folder.join("kivend.toml")));
        let (mut environment, mut not_text) = (Vec::new(), Vec::new());
        for (name, value) in env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => environment.push((name, value)),
                Err(_) if name.starts_with("KIVEND_") => not_text.push(name),
                Err(_) => {}
            }
        }
        Sources {
            file,
            search,
            config_home,
            environment,
            not_text,
            flags,
        }
    }

    /// The variables that Kubernetes sets for a Service whose name begins with `kivend`. They are not settings.
    pub(super) fn service_variables(&self) -> Vec<String> {
        let of_service = self
            .environment
            .iter()
            .filter(|(name, value)| is_service_variable(name, value));
        let mut names: Vec<String> = of_service.map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        names
    }

    /// All layers, from the lowest precedence to the highest.
    pub(super) fn layers(&self) -> Result<Vec<Layer>, ConfigError> {
        let mut layers = vec![Layer::from_toml(
            DEFAULT,
            DEFAULTS_TOML,
            PathBuf::from("config/kivend.toml"),
        )?];
        if let Some((file, text)) = self.read_file()? {
            layers.push(Layer::from_toml(&file.display().to_string(), &text, file)?);
        }
        if let Some(name) = self.not_text.first() {
            return Err(ConfigError::NotText { name: name.clone() });
        }
        for (name, value) in &self.environment {
            if is_service_variable(name, value) {
                continue;
            }
            if let Some(key) = setting_of_variable(name) {
                layers.push(Layer::of_one(name, &key, value));
            }
        }
        layers.extend(
            self.flags
                .iter()
                .map(|flag| Layer::of_one(&flag.name, &parts_of(&flag.key), &flag.value)),
        );
        Ok(layers)
    }

    /// The settings file: the one that is named, else the first that exists of the usual ones.
    #[must_use]
    pub fn file_in_use(&self) -> Option<&PathBuf> {
        let found = self.search.iter().find(|file| file.is_file());
        self.file.as_ref().or(found)
    }

    pub(super) fn read_file(&self) -> Result<Option<(PathBuf, String)>, ConfigError> {
        let Some(file) = self.file_in_use() else {
            return Ok(None);
        };
        match std::fs::read_to_string(file) {
            Ok(text) => Ok(Some((file.clone(), text))),
            Err(source) => Err(ConfigError::Unreadable {
                file: file.clone(),
                source,
            }),
        }
    }
}

/// The parts of a dotted key, which may be quoted as in TOML.
fn parts_of(key: &str) -> Vec<String> {
    let (mut parts, mut part, mut quote) = (Vec::new(), String::new(), None);
    for letter in key.chars() {
        match (quote, letter) {
            (None, '.') => parts.push(std::mem::take(&mut part)),
            (None, '"' | '\'') => quote = Some(letter),
            (Some(opening), _) if opening == letter => quote = None,
            _ => part.push(letter),
        }
    }
    parts.push(part);
    parts
}

/// `KIVEND_STORE__PREFIX` is `store.prefix`.
fn setting_of_variable(name: &str) -> Option<Vec<String>> {
    let key = name.strip_prefix("KIVEND_").filter(|_| !NOT_SETTINGS.contains(&name))?;
    if key.starts_with("TEST_") {
        return None;
    }
    Some(key.split("__").map(str::to_ascii_lowercase).collect())
}

/// The values of one source.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    origin: String,
    values: Dict,
}

impl Layer {
    /// The name of the source.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub fn values(&self) -> &Dict {
        &self.values
    }

    pub fn values_mut(&mut self) -> &mut Dict {
        &mut self.values
    }

    fn from_toml(origin: &str, text: &str, file: PathBuf) -> Result<Layer, ConfigError> {
        let values: Dict = Toml::from_str(text).map_err(|reason| ConfigError::NotToml {
            file,
            reason: reason.to_string(),
        })?;
        Ok(Layer {
            origin: origin.to_owned(),
            values: join_property_names(values),
        })
    }

    fn of_one(origin: &str, key: &[String], value: &str) -> Layer {
        let (last, tables) = key
            .split_last()
            .map_or(("", &[][..]), |(last, tables)| (last.as_str(), tables));
        let leaf = Dict::from([(last.to_owned(), Value::from(value))]);
        let values = tables
            .iter()
            .rev()
            .fold(leaf, |inner, table| Dict::from([(table.clone(), inner.into())]));
        Layer {
            origin: origin.to_owned(),
            values: join_property_names(values),
        }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// Names of Kafka properties contain dots, which TOML reads as tables. Under every `properties` the parts are joined to
/// one name again, so that `sasl.password` is the same setting whether quoted, nested, or from the environment.
fn join_property_names(table: Dict) -> Dict {
    table
        .into_iter()
        .map(|(name, value)| match value {
            Value::Dict(tag, inner) if name == "properties" => {
                let mut flat = Dict::new();
                flatten("", inner, &mut flat);
                (name, Value::Dict(tag, flat))
            }
            Value::Dict(tag, inner) => (name, Value::Dict(tag, join_property_names(inner))),
            Value::Array(tag, items) => (name, Value::Array(tag, items.into_iter().map(join_in_item).collect())),
            other => (name, other),
        })
        .collect()
}

fn join_in_item(item: Value) -> Value {
    match item {
        Value::Dict(tag, inner) => Value::Dict(tag, join_property_names(inner)),
        other => other,
    }
}

fn flatten(prefix: &str, table: Dict, flat: &mut Dict) {
    for (name, value) in table {
        let full = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            Value::Dict(_, inner) => flatten(&full, inner, flat),
            other => {
                flat.insert(full, other);
            }
        }
    }
}
