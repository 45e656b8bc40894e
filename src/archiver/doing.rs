//! The work that is attempted until it succeeds, by the names that messages and metrics have for it.

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Doing {
    /// Load the head of a chain.
    LoadHead,
    /// Create a segment: the upload.
    CreateSegment,
    /// Sign a link.
    SignLink,
    /// Create a link: the commit.
    CreateLink,
    /// Ask the brokers whether they answer.
    ReachKafka,
}

impl Doing {
    /// Every kind of work.
    pub const ALL: [Doing; 5] = [
        Doing::LoadHead,
        Doing::CreateSegment,
        Doing::SignLink,
        Doing::CreateLink,
        Doing::ReachKafka,
    ];

    /// Completes "cannot …".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Doing::LoadHead => "load the head",
            Doing::CreateSegment => "create a segment",
            Doing::SignLink => "sign a link",
            Doing::CreateLink => "create a link",
            Doing::ReachKafka => "reach Kafka",
        }
    }

    /// The value of a label, and of the field `operation`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Doing::LoadHead => "load_head",
            Doing::CreateSegment => "create_segment",
            Doing::SignLink => "sign_link",
            Doing::CreateLink => "create_link",
            Doing::ReachKafka => "reach_kafka",
        }
    }
}
