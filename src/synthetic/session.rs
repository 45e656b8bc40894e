//! Orders the events of one session: browsing, filling the cart, perhaps a checkout. Each step follows the step that it
//! needs.

use crate::synthetic::draws::Draws;
use crate::synthetic::line::{Detail, Visitor, write_line};
use crate::synthetic::naming::Naming;
use crate::synthetic::plan::{Checkout, Outcome, Visit};
use crate::synthetic::planted::PlantedVisit;

/// The number of products of the shop.
const PRODUCTS: u32 = 200;

/// Sessions begin between 2025-11-01 and 61 days later; seconds since the Unix epoch.
pub(crate) const SEASON_START_S: i64 = 1_761_955_200;
pub(crate) const SEASON_SECONDS: u32 = 61 * 86_400;

/// A session that is being written.
pub(crate) struct Walk<'a> {
    draws: &'a mut Draws,
    lines: &'a mut Vec<u8>,
    visitor: &'a Visitor,
    naming: Naming,
    checkout_number: u64,
    now_s: i64,
    cart: Vec<u32>,
    hurried: bool,
    events: u64,
}

/// A step of browsing.
#[derive(Clone, Copy)]
enum Step {
    PageView,
    Search,
    View,
    Take,
    PutBack,
    CartView,
}

impl<'a> Walk<'a> {
    /// Draws the start time; `checkout_number` becomes the id of the payment and the order, if there is one.
    pub(crate) fn begin(
        draws: &'a mut Draws,
        lines: &'a mut Vec<u8>,
        (visitor, naming): (&'a Visitor, Naming),
        checkout_number: u64,
    ) -> Walk<'a> {
        let start_s = SEASON_START_S + i64::from(draws.below(SEASON_SECONDS));
        Walk::begin_at(start_s, draws, lines, (visitor, naming), checkout_number)
    }

    /// The same at a given time, in seconds since the Unix epoch.
    pub(crate) fn begin_at(
        now_s: i64,
        draws: &'a mut Draws,
        lines: &'a mut Vec<u8>,
        (visitor, naming): (&'a Visitor, Naming),
        checkout_number: u64,
    ) -> Walk<'a> {
        Walk {
            draws,
            lines,
            visitor,
            naming,
            checkout_number,
            now_s,
            cart: Vec::new(),
            hurried: false,
            events: 0,
        }
    }

    /// The number of events so far.
    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    /// Writes all actions of `visit`; after a checkout at most one page view follows.
    pub(crate) fn through(&mut self, mut visit: Visit) {
        let mut pages_after = 0;
        if visit.page_views > 1 && visit.checkout.is_some() {
            pages_after = u64::from(self.draws.below(2));
            visit.page_views -= pages_after;
        }
        if visit.page_views > 0 {
            visit.page_views -= 1;
            self.customer_event("page_view", Detail::default());
        }
        while let Some(step) = self.next_step(&visit) {
            self.take_step(step, &mut visit);
        }
        if let Some(checkout) = visit.checkout {
            self.check_out(checkout);
        }
        for _ in 0..pages_after {
            self.customer_event("page_view", Detail::default());
        }
    }

    /// Writes a planted session, with some items of one product. Its steps follow each other sooner than those of others, so that
    /// attempts to pay are within the minutes in which the rules count them.
    pub(crate) fn through_planted(&mut self, visit: &PlantedVisit, product: u32) {
        self.hurried = true;
        self.customer_event("page_view", Detail::default());
        for _ in 0..visit.items {
            self.customer_event("product_view", Detail::of_product(product));
            self.customer_event("add_to_cart", Detail::of_product(product));
            self.cart.push(product);
        }
        self.customer_event("view_cart", self.cart_detail());
        self.customer_event("checkout_start", self.cart_detail());
        let paying = Detail {
            payment: Some(self.checkout_number),
            ..self.cart_detail()
        };
        for succeeds in visit.attempts {
            self.customer_event("payment_attempt", paying);
            if *succeeds {
                let paid = Detail {
                    order: paying.payment,
                    ..paying
                };
                self.provider_event("payment_success", paid);
            } else {
                self.provider_event("payment_failed", paying);
            }
        }
    }

    /// Draws one of the remaining steps, all with the same probability; none if all are done.
    fn next_step(&mut self, left: &Visit) -> Option<Step> {
        let others = left.page_views + left.searches + left.views + left.taken;
        let has_items = !self.cart.is_empty();
        let kinds = [
            (Step::PageView, left.page_views),
            (Step::Search, left.searches),
            (Step::View, left.views),
            (Step::Take, left.taken),
            (Step::PutBack, if has_items { left.returned } else { 0 }),
            // An empty cart is viewed only if no other step is left.
            (
                Step::CartView,
                if has_items || others == 0 { left.cart_views } else { 0 },
            ),
        ];
        let all: u64 = kinds.iter().map(|(_, count)| count).sum();
        let mut drawn = u64::from(self.draws.below(u32::try_from(all).unwrap_or(u32::MAX)));
        kinds.into_iter().find_map(|(step, count)| {
            let found = drawn < count;
            drawn = drawn.saturating_sub(count);
            found.then_some(step)
        })
    }

    fn take_step(&mut self, step: Step, left: &mut Visit) {
        match step {
            Step::PageView => {
                left.page_views -= 1;
                self.customer_event("page_view", Detail::default());
            }
            Step::Search => {
                left.searches -= 1;
                self.customer_event("search", Detail::default());
            }
            Step::View => {
                left.views -= 1;
                let product = self.draw_product();
                self.customer_event("product_view", Detail::of_product(product));
            }
            Step::Take => {
                left.taken -= 1;
                let product = self.draw_product();
                self.customer_event("product_view", Detail::of_product(product));
                self.customer_event("add_to_cart", Detail::of_product(product));
                self.cart.push(product);
            }
            Step::PutBack => {
                left.returned -= 1;
                let place = self.draws.below(u32::try_from(self.cart.len()).unwrap_or(0));
                let product = self.cart.swap_remove(place as usize);
                self.customer_event("remove_from_cart", Detail::of_product(product));
            }
            Step::CartView => {
                left.cart_views -= 1;
                self.customer_event("view_cart", self.cart_detail());
            }
        }
    }

    fn check_out(&mut self, checkout: Checkout) {
        self.customer_event("view_cart", self.cart_detail());
        self.customer_event("checkout_start", self.cart_detail());
        if checkout.adds_method {
            self.customer_event("add_payment_method", Detail::default());
        }
        // As in the reference data, only some payments have an id, and failed ones rarely.
        let known_percent = if checkout.outcome == Outcome::Failure { 7 } else { 27 };
        let payment = self.draws.chance(known_percent, 100).then_some(self.checkout_number);
        let paying = Detail {
            payment,
            ..self.cart_detail()
        };
        let paid = Detail {
            order: payment,
            ..paying
        };
        if checkout.first_fails {
            self.customer_event("payment_attempt", paying);
            self.provider_event("payment_failed", paying);
        }
        self.customer_event("payment_attempt", paying);
        if checkout.outcome != Outcome::Success {
            self.provider_event("payment_failed", paying);
        }
        if checkout.outcome != Outcome::Failure {
            self.provider_event("payment_success", paid);
            self.cart.clear();
        }
    }

    fn draw_product(&mut self) -> u32 {
        product_of(self.draws)
    }

    fn cart_detail(&self) -> Detail {
        Detail {
            cart_cents: Some(self.cart.iter().map(|product| price_cents(*product)).sum()),
            ..Detail::default()
        }
    }

    /// Writes an action of the customer, 5 to 114 seconds after the last event, or 5 to 24 in a hurry.
    fn customer_event(&mut self, event_type: &str, detail: Detail) {
        let range_s = if self.hurried { 20 } else { 110 };
        self.now_s += 5 + i64::from(self.draws.below(range_s));
        self.write(event_type, detail);
    }

    /// Writes an answer of the payment provider, 1 to 5 seconds after the last event.
    fn provider_event(&mut self, event_type: &str, detail: Detail) {
        self.now_s += 1 + i64::from(self.draws.below(5));
        self.write(event_type, detail);
    }

    fn write(&mut self, event_type: &str, detail: Detail) {
        self.events += 1;
        let event_type = self.naming.of(event_type);
        write_line(self.lines, self.draws, self.visitor, (self.now_s, event_type), detail);
    }
}

/// Draws a product of the shop.
pub(crate) fn product_of(draws: &mut Draws) -> u32 {
    1 + draws.below(PRODUCTS)
}

/// The price of a product: 8.99 to 102.52.
fn price_cents(product: u32) -> u64 {
    899 + u64::from(product * 7919 % PRODUCTS) * 47
}
