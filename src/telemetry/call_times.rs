//! The metric of how long the store takes to answer.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    operation: &'static str,
}

/// A histogram of durations for each operation, from a millisecond to half a minute.
#[derive(Debug, Clone)]
pub(super) struct CallTimes(Family<CallLabels, Histogram, fn() -> Histogram>);

impl Default for CallTimes {
    fn default() -> CallTimes {
        CallTimes(Family::new_with_constructor(|| {
            Histogram::new(exponential_buckets(0.001, 2.0, 16))
        }))
    }
}

impl CallTimes {
    pub(super) fn register(&self, all: &mut Registry) {
        let help = "How long the store took to answer";
        all.register_with_unit("store_call_duration", help, Unit::Seconds, self.0.clone());
    }

    pub(super) fn answered(&self, operation: &'static str, seconds: f64) {
        self.0.get_or_create(&CallLabels { operation }).observe(seconds);
    }
}
