//! The lines of the archiver's log, read from the sources: each has the name of an event, a message without values, and a row in
//! docs/LOGS.md. `KIVEND_UPDATE_DOCS=1` writes the table anew.

mod calls;
mod running;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use calls::{Call, calls};

/// What runs in the archiver and logs. Commands print their messages for people.
const SOURCES: [&str; 9] = [
    "src/archive",
    "src/archiver",
    "src/kafka",
    "src/store",
    "src/task",
    "src/telemetry",
    "src/writing",
    "src/cli/reload.rs",
    "src/cli/interrupt.rs",
];

const BEGIN: &str = "<!-- events: made by tests/log_events -->\n";
const END: &str = "<!-- end of events -->\n";

fn files(place: &Path) -> Vec<PathBuf> {
    if place.is_file() {
        return vec![place.to_owned()];
    }
    let entries = std::fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.flat_map(|entry| files(&entry)).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "rs"));
    files.sort();
    files
}

fn all_calls() -> Vec<Call> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let all = SOURCES.iter().flat_map(|source| files(&top.join(source)));
    let found: Vec<Call> = all
        .flat_map(|file| {
            let name = file.strip_prefix(top).unwrap().display().to_string();
            calls(&name, &std::fs::read_to_string(&file).unwrap())
        })
        .collect();
    assert!(
        found.len() > 40,
        "only {} calls of tracing's macros were found",
        found.len()
    );
    found
}

#[test]
fn every_line_of_the_archivers_log_names_its_event_and_keeps_values_out_of_its_message() {
    let mut wrong = Vec::new();
    for call in all_calls() {
        let place = format!("{}: {}", call.file, call.message);
        if call.event.is_none() {
            wrong.push(format!("no event = \"…\" in {place}"));
        }
        if call.message.contains(['{', '=']) {
            wrong.push(format!("a value in the message of {place}"));
        }
        if call.message.is_empty() {
            wrong.push(format!("no message in {place}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// One row for each event: its levels, its fields, and its message.
fn table() -> String {
    let mut events: BTreeMap<String, Vec<Call>> = BTreeMap::new();
    for call in all_calls() {
        events
            .entry(call.event.clone().unwrap_or_default())
            .or_default()
            .push(call);
    }
    let mut rows = "| event | level | fields | message |\n|---|---|---|---|\n".to_owned();
    for (event, calls) in &events {
        let distinct = |of: fn(&Call) -> Vec<String>| {
            let mut seen: Vec<String> = Vec::new();
            for value in calls.iter().flat_map(of) {
                if !seen.contains(&value) {
                    seen.push(value);
                }
            }
            seen
        };
        let levels = distinct(|call| vec![call.level.to_uppercase()]).join(", ");
        let fields = distinct(|call| call.fields.clone());
        let fields: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
        let messages = distinct(|call| vec![call.message.clone()]).join(" · ");
        let fields = fields.join(" ");
        rows.push_str(&format!(
            "| `{event}` | {levels} | {fields} | {} |\n",
            messages.replace('|', "\\|")
        ));
    }
    rows
}

#[test]
fn docs_logs_has_every_event_as_the_sources_have_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/LOGS.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(BEGIN).expect("the table's beginning");
    let (written, after) = rest.split_once(END).expect("the table's end");
    let table = table();
    if std::env::var_os("KIVEND_UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    } else {
        assert!(
            written == table,
            "docs/LOGS.md is not what the sources say: KIVEND_UPDATE_DOCS=1 cargo test --release docs_logs\n{table}"
        );
    }
}
