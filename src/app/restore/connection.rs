//! The connection for one topic, which fences those of other runs.

use crate::app::restore::mark::transactional_id;
use crate::app::restore::plan::TopicPlan;
use crate::app::restore::shared::Shared;
use crate::kafka::replay::{Batching, ReplayTopic, Replayer};
use crate::task::error::AppError;

/// The connection for one topic.
pub(super) struct Connection {
    pub(super) replayer: Replayer,
    pub(super) topic: ReplayTopic,
    pub(super) ledger: ReplayTopic,
    pub(super) batching: Batching,
}

impl Connection {
    /// Fences other runs that restore to the topic.
    pub(super) fn open(shared: &Shared, plan: &TopicPlan, batching: Batching) -> Result<Connection, AppError> {
        let ledger = &shared.request.ledger.topic;
        let replayer = Replayer::connect(&shared.kafka, &transactional_id(ledger, &plan.to), batching)?;
        Ok(Connection {
            topic: replayer.topic(&plan.to)?,
            ledger: replayer.topic(ledger)?,
            replayer,
            batching,
        })
    }
}
