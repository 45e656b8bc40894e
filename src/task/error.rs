//! What a capability says when it cannot do what it was asked. Never repeats what the layer beneath says: it passes it
//! on.

use crate::clock::NoRandomness;
use crate::error::{Explain, Kind};
use crate::kafka::error::KafkaError;
use crate::segment::error::SegmentError;
use crate::store::StoreError;
use crate::telemetry::ListenError;

/// A failure of a whole capability.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store's, before anything of the archive was read.
    #[error("the archive cannot be listed")]
    CannotList(#[source] StoreError),
    /// Kafka's.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// A segment could not be made.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// The operating system's.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// Telemetry's port.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// One of ours.
    #[error("{message}")]
    Told {
        /// Its kind.
        kind: Kind,
        /// What happened, and why.
        message: String,
        /// What to do, where more can be said than its kind says.
        remedy: Option<&'static str>,
    },
}

impl AppError {
    fn told(kind: Kind, message: impl Into<String>) -> AppError {
        AppError::Told {
            kind,
            message: message.into(),
            remedy: None,
        }
    }

    /// Adds what to do: lower case, no full stop. What a layer beneath said has its own remedy already.
    #[must_use]
    pub fn fix(self, remedy: &'static str) -> AppError {
        match self {
            AppError::Told { kind, message, .. } => AppError::Told {
                kind,
                message,
                remedy: Some(remedy),
            },
            beneath => beneath,
        }
    }

    /// Settings or arguments are wrong.
    #[must_use]
    pub fn config(message: impl Into<String>) -> AppError {
        AppError::told(Kind::Config, message)
    }

    /// What the user gave us is wrong.
    #[must_use]
    pub fn input(message: impl Into<String>) -> AppError {
        AppError::told(Kind::Input, message)
    }

    /// It may work if tried again.
    #[must_use]
    pub fn transient(message: impl Into<String>) -> AppError {
        AppError::told(Kind::Transient, message)
    }

    /// Stored bytes are not what they must be.
    #[must_use]
    pub fn corrupt(message: impl Into<String>) -> AppError {
        AppError::told(Kind::Corrupt, message)
    }

    /// A bug of ours.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> AppError {
        AppError::told(Kind::Internal, message)
    }
}

impl Explain for AppError {
    fn kind(&self) -> Kind {
        match self {
            AppError::Store(error) | AppError::CannotList(error) => error.kind(),
            AppError::Kafka(error) => error.kind(),
            AppError::Segment(error) => error.kind(),
            AppError::NoRandomness(error) => error.kind(),
            AppError::Listen(error) => error.kind(),
            AppError::Told { kind, .. } => *kind,
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            AppError::Store(error) | AppError::CannotList(error) => Explain::remedy(error),
            AppError::Kafka(error) => Explain::remedy(error),
            AppError::Listen(error) => Explain::remedy(error),
            AppError::Told { remedy, .. } => remedy.map(str::to_owned),
            AppError::Segment(_) | AppError::NoRandomness(_) => None,
        }
    }
}
