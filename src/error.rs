//! What kind of failure an error is: it decides what happens next. Never what exactly went wrong: each layer has its
//! own error type for that, and answers `kind()`.

/// The coarse kind of an error. Every layer's error type maps onto it, and callers branch on nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Settings or arguments are wrong: nothing was tried. Mend the configuration.
    Config,
    /// What the user gave us is wrong (a file, a line, a key). Mend the input.
    Input,
    /// It may work if tried again, and nothing is known about whether it already did.
    Transient,
    /// Credentials or policy refuse it. Trying again will not help.
    Permission,
    /// Another writer owns the partition: drop its state and load the head again.
    Fenced,
    /// Stored bytes are not what they must be. Stop and verify.
    Corrupt,
    /// A bug of ours.
    Internal,
}
