//! Errors of the settings. Every message names the setting and where its value came from.

use std::path::PathBuf;

use crate::config::origin::DEFAULT;
use crate::error::{Explain, Kind};

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is missing or may not be read.
    #[error("the settings file cannot be read: `{}`", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The error of the file system.
        source: std::io::Error,
    },
    /// The file does not parse.
    #[error("the settings file is not TOML: `{}`\n{}", file.display(), reason.trim_end())]
    NotToml {
        /// The file.
        file: PathBuf,
        /// The parser's message, with line and column.
        reason: String,
    },
    /// The value of an environment variable is not UTF-8.
    #[error("the value of the environment variable is not UTF-8: `{name}`")]
    NotText {
        /// The variable.
        name: String,
    },
    /// There is no such setting.
    #[error("unknown setting `{key}` (from `{origin}`)")]
    Unknown {
        /// The setting as written.
        key: String,
        /// A file, an environment variable or a flag.
        origin: String,
        /// The most similar setting, if one is similar.
        nearest: Option<String>,
    },
    /// The value is of the wrong type or not allowed.
    #[error("{key}: {reason} (from `{origin}`)")]
    Invalid {
        /// The setting.
        key: String,
        /// `default`, a file, an environment variable or a flag.
        origin: String,
        /// What is wrong with the value.
        reason: String,
    },
}

/// The environment variable of a setting.
fn variable_of(key: &str) -> String {
    format!("KIVEND_{}", key.replace('.', "__").to_ascii_uppercase())
}

impl Explain for ConfigError {
    fn kind(&self) -> Kind {
        Kind::Config
    }

    fn remedy(&self) -> Option<String> {
        match self {
            ConfigError::Unknown {
                nearest: Some(nearest),
                origin,
                ..
            } if origin.starts_with("KIVEND_") => Some(format!("did you mean `{}`?", variable_of(nearest))),
            ConfigError::Unknown {
                nearest: Some(nearest), ..
            } => Some(format!("did you mean `{nearest}`?")),
            ConfigError::Unknown { nearest: None, .. } => {
                Some("remove it; docs/SETTINGS.md lists the settings that exist".to_owned())
            }
            ConfigError::Unreadable { .. } => {
                Some("check that the file exists and is readable, or name another with --config".to_owned())
            }
            ConfigError::NotToml { .. } => {
                Some("correct the line that is shown, or name another settings file with --config".to_owned())
            }
            ConfigError::NotText { .. } => Some("set it to UTF-8 text, or write the setting into a file".to_owned()),
            // Who names topics of his own has not written this rule, and cannot correct it where it stands.
            ConfigError::Invalid { key, origin, .. } if origin == DEFAULT && key.starts_with("routing.") => Some(
                "`topics` does not have the topics of the shipped rules: write `[routing]` with `default`, the topic that events go \
                 to, and `rules = []`, or rules for your topics"
                    .to_owned(),
            ),
            ConfigError::Invalid { .. } => None,
        }
    }
}
