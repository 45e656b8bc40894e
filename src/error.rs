//! Kinds of errors, which decide on retries and exit codes, and their scopes, which decide what stops. The error types of the
//! layers map onto them.

/// The kind of an error. Every layer's error type maps onto it, and callers branch on nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Settings or arguments are wrong; nothing was tried.
    Config,
    /// The user's input is wrong: a file, a line, a signing key.
    Input,
    /// A retry may succeed. The failed attempt may have taken effect or not.
    Transient,
    /// Credentials or policies refuse the operation; a retry does not help.
    Permission,
    /// Another writer owns the partition: its state must be dropped and the head loaded again.
    Fenced,
    /// Stored bytes break the format or fail a check.
    Corrupt,
    /// A failure that is not foreseen, such as a bug in kivend.
    Internal,
}

impl Kind {
    /// The exit code of a command that fails with this kind.
    #[must_use]
    pub fn exit(self) -> Exit {
        match self {
            Kind::Config => Exit::Usage,
            _ => Exit::Failed,
        }
    }

    /// The remedy for an error whose type has none.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Kind::Config => "correct this setting or argument",
            Kind::Input => "correct the input and run the command again",
            Kind::Transient => "check that the brokers and the store are reachable, then run the command again",
            Kind::Permission => {
                "check the credentials and the policies; `kivend doctor` lists the rights that are missing"
            }
            Kind::Fenced => "another writer owns the partition; let it work, or stop it first",
            Kind::Corrupt => "leave the bucket as it is; `kivend verify` lists every damaged object",
            Kind::Internal => "report this message and the command to the developers of kivend",
        }
    }
}

/// Whose an error is: the smallest thing that cannot go on because of it. [`Kind`] says whether the error passes, and this what
/// stops if it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One record; the others can be read and sent.
    Record,
    /// One object of the store.
    Object,
    /// One partition.
    Partition,
    /// One topic.
    Topic,
    /// A broker, or the whole cluster.
    Broker,
    /// The bucket, or the server behind it.
    Bucket,
    /// Credentials, and what they may do.
    Credentials,
    /// This process: its settings, its membership in a group, or a broken invariant.
    Process,
}

impl Scope {
    /// Whether partitions other than the one that met the error can go on.
    #[must_use]
    pub fn spares_other_partitions(self) -> bool {
        match self {
            Scope::Record | Scope::Object | Scope::Partition | Scope::Topic => true,
            Scope::Broker | Scope::Bucket | Scope::Credentials | Scope::Process => false,
        }
    }
}

/// An error that can be shown to a user, with a remedy. Every layer's error type implements it.
pub trait Explain: std::error::Error {
    /// The error's kind.
    fn kind(&self) -> Kind;

    /// Whose the error is.
    fn scope(&self) -> Scope {
        Scope::Process
    }

    /// What the user can do, where that is more specific than [`Kind::remedy`]: lower case, no full stop.
    fn remedy(&self) -> Option<String> {
        None
    }
}

/// The exit codes that scripts rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Success; for `kivend verify`: intact.
    Done = 0,
    /// The command failed.
    Failed = 1,
    /// Wrong usage or configuration; nothing was tried.
    Usage = 2,
    /// `kivend verify`: the archive was altered.
    Tampered = 10,
    /// `kivend verify`: records are missing, or not everything in scope was checked.
    Incomplete = 11,
    /// `kivend verify`: something could not be read, so there is no verdict.
    Unverifiable = 12,
    /// Stopped by Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// The code for the shell.
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
