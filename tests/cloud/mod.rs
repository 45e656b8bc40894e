//! Clouds as people have them, with a small S3 server in this process that answers as it is told: throttling, expired tokens,
//! archived storage, sources of credentials, certificates and proxies. Kafka is in this process too; the programs are the
//! real ones.

mod answers;
mod credentials;
mod server;
mod shop;
mod transport;
