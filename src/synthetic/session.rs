//! One session's way through the shop: browse, fill the cart, perhaps pay; each step after the one that it needs.

use crate::synthetic::draws::Draws;
use crate::synthetic::line::{Detail, Visitor, write_line};
use crate::synthetic::plan::{Checkout, Outcome, Visit};

/// Products of the shop.
const PRODUCTS: u32 = 200;

/// First and last moment at which a session begins: 2025-11-01 and 61 days on, in seconds since the Unix epoch.
const SEASON_START_S: i64 = 1_761_955_200;
const SEASON_SECONDS: u32 = 61 * 86_400;

/// A session under way.
pub(crate) struct Walk<'a> {
    draws: &'a mut Draws,
    lines: &'a mut Vec<u8>,
    visitor: &'a Visitor,
    checkout_number: u64,
    now_s: i64,
    cart: Vec<u32>,
    events: u64,
}

/// A step that may come next while browsing.
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
    /// Begins at a moment of the season; `checkout_number` names the payment and the order, if there is one.
    pub(crate) fn begin(
        draws: &'a mut Draws,
        lines: &'a mut Vec<u8>,
        visitor: &'a Visitor,
        checkout_number: u64,
    ) -> Walk<'a> {
        let now_s = SEASON_START_S + i64::from(draws.below(SEASON_SECONDS));
        Walk {
            draws,
            lines,
            visitor,
            checkout_number,
            now_s,
            cart: Vec::new(),
            events: 0,
        }
    }

    /// Events so far.
    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    /// All that `visit` holds, the checkout last but for a page or so after it.
    pub(crate) fn through(&mut self, mut visit: Visit) {
        let mut pages_after = 0;
        if visit.page_views > 1 && visit.checkout.is_some() {
            pages_after = u64::from(self.draws.below(2));
            visit.page_views -= pages_after;
        }
        if visit.page_views > 0 {
            visit.page_views -= 1;
            self.happens("page_view", Detail::default());
        }
        while let Some(step) = self.next_step(&visit) {
            self.take_step(step, &mut visit);
        }
        if let Some(checkout) = visit.checkout {
            self.check_out(checkout);
        }
        for _ in 0..pages_after {
            self.happens("page_view", Detail::default());
        }
    }

    /// Draws among the steps left, each as likely as there are steps of its kind; none if all are done.
    fn next_step(&mut self, left: &Visit) -> Option<Step> {
        let others = left.page_views + left.searches + left.views + left.taken;
        let has_items = !self.cart.is_empty();
        let kinds = [
            (Step::PageView, left.page_views),
            (Step::Search, left.searches),
            (Step::View, left.views),
            (Step::Take, left.taken),
            (Step::PutBack, if has_items { left.returned } else { 0 }),
            // An empty cart is looked at only where there is nothing else to do.
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
                self.happens("page_view", Detail::default());
            }
            Step::Search => {
                left.searches -= 1;
                self.happens("search", Detail::default());
            }
            Step::View => {
                left.views -= 1;
                let product = self.draw_product();
                self.happens("product_view", Detail::of_product(product));
            }
            Step::Take => {
                left.taken -= 1;
                let product = self.draw_product();
                self.happens("product_view", Detail::of_product(product));
                self.happens("add_to_cart", Detail::of_product(product));
                self.cart.push(product);
            }
            Step::PutBack => {
                left.returned -= 1;
                let place = self.draws.below(u32::try_from(self.cart.len()).unwrap_or(0));
                let product = self.cart.swap_remove(place as usize);
                self.happens("remove_from_cart", Detail::of_product(product));
            }
            Step::CartView => {
                left.cart_views -= 1;
                self.happens("view_cart", self.cart_detail());
            }
        }
    }

    fn check_out(&mut self, checkout: Checkout) {
        self.happens("view_cart", self.cart_detail());
        self.happens("checkout_start", self.cart_detail());
        if checkout.adds_method {
            self.happens("add_payment_method", Detail::default());
        }
        // As in the data that this resembles, only some payments are known by number, failed ones rarely.
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
            self.happens("payment_attempt", paying);
            self.follows("payment_failed", paying);
        }
        self.happens("payment_attempt", paying);
        if checkout.outcome != Outcome::Success {
            self.follows("payment_failed", paying);
        }
        if checkout.outcome != Outcome::Failure {
            self.follows("payment_success", paid);
            self.cart.clear();
        }
    }

    fn draw_product(&mut self) -> u32 {
        1 + self.draws.below(PRODUCTS)
    }

    fn cart_detail(&self) -> Detail {
        Detail {
            cart_cents: Some(self.cart.iter().map(|product| price_cents(*product)).sum()),
            ..Detail::default()
        }
    }

    /// The next thing that the customer does, after some seconds or a minute.
    fn happens(&mut self, event_type: &str, detail: Detail) {
        self.now_s += 5 + i64::from(self.draws.below(110));
        self.write(event_type, detail);
    }

    /// What the payment's provider answers, soon.
    fn follows(&mut self, event_type: &str, detail: Detail) {
        self.now_s += 1 + i64::from(self.draws.below(5));
        self.write(event_type, detail);
    }

    fn write(&mut self, event_type: &str, detail: Detail) {
        self.events += 1;
        write_line(self.lines, self.draws, self.visitor, (self.now_s, event_type), detail);
    }
}

/// 8.99 to 102.52, the same for a product always.
fn price_cents(product: u32) -> u64 {
    899 + u64::from(product * 7919 % PRODUCTS) * 47
}
