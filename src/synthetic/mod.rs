//! A synthetic shop: the sessions of its customers as JSONL. The same seed gives the same bytes on every machine and in
//! every version, so nothing here may depend on a clock, floating point or a library's random distributions.
//!
//! Counts by event type are exact, not random: `plan` divides fixed totals among sessions, `session` orders the
//! events of one session, `line` writes them like Python's `json.dumps`, and `draws` gives the random numbers.

mod draws;
mod line;
mod naming;
mod plan;
mod session;

pub use naming::Naming;
pub use plan::EVENTS_DEFAULT;

use draws::Draws;
use plan::Plan;
use session::Walk;

/// Writes the sessions of a shop one after the other. Events are in order of time within a session only.
#[derive(Debug)]
pub struct Shop {
    events: u64,
    plan: Plan,
    naming: Naming,
    draws: Draws,
    customers: u32,
    sessions: u64,
    checkouts: u64,
}

impl Shop {
    /// A shop with exactly `events` events, named as the shipped routing names them.
    #[must_use]
    pub fn new(events: u64, seed: u64) -> Shop {
        Shop {
            events,
            plan: Plan::new(events),
            naming: Naming::Routed,
            draws: Draws::new(seed),
            customers: plan::customers(events),
            sessions: 0,
            checkouts: 0,
        }
    }

    /// The same shop with other names of event types.
    #[must_use]
    pub fn named(self, naming: Naming) -> Shop {
        Shop { naming, ..self }
    }

    /// The number of events of all sessions.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Appends the next session to `lines`, one event per line, and returns its number of events; none after the last
    /// session.
    pub fn write_session(&mut self, lines: &mut Vec<u8>) -> Option<u64> {
        let visit = self.plan.next_visit(&mut self.draws)?;
        self.sessions += 1;
        self.checkouts += u64::from(visit.checkout.is_some());
        let visitor = line::Visitor::draw(&mut self.draws, self.customers, self.sessions);
        let mut walk = Walk::begin(&mut self.draws, lines, (&visitor, self.naming), self.checkouts);
        walk.through(visit);
        Some(walk.events())
    }
}

#[cfg(test)]
mod tests;
