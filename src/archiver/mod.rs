//! The archiver: preflight, then one loop over Kafka's consumer, the pure state machine, and the executor that carries
//! out the machine's actions.
//!
//! - [`run`](run()): from settings to a report · `start`, [`preflight`]: before the loop
//! - [`driver`]: the loop, over the traits of [`source`], [`executor`] and [`observers`] · [`hold`]: back-pressure
//!   while memory is short
//! - [`background`]: the executor on threads · [`operation`]: retries of the single-attempt [`requests`] to the
//!   [`backends`]
//! - [`target`]: where to end · [`peers`]: the progress of other members of the group · [`unavailable`], [`logins`], [`topic_ids`]: what
//!   cannot be read, refused logins, and topics created again · `reloaded`: settings that change meanwhile · `instance`, [`fenced_client`]: the name
//!   in the group
//! - [`checkpoints`]: signing and mirroring while the archiver runs
//! - [`tally`], `outcome`, [`report`], `summary`, [`measured_store`], [`misfits`], [`degradations`], [`liveness`],
//!   [`retention`]: what operators see · [`doing`]: what is attempted · `reminders`, `line_budget`: how often what is logged

pub mod backends;
pub mod background;
pub mod checkpoints;
pub mod consumer_groups;
pub mod degradations;
pub mod discovery;
pub mod doing;
pub mod driver;
pub mod executor;
pub mod fenced_client;
pub mod group_offsets;
pub mod hold;
mod instance;
mod line_budget;
pub mod liveness;
pub mod logins;
pub mod measured_store;
pub mod misfits;
pub mod observers;
pub mod operation;
mod orders;
mod outcome;
pub mod peers;
pub mod preflight;
mod projections;
mod reloaded;
mod reminders;
pub mod report;
pub mod requests;
pub mod retention;
mod run;
mod shown;
pub mod source;
mod start;
mod summary;
pub mod tally;
pub mod target;
pub mod topic_ids;
pub mod unavailable;
pub mod witnesses;

pub use misfits::ColumnMisfits;
pub use orders::{Mode, Orders};
pub use outcome::{ArchiveReport, PartitionReport};
pub use projections::Projections;
pub use reloaded::Reloaded;
pub use run::{run, run_with_encoder};
