//! Restoring archived records to Kafka: what is asked, what must hold of the target topics, and the transfer, whose progress
//! is kept in Kafka with the records (see docs/decisions/0014).

mod commit;
mod connection;
mod dry_run;
mod groups;
mod mark;
mod naming;
mod pace;
mod plan;
mod rejects;
mod report;
mod request;
mod restore;
mod segments;
mod shared;
mod target;
mod topic_run;
mod transaction;
mod visible;

pub use naming::{Naming, Rename};
pub use pace::Rate;
pub(in crate::app) use plan::{PartitionPlan, TopicPlan, plan};
pub use report::{GroupRestored, Refusal, RestoreReport, TopicRestored};
pub use request::{Allowed, Axis, Creation, Damage, LedgerPlace, Mode, Request, Span};
pub(in crate::app) use restore::{Conditions, Planned, restore_planned};
pub use restore::{Surroundings, restore};
pub(in crate::app) use segments::{read_partition, unreadable};
