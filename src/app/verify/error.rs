//! Errors that prevent a verdict.

use crate::error::{Explain, Kind};
use crate::store::StoreError;
use crate::verify::saved::NotASavedCheckpoint;

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The store could not be listed.
    #[error("the archive cannot be listed")]
    Store(#[source] StoreError),
    /// The checkpoint for `--since` is missing.
    #[error("the bucket does not have the entry of checkpoint {0}, so --since cannot start from it")]
    NoSuchCheckpoint(u64),
    /// The file of a saved checkpoint is not valid.
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
            VerifyError::SavedCheckpoint(_) => {
                Some("name the file of a checkpoint as `kivend checkpoint -o FILE` writes it".to_owned())
            }
            VerifyError::NoSuchCheckpoint(_) => Some(
                "use the number of a checkpoint that exists, the file of a saved one, or leave out --since".to_owned(),
            ),
        }
    }
}
