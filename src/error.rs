//! What kind of failure an error is, and how the program ends: it decides what happens next. Never what exactly went
//! wrong: each layer has its own error type for that, and answers `kind()`.

/// The coarse kind of an error. Every layer's error type maps onto it, and callers branch on nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Settings or arguments are wrong: nothing was tried. Mend the configuration.
    Config,
    /// What the user gave us is wrong (a file, a line, a key). Mend the input.
    Input,
    /// It may work if tried again, and nothing is known about whether it already did.
    Transient,
    /// Credentials or policy refuse it. Attempting again will not help.
    Permission,
    /// Another writer owns the partition: drop its state and load the head again.
    Fenced,
    /// Stored bytes are not what they must be. Stop and verify.
    Corrupt,
    /// A bug of ours.
    Internal,
}

impl Kind {
    /// How the program ends on such an error.
    #[must_use]
    pub fn exit(self) -> Exit {
        match self {
            Kind::Config => Exit::Usage,
            _ => Exit::Failed,
        }
    }

    /// What to do where the error itself has nothing better to say.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Kind::Config => "`kivend config show` prints every setting and where it came from",
            Kind::Input => "mend the input and run it again",
            Kind::Transient => {
                "try again; what was done is found and not repeated. `kivend doctor` looks for the cause"
            }
            Kind::Permission => "check credentials and policies; `kivend doctor` says which are missing",
            Kind::Fenced => "another writer owns it; let that one work, or stop it first",
            Kind::Corrupt => "nothing was written; `kivend verify` says what is wrong with the archive",
            Kind::Internal => "this is a bug in kivend; please report it with the command and this message",
        }
    }
}

/// An error that can be shown to a user: besides what happened, what to do. Every layer's error type implements it.
pub trait Explain: std::error::Error {
    /// What happens next.
    fn kind(&self) -> Kind;

    /// What to do, more exactly than [`Kind::remedy`] knows: lower case, no full stop.
    fn remedy(&self) -> Option<String> {
        None
    }
}

/// How the program ends: the exit codes that scripts rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done; for a verification: intact.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// Wrong usage or configuration: nothing was tried.
    Usage = 2,
    /// A verification found tampering.
    Tampered = 10,
    /// A verification did not cover everything.
    Incomplete = 11,
    /// Something could not be read, so nothing is claimed.
    Unverifiable = 12,
    /// Stopped by Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// The number that the shell sees.
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
