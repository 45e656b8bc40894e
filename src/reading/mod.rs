//! What all readers of an archive share: the listing of a bucket, its notes, and its segments.

pub mod archive;
pub mod attempts;
pub mod bucket;
pub mod fetch;
pub mod folders;
pub mod listing;
pub mod notes;
pub mod saved_checkpoint;
