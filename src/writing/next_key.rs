//! The signing key that a rotation adds: in a file beside the present one until it replaces it, or in a token.

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::Pkcs11Settings;
use crate::error::{Explain as _, Kind};
use crate::log::signed_note::VerifyingKey;
use crate::log::signer::Signer;
use crate::task::error::AppError;
use crate::writing::key_file;
use crate::writing::key_source::{self, KeyPlace, KeySource};

/// Where the next key is, or will be created.
#[derive(Debug)]
pub enum NextKey<'a> {
    /// In a file beside that of the present key.
    File(PathBuf),
    /// In a token, with this label.
    Token(&'a Pkcs11Settings, &'a str),
}

impl<'a> NextKey<'a> {
    /// The next key of a rotation: the one with this label in the token of the settings, or one in a file.
    ///
    /// # Errors
    /// `Config` if there is a label without a token, or a token's key without a label for the next one.
    pub fn after(source: &'a KeySource, label: Option<&'a str>) -> Result<NextKey<'a>, AppError> {
        match (label, &source.token) {
            (Some(label), Some(token)) => Ok(NextKey::Token(token, label)),
            (Some(_), None) => Err(
                AppError::config("a label names a key in a token, and the settings name no token")
                    .fix("set archive.pkcs11.module and archive.pkcs11.token, or leave out --next-label"),
            ),
            (None, _) if source.in_token().is_some() => Err(AppError::config(
                "the signing key is in a token, and the next one needs a label of its own there",
            )
            .fix("run `kivend keys rotate --next-label LABEL`; the key is created if the token has none")),
            (None, _) => Ok(NextKey::File(key_file::beside(source.key_file()?, "next"))),
        }
    }

    /// The key, if it exists.
    ///
    /// # Errors
    /// Those of [`key_file::read`] and [`key_source::open_in_token`].
    pub fn open(&self, name: &str) -> Result<Option<Arc<dyn Signer>>, AppError> {
        let opened = match self {
            NextKey::File(file) => key_file::read(file).map(|key| Arc::new(key) as Arc<dyn Signer>),
            NextKey::Token(token, label) => key_source::open_in_token(token, label, name),
        };
        match opened {
            Ok(key) => Ok(Some(key)),
            Err(error) if error.kind() == Kind::Input => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates the key.
    ///
    /// # Errors
    /// Those of [`key_file::make`] and [`key_source::open_or_make_in_token`].
    pub fn make(&self, name: &str) -> Result<Arc<dyn Signer>, AppError> {
        match self {
            NextKey::File(file) => Ok(Arc::new(key_file::make(file, name)?)),
            NextKey::Token(token, label) => key_source::open_or_make_in_token(token, label, name),
        }
    }

    /// Replaces the present key on this machine, where it is in a file. Returns where the next key is then, and the path
    /// of the old one if it was moved.
    ///
    /// # Errors
    /// `Config` if a file cannot be written.
    pub fn install(self, source: &KeySource, present: &VerifyingKey) -> Result<(KeyPlace, Option<PathBuf>), AppError> {
        match self {
            NextKey::Token(token, label) => Ok((KeyPlace::Token(key_source::uri(token, label)), None)),
            NextKey::File(next) if source.text.is_some() => Ok((KeyPlace::File(next), None)),
            NextKey::File(next) => {
                let old = key_file::replace(source.key_file()?, &next, present)?;
                Ok((source.place(), Some(old)))
            }
        }
    }
}
