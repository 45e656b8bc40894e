//! The error of all back ends: callers branch on its [`Kind`], users read what happened, the values and a remedy. No
//! value may be a credential.

use std::error::Error;
use std::fmt;

use crate::error::{Explain, Kind, Scope};

/// An error of a store: its kind, what happened, a remedy, values, and the underlying cause.
pub struct StoreError {
    kind: Kind,
    scope: Scope,
    what: &'static str,
    remedy: &'static str,
    values: Vec<(&'static str, String)>,
    source: Option<Box<dyn Error + Send + Sync>>,
    /// The length of an object that is too large.
    too_large: Option<u64>,
}

impl StoreError {
    /// An error of this kind and scope.
    pub(super) fn new(kind: Kind, scope: Scope, what: &'static str, remedy: &'static str) -> Self {
        Self {
            kind,
            scope,
            what,
            remedy,
            values: Vec::new(),
            source: None,
            too_large: None,
        }
    }

    /// A retry may succeed; a write may have happened.
    #[must_use]
    pub fn transient(what: &'static str, remedy: &'static str) -> Self {
        Self::new(Kind::Transient, Scope::Bucket, what, remedy)
    }

    /// Credentials, a policy or a retention rule refuse the operation.
    #[must_use]
    pub fn permission(what: &'static str, remedy: &'static str) -> Self {
        Self::new(Kind::Permission, Scope::Credentials, what, remedy)
    }

    /// The settings are wrong, or the store lacks a required feature.
    #[must_use]
    pub fn config(what: &'static str, remedy: &'static str) -> Self {
        Self::new(Kind::Config, Scope::Bucket, what, remedy)
    }

    /// The object key or the size is not allowed.
    #[must_use]
    pub fn input(what: &'static str, remedy: &'static str) -> Self {
        Self::new(Kind::Input, Scope::Object, what, remedy)
    }

    /// Bytes fail a check.
    #[must_use]
    pub fn corrupt(what: &'static str, remedy: &'static str) -> Self {
        Self::new(Kind::Corrupt, Scope::Object, what, remedy)
    }

    /// An object is larger than the limit of its kind, and was not read. `bytes` is its length, as far as known.
    #[must_use]
    pub fn too_large(key: &str, bytes: u64, max_bytes: u64) -> Self {
        let what = "the object is larger than the limit of its kind";
        let mut error = Self::corrupt(what, "find out who created it; kivend writes no such object")
            .with("key", key)
            .with("bytes", bytes)
            .with("max", max_bytes);
        error.too_large = Some(bytes);
        error
    }

    /// Whether this is [`StoreError::too_large`]: the object is junk, whatever its bytes are.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        self.too_large.is_some()
    }

    /// The length of the object that is too large, as far as known.
    #[must_use]
    pub fn too_large_bytes(&self) -> Option<u64> {
        self.too_large
    }

    /// A failure that is not foreseen.
    #[must_use]
    pub fn internal(what: &'static str) -> Self {
        Self::new(Kind::Internal, Scope::Process, what, Kind::Internal.remedy())
    }

    /// Adds a value to the message: ``name `value` `` in parentheses at its end, a number without quotes.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        // Keys and messages of servers are untrusted: they must not send control characters to a terminal.
        let shown = value.to_string().replace(['\n', '\r', '\t'], " ");
        self.values
            .push((name, shown.trim_end().replace(char::is_control, "\u{fffd}")));
        self
    }

    /// Adds the underlying cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The code of the store's answer, or a word for the kind of error.
    #[must_use]
    pub fn code(&self) -> &str {
        let value = |wanted| {
            self.values
                .iter()
                .find(|(name, value)| *name == wanted && !value.is_empty())
        };
        if let Some((_, code)) = value("code").or_else(|| value("status")) {
            return code;
        }
        match self.kind {
            Kind::Config => "config",
            Kind::Input => "input",
            Kind::Transient => "transient",
            Kind::Permission => "permission",
            Kind::Fenced => "fenced",
            Kind::Corrupt => "corrupt",
            Kind::Internal => "internal",
        }
    }

    /// The kind, which callers branch on.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whose the error is.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// What the user can do; lower case, no full stop.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        self.remedy
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)?;
        for (index, (name, value)) in self.values.iter().enumerate() {
            let before = if index == 0 { " (" } else { ", " };
            let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            let quote = if is_number { "" } else { "`" };
            write!(f, "{before}{name} {quote}{value}{quote}")?;
        }
        f.write_str(if self.values.is_empty() { "" } else { ")" })
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

    fn scope(&self) -> Scope {
        self.scope
    }

    fn remedy(&self) -> Option<String> {
        Some(self.remedy.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_what_happened_then_the_values() {
        let error = StoreError::config("the bucket does not exist", "create it, or set store.bucket")
            .with("bucket", "kivend-audit")
            .with("status", 404)
            .caused_by(std::io::Error::other("the cause"));
        assert_eq!(
            error.to_string(),
            "the bucket does not exist (bucket `kivend-audit`, status 404)"
        );
        assert_eq!(error.remedy(), "create it, or set store.bucket");
        assert_eq!(error.kind(), Kind::Config);
        assert_eq!(error.source().map(ToString::to_string), Some("the cause".to_owned()));
    }
}
