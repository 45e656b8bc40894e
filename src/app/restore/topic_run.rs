//! Restores one topic: in transactions, each with the marks of how far its partitions are restored. A run that dies is
//! continued by the next one after its last committed transaction, so that readers of committed records get each record once.

use std::time::Duration;

use crate::app::restore::connection::Connection;
use crate::app::restore::mark::{Mark, Marks, Subject};
use crate::app::restore::plan::TopicPlan;
use crate::app::restore::report::{Refusal, Share};
use crate::app::restore::segments::{self, Checked, unreadable};
use crate::app::restore::shared::Shared;
use crate::app::restore::target::Target;
use crate::app::restore::transaction::{Part, Transaction};
use crate::error::{Explain as _, Kind};
use crate::kafka::ledger::Ledger;
use crate::kafka::replay::{Batching, Sent};
use crate::kafka::topic_limits::TopicLimits;
use crate::record::record::Record;
use crate::task::error::AppError;

/// The largest batch, before compression.
pub(super) const BATCH_BYTES: usize = 1_000_000;
/// How long a segment is waited for before the open transaction is looked at.
const SEGMENT_WAIT: Duration = Duration::from_millis(200);
/// Records between two looks at the clock.
const RECORDS_A_LOOK: u64 = 256;

/// The run of one topic.
pub(super) struct TopicRun<'a> {
    pub(super) shared: &'a Shared,
    pub(super) plan: &'a TopicPlan,
    pub(super) target: Target,
    pub(super) subjects: Vec<Subject>,
    /// What is committed, by the index of the partition.
    pub(super) marks: Vec<Option<Mark>>,
    pub(super) connection: Connection,
    pub(super) batch_max_bytes: usize,
    pub(super) open: Option<Transaction>,
    pub(super) looked_at: u64,
    /// The time of the last look at the clock.
    pub(super) now_ms: i64,
    pub(super) share: Share,
    /// No more records are to be sent.
    is_over: bool,
}

impl<'a> TopicRun<'a> {
    /// Takes over from any earlier run.
    pub(super) fn begin(shared: &'a Shared, plan: &'a TopicPlan, target: Target) -> Result<TopicRun<'a>, AppError> {
        let limit = target.limits.as_ref().and_then(TopicLimits::batch_bytes);
        let batch_max_bytes = limit.unwrap_or(BATCH_BYTES);
        let batching = Batching::UpTo(batch_max_bytes.min(BATCH_BYTES));
        let connection = Connection::open(shared, plan, batching)?;
        let ledger = &shared.request.ledger.topic;
        let entries = Ledger::existing(&shared.kafka, ledger)?.entries()?;
        let known = Marks::parse(entries, ledger)?;
        let in_target = |subject: &Subject| subject.in_topic(target.id.as_deref());
        let subjects: Vec<Subject> = plan.partitions.iter().map(|of| in_target(&of.subject)).collect();
        let marks: Vec<Option<Mark>> = subjects.iter().map(|subject| known.of(subject)).collect();
        let mut share = plan.share();
        marks.iter().flatten().for_each(|mark| share.continue_after(mark));
        share.topic.created = target.is_created;
        share.topic.lifted_retention_ms = target.lifted_retention_ms;
        shared.restoring.advance(share.topic.earlier);
        Ok(TopicRun {
            shared,
            plan,
            target,
            subjects,
            marks,
            connection,
            batch_max_bytes,
            open: None,
            looked_at: 0,
            now_ms: shared.clock.wall().as_millisecond(),
            share,
            is_over: false,
        })
    }

    /// Restores what is left, up to a request to stop.
    pub(super) fn run(mut self) -> Result<Share, AppError> {
        let done = self.claim().and_then(|()| self.send_all()).and_then(|()| self.commit());
        if let Err(error) = done {
            // The next run aborts the transaction if this fails.
            let _aborted = self.connection.replayer.abort();
            return Err(continued(error));
        }
        Ok(self.share)
    }

    fn send_all(&mut self) -> Result<(), AppError> {
        let runtime = tokio::runtime::Handle::current();
        let mut segments = segments::read(&self.shared.archive, self.plan, &self.marks, self.shared.request.damage);
        while !self.shared.is_over() {
            let next = async { tokio::time::timeout(SEGMENT_WAIT, segments.recv()).await };
            match runtime.block_on(next) {
                Ok(Some(checked)) => self.segment(&checked?)?,
                Ok(None) => break,
                Err(_) => self.commit_while_waiting()?,
            }
        }
        Ok(())
    }

    /// The store is slow, and Kafka aborts a transaction that is open for too long.
    fn commit_while_waiting(&mut self) -> Result<(), AppError> {
        let now_ms = self.shared.clock.monotonic_ms();
        match self.open.as_ref().is_some_and(|open| open.is_due(now_ms)) {
            true => self.commit(),
            false => Ok(()),
        }
    }

    fn segment(&mut self, checked: &Checked) -> Result<(), AppError> {
        let link = &checked.link;
        let resumed = self.marks[checked.partition].filter(|mark| mark.height == link.height);
        let from = resumed.map_or(link.first_offset.0, |mark| mark.offset);
        self.begin_part(checked, from)?;
        let Some(segment) = &checked.segment else {
            self.share.removed += checked.removed();
            return self.pass_link(checked);
        };
        let mut taken = Ok(());
        let read = segment.for_each_record(|record| {
            if taken.is_ok() && record.offset >= from && !self.is_over {
                taken = self.take(checked, record);
            }
        });
        taken?;
        read.map_err(|error| unreadable(link, &error))?;
        if self.is_over {
            return Ok(());
        }
        self.pass_link(checked)
    }

    fn begin_part(&mut self, checked: &Checked, from: i64) -> Result<(), AppError> {
        self.transaction()?.parts.push(Part {
            checked: checked.clone(),
            from,
            until: from,
        });
        Ok(())
    }

    /// The open transaction, or a new one.
    fn transaction(&mut self) -> Result<&mut Transaction, AppError> {
        if self.open.is_none() {
            self.connection.replayer.begin()?;
        }
        let began_ms = self.shared.clock.monotonic_ms();
        Ok(self.open.get_or_insert_with(|| Transaction::new(began_ms)))
    }

    /// All records of the link are done.
    fn pass_link(&mut self, checked: &Checked) -> Result<(), AppError> {
        let reached = self.transaction()?.reached.entry(checked.partition).or_default();
        reached.height = checked.link.height.0 + 1;
        reached.offset = 0;
        Ok(())
    }

    fn take(&mut self, checked: &Checked, record: &Record<'_>) -> Result<(), AppError> {
        let bytes = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        let is_wanted = self.shared.request.span.covers(record.timestamp.ms());
        let refusal = self.target.limits.as_ref().filter(|_| is_wanted);
        let refusal = refusal.and_then(|limits| limits.refusal(record, self.now_ms));
        let mut failed = false;
        if is_wanted && refusal.is_none() {
            let mark = self.transaction()?.mark(record.offset);
            let Connection { replayer, topic, .. } = &self.connection;
            failed = replayer.send(topic, (checked.link.partition, mark), record)? == Sent::TransactionFailed;
        }
        let open = self.transaction()?;
        if let Some(part) = open.parts.last_mut() {
            part.until = record.offset + 1;
        }
        let reached = open.reached.entry(checked.partition).or_default();
        reached.height = checked.link.height.0;
        reached.offset = record.offset + 1;
        if let Some(reason) = refusal {
            reached.refused += 1;
            open.refusals.push(Refusal {
                topic: checked.link.topic.clone(),
                partition: checked.link.partition,
                offset: record.offset,
                reason,
            });
        } else if is_wanted {
            reached.records += 1;
            open.records += 1;
            open.bytes += bytes as u64;
            open.restamped += u64::from(matches!(record.timestamp.ms(), None | Some(0)));
            open.times.add(record.timestamp.ms());
        }
        if failed {
            self.send_again_without_refused()?;
        }
        if is_wanted {
            self.keep_pace(bytes);
        }
        self.commit_if_due(checked)
    }

    fn keep_pace(&self, bytes: usize) {
        let mut wait = self.shared.pace.after(bytes);
        while let Some(pause) = wait.filter(|_| !self.shared.is_over()) {
            std::thread::sleep(pause);
            wait = self.shared.pace.left();
        }
    }

    fn commit_if_due(&mut self, checked: &Checked) -> Result<(), AppError> {
        self.looked_at += 1;
        let is_slow = self.shared.request.rate.is_some();
        if !is_slow && !self.looked_at.is_multiple_of(RECORDS_A_LOOK) {
            return Ok(());
        }
        self.now_ms = self.shared.clock.wall().as_millisecond();
        self.is_over = self.shared.is_over();
        let now_ms = self.shared.clock.monotonic_ms();
        let Some(open) = self.open.as_ref().filter(|open| open.is_due(now_ms)) else {
            return Ok(());
        };
        let from = open.parts.last().map_or(0, |part| part.until);
        self.commit()?;
        self.begin_part(checked, from)
    }
}

/// What passes: the next run continues.
fn continued(error: AppError) -> AppError {
    match error.kind() {
        Kind::Transient => AppError::transient(format!("{error}; what was committed stays"))
            .fix("run the same command again: it continues after the last committed transaction"),
        _ => error,
    }
}
