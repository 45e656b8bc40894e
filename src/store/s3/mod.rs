//! Objects in a bucket of any S3-compatible server.
//!
//! A create is one PUT with `If-None-Match: *` and the object's SHA-256, which serves as checksum header and payload hash
//! of the signature. Multipart uploads are not used: not every server supports a condition on them.

mod answer;
mod body;
mod bucket;
mod client;
mod codes;
mod credentials;
mod document;
mod failure;
mod http;
pub mod inspect;
mod listing;
mod lock;
mod objects;
mod read;
mod removal;
mod requests;
mod rights;
mod tls;

pub use bucket::S3Store;
pub use http::client as http_client;

#[cfg(test)]
mod tests;
