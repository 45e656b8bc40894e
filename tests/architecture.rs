//! The import rule of `ARCHITECTURE.md`, held against every source file: layers import downwards only, and the pure ones
//! name nothing that does I/O.

use std::fs;
use std::path::{Path, PathBuf};

/// For each layer, the layers that it must not name.
const MUST_NOT: [(&str, &[&str]); 10] = [
    (
        "model",
        &[
            "segment",
            "archive",
            "verify",
            "kafka",
            "store",
            "embedded",
            "app",
            "cli",
            "config",
            "clock",
            "telemetry",
        ],
    ),
    (
        "segment",
        &[
            "archive",
            "verify",
            "kafka",
            "store",
            "embedded",
            "app",
            "cli",
            "config",
            "clock",
            "telemetry",
        ],
    ),
    (
        "archive",
        &[
            "verify",
            "kafka",
            "store",
            "embedded",
            "app",
            "cli",
            "config",
            "clock",
            "telemetry",
        ],
    ),
    (
        "verify",
        &[
            "archive",
            "kafka",
            "store",
            "embedded",
            "app",
            "cli",
            "config",
            "clock",
            "telemetry",
        ],
    ),
    ("kafka", &["segment", "archive", "verify", "store", "app", "cli"]),
    ("store", &["segment", "archive", "verify", "kafka", "app", "cli"]),
    ("embedded", &["segment", "archive", "verify", "store", "app", "cli"]),
    (
        "config",
        &["segment", "archive", "verify", "kafka", "store", "app", "cli"],
    ),
    (
        "telemetry",
        &["segment", "archive", "verify", "kafka", "store", "app", "cli"],
    ),
    ("app", &["cli"]),
];

const PURE: [&str; 4] = ["model", "segment", "archive", "verify"];

/// What pure code must not name.
const IMPURE: [&str; 9] = [
    "tokio::",
    "rdkafka",
    "aws_",
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "SystemTime",
    "Instant::now",
];

#[test]
fn layers_import_downwards_only() {
    let mut broken = Vec::new();
    for (layer, must_not) in MUST_NOT {
        for (file, source) in sources(layer) {
            for upper in must_not
                .iter()
                .filter(|upper| source.contains(&format!("crate::{upper}::")))
            {
                broken.push(format!("{} names {upper}", file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn pure_layers_name_nothing_that_does_io() {
    let mut broken = Vec::new();
    for (file, source) in PURE.iter().flat_map(|layer| sources(layer)) {
        for impure in IMPURE.iter().filter(|impure| source.contains(*impure)) {
            broken.push(format!("{} names {impure}", file.display()));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_source_file_opens_with_what_it_is() {
    let all = [
        "model",
        "segment",
        "archive",
        "verify",
        "kafka",
        "store",
        "embedded",
        "config",
        "telemetry",
        "app",
        "cli",
        "bin",
    ];
    let silent: Vec<PathBuf> = all
        .iter()
        .flat_map(|layer| files(layer))
        .filter(|file| !read(file).starts_with("//!"))
        .collect();
    assert!(silent.is_empty(), "{silent:#?}");
}

/// The files of a layer with what ships in them: tests at the end of a file, and comments, may name whatever they need.
fn sources(layer: &str) -> Vec<(PathBuf, String)> {
    let shipped = |source: String| {
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        lines.collect::<Vec<_>>().join("\n")
    };
    files(layer)
        .into_iter()
        .filter(|file| !is_test(file))
        .map(|file| (file.clone(), shipped(read(&file))))
        .collect()
}

fn is_test(file: &Path) -> bool {
    file.file_stem()
        .is_some_and(|stem| stem.to_string_lossy().ends_with("tests"))
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap()
}

fn files(layer: &str) -> Vec<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found: Vec<PathBuf> = vec![source.join(format!("{layer}.rs"))];
    found.retain(|file| file.exists());
    let mut folders = vec![source.join(layer)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.extension() {
                None => folders.push(path),
                Some(kind) if kind == "rs" => found.push(path),
                Some(_) => {}
            }
        }
    }
    found
}
