//! The executor of a simulated process: the real operations, each advanced one step at a time, and the real encoder. A
//! run fails if the driver encodes or creates for a partition that it no longer owns (EP-1).

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use kivend::archive::step::{Event, Object, Slot};
use kivend::archiver::backends::Backends;
use kivend::archiver::executor::{Answer, EncodeJob, Executor};
use kivend::archiver::operation::{Operation, Pause, RetryPolicy};
use kivend::log::signer::Signer;
use kivend::record::hash::Hash;
use kivend::record::position::TopicPartition;
use kivend::segment::encode::encode;
use kivend::segment::projection::rules::Projection;
use kivend::task::error::AppError;
use kivend::writing::writer_log::WriterLog;

use super::source::Member;
use crate::simulation::dice::Dice;
use crate::simulation::kafka::OffsetQueries;
use crate::simulation::network::{ENCODE, Fate, Network, step};

/// Segments that may wait for the encoder, as in the real executor.
const ENCODER_QUEUE: usize = 2;

type Job = Pin<Box<dyn Future<Output = Answer>>>;

/// The background work of a process, shared by the process and its driver.
pub struct Work {
    jobs: Vec<(Option<Slot>, Job)>,
    to_encode: VecDeque<EncodeJob>,
    answers: VecDeque<Answer>,
    /// The machine's partitions by slot.
    pub names: Vec<TopicPartition>,
    network: Network,
    queries: Arc<OffsetQueries>,
    log: Arc<WriterLog>,
    signer: Arc<dyn Signer>,
    retry: RetryPolicy,
    member: Rc<RefCell<Member>>,
}

/// The wait between two attempts is one step of the simulation.
pub struct OneStep;

impl Pause for OneStep {
    fn after(&self, _attempt: u32) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(step())
    }
}

impl Work {
    pub fn new(
        (network, queries): (&Network, OffsetQueries),
        (log, signer): (Arc<WriterLog>, Arc<dyn Signer>),
        retry: RetryPolicy,
        member: &Rc<RefCell<Member>>,
    ) -> Work {
        Work {
            jobs: Vec::new(),
            to_encode: VecDeque::new(),
            answers: VecDeque::new(),
            names: Vec::new(),
            network: network.clone(),
            queries: Arc::new(queries),
            log,
            signer,
            retry,
            member: Rc::clone(member),
        }
    }

    pub fn queries(&self) -> &OffsetQueries {
        &self.queries
    }

    pub fn is_idle(&self) -> bool {
        self.jobs.is_empty() && self.to_encode.is_empty() && self.answers.is_empty()
    }

    /// Adds a job that no driver started, such as signing a checkpoint.
    pub fn push(&mut self, job: Job) {
        self.jobs.push((None, job));
    }

    /// Advances a random job by one step.
    pub fn step(&mut self, dice: &mut Dice) {
        if self.jobs.is_empty() {
            return;
        }
        let at = dice.below(self.jobs.len());
        let polled = self.jobs[at].1.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(answer) = polled {
            drop(self.jobs.swap_remove(at));
            self.answers.push_back(answer);
        }
    }

    /// Encodes the next segment in the queue.
    pub fn encode_one(&mut self) {
        let Some(job) = self.to_encode.pop_front() else {
            return;
        };
        if self.network.scripted(ENCODE) == Some(Fate::Lost) {
            return self.to_encode.push_front(job);
        }
        self.answers.push_back(encoded(job));
    }

    fn require_owned(&self, slot: Slot, does: &str) {
        let mut member = self.member.borrow_mut();
        let is_owned = self.names.get(slot.0).is_some_and(|name| member.owned.contains(name));
        if !is_owned {
            member.fail(format!("EP-1: {does} for a partition that it does not own"));
        }
    }
}

fn encoded((ticket, job): EncodeJob) -> Answer {
    let (rows, footer) = *job;
    let bytes = encode(rows, &footer, &Projection::none()).map_err(AppError::from)?;
    let sha256 = Hash::of(&bytes);
    let bytes = Bytes::from(bytes);
    Ok(vec![Event::Encoded(ticket, Object { bytes, sha256 })])
}

/// The driver's access to the work.
pub struct SimulatedExecutor(pub Rc<RefCell<Work>>);

impl Executor for SimulatedExecutor {
    fn start(&mut self, operation: Operation) {
        let slot = operation.slot();
        self.cancel(slot);
        let mut work = self.0.borrow_mut();
        match &operation {
            Operation::LoadHead(_, partition) => {
                if work.names.len() == slot.0 {
                    work.names.push(partition.clone());
                }
            }
            Operation::CreateSegment(..) | Operation::CreateLink(..) => work.require_owned(slot, "creates an object"),
        }
        let (network, queries, log, signer, retry) = (
            work.network.clone(),
            Arc::clone(&work.queries),
            Arc::clone(&work.log),
            Arc::clone(&work.signer),
            work.retry.clone(),
        );
        let job = async move {
            let backends = Backends {
                store: &network,
                offsets: queries.as_ref(),
                log: &log,
                signer: &signer,
            };
            operation.carry_out(backends, &retry).await
        };
        work.jobs.push((Some(slot), Box::pin(job)));
    }

    fn cancel(&mut self, slot: Slot) {
        self.0.borrow_mut().jobs.retain(|(of, _)| *of != Some(slot));
    }

    fn encode(&mut self, job: EncodeJob) -> Result<Option<EncodeJob>, AppError> {
        let mut work = self.0.borrow_mut();
        work.require_owned(job.0.slot, "encodes");
        if work.to_encode.len() >= ENCODER_QUEUE {
            return Ok(Some(job));
        }
        work.to_encode.push_back(job);
        Ok(None)
    }

    fn encode_here(&mut self, job: EncodeJob) -> Answer {
        encoded(job)
    }

    fn is_busy(&self) -> bool {
        !self.0.borrow().is_idle()
    }

    fn try_answer(&mut self) -> Option<Answer> {
        self.0.borrow_mut().answers.pop_front()
    }

    /// Does not wait, because virtual time does not pass during a turn.
    fn wait_for_answer(&mut self, _timeout: Duration) -> Option<Answer> {
        self.try_answer()
    }
}
