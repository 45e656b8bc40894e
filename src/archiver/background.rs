//! The archiver's executor: operations run on the async runtime and encoding on a thread of its own, so that polling
//! waits for neither. A panic in either becomes an answer that ends the archiver (SV-1).

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::AbortHandle;

use crate::archive::step::{Event, Object, Slot};
use crate::archiver::backends::{Backends, Offsets};
use crate::archiver::degradations::Degradations;
use crate::archiver::executor::{Answer, EncodeJob, Executor};
use crate::archiver::misfits::Misfits;
use crate::archiver::operation::{Operation, Pause, RetryPolicy};
use crate::archiver::projections::Projections;
use crate::archiver::reloaded::Reloaded;
use crate::log::signer::Signer;
use crate::record::hash::Hash;
use crate::segment::encode::{Encoded, encode_counting};
use crate::segment::error::SegmentError;
use crate::segment::footer::Footer;
use crate::segment::projection::rules::Projection;
use crate::segment::rows::Rows;
use crate::store::Store;
use crate::store::retry::Backoff;
use crate::task::error::AppError;
use crate::task::panic::{caught, caught_async};
use crate::writing::writer_log::WriterLog;

/// Operations that may attempt their requests at the same time.
const CONCURRENT_ATTEMPTS: usize = 32;
/// The capacity of the channel of answers. Tasks wait while it is full.
const ANSWERS: usize = 1024;
/// The capacity of the encoder's queue, in segments. Further segments wait in the driver, at most one for each
/// partition.
const ENCODER_QUEUE: usize = 2;

/// Encodes rows as a Parquet object.
pub type Encode = fn(Rows, &Footer, &Projection) -> Result<Encoded, SegmentError>;

/// The parts of a [`BackgroundExecutor`].
pub struct Tools {
    /// The archive's store.
    pub store: Arc<dyn Store>,
    /// Kafka's offsets and topic ids.
    pub offsets: Arc<dyn Offsets>,
    /// The archive's log, with the keys whose signatures count.
    pub log: Arc<WriterLog>,
    /// The key that signs links.
    pub signer: Arc<dyn Signer>,
    /// The typed columns of the segments.
    pub projections: Projections,
    /// The typed columns that replace them while the archiver runs.
    pub reloaded: Reloaded,
    /// The encoder: [`Tools::ENCODE`], except in tests of a panic in it.
    pub encode: Encode,
    /// Counts values that do not fit their typed columns.
    pub misfits: Arc<Misfits>,
    /// Receives failed attempts, for the log and readiness.
    pub degradations: Arc<Degradations>,
    /// The waits between attempts.
    pub backoff: Backoff,
}

impl Tools {
    /// The encoder of the format, [`encode_counting`].
    pub const ENCODE: Encode = encode_counting;
}

/// Runs operations on the async runtime and the encoder on a thread.
pub struct BackgroundExecutor {
    shared: Arc<Shared>,
    runtime: Handle,
    announcer: Announcer,
    answers: mpsc::Receiver<Answer>,
    encoder: SyncSender<(EncodeJob, Question)>,
    /// The running operation of each partition.
    underway: HashMap<Slot, AbortHandle>,
    open_questions: Arc<AtomicUsize>,
}

struct Shared {
    store: Arc<dyn Store>,
    offsets: Arc<dyn Offsets>,
    log: Arc<WriterLog>,
    signer: Arc<dyn Signer>,
    retry: RetryPolicy,
    encoding: Encoding,
}

#[derive(Clone)]
struct Encoding {
    encode: Encode,
    projections: Arc<Projections>,
    reloaded: Reloaded,
    misfits: Arc<Misfits>,
}

/// Sends events to the driver that are not answers to its operations.
#[derive(Clone)]
pub struct Announcer(mpsc::Sender<Answer>);

/// Counts as one open question until it is dropped.
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

impl Announcer {
    /// Sends an event to the state machine. Waits while the channel is full.
    pub async fn send(&self, event: Event) {
        // Fails only when the driver is gone, at the end of the process.
        drop(self.0.send(Ok(vec![event])).await);
    }

    /// Runs a task that must not end by itself, such as the liveness probe. `doing` completes "the task that should …".
    /// If the task panics or ends, the driver receives an error and the archiver ends (SV-1).
    pub fn supervise(
        &self,
        runtime: &Handle,
        doing: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> AbortHandle {
        let answers = self.0.clone();
        let supervised = async move {
            let ended = caught_async(doing, async {
                task.await;
                Ok(())
            })
            .await;
            let error = match ended {
                Err(panicked) => panicked,
                Ok(()) => AppError::internal(format!("the task that should {doing} has ended")),
            };
            drop(answers.send(Err(error)).await);
        };
        runtime.spawn(supervised).abort_handle()
    }
}

/// Waits for the back-off's delay.
struct Timer(Backoff);

impl Pause for Timer {
    fn after(&self, attempt: u32) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(Duration::from_millis(self.0.delay_ms(attempt))))
    }
}

impl BackgroundExecutor {
    /// Starts an executor on this runtime. The encoder's thread ends when the executor is dropped.
    ///
    /// # Errors
    /// The operating system refuses to start a thread.
    pub fn new(tools: Tools, runtime: Handle) -> Result<BackgroundExecutor, AppError> {
        let (to_driver, answers) = mpsc::channel(ANSWERS);
        let (encoder, jobs) = sync_channel(ENCODER_QUEUE);
        let encoding = Encoding {
            encode: tools.encode,
            projections: Arc::new(tools.projections),
            reloaded: tools.reloaded,
            misfits: tools.misfits,
        };
        let (own, finished) = (encoding.clone(), to_driver.clone());
        std::thread::Builder::new()
            .name("encoder".into())
            .spawn(move || own.encode_all(&jobs, &finished))
            .map_err(|error| {
                AppError::internal(format!("the encoder's thread cannot be started: {error}"))
                    .fix("raise the limits on processes and memory of this user or container")
            })?;
        let retry = RetryPolicy {
            attempts: Arc::new(Semaphore::new(CONCURRENT_ATTEMPTS)),
            degradations: tools.degradations,
            pause: Arc::new(Timer(tools.backoff)),
        };
        Ok(BackgroundExecutor {
            shared: Arc::new(Shared {
                store: tools.store,
                offsets: tools.offsets,
                log: tools.log,
                signer: tools.signer,
                retry,
                encoding,
            }),
            runtime,
            announcer: Announcer(to_driver),
            answers,
            encoder,
            underway: HashMap::new(),
            open_questions: Arc::default(),
        })
    }

    /// A sender of events, for tasks that run beside the driver.
    #[must_use]
    pub fn announcer(&self) -> Announcer {
        self.announcer.clone()
    }
}

impl Executor for BackgroundExecutor {
    fn start(&mut self, operation: Operation) {
        let (slot, doing) = (operation.slot(), operation.doing());
        let question = Question::ask(&self.open_questions);
        let (shared, answers) = (Arc::clone(&self.shared), self.announcer.0.clone());
        let request = self.runtime.spawn(async move {
            let answer = caught_async(doing.words(), shared.carry_out(operation)).await;
            // Fails only when the driver is gone, at the end of the process.
            drop(answers.send(answer).await);
            drop(question);
        });
        if let Some(older) = self.underway.insert(slot, request.abort_handle()) {
            older.abort();
        }
    }

    fn cancel(&mut self, slot: Slot) {
        if let Some(request) = self.underway.remove(&slot) {
            request.abort();
        }
    }

    fn encode(&mut self, job: EncodeJob) -> Result<Option<EncodeJob>, AppError> {
        match self.encoder.try_send((job, Question::ask(&self.open_questions))) {
            Ok(()) => Ok(None),
            Err(TrySendError::Full((job, _))) => Ok(Some(job)),
            Err(TrySendError::Disconnected(_)) => Err(AppError::internal("the encoder's thread has ended")),
        }
    }

    fn encode_here(&mut self, job: EncodeJob) -> Answer {
        self.shared.encoding.encode_one(job)
    }

    /// No answer is missed between the two reads: each is sent before its question is dropped.
    fn is_busy(&self) -> bool {
        self.open_questions.load(Ordering::Acquire) > 0 || !self.answers.is_empty()
    }

    fn try_answer(&mut self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }

    fn wait_for_answer(&mut self, timeout: Duration) -> Option<Answer> {
        let answer = async { tokio::time::timeout(timeout, self.answers.recv()).await };
        self.runtime.block_on(answer).ok().flatten()
    }
}

impl Shared {
    async fn carry_out(&self, operation: Operation) -> Answer {
        let backends = Backends {
            store: self.store.as_ref(),
            offsets: self.offsets.as_ref(),
            log: &self.log,
            signer: &self.signer,
        };
        operation.carry_out(backends, &self.retry).await
    }
}

impl Encoding {
    fn encode_all(&self, jobs: &Receiver<(EncodeJob, Question)>, answers: &mpsc::Sender<Answer>) {
        while let Ok((job, _question)) = jobs.recv() {
            if answers.blocking_send(self.encode_one(job)).is_err() {
                return;
            }
        }
    }

    fn encode_one(&self, (ticket, job): EncodeJob) -> Answer {
        caught("encode a segment", || {
            let (rows, footer) = *job;
            let reloaded = self.reloaded.projections();
            let projections = reloaded.as_ref().unwrap_or(&self.projections);
            let projection = projections.of_topic(&footer.topic_partition.topic);
            let Encoded { bytes, misfits } = (self.encode)(rows, &footer, projection)?;
            self.misfits
                .count(&footer.topic_partition.topic, projection.rules(), &misfits);
            let sha256 = Hash::of(&bytes);
            let bytes = Bytes::from(bytes);
            Ok(vec![Event::Encoded(ticket, Object { bytes, sha256 })])
        })
    }
}
