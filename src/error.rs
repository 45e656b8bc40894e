//! The kinds of errors, their default remedies, and the exit codes. Each layer has its own error type, which maps to a kind.

/// The kind of an error. Callers branch on nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Settings or arguments are wrong. Nothing was done.
    Config,
    /// An input is wrong: a file, a line, a key.
    Input,
    /// It may succeed if tried again. It is not known whether it already did.
    Transient,
    /// Credentials or policies refuse it. Trying again does not help.
    Permission,
    /// Another writer owns the partition: its state must be dropped and the head loaded again.
    Fenced,
    /// Stored bytes contradict their signatures or the format.
    Corrupt,
    /// A bug in kivend.
    Internal,
}

impl Kind {
    /// The exit code for an error of this kind.
    #[must_use]
    pub fn exit(self) -> Exit {
        match self {
            Kind::Config => Exit::Usage,
            _ => Exit::Failed,
        }
    }

    /// The remedy for errors that have none of their own.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Kind::Config => "check the settings: `kivend config show` prints each with its origin",
            Kind::Input => "correct the input",
            Kind::Transient => "find the cause with `kivend doctor`",
            Kind::Permission => "check the credentials and their permissions; `kivend doctor` shows what is refused",
            Kind::Fenced => "another process writes this partition: let it continue, or stop it first",
            Kind::Corrupt => "find out what is wrong with the archive: `kivend verify` lists all findings",
            Kind::Internal => "this is a bug in kivend; please report it with the command and this message",
        }
    }
}

/// An error that can be shown to a user, with a remedy. The error type of every layer implements it.
pub trait Explain: std::error::Error {
    /// The kind of the error.
    fn kind(&self) -> Kind;

    /// What the user can do, if it is more specific than [`Kind::remedy`]: lower case, no full stop.
    fn remedy(&self) -> Option<String> {
        None
    }
}

/// The exit codes of the program. They are stable, for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done; for a verification: intact.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// Wrong usage or configuration. Nothing was done.
    Usage = 2,
    /// A verification found tampering.
    Tampered = 10,
    /// A verification did not cover everything.
    Incomplete = 11,
    /// Something could not be read or understood, so it was not checked.
    Unverifiable = 12,
    /// Stopped by Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// The exit code as a number.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> std::process::ExitCode {
        std::process::ExitCode::from(exit.code())
    }
}
