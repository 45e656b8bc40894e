//! Errors of an ingest as a whole. Rejected lines are not errors; the report has them.

use crate::app::ingest::input::InputError;
use crate::app::ingest::rejects::RejectsError;
use crate::error::{Explain, Kind};
use crate::kafka::error::KafkaError;

/// Why an ingest did not start, or could not finish its report.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// An input that cannot be opened.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The file for rejected lines.
    #[error(transparent)]
    Rejects(#[from] RejectsError),
    /// Kafka.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// `--exactly-once` with an input that cannot be read again.
    #[error(
        "--exactly-once needs files, not `{input}`: standard input, pipes and devices cannot be read again after a crash"
    )]
    NotAFile {
        /// Its name.
        input: String,
    },
    /// `--exactly-once` with `--sort`.
    #[error("--exactly-once sends a file in its own order, so it cannot be combined with --sort")]
    Sorted,
    /// The file was changed after it was sent in part.
    #[error("the file was changed: its first lines are not those that an earlier run sent: {lines} lines of `{file}`")]
    Changed {
        /// Its path.
        file: String,
        /// The number of lines that were sent.
        lines: u64,
    },
    /// A file has another inode than the one that was sent from its place, which is still there, and both begin alike.
    #[error(
        "two files begin with the {lines} lines that an earlier run sent, and it cannot be told whether the file was rotated or \
         copied: `{file}` and `{other}`"
    )]
    Ambiguous {
        /// Its path.
        file: String,
        /// The file that was sent.
        other: String,
        /// The number of lines that were sent.
        lines: u64,
    },
    /// The record in the ledger is not a mark, or one of a newer version.
    #[error(
        "the record about the file `{file}` in the ledger topic `{ledger}` was not written by this version of kivend"
    )]
    ForeignEntry {
        /// The ledger topic.
        ledger: String,
        /// The file's path.
        file: String,
    },
    /// `--only` with a topic that has no route.
    #[error("no route leads to the topic `{only}`; routes lead to {}", .topics.join(", "))]
    NoRoute {
        /// The topic.
        only: String,
        /// The topics that have routes.
        topics: Vec<String>,
    },
}

impl IngestError {
    /// Whether other files can be sent all the same.
    pub(super) fn is_about_one_file(&self) -> bool {
        match self {
            IngestError::Input(_)
            | IngestError::Changed { .. }
            | IngestError::Ambiguous { .. }
            | IngestError::ForeignEntry { .. } => true,
            IngestError::Rejects(_)
            | IngestError::Kafka(_)
            | IngestError::NotAFile { .. }
            | IngestError::Sorted
            | IngestError::NoRoute { .. } => false,
        }
    }
}

impl Explain for IngestError {
    fn kind(&self) -> Kind {
        match self {
            IngestError::Input(error) => error.kind(),
            IngestError::Rejects(error) => error.kind(),
            IngestError::Kafka(error) => error.kind(),
            IngestError::NoRoute { .. } | IngestError::NotAFile { .. } | IngestError::Sorted => Kind::Config,
            IngestError::Changed { .. } | IngestError::Ambiguous { .. } | IngestError::ForeignEntry { .. } => {
                Kind::Input
            }
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            IngestError::Input(error) => error.remedy(),
            IngestError::Rejects(error) => error.remedy(),
            IngestError::Kafka(error) => error.remedy(),
            IngestError::NotAFile { .. } => Some("write the events to a file, and ingest that file".to_owned()),
            IngestError::Sorted => Some("leave out `--sort` or `--exactly-once`".to_owned()),
            IngestError::Changed { .. } => {
                Some("restore the file, or copy it to another name to send all of it".to_owned())
            }
            IngestError::Ambiguous { .. } => Some(
                "if it was copied, move the other file to another folder; if it was rotated, copy the new file to another \
                 folder and ingest that"
                    .to_owned(),
            ),
            IngestError::ForeignEntry { .. } => Some(
                "use the newest version of kivend; if it is in use, find out who writes to the ledger topic".to_owned(),
            ),
            IngestError::NoRoute { .. } => Some("correct `--only`, or `routing` in the settings".to_owned()),
        }
    }
}
