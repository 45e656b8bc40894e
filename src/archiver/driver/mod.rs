//! The archiver's loop, on one thread: polls the consumer, gives events to the state machine, and passes the machine's
//! actions to the executor. Consumer, executor and observer are traits, so that the simulation tests this loop and not
//! a copy of it.

mod actions;
mod commits;
#[expect(
    clippy::module_inception,
    reason = "the folder's main type is in the file of its name"
)]
mod driver;
mod group;
mod partial;
mod stopping;

pub use driver::{Driver, Turn};
