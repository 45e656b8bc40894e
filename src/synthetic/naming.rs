//! What the shop calls its types of events.

/// The names of the types of events. The events are the same otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Naming {
    /// Those of the shipped routing, so that each event goes where it belongs.
    #[default]
    Routed,
    /// Those of the data set after which the shop is modelled. The shipped routing names neither `checkout_start` nor
    /// `payment_failed`, so they go to the default topic.
    Original,
}

impl Naming {
    /// The type of an event whose name in the original data set is this.
    pub(crate) fn of(self, original: &str) -> &str {
        match (self, original) {
            (Naming::Routed, "checkout_start") => "checkout",
            (Naming::Routed, "payment_failed") => "payment_failure",
            _ => original,
        }
    }
}
