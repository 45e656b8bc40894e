//! The loop that joins the consumer, the machine and the executor: one thread, which polls, lets the machine decide and has
//! the executor carry out what it asks for. It waits only where there is nothing else to do.
//!
//! Everything that it meets is a trait, so that the simulator drives this loop and not a copy of it.

mod actions;
#[expect(
    clippy::module_inception,
    reason = "the folder's main type is in the file of its name"
)]
mod driver;
mod group;

pub use driver::{Driver, Turn};
