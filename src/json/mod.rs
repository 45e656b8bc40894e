//! A strict JSON reader that builds no tree: it checks the whole text and passes the members of the outermost object to
//! the caller as slices. Each event needs only two or three of its members.
//!
//! JSON is RFC 8259 with the restrictions of FORMAT.md section 7.4: repeated names at any depth, lone surrogates, a byte
//! order mark and more than 127 levels are refused. Texts are untrusted: the reader must not panic, must not allocate
//! more than the names of the open objects, and must read each byte a bounded number of times.

pub mod canonical;
pub mod column_type;
mod cursor;
pub mod document;
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
