//! Decides which file an input is: one that earlier runs sent in part, maybe under another name, or a new one, maybe in the
//! place of one that was rotated.
//!
//! Logs are rotated by renaming (the new file has another inode) or by copying and truncating (the new content has the old
//! inode, and the copy another one). Both leave a file that begins with the marked lines. An edited file is neither: the last
//! marked line is still in it. It is refused, because sending it would send most of its lines twice.
//!
//! All files of a log may begin with the same line. Then the other lines decide.

mod begin;
mod rotated_name;

pub(super) use begin::{Begin, Rotation, begin, look};

#[cfg(test)]
mod tests;
