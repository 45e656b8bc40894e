//! The interface to the background work: requests to Kafka and the store, and the encoding of segments. The simulation
//! implements it under virtual time.

use std::time::Duration;

use crate::archive::step::{Event, Slot, Ticket};
use crate::archiver::operation::Operation;
use crate::segment::footer::Footer;
use crate::segment::rows::Rows;
use crate::task::error::AppError;

/// The outcome of background work: events for the state machine, in this order. An error ends the archiver, because
/// transient errors have been retried already.
pub type Answer = Result<Vec<Event>, AppError>;

/// A segment to encode: the rows and the footer of its Parquet object.
pub type EncodeJob = (Ticket, Box<(Rows, Footer)>);

/// Carries out operations in the background. None of its methods but [`wait_for_answer`](Executor::wait_for_answer)
/// blocks.
pub trait Executor {
    /// Starts an operation. Each partition has at most one: an older one is cancelled, because its answer would carry
    /// an outdated ticket.
    fn start(&mut self, operation: Operation);

    /// Cancels the operation of a partition (EP-1). A request that was sent already may still take effect.
    fn cancel(&mut self, slot: Slot);

    /// Queues a segment for encoding. Returns it if the queue is full.
    ///
    /// # Errors
    /// The encoder's thread has ended.
    fn encode(&mut self, job: EncodeJob) -> Result<Option<EncodeJob>, AppError>;

    /// Encodes a segment on the calling thread.
    ///
    /// # Errors
    /// The segment cannot be encoded.
    fn encode_here(&mut self, job: EncodeJob) -> Answer;

    /// Whether answers are pending or have arrived.
    fn is_busy(&self) -> bool;

    /// The next answer that has arrived, if any.
    fn try_answer(&mut self) -> Option<Answer>;

    /// The next answer; `None` if none arrives within `timeout`.
    fn wait_for_answer(&mut self, timeout: Duration) -> Option<Answer>;
}
