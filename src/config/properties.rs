//! Names and values that are passed to Kafka unchanged, such as `sasl.password`. `{:?}` and `config show` must not print
//! secrets.

use std::collections::BTreeMap;
use std::fmt;

/// Properties, sorted by name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(BTreeMap<String, String>);

impl Properties {
    /// Every name with its value, secrets unmasked.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of one property.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// These properties, with the values of `others` where both have one.
    #[must_use]
    pub fn overridden_by(&self, others: &Properties) -> Properties {
        let mut merged = self.0.clone();
        merged.extend(others.0.clone());
        Properties(merged)
    }
}

impl FromIterator<(String, String)> for Properties {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(pairs: T) -> Properties {
        Properties(pairs.into_iter().collect())
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self
            .iter()
            .map(|(name, value)| (name, if is_secret(name) { "***" } else { value }));
        f.debug_map().entries(shown).finish()
    }
}

/// Whether the value of the setting `key` must not be printed: not by `config show`, nor in an error, a log or a report.
#[must_use]
pub fn is_secret(key: &str) -> bool {
    const MARKS: [&str; 7] = [
        "password",
        "secret",
        "token",
        "credential",
        "private",
        "ssl.key.pem",
        "oauthbearer.config",
    ];
    let key = key.to_ascii_lowercase();
    // A token of PKCS#11 is a device, and this its name.
    let is_device = key == "archive.pkcs11.token";
    let is_pin = key.rsplit('.').next() == Some("pin");
    key == "archive.key" || is_pin || !is_device && MARKS.iter().any(|mark| key.contains(mark))
}
