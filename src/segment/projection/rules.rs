//! The rules of typed columns: which member of a JSON value fills which column. Their text in a segment's footer, and the
//! tree of paths that they compile to.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::error::Kind;
use crate::json::canonical::{self, NotCanonical};
pub use crate::json::column_type::ColumnType;

/// The maximum number of rules: an untrusted footer must not make rows arbitrarily expensive.
pub const MAX_RULES: usize = 1000;

/// Columns that every segment has, whose names no rule may take.
const RESERVED: [&str; 11] = [
    "topic",
    "partition",
    "epoch",
    "offset",
    "timestamp",
    "timestamp_type",
    "key",
    "value",
    "headers",
    "timestamp_out_of_range_ms",
    "parse_error",
];

/// A typed column: the member at `path` as `column_type` in `column`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The column's name: matches `[a-z_][a-z0-9_]*` and is unique.
    pub column: String,
    /// A non-empty JSON pointer (RFC 6901) through objects.
    pub path: String,
    /// The type of the member.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
}

impl Rule {
    /// A rule, not yet checked.
    #[must_use]
    pub fn new(column: &str, path: &str, column_type: ColumnType) -> Rule {
        Rule {
            column: column.into(),
            path: path.into(),
            column_type,
        }
    }
}

/// Why rules are not a projection.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// The name needs quoting in SQL, or an authoritative column has it.
    #[error(
        "a typed column's name must match [a-z_][a-z0-9_]* and not be that of an authoritative column, as {0:?} does not"
    )]
    Column(String),
    /// Two rules fill the same column.
    #[error("two rules name the typed column {0}")]
    Repeated(String),
    /// Not a JSON pointer.
    #[error("a rule's path must be a non-empty JSON pointer such as /a/b, not {0:?}")]
    Path(String),
    /// Too many rules.
    #[error("a projection has at most {MAX_RULES} rules, not {0}")]
    TooMany(usize),
    /// The footer's text is not the canonical JSON of rules.
    #[error(transparent)]
    Text(#[from] NotCanonical),
}

impl ProjectionError {
    /// Rules come from the configuration, their text from a stored footer.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            ProjectionError::Text(_) => Kind::Corrupt,
            _ => Kind::Config,
        }
    }
}

/// Valid rules, in the order of their columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    rules: Vec<Rule>,
    nodes: Vec<Node>,
}

/// A step of one or more paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Node {
    /// The next steps, by unescaped member name.
    pub(crate) members: Vec<(Box<[u8]>, NodeId)>,
    /// The rules whose path ends here.
    pub(crate) rules: Vec<usize>,
}

/// Index of a [`Node`]; 0 is the whole value.
pub(crate) type NodeId = usize;

impl Projection {
    /// No typed columns, only `parse_error`.
    #[must_use]
    pub fn none() -> Projection {
        Projection {
            rules: Vec::new(),
            nodes: vec![Node::default()],
        }
    }

    /// Checks and compiles the rules.
    ///
    /// # Errors
    /// [`ProjectionError`] if a rule is not valid.
    pub fn new(rules: Vec<Rule>) -> Result<Projection, ProjectionError> {
        if rules.len() > MAX_RULES {
            return Err(ProjectionError::TooMany(rules.len()));
        }
        let mut columns = HashSet::new();
        for rule in &rules {
            if !is_column_name(&rule.column) {
                return Err(ProjectionError::Column(rule.column.clone()));
            }
            if !columns.insert(rule.column.as_str()) {
                return Err(ProjectionError::Repeated(rule.column.clone()));
            }
        }
        let mut nodes = vec![Node::default()];
        for (index, rule) in rules.iter().enumerate() {
            let steps = pointer_steps(&rule.path).ok_or_else(|| ProjectionError::Path(rule.path.clone()))?;
            let end = steps.into_iter().fold(0, |node, step| member(&mut nodes, node, step));
            nodes[end].rules.push(index);
        }
        Ok(Projection { rules, nodes })
    }

    /// Reads the footer's text, which must be exactly what [`Projection::to_text`] writes.
    ///
    /// # Errors
    /// [`ProjectionError`] for any other text, and for rules that are not valid.
    pub fn from_text(text: &str) -> Result<Projection, ProjectionError> {
        Projection::new(canonical::from_text(&format!("{text}\n"))?)
    }

    /// The rules as canonical JSON without a final newline, for the footer.
    ///
    /// # Errors
    /// None in practice: rules have a JSON form.
    pub fn to_text(&self) -> Result<String, ProjectionError> {
        let mut text = canonical::to_text(&self.rules).map_err(NotCanonical::from)?;
        text.pop();
        Ok(text)
    }

    /// The rules, in the order of their columns.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id]
    }

    pub(crate) fn node_count(&self) -> usize {
        self.nodes.len()
    }
}

/// The node of the member `name` below `node`; created if it does not exist.
fn member(nodes: &mut Vec<Node>, node: NodeId, name: String) -> NodeId {
    let name = name.into_bytes().into_boxed_slice();
    if let Some((_, known)) = nodes[node].members.iter().find(|(known, _)| *known == name) {
        return *known;
    }
    let id = nodes.len();
    nodes.push(Node::default());
    nodes[node].members.push((name, id));
    id
}

fn is_column_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    name.bytes().next().is_some_and(letter)
        && name.bytes().all(|byte| letter(byte) || byte.is_ascii_digit())
        && !RESERVED.contains(&name)
}

/// The unescaped steps of an RFC 6901 pointer; none if the text is not one, or points to the whole value.
fn pointer_steps(path: &str) -> Option<Vec<String>> {
    let mut steps = path.split('/');
    if steps.next() != Some("") || path.is_empty() {
        return None;
    }
    steps.map(unescape_step).collect()
}

fn unescape_step(step: &str) -> Option<String> {
    let mut name = String::with_capacity(step.len());
    let mut chars = step.chars();
    while let Some(char) = chars.next() {
        name.push(match char {
            '~' => match chars.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            other => other,
        });
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Vec<Rule> {
        vec![
            Rule::new("event_ts", "/ts", ColumnType::TimestampUs),
            Rule::new("name", "/a~1b/m~0n/", ColumnType::String),
        ]
    }

    #[test]
    fn the_text_in_the_footer_follows_the_format() {
        let projection = Projection::new(example()).unwrap();
        let text = projection.to_text().unwrap();
        assert_eq!(
            text,
            r#"[{"column":"event_ts","path":"/ts","type":"timestamp_us"},{"column":"name","path":"/a~1b/m~0n/","type":"string"}]"#
        );
        assert_eq!(Projection::from_text(&text).unwrap(), projection);
        assert_eq!(Projection::none().to_text().unwrap(), "[]");
        assert_eq!(Projection::from_text("[]").unwrap(), Projection::none());
    }

    #[test]
    fn a_footer_text_that_is_not_canonical_is_refused() {
        for text in [
            "",
            "[] ",
            "[]\n",
            "{}",
            r#"[{"column":"a","path":"/a","type":"String"}]"#,
            r#"[{"column":"a","path":"/a","type":"string","more":1}]"#,
            r#"[{"path":"/a","column":"a","type":"string"}]"#,
            r#"[{"column":"a","path":"/a"}]"#,
            r#"[{"column":"a","path":"","type":"string"}]"#,
            r#"[{"column":"a","path":"/a","type":"string"},{"column":"a","path":"/b","type":"string"}]"#,
        ] {
            assert!(Projection::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn column_names_are_plain_and_differ_from_authoritative_columns() {
        for good in ["a", "_", "event_ts", "a1"] {
            assert!(
                Projection::new(vec![Rule::new(good, "/a", ColumnType::Json)]).is_ok(),
                "{good}"
            );
        }
        for bad in [
            "",
            "1a",
            "A",
            "a-b",
            "ä",
            "value",
            "epoch",
            "headers",
            "timestamp_out_of_range_ms",
            "parse_error",
            "a b",
        ] {
            assert!(
                Projection::new(vec![Rule::new(bad, "/a", ColumnType::Json)]).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn paths_are_json_pointers_to_members() {
        for (path, steps) in [
            ("/", vec![""]),
            ("/a//b", vec!["a", "", "b"]),
            ("/~01", vec!["~1"]),
            ("/0", vec!["0"]),
        ] {
            assert_eq!(pointer_steps(path).unwrap(), steps, "{path}");
        }
        for bad in ["", "a", "a/b", "/~", "/~2", "/a~"] {
            assert!(
                Projection::new(vec![Rule::new("a", bad, ColumnType::Json)]).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn paths_with_a_common_prefix_share_nodes() {
        let projection = Projection::new(vec![
            Rule::new("a", "/x/y", ColumnType::Int64),
            Rule::new("b", "/x/z", ColumnType::Int64),
            Rule::new("c", "/x/y", ColumnType::String),
            Rule::new("d", "/x", ColumnType::Json),
        ])
        .unwrap();
        assert_eq!(projection.node_count(), 4);
        let (_, x) = projection.node(0).members[0];
        assert_eq!(projection.node(x).rules, [3]);
        let (_, y) = projection.node(x).members[0];
        assert_eq!(projection.node(y).rules, [0, 2]);
    }
}
