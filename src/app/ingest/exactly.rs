//! `--exactly-once`: sends a file in transactions, each with a mark of how far the file was sent. If a run dies, the next one
//! continues after the last committed transaction, so readers of committed records get each event once. Works with files
//! only, because other inputs cannot be read again.
//!
//! There is one producer for each file. Its transactional id is derived from the file's place, so a second run fences the
//! first, and only then reads the marks.

use std::path::{Path, PathBuf};

use crate::app::ingest::error::IngestError;
use crate::app::ingest::exactly_run::Run;
use crate::app::ingest::input::{Input, InputError, shown, total_bytes};
use crate::app::ingest::intake::Intake;
use crate::app::ingest::mark::{Place, Seen, known};
use crate::app::ingest::pace::Pace;
use crate::app::ingest::plan::{Plan, Surroundings, number_of};
use crate::app::ingest::rejects::Rejects;
use crate::app::ingest::report::{Problem, Report, Rotated};
use crate::app::ingest::rotation::{Begin, Rotation, begin, look};
use crate::app::ingest::sending::sending;
use crate::app::ingest::shown::Shown;
use crate::app::ingest::transfer::FileTransfer;
use crate::clock::Clock;
use crate::kafka::ledger::Ledger;
use crate::kafka::producer::{Producer, Tally};
use crate::task::progress::Progress;
use crate::task::stop::Stop;

/// Sends every file of the plan.
pub(super) fn ingest(
    surroundings: &Surroundings,
    plan: Plan,
    stop: &Stop,
    progress: &dyn Progress,
) -> Result<Report, IngestError> {
    let clock = Clock::start();
    let routing = surroundings.routing();
    let form = surroundings.form();
    let only = plan.only.clone().map(|only| number_of(&routing, only)).transpose()?;
    let files = files(&plan.inputs)?;
    let total_bytes = total_bytes(&plan.inputs);
    let rejects = Rejects::open(plan.rejects, &plan.inputs)?;
    let ledger = &surroundings.ledger;
    let desk = Connections {
        surroundings,
        topics: routing.topics(),
        only: only.map(|number| (number, routing.topics()[number].clone())),
        ledger: Ledger::open(&surroundings.kafka, &ledger.topic, ledger.replication_factor)?,
        line_max_bytes: form.line_max_bytes,
    };
    let pace = Pace::new(plan.rate_per_s, plan.max, clock);
    let shown = Shown::best(progress, "ingesting", (total_bytes, pace.left()));
    let mut run = Run {
        intake: Intake::new(&form, &routing, only, rejects),
        tally: Tally {
            acked: vec![0; routing.topics().len()],
            ..Tally::default()
        },
        pace,
        clock,
        stop,
        shown,
        has_failed: false,
        broken_inputs: Vec::new(),
        line_max_bytes: form.line_max_bytes,
    };
    for file in &files {
        if run.is_over() {
            break;
        }
        match send(&mut run, &desk, file) {
            // The report has the others.
            Err(error) if files.len() > 1 && error.is_about_one_file() => run.broken_inputs.push(Problem::of(&error)),
            sent => sent?,
        }
    }
    let interrupted = stop.is_requested();
    let Run {
        intake,
        tally,
        broken_inputs,
        ..
    } = run;
    Ok(intake.report(Some(tally), broken_inputs, interrupted, clock.elapsed_s()))
}

fn files(inputs: &[Input]) -> Result<Vec<PathBuf>, IngestError> {
    let file = |input: &Input| {
        let not_a_file = || IngestError::NotAFile { input: input.name() };
        input.absolute_path()?.ok_or_else(not_a_file)
    };
    inputs.iter().map(file).collect()
}

/// Sends one file and, if it took the place of one that was rotated, first the rest of that one.
fn send(run: &mut Run<'_>, desk: &Connections<'_>, path: &Path) -> Result<(), IngestError> {
    let (mut producer, place, seen, begun) = desk.take_over(path)?;
    if let Begin::Continue(known) = begun {
        let place = known.subject.place();
        return run.send_file(
            FileTransfer::new(producer, place, seen.standing, Some(known)),
            seen.path,
        );
    }
    if let Begin::Rotated(Rotation { earlier, rest, unsent }) = begun {
        run.intake.rotated(Rotated {
            file: shown(path),
            lines: earlier.mark.lines,
            found: rest.as_deref().map(shown),
            unsent: unsent.iter().map(|file| shown(file)).collect(),
        });
        if let Some(rest) = rest {
            let standing = desk.look(&rest)?.standing;
            run.send_file(
                FileTransfer::new(producer, place.clone(), standing, Some(earlier)),
                rest,
            )?;
            if run.is_over() {
                return Ok(());
            }
            producer = desk.connect(&place)?;
        }
    }
    run.send_file(FileTransfer::new(producer, place, seen.standing, None), seen.path)
}

/// What is needed to connect for a file.
struct Connections<'a> {
    surroundings: &'a Surroundings,
    topics: &'a [String],
    /// The only topic to send to, if there is one.
    only: Option<(usize, String)>,
    ledger: Ledger,
    line_max_bytes: usize,
}

impl Connections<'_> {
    /// Fences other runs that send the file, and finds out which file it is.
    fn take_over(&self, path: &Path) -> Result<(Producer, Place, Seen, Begin), IngestError> {
        let mut file = path.to_string_lossy().into_owned();
        loop {
            let place = Place {
                file,
                only: self.only.as_ref().map(|(_, topic)| topic.clone()),
            };
            let producer = self.connect(&place)?;
            let known = known(self.ledger.entries()?, &place, &self.surroundings.ledger.topic)?;
            let seen = self.look(path)?;
            let begun = begin(&seen, &place, &known, self.line_max_bytes)?;
            match &begun {
                // It was first sent under another name, under which another run may be sending it.
                Begin::Continue(known) if known.subject.file != place.file => file = known.subject.file.clone(),
                _ => return Ok((producer, place, seen, begun)),
            }
        }
    }

    fn look(&self, path: &Path) -> Result<Seen, InputError> {
        look(path, self.line_max_bytes).map_err(|source| InputError::of(path, source))
    }

    /// Connects to the topics of the routes and, as the last one, the ledger, and fences earlier producers of the place.
    fn connect(&self, place: &Place) -> Result<Producer, IngestError> {
        let ledger = &self.surroundings.ledger.topic;
        let mut sending = sending(self.surroundings);
        sending.transactional_id = Some(place.transactional_id(ledger));
        let all: Vec<String> = self.topics.iter().chain([ledger]).cloned().collect();
        let needed = |number| {
            let is_only = |(only, _): &(usize, String)| *only == number;
            number == self.topics.len() || self.only.as_ref().is_none_or(is_only)
        };
        let mut producer = Producer::connect(&self.surroundings.kafka, &sending, &all, needed)?;
        producer.take_over()?;
        Ok(producer)
    }
}
