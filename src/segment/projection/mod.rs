//! Typed columns: the rules that define them, and their cells.

pub mod cell;
pub mod members;
pub mod rules;
pub mod typed;

#[cfg(test)]
mod agreement_tests;
#[cfg(test)]
mod cell_tests;
#[cfg(test)]
pub(crate) mod reference;
