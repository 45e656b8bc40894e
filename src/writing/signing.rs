//! Signing from tasks of the async runtime, whether the key is in memory or in a device.

use std::sync::Arc;

use crate::log::signer::{SignError, Signer};
use crate::task::error::AppError;

/// Signs with `seal`: here, or on a thread that may wait if the signer may block.
///
/// # Errors
/// Those of `seal`; `Internal` if it panics.
pub async fn sign_with<T: Send + 'static>(
    signer: &Arc<dyn Signer>,
    seal: impl FnOnce(&dyn Signer) -> Result<T, SignError> + Send + 'static,
) -> Result<T, AppError> {
    if !signer.may_block() {
        return Ok(seal(signer.as_ref())?);
    }
    let signer = Arc::clone(signer);
    let signed = tokio::task::spawn_blocking(move || seal(signer.as_ref())).await;
    Ok(signed.map_err(|error| AppError::internal(format!("signing has failed: {error}")))??)
}
