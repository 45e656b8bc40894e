//! Reads the body of a response: bounded in size and time, complete, and checked against the stored checksum.
//!
//! The client's own check is not used: it hashes in small pieces and reports a mismatch as a broken connection.

use std::time::Duration;

use aws_sdk_s3::config::http::HttpRequest;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use crate::record::hash::Hash;
use crate::store::contract::{check_hash, check_size};
use crate::store::error::StoreError;
use crate::store::s3::failure::{self, RequestContext};

/// Asks the server for the checksum that it stored with the object.
pub(super) fn ask_for_checksum(request: &mut HttpRequest) {
    request.headers_mut().insert("x-amz-checksum-mode", "ENABLED");
}

/// The whole body of the object, within `timeout`.
pub(super) async fn read(
    context: RequestContext<'_>,
    output: GetObjectOutput,
    timeout: Duration,
) -> Result<Bytes, StoreError> {
    // Every S3 server sends an ETag.
    if output.e_tag().is_none() {
        return Err(context.not_s3());
    }
    let stored = output.checksum_sha256().and_then(hash_of_base64);
    let bytes = match tokio::time::timeout(timeout, collect(&context, output)).await {
        Ok(collected) => collected?,
        Err(_) => return Err(context.late(timeout)),
    };
    if let Some(hash) = stored {
        check_hash(context.key, &bytes, &hash)?;
    }
    Ok(bytes)
}

async fn collect(context: &RequestContext<'_>, mut output: GetObjectOutput) -> Result<Bytes, StoreError> {
    let announced = output.content_length().and_then(|bytes| u64::try_from(bytes).ok());
    check_size(context.key, announced.unwrap_or(0))?;
    let mut bytes = Vec::with_capacity(usize::try_from(announced.unwrap_or(0)).unwrap_or(0));
    while let Some(chunk) = output.body.next().await {
        let chunk = chunk.map_err(|error| context.broken(failure::innermost(&error)))?;
        bytes.extend_from_slice(&chunk);
        check_size(context.key, bytes.len() as u64)?;
    }
    match announced {
        Some(announced) if announced != bytes.len() as u64 => Err(context.broken("fewer than announced")),
        _ => Ok(Bytes::from(bytes)),
    }
}

/// `None` for anything but a plain SHA-256, such as the composite checksum of a multipart upload.
fn hash_of_base64(text: &str) -> Option<Hash> {
    BASE64.decode(text).ok()?.try_into().ok().map(Hash)
}
