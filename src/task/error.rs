//! The error of capabilities and of the archiver: a lower layer's error, unchanged, or one with its own message and
//! kind.

use crate::clock::NoRandomness;
use crate::error::{Explain, Kind, Scope};
use crate::kafka::error::KafkaError;
use crate::log::signer::SignError;
use crate::segment::error::SegmentError;
use crate::store::StoreError;
use crate::telemetry::ListenError;

/// The error of a capability.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// An error of the store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An error of the store while it lists the archive.
    #[error("the archive cannot be listed")]
    CannotList(#[source] StoreError),
    /// An error of Kafka or its client.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// A segment cannot be encoded or decoded.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// The operating system has no random bytes.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// A note cannot be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// Telemetry cannot listen on its port.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// An error with a message of its own.
    #[error("{message}")]
    Message {
        /// The kind.
        kind: Kind,
        /// What happened, with values, and why.
        message: String,
        /// What the user can do, where that is more specific than [`Kind::remedy`].
        remedy: Option<&'static str>,
    },
}

impl AppError {
    fn new(kind: Kind, message: impl Into<String>) -> AppError {
        AppError::Message {
            kind,
            message: message.into(),
            remedy: None,
        }
    }

    /// Sets the remedy: lower case, no full stop. The error of a lower layer keeps its own remedy.
    #[must_use]
    pub fn fix(self, remedy: &'static str) -> AppError {
        match self {
            AppError::Message { kind, message, .. } => AppError::Message {
                kind,
                message,
                remedy: Some(remedy),
            },
            of_lower_layer => of_lower_layer,
        }
    }

    /// An error of kind [`Kind::Config`]: settings or arguments are wrong.
    #[must_use]
    pub fn config(message: impl Into<String>) -> AppError {
        AppError::new(Kind::Config, message)
    }

    /// An error of kind [`Kind::Input`]: the user's input is wrong.
    #[must_use]
    pub fn input(message: impl Into<String>) -> AppError {
        AppError::new(Kind::Input, message)
    }

    /// An error of kind [`Kind::Transient`]: a retry may succeed.
    #[must_use]
    pub fn transient(message: impl Into<String>) -> AppError {
        AppError::new(Kind::Transient, message)
    }

    /// An error of kind [`Kind::Corrupt`]: stored bytes fail a check.
    #[must_use]
    pub fn corrupt(message: impl Into<String>) -> AppError {
        AppError::new(Kind::Corrupt, message)
    }

    /// An error of kind [`Kind::Internal`]: a failure that is not foreseen, such as a bug.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> AppError {
        AppError::new(Kind::Internal, message)
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
            AppError::Sign(SignError::Note(_)) => Kind::Internal,
            AppError::Sign(SignError::Unavailable(_)) => Kind::Transient,
            AppError::Sign(SignError::Refused(_)) => Kind::Config,
            AppError::Message { kind, .. } => *kind,
        }
    }

    fn scope(&self) -> Scope {
        match self {
            AppError::Store(error) | AppError::CannotList(error) => error.scope(),
            AppError::Kafka(error) => error.scope(),
            // A text that no note can carry is that of one link.
            AppError::Sign(SignError::Note(_)) => Scope::Partition,
            AppError::Segment(_)
            | AppError::NoRandomness(_)
            | AppError::Listen(_)
            | AppError::Sign(SignError::Unavailable(_) | SignError::Refused(_))
            | AppError::Message { .. } => Scope::Process,
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            AppError::Store(error) | AppError::CannotList(error) => Explain::remedy(error),
            AppError::Kafka(error) => Explain::remedy(error),
            AppError::Listen(error) => Explain::remedy(error),
            AppError::Sign(SignError::Unavailable(_)) => {
                Some("check that the device that holds the signing key is connected and has a session free".to_owned())
            }
            AppError::Sign(SignError::Refused(_)) => Some(
                "correct the settings that name the signing key, or its PIN; `kivend doctor` checks them".to_owned(),
            ),
            AppError::Message { remedy, .. } => remedy.map(str::to_owned),
            AppError::NoRandomness(error) => Explain::remedy(error),
            AppError::Segment(_) | AppError::Sign(SignError::Note(_)) => None,
        }
    }
}
