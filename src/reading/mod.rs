//! What all readers of an archive share: the listing of a bucket, its log, its notes, and its segments.

pub mod archive;
pub mod archive_checkpoints;
pub mod attempts;
pub mod bucket;
pub mod cosignatures;
pub mod fetch;
pub mod folders;
pub mod listing;
pub mod local_file;
pub mod log_listing;
pub mod log_resume;
pub mod notes;
pub mod signed_segment;
