//! What the documents tell users to type is accepted by the command line, what they link to exists, each alert is in the
//! runbook, and the speeds are what was measured.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser as _;
use clap::error::ErrorKind;
use kivend::cli::{Archiver, Kivend};

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The documents for users, by their paths.
fn documents() -> Vec<(PathBuf, String)> {
    let mut pending = vec![top().join("docs"), top().join("deploy"), top().join("README.md")];
    let mut documents = Vec::new();
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            let text = std::fs::read_to_string(&path).unwrap();
            documents.push((path, text));
        }
    }
    assert!(documents.len() > 20, "only {} documents were found", documents.len());
    documents
}

/// The words of a line of shell up to a comment, a pipe or another command; `None` if it is more than words.
fn words(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in line.chars() {
        match (quote, letter) {
            (None, '#') if word.is_none() => break,
            (None, '>' | '<') => {
                // The number of a stream is none of the words.
                word = word.filter(|word| !word.bytes().all(|byte| byte.is_ascii_digit()));
                break;
            }
            (None, '|' | '&' | ';') => break,
            (None, '$' | '`' | '…') => return None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (Some(opening), _) if opening == letter => quote = None,
            (None, ' ') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    Some(words)
}

/// The lines of a document's blocks of shell that begin with `kivend` or `kivend-archiver`, perhaps as another user or with
/// variables.
fn commands(text: &str) -> Vec<Vec<String>> {
    let blocks = text
        .split("```sh")
        .skip(1)
        .filter_map(|rest| rest.split_once('\n')?.1.split("```").next());
    let joined: String = blocks.map(|block| block.replace("\\\n", " ")).collect();
    let lines = joined.lines().map(|line| {
        let variables = |line: &str| {
            line.split_once(' ')
                .filter(|(word, _)| word.contains('='))
                .map(|(_, rest)| rest.to_owned())
        };
        let line = line.trim_start_matches("runuser -u kivend -- ");
        variables(line).unwrap_or_else(|| line.to_owned())
    });
    let kivend = lines.filter(|line| line.starts_with("kivend ") || line.starts_with("kivend-archiver "));
    kivend.filter_map(|line| words(&line)).collect()
}

fn parse(command: &[String]) -> Result<(), clap::Error> {
    if command[0] == "kivend-archiver" {
        Archiver::try_parse_from(command).map(drop)
    } else {
        Kivend::try_parse_from(command).map(drop)
    }
}

fn is_placeholder(word: &str) -> bool {
    word.len() > 1 && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

#[test]
fn every_command_in_a_document_is_accepted_by_the_command_line() {
    let (mut refused, mut count) = (Vec::new(), 0);
    for (path, text) in documents() {
        for command in commands(&text) {
            count += 1;
            if let Err(error) = parse(&command) {
                // A value that the reader has to fill in, such as VKEY1.
                if error.kind() == ErrorKind::ValueValidation && command.iter().any(|word| is_placeholder(word)) {
                    continue;
                }
                let reason = error.to_string();
                let reason = reason.lines().next().unwrap_or_default();
                refused.push(format!("{}: {}: {reason}", path.display(), command.join(" ")));
            }
        }
    }
    assert!(refused.is_empty(), "{refused:#?}");
    assert!(count > 120, "only {count} commands were found");
}

#[test]
fn every_alert_has_a_section_in_the_runbook_and_every_such_section_an_alert() {
    let rules = std::fs::read_to_string(top().join("deploy/prometheus/kivend.rules.yml")).unwrap();
    let runbook = std::fs::read_to_string(top().join("docs/OPERATE.md")).unwrap();
    let alerts: Vec<&str> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    let sections: Vec<&str> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .filter(|title| title.starts_with("Kivend"))
        .collect();
    assert!(alerts.len() > 15);
    assert_eq!(sections, alerts);
    for alert in alerts {
        let section = runbook.split(&format!("### {alert}\n")).nth(1).unwrap_or_default();
        let text = section.split("\n#").next().unwrap_or_default();
        assert!(text.trim().len() > 80, "the section of {alert} says nothing");
    }
}

#[test]
fn every_alert_links_to_its_section_of_the_runbook() {
    let rules = std::fs::read_to_string(top().join("deploy/prometheus/kivend.rules.yml")).unwrap();
    for rule in rules.split("- alert: ").skip(1) {
        let alert = rule.lines().next().unwrap_or_default();
        let link = format!("runbook_url: \"docs/OPERATE.md#{}\"\n", anchor(alert));
        assert!(rule.contains(&link), "{alert} has no {link}");
    }
}

/// The anchor that a heading gets.
fn anchor(title: &str) -> String {
    let kept = title.to_lowercase();
    let kept = kept
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    let mut broken = Vec::new();
    for (path, text) in documents() {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") || target.contains('\n') {
                continue;
            }
            let (file, place) = target.split_once('#').unwrap_or((target, ""));
            let linked = if file.is_empty() {
                path.clone()
            } else {
                path.parent().unwrap().join(file)
            };
            let linked = if linked.is_dir() && !place.is_empty() {
                linked.join("README.md")
            } else {
                linked
            };
            let has_place = || {
                let text = std::fs::read_to_string(&linked).unwrap_or_default();
                let titles = text.lines().filter_map(|line| {
                    line.split_once("# ")
                        .filter(|(marks, _)| marks.chars().all(|c| c == '#'))
                });
                titles.map(|(_, title)| anchor(title)).any(|known| known == place)
            };
            if !linked.exists() || !place.is_empty() && !has_place() {
                broken.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_table_of_speed_in_the_comparison_is_the_one_that_the_comparison_wrote() {
    let page = std::fs::read_to_string(top().join("docs/COMPARISON.md")).unwrap();
    let section = page.split("\n## Speed\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let (name, rest) = section
        .split_once("<!-- begin ")
        .and_then(|(_, rest)| rest.split_once(" -->\n"))
        .expect("the section has no marks of the table: see benches/README.md");
    let shown = rest.split(&format!("<!-- end {name} -->")).next().unwrap();
    let folder = top().join(name).parent().unwrap().to_owned();
    let command = format!(
        "benches/compare --report --results {}",
        folder.strip_prefix(top()).unwrap().display()
    );
    assert_eq!(
        shown,
        std::fs::read_to_string(top().join(name)).unwrap(),
        "run: {command}"
    );
    let again = tempfile::tempdir().unwrap();
    for file in ["compare.json", "compare.jsonl"] {
        std::fs::copy(folder.join(file), again.path().join(file)).unwrap();
    }
    let report = Command::new(top().join("benches/compare"))
        .args(["--report", "--results"])
        .arg(again.path())
        .output()
        .unwrap();
    assert!(report.status.success(), "{}", String::from_utf8_lossy(&report.stderr));
    let measured = std::fs::read_to_string(again.path().join("speed.md")).unwrap();
    assert_eq!(shown, measured, "not what was measured; run: {command}");
    let elsewhere = section
        .lines()
        .filter(|line| line.starts_with('|') && !shown.contains(line));
    assert_eq!(
        elsewhere.collect::<Vec<_>>(),
        Vec::<&str>::new(),
        "rows that no comparison wrote"
    );
}

#[test]
fn the_row_of_speeds_in_the_readme_is_what_was_measured() {
    let readme = std::fs::read_to_string(top().join("README.md")).unwrap();
    let compared = std::fs::read(top().join("benches/results/recorded/compare.json")).unwrap();
    let compared: serde_json::Value = serde_json::from_slice(&compared).unwrap();
    let results = compared["results"].as_array().unwrap();
    let of = |who: &str| {
        let archived = results
            .iter()
            .filter(|one| one["step"] == "archive" && one["who"] == who);
        // Records of the shop, not those of other sizes.
        let archived = archived.filter(|one| one["source"] == results[0]["source"]);
        let most = archived.max_by_key(|one| one["events"].as_u64());
        let median = |one: &serde_json::Value, field: &str| one[field]["median"].as_f64().unwrap();
        most.map_or("not measured".to_owned(), |one| {
            format!(
                "{:.0},000/s, {:.1} µs, {:.0} MiB",
                median(one, "per_s") / 1000.0,
                median(one, "cpu_us"),
                median(one, "peak_rss_bytes") / f64::from(1 << 20)
            )
        })
    };
    let row = format!(
        "| {} | not measured | {} | {} | {} | – |",
        of("kivend"),
        of("Iceberg sink on Kafka Connect"),
        of("Spark"),
        of("kafka-backup")
    );
    assert!(readme.contains(&row), "the row should end with {row}");
    let commit = format!("commit {}", compared["machine"]["commit"].as_str().unwrap());
    assert!(readme.contains(&commit), "the README does not name {commit}");
}
