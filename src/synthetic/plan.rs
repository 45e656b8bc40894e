//! The totals of all sessions, and their division among sessions.
//!
//! The plan counts complete actions (an item that is put back was taken before; a checkout has at least one attempt to
//! pay), so that the counts by event type are exact for every seed:
//! page_view 15,726 · product_view 12,907 · add_to_cart 8,597 · search 8,581 · view_cart 5,745 · payment_attempt 4,337 ·
//! checkout_start 3,613 · remove_from_cart 3,589 · payment_success 3,226 · add_payment_method 2,811 ·
//! payment_failed 2,562 in 71,694 events, by the names of the data set after which the shop is modelled.

use crate::synthetic::draws::Draws;

/// The default number of events of `kivend generate`; the counts above are for this number.
pub const EVENTS_DEFAULT: u64 = 71_694;

/// The number of customers for [`EVENTS_DEFAULT`] events.
const CUSTOMERS: u64 = 2_500;

/// Draws per session and kind of action, and so the largest share of every session but the last.
const SHARE_DRAWS: u64 = 8;

/// The actions that are not assigned to a session yet.
#[derive(Debug)]
pub(crate) struct Plan {
    sessions: u64,
    /// Sessions that end at the checkout, each with one item in the cart for it.
    checkouts: u64,
    /// Checkouts at which a payment method is added.
    methods: u64,
    /// Checkouts whose first attempt fails and that try again.
    retries: u64,
    /// Checkouts whose last attempt succeeds at once.
    smooth: u64,
    /// Checkouts whose last attempt is reported as failed and then succeeds.
    recovered: u64,
    page_views: u64,
    searches: u64,
    /// Products viewed and not taken.
    views: u64,
    /// Products taken and kept, in addition to the one of every checkout.
    kept: u64,
    /// Products taken and put back.
    returned: u64,
    /// Views of the cart, in addition to those before a checkout.
    cart_views: u64,
}

/// The number of customers of a shop with `events` events.
pub(crate) fn customers(events: u64) -> u32 {
    u32::try_from(scaled(CUSTOMERS, events)).unwrap_or(u32::MAX).max(1)
}

/// The actions of one session, not yet in order.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) page_views: u64,
    pub(crate) searches: u64,
    pub(crate) views: u64,
    /// Products taken, including those put back.
    pub(crate) taken: u64,
    pub(crate) returned: u64,
    pub(crate) cart_views: u64,
    pub(crate) checkout: Option<Checkout>,
}

impl Visit {
    /// Whether the session has no event.
    fn is_empty(&self) -> bool {
        self.page_views + self.searches + self.views + self.taken + self.cart_views == 0
    }
}

/// How a checkout goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checkout {
    pub(crate) adds_method: bool,
    pub(crate) first_fails: bool,
    pub(crate) outcome: Outcome,
}

/// The result of the last attempt to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    FailureThenSuccess,
    Failure,
}

impl Plan {
    /// Totals proportional to those for [`EVENTS_DEFAULT`]; page views make up for rounding.
    pub(crate) fn new(events: u64) -> Plan {
        let mut plan = Plan {
            sessions: scaled(6_000, events).max(events.min(1)),
            checkouts: scaled(3_613, events),
            methods: scaled(2_811, events),
            retries: scaled(724, events),
            smooth: scaled(1_775, events),
            recovered: scaled(1_451, events),
            page_views: 0,
            searches: scaled(8_581, events),
            views: scaled(4_310, events),
            kept: scaled(1_395, events),
            returned: scaled(3_589, events),
            cart_views: scaled(2_132, events),
        };
        plan.page_views = events.saturating_sub(plan.events());
        plan
    }

    /// The number of events of the remaining actions.
    fn events(&self) -> u64 {
        // product_view, add_to_cart, view_cart, checkout_start, payment_attempt, outcome.
        let checkouts = 6 * self.checkouts + self.methods + 2 * self.retries + self.recovered;
        let singles = self.page_views + self.searches + self.views + self.cart_views;
        checkouts + singles + 2 * self.kept + 3 * self.returned
    }

    /// The actions of the next session; none after the last.
    pub(crate) fn next_visit(&mut self, draws: &mut Draws) -> Option<Visit> {
        if self.sessions == 0 {
            return None;
        }
        let sessions = self.sessions;
        let checkout = draws
            .chance(self.checkouts, sessions)
            .then(|| self.next_checkout(draws));
        let mut share = |of: &mut u64| share(of, sessions, draws);
        let returned = share(&mut self.returned);
        let mut visit = Visit {
            page_views: share(&mut self.page_views),
            searches: share(&mut self.searches),
            views: share(&mut self.views),
            taken: share(&mut self.kept) + returned + u64::from(checkout.is_some()),
            returned,
            cart_views: share(&mut self.cart_views),
            checkout,
        };
        if visit.is_empty() && self.page_views > 0 {
            // A session has at least one event.
            visit.page_views = 1;
            self.page_views -= 1;
        }
        self.sessions -= 1;
        Some(visit)
    }

    fn next_checkout(&mut self, draws: &mut Draws) -> Checkout {
        let checkouts = self.checkouts;
        let mut take = |of: &mut u64| {
            let taken = draws.chance(*of, checkouts);
            *of -= u64::from(taken);
            taken
        };
        let adds_method = take(&mut self.methods);
        let first_fails = take(&mut self.retries);
        let mut both = self.smooth + self.recovered;
        let outcome = if !take(&mut both) {
            Outcome::Failure
        } else if draws.chance(self.smooth, self.smooth + self.recovered) {
            self.smooth -= 1;
            Outcome::Success
        } else {
            self.recovered -= 1;
            Outcome::FailureThenSuccess
        };
        self.checkouts -= 1;
        Checkout {
            adds_method,
            first_fails,
            outcome,
        }
    }
}

fn scaled(count: u64, events: u64) -> u64 {
    let scaled = u128::from(count) * u128::from(events) / u128::from(EVENTS_DEFAULT);
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// Takes one session's share of `left`: about the mean, and all of it for the last session.
fn share(left: &mut u64, sessions: u64, draws: &mut Draws) -> u64 {
    let share = if sessions == 1 {
        *left
    } else {
        let drawn = (0..SHARE_DRAWS).filter(|_| draws.chance(*left, SHARE_DRAWS * sessions));
        (drawn.count() as u64).min(*left)
    };
    *left -= share;
    share
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sessions_use_up_the_plan_exactly(events in 0u64..20_000, seed: u64) {
            let mut plan = Plan::new(events);
            prop_assert_eq!(plan.events(), events);
            let mut draws = Draws::new(seed);
            while let Some(visit) = plan.next_visit(&mut draws) {
                prop_assert!(visit.taken >= visit.returned + u64::from(visit.checkout.is_some()));
            }
            prop_assert_eq!(plan.events(), 0);
            prop_assert_eq!(plan.checkouts + plan.smooth + plan.sessions, 0);
        }
    }
}
