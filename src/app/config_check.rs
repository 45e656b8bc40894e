//! Checks the settings, and the files that they name, without contacting anything.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::config::{self, ArchiveSettings, CheckpointCopy, Level, Problem, Settings, Sources, StoreBackend};
use crate::error::{Explain as _, Kind};
use crate::writing::key_source::KeySource;
use crate::writing::private_file::{self, Unreadable};

/// Librdkafka's properties that name a file that it reads.
const KAFKA_FILES: [&str; 5] = [
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.keystore.location",
    "ssl.crl.location",
];

/// What is wrong with the settings.
#[derive(Debug, Serialize)]
pub struct ConfigReport {
    /// The settings file, if one is read.
    pub file: Option<PathBuf>,
    /// Whether a program with these settings starts, and every setting takes effect.
    pub ok: bool,
    /// The most severe first.
    pub problems: Vec<Problem>,
}

/// Checks what the sources give.
#[must_use]
pub fn check(sources: &Sources) -> ConfigReport {
    let file = sources.file_in_use().cloned();
    let mut checked = config::check(sources);
    let settings = checked.loaded.as_ref().map(|loaded| loaded.settings.clone());
    for found in settings.iter().flat_map(named_files) {
        checked.add(found.level, &found.setting, (found.message, found.fix));
    }
    if let Some(problem) = file
        .as_deref()
        .zip(checked.secret.clone())
        .and_then(|(file, secret)| exposed_settings(file, secret))
    {
        checked.problems.push(problem);
    }
    checked.sort();
    let problems = checked.problems;
    ConfigReport {
        file,
        ok: problems.iter().all(|problem| problem.level == Level::Note),
        problems,
    }
}

/// A problem before its place in the settings is known.
struct Found {
    level: Level,
    setting: Vec<String>,
    message: String,
    fix: Option<String>,
}

impl Found {
    fn new(level: Level, setting: Vec<String>, message: String) -> Found {
        Found {
            level,
            setting,
            message,
            fix: None,
        }
    }
}

/// Files that the settings name, and that are missing or readable by others.
fn named_files(settings: &Settings) -> Vec<Found> {
    let mut found = Vec::new();
    let archive = &settings.archive;
    if let StoreBackend::S3(s3) = &settings.store.backend {
        found.extend(
            s3.ca_file
                .as_deref()
                .and_then(|file| public(&["store", "ca_file"], file)),
        );
    }
    for name in KAFKA_FILES {
        // librdkafka reads `probe` as the system's own folder.
        let file = settings.kafka.properties.get(name).filter(|file| *file != "probe");
        found.extend(file.and_then(|file| public(&["kafka", "properties", name], Path::new(file))));
    }
    found.extend(signing_key(archive));
    if let Some(token) = &archive.pkcs11 {
        found.extend(public(&["archive", "pkcs11", "module"], &token.module));
        let file = token.pin_file.as_deref().filter(|_| token.pin.is_none());
        let missing = (Level::Refused, "");
        found.extend(file.and_then(|file| secret(&["archive", "pkcs11", "pin_file"], file, missing)));
    }
    for (number, copy) in archive.checkpoint_copies.iter().enumerate() {
        if let CheckpointCopy::Store(place) = copy
            && let StoreBackend::Directory(folder) = &place.backend
            && !folder.is_dir()
        {
            let path = path_of(&["archive", "checkpoint_copies", &number.to_string()]);
            let reason = format!("the folder does not exist: `{}`", folder.display());
            found.push(Found::new(Level::Refused, path, reason));
        }
    }
    found
}

/// The signing key, where it is in a file or a setting.
fn signing_key(archive: &ArchiveSettings) -> Option<Found> {
    let setting = if archive.key.is_some() { "key" } else { "key_file" };
    let error = KeySource::from(archive).examine().err()?;
    let path = path_of(&["archive", setting]);
    if error.kind() == Kind::Input {
        let shown = archive.key_file.as_deref().unwrap_or(Path::new("")).display();
        let missing = format!("the file does not exist: `{shown}`; `kivend init` creates the signing key in it");
        return Some(Found::new(Level::Note, path, missing));
    }
    Some(Found {
        fix: error.remedy(),
        ..Found::new(Level::Refused, path, error.to_string())
    })
}

fn path_of(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

/// A file that anyone may read, and that must be there.
fn public(setting: &[&str], file: &Path) -> Option<Found> {
    let error = fs::metadata(file).err()?;
    let reason = match error.kind() {
        io::ErrorKind::NotFound => "the file does not exist".to_owned(),
        _ => format!("the file cannot be read: {error}"),
    };
    let message = format!("{reason}: `{}`", file.display());
    Some(Found::new(Level::Refused, path_of(setting), message))
}

/// A file that only its owner may read. `missing` is the level if it is not there, and what is said after its name.
fn secret(setting: &[&str], file: &Path, missing: (Level, &str)) -> Option<Found> {
    let why = private_file::examine(file).err()?;
    let (level, hint) = match why {
        Unreadable::Missing => missing,
        _ => (Level::Refused, ""),
    };
    let message = format!("{why}: `{}`{hint}", file.display());
    Some(Found::new(level, path_of(setting), message))
}

/// A settings file that holds a secret and that every user may read.
fn exposed_settings(file: &Path, secret: String) -> Option<Problem> {
    let mode = fs::metadata(file).ok()?.mode();
    (mode & 0o007 != 0).then(|| Problem {
        level: Level::Refused,
        setting: Some(secret),
        origin: Some(file.display().to_string()),
        line: None,
        message: format!(
            "a secret is in a file that every user may read, with mode {:o}",
            mode & 0o777
        ),
        fix: Some(format!("chmod o= {}, or set the secret in a variable", file.display())),
    })
}
