//! Settings and variables that documents, units, manifests and scripts name.

use std::path::{Path, PathBuf};

use kivend::config::{Level, Sources, check};

use super::definitions::{Definition, definitions};

/// Variables that the program, its tests or scripts read, and that are no settings.
const OTHER_VARIABLES: [&str; 7] = [
    "KIVEND_CONFIG",
    "KIVEND_LOG",
    "KIVEND_LOG_FORMAT",
    "KIVEND_PKCS11_PIN",
    "KIVEND_REQUIRE_SERVERS",
    "KIVEND_BINARIES",
    "KIVEND_PACKAGES",
];
const OTHER_PREFIXES: [&str; 4] = ["KIVEND_TEST_", "KIVEND_SIM_", "KIVEND_SERVICE_", "KIVEND_PORT"];
/// Files whose names look like settings.
const FILES: [&str; 5] = [".json", ".pub", ".rs", ".toml", ".key"];
const TABLES: [&str; 7] = [
    "topic_defaults",
    "routing",
    "kafka",
    "store",
    "ingest",
    "archive",
    "telemetry",
];

fn texts() -> Vec<(PathBuf, String)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pending: Vec<PathBuf> = [
        "deploy",
        "docs",
        "config",
        "README.md",
        "CHANGELOG.md",
        "docker-compose.yml",
    ]
    .iter()
    .map(|name| top.join(name))
    .collect();
    let mut texts = Vec::new();
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            texts.push((path, text));
        }
    }
    assert!(texts.len() > 50, "only {} files were found", texts.len());
    texts
}

fn is_setting(name: &str, definitions: &[Definition]) -> bool {
    definitions.iter().any(|definition| {
        let table = format!("{}.", definition.name);
        let is_within = definition.shown_type() == "table" && name.starts_with(&table);
        definition.name == name || is_within || definition.name.starts_with(&format!("{name}."))
    })
}

#[test]
fn every_variable_that_a_document_a_unit_or_a_manifest_names_exists() {
    let definitions = definitions();
    let mut unknown = Vec::new();
    for (path, text) in texts() {
        let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        for word in text.split(|c| !is_part(c)).filter(|word| word.starts_with("KIVEND_")) {
            let setting = word
                .trim_start_matches("KIVEND_")
                .replace("__", ".")
                .to_ascii_lowercase();
            let is_other =
                OTHER_VARIABLES.contains(&word) || OTHER_PREFIXES.iter().any(|prefix| word.starts_with(prefix));
            let is_beginning = word == "KIVEND_" || word.ends_with("__");
            if !is_other && !is_beginning && !is_setting(&setting, &definitions) {
                unknown.push(format!("{}: {word}", path.display()));
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn every_setting_that_a_document_names_exists() {
    let definitions = definitions();
    let (mut unknown, mut count) = (Vec::new(), 0);
    for (path, text) in texts() {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        // What is quoted as code, and what follows --set.
        let quoted = text.split('`').skip(1).step_by(2).filter(|code| !code.contains('\n'));
        let after_set = text.split("--set ").skip(1).filter_map(|rest| rest.split('=').next());
        for word in quoted.chain(after_set).flat_map(|code| code.split(|c| !is_part(c))) {
            let word = word.trim_end_matches('.');
            let is_of_table = word.split_once('.').is_some_and(|(table, _)| TABLES.contains(&table));
            if !is_of_table || FILES.iter().any(|file| word.ends_with(file)) {
                continue;
            }
            count += 1;
            if !is_setting(word, &definitions) {
                unknown.push(format!("{}: {word}", path.display()));
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
    assert!(count > 40, "only {count} settings are named");
}

/// The settings in a document, and whole settings files.
fn examples() -> Vec<(PathBuf, String)> {
    let mut examples = Vec::new();
    for (path, text) in texts() {
        let kind = path.extension().and_then(|extension| extension.to_str());
        if kind == Some("toml") {
            examples.push((path, text));
        } else if kind == Some("md") {
            let blocks = text
                .split("```toml\n")
                .skip(1)
                .filter_map(|rest| rest.split("```").next());
            examples.extend(blocks.map(|block| (path.clone(), block.to_owned())));
        }
    }
    assert!(examples.len() > 5, "only {} examples were found", examples.len());
    examples
}

#[test]
fn every_example_of_settings_is_accepted() {
    for (path, text) in examples() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kivend.toml");
        std::fs::write(&file, &text).unwrap();
        let sources = Sources {
            file: Some(file),
            ..Sources::default()
        };
        let problems = check(&sources).problems;
        let grave: Vec<_> = problems.iter().filter(|problem| problem.level != Level::Note).collect();
        assert!(grave.is_empty(), "{}:\n{text}\n{grave:#?}", path.display());
    }
}
