//! A value that a setting must not have.

/// A value that is of the right type and still not allowed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Invalid {
    pub key: &'static str,
    pub reason: String,
}

/// `Ok` where `holds`, else what is wrong with `key`.
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
