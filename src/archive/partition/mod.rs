//! One partition on its way: load the head, fill a segment, seal it in four steps, go on. Recovery is the normal path:
//! start-up, rebalance and conflict all begin at `load`. Never waits and never touches Kafka or the store.
//!
//! - `state`: what a partition holds · `records`: what becomes of a record
//! - `head`: going on from the bucket's head · `sealing`: the four steps · `leaving`: letting go, and standing still

mod head;
mod leaving;
mod records;
mod sealing;
mod state;

pub use state::{Context, Partition};
