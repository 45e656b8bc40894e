//! The state machine of one partition: load the head, fill a segment, seal it in four steps, continue. Recovery is the
//! normal path: start-up, rebalance and conflict all begin at `load`.
//!
//! - `state`: the state of a partition · `records`: records, ends of the log, and time
//! - `head`: continuing from the bucket's head · `sealing`: the four steps · `leaving`: release and stop

mod head;
mod leaving;
mod records;
mod sealing;
mod state;

pub use head::stops;
pub use state::{Context, Partition};
