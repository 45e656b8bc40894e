//! A strict reader of JSON text that builds no tree: it checks the whole text and shows the members of the outermost
//! object as slices of it. Events pass here by the million, and each needs two or three of its members.
//!
//! JSON is RFC 8259, narrowed as the archive format has it: repeated names at any depth, lone surrogates, a byte order
//! mark and more than 127 objects and arrays open at once are refused. Never panics, never allocates more than the
//! names of the objects open, and reads every byte a bounded number of times whatever the text.

pub mod canonical;
mod cursor;
mod reader;
pub mod scan_member;
mod shape;
mod string;
mod value;

pub use reader::Reader;
pub use string::Text;
pub use value::{DEPTH_MAX, NotJson, Outermost, Value};

#[cfg(test)]
mod tests;
