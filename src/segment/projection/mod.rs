//! Typed columns beside the value: the rules that name them, and the cells that they give.

pub mod cell;
pub mod members;
pub mod rules;
pub mod typed;

#[cfg(test)]
mod cell_tests;
#[cfg(test)]
pub(crate) mod reference;
