//! Which columns of a file hold a record's topic, partition, offset, value, key and time, by what the user says, by the names
//! that known sinks give them, or by the object's name.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::audit::name_pattern::{AIVEN, CONFLUENT, NamePattern, Named};

/// Beginnings of column names under which sinks store where a record was.
const PREFIXES: [&str; 8] = [
    "_kafka_metadata.",
    "_kafka_metadata_",
    "",
    "kafka_",
    "_kafka_",
    "__kafka_",
    "_",
    "__",
];
/// Column names in a message.
const NAMES_SHOWN: usize = 20;

/// A sink whose files are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sink {
    /// Iceberg's sink on Kafka Connect.
    Iceberg,
    /// Confluent's S3 sink.
    Confluent,
    /// Aiven's S3 sink.
    Aiven,
    /// Spark's rows of its Kafka source.
    Spark,
    /// Another one.
    Other,
}

impl fmt::Display for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Sink::Iceberg => "Iceberg's sink",
            Sink::Confluent => "Confluent's S3 sink",
            Sink::Aiven => "Aiven's S3 sink",
            Sink::Spark => "Spark",
            Sink::Other => "an unknown sink",
        })
    }
}

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The topic.
    Topic,
    /// The partition.
    Partition,
    /// The offset.
    Offset,
    /// The raw value.
    Value,
    /// The raw record key.
    Key,
    /// The record's time.
    Timestamp,
}

/// All roles, in the order of the enum.
pub const ROLES: [Role; 6] = [
    Role::Topic,
    Role::Partition,
    Role::Offset,
    Role::Value,
    Role::Key,
    Role::Timestamp,
];

impl Role {
    /// The column's name in most sinks, after a prefix.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::Topic => "topic",
            Role::Partition => "partition",
            Role::Offset => "offset",
            Role::Value => "value",
            Role::Key => "key",
            Role::Timestamp => "timestamp",
        }
    }

    fn takes(self, kind: CellKind) -> bool {
        match self {
            Role::Partition | Role::Offset => kind == CellKind::Integer,
            Role::Topic | Role::Value | Role::Key => kind == CellKind::Bytes,
            Role::Timestamp => matches!(kind, CellKind::Integer | CellKind::Time(_)),
        }
    }
}

/// The type of a column, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    /// A number without a unit.
    Integer,
    /// A time, as a number or as INT96.
    Time(Unit),
    /// Text or bytes.
    Bytes,
    /// Anything else, or a list.
    Other,
}

/// The unit of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds, INT96 included.
    Nanos,
}

/// A column of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Its names from the top, joined by dots.
    pub path: String,
    /// Its type.
    pub kind: CellKind,
}

/// What the user says of the columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The sink; `None` to detect it.
    pub sink: Option<Sink>,
    /// The form of object names; `None` for the forms of known sinks.
    pub names: Option<NamePattern>,
    /// Names of columns by role, as paths with dots.
    pub columns: [Option<String>; 6],
}

/// Where the members of a record are in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// Numbers of leaf columns by role.
    pub by_role: [Option<usize>; 6],
    /// What the object's name says, where no column does.
    pub named: Named,
    /// The sink that was detected or named.
    pub sink: Sink,
}

impl Columns {
    /// The number of the column with this role.
    #[must_use]
    pub fn of(&self, role: Role) -> Option<usize> {
        self.by_role[role as usize]
    }

    /// A line such as `Spark: topic, partition, offset, value in columns of these names`.
    #[must_use]
    pub fn describe(&self, leaves: &[Leaf]) -> String {
        let mut places = Vec::new();
        for role in ROLES {
            let column = self.of(role).and_then(|column| leaves.get(column));
            let is_named = match role {
                Role::Topic => self.named.topic.is_some(),
                Role::Partition => self.named.partition.is_some(),
                Role::Offset => self.named.offset.is_some(),
                Role::Value | Role::Key | Role::Timestamp => false,
            };
            match column {
                Some(leaf) if leaf.path == role.name() => places.push(role.name().to_owned()),
                Some(leaf) => places.push(format!("{} ({})", role.name(), leaf.path)),
                None if is_named => places.push(format!("{} (object name)", role.name())),
                None => {}
            }
        }
        format!("{}: {}", self.sink, places.join(", "))
    }
}

impl FromStr for Sink {
    type Err = String;

    fn from_str(text: &str) -> Result<Sink, String> {
        match text {
            "iceberg" => Ok(Sink::Iceberg),
            "confluent" => Ok(Sink::Confluent),
            "aiven" => Ok(Sink::Aiven),
            "spark" => Ok(Sink::Spark),
            _ => Err("expected iceberg, confluent, aiven or spark".to_owned()),
        }
    }
}

/// Finds the columns of a file with these leaves and this name. `writer_keys` are the keys of its metadata.
///
/// # Errors
/// What is missing, for the user.
pub fn resolve(leaves: &[Leaf], key: &str, writer_keys: &[&str], request: &Request) -> Result<Columns, String> {
    let named = named(key, request);
    let is_of_names = match request.sink {
        Some(sink) => sink == Sink::Confluent,
        None => request.names.is_none() && read_as(&[CONFLUENT], key).is_some() && !has_place(leaves),
    };
    let mut columns = Columns {
        by_role: [None; 6],
        named: named.unwrap_or_default(),
        sink: Sink::Other,
    };
    let prefix = if is_of_names { None } else { prefix(leaves) };
    for role in ROLES {
        columns.by_role[role as usize] = match &request.columns[role as usize] {
            Some(path) => Some(explicit(leaves, role, path)?),
            None => prefix.and_then(|prefix| find(leaves, role, &format!("{prefix}{}", role.name()))),
        };
    }
    columns.sink = request.sink.unwrap_or_else(|| detect(leaves, key, writer_keys, prefix));
    for (role, is_named) in [
        (Role::Partition, columns.named.partition.is_some()),
        (Role::Offset, columns.named.offset.is_some()),
    ] {
        if columns.of(role).is_none() && !is_named {
            return Err(format!(
                "no column has the {}, and the object's name does not say it; its columns are {}",
                role.name(),
                shown(leaves)
            ));
        }
    }
    // A name stands for the columns that are missing.
    let named = &mut columns.named;
    named.topic.take_if(|_| columns.by_role[Role::Topic as usize].is_some());
    named
        .partition
        .take_if(|_| columns.by_role[Role::Partition as usize].is_some());
    named
        .offset
        .take_if(|_| columns.by_role[Role::Offset as usize].is_some());
    Ok(columns)
}

fn named(key: &str, request: &Request) -> Option<Named> {
    if let Some(pattern) = &request.names {
        return pattern.read(key);
    }
    let (confluent, aiven) = match request.sink {
        None => (true, true),
        Some(sink) => (sink == Sink::Confluent, sink == Sink::Aiven),
    };
    let of_confluent = read_as(&[CONFLUENT], key).filter(|_| confluent);
    of_confluent.or_else(|| read_as(&AIVEN, key).filter(|_| aiven))
}

fn read_as(forms: &[&str], key: &str) -> Option<Named> {
    forms
        .iter()
        .find_map(|form| form.parse::<NamePattern>().ok()?.read(key))
}

/// Whether columns of the usual names say topic, partition and offset.
fn has_place(leaves: &[Leaf]) -> bool {
    let has = |prefix: &str, role: Role| find(leaves, role, &format!("{prefix}{}", role.name())).is_some();
    let place = [Role::Topic, Role::Partition, Role::Offset];
    PREFIXES
        .iter()
        .any(|prefix| place.iter().all(|role| has(prefix, *role)))
}

/// The prefix under which the file has an offset.
fn prefix(leaves: &[Leaf]) -> Option<&'static str> {
    let has_offset = |prefix: &&&str| find(leaves, Role::Offset, &format!("{prefix}offset")).is_some();
    PREFIXES.iter().find(has_offset).copied()
}

fn find(leaves: &[Leaf], role: Role, path: &str) -> Option<usize> {
    leaves
        .iter()
        .position(|leaf| leaf.path == path && role.takes(leaf.kind))
}

fn explicit(leaves: &[Leaf], role: Role, path: &str) -> Result<usize, String> {
    let Some(index) = leaves.iter().position(|leaf| leaf.path == path) else {
        return Err(format!("it has no column {path}; its columns are {}", shown(leaves)));
    };
    if role.takes(leaves[index].kind) {
        return Ok(index);
    }
    let wanted = match role {
        Role::Topic | Role::Value | Role::Key => "text or bytes",
        Role::Partition | Role::Offset => "integers",
        Role::Timestamp => "times or integers",
    };
    Err(format!(
        "the column {path} does not have {wanted}, as the {} must",
        role.name()
    ))
}

fn shown(leaves: &[Leaf]) -> String {
    let names: Vec<&str> = leaves.iter().take(NAMES_SHOWN).map(|leaf| leaf.path.as_str()).collect();
    let more = if leaves.len() > NAMES_SHOWN { ", …" } else { "" };
    format!("{}{more}", names.join(", "))
}

fn detect(leaves: &[Leaf], key: &str, writer_keys: &[&str], prefix: Option<&str>) -> Sink {
    let has = |path: &str| leaves.iter().any(|leaf| leaf.path == path);
    match prefix {
        Some("_kafka_metadata." | "_kafka_metadata_") => Sink::Iceberg,
        _ if writer_keys.contains(&"iceberg.schema") => Sink::Iceberg,
        Some("") if has("timestampType") => Sink::Spark,
        _ if read_as(&[CONFLUENT], key).is_some() => Sink::Confluent,
        _ if read_as(&AIVEN, key).is_some() => Sink::Aiven,
        _ => Sink::Other,
    }
}
