//! kivend: the archive that nobody dares to question.
//!
//! Every record of a shop's Kafka topics stands on S3 as hash-chained, signed Parquet, exactly once, and whoever must
//! can check that nothing was lost, added or changed: against Kafka itself and without trusting us.
//!
//! ```text
//!  JSONL ──app::ingest──▶ Kafka ──kafka::consumer──▶ archive (pure) ──segment──▶ store ──▶ link = the commit
//!                           │                                                      │
//!                           └───────────────────▶ verify (pure) ◀──────────────────┘
//! ```
//!
//! # Where things are
//! - [`error`], [`config`]: kinds of failure and exit codes; settings with the origin of each value. Known to every layer.
//! - [`model`]: positions, records and their canonical encoding, Merkle tree, signed notes. Pure.
//! - [`segment`]: records ⇄ Parquet bytes, links, checkpoints, object keys. Pure.
//! - [`kafka`]: settings, questions to the cluster, the archiver's consumer, a plain reader, on librdkafka.
//! - [`embedded`]: a Kafka cluster in this process, for the demo and for tests.
//! - [`verify`]: links, segments and what Kafka says in; findings, a verdict and a report out. Pure.
//! - [`store`]: create-only objects on S3, in a directory, in memory; faults on demand; the probe of the promise.
//! - [`app`]: what the program can do; joins input and output to the pure core. [`cli`]: arguments to settings to `app`.
//! - [`telemetry`], [`clock`]: log and metrics; the only place that reads the time. [`memory`]: the allocator.
//!
//! # The import rule
//! `model ← segment ← {archive, verify}`; `model ← {kafka, store}`; all of these `← app ← cli ← bin`. The pure layers
//! name no async runtime, client, file system, environment or clock: `now` comes in as a value. A test holds this.

pub mod app;
pub mod archive;
pub mod archiver;
pub mod cli;
pub mod clock;
pub mod config;
pub mod embedded;
pub mod error;
pub mod event;
pub mod json;
pub mod kafka;
pub mod log;
pub mod memory;
pub mod reading;
pub mod record;
pub mod segment;
pub mod store;
pub mod synthetic;
pub mod task;
pub mod telemetry;
pub mod verify;
pub mod writing;
