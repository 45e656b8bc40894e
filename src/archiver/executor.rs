//! What carries out the machine's actions beside the driver: requests to Kafka and the store, and the encoding of
//! segments. The simulator implements it too.

use std::time::Duration;

use crate::archive::step::{Event, Slot, Ticket};
use crate::archiver::operation::Operation;
use crate::segment::footer::Footer;
use crate::segment::rows::Rows;
use crate::task::error::AppError;

/// What comes back to the driver: events for the machine, in this order. An error ends the archiver: whatever trying again
/// can help was tried again.
pub type Answer = Result<Vec<Event>, AppError>;

/// A segment to be encoded.
pub type EncodeJob = (Ticket, Box<(Rows, Footer)>);

/// Carries out operations in the background. None of its methods but [`wait_for_answer`](Executor::wait_for_answer) blocks.
pub trait Executor {
    /// Begins an operation. At most one is under way for each partition: an older one ends, for its answer would carry an
    /// outdated ticket.
    fn start(&mut self, operation: Operation);

    /// Ends what is under way for a partition (EP-1).
    fn cancel(&mut self, slot: Slot);

    /// Takes a segment to encode, or gives it back while the encoder's queue is full.
    ///
    /// # Errors
    /// The encoder has ended.
    fn encode(&mut self, job: EncodeJob) -> Result<Option<EncodeJob>, AppError>;

    /// Encodes a segment on the caller's thread, beside the encoder.
    ///
    /// # Errors
    /// The segment cannot be encoded.
    fn encode_here(&mut self, job: EncodeJob) -> Answer;

    /// Whether answers are still to come, or wait to be taken.
    fn is_busy(&self) -> bool;

    /// An answer that has come, if there is one.
    fn try_answer(&mut self) -> Option<Answer>;

    /// The next answer, waiting at most `timeout` for it.
    fn wait_for_answer(&mut self, timeout: Duration) -> Option<Answer>;
}
