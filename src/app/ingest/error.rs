//! What keeps an ingest from beginning or from telling everything, and what to do about it. Never a line that was refused: that is a
//! reject, and stands in the report.

use crate::app::ingest::input::InputError;
use crate::app::ingest::rejects::RejectsError;
use crate::error::{Explain, Kind};
use crate::kafka::error::KafkaError;

/// Why nothing was sent, or not everything was told of.
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
    /// Exactly once, of what cannot be read again.
    #[error("what comes from standard input or a pipe cannot be read again, so it cannot be sent exactly once")]
    NotAFile,
    /// Exactly once, in another order than that of the file.
    #[error("a file is sent exactly once in its own order only")]
    Sorted,
    /// The file is not what it was.
    #[error("the first lines of the file are not those that an earlier run sent file=`{file}` lines=`{lines}`")]
    Changed {
        /// Its path.
        file: String,
        /// How many lines were sent.
        lines: u64,
    },
    /// The ledger holds what we did not write, or a newer version did.
    #[error("the ledger's entry of the file is not one of ours ledger=`{ledger}` file=`{file}`")]
    ForeignEntry {
        /// Its topic.
        ledger: String,
        /// The file's path.
        file: String,
    },
    /// A topic to which no event can go.
    #[error("no event goes to this topic; events go to {} only=`{only}`", .topics.join(", "))]
    NoRoute {
        /// What was asked for.
        only: String,
        /// Those to which events go.
        topics: Vec<String>,
    },
}

impl Explain for IngestError {
    fn kind(&self) -> Kind {
        match self {
            IngestError::Input(error) => error.kind(),
            IngestError::Rejects(error) => error.kind(),
            IngestError::Kafka(error) => error.kind(),
            IngestError::NoRoute { .. } | IngestError::NotAFile | IngestError::Sorted => Kind::Config,
            IngestError::Changed { .. } | IngestError::ForeignEntry { .. } => Kind::Input,
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            IngestError::Input(error) => error.remedy(),
            IngestError::Rejects(error) => error.remedy(),
            IngestError::Kafka(error) => error.remedy(),
            IngestError::NotAFile => Some("write it to a file, and name that".to_owned()),
            IngestError::Sorted => Some("leave out `--sort`, or `--exactly-once`".to_owned()),
            IngestError::Changed { .. } => {
                Some("restore the file; or, to send all of what it holds now, give it another name".to_owned())
            }
            IngestError::ForeignEntry { .. } => {
                Some("find out who writes to the ledger; or use a newer kivend".to_owned())
            }
            IngestError::NoRoute { .. } => Some("mend `--only`, or `routing` in the settings".to_owned()),
        }
    }
}
