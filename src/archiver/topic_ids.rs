//! Asks Kafka for the ids of the archived topics, again and again. A topic that is deleted and created again within moments keeps
//! its name and may keep its subscription; only its id tells.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::archiver::discovery::Topics;
use crate::kafka::cluster::Cluster;
use crate::kafka::consumer::TopicIds;
use crate::task::error::AppError;

/// The wait between two questions.
const INTERVAL: Duration = Duration::from_secs(10);

/// Asks for ids, and sends each answer on.
pub struct TopicIdWatch {
    cluster: Arc<Cluster>,
    topics: watch::Receiver<Arc<Topics>>,
    newest: watch::Sender<Arc<TopicIds>>,
    /// The last known id of each topic, also of those that the last answer did not have.
    known: TopicIds,
}

impl TopicIdWatch {
    /// Asks for the ids of these topics. The receiver has the newest answer.
    #[must_use]
    pub fn new(
        cluster: &Arc<Cluster>,
        topics: watch::Receiver<Arc<Topics>>,
    ) -> (TopicIdWatch, watch::Receiver<Arc<TopicIds>>) {
        let (newest, answers) = watch::channel(Arc::default());
        let watch = TopicIdWatch {
            cluster: Arc::clone(cluster),
            topics,
            newest,
            known: TopicIds::new(),
        };
        (watch, answers)
    }

    /// Runs until cancelled. That Kafka does not answer is reported by the liveness probe. Each answer is sent on, also one without
    /// news: the head of a partition may have been loading when the one before came.
    pub async fn run(mut self) {
        loop {
            match self.ask().await {
                Ok(ids) => {
                    self.warn(&ids);
                    self.newest.send_replace(Arc::new(ids));
                }
                Err(error) => {
                    tracing::debug!(event = "topic_ids_unknown", %error, "cannot read the ids of the topics");
                }
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    async fn ask(&self) -> Result<TopicIds, AppError> {
        let (cluster, topics) = (Arc::clone(&self.cluster), Arc::clone(&self.topics.borrow()));
        let asking = tokio::task::spawn_blocking(move || {
            let names: Vec<&str> = topics.names.iter().map(String::as_str).collect();
            cluster.topic_ids(&names)
        });
        Ok(asking.await.map_err(|error| AppError::internal(error.to_string()))??)
    }

    /// Warns of each topic that has another id than before, once.
    fn warn(&mut self, ids: &TopicIds) {
        for (topic, id) in ids {
            if let Some(before) = self.known.insert(topic.clone(), id.clone())
                && before != *id
            {
                tracing::warn!(
                    event = "topic_recreated",
                    topic,
                    before,
                    id,
                    "the topic was deleted and created again: it is not archived until `kivend archive --new-epoch` declares it"
                );
            }
        }
    }
}
