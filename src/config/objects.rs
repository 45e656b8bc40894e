//! Validates the settings of `[store]` that say how objects are created and whose the bucket must be.

use crate::config::invalid::{Invalid, require};
use crate::config::raw::RawStore;
use crate::config::settings::{Encryption, ObjectSettings};

/// Storage classes whose objects cannot be read at once: neither a writer nor a verifier could go on.
const ARCHIVED: [&str; 2] = ["GLACIER", "DEEP_ARCHIVE"];
/// The limits of Amazon S3 for the tags of an object.
const TAGS_MAX: usize = 10;
const TAG_NAME_MAX: usize = 128;
const TAG_VALUE_MAX: usize = 256;

pub(super) fn objects(written: &RawStore) -> Result<ObjectSettings, Invalid> {
    Ok(ObjectSettings {
        encryption: encryption(written)?,
        storage_class: storage_class(&written.storage_class)?,
        tags: tags(written)?,
    })
}

/// The account that must own the bucket.
pub(super) fn expected_owner(written: &str) -> Result<Option<String>, Invalid> {
    let is_account = written.len() == 12 && written.bytes().all(|b| b.is_ascii_digit());
    require(
        written.is_empty() || is_account,
        "store.expected_owner",
        format!("must be the twelve digits of an AWS account, or empty, not `{written}`"),
    )?;
    Ok((!written.is_empty()).then(|| written.to_owned()))
}

fn encryption(written: &RawStore) -> Result<Option<Encryption>, Invalid> {
    let is_kms = written.encryption == "sse-kms";
    require(
        is_kms || written.kms_key_id.is_empty(),
        "store.kms_key_id",
        "needs store.encryption = \"sse-kms\"",
    )?;
    require(
        is_kms || !written.bucket_key,
        "store.bucket_key",
        "needs store.encryption = \"sse-kms\"",
    )?;
    match written.encryption.as_str() {
        "" => Ok(None),
        "sse-s3" => Ok(Some(Encryption::S3)),
        "sse-kms" => Ok(Some(Encryption::Kms {
            key_id: (!written.kms_key_id.is_empty()).then(|| written.kms_key_id.clone()),
            bucket_key: written.bucket_key,
        })),
        other => Err(Invalid::new(
            "store.encryption",
            format!("must be sse-s3, sse-kms or empty, not `{other}`"),
        )),
    }
}

fn storage_class(written: &str) -> Result<Option<String>, Invalid> {
    let is_name = written
        .bytes()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    require(
        is_name,
        "store.storage_class",
        format!("must be a storage class such as STANDARD_IA, or empty, not `{written}`"),
    )?;
    require(
        !ARCHIVED.contains(&written),
        "store.storage_class",
        format!(
            "objects in the class `{written}` cannot be read at once, so the archive could be neither continued nor \
             verified: use GLACIER_IR"
        ),
    )?;
    Ok((!written.is_empty()).then(|| written.to_owned()))
}

fn tags(written: &RawStore) -> Result<Vec<(String, String)>, Invalid> {
    let tags: Vec<(String, String)> = written
        .tags
        .iter()
        .map(|(name, value)| (name.clone(), value.0.clone()))
        .collect();
    require(
        tags.len() <= TAGS_MAX,
        "store.tags",
        format!("an object can have at most {TAGS_MAX} tags, not {}", tags.len()),
    )?;
    for (name, value) in &tags {
        let fits = (1..=TAG_NAME_MAX).contains(&name.chars().count()) && value.chars().count() <= TAG_VALUE_MAX;
        require(
            fits,
            "store.tags",
            format!("tag `{name}`: a name has 1 to {TAG_NAME_MAX} characters, a value at most {TAG_VALUE_MAX}"),
        )?;
    }
    Ok(tags)
}
