//! Events from files to topics: read, check, route, send, and account for every line.
//!
//! `read = sent + rejected + filtered` (and with `--exactly-once` what earlier runs sent), and at the end `sent = acked + failed`: nothing is dropped in silence, and bad
//! lines never keep good ones from being sent. Memory is bounded, but for `--sort`, which needs the whole input. The
//! value sent is the line's bytes, untouched: all but the newline itself, a carriage return before it included.

mod error;
mod exactly;
mod input;
mod intake;
mod mark;
mod pace;
mod rejects;
mod report;
mod sorted;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::clock::Clock;
use crate::config::{IngestSettings, KafkaSettings, RoutingSettings, Settings};
use crate::event::event::Form;
use crate::event::routing::Routing;
use crate::kafka::error::KafkaError;
use crate::kafka::producer::{Outgoing, Producer, Sending};
use crate::task::progress::Progress;
use crate::task::stop::Stop;

pub use error::IngestError;
pub use input::{Input, InputError};
pub use rejects::RejectsError;
pub use report::{FirstRejected, Report, Resemblance};

use input::Piece;
use intake::Intake;
use pace::Pace;
use rejects::Rejects;

/// How long to wait for input or room before looking whether to stop.
const STEP: Duration = Duration::from_millis(5);

/// How long an interrupted run waits for what is on its way.
const FAREWELL_MS: u64 = 10_000;

/// The settings that concern it.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Where to send.
    pub kafka: KafkaSettings,
    /// What goes where.
    pub routing: RoutingSettings,
    /// What an event looks like, and how records are gathered.
    pub ingest: IngestSettings,
    /// Where `--exactly-once` keeps its marks.
    pub ledger: LedgerSettings,
}

/// The compacted topic that knows how far each file was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerSettings {
    /// Its name.
    pub topic: String,
    /// Of the topic, where it must be created.
    pub replication_factor: i32,
}

impl LedgerSettings {
    /// Beside the topics of these settings, as safe as they are.
    #[must_use]
    pub fn beside(settings: &Settings) -> LedgerSettings {
        let factors = settings.topics.iter().map(|topic| topic.replication_factor);
        LedgerSettings {
            topic: format!("{}kivend-ingest", settings.topic_prefix),
            replication_factor: factors.max().unwrap_or(1),
        }
    }
}

/// In which order events are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As they stand in the input.
    AsRead,
    /// By the time that they tell, then as they stand; those without one last. Needs the whole input in memory.
    Time,
}

/// Whether anything is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// To Kafka.
    Send,
    /// To Kafka, so that readers of committed records get each event once, however often a run dies.
    ExactlyOnce,
    /// Checked and counted; no broker is asked.
    DryRun,
}

/// What to do.
#[derive(Debug)]
pub struct Plan {
    /// One after the other.
    pub inputs: Vec<Input>,
    /// Nothing but the events of this topic.
    pub only: Option<String>,
    /// No more events than this, after `only`.
    pub max: Option<u64>,
    /// No more events than this each second.
    pub rate_per_s: Option<NonZeroU32>,
    /// In which order.
    pub order: Order,
    /// Whether at all.
    pub mode: Mode,
    /// Where lines go that are not sent.
    pub rejects: Option<PathBuf>,
}

/// Does what `plan` says, until all is done or `stop` asks for an end.
///
/// # Errors
/// What keeps it from beginning (an input, the topics, the brokers), and a file for rejects that cannot be written.
/// Whatever happens once events are on their way stands in the report.
pub fn ingest(
    surroundings: &Surroundings,
    plan: Plan,
    stop: &Stop,
    progress: &dyn Progress,
) -> Result<Report, IngestError> {
    if plan.mode == Mode::ExactlyOnce {
        return match plan.order {
            Order::AsRead => exactly::ingest(surroundings, plan, stop, progress),
            Order::Time => Err(IngestError::Sorted),
        };
    }
    let clock = Clock::start();
    let routing = routing(&surroundings.routing);
    let form = form(&surroundings.ingest);
    let only = plan.only.map(|only| number_of(&routing, only)).transpose()?;
    let rejects = Rejects::open(plan.rejects)?;
    let (names, total_bytes) = (input::names(&plan.inputs), input::total_bytes(&plan.inputs));
    let pieces = input::read(plan.inputs, form.line_max_bytes)?;
    let producer = match plan.mode {
        Mode::Send | Mode::ExactlyOnce => Some(connect(surroundings, &routing, only)?),
        Mode::DryRun => None,
    };
    let mut run = Run {
        intake: Intake::new(&form, &routing, only, names, rejects),
        producer,
        pace: Pace::new(plan.rate_per_s, plan.max, clock),
        clock,
        stop,
        progress,
        broken_input: None,
    };
    match plan.order {
        Order::AsRead => run.as_read(&pieces, total_bytes)?,
        Order::Time => run.by_time(&pieces)?,
    }
    // The reader may wait for its input for ever: it is left behind, and ends with its next piece.
    drop(pieces);
    run.finish()
}

/// One run under way.
struct Run<'a> {
    intake: Intake<'a>,
    /// None in a dry run.
    producer: Option<Producer>,
    pace: Pace,
    clock: Clock,
    stop: &'a Stop,
    progress: &'a dyn Progress,
    broken_input: Option<InputError>,
}

impl Run<'_> {
    /// Sends as it reads.
    fn as_read(&mut self, pieces: &Receiver<Piece>, total_bytes: Option<u64>) -> Result<(), IngestError> {
        let mut began = false;
        while let Some(piece) = self.next_piece(pieces) {
            match piece {
                Piece::Lines(lines) => {
                    if !std::mem::replace(&mut began, true) {
                        self.progress
                            .begin(estimate(&lines, total_bytes).map(|all| all.min(self.pace.left())));
                    }
                    self.send_lines(&Arc::new(lines))?;
                }
                other => self.note(other)?,
            }
            if self.pace.left() == 0 {
                break;
            }
        }
        Ok(())
    }

    /// What is no lines: the next input, a line beyond all bounds, an input that broke.
    fn note(&mut self, piece: Piece) -> Result<(), IngestError> {
        match piece {
            Piece::Next => self.intake.next_input(),
            Piece::TooLong { start, length_bytes } => self.intake.reject_too_long(&start, length_bytes)?,
            Piece::Broken(error) => self.broken_input = Some(error),
            Piece::Lines(_) => {}
        }
        Ok(())
    }

    /// The next piece; none at the end, and when it is time to end.
    fn next_piece(&mut self, pieces: &Receiver<Piece>) -> Option<Piece> {
        loop {
            if !self.goes_on() {
                return None;
            }
            match pieces.recv_timeout(STEP) {
                Ok(piece) => return Some(piece),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => self.poll(Duration::ZERO),
            }
        }
    }

    fn send_lines(&mut self, chunk: &Arc<Vec<u8>>) -> Result<(), IngestError> {
        let mut rest = 0..chunk.len();
        while !rest.is_empty() && self.pace.left() > 0 {
            let Some(allowed) = self.wait_for_room() else {
                return Ok(());
            };
            let records = self.intake.take(chunk, &mut rest, allowed)?;
            self.send(chunk, &records)?;
        }
        Ok(())
    }

    /// Waits until events may be sent, and answers how many; none when it is time to end.
    fn wait_for_room(&mut self) -> Option<usize> {
        while self.goes_on() {
            let room = self.producer.as_ref().is_none_or(Producer::has_room);
            let allowed = self.pace.allowed();
            match usize::try_from(allowed) {
                Ok(allowed @ 1..) if room => return Some(allowed),
                Err(_) if room => return Some(usize::MAX),
                _ => self.poll(STEP),
            }
        }
        None
    }

    fn send(&mut self, chunk: &Arc<Vec<u8>>, records: &[Outgoing<'_>]) -> Result<(), IngestError> {
        if let Some(producer) = &mut self.producer {
            producer.send(chunk, records);
            producer.poll(Duration::ZERO);
            self.intake.failed(producer.take_failed())?;
        }
        let sent = records.len() as u64;
        self.pace.sent(sent);
        self.progress.advance(sent);
        Ok(())
    }

    fn poll(&mut self, wait: Duration) {
        match &mut self.producer {
            Some(producer) => producer.poll(wait),
            None => std::thread::sleep(wait),
        }
    }

    /// Not if somebody wants to stop, nor if Kafka takes nothing any more.
    fn goes_on(&self) -> bool {
        !self.stop.is_requested() && !self.producer.as_ref().is_some_and(Producer::is_broken)
    }

    /// Waits for all that is on its way, and tells what became of everything.
    fn finish(mut self) -> Result<Report, IngestError> {
        let mut tally = None;
        if let Some(mut producer) = self.producer.take() {
            self.progress.note("waiting for acknowledgements");
            wait_for_answers(&mut producer, self.stop, self.clock);
            self.intake.failed(producer.take_failed())?;
            tally = Some(producer.tally().clone());
        }
        let interrupted = self.stop.is_requested();
        let elapsed_s = self.clock.elapsed_s();
        Ok(self.intake.report(tally, self.broken_input, interrupted, elapsed_s)?)
    }
}

/// Waits until the brokers have answered for everything that is on its way; not for ever where somebody wants to stop.
fn wait_for_answers(producer: &mut Producer, stop: &Stop, clock: Clock) {
    let mut deadline_ms = None;
    while !producer.is_idle() {
        producer.poll(STEP);
        if stop.is_requested() {
            let now_ms = clock.monotonic_ms();
            if now_ms >= *deadline_ms.get_or_insert(now_ms + FAREWELL_MS) {
                producer.give_up();
            }
        }
    }
}

fn connect(surroundings: &Surroundings, routing: &Routing, only: Option<usize>) -> Result<Producer, KafkaError> {
    let sending = sending(surroundings);
    // All are known by their number; only those that events can go to must be there.
    let needed = |number| only.is_none_or(|only| only == number);
    Producer::connect(&surroundings.kafka, &sending, routing.topics(), needed)
}

fn sending(surroundings: &Surroundings) -> Sending {
    Sending {
        batch_size_bytes: surroundings.ingest.batch_size_bytes,
        linger_ms: surroundings.ingest.linger_ms,
        record_max_bytes: surroundings.ingest.max_event_bytes,
        transactional_id: None,
    }
}

fn routing(settings: &RoutingSettings) -> Routing {
    let routes = settings.rules.iter().flat_map(|rule| {
        let types = rule.event_types.iter();
        types.map(|event_type| (event_type.as_str(), rule.topic.as_str()))
    });
    Routing::new(routes, &settings.default)
}

fn form(settings: &IngestSettings) -> Form {
    Form {
        event_type_field: settings.event_type_field.clone(),
        key_field: settings.key_field.clone(),
        time_field: settings.time_field.clone(),
        line_max_bytes: settings.max_event_bytes,
    }
}

fn number_of(routing: &Routing, only: String) -> Result<usize, IngestError> {
    let topics = routing.topics();
    let number = topics.iter().position(|topic| *topic == only);
    number.ok_or_else(|| IngestError::NoRoute {
        only,
        topics: topics.to_vec(),
    })
}

/// How many events there will be, if the first lines are like the others.
fn estimate(lines: &[u8], total_bytes: Option<u64>) -> Option<u64> {
    let count = memchr::memchr_iter(b'\n', lines).count() as u64;
    let all = u128::from(total_bytes?) * u128::from(count) / u128::try_from(lines.len().max(1)).ok()?;
    u64::try_from(all).ok()
}

#[cfg(test)]
mod tests;
