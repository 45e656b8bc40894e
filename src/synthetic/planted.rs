//! The sessions that `kivend generate --fraud` adds after all others: for each rule of deploy/flink, customers to whom it
//! applies and customers to whom it nearly does. The customer's id says which: `planted-many_sessions-3` has five attempts to
//! pay in as many sessions, `nearly-many_sessions-3` four.

/// How many customers there are of each kind.
const CASES: u32 = 5;

const MINUTE: i64 = 60;
const DAY: i64 = 86_400;

/// The time from the first session of a customer to the last.
pub(crate) const CASE_SECONDS: u32 = 7 * 86_400;

/// A session in which the customer takes some items of one product and tries to pay for them.
#[derive(Debug)]
pub(crate) struct PlantedVisit {
    /// Seconds after the customer's first session.
    pub(crate) start_s: i64,
    pub(crate) device: usize,
    pub(crate) items: u32,
    /// Whether each attempt to pay succeeds. Only the last one may: it ends the checkout.
    pub(crate) attempts: &'static [bool],
}

/// The sessions of each customer of one kind.
#[derive(Debug)]
struct Kind {
    name: &'static str,
    visits: &'static [PlantedVisit],
}

const fn at(start_s: i64, attempts: &'static [bool]) -> PlantedVisit {
    PlantedVisit {
        start_s,
        device: 0,
        items: 1,
        attempts,
    }
}

const fn with(items: u32, visit: PlantedVisit) -> PlantedVisit {
    PlantedVisit { items, ..visit }
}

const fn on(device: usize, visit: PlantedVisit) -> PlantedVisit {
    PlantedVisit { device, ..visit }
}

const PAID: &[bool] = &[true];
const FAILED: &[bool] = &[false];

/// The thresholds are those of deploy/flink/fraud.sql.
const KINDS: [Kind; 8] = [
    Kind {
        name: "planted-repeated_failures",
        visits: &[at(0, &[false; 6])],
    },
    // Never three within ten minutes.
    Kind {
        name: "nearly-repeated_failures",
        visits: &[at(0, &[false; 2]), at(20 * MINUTE, &[false; 2])],
    },
    Kind {
        name: "planted-many_sessions",
        visits: &[
            at(0, PAID),
            at(MINUTE, PAID),
            at(2 * MINUTE, PAID),
            at(3 * MINUTE, PAID),
            at(4 * MINUTE, PAID),
        ],
    },
    Kind {
        name: "nearly-many_sessions",
        visits: &[
            at(0, PAID),
            at(MINUTE, PAID),
            at(2 * MINUTE, PAID),
            at(3 * MINUTE, PAID),
        ],
    },
    Kind {
        name: "planted-unusual_amount",
        visits: &[
            at(0, PAID),
            at(DAY, PAID),
            at(2 * DAY, FAILED),
            at(3 * DAY, PAID),
            at(4 * DAY, PAID),
            with(6, at(5 * DAY, PAID)),
        ],
    },
    // Four times the mean.
    Kind {
        name: "nearly-unusual_amount",
        visits: &[
            at(0, PAID),
            at(DAY, PAID),
            at(2 * DAY, FAILED),
            at(3 * DAY, PAID),
            at(4 * DAY, PAID),
            with(4, at(5 * DAY, PAID)),
        ],
    },
    Kind {
        name: "planted-new_device",
        visits: &[
            at(0, PAID),
            at(2 * DAY, PAID),
            at(4 * DAY, PAID),
            on(1, at(6 * DAY, PAID)),
        ],
    },
    // The customer is not known well enough yet.
    Kind {
        name: "nearly-new_device",
        visits: &[at(0, PAID), at(2 * DAY, PAID), on(1, at(6 * DAY, PAID))],
    },
];

/// The planted sessions, in order.
#[derive(Debug, Default)]
pub(crate) struct Planted {
    customer: usize,
    visit: usize,
}

impl Planted {
    /// The next session and its customer's id; none after the last. `start_s` is 0 for a customer's first session.
    pub(crate) fn next(&mut self) -> Option<(String, &'static PlantedVisit)> {
        let cases = CASES as usize;
        let kind = KINDS.get(self.customer / cases)?;
        let visit = kind.visits.get(self.visit)?;
        let customer = format!("{}-{}", kind.name, self.customer % cases + 1);
        self.visit += 1;
        if self.visit == kind.visits.len() {
            (self.customer, self.visit) = (self.customer + 1, 0);
        }
        Some((customer, visit))
    }

    /// The number of events of all planted sessions.
    pub(crate) fn events() -> u64 {
        let visits = KINDS.iter().flat_map(|kind| kind.visits);
        u64::from(CASES) * visits.map(PlantedVisit::events).sum::<u64>()
    }
}

impl PlantedVisit {
    /// A view of a page, two events for each item, one of the cart, the checkout, and two for each attempt.
    fn events(&self) -> u64 {
        3 + 2 * u64::from(self.items) + 2 * self.attempts.len() as u64
    }
}
