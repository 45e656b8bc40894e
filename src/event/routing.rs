//! Routes events to topics by their type, and counts events by type.
//!
//! Types that the table does not name go to the fallback topic. A type among them that resembles a routed one may be a
//! misspelling, so it is reported; it is still sent to the fallback topic.

use std::collections::BTreeMap;

/// Types counted one by one; further ones are counted together, so that hostile input cannot exhaust memory.
const TYPES_MAX: usize = 1_000;

/// The longest type in bytes that is counted by itself.
const TYPE_MAX_BYTES: usize = 200;

/// Two types resemble each other from this normalized Damerau-Levenshtein similarity on; 1.0 is equal.
const LIKENESS_MIN: f64 = 0.75;

/// A table from event type to topic. Topics are numbered from 0 as in [`Routing::topics`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routing {
    topics: Vec<String>,
    routes: BTreeMap<String, usize>,
    fallback: usize,
}

impl Routing {
    /// `routes` are pairs of event type and topic; all other types go to `fallback`. The last route of a type counts.
    pub fn new<'a>(routes: impl IntoIterator<Item = (&'a str, &'a str)>, fallback: &str) -> Routing {
        let mut topics: Vec<String> = vec![fallback.to_owned()];
        let mut numbered = BTreeMap::new();
        for (event_type, topic) in routes {
            let number = topics.iter().position(|known| known == topic).unwrap_or(topics.len());
            if number == topics.len() {
                topics.push(topic.to_owned());
            }
            numbered.insert(event_type.to_owned(), number);
        }
        Routing {
            topics,
            routes: numbered,
            fallback: 0,
        }
    }

    /// All topics that events can go to, the fallback first.
    #[must_use]
    pub fn topics(&self) -> &[String] {
        &self.topics
    }

    /// The number of the topic for `event_type`.
    #[must_use]
    pub fn topic_of(&self, event_type: &str) -> usize {
        self.routes.get(event_type).copied().unwrap_or(self.fallback)
    }

    /// The routed type that resembles `event_type` most, if `event_type` has no route and there is such a type.
    #[must_use]
    pub fn resembled(&self, event_type: &str) -> Option<&str> {
        if self.routes.contains_key(event_type) || event_type.len() > TYPE_MAX_BYTES {
            return None;
        }
        let likeness = |routed: &str| strsim::normalized_damerau_levenshtein(event_type, routed);
        self.routes
            .iter()
            .filter(|(_, topic)| **topic != self.fallback)
            .map(|(routed, _)| (routed, likeness(routed)))
            .filter(|(routed, likeness)| *likeness >= LIKENESS_MIN || first_word(routed) == first_word(event_type))
            .max_by(|(_, one), (_, other)| one.total_cmp(other))
            .map(|(routed, _)| routed.as_str())
    }
}

fn first_word(event_type: &str) -> String {
    let end = event_type
        .find(|c: char| !c.is_alphanumeric())
        .unwrap_or(event_type.len());
    event_type[..end].to_lowercase()
}

/// The events of one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeCount {
    /// The number of events.
    pub events: u64,
    /// The number of the topic, as in [`Routing::topics`].
    pub topic: usize,
    /// The routed type that it resembles, if it went to the fallback topic.
    pub resembles: Option<String>,
}

/// Routes events and counts them by type.
#[derive(Debug)]
pub struct Census<'a> {
    routing: &'a Routing,
    types: BTreeMap<String, TypeCount>,
    uncounted: u64,
}

impl<'a> Census<'a> {
    /// A census without events.
    #[must_use]
    pub fn new(routing: &'a Routing) -> Census<'a> {
        Census {
            routing,
            types: BTreeMap::new(),
            uncounted: 0,
        }
    }

    /// Counts one event and returns the number of its topic.
    pub fn route(&mut self, event_type: &str) -> usize {
        if let Some(count) = self.types.get_mut(event_type) {
            count.events += 1;
            return count.topic;
        }
        let topic = self.routing.topic_of(event_type);
        if self.types.len() < TYPES_MAX && event_type.len() <= TYPE_MAX_BYTES {
            let count = TypeCount {
                events: 1,
                topic,
                resembles: self.routing.resembled(event_type).map(str::to_owned),
            };
            self.types.insert(event_type.to_owned(), count);
        } else {
            self.uncounted += 1;
        }
        topic
    }

    /// The counts by type.
    #[must_use]
    pub fn types(&self) -> &BTreeMap<String, TypeCount> {
        &self.types
    }

    /// Events whose type is not counted by itself: it is too long, or came after the maximum number of types.
    #[must_use]
    pub fn uncounted(&self) -> u64 {
        self.uncounted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The routes of the default settings.
    const SHOP_ROUTES: [(&str, &str); 5] = [
        ("payment_attempt", "payments"),
        ("payment_success", "payments"),
        ("payment_failure", "payments"),
        ("checkout", "orders"),
        ("order_completed", "orders"),
    ];

    impl Routing {
        pub(crate) fn of_the_shop() -> Routing {
            Routing::new(SHOP_ROUTES, "user-events")
        }
    }

    #[test]
    fn the_shops_table_routes_its_five_types_and_lets_all_else_fall_through() {
        let routing = Routing::of_the_shop();
        let topic = |event_type| routing.topics()[routing.topic_of(event_type)].as_str();
        for (event_type, expected) in SHOP_ROUTES {
            assert_eq!(topic(event_type), expected);
        }
        for event_type in ["page_view", "payment_failed", "checkout_start", "", "Checkout"] {
            assert_eq!(topic(event_type), "user-events");
        }
    }

    #[test]
    fn a_type_in_the_fallback_topic_that_resembles_a_routed_one_is_reported() {
        let routing = Routing::of_the_shop();
        for (event_type, resembled) in [
            ("payment_failed", Some("payment_failure")),
            ("checkout_start", Some("checkout")),
            ("Payment_Success", Some("payment_success")),
            ("paymentattempt", Some("payment_attempt")),
            ("ordre_completed", Some("order_completed")),
            ("order.cancelled", Some("order_completed")),
            ("payment_success", None),
            ("add_payment_method", None),
            ("view_cart", None),
            ("page_view", None),
            ("", None),
        ] {
            assert_eq!(routing.resembled(event_type), resembled, "{event_type}");
        }
    }

    #[test]
    fn a_type_routed_to_the_fallback_resembles_nothing_and_is_resembled_by_nothing() {
        let routing = Routing::new([("page_view", "user-events"), ("pay", "payments")], "user-events");
        assert_eq!(routing.topics(), ["user-events", "payments"]);
        assert_eq!(routing.resembled("page_views"), None);
        assert_eq!(routing.resembled("page_view"), None);
    }

    #[test]
    fn the_memory_of_the_census_is_bounded() {
        let routing = Routing::of_the_shop();
        let mut census = Census::new(&routing);
        for number in 0..TYPES_MAX + 50 {
            census.route(&format!("type{number}"));
        }
        census.route(&"x".repeat(TYPE_MAX_BYTES + 1));
        assert_eq!(census.types().len(), TYPES_MAX);
        assert_eq!(census.uncounted(), 51);
    }

    proptest! {
        #[test]
        fn every_event_is_counted_once_and_routed_by_the_table(types in proptest::collection::vec("[a-c]{0,2}", 0..50)) {
            let routing = Routing::new([("a", "one"), ("bc", "two")], "rest");
            let mut census = Census::new(&routing);
            for event_type in &types {
                prop_assert_eq!(census.route(event_type), routing.topic_of(event_type));
            }
            let counted: u64 = census.types().values().map(|count| count.events).sum();
            prop_assert_eq!(counted, types.len() as u64);
        }
    }
}
