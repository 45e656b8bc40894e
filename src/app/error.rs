//! What a capability says when it cannot do what it was asked. Never repeats what the layer beneath says: it passes it
//! on.

use crate::clock::NoRandomness;
use crate::error::{Explain, Kind};
use crate::kafka::error::KafkaError;
use crate::segment::encode::SegmentError;
use crate::store::StoreError;
use crate::telemetry::ListenError;

/// A failure of a whole capability.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
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
    /// One of ours: what happened, why, and what to do.
    #[error("{message}")]
    Told {
        /// Its kind.
        kind: Kind,
        /// The whole message.
        message: String,
    },
}

impl AppError {
    /// Settings or arguments are wrong.
    #[must_use]
    pub fn config(message: impl Into<String>) -> AppError {
        AppError::Told {
            kind: Kind::Config,
            message: message.into(),
        }
    }

    /// What the user gave us is wrong.
    #[must_use]
    pub fn input(message: impl Into<String>) -> AppError {
        AppError::Told {
            kind: Kind::Input,
            message: message.into(),
        }
    }

    /// It may work if tried again.
    #[must_use]
    pub fn transient(message: impl Into<String>) -> AppError {
        AppError::Told {
            kind: Kind::Transient,
            message: message.into(),
        }
    }

    /// Stored bytes are not what they must be.
    #[must_use]
    pub fn corrupt(message: impl Into<String>) -> AppError {
        AppError::Told {
            kind: Kind::Corrupt,
            message: message.into(),
        }
    }

    /// A bug of ours.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> AppError {
        AppError::Told {
            kind: Kind::Internal,
            message: message.into(),
        }
    }
}

impl Explain for AppError {
    fn kind(&self) -> Kind {
        match self {
            AppError::Store(error) => error.kind(),
            AppError::Kafka(error) => error.kind(),
            AppError::Segment(error) => error.kind(),
            AppError::NoRandomness(error) => error.kind(),
            AppError::Listen(error) => error.kind(),
            AppError::Told { kind, .. } => *kind,
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            AppError::Store(error) => Explain::remedy(error),
            AppError::Kafka(error) => Explain::remedy(error),
            AppError::Listen(error) => Explain::remedy(error),
            AppError::Segment(_) | AppError::NoRandomness(_) | AppError::Told { .. } => None,
        }
    }
}
