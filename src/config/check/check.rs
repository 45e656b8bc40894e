//! Every problem of the settings at once. Only the settings file is read.

use crate::config::check::lines::{Lines, NotToml};
use crate::config::check::no_effect::no_effect;
use crate::config::check::overridden::overridden;
use crate::config::check::places::leaves;
use crate::config::check::problem::{Level, NoEffect, Problem, SettingsFile, name_of, set_by};
use crate::config::check::refusals::{Refusals, refusals};
use crate::config::check::topics_no_effect::topics_no_effect;
use crate::config::error::ConfigError;
use crate::config::layers::{Layer, Sources};
use crate::config::load::{Entry, Loaded};
use crate::config::origin::DEFAULT;
use crate::config::properties::is_secret;
use crate::error::Explain as _;

/// The problems, and what is left without the settings that are refused.
#[derive(Debug)]
pub struct Checked {
    /// In the order of severity and of lines.
    pub problems: Vec<Problem>,
    /// `None` if nothing can be loaded even without them.
    pub loaded: Option<Loaded>,
    /// The first secret in the settings file, if it holds one.
    pub secret: Option<String>,
    file: Option<SettingsFile>,
}

impl Checked {
    /// Adds a problem of a setting that was loaded, with what to do. One of a default value is added only if no program starts with
    /// it.
    pub fn add(&mut self, level: Level, path: &[String], (message, fix): (String, Option<String>)) {
        let origin = self.origin_of(path);
        if origin == DEFAULT && level != Level::Refused {
            return;
        }
        self.problems.push(Problem {
            level,
            setting: Some(name_of(path)),
            line: self.file.as_ref().and_then(|file| file.line_of(&origin, path)),
            origin: set_by(&origin),
            message,
            fix,
        });
    }

    /// The most severe first, those of one severity by their lines.
    pub fn sort(&mut self) {
        self.problems
            .sort_by_key(|problem| (problem.level as u8, problem.line.unwrap_or(usize::MAX)));
    }

    /// The source of a setting: of its own value, else of the entry or the list that it is in.
    fn origin_of(&self, path: &[String]) -> String {
        let entries = self.loaded.as_ref().map_or(&[][..], |loaded| &loaded.entries);
        let named = |name: String| entries.iter().find(|entry| entry.key == name);
        let found = (1..=path.len()).rev().find_map(|depth| named(name_of(&path[..depth])));
        found.map_or_else(|| DEFAULT.to_owned(), |entry: &Entry| entry.origin.clone())
    }
}

/// Checks what the sources give.
#[must_use]
pub fn check(sources: &Sources) -> Checked {
    let mut problems = Vec::new();
    let (layers, file) = readable_layers(sources, &mut problems);
    let secret = file.as_ref().and_then(|file| secret_in(&layers, file));
    let Refusals { refused, left } = refusals(layers.clone(), sources);
    let tables: Vec<String> = refused.iter().filter_map(|(_, path)| table_of(path)).collect();
    problems.extend(
        refused
            .into_iter()
            .map(|(error, path)| problem_of(error, &path, file.as_ref())),
    );
    let ignored = left.as_ref().map_or(&[][..], |loaded| &loaded.ignored);
    problems.extend(ignored.iter().map(|name| ignored_variable(name)));
    let mut checked = Checked {
        problems,
        loaded: left,
        secret,
        file,
    };
    for NoEffect { path, message } in checked.loaded.as_ref().map(never_in_effect).unwrap_or_default() {
        // What is left of a table of which something was taken out says little about what its author meant.
        if table_of(&path).is_none_or(|table| !tables.contains(&table)) {
            checked.add(Level::NoEffect, &path, (message, None));
        }
    }
    add_overridden(&mut checked, &layers);
    checked.sort();
    checked
}

fn never_in_effect(loaded: &Loaded) -> Vec<NoEffect> {
    let mut found = no_effect(loaded);
    found.extend(topics_no_effect(&loaded.settings));
    found
}

/// The layers that can be read: without a file that is not TOML, and without variables that are not text.
fn readable_layers(sources: &Sources, problems: &mut Vec<Problem>) -> (Vec<Layer>, Option<SettingsFile>) {
    let mut sources = sources.clone();
    let mut lines = None;
    if let Ok(Some((path, text))) = sources.read_file() {
        lines = match Lines::of(&text) {
            Ok(lines) => Some(SettingsFile {
                path,
                lines: Some(lines),
            }),
            Err(NotToml { line }) => {
                let reason = format!("the settings file is not TOML: `{}`", path.display());
                problems.push(Problem {
                    level: Level::Refused,
                    setting: None,
                    origin: Some(path.display().to_string()),
                    line,
                    message: reason,
                    fix: Some("correct this line; the settings in the file were not checked".to_owned()),
                });
                sources = without_file(sources);
                None
            }
        };
    }
    for name in std::mem::take(&mut sources.not_text) {
        let origin = Some(name.clone());
        let problem = problem_of(ConfigError::NotText { name }, &[], None);
        problems.push(Problem { origin, ..problem });
    }
    let layers = sources.layers().or_else(|error| {
        problems.push(problem_of(error, &[], None));
        without_file(sources.clone()).layers()
    });
    (layers.unwrap_or_default(), lines)
}

fn without_file(sources: Sources) -> Sources {
    Sources {
        file: None,
        search: Vec::new(),
        ..sources
    }
}

fn problem_of(error: ConfigError, path: &[String], file: Option<&SettingsFile>) -> Problem {
    let fix = error.remedy();
    let refused = |message: String, setting: Option<String>, origin: Option<String>| Problem {
        level: Level::Refused,
        line: file.and_then(|file| file.line_of(origin.as_deref()?, path)),
        setting,
        origin,
        message,
        fix,
    };
    match error {
        ConfigError::Unknown { origin, .. } => refused(
            "there is no such setting".to_owned(),
            Some(name_of(path)),
            set_by(&origin),
        ),
        ConfigError::Invalid { reason, origin, .. } => refused(reason, Some(name_of(path)), set_by(&origin)),
        ConfigError::Unreadable { ref file, .. } => {
            let origin = Some(file.display().to_string());
            refused(error.to_string(), None, origin)
        }
        other => refused(other.to_string(), None, None),
    }
}

fn ignored_variable(name: &str) -> Problem {
    Problem {
        level: Level::Note,
        setting: None,
        origin: Some(name.to_owned()),
        line: None,
        message: "ignored, because Kubernetes sets it for a Service".to_owned(),
        fix: Some("`enableServiceLinks: false` in the pod turns such variables off".to_owned()),
    }
}

fn add_overridden(checked: &mut Checked, layers: &[Layer]) {
    let Some(file) = &checked.file else { return };
    let name = file.path.display().to_string();
    for found in overridden(layers, &name) {
        let Some(file) = &checked.file else { return };
        checked.problems.push(Problem {
            level: Level::Note,
            setting: Some(name_of(&found.path)),
            origin: Some(name.clone()),
            line: file.line_of(&name, &found.path),
            message: format!("{} overrides this value", found.by),
            fix: None,
        });
    }
}

/// The table of a setting. What is said of topics counts as one.
fn table_of(path: &[String]) -> Option<String> {
    let first = path.first()?.as_str();
    let is_of_topics = matches!(first, "topic_prefix" | "topic_defaults" | "routing");
    Some(if is_of_topics { "topics" } else { first }.to_owned())
}

/// The first secret that the file sets.
fn secret_in(layers: &[Layer], file: &SettingsFile) -> Option<String> {
    let name = file.path.display().to_string();
    let written = layers.iter().find(|layer| layer.origin() == name)?;
    let written = leaves(written.values()).into_iter();
    let mut secrets = written.filter(|(path, value)| is_secret(&path.join(".")) && value.as_str() != Some(""));
    secrets.next().map(|(path, _)| name_of(&path))
}
