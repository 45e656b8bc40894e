//! Why there is no verdict.

use crate::error::{Explain, Kind};
use crate::reading::saved_checkpoint::NotASavedCheckpoint;
use crate::store::StoreError;

/// Why there is no verdict at all.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The store could not be listed.
    #[error("the archive cannot be listed")]
    Store(#[source] StoreError),
    /// There is nothing to begin from.
    #[error("the bucket has no valid checkpoint to begin from number=`{0}`")]
    NoSuchCheckpoint(u64),
    /// What was brought as a saved checkpoint is none.
    #[error(transparent)]
    SavedCheckpoint(#[from] NotASavedCheckpoint),
}

impl Explain for VerifyError {
    fn kind(&self) -> Kind {
        match self {
            VerifyError::Store(error) => error.kind(),
            VerifyError::SavedCheckpoint(_) | VerifyError::NoSuchCheckpoint(_) => Kind::Input,
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            VerifyError::Store(error) => Explain::remedy(error),
            VerifyError::SavedCheckpoint(_) | VerifyError::NoSuchCheckpoint(_) => None,
        }
    }
}
