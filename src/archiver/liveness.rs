//! The liveness probe of Kafka: a request to every broker in use, every few seconds. A consumer that receives no
//! records cannot distinguish an idle topic from a broker that does not answer. The outcome decides readiness.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::archiver::degradations::Degradations;
use crate::archiver::discovery::Topics;
use crate::archiver::doing::Doing;
use crate::clock::Clock;
use crate::kafka::cluster::Cluster;
use crate::task::error::AppError;

/// The wait between an answer and the next request.
const INTERVAL: Duration = Duration::from_secs(3);

/// Probes the brokers that lead the partitions of these topics. Runs until cancelled.
pub async fn probe(cluster: Arc<Cluster>, topics: watch::Receiver<Arc<Topics>>, degradations: Arc<Degradations>) {
    loop {
        let since = Clock::start();
        let mut attempting = degradations.attempting(Doing::ReachKafka);
        while let Err(error) = ask(&cluster, &topics).await {
            attempting.failed(&error);
            tokio::time::sleep(INTERVAL).await;
        }
        attempting.succeeded(since.elapsed_s());
        tokio::time::sleep(INTERVAL).await;
    }
}

/// One probe. It blocks a thread for at most the request's time limit.
async fn ask(cluster: &Arc<Cluster>, topics: &watch::Receiver<Arc<Topics>>) -> Result<(), AppError> {
    let (cluster, topics) = (Arc::clone(cluster), Arc::clone(&topics.borrow()));
    let answer = tokio::task::spawn_blocking(move || cluster.must_answer_for(&topics.partitions));
    Ok(answer.await.map_err(|error| AppError::internal(error.to_string()))??)
}
