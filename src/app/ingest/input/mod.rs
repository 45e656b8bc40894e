//! Reads files and streams as pieces of whole lines: recognises compression and other forms by the first bytes, and says where
//! an input is not JSON Lines.

mod compression;
mod error;
mod form;
mod gzip;
mod input;
mod lines;
mod name;
mod opening;

pub use error::InputError;
pub use form::Form;
pub use input::Input;
pub(super) use input::{Piece, read, total_bytes};
pub(super) use lines::{Lines, Portion, TooLong};
pub(super) use name::shown;
pub(super) use opening::open_text;
