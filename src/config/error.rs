//! What can be wrong with settings. Every message names the key and where its value came from.

use std::path::PathBuf;

use crate::error::{Explain, Kind};

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The settings file cannot be read.
    #[error("the settings file cannot be read file=`{}`", file.display())]
    Unreadable {
        /// Its path.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The settings file is not TOML.
    #[error("the settings file is not TOML file=`{}`\n{}", file.display(), reason.trim_end())]
    NotToml {
        /// Its path.
        file: PathBuf,
        /// The parser's message.
        reason: String,
    },
    /// No setting has this key.
    #[error("unknown setting key=`{key}` from=`{origin}`")]
    Unknown {
        /// The key.
        key: String,
        /// Where the value came from.
        origin: String,
        /// A setting with a similar key.
        nearest: Option<String>,
    },
    /// The value of a setting is not allowed.
    #[error("{reason} key=`{key}` from=`{origin}`")]
    Invalid {
        /// The key.
        key: String,
        /// Where the value came from.
        origin: String,
        /// Why.
        reason: String,
    },
}

impl Explain for ConfigError {
    fn kind(&self) -> Kind {
        Kind::Config
    }

    fn remedy(&self) -> Option<String> {
        match self {
            ConfigError::Unknown {
                nearest: Some(nearest), ..
            } => Some(format!("did you mean `{nearest}`?")),
            ConfigError::Unknown { nearest: None, .. } => {
                Some("`kivend config show` lists every setting there is".to_owned())
            }
            ConfigError::Unreadable { .. } => Some("name another with --config, or leave the flag out".to_owned()),
            _ => None,
        }
    }
}
