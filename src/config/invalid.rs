//! The error for a value that a setting does not allow.

/// A value of the right type that is not allowed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Invalid {
    pub key: &'static str,
    pub reason: String,
}

/// An error about `key` unless `holds`.
pub(super) fn require(holds: bool, key: &'static str, reason: impl Into<String>) -> Result<(), Invalid> {
    if holds {
        Ok(())
    } else {
        Err(Invalid {
            key,
            reason: reason.into(),
        })
    }
}
