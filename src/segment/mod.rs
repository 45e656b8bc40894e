//! What stands in the bucket: segments, links, checkpoints, the identity, and the keys they stand under. Pure: bytes in,
//! bytes out.

pub mod checkpoint;
pub mod commit;
pub mod identity;
pub mod key;
pub mod link;
pub mod note;
