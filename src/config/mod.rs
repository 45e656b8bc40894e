//! Settings: what the user wrote (defaults, file, environment, flags, in rising rank) turned into plain typed values
//! that the layers below take. The only place that knows a setting's name and default. Never talks to a server, and
//! never prints a secret: [`Properties`] masks them.
//!
//! - [`load`](crate::config::load()): sources in, validated [`Settings`] and the origin of each value out
//! - `raw.rs`: the shape of the file · `validate.rs`: from that shape to these types · `units.rs`: `5m`, `64MiB`

mod copies;
mod error;
mod invalid;
mod layers;
mod load;
mod properties;
mod raw;
mod secret;
mod settings;
mod transport;
mod units;
mod validate;

pub use error::ConfigError;
pub use layers::{DEFAULTS_TOML, Flag, Sources};
pub use load::{Entry, Loaded, load};
pub use properties::{Properties, is_secret};
pub use secret::Secret;
pub use settings::ColumnType;
pub use settings::{
    Addressing, ArchiveSettings, CheckpointCopy, IngestSettings, KafkaSettings, LockMode, ObjectLock, ProjectionRule,
    Retention, RoutingRule, RoutingSettings, S3Settings, Settings, StoreBackend, StoreSettings, TelemetrySettings,
    TopicSettings,
};
pub use units::{Size, Span, UnitError};

#[cfg(test)]
mod tests;
