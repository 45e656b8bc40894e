//! A made-up shop: its customers' sessions as JSONL, the same bytes for the same seed on every machine and for ever.
//!
//! Counts by event type are exact, not drawn: sessions share out a fixed plan (`plan`), walk through the shop in an
//! order that makes sense (`session`), and are written as Python's `json.dumps` would (`line`). Chance comes from
//! ChaCha8's key stream and whole numbers alone (`draws`). Never a clock, never floating point.

mod draws;
mod line;
mod plan;
mod session;

pub use plan::EVENTS_DEFAULT;

use draws::Draws;
use plan::Plan;
use session::Walk;

/// Writes the sessions of a shop one after the other, in no order of time, each in its own order of time.
#[derive(Debug)]
pub struct Shop {
    plan: Plan,
    draws: Draws,
    customers: u32,
    sessions: u64,
    checkouts: u64,
}

impl Shop {
    /// A shop in which exactly `events` events will happen.
    #[must_use]
    pub fn new(events: u64, seed: u64) -> Shop {
        Shop {
            plan: Plan::new(events),
            draws: Draws::new(seed),
            customers: plan::customers(events),
            sessions: 0,
            checkouts: 0,
        }
    }

    /// Appends the next session to `lines`, one event a line; answers how many events it has, none after the last.
    pub fn write_session(&mut self, lines: &mut Vec<u8>) -> Option<u64> {
        let visit = self.plan.next_visit(&mut self.draws)?;
        self.sessions += 1;
        self.checkouts += u64::from(visit.checkout.is_some());
        let visitor = line::Visitor::draw(&mut self.draws, self.customers, self.sessions);
        let mut walk = Walk::begin(&mut self.draws, lines, &visitor, self.checkouts);
        walk.through(visit);
        Some(walk.events())
    }
}

#[cfg(test)]
mod tests;
