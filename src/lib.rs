//! kivend archives Kafka topics to S3 as hash-chained, signed Parquet, exactly once, and lets anyone verify that nothing was
//! lost, added or changed: against Kafka itself, and without trusting the operator.
//!
//! ```text
//!  JSONL ──app::ingest──▶ Kafka ──kafka::consumer──▶ archive (pure) ──segment──▶ store ──▶ link = the commit
//!                           │                                                      │
//!                           └───────────────────▶ verify (pure) ◀──────────────────┘
//! ```
//!
//! The folders are a staircase: each imports only from those below it. From the bottom:
//!
//! - [`record`], [`json`]: positions, records and their hash encoding, Merkle tree; a strict JSON reader. Pure.
//! - [`error`], [`clock`], [`memory`], [`config`]: kinds of failure; time and random bytes; the allocator; settings.
//! - [`event`], [`synthetic`]: one line of JSONL and its topic; the generated shop. Pure.
//! - [`segment`], [`log`]: records as Parquet; the signed format around it. Pure.
//! - [`archive`], [`verify`], [`audit`]: the archiver's state machine; the verifier; the audit of other sinks. Pure.
//! - [`kafka`], [`store`], [`telemetry`]: librdkafka; create-only objects; log, metrics and health.
//! - [`task`], [`embedded`]: what long-running work shares; a Kafka cluster inside the process.
//! - [`reading`], [`writing`]: what readers and what writers of an archive share.
//! - [`archiver`]: the daemon. [`app`]: the other capabilities. [`cli`]: arguments to settings to one of them.
//!
//! `ARCHITECTURE.md` has the rules, the invariants, and where to find what.

pub mod app;
pub mod archive;
pub mod archiver;
pub mod audit;
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
