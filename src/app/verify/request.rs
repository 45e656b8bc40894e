//! What is to be verified, and how far. Plain values: nothing is read here.

use crate::log::link::Link;
use crate::log::signed_note::VerifyingKey;
use crate::record::utc::UtcSeconds;
use crate::verify::kafka::Rest;
use crate::verify::shard::Shard;
use crate::writing::checkpoint_mirror::CheckpointMirror;

/// How deep the archive itself is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The chains alone.
    Links,
    /// Every row too.
    Rows,
}

/// Whether a declared loss is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Losses {
    /// It stands beside the verdict.
    Stated,
    /// It makes the archive incomplete.
    Refused,
}

/// Only segments sealed from a moment on, or with records from then on, are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since(pub UtcSeconds);

impl Since {
    /// Whether this link's segment is read.
    #[must_use]
    pub fn covers(self, link: &Link) -> bool {
        let ms = self.0.unix().saturating_mul(1000);
        link.sealed_at >= self.0 || link.max_timestamp_ms.is_some_and(|max| max >= ms)
    }
}

/// A checkpoint from which on everything is read, and nothing before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// A copy that was saved elsewhere: the object's bytes.
    Saved(Vec<u8>),
    /// The bucket's checkpoint of this number.
    Number(u64),
}

/// What is to be verified, and how.
#[derive(Debug, Clone)]
pub struct Request {
    /// Topics that are in scope though the archive may have nothing of them.
    pub topics: Vec<String>,
    /// Only this topic.
    pub topic: Option<String>,
    /// Only this partition number.
    pub partition: Option<i32>,
    /// Only what is new since then is read.
    pub since: Option<Since>,
    /// Only links and segments above the heights of this checkpoint are listed and read.
    pub base: Option<Base>,
    /// Only the partitions of this shard.
    pub shard: Option<Shard>,
    /// How deep the archive itself is read.
    pub depth: Depth,
    /// Whether Kafka may have more than the archive.
    pub rest: Rest,
    /// Whether declared losses are accepted.
    pub losses: Losses,
    /// Keys brought; none means trust on first use.
    pub keys: Vec<VerifyingKey>,
    /// Checkpoints that were saved elsewhere: the objects' bytes.
    pub saved_checkpoints: Vec<Vec<u8>>,
    /// Second places of checkpoints: the newest valid one of each counts as a saved one.
    pub second_places: Vec<CheckpointMirror>,
    /// Segments decoded at a time, and partitions read from Kafka at a time.
    pub threads: usize,
}

impl Default for Request {
    fn default() -> Request {
        Request {
            topics: Vec::new(),
            topic: None,
            partition: None,
            since: None,
            base: None,
            shard: None,
            depth: Depth::Rows,
            rest: Rest::Live,
            losses: Losses::Stated,
            keys: Vec::new(),
            saved_checkpoints: Vec::new(),
            second_places: Vec::new(),
            threads: std::thread::available_parallelism().map_or(2, usize::from),
        }
    }
}
