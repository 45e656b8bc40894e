//! Object keys (FORMAT.md section 1). The key of a link or segment must depend on topic, partition, epoch and first offset
//! alone, so that two writers that cut a range differently compete for the same key.

use std::fmt;
use std::str::FromStr;

use crate::record::hash::Hash;
use crate::record::position::{Epoch, FirstOffset, TopicPartition, is_topic_name};

/// The key of the archive's identity.
pub const IDENTITY: &str = "archive.json";
/// The folder of objects left by start-up checks, which verification ignores.
pub const PROBES: &str = "probes/";
/// The folder that is reserved for tiles of the log, which verification ignores.
pub const TILES: &str = "tile/";
/// The folder of the links.
pub const LINKS: &str = "links/";
/// The folder of the segments.
pub const SEGMENTS: &str = "data/";
/// The folder of the checkpoints.
pub const CHECKPOINTS: &str = "checkpoints/";
/// The folder of the log's entries.
pub const LOG: &str = "log/";
/// The folder of witnesses' cosignatures.
pub const COSIGNATURES: &str = "cosignatures/";

/// Whether an object is a folder marker: of 0 bytes, with a key that ends in `/`. Consoles of stores create them.
#[must_use]
pub fn is_folder_marker(key: &str, bytes: u64) -> bool {
    bytes == 0 && (key.is_empty() || key.ends_with('/'))
}

/// Whether an object is ignored by verification, so that it can hide nothing: a probe, a tile, or a folder marker.
#[must_use]
pub fn is_ignored(key: &str, bytes: u64) -> bool {
    key.starts_with(PROBES) || key.starts_with(TILES) || is_folder_marker(key, bytes)
}

/// The place of a link and its segment in the archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The partition of the chain.
    pub partition: TopicPartition,
    /// The epoch of the topic.
    pub epoch: Epoch,
    /// The first offset of the range.
    pub first_offset: FirstOffset,
}

/// The attempt at a place: 0 is the plain key, k up to 2³¹−1 has `-r<k>`. An attempt is used if the keys before it hold
/// invalid objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Attempt(pub u32);

impl Attempt {
    /// The plain key.
    pub const PLAIN: Attempt = Attempt(0);

    /// The next attempt.
    #[must_use]
    pub fn next(self) -> Attempt {
        Attempt(self.0.saturating_add(1))
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { Ok(()) } else { write!(f, "-r{}", self.0) }
    }
}

/// Every key that an archive may have, relative to the prefix.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// `archive.json`
    Identity,
    /// `log/<number:010>.note`, from 0
    Entry(u64, Attempt),
    /// `cosignatures/<number:010>/<sha256>.txt`
    Cosignature(u64, Hash),
    /// `checkpoints/<number:010>.note`, from 0
    Checkpoint(u64, Attempt),
    /// `data/<topic>/<partition>/<epoch:04>-<first_offset:020>.parquet`
    Segment(Place, Attempt),
    /// `links/<topic>/<p>/<epoch:04>-<first_offset:020>.note`
    Link(Place, Attempt),
    /// `probes/<name>`
    Probe(String),
}

/// `links/<topic>/<p>/`: the folder of a partition's links.
#[must_use]
pub fn links_of(partition: &TopicPartition) -> String {
    format!("{LINKS}{}/{}/", partition.topic, partition.partition)
}

/// `data/<topic>/<partition>/`: the folder of a partition's segments.
#[must_use]
pub fn segments_of(partition: &TopicPartition) -> String {
    format!("{SEGMENTS}{}/{}/", partition.topic, partition.partition)
}

impl Place {
    /// The key of this place's link.
    #[must_use]
    pub fn link(&self, attempt: Attempt) -> Key {
        Key::Link(self.clone(), attempt)
    }

    /// The key of this place's segment.
    #[must_use]
    pub fn segment(&self, attempt: Attempt) -> Key {
        Key::Segment(self.clone(), attempt)
    }

    /// `<epoch:04>-<first_offset:020>`: the start of the file name of this place's link and segment.
    #[must_use]
    pub fn stem(&self) -> String {
        format!("{:04}-{:020}", self.epoch.0, self.first_offset.0)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Identity => f.write_str(IDENTITY),
            Key::Entry(number, attempt) => write!(f, "{LOG}{number:010}{attempt}.note"),
            Key::Cosignature(number, hash) => write!(f, "{COSIGNATURES}{number:010}/{hash}.txt"),
            Key::Checkpoint(number, attempt) => write!(f, "{CHECKPOINTS}{number:010}{attempt}.note"),
            Key::Segment(place, attempt) => {
                write!(f, "{}{}{attempt}.parquet", segments_of(&place.partition), place.stem())
            }
            Key::Link(place, attempt) => write!(f, "{}{}{attempt}.note", links_of(&place.partition), place.stem()),
            Key::Probe(name) => write!(f, "{PROBES}{name}"),
        }
    }
}

impl Key {
    /// The attempt in the key; 0 for objects that have one key only.
    #[must_use]
    pub fn attempt(&self) -> Attempt {
        match self {
            Key::Entry(_, attempt) | Key::Checkpoint(_, attempt) | Key::Segment(_, attempt) | Key::Link(_, attempt) => {
                *attempt
            }
            Key::Identity | Key::Cosignature(..) | Key::Probe(_) => Attempt::PLAIN,
        }
    }

    /// The key without its extension: the keys of all attempts at a place begin with that of the plain one.
    #[must_use]
    pub fn stem(&self) -> String {
        let key = self.to_string();
        match key.rsplit_once('.') {
            Some((stem, _)) => stem.to_owned(),
            None => key,
        }
    }
}

/// The text is not a key of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no object of an archive has such a key")]
pub struct NotAKey;

impl FromStr for Key {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Key, NotAKey> {
        let key = parse(text).ok_or(NotAKey)?;
        // Parsing is lenient about widths, signs, leading zeros and -r0; such keys print differently.
        if key.to_string() == text { Ok(key) } else { Err(NotAKey) }
    }
}

fn parse(text: &str) -> Option<Key> {
    if text == IDENTITY {
        return Some(Key::Identity);
    }
    let (folder, rest) = text.split_once('/')?;
    match folder {
        "probes" => Some(Key::Probe(rest.to_owned())),
        "log" => {
            let (number, attempt) = split_attempt(rest.strip_suffix(".note")?)?;
            Some(Key::Entry(parse_number(number)?, attempt))
        }
        "checkpoints" => {
            let (number, attempt) = split_attempt(rest.strip_suffix(".note")?)?;
            Some(Key::Checkpoint(parse_number(number)?, attempt))
        }
        "cosignatures" => {
            let (number, hash) = rest.strip_suffix(".txt")?.split_once('/')?;
            Some(Key::Cosignature(parse_number(number)?, hash.parse().ok()?))
        }
        "links" => {
            let (topic, partition, name) = split_path(rest)?;
            let (place, attempt) = parse_place(topic, partition, name.strip_suffix(".note")?)?;
            Some(Key::Link(place, attempt))
        }
        "data" => {
            let (topic, partition, name) = split_path(rest)?;
            let (place, attempt) = parse_place(topic, partition, name.strip_suffix(".parquet")?)?;
            Some(Key::Segment(place, attempt))
        }
        _ => None,
    }
}

fn parse_number(number: &str) -> Option<u64> {
    number.parse().ok().filter(|number| *number <= i64::MAX as u64)
}

fn split_path(rest: &str) -> Option<(&str, &str, &str)> {
    let mut parts = rest.splitn(3, '/');
    Some((parts.next()?, parts.next()?, parts.next()?))
}

fn split_attempt(name: &str) -> Option<(&str, Attempt)> {
    match name.split_once("-r") {
        None => Some((name, Attempt::PLAIN)),
        Some((stem, attempt)) => {
            let attempt: i32 = attempt.parse().ok()?;
            Some((stem, Attempt(u32::try_from(attempt).ok()?)))
        }
    }
}

fn parse_place(topic: &str, partition: &str, name: &str) -> Option<(Place, Attempt)> {
    let (stem, attempt) = split_attempt(name)?;
    let (epoch, first_offset) = stem.split_once('-')?;
    let partition: i32 = partition.parse().ok().filter(|p| *p >= 0)?;
    let first_offset: i64 = first_offset.parse().ok().filter(|o| *o >= 0)?;
    let partition = is_topic_name(topic).then(|| TopicPartition::new(topic, partition))?;
    let place = Place {
        partition,
        epoch: Some(Epoch(epoch.parse().ok()?)).filter(|epoch| *epoch <= Epoch::MAX)?,
        first_offset: FirstOffset(first_offset),
    };
    Some((place, attempt))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place() -> Place {
        Place {
            partition: TopicPartition::new("payments", 1),
            epoch: Epoch(0),
            first_offset: FirstOffset(2500),
        }
    }

    #[test]
    fn keys_follow_the_format() {
        for (key, text) in [
            (Key::Identity, "archive.json"),
            (Key::Entry(1, Attempt::PLAIN), "log/0000000001.note"),
            (Key::Checkpoint(0, Attempt(2)), "checkpoints/0000000000-r2.note"),
            (
                place().segment(Attempt::PLAIN),
                "data/payments/1/0000-00000000000000002500.parquet",
            ),
            (
                place().segment(Attempt(10)),
                "data/payments/1/0000-00000000000000002500-r10.parquet",
            ),
            (
                place().link(Attempt::PLAIN),
                "links/payments/1/0000-00000000000000002500.note",
            ),
            (Key::Probe("x/y".into()), "probes/x/y"),
        ] {
            assert_eq!(key.to_string(), text);
            assert_eq!(text.parse(), Ok(key));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for wrong in [
            "",
            "archive.jso",
            "/archive.json",
            "log/1.note",
            "log/+000000001.note",
            "log/9223372036854775808.note",
            "checkpoints/0000000000-r0.note",
            "checkpoints/0000000000-r01.note",
            "checkpoints/0000000000-r-1.note",
            "checkpoints/0000000000-r2147483648.note",
            "links/payments/1/0000-2500.note",
            "links/payments/1/0000-00000000000000002500.parquet",
            "links/payments/01/0000-00000000000000002500.note",
            "links/payments/-1/0000-00000000000000002500.note",
            "links/pay ments/1/0000-00000000000000002500.note",
            "links/payments/1/0000--0000000000000002500.note",
            "links/payments/1/0000-00000000000000002500.note/x",
            "data/topic=payments/partition=1/0000-00000000000000002500.parquet",
            "data/payments/1/0000-99999999999999999999.parquet",
        ] {
            assert_eq!(wrong.parse::<Key>(), Err(NotAKey), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_key_reads_back(topic in "[a-zA-Z0-9._-]{1,20}", p in 0i32.., epoch in 0..=Epoch::MAX.0, offset in 0i64.., k in 0u32..200) {
            prop_assume!(is_topic_name(&topic));
            let place = Place { partition: TopicPartition::new(&topic, p), epoch: Epoch(epoch), first_offset: FirstOffset(offset) };
            for key in [place.link(Attempt(k)), place.segment(Attempt(k))] {
                prop_assert_eq!(key.to_string().parse(), Ok(key));
            }
        }
    }
}
