//! A synthetic shop: the sessions of its customers as JSONL. The same seed gives the same bytes on every machine and in
//! every version, so nothing here may depend on a clock, floating point or a library's random distributions.
//!
//! Counts by event type are exact, not random: `plan` divides fixed totals among sessions, `session` orders the
//! events of one session, `planted` has the sessions that look like fraud, `line` writes them like Python's `json.dumps`, and `draws` gives the random numbers.

mod draws;
mod line;
mod naming;
mod plan;
mod planted;
mod session;

pub use naming::Naming;
pub use plan::EVENTS_DEFAULT;

use draws::Draws;
use plan::Plan;
use planted::{CASE_SECONDS, Planted};
use session::{SEASON_SECONDS, SEASON_START_S, Walk, product_of};

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
    planted: Option<Planted>,
    planted_customer: PlantedCustomer,
}

/// What the planted sessions of a customer have in common.
#[derive(Debug, Default)]
struct PlantedCustomer {
    since_s: i64,
    product: u32,
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
            planted: None,
            planted_customer: PlantedCustomer::default(),
        }
    }

    /// The same shop with other names of event types.
    #[must_use]
    pub fn named(self, naming: Naming) -> Shop {
        Shop { naming, ..self }
    }

    /// The same shop, and after its sessions those of customers to whom the rules of deploy/flink apply, or nearly do.
    #[must_use]
    pub fn with_fraud(self) -> Shop {
        Shop {
            planted: Some(Planted::default()),
            ..self
        }
    }

    /// The number of events of all sessions.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events + self.planted.as_ref().map_or(0, |_| Planted::events())
    }

    /// Appends the next session to `lines`, one event per line, and returns its number of events; none after the last
    /// session.
    pub fn write_session(&mut self, lines: &mut Vec<u8>) -> Option<u64> {
        let Some(visit) = self.plan.next_visit(&mut self.draws) else {
            return self.write_planted_session(lines);
        };
        self.sessions += 1;
        self.checkouts += u64::from(visit.checkout.is_some());
        let visitor = line::Visitor::draw(&mut self.draws, self.customers, self.sessions);
        let mut walk = Walk::begin(&mut self.draws, lines, (&visitor, self.naming), self.checkouts);
        walk.through(visit);
        Some(walk.events())
    }

    fn write_planted_session(&mut self, lines: &mut Vec<u8>) -> Option<u64> {
        let (customer, visit) = self.planted.as_mut()?.next()?;
        if visit.start_s == 0 {
            let since_s = SEASON_START_S + i64::from(self.draws.below(SEASON_SECONDS - CASE_SECONDS));
            let product = product_of(&mut self.draws);
            self.planted_customer = PlantedCustomer { since_s, product };
        }
        self.sessions += 1;
        self.checkouts += 1;
        let PlantedCustomer { since_s, product } = self.planted_customer;
        let visitor = line::Visitor::on_device(&mut self.draws, &customer, self.sessions, visit.device);
        let named = (&visitor, self.naming);
        let start_s = since_s + visit.start_s;
        let mut walk = Walk::begin_at(start_s, &mut self.draws, lines, named, self.checkouts);
        walk.through_planted(visit, product);
        Some(walk.events())
    }
}

#[cfg(test)]
mod tests;
