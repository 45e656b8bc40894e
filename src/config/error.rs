//! What can be wrong with settings. Every message names the key and where its value came from.

use std::path::PathBuf;

use crate::error::{Explain, Kind};

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the settings file cannot be read file=`{}`", file.display())]
    Unreadable { file: PathBuf, source: std::io::Error },
    #[error("the settings file is not TOML file=`{}`\n{}", file.display(), reason.trim_end())]
    NotToml { file: PathBuf, reason: String },
    #[error("unknown setting key=`{key}` from=`{origin}`")]
    Unknown {
        key: String,
        origin: String,
        nearest: Option<String>,
    },
    #[error("{reason} key=`{key}` from=`{origin}`")]
    Invalid {
        key: String,
        origin: String,
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
