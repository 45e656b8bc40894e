//! Which source file imports which, read from `use` and from paths that begin with `crate::`. Tests do not count, nor do
//! comments, nor the declaration of a module.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The source files by their module: `archiver::driver`; a folder's `mod.rs` is the folder, and `lib.rs` is "".
pub struct Sources {
    /// Code that ships, without comments.
    pub shipped: BTreeMap<String, String>,
    /// Lines of each file, tests and comments included.
    pub lines: BTreeMap<String, usize>,
}

impl Sources {
    pub fn read() -> Sources {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let (mut shipped, mut lines) = (BTreeMap::new(), BTreeMap::new());
        for file in files(&root) {
            let text = fs::read_to_string(&file).unwrap();
            let module = module_of(file.strip_prefix(&root).unwrap());
            lines.insert(module.clone(), text.lines().count());
            if !is_test(&file) {
                shipped.insert(module, without_tests(&text));
            }
        }
        Sources { shipped, lines }
    }

    /// For each file the files that it imports.
    pub fn imports(&self) -> BTreeMap<String, BTreeSet<String>> {
        let of = |(module, code): (&String, &String)| (module.clone(), self.imported(module, code));
        self.shipped.iter().map(of).collect()
    }

    fn imported(&self, module: &str, code: &str) -> BTreeSet<String> {
        let children: Vec<&str> = code.lines().filter_map(declared).collect();
        let mut paths = Vec::new();
        let mut rest = String::new();
        for statement in code.split_inclusive(';') {
            match use_tree(statement) {
                Some(tree) => paths.extend(expand("", tree)),
                None => rest.push_str(statement),
            }
        }
        paths.extend(inline_paths(&rest, "crate"));
        for child in &children {
            paths.extend(inline_paths(&rest, child));
        }
        let absolute = paths.iter().filter_map(|path| absolute(module, &children, path));
        let files = absolute.filter_map(|path| self.file_of(&path));
        files.filter(|file| file != module).collect()
    }

    /// The file that a path leads to: that of its longest part which is one.
    fn file_of(&self, path: &str) -> Option<String> {
        let parts: Vec<&str> = path.split("::").collect();
        let longest = (1..=parts.len()).rev().map(|length| parts[..length].join("::"));
        longest.into_iter().find(|module| self.shipped.contains_key(module))
    }
}

/// `mod name;`, whatever its visibility.
fn declared(line: &str) -> Option<&str> {
    let (before, after) = line.trim().split_once("mod ")?;
    let is_visibility = before.is_empty() || before.starts_with("pub");
    is_visibility.then(|| after.strip_suffix(';')).flatten()
}

/// What stands between `use` and `;`.
fn use_tree(statement: &str) -> Option<&str> {
    let line = statement.lines().position(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix("pub").map_or(line, |line| {
            line.strip_prefix('(')
                .and_then(|line| line.split_once(')'))
                .map_or(line, |(_, line)| line)
                .trim_start()
        });
        line.starts_with("use ")
    })?;
    let from = statement.lines().take(line).map(|line| line.len() + 1).sum::<usize>();
    let (_, tree) = statement[from..].split_once("use ")?;
    tree.strip_suffix(';')
}

/// The paths of a tree with braces.
fn expand(prefix: &str, tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((head, inner)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        return vec![format!("{prefix}{path}")];
    };
    let inner = inner.trim_end().strip_suffix('}').unwrap_or(inner);
    let (mut depth, mut from, mut parts) = (0, 0, Vec::new());
    for (at, letter) in inner.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[from..]);
    let prefix = format!("{prefix}{}", head.trim());
    let parts = parts.into_iter().filter(|part| !part.trim().is_empty());
    parts.flat_map(|part| expand(&prefix, part)).collect()
}

/// Paths in code that begin with this name.
fn inline_paths(code: &str, first: &str) -> Vec<String> {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    let starts = format!("{first}::");
    let found = code.match_indices(&starts).filter(|(at, _)| {
        let before = code[..*at].chars().next_back();
        before.is_none_or(|letter| !is_part(letter) && letter != ':')
    });
    let path = |(at, _): (usize, &str)| {
        let end = code[at..]
            .find(|letter| !is_part(letter) && letter != ':')
            .map_or(code.len(), |end| at + end);
        code[at..end].trim_end_matches(':').to_owned()
    };
    found.map(path).collect()
}

/// The path from the crate's root; nothing for what is not of this crate.
fn absolute(module: &str, children: &[&str], path: &str) -> Option<String> {
    let below = |parent: &str, rest: &str| match parent {
        "" => rest.to_owned(),
        parent => format!("{parent}::{rest}"),
    };
    if let Some(rest) = path.strip_prefix("crate::") {
        return Some(rest.to_owned());
    }
    if let Some(rest) = path.strip_prefix("self::") {
        return Some(below(module, rest));
    }
    if let Some(mut rest) = path.strip_prefix("super::") {
        let mut parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
        while let Some(further) = rest.strip_prefix("super::") {
            rest = further;
            parent = parent.rsplit_once("::").map_or("", |(parent, _)| parent);
        }
        return Some(below(parent, rest));
    }
    let first = path.split("::").next().unwrap_or_default();
    children.contains(&first).then(|| below(module, path))
}

fn without_tests(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn is_test(file: &Path) -> bool {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    stem.ends_with("tests") || stem == "snapshots" || stem == "reference"
}

fn module_of(file: &Path) -> String {
    let name = file.with_extension("").to_string_lossy().replace('/', "::");
    match name.as_str() {
        "lib" => String::new(),
        name => name.strip_suffix("::mod").unwrap_or(name).to_owned(),
    }
}

fn files(root: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
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
