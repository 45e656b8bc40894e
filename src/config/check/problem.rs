//! One problem of the settings.

use std::path::PathBuf;

use serde::Serialize;

use crate::config::check::lines::Lines;
use crate::config::origin::DEFAULT;

/// How grave a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// No program starts with it.
    Refused,
    /// The setting is accepted and never takes effect.
    NoEffect,
    /// Worth knowing, and may be intended.
    Note,
}

/// One problem of the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How grave it is.
    pub level: Level,
    /// The setting, such as `store.prefix` or `topics[0].exclude`.
    pub setting: Option<String>,
    /// A file, an environment variable or a flag.
    pub origin: Option<String>,
    /// The line in the settings file.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do, if that does not follow from the message.
    pub fix: Option<String>,
}

/// A setting that never takes effect.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoEffect {
    /// The parts of its name.
    pub path: Vec<String>,
    /// Why.
    pub message: String,
}

impl NoEffect {
    pub fn new(key: &str, message: impl Into<String>) -> NoEffect {
        NoEffect {
            path: key.split('.').map(str::to_owned).collect(),
            message: message.into(),
        }
    }
}

/// The settings file, where one is read.
#[derive(Debug)]
pub(super) struct SettingsFile {
    pub path: PathBuf,
    pub lines: Option<Lines>,
}

impl SettingsFile {
    /// The line of a setting that this file sets.
    pub fn line_of(&self, origin: &str, path: &[String]) -> Option<usize> {
        let is_here = origin == self.path.display().to_string();
        is_here.then(|| self.lines.as_ref()?.line_of(path)).flatten()
    }
}

/// The name of a setting from its parts: numbers are those of entries of lists.
pub(super) fn name_of(path: &[String]) -> String {
    let mut name = String::new();
    for part in path {
        if part.bytes().all(|b| b.is_ascii_digit()) {
            name.push_str(&format!("[{part}]"));
        } else {
            if !name.is_empty() {
                name.push('.');
            }
            name.push_str(part);
        }
    }
    name
}

/// `None` for a setting that nobody set.
pub(super) fn set_by(origin: &str) -> Option<String> {
    (origin != DEFAULT).then(|| origin.to_owned())
}
