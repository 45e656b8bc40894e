//! Retention: which segments are old enough to go, the change that says so in the log, and their removal after it.

mod plan;
mod removing;

pub use plan::{Before, Cutoff, PartitionPlan, Plan, plan};
pub use removing::{RemovalReport, remove};
