//! Bounds of time as arguments, `--since` and `--until`.

use crate::cli::failure::Failure;
use crate::error::Kind;
use crate::record::utc::UtcSeconds;

/// Refuses bounds between which no time is; both are in ms.
pub(super) fn require_range(since_ms: Option<i64>, until_ms: Option<i64>) -> Result<(), Failure> {
    match (since_ms, until_ms) {
        (Some(since), Some(until)) if since >= until => Err(Failure::new(
            Kind::Config,
            format!(
                "--until is not later than --since: they are {} and {}",
                time(until),
                time(since)
            ),
            "exchange the two, or leave one of them out",
        )),
        _ => Ok(()),
    }
}

/// A time in ms, in whole seconds.
pub(super) fn time(ms: i64) -> String {
    UtcSeconds::from_unix(ms.div_euclid(1000)).to_string()
}
