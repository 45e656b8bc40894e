//! Carries out what the machine asks for, in the background, and answers with events: store operations on the async
//! runtime, Parquet on a thread of its own so that polling never waits for it. Tries for as long as it takes where an
//! error is transient, and decides nothing: what an answer means is the machine's.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::AbortHandle;

use crate::archive::step::{Event, Object, Slot, Ticket};
use crate::archiver::degradations::Degradations;
use crate::archiver::requests::{self, Backends, LogRange, Offsets};
use crate::error::{Explain as _, Kind};
use crate::kafka::cluster::Cluster;
use crate::kafka::error::KafkaError;
use crate::log::commit_metadata::CommitMetadata;
use crate::log::object_key::Key;
use crate::record::hash::Hash;
use crate::record::position::TopicPartition;
use crate::segment::encode::encode;
use crate::segment::footer::Footer;
use crate::segment::projection::rules::Projection;
use crate::segment::rows::Rows;
use crate::store::Store;
use crate::store::retry::Backoff;
use crate::task::error::AppError;
use crate::writing::writer_keys::WriterKeys;

/// Requests to the store under way at once.
const CONCURRENT_REQUESTS: usize = 32;
/// Answers that may wait for the driver; a full channel makes the hands wait, never drop.
const ANSWERS: usize = 1024;
/// Segments that may wait for the encoder; more wait in the driver, one a partition at most.
const ENCODER_QUEUE: usize = 2;

/// What comes back to the driver.
pub type Answer = Result<Event, AppError>;

/// A segment to be encoded.
pub type EncodeJob = (Ticket, Box<(Rows, Footer)>);

/// Everything that talks to the world for the machine.
#[derive(Clone)]
pub struct Executor {
    store: Arc<dyn Store>,
    cluster: Arc<Cluster>,
    keys: Arc<WriterKeys>,
    runtime: Handle,
    answers: mpsc::Sender<Answer>,
    encoder: SyncSender<(EncodeJob, Question)>,
    projection: Arc<Projection>,
    requests: Arc<Semaphore>,
    /// What is under way for each partition: one request at most.
    underway: Arc<Mutex<HashMap<Slot, AbortHandle>>>,
    open_questions: Arc<AtomicUsize>,
    degradations: Arc<Degradations>,
    backoff: Backoff,
}

/// A question that was not answered yet, as long as this lives.
struct Question(Arc<AtomicUsize>);

impl Question {
    fn ask(open: &Arc<AtomicUsize>) -> Question {
        open.fetch_add(1, Ordering::AcqRel);
        Question(Arc::clone(open))
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What the hands work with.
pub struct Tools {
    /// Where objects go.
    pub store: Arc<dyn Store>,
    /// Whom to ask about offsets.
    pub cluster: Arc<Cluster>,
    /// Which keys count.
    pub keys: Arc<WriterKeys>,
    /// Which typed columns are made.
    pub projection: Projection,
    /// Where trouble is told.
    pub degradations: Arc<Degradations>,
    /// How long to wait between two tries.
    pub backoff: Backoff,
}

impl Executor {
    /// Executor that work on this runtime, and where their answers come out. The encoder's thread ends with the last of
    /// the executor.
    ///
    /// # Errors
    /// No thread could be started.
    pub fn new(tools: Tools, runtime: Handle) -> Result<(Executor, mpsc::Receiver<Answer>), AppError> {
        let (answers, answers_of_executor) = mpsc::channel(ANSWERS);
        let (encoder, jobs) = sync_channel(ENCODER_QUEUE);
        let projection = Arc::new(tools.projection);
        let (to_driver, columns) = (answers.clone(), Arc::clone(&projection));
        std::thread::Builder::new()
            .name("encoder".into())
            .spawn(move || encode_all(&jobs, &to_driver, &columns))
            .map_err(|error| AppError::internal(format!("no thread for the encoder: {error}")))?;
        let executor = Executor {
            store: tools.store,
            cluster: tools.cluster,
            keys: tools.keys,
            runtime,
            answers,
            encoder,
            projection,
            requests: Arc::new(Semaphore::new(CONCURRENT_REQUESTS)),
            underway: Arc::default(),
            open_questions: Arc::default(),
            degradations: tools.degradations,
            backoff: tools.backoff,
        };
        Ok((executor, answers_of_executor))
    }

    /// Takes the job, or gives it back while the encoder has enough to do.
    pub fn encode(&self, job: EncodeJob) -> Option<EncodeJob> {
        match self.encoder.try_send((job, Question::ask(&self.open_questions))) {
            Ok(()) => None,
            Err(TrySendError::Full((job, _)) | TrySendError::Disconnected((job, _))) => Some(job),
        }
    }

    /// Encodes here and now, beside the encoder: for whoever has nothing else to do.
    ///
    /// # Errors
    /// As [`encode`].
    pub fn encode_here(&self, job: EncodeJob) -> Answer {
        encode_one(job, &self.projection)
    }

    /// Whether answers are still to come. One that was sent is no longer counted.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.open_questions.load(Ordering::Acquire) > 0
    }

    /// The partition is no longer ours: what is under way for it ends here, tries to come included (EP-1).
    pub fn let_go(&self, slot: Slot) {
        if let Some(request) = self.underway().remove(&slot) {
            request.abort();
        }
    }

    /// A panic elsewhere leaves the map whole: every change is one call.
    fn underway(&self) -> MutexGuard<'_, HashMap<Slot, AbortHandle>> {
        self.underway.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds the head, and what stands after it.
    pub fn load_head(&self, ticket: Ticket, partition: TopicPartition) {
        self.work(ticket.slot, move |executor| async move {
            let offsets = executor.offsets();
            let loaded = executor
                .patiently("load the head", || {
                    requests::load_head(executor.backends(&offsets), &partition)
                })
                .await;
            match loaded {
                Err(AppError::Kafka(error)) if error.is_topic_gone() => Ok(Event::TopicGone(partition)),
                Ok(loaded) => Ok(Event::HeadLoaded(ticket, Box::new(loaded))),
                Err(error) if error.kind() == Kind::Corrupt => Ok(Event::HeadRefused(ticket, error.to_string())),
                Err(error) => Err(error),
            }
        });
    }

    /// Tells the driver what nobody asked for.
    pub async fn tell(&self, event: Event) {
        drop(self.answers.send(Ok(event)).await);
    }

    /// Creates the segment.
    pub fn create_segment(&self, ticket: Ticket, key: Key, object: Object, topic_id: Option<String>) {
        self.work(ticket.slot, move |executor| async move {
            let offsets = executor.offsets();
            executor
                .patiently("create a segment", || {
                    requests::create_segment(
                        executor.backends(&offsets),
                        ticket,
                        (&key, &object),
                        topic_id.as_deref(),
                    )
                })
                .await
        });
    }

    /// Creates the link: THE COMMIT.
    pub fn create_link(&self, ticket: Ticket, key: Key, object: Object, topic_id: Option<String>) {
        self.work(ticket.slot, move |executor| async move {
            let offsets = executor.offsets();
            let create = || {
                requests::create_link(
                    executor.backends(&offsets),
                    ticket,
                    (&key, &object),
                    topic_id.as_deref(),
                )
            };
            let created = executor.patiently("create a link", create).await?;
            if matches!(created, Event::LinkTaken(..)) {
                // First: what stands there is judged by these keys.
                executor
                    .tell(Event::KeysSeen(executor.keys.trust().keyring.clone()))
                    .await;
            }
            Ok(created)
        });
    }

    fn offsets(&self) -> GroupOffsets {
        GroupOffsets(Arc::clone(&self.cluster))
    }

    fn backends<'a>(&'a self, offsets: &'a GroupOffsets) -> Backends<'a> {
        Backends {
            store: self.store.as_ref(),
            offsets,
            keys: &self.keys,
        }
    }

    /// An older request of the same partition is one whose answer nobody would hear: it ends.
    fn work<F, W>(&self, slot: Slot, job: F)
    where
        F: FnOnce(Executor) -> W + Send + 'static,
        W: Future<Output = Answer> + Send,
    {
        let (executor, question) = (self.clone(), Question::ask(&self.open_questions));
        let request = self.runtime.spawn(async move {
            let (answers, requests) = (executor.answers.clone(), Arc::clone(&executor.requests));
            let permit = requests.acquire().await;
            let answer = job(executor).await;
            drop(permit);
            // The driver is gone only when the process ends: then nobody wants the answer.
            drop(answers.send(answer).await);
            drop(question);
        });
        if let Some(older) = self.underway().insert(slot, request.abort_handle()) {
            older.abort();
        }
    }

    /// Tries until it succeeds or fails for good, and tells meanwhile why the archiver is not ready.
    async fn patiently<T, W>(&self, doing: &'static str, mut attempt: impl FnMut() -> W) -> Result<T, AppError>
    where
        W: Future<Output = Result<T, AppError>>,
    {
        let mut trying = self.degradations.trying(doing);
        let mut tries = 0;
        loop {
            match attempt().await {
                Err(error) if error.kind() == Kind::Transient => {
                    tries += 1;
                    trying.failed(&error);
                    tokio::time::sleep(Duration::from_millis(self.backoff.delay_ms(tries))).await;
                }
                Ok(done) => {
                    trying.succeeded();
                    return Ok(done);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// The group's commits and the logs' ends, asked where blocking is no harm.
struct GroupOffsets(Arc<Cluster>);

impl GroupOffsets {
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Cluster) -> Result<T, KafkaError> + Send + 'static,
    ) -> Result<T, AppError> {
        let cluster = Arc::clone(&self.0);
        let answer = tokio::task::spawn_blocking(move || question(&cluster));
        Ok(answer.await.map_err(|error| AppError::internal(error.to_string()))??)
    }
}

#[async_trait]
impl Offsets for GroupOffsets {
    async fn committed(&self, partition: &TopicPartition) -> Result<Option<CommitMetadata>, AppError> {
        let asked = partition.clone();
        let mut answer = self.ask(move |cluster| cluster.committed(&[asked])).await?;
        let committed = answer.pop().flatten();
        Ok(committed.and_then(|c| std::str::from_utf8(&c.metadata).ok()?.parse().ok()))
    }

    async fn log_range(&self, partition: &TopicPartition) -> Result<LogRange, AppError> {
        let asked = partition.clone();
        let marks = self.ask(move |cluster| cluster.watermarks(&asked)).await?;
        Ok(LogRange {
            start_offset: marks.low,
            end_offset: marks.high,
        })
    }

    async fn topic_id(&self, topic: &str) -> Result<Option<String>, AppError> {
        let asked = topic.to_owned();
        self.ask(move |cluster| cluster.topic_id(&asked)).await
    }
}

fn encode_all(jobs: &Receiver<(EncodeJob, Question)>, answers: &mpsc::Sender<Answer>, projection: &Projection) {
    while let Ok((job, _question)) = jobs.recv() {
        if answers.blocking_send(encode_one(job, projection)).is_err() {
            return;
        }
    }
}

fn encode_one((ticket, job): EncodeJob, projection: &Projection) -> Answer {
    let (rows, footer) = *job;
    let bytes = encode(rows, &footer, projection)?;
    let sha256 = Hash::of(&bytes);
    let bytes = Bytes::from(bytes);
    Ok(Event::Encoded(ticket, Object { bytes, sha256 }))
}
