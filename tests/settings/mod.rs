//! docs/SETTINGS.md is what the sources define, and every setting that a document, a unit or a manifest names exists.
//! `KIVEND_UPDATE_DOCS=1` writes the tables anew.

mod definitions;
mod named;

use std::path::Path;

use clap::CommandFactory as _;
use kivend::cli::Kivend;
use kivend::config::{ConfigError, Entry, Loaded, Sources, check, load};

use definitions::{Definition, definitions};

const BEGIN: &str = "<!-- settings: made by tests/settings -->\n";
const END: &str = "<!-- end of settings -->\n";

fn file(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn defaults() -> Loaded {
    load(&Sources::default()).unwrap()
}

/// The default as it is written in a settings file.
fn default_of(definition: &Definition, entries: &[Entry]) -> String {
    let name = &definition.name;
    if definition.shown_type() == "table" {
        let within = entries.iter().filter_map(|entry| {
            let property = entry.key.strip_prefix(name)?.strip_prefix('.')?;
            Some(format!("`{property} = {}`", entry.value))
        });
        return within.collect::<Vec<_>>().join(" ");
    }
    if entries.iter().any(|entry| entry.key.starts_with(&format!("{name}["))) {
        return "[config/kivend.toml](../config/kivend.toml)".to_owned();
    }
    match entries.iter().find(|entry| entry.key == *name) {
        Some(entry) => format!("`{}`", entry.value),
        None => String::new(),
    }
}

/// The options of the command line that are settings, by setting.
fn flag_of(name: &str) -> Option<String> {
    let command = Kivend::command();
    let is_setting = |help: String| {
        let setting = help
            .strip_prefix("The setting ")
            .map(|rest| rest.split(':').next() == Some(name));
        setting == Some(true)
    };
    let mut flags = command.get_arguments().filter(|argument| {
        let help = argument.get_help().map(ToString::to_string);
        help.is_some_and(is_setting)
    });
    flags.next().and_then(|flag| Some(format!("--{}", flag.get_long()?)))
}

fn section_of(name: &str) -> String {
    match name.split_once('.') {
        None => "topics".to_owned(),
        Some((first, _)) if first.starts_with("topics") => "topics".to_owned(),
        Some(_) => {
            let parents = name.rsplit_once('.').map_or("", |(parents, _)| parents);
            parents.replace("[]", "").split('.').take(1).collect()
        }
    }
}

fn tables() -> String {
    let entries = defaults().entries;
    let (mut text, mut section) = (String::new(), String::new());
    for definition in definitions() {
        let of = section_of(&definition.name);
        if of != section {
            let before = if section.is_empty() { "" } else { "\n" };
            text.push_str(&format!(
                "{before}### {of}\n\n| setting | type | default | also set by | meaning |\n|---|---|---|---|---|\n"
            ));
            section = of;
        }
        let also = [definition.variable(), flag_of(&definition.name)];
        let also: Vec<String> = also.into_iter().flatten().map(|name| format!("`{name}`")).collect();
        text.push_str(&format!(
            "| `{}` | {} | {} | {} | {} |\n",
            definition.name,
            definition.shown_type(),
            default_of(&definition, &entries),
            also.join(" "),
            definition.meaning
        ));
    }
    text
}

#[test]
fn docs_settings_has_every_setting_as_the_sources_define_it() {
    let document = file("docs/SETTINGS.md");
    let (before, rest) = document.split_once(BEGIN).expect("the tables' beginning");
    let (written, after) = rest.split_once(END).expect("the tables' end");
    let tables = tables();
    if std::env::var_os("KIVEND_UPDATE_DOCS").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/SETTINGS.md");
        std::fs::write(path, format!("{before}{BEGIN}{tables}{END}{after}")).unwrap();
    } else {
        assert!(
            written == tables,
            "docs/SETTINGS.md is not what the sources define: KIVEND_UPDATE_DOCS=1 cargo test --release docs_settings\n{tables}"
        );
    }
}

#[test]
fn every_setting_that_is_loaded_is_defined_and_every_variable_that_is_documented_is_read() {
    let definitions = definitions();
    for entry in defaults().entries {
        let name = entry.key.split('[').next().unwrap_or_default();
        let is_defined = definitions.iter().any(|definition| {
            let of_table = definition.shown_type() == "table" && name.starts_with(&format!("{}.", definition.name));
            definition.name == name || of_table
        });
        assert!(is_defined, "{name}");
    }
    let mut flags = 0;
    for definition in definitions {
        flags += usize::from(flag_of(&definition.name).is_some());
        let Some(variable) = definition.variable() else {
            continue;
        };
        let sources = Sources {
            environment: vec![(variable.replace("<NAME>", "X"), "1".to_owned())],
            ..Sources::default()
        };
        let unknown = matches!(load(&sources), Err(ConfigError::Unknown { .. }));
        assert!(!unknown, "{variable} is no setting");
    }
    assert_eq!(flags, 7, "options whose help says which setting they are");
}

#[test]
fn the_settings_for_production_have_no_problem() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/production.toml");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_kivend"))
        .args(["config", "check"])
        .arg(&path)
        .env_clear()
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(!shown.contains("error:") && !shown.contains("no effect:"), "{shown}");
    let sources = Sources {
        file: Some(path),
        ..Sources::default()
    };
    assert!(check(&sources).loaded.is_some());
}
