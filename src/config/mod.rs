//! Settings: defaults, file, environment and flags, in rising precedence, as typed and validated values. No secret may
//! be printed: [`Properties`] and [`Secret`] mask them.
//!
//! - [`load`](crate::config::load()): from sources to [`Settings`] with the source of each value
//! - `raw.rs`: the shape of the file · `validate.rs`: from that shape to [`Settings`] · `units.rs`: `5m`, `64MiB`

mod brokers;
mod check;
mod checkpoint_copies;
mod error;
mod instance_id;
mod invalid;
mod layers;
mod load;
mod objects;
mod origin;
mod pkcs11;
mod projection_rule;
mod properties;
mod raw;
mod raw_topics;
mod raw_values;
mod s3_address;
mod secret;
mod selection;
mod service_variables;
mod settings;
mod topics;
mod transport;
mod units;
mod validate;
mod witnesses;

pub use check::{Checked, Level, Problem, check};
pub use error::ConfigError;
pub use instance_id::InstanceId;
pub use layers::{DEFAULTS_TOML, Flag, Sources};
pub use load::{Entry, Loaded, load};
pub use projection_rule::ProjectionRule;
pub use properties::{Properties, is_secret};
pub use secret::Secret;
pub use selection::{TopicOverrides, TopicRule, TopicSelection};
pub use settings::{
    Addressing, ArchiveSettings, CheckpointCopy, Encryption, IngestSettings, KafkaSettings, LockMode, ObjectLock,
    ObjectSettings, Pkcs11Settings, Retention, RoutingRule, RoutingSettings, S3Settings, SEAL_MAX_BYTES_LIMIT,
    Settings, StoreBackend, StoreSettings, TelemetrySettings, TokenName, TopicSettings, WitnessSettings,
};
pub use units::{Size, Span, UnitError};
pub use validate::LEDGERS;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod topics_tests;
