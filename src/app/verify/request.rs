//! The scope and the options of a verification.

use crate::config::TopicSelection;
use crate::log::link::Link;
use crate::record::utc::UtcSeconds;
use crate::verify::given::Given;
use crate::verify::kafka::LagPolicy;
use crate::verify::saved::{NotASavedCheckpoint, SavedCheckpoint};
use crate::verify::shard::Shard;
use crate::writing::checkpoint_mirror::CheckpointMirror;

/// How much of the archive is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Only links and checkpoints.
    Links,
    /// Also every row of every segment.
    Rows,
}

/// How declared losses are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Losses {
    /// As a note.
    Stated,
    /// As missing records (`--fail-on-loss`).
    Refused,
}

/// Only segments sealed at or after this time, or with records from this time on, are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since(pub UtcSeconds);

impl Since {
    /// Whether the segment of this link is read.
    #[must_use]
    pub fn covers(self, link: &Link) -> bool {
        let ms = self.0.unix().saturating_mul(1000);
        link.sealed_at >= self.0 || link.max_timestamp_ms.is_some_and(|max| max >= ms)
    }
}

/// The files of a checkpoint that was saved elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedFiles {
    /// The note, with cosignature lines or none.
    pub checkpoint: Vec<u8>,
    /// The note of its entry, if that was saved too.
    pub entry: Option<Vec<u8>>,
}

impl SavedFiles {
    /// The checkpoint in the files.
    ///
    /// # Errors
    /// The first file is not a checkpoint.
    pub fn parse(&self) -> Result<SavedCheckpoint, NotASavedCheckpoint> {
        SavedCheckpoint::parse(&self.checkpoint, self.entry.as_deref())
    }
}

/// The checkpoint from which an incremental verification starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// A checkpoint that was saved elsewhere.
    Saved(SavedFiles),
    /// The checkpoint with this number in the bucket.
    Number(u64),
}

/// The scope and the options of a verification.
#[derive(Debug, Clone)]
pub struct Request {
    /// The archived topics, which are in scope even if the archive has nothing of them.
    pub topics: TopicSelection,
    /// Only this topic.
    pub topic: Option<String>,
    /// Only this partition number.
    pub partition: Option<i32>,
    /// Only segments as new as this are read.
    pub since: Option<Since>,
    /// Only links and segments above the heights of this checkpoint are listed and read.
    pub base: Option<Base>,
    /// Only the partitions of this shard.
    pub shard: Option<Shard>,
    /// How much of the archive is read.
    pub depth: Depth,
    /// Whether Kafka may have records beyond the archive.
    pub lag: LagPolicy,
    /// How declared losses are judged.
    pub losses: Losses,
    /// Keys, origin and witnesses from elsewhere; nothing means trust on first use.
    pub given: Given,
    /// Checkpoints that were saved elsewhere.
    pub saved_checkpoints: Vec<SavedFiles>,
    /// Checkpoint mirrors: the newest valid checkpoint of each counts as a saved one.
    pub mirrors: Vec<CheckpointMirror>,
    /// The number of segments decoded, and of partitions read from Kafka, at the same time.
    pub threads: usize,
}

impl Default for Request {
    fn default() -> Request {
        Request {
            topics: TopicSelection::default(),
            topic: None,
            partition: None,
            since: None,
            base: None,
            shard: None,
            depth: Depth::Rows,
            lag: LagPolicy::Allowed,
            losses: Losses::Stated,
            given: Given::default(),
            saved_checkpoints: Vec::new(),
            mirrors: Vec::new(),
            threads: std::thread::available_parallelism().map_or(2, usize::from),
        }
    }
}
