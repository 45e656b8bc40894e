//! Metrics, alerts and the dashboard: promtool finds nothing wrong, docs/METRICS.md has every metric, and rules and panels name
//! only metrics that exist. `KIVEND_UPDATE_DOCS=1` writes the table anew.

mod sample;
pub mod tools;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use kivend::telemetry::TextFormat;
use serde_json::Value;

use tools::tool;

const BEGIN: &str = "<!-- metrics: made by tests/monitoring -->\n";
const END: &str = "<!-- end of metrics -->\n";

fn file(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// Everything that is exposed, in the text format 0.0.4.
fn exposed() -> [String; 2] {
    let encoded = sample::archiver().encode(sample::at(1030));
    [TextFormat::Prometheus.of_open_metrics(encoded), sample::verification()]
}

#[test]
fn promtool_finds_nothing_wrong_with_the_metrics() {
    for text in exposed() {
        let mut check = Command::new(tool("promtool"))
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        check.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = check.wait_with_output().unwrap();
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(output.status.success() && said.is_empty(), "{said}\n{text}");
    }
}

#[test]
fn promtool_accepts_the_rules_and_their_cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus");
    for arguments in [
        ["check", "config", "prometheus.yml"],
        ["test", "rules", "kivend.test.yml"],
    ] {
        let output = Command::new(tool("promtool"))
            .args(arguments)
            .current_dir(&folder)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() {
    let (rules, cases) = (
        file("deploy/prometheus/kivend.rules.yml"),
        file("deploy/prometheus/kivend.test.yml"),
    );
    let alerts: Vec<&str> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    assert!(alerts.len() > 15);
    for alert in alerts {
        assert!(
            cases.contains(&format!("        alertname: {alert}\n        exp_alerts:\n")),
            "{alert} fires in no case"
        );
        assert!(
            cases.contains(&format!(", alertname: {alert}}}\n")),
            "{alert} is quiet in no case"
        );
    }
}

/// A metric as the text format describes it.
#[derive(Debug, Default)]
struct Described {
    kind: String,
    help: String,
    labels: BTreeSet<String>,
}

fn described() -> BTreeMap<String, Described> {
    let mut all: BTreeMap<String, Described> = BTreeMap::new();
    for text in exposed() {
        let mut current = String::new();
        for line in text.lines() {
            if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
                name.clone_into(&mut current);
                all.entry(current.clone()).or_default().help = help.trim_end_matches('.').to_owned();
            } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
                all.entry(name.to_owned()).or_default().kind = kind.to_owned();
            } else if let Some((_, rest)) = line.split_once('{') {
                let names = rest.split("=\"").filter_map(|part| part.rsplit([',', '{', '"']).next());
                let labels = &mut all.get_mut(&current).unwrap().labels;
                labels.extend(names.filter(|name| is_label(name)).map(str::to_owned));
            }
        }
    }
    all
}

fn is_label(name: &str) -> bool {
    !name.is_empty() && name != "le" && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

#[test]
fn docs_metrics_has_every_metric_as_it_is_exposed() {
    let mut table = "| metric | type | labels | meaning |\n|---|---|---|---|\n".to_owned();
    for (name, metric) in described() {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        table.push_str(&format!(
            "| `{name}` | {} | {} | {} |\n",
            metric.kind,
            labels.join(" "),
            metric.help
        ));
    }
    let document = file("docs/METRICS.md");
    let (before, rest) = document.split_once(BEGIN).expect("the table's beginning");
    let (written, after) = rest.split_once(END).expect("the table's end");
    if std::env::var_os("KIVEND_UPDATE_DOCS").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/METRICS.md");
        std::fs::write(path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    } else {
        assert!(
            written == table,
            "docs/METRICS.md is not what is exposed: KIVEND_UPDATE_DOCS=1 cargo test --release docs_metrics\n{table}"
        );
    }
}

/// The queries of the dashboard, each with its panel's title.
pub fn queries() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(&file("deploy/grafana/kivend.json")).unwrap();
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            queries.push((text(&panel["title"]), text(&target["expr"])));
        }
    }
    assert!(queries.len() > 40, "{}", queries.len());
    queries
}

#[test]
fn alerts_and_panels_name_only_metrics_that_exist_and_panels_name_all_of_them() {
    let known = described();
    let rules = file("deploy/prometheus/kivend.rules.yml");
    let expressions: String = queries().into_iter().map(|(_, query)| format!("{query}\n")).collect();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut in_panels = BTreeSet::new();
    for (text, is_panel) in [(&rules, false), (&expressions, true)] {
        let words = text
            .split(|c| !is_name(c))
            .filter(|word| word.starts_with("kivend_") || word.starts_with("process_"));
        for word in words {
            let name = word.strip_suffix("_bucket").unwrap_or(word);
            assert!(known.contains_key(name), "{word} does not exist");
            if is_panel {
                in_panels.insert(name.to_owned());
            }
        }
    }
    let missing: Vec<&String> = known.keys().filter(|name| !in_panels.contains(*name)).collect();
    assert!(missing.is_empty(), "in no panel: {missing:?}");
}
