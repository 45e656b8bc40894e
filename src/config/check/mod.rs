//! `kivend config check`: every problem of the settings at once, without contacting anything.
//!
//! - `check.rs`: all of it · `refusals.rs`: what loading refuses, one problem after the other · `no_effect.rs`,
//!   `topics_no_effect.rs`: settings that never take effect · `overridden.rs`: what a variable or a flag overrides
//! - `places.rs`: values by the parts of their names · `lines.rs`: the lines of a file

mod check;
mod lines;
mod no_effect;
mod overridden;
mod places;
mod problem;
mod refusals;
mod topics_no_effect;

pub use check::{Checked, check};
pub use problem::{Level, Problem};

#[cfg(test)]
mod tests;
