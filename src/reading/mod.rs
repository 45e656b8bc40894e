//! What everything that reads an archive shares: the listing of a bucket, the notes in it, and the segments that they sign.

pub mod archive;
pub mod attempts;
pub mod bucket;
pub mod fetch;
pub mod folders;
pub mod listing;
pub mod notes;
pub mod saved_checkpoint;
