//! The rules of imports in `ARCHITECTURE.md`, checked on every source file: rooms import downwards only, no file imports one
//! that imports it back, the pure rooms name nothing that does I/O, and no file is longer than four hundred lines. Messages
//! have their values in words.

mod imports;
mod messages;

use std::collections::{BTreeMap, BTreeSet};

use imports::Sources;

/// The staircase, from the bottom up: a file imports from its own room and from those before it.
const ROOMS: [&str; 25] = [
    "record",
    "json",
    "error",
    "memory",
    "clock",
    "config",
    "event",
    "synthetic",
    "segment",
    "log",
    "archive",
    "verify",
    "audit",
    "kafka",
    "store",
    "telemetry",
    "task",
    "embedded",
    "reading",
    "writing",
    "archiver",
    "app",
    "cli",
    "bin",
    "",
];

const PURE: [&str; 9] = [
    "record",
    "json",
    "event",
    "synthetic",
    "segment",
    "log",
    "archive",
    "verify",
    "audit",
];

/// What pure code must not name.
const IMPURE: [&str; 10] = [
    "tokio::",
    "rdkafka",
    "aws_",
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "tracing::",
    "SystemTime",
    "Instant::now",
];

const LINES_MAX: usize = 400;

#[test]
fn rooms_import_downwards_only() {
    let sources = Sources::read();
    let step = |module: &str| {
        let room = module.split("::").next().unwrap_or_default();
        let step = ROOMS.iter().position(|known| *known == room);
        step.unwrap_or_else(|| panic!("the room {room} is not on the staircase"))
    };
    let mut upwards = Vec::new();
    for (file, imported) in sources.imports() {
        for other in imported {
            if step(&other) > step(&file) {
                upwards.push(format!("{file} imports {other}"));
            }
        }
    }
    assert!(upwards.is_empty(), "{upwards:#?}");
}

#[test]
fn no_file_imports_one_that_imports_it_back() {
    let imports = Sources::read().imports();
    if let Some(circle) = circle(&imports) {
        panic!("a circle of imports: {}", circle.join(" → "));
    }
}

#[test]
fn the_walk_that_looks_for_circles_finds_one() {
    let edges = |pairs: &[(&str, &str)]| {
        let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in pairs {
            imports.entry((*from).to_owned()).or_default().insert((*to).to_owned());
            imports.entry((*to).to_owned()).or_default();
        }
        imports
    };
    assert_eq!(circle(&edges(&[("a", "b"), ("b", "c"), ("a", "c")])), None);
    let found = circle(&edges(&[("a", "b"), ("b", "c"), ("c", "d"), ("d", "b")])).unwrap();
    assert_eq!(found, ["b", "c", "d", "b"]);
}

#[test]
fn pure_rooms_name_nothing_that_does_io() {
    let mut broken = Vec::new();
    for (module, code) in &Sources::read().shipped {
        let room = module.split("::").next().unwrap_or_default();
        if PURE.contains(&room) {
            let named = IMPURE.iter().filter(|impure| code.contains(*impure));
            broken.extend(named.map(|impure| format!("{module} names {impure}")));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn no_source_file_is_longer_than_four_hundred_lines() {
    let sources = Sources::read();
    let long: Vec<_> = sources.lines.iter().filter(|(_, lines)| **lines > LINES_MAX).collect();
    assert!(long.is_empty(), "{long:#?}");
}

/// A circle among the files, if there is one, with its first file repeated at the end.
fn circle(imports: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    let (mut done, mut path) = (BTreeSet::new(), Vec::new());
    imports
        .keys()
        .find_map(|file| walk(file, imports, &mut done, &mut path))
}

fn walk(
    file: &str,
    imports: &BTreeMap<String, BTreeSet<String>>,
    done: &mut BTreeSet<String>,
    path: &mut Vec<String>,
) -> Option<Vec<String>> {
    if let Some(at) = path.iter().position(|known| known == file) {
        let mut circle = path[at..].to_vec();
        circle.push(file.to_owned());
        return Some(circle);
    }
    if done.contains(file) {
        return None;
    }
    path.push(file.to_owned());
    let found = imports
        .get(file)
        .and_then(|next| next.iter().find_map(|next| walk(next, imports, done, path)));
    path.pop();
    done.insert(file.to_owned());
    found
}
