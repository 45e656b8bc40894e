//! Reads the body of a response: bounded in size and time, complete, and checked against the stored checksum.
//!
//! The client's own check is not used: it hashes in small pieces and reports a mismatch as a broken connection.

use std::time::Duration;

use aws_sdk_s3::config::http::HttpRequest;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use crate::record::hash::{Hash, Hashing};
use crate::store::contract::{Digest, Tail, check_equal, check_hash, check_size};
use crate::store::error::StoreError;
use crate::store::s3::failure::{self, RequestContext};

/// Asks the server for the checksum that it stored with the object.
pub(super) fn ask_for_checksum(request: &mut HttpRequest) {
    request.headers_mut().insert("x-amz-checksum-mode", "ENABLED");
}

/// How much of a body is read, and for how long.
pub(super) struct Limits {
    pub(super) max_bytes: u64,
    pub(super) timeout: Duration,
}

/// The whole body of the object. Nothing is read if the announced length is greater than the limit.
pub(super) async fn read(
    context: RequestContext<'_>,
    output: GetObjectOutput,
    limits: Limits,
) -> Result<Bytes, StoreError> {
    let stored = stored_hash(&output);
    require_whole(&context, &output)?;
    let announced = require_within(&context, &output, limits.max_bytes)?;
    let mut bytes = Vec::with_capacity(usize::try_from(announced.unwrap_or(0)).unwrap_or(0));
    each_piece(&context, output, limits, |piece| bytes.extend_from_slice(piece)).await?;
    if let Some(hash) = stored {
        check_hash(context.key, &bytes, &hash)?;
    }
    Ok(Bytes::from(bytes))
}

/// The length and the hash of the body, of which one piece is in memory at a time.
pub(super) async fn digest(
    context: RequestContext<'_>,
    output: GetObjectOutput,
    limits: Limits,
) -> Result<Digest, StoreError> {
    let stored = stored_hash(&output);
    require_whole(&context, &output)?;
    let announced = length(&output);
    let (mut hashing, mut object_bytes) = (Hashing::default(), 0);
    let hashed = each_piece(&context, output, limits, |piece| {
        hashing.update(piece);
        object_bytes += piece.len() as u64;
    });
    match hashed.await {
        Err(error) if error.is_too_large() => Ok(Digest {
            object_bytes: announced.unwrap_or(object_bytes),
            sha256: None,
        }),
        Err(error) => Err(error),
        Ok(()) => {
            let sha256 = hashing.so_far();
            if let Some(stored) = stored {
                check_equal(context.key, sha256, &stored)?;
            }
            Ok(Digest {
                object_bytes,
                sha256: Some(sha256),
            })
        }
    }
}

/// The end of an object, from the response to a request for its last bytes.
pub(super) async fn tail(
    context: RequestContext<'_>,
    output: GetObjectOutput,
    limits: Limits,
) -> Result<Tail, StoreError> {
    // Without this header, the response is the whole object: it is shorter, or the server ignores ranges.
    let range = output.content_range().and_then(bounds);
    let mut end = Vec::new();
    let read = each_piece(&context, output, limits, |piece| end.extend_from_slice(piece));
    match read.await {
        Err(error) if error.is_too_large() => Err(context.ignores_ranges()),
        Err(error) => Err(error),
        Ok(()) => {
            let length = end.len() as u64;
            match range {
                Some((first, _, total)) if first.checked_add(length) != Some(total) => Err(context.ignores_ranges()),
                range => Ok(Tail {
                    object_bytes: range.map_or(length, |(_, _, total)| total),
                    end: Bytes::from(end),
                }),
            }
        }
    }
}

/// Calls `take` with each piece of the body, to its end. Fails before the first piece if the announced length is greater
/// than the limit.
async fn each_piece(
    context: &RequestContext<'_>,
    mut output: GetObjectOutput,
    limits: Limits,
    mut take: impl FnMut(&[u8]),
) -> Result<(), StoreError> {
    let announced = require_within(context, &output, limits.max_bytes)?;
    let reading = async {
        let mut length = 0;
        while let Some(piece) = output.body.next().await {
            let piece = piece.map_err(|error| context.broken(failure::innermost(&error)))?;
            length += piece.len() as u64;
            check_size(context.key, length, limits.max_bytes)?;
            take(&piece);
        }
        match announced {
            Some(announced) if announced != length => Err(context.broken("fewer than announced")),
            _ => Ok(()),
        }
    };
    match tokio::time::timeout(limits.timeout, reading).await {
        Ok(read) => read,
        Err(_) => Err(context.late(limits.timeout)),
    }
}

/// Checks the head of a response, and returns the announced length.
fn require_within(
    context: &RequestContext<'_>,
    output: &GetObjectOutput,
    max_bytes: u64,
) -> Result<Option<u64>, StoreError> {
    // Every S3 server sends an ETag. First, because the page of a proxy must not be taken for an object that is too large.
    if output.e_tag().is_none() {
        return Err(context.not_s3());
    }
    let announced = length(output);
    check_size(context.key, announced.unwrap_or(0), max_bytes)?;
    Ok(announced)
}

/// Checks that the response is the object, and not a part of it that was not requested, as some caches send.
fn require_whole(context: &RequestContext<'_>, output: &GetObjectOutput) -> Result<(), StoreError> {
    let is_whole = |(first, last, total): (u64, u64, u64)| first == 0 && last.checked_add(1) == Some(total);
    match output.content_range() {
        Some(range) if !bounds(range).is_some_and(is_whole) => Err(context.only_a_part(range)),
        _ => Ok(()),
    }
}

fn length(output: &GetObjectOutput) -> Option<u64> {
    output.content_length().and_then(|bytes| u64::try_from(bytes).ok())
}

/// The first and the last byte, and the object's length, in `bytes 90-99/100`.
fn bounds(content_range: &str) -> Option<(u64, u64, u64)> {
    let (range, total) = content_range.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?, total.parse().ok()?))
}

fn stored_hash(output: &GetObjectOutput) -> Option<Hash> {
    output.checksum_sha256().and_then(hash_of_base64)
}

/// `None` for anything but a plain SHA-256, such as the composite checksum of a multipart upload.
fn hash_of_base64(text: &str) -> Option<Hash> {
    BASE64.decode(text).ok()?.try_into().ok().map(Hash)
}
