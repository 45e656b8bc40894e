//! Where the signing key comes from: a file, the setting `archive.key`, or a PKCS#11 token.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::config::{ArchiveSettings, Pkcs11Settings, Secret, TokenName};
use crate::error::{Explain as _, Kind};
use crate::log::signed_note::SigningKey;
use crate::log::signer::Signer;
use crate::task::error::AppError;
use crate::writing::key_file;
#[cfg(feature = "pkcs11")]
use crate::writing::pkcs11::TokenSigner;

/// The source of the signing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySource {
    /// The path of the key's file, which need not exist; none if no setting and no home folder names one.
    pub file: Option<PathBuf>,
    /// The key itself, from the setting `archive.key`. It takes precedence over the file.
    pub text: Option<Secret>,
    /// A token. It takes precedence over both if it names a key.
    pub token: Option<Pkcs11Settings>,
}

/// Where a private key is kept, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// In this file, which need not exist.
    File(PathBuf),
    /// In the setting `archive.key`.
    Setting,
    /// Nowhere: no setting and no home folder names a place.
    Nowhere,
    /// In a token, by its URI (RFC 7512).
    Token(String),
}

impl fmt::Display for KeyPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyPlace::File(file) => write!(f, "{}", file.display()),
            KeyPlace::Setting => f.write_str("the setting archive.key"),
            KeyPlace::Nowhere => f.write_str("none: archive.key_file is not set"),
            KeyPlace::Token(uri) => f.write_str(uri),
        }
    }
}

impl Serialize for KeyPlace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl From<&ArchiveSettings> for KeySource {
    fn from(settings: &ArchiveSettings) -> KeySource {
        KeySource {
            file: settings.key_file.clone(),
            text: settings.key.clone(),
            token: settings.pkcs11.clone(),
        }
    }
}

impl KeySource {
    /// A key in this file.
    #[must_use]
    pub fn of_file(file: PathBuf) -> KeySource {
        KeySource {
            file: Some(file),
            text: None,
            token: None,
        }
    }

    /// The token and the label of the key in it, if the key is in a token.
    #[must_use]
    pub fn in_token(&self) -> Option<(&Pkcs11Settings, &str)> {
        let token = self.token.as_ref()?;
        Some((token, token.label.as_deref()?))
    }

    /// Where the private key is kept.
    #[must_use]
    pub fn place(&self) -> KeyPlace {
        match (self.in_token(), &self.text) {
            (Some((token, label)), _) => KeyPlace::Token(uri(token, label)),
            (None, Some(_)) => KeyPlace::Setting,
            (None, None) => self.file.clone().map_or(KeyPlace::Nowhere, KeyPlace::File),
        }
    }

    /// The path of the key's file.
    ///
    /// # Errors
    /// `Config` if no setting and no home folder names one.
    pub fn key_file(&self) -> Result<&Path, AppError> {
        self.file.as_deref().ok_or_else(|| {
            AppError::config(
                "no file is named for the signing key: archive.key_file is not set, and neither is XDG_CONFIG_HOME nor HOME, which give its default",
            )
            .fix("set KIVEND_ARCHIVE__KEY_FILE to a path that outlives this process, or KIVEND_ARCHIVE__KEY to the key itself")
        })
    }

    /// Opens the signing key under `name`, the name of the archive's keys, which is its origin.
    ///
    /// # Errors
    /// Those of [`key_file::read`] and [`open_in_token`]; `Config` if the setting is not a signing key.
    pub fn read(&self, name: &str) -> Result<Arc<dyn Signer>, AppError> {
        if let Some((token, label)) = self.in_token() {
            return open_in_token(token, label, name);
        }
        let Some(text) = &self.text else {
            return Ok(Arc::new(named(&key_file::read(self.key_file()?)?, name)?));
        };
        Ok(Arc::new(named(&parsed(text)?, name)?))
    }

    /// Reads the key where that needs neither a token nor its PIN, to see whether there is one.
    ///
    /// # Errors
    /// Those of [`KeySource::read`].
    pub fn examine(&self) -> Result<(), AppError> {
        match (self.in_token(), &self.text, &self.file) {
            (Some(_), ..) | (None, None, None) => Ok(()),
            (None, Some(text), _) => parsed(text).map(|_| ()),
            (None, None, Some(file)) => key_file::read(file).map(|_| ()),
        }
    }

    /// Opens the signing key, or creates one, in its file or token, if there is none.
    ///
    /// # Errors
    /// Those of [`KeySource::read`], [`key_file::make`] and [`open_or_make_in_token`].
    pub fn read_or_make(&self, name: &str) -> Result<Arc<dyn Signer>, AppError> {
        if let Some((token, label)) = self.in_token() {
            return open_or_make_in_token(token, label, name);
        }
        match self.read(name) {
            Err(error) if error.kind() == Kind::Input => Ok(Arc::new(key_file::make(self.key_file()?, name)?)),
            read => read,
        }
    }
}

fn parsed(text: &Secret) -> Result<SigningKey, AppError> {
    text.reveal().trim().parse().map_err(|_| {
        AppError::config("the setting archive.key is not a signing key of the form PRIVATE+KEY+…").fix("set KIVEND_ARCHIVE__KEY to the content of the file that `kivend init` created, or of its backup (docs/OPERATE.md, \"Backup and escrow\")")
    })
}

/// The key under the name of the archive's keys. A file may hold the name of another archive, for which it was created.
fn named(key: &SigningKey, name: &str) -> Result<SigningKey, AppError> {
    key.named(name).map_err(|error| AppError::internal(error.to_string()))
}

/// The URI of a private key (RFC 7512).
#[must_use]
pub fn uri(token: &Pkcs11Settings, label: &str) -> String {
    let label = escaped(label);
    match &token.token {
        TokenName::Slot(id) => format!("pkcs11:slot-id={id};object={label};type=private"),
        TokenName::Label(name) => format!("pkcs11:token={};object={label};type=private", escaped(name)),
    }
}

fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

/// Opens the key with this label in a token.
///
/// # Errors
/// `Input` if the token has no such key, `Config` if the settings or the PIN are wrong, `Transient` if it does not answer.
#[cfg(feature = "pkcs11")]
pub fn open_in_token(token: &Pkcs11Settings, label: &str, name: &str) -> Result<Arc<dyn Signer>, AppError> {
    let Some(signer) = TokenSigner::open(token, label, name)? else {
        let shown = uri(token, label);
        return Err(
            AppError::input(format!("the token has no Ed25519 key with this label: {shown}"))
                .fix("set archive.pkcs11.label to the label of the archive's key"),
        );
    };
    Ok(Arc::new(signer))
}

/// Opens the key with this label in a token, or creates it there.
///
/// # Errors
/// Those of [`open_in_token`]; `Config` if the token refuses to create the key.
#[cfg(feature = "pkcs11")]
pub fn open_or_make_in_token(token: &Pkcs11Settings, label: &str, name: &str) -> Result<Arc<dyn Signer>, AppError> {
    match open_in_token(token, label, name) {
        Err(error) if error.kind() == Kind::Input => {
            TokenSigner::make(token, label, &crate::clock::random_bytes()?)?;
            open_in_token(token, label, name)
        }
        opened => opened,
    }
}

/// Tells how to get a build with support for tokens.
///
/// # Errors
/// Always `Config`.
#[cfg(not(feature = "pkcs11"))]
pub fn open_in_token(token: &Pkcs11Settings, label: &str, _name: &str) -> Result<Arc<dyn Signer>, AppError> {
    let shown = uri(token, label);
    Err(AppError::config(format!(
        "the signing key is in a PKCS#11 token ({shown}), and this program was built without support for tokens"
    ))
    .fix("build it with `cargo build --release --features pkcs11`, or use a key file (archive.key_file)"))
}

/// Tells how to get a build with support for tokens.
///
/// # Errors
/// Always `Config`.
#[cfg(not(feature = "pkcs11"))]
pub fn open_or_make_in_token(token: &Pkcs11Settings, label: &str, name: &str) -> Result<Arc<dyn Signer>, AppError> {
    open_in_token(token, label, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_from_the_settings_takes_precedence_and_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kivend.key");
        key_file::make(&file, "kivend").unwrap();
        let key = SigningKey::from_seed("kivend", &[9; 32]).unwrap();
        let source = KeySource {
            text: Some(Secret::new(format!("{}\n", key.to_secret_text()))),
            ..KeySource::of_file(file.clone())
        };
        assert_eq!(source.read("kivend").unwrap().verifying_key(), key.verifying_key());
        assert!(!format!("{source:?}").contains(&key.to_secret_text()[30..]));
        let wrong = KeySource {
            text: Some(Secret::new("PRIVATE+KEY+kivend+secret".to_owned())),
            ..KeySource::of_file(file)
        };
        assert!(!wrong.read("kivend").unwrap_err().to_string().contains("secret"));
    }

    #[test]
    fn a_key_in_a_token_is_named_by_its_uri() {
        let token = |token: TokenName| Pkcs11Settings {
            module: "/usr/lib/softhsm/libsofthsm2.so".into(),
            token,
            label: Some("audit key".to_owned()),
            pin: None,
            pin_file: None,
        };
        let place = |name: TokenName| {
            let source = KeySource {
                token: Some(token(name)),
                ..KeySource::of_file("kivend.key".into())
            };
            source.place().to_string()
        };
        assert_eq!(
            place(TokenName::Label("shop;1".to_owned())),
            "pkcs11:token=shop%3B1;object=audit%20key;type=private"
        );
        assert_eq!(
            place(TokenName::Slot(3)),
            "pkcs11:slot-id=3;object=audit%20key;type=private"
        );
    }
}
