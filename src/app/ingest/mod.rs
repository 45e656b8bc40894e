//! `ingest`: reads events from files, validates and routes them, sends them to topics, and accounts for every line.
//!
//! `read = sent + rejected + filtered` (plus `skipped` with `--exactly-once`), and at the end `sent = acked + failed +
//! unknown`. A bad line does not keep others from being sent. Memory is bounded, except with `--sort`, which needs the whole input. The value
//! of a record is the line without its newline; a carriage return before the newline stays.

mod error;
mod exactly;
mod exactly_run;
mod input;
mod intake;
mod mark;
mod pace;
mod plan;
mod rejects;
mod report;
mod rotation;
mod run;
mod sending;
mod shown;
mod sorted;
mod transfer;

use crate::app::ingest::intake::Intake;
use crate::app::ingest::pace::Pace;
use crate::app::ingest::rejects::Rejects;
use crate::app::ingest::run::Run;
use crate::app::ingest::sending::connect;
use crate::app::ingest::shown::Shown;
use crate::clock::Clock;
use crate::task::progress::Progress;
use crate::task::stop::Stop;

pub use error::IngestError;
pub use input::{Form, Input, InputError};
pub use plan::{LedgerSettings, Mode, Order, Plan, Surroundings};
pub use rejects::RejectsError;
pub use report::{FirstRejected, Problem, Report, Resemblance, Rotated, Unfinished};

/// Carries out `plan` until everything is done or `stop` is requested.
///
/// # Errors
/// What prevents the start: an input, the topics, the brokers, the file of rejected lines. The report has the failures after
/// that.
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
    let routing = surroundings.routing();
    let form = surroundings.form();
    let only = plan.only.map(|only| plan::number_of(&routing, only)).transpose()?;
    let rejects = Rejects::open(plan.rejects, &plan.inputs)?;
    let total_bytes = input::total_bytes(&plan.inputs);
    let pieces = input::read(plan.inputs, form.line_max_bytes)?;
    let producer = match plan.mode {
        Mode::Send | Mode::ExactlyOnce => Some(connect(surroundings, &routing, only)?),
        Mode::DryRun => None,
    };
    let pace = Pace::new(plan.rate_per_s, plan.max, clock);
    let what = match plan.mode {
        Mode::DryRun => "reading",
        Mode::Send | Mode::ExactlyOnce => "ingesting",
    };
    let shown = match plan.order {
        Order::AsRead => Shown::best(progress, what, (total_bytes, pace.left())),
        Order::Time => Shown::bytes(progress, "reading", total_bytes),
    };
    let mut run = Run {
        intake: Intake::new(&form, &routing, only, rejects),
        producer,
        pace,
        clock,
        stop,
        progress,
        shown,
        broken_inputs: Vec::new(),
    };
    match plan.order {
        Order::AsRead => run.as_read(&pieces),
        Order::Time => run.by_time(&pieces),
    }
    // The reading thread may be blocked on its input. It is not joined; it ends with its next piece.
    drop(pieces);
    Ok(run.finish())
}

#[cfg(test)]
mod tests;
