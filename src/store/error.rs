//! What can go wrong in a store, with what to do about it.
//!
//! One type for all backends, because callers branch on the [`Kind`] alone, and people need the same three things of
//! each: what happened, what to do, and the values at hand. Never shows a credential.

use std::error::Error;
use std::fmt;

use crate::error::{Explain, Kind};

/// A failure of a store: its kind, what happened, a remedy, values, and the cause beneath.
pub struct StoreError {
    kind: Kind,
    what: &'static str,
    remedy: &'static str,
    values: Vec<(&'static str, String)>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    fn new(kind: Kind, what: &'static str, remedy: &'static str) -> Self {
        Self {
            kind,
            what,
            remedy,
            values: Vec::new(),
            source: None,
        }
    }

    /// It may work if tried again, and may already have happened.
    #[must_use]
    pub fn transient(what: &'static str, remedy: &'static str) -> Self {
        Self::new(Kind::Transient, what, remedy)
    }

    /// Credentials, a policy or a retention rule refuse it.
    #[must_use]
    pub fn permission(what: &'static str, remedy: &'static str) -> Self {
        Self::new(Kind::Permission, what, remedy)
    }

    /// The settings, or the store that they name, cannot serve.
    #[must_use]
    pub fn config(what: &'static str, remedy: &'static str) -> Self {
        Self::new(Kind::Config, what, remedy)
    }

    /// The caller gave a key or a size that no object can have.
    #[must_use]
    pub fn input(what: &'static str, remedy: &'static str) -> Self {
        Self::new(Kind::Input, what, remedy)
    }

    /// Bytes are not what they must be.
    #[must_use]
    pub fn corrupt(what: &'static str, remedy: &'static str) -> Self {
        Self::new(Kind::Corrupt, what, remedy)
    }

    /// A bug of ours.
    #[must_use]
    pub fn internal(what: &'static str) -> Self {
        Self::new(Kind::Internal, what, "please report it with this line")
    }

    /// Adds a value to the message: it stands at the end as name=`value`.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        // Keys and servers' messages may be a stranger's: they do not get to steer a terminal.
        self.values
            .push((name, value.to_string().replace(char::is_control, "\u{fffd}")));
        self
    }

    /// Adds the cause beneath.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the caller branches on.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What to do about it, lower case, no full stop.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        self.remedy
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)?;
        for (name, value) in &self.values {
            write!(f, " {name}=`{value}`")?;
        }
        Ok(())
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind)?;
        match &self.source {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}

impl Explain for StoreError {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn remedy(&self) -> Option<String> {
        Some(self.remedy.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_tells_what_happened_then_the_values_and_knows_a_remedy() {
        let error = StoreError::config("the bucket does not exist", "create it, or set store.bucket")
            .with("bucket", "kivend-audit")
            .caused_by(std::io::Error::other("the cause"));
        assert_eq!(error.to_string(), "the bucket does not exist bucket=`kivend-audit`");
        assert_eq!(error.remedy(), "create it, or set store.bucket");
        assert_eq!(error.kind(), Kind::Config);
        assert_eq!(error.source().map(ToString::to_string), Some("the cause".to_owned()));
    }
}
