//! Validates `[archive.pkcs11]`. The PIN is no setting: it comes from the environment or from a file of its own.

use std::path::PathBuf;

use crate::config::invalid::{Invalid, require};
use crate::config::raw::{RawArchive, RawPkcs11};
use crate::config::secret::Secret;
use crate::config::settings::{Pkcs11Settings, TokenName};

/// The variable that holds the PIN.
pub(super) const PIN_VARIABLE: &str = "KIVEND_PKCS11_PIN";

/// `None` if no setting of the table is set.
pub(super) fn pkcs11(archive: &RawArchive, pin: Option<&str>) -> Result<Option<Pkcs11Settings>, Invalid> {
    let written = &archive.pkcs11;
    let RawPkcs11 {
        module,
        slot,
        token,
        label,
        pin_file,
    } = written;
    if [module, &slot.0, token, label, pin_file]
        .iter()
        .all(|text| text.is_empty())
    {
        return Ok(None);
    }
    require(
        module.starts_with('/'),
        "archive.pkcs11.module",
        format!("must be the absolute path of a PKCS#11 library, not `{module}`"),
    )?;
    let has_file_key = !archive.key.is_empty() || !archive.key_file.is_empty();
    require(
        label.is_empty() || !has_file_key,
        "archive.pkcs11.label",
        "names a signing key in a token, and archive.key or archive.key_file another one: set only one of them",
    )?;
    Ok(Some(Pkcs11Settings {
        module: PathBuf::from(module),
        token: token_name(&slot.0, token)?,
        label: (!label.is_empty()).then(|| label.clone()),
        pin: pin.filter(|pin| !pin.is_empty()).map(|pin| Secret::new(pin.to_owned())),
        pin_file: (!pin_file.is_empty()).then(|| PathBuf::from(pin_file)),
    }))
}

fn token_name(slot: &str, token: &str) -> Result<TokenName, Invalid> {
    match (slot, token) {
        ("", "") => Err(Invalid::new(
            "archive.pkcs11.token",
            "the token's label or archive.pkcs11.slot must be set".to_owned(),
        )),
        ("", label) => Ok(TokenName::Label(label.to_owned())),
        (slot, "") => match slot.parse() {
            Ok(id) => Ok(TokenName::Slot(id)),
            Err(_) => Err(Invalid::new(
                "archive.pkcs11.slot",
                format!("must be a slot's number, not `{slot}`"),
            )),
        },
        _ => Err(Invalid::new(
            "archive.pkcs11.slot",
            "cannot be combined with archive.pkcs11.token: set only one of them".to_owned(),
        )),
    }
}
