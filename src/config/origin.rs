//! The name of a source of settings that is none of the user's.

/// The origin of settings that nobody set.
pub(super) const DEFAULT: &str = "default";
