//! Turns a panic in a task or thread into an error with its source location (SV-1). Without this, a panicked task would
//! look like one that is slow.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

use futures::FutureExt as _;

use crate::task::error::AppError;

thread_local! {
    /// The source location of this thread's last panic, as `file:line:column`.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Installs a panic hook that logs every panic of the process with its source location. Later calls have no effect.
pub fn log_panics() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let place = place_of(info);
            tracing::error!(event = "panic", place, error = message_of(info.payload()), "panic");
            PLACE.with(|last| *last.borrow_mut() = Some(place));
            before(info);
        }));
    });
}

fn place_of(info: &PanicHookInfo<'_>) -> String {
    info.location()
        .map_or_else(|| "unknown".to_owned(), ToString::to_string)
}

fn message_of(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

/// Runs `work` on this thread and turns a panic into an error. `doing` completes "panicked while it tried to …".
///
/// # Errors
/// The error of `work`; `Internal` for a panic.
pub fn caught<T>(doing: &str, work: impl FnOnce() -> Result<T, AppError>) -> Result<T, AppError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| Err(panicked(doing, payload.as_ref())))
}

/// Like [`caught`], for a future.
///
/// # Errors
/// The error of `work`; `Internal` for a panic.
pub async fn caught_async<T>(doing: &str, work: impl Future<Output = Result<T, AppError>>) -> Result<T, AppError> {
    let outcome = AssertUnwindSafe(work).catch_unwind().await;
    outcome.unwrap_or_else(|payload| Err(panicked(doing, payload.as_ref())))
}

fn panicked(doing: &str, payload: &(dyn Any + Send)) -> AppError {
    let place = PLACE.with(|last| last.borrow_mut().take());
    let place = place.unwrap_or_else(|| "unknown".to_owned());
    AppError::internal(format!(
        "a thread panicked while it tried to {doing}: {} (at {place})",
        message_of(payload)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Explain as _, Kind};

    #[tokio::test]
    async fn a_panic_becomes_an_error_with_its_source_location() {
        log_panics();
        let outcome: Result<(), AppError> = caught("encode a segment", || panic!("out of paper"));
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), Kind::Internal);
        let told = error.to_string();
        assert!(
            told.contains("encode a segment: out of paper") && told.contains("task/panic.rs:"),
            "{told}"
        );

        let number = 7;
        let outcome: Result<(), AppError> =
            caught_async("create a link", async move { panic!("out of ink {number}") }).await;
        let told = outcome.unwrap_err().to_string();
        assert!(
            told.contains("create a link: out of ink 7") && told.contains("task/panic.rs:"),
            "{told}"
        );
    }

    #[test]
    fn results_of_work_that_does_not_panic_are_unchanged() {
        assert_eq!(caught("count", || Ok(3)).ok(), Some(3));
        let refused: Result<(), AppError> = caught("count", || Err(AppError::input("no")));
        assert_eq!(refused.unwrap_err().kind(), Kind::Input);
    }
}
