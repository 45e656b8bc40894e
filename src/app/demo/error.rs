//! The error of a demo: that of the step that failed.

use std::path::Path;

use crate::app::ingest::IngestError;
use crate::app::verify::VerifyError;
use crate::error::{Explain, Kind};
use crate::task::error::AppError;

/// The error of the step that failed.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Preparing, archiving, or forging.
    #[error(transparent)]
    Task(#[from] AppError),
    /// Ingesting.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// Verifying.
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

impl Explain for DemoError {
    fn kind(&self) -> Kind {
        match self {
            DemoError::Task(error) => error.kind(),
            DemoError::Ingest(error) => error.kind(),
            DemoError::Verify(error) => error.kind(),
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            DemoError::Task(error) => Explain::remedy(error),
            DemoError::Ingest(error) => Explain::remedy(error),
            DemoError::Verify(error) => Explain::remedy(error),
        }
    }
}

/// A file or folder of the demo cannot be used.
pub(super) fn cannot(doing: &str, path: &Path, error: &std::io::Error) -> AppError {
    AppError::config(format!(
        "cannot {doing} `{}`, a file of the demo: {error}",
        path.display()
    ))
    .fix("name a folder in which you may write with --dir, on a disk with 100 MB free")
}
