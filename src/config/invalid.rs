//! The error for a value that a setting does not allow.

/// A value of the right type that is not allowed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Invalid {
    pub key: &'static str,
    /// Which entry, where the setting is a list.
    pub item: Option<usize>,
    pub reason: String,
}

impl Invalid {
    pub fn new(key: &'static str, reason: impl Into<String>) -> Invalid {
        Invalid {
            key,
            item: None,
            reason: reason.into(),
        }
    }

    /// The same error, of one entry of the list.
    pub fn at(self, item: usize) -> Invalid {
        Invalid {
            item: Some(item),
            ..self
        }
    }

    /// The parts of the setting's name, with the number of the entry.
    pub fn path(&self) -> Vec<String> {
        let names = self.key.split('.').map(str::to_owned);
        names.chain(self.item.map(|item| item.to_string())).collect()
    }
}

/// An error about `key` unless `holds`.
pub(super) fn require(holds: bool, key: &'static str, reason: impl Into<String>) -> Result<(), Invalid> {
    if holds { Ok(()) } else { Err(Invalid::new(key, reason)) }
}
