//! Listings of a bucket: merges pages up to a limit and removes the prefix.
//!
//! Keys are requested percent-encoded: anyone with write access can create a key with a control character, which would
//! otherwise make the whole page unreadable. A listing out of order or without progress is an error.
//!
//! A page begins after the last key that was found, not at the server's token, so that two requests never skip a key. The
//! token is used after a page without keys, which servers send where many objects were deleted.

use std::cmp::Ordering;
use std::collections::HashSet;

use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{BucketVersioningStatus, EncodingType};

use crate::store::contract::{Entry, Version, VersionKind};
use crate::store::error::StoreError;
use crate::store::s3::bucket::S3Store;
use crate::store::s3::document::WholeDocument;
use crate::store::s3::failure;

/// The maximum page size of S3.
const PAGE_MAX: usize = 1000;

/// See [`Store::list`](super::Store::list).
pub(super) async fn list(
    store: &S3Store,
    prefix: &str,
    start_after: Option<&str>,
    limit: usize,
) -> Result<Vec<Entry>, StoreError> {
    let mut found: Vec<Entry> = Vec::new();
    let mut tokens = HashSet::new();
    let mut token = None;
    while found.len() < limit {
        let after = found
            .last()
            .map(|entry| entry.key.as_str())
            .or(start_after)
            .map(str::to_owned);
        let from = match token.take() {
            Some(token) => From::Token(token),
            None => From::After(after.clone()),
        };
        let page = page(store, prefix, from, limit - found.len()).await?;
        let more = page.is_truncated() == Some(true);
        let before = found.len();
        for entry in entries(store, &page)? {
            let last = found.last().map(|entry| entry.key.as_str()).or(after.as_deref());
            match last.map(|last| entry.key.as_str().cmp(last)) {
                None | Some(Ordering::Greater) => found.push(entry),
                // Some servers begin with the key after which they were asked to begin.
                Some(Ordering::Equal) => {}
                Some(Ordering::Less) => return Err(out_of_order(store, prefix)),
            }
        }
        if !more {
            break;
        }
        if found.len() == before {
            let next = page.next_continuation_token().map(str::to_owned);
            if !next.clone().is_some_and(|next| tokens.insert(next)) {
                return Err(without_progress(store, prefix));
            }
            token = next;
        }
    }
    found.truncate(limit);
    Ok(found)
}

/// Where a page begins.
enum From {
    /// After this key of the store, or at the first.
    After(Option<String>),
    /// Where the page before ended.
    Token(String),
}

async fn page(store: &S3Store, prefix: &str, from: From, wanted: usize) -> Result<ListObjectsV2Output, StoreError> {
    let page_size = i32::try_from(wanted.min(PAGE_MAX)).unwrap_or(i32::MAX);
    let request = store
        .client
        .list_objects_v2()
        .bucket(&store.bucket)
        .encoding_type(EncodingType::Url);
    let request = request.prefix(format!("{}{prefix}", store.root)).max_keys(page_size);
    let request = match from {
        From::After(after) => request.set_start_after(after.map(|after| format!("{}{after}", store.root))),
        From::Token(token) => request.continuation_token(token),
    };
    let send = || async {
        let sent = request.clone().customize().interceptor(WholeDocument).send().await;
        sent.map_err(|error| store.context("list", prefix).failure(error))
    };
    store.with_retries(store.context("list", prefix), send).await
}

fn entries(store: &S3Store, page: &ListObjectsV2Output) -> Result<Vec<Entry>, StoreError> {
    let encoded = page.encoding_type() == Some(&EncodingType::Url);
    let entry = |object: &aws_sdk_s3::types::Object| {
        let key = relative(store, object.key().unwrap_or_default(), encoded)?;
        Ok(Entry {
            key,
            bytes: size(object.size()),
        })
    };
    page.contents().iter().map(entry).collect()
}

/// Whether the bucket keeps versions, or ever did. A server that does not support the request keeps none.
pub(super) async fn keeps_versions(store: &S3Store) -> Result<bool, StoreError> {
    let ask = || async {
        let request = store.client.get_bucket_versioning().bucket(&store.bucket);
        match request.customize().interceptor(WholeDocument).send().await {
            Ok(answer) => Ok(matches!(
                answer.status(),
                Some(BucketVersioningStatus::Enabled | BucketVersioningStatus::Suspended)
            )),
            Err(error) if matches!(failure::status(&error), Some(405 | 501)) => Ok(false),
            Err(error) => Err(store.context("get bucket versioning", "").failure(error)),
        }
    };
    store
        .with_retries(store.context("get bucket versioning", ""), ask)
        .await
}

/// See [`Store::versions`](super::Store::versions).
pub(super) async fn versions(
    store: &S3Store,
    prefix: &str,
    start_after: Option<&str>,
) -> Result<Vec<Version>, StoreError> {
    let mut found = Vec::new();
    let mut markers: (Option<String>, Option<String>) =
        (start_after.map(|after| format!("{}{after}", store.root)), None);
    let mut asked = HashSet::new();
    loop {
        let request = store
            .client
            .list_object_versions()
            .bucket(&store.bucket)
            .encoding_type(EncodingType::Url);
        let request = request.prefix(format!("{}{prefix}", store.root));
        let request = request
            .set_key_marker(markers.0.clone())
            .set_version_id_marker(markers.1.clone());
        let send = || async {
            let sent = request.clone().customize().interceptor(WholeDocument).send().await;
            sent.map_err(|error| store.context("list versions", prefix).failure(error))
        };
        let page = store.with_retries(store.context("list versions", prefix), send).await?;
        collect_versions(store, &page, &mut found)?;
        if page.is_truncated() != Some(true) {
            break;
        }
        let encoded = page.encoding_type() == Some(&EncodingType::Url);
        let next_key = page
            .next_key_marker()
            .map(|key| if encoded { decoded(key) } else { key.to_owned() });
        let next = (next_key, page.next_version_id_marker().map(str::to_owned));
        asked.insert(std::mem::replace(&mut markers, next));
        if markers.0.is_none() || asked.contains(&markers) {
            return Err(without_progress(store, prefix));
        }
    }
    // Oldest first. Times are often whole seconds: at the same time, a delete marker comes after the object that it
    // hides, and the latest version comes last.
    found.sort_by(|a, b| {
        let age = |version: &Version| (version.latest, version.modified_ms, version.kind);
        a.key.cmp(&b.key).then_with(|| age(a).cmp(&age(b)))
    });
    // What two pages repeat.
    found.dedup_by(|a, b| a == b);
    Ok(found)
}

/// Adds one page, reversing the server's newest-first order among versions of the same time.
fn collect_versions(
    store: &S3Store,
    page: &ListObjectVersionsOutput,
    found: &mut Vec<Version>,
) -> Result<(), StoreError> {
    let encoded = page.encoding_type() == Some(&EncodingType::Url);
    let millis = |time: Option<&DateTime>| time.and_then(|time| time.to_millis().ok()).unwrap_or(0);
    for object in page.versions().iter().rev() {
        found.push(Version {
            key: relative(store, object.key().unwrap_or_default(), encoded)?,
            version: object.version_id().unwrap_or("null").to_owned(),
            kind: VersionKind::Object,
            latest: object.is_latest() == Some(true),
            bytes: size(object.size()),
            modified_ms: millis(object.last_modified()),
        });
    }
    for marker in page.delete_markers().iter().rev() {
        found.push(Version {
            key: relative(store, marker.key().unwrap_or_default(), encoded)?,
            version: marker.version_id().unwrap_or("null").to_owned(),
            kind: VersionKind::DeleteMarker,
            latest: marker.is_latest() == Some(true),
            bytes: 0,
            modified_ms: millis(marker.last_modified()),
        });
    }
    Ok(())
}

fn size(bytes: Option<i64>) -> u64 {
    bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0)
}

/// The key without the store's prefix.
fn relative(store: &S3Store, listed: &str, encoded: bool) -> Result<String, StoreError> {
    let full = if encoded { decoded(listed) } else { listed.to_owned() };
    match full.strip_prefix(&store.root) {
        Some(key) => Ok(key.to_owned()),
        None => Err(out_of_order(store, &full)),
    }
}

fn without_progress(store: &S3Store, prefix: &str) -> StoreError {
    StoreError::config(
        "the store says that a listing goes on, but does not say where",
        "check proxies between here and the store; else use another S3 server",
    )
    .with("prefix", prefix)
    .with("store", &store.location)
}

fn out_of_order(store: &S3Store, prefix: &str) -> StoreError {
    StoreError::config(
        "the store lists keys out of order, or keys outside of the prefix",
        "use a bucket that lists keys by their bytes (not an S3 directory bucket)",
    )
    .with("prefix", prefix)
    .with("store", &store.location)
}

/// Decodes the keys of a listing: `%xx`, and `+` for a space.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let (byte, after) = match (first, after) {
            (b'%', [high, low, after @ ..]) => match (hex_digit(*high), hex_digit(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, after),
                _ => (b'%', rest.get(1..).unwrap_or_default()),
            },
            (b'+', _) => (b' ', after),
            _ => (first, after),
        };
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn listed_keys_are_decoded_and_invalid_escapes_stay() {
        assert_eq!(decoded("data/topic%3Dpayments/a+b%2Bc"), "data/topic=payments/a b+c");
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("%zz%4"), "%zz%4");
        assert_eq!(decoded("%01%C3%A4"), "\u{1}ä");
    }

    proptest! {
        #[test]
        fn any_text_decodes_without_a_panic_and_never_grows(text in ".*") {
            // An invalid byte becomes a replacement character of three bytes, the length of its escape.
            prop_assert!(decoded(&text).len() <= text.len());
        }
    }
}
