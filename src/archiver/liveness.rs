//! Whether Kafka answers: asked every few seconds beside the records, because a consumer without records cannot tell
//! that nothing is to be had from that nobody answers. Readiness follows; never decides what to do about it.

use std::sync::Arc;
use std::time::Duration;

use crate::archiver::degradations::Degradations;
use crate::kafka::cluster::Cluster;
use crate::record::position::TopicPartition;
use crate::task::error::AppError;

/// Between an answer and the next question.
const INTERVAL: Duration = Duration::from_secs(3);

/// Asks for ever.
pub async fn probe(cluster: Arc<Cluster>, partitions: Vec<TopicPartition>, degradations: Arc<Degradations>) {
    let partitions = Arc::new(partitions);
    loop {
        let mut attempting = degradations.attempting("reach Kafka");
        while let Err(error) = ask(&cluster, &partitions).await {
            attempting.failed(&error);
            tokio::time::sleep(INTERVAL).await;
        }
        attempting.succeeded();
        tokio::time::sleep(INTERVAL).await;
    }
}

/// A question blocks, for the question's own time limit at most.
async fn ask(cluster: &Arc<Cluster>, partitions: &Arc<Vec<TopicPartition>>) -> Result<(), AppError> {
    let (cluster, partitions) = (Arc::clone(cluster), Arc::clone(partitions));
    let answer = tokio::task::spawn_blocking(move || cluster.must_answer_for(&partitions));
    Ok(answer.await.map_err(|error| AppError::internal(error.to_string()))??)
}
