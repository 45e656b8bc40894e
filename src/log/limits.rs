//! The largest object of each kind in bytes (FORMAT.md section 1). A larger object is junk: it is neither fetched nor
//! allocated, so that an outsider with write access cannot exhaust a reader's memory.

use crate::log::object_key::Key;

/// `archive.json`.
pub const IDENTITY_MAX_BYTES: u64 = 64 << 10;
/// Links and checkpoints.
pub const NOTE_MAX_BYTES: u64 = 1 << 20;
/// Entries of the archive's log: they have the heads of all partitions.
pub const ENTRY_MAX_BYTES: u64 = 64 << 20;
/// Cosignatures of witnesses.
pub const COSIGNATURE_MAX_BYTES: u64 = 8 << 10;
/// Segments.
pub const SEGMENT_MAX_BYTES: u64 = 512 << 20;
/// Objects left by start-up checks.
pub const PROBE_MAX_BYTES: u64 = 1 << 10;

impl Key {
    /// The largest object in bytes that may have this key.
    #[must_use]
    pub fn max_bytes(&self) -> u64 {
        match self {
            Key::Identity => IDENTITY_MAX_BYTES,
            Key::Checkpoint(..) | Key::Link(..) => NOTE_MAX_BYTES,
            Key::Entry(..) => ENTRY_MAX_BYTES,
            Key::Cosignature(..) => COSIGNATURE_MAX_BYTES,
            Key::Segment(..) => SEGMENT_MAX_BYTES,
            Key::Probe(_) => PROBE_MAX_BYTES,
        }
    }
}

/// The largest object in bytes that may have this key; 0 if no object of an archive has such a key.
#[must_use]
pub fn max_bytes_of(key: &str) -> u64 {
    key.parse::<Key>().map_or(0, |key| key.max_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_follows_from_the_key() {
        for (key, max_bytes) in [
            ("archive.json", 64 << 10),
            ("checkpoints/0000000000-r2.note", 1 << 20),
            ("links/payments/1/0000-00000000000000002500.note", 1 << 20),
            ("elsewhere", 0),
        ] {
            assert_eq!(max_bytes_of(key), max_bytes, "{key}");
        }
    }
}
