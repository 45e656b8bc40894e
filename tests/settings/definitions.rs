//! The definitions of the settings, read from the source: names, types and meanings.

use std::collections::BTreeMap;
use std::path::Path;

/// One setting as it is defined.
#[derive(Debug, Clone)]
pub struct Definition {
    /// The name, such as `store.prefix` or `topics[].exclude`.
    pub name: String,
    /// Its type in the source.
    pub rust_type: String,
    pub meaning: String,
}

#[derive(Debug, Clone, Default)]
struct Field {
    name: String,
    rust_type: String,
    meaning: String,
}

/// Every setting, in the order of the source. A table is none.
pub fn definitions() -> Vec<Definition> {
    let mut structs = BTreeMap::new();
    for file in [
        "src/config/raw.rs",
        "src/config/raw_topics.rs",
        "src/config/raw_values.rs",
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        read(&std::fs::read_to_string(path).unwrap(), &mut structs);
    }
    let mut found = Vec::new();
    walk("", "Raw", &structs, &mut found);
    assert!(found.len() > 80, "only {} settings were found", found.len());
    found
}

fn read(source: &str, structs: &mut BTreeMap<String, Vec<Field>>) {
    let (mut current, mut meaning, mut renamed) = (None, String::new(), None);
    for line in source.lines() {
        let trimmed = line.trim();
        if let Some(rest) = line.strip_prefix("pub(super) struct ") {
            current = rest.split_once(" {").map(|(name, _)| name.to_owned());
            meaning.clear();
        } else if line == "}" {
            current = None;
        } else if let Some(text) = trimmed.strip_prefix("/// ") {
            meaning = [meaning.as_str(), text].join(" ").trim().to_owned();
        } else if let Some(rest) = trimmed.strip_prefix("#[serde(rename = \"") {
            renamed = rest.split_once('"').map(|(name, _)| name.to_owned());
        } else if let Some((name, rust_type)) = trimmed.strip_prefix("pub ").and_then(|rest| rest.split_once(": ")) {
            if let Some(current) = &current {
                structs.entry(current.clone()).or_default().push(Field {
                    name: renamed.take().unwrap_or_else(|| name.to_owned()),
                    rust_type: rust_type.trim_end_matches(',').to_owned(),
                    meaning: std::mem::take(&mut meaning),
                });
            }
        } else if !trimmed.starts_with("#[") {
            meaning.clear();
        }
    }
}

fn walk(prefix: &str, table: &str, structs: &BTreeMap<String, Vec<Field>>, found: &mut Vec<Definition>) {
    for field in &structs[table] {
        let name = format!("{prefix}{}", field.name);
        let list = field
            .rust_type
            .strip_prefix("Vec<")
            .and_then(|rest| rest.strip_suffix('>'));
        let item = if field.rust_type == "RawTopics" {
            Some("RawTopic")
        } else {
            list
        };
        if structs.contains_key(&field.rust_type) {
            walk(&format!("{name}."), &field.rust_type, structs, found);
            continue;
        }
        assert!(
            !field.meaning.is_empty(),
            "{name} has no comment that says what it means"
        );
        found.push(Definition {
            name: name.clone(),
            rust_type: field.rust_type.clone(),
            meaning: field.meaning.clone(),
        });
        if let Some(item) = item.filter(|item| structs.contains_key(*item)) {
            walk(&format!("{name}[]."), item, structs, found);
        }
    }
}

impl Definition {
    /// The type as a user writes it.
    pub fn shown_type(&self) -> &'static str {
        let inner = self
            .rust_type
            .strip_prefix("Option<")
            .and_then(|rest| rest.strip_suffix('>'));
        match inner.unwrap_or(&self.rust_type) {
            "String" => "text",
            "bool" => "true or false",
            "u32" | "u64" | "i32" | "usize" => "whole number",
            "Scalar" => "whole number or text",
            "Span" => "duration",
            "Size" => "size",
            "Brokers" => "list, or text with commas",
            "RawTopics" => "list of texts and tables, or text with commas",
            "RawProperties" => "table",
            "ColumnType" => "column type",
            "Vec<String>" => "list of texts",
            list if list.starts_with("Vec<Raw") => "list of tables",
            other => panic!("a type that this test does not know: {other} of {}", self.name),
        }
    }

    /// The environment variable, if one text can hold the value.
    pub fn variable(&self) -> Option<String> {
        let is_one_text = !self.shown_type().starts_with("list of t") || self.name == "topics";
        let variable = format!("KIVEND_{}", self.name.replace('.', "__").to_ascii_uppercase());
        let of_table = if self.shown_type() == "table" { "__<NAME>" } else { "" };
        (is_one_text && !self.name.contains("[]")).then(|| variable + of_table)
    }
}
