//! Histograms of durations, and the requests to the store by their outcome.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// Codes of errors that have series of their own. Stores invent codes; further ones count as `other`.
const CODES_MAX: usize = 40;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    operation: &'static str,
    code: String,
}

type Durations = Family<OperationLabels, Histogram, fn() -> Histogram>;

#[derive(Debug)]
pub(super) struct Latencies {
    store: Durations,
    requests: Family<OutcomeLabels, Counter>,
    /// Requests by outcome.
    codes: Mutex<BTreeMap<String, u64>>,
    operations: Durations,
    seal: Histogram,
    commit: Histogram,
    end_to_end: Histogram,
}

/// From a millisecond to half a minute.
fn short() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 16))
}

impl Default for Latencies {
    fn default() -> Latencies {
        Latencies {
            store: Family::new_with_constructor(short),
            requests: Family::default(),
            codes: Mutex::default(),
            operations: Family::new_with_constructor(short),
            seal: Histogram::new(exponential_buckets(0.01, 2.0, 16)),
            commit: short(),
            // From a quarter of a second to a day and a half.
            end_to_end: Histogram::new(exponential_buckets(0.25, 2.0, 20)),
        }
    }
}

impl Latencies {
    pub(super) fn register(&self, all: &mut Registry) {
        let mut durations = |name: &str, help: &str, metric: Histogram| {
            all.register_with_unit(name, help, Unit::Seconds, metric);
        };
        let help = "From the cut of a segment to its durable link";
        durations("seal_duration", help, self.seal.clone());
        let help = "From the commit of an offset to Kafka's answer";
        durations("commit_duration", help, self.commit.clone());
        let help = "From the timestamp of a segment's oldest record to its durable link";
        durations("end_to_end_latency", help, self.end_to_end.clone());
        let help = "Operations with all their attempts; create_segment is the upload, create_link the commit point";
        all.register_with_unit("operation_duration", help, Unit::Seconds, self.operations.clone());
        let help = "How long the store took to answer";
        all.register_with_unit("store_request_duration", help, Unit::Seconds, self.store.clone());
        let help = "Requests to the store, by operation and outcome: ok, or the code of the error";
        all.register("store_requests", help, self.requests.clone());
    }

    /// Counts a request to the store; `code` is `ok` or that of the error.
    pub(super) fn store_answered(&self, operation: &'static str, code: &str, seconds: f64) {
        self.store
            .get_or_create(&OperationLabels { operation })
            .observe(seconds);
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = codes.contains_key(code) || codes.len() < CODES_MAX;
        let code = if is_known { code } else { "other" };
        *codes.entry(code.to_owned()).or_default() += 1;
        drop(codes);
        let code = code.to_owned();
        self.requests.get_or_create(&OutcomeLabels { operation, code }).inc();
    }

    /// Requests to the store by outcome: `ok`, or the code of the error.
    pub(super) fn store_outcomes(&self) -> BTreeMap<String, u64> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An operation succeeded after this time.
    pub(super) fn done(&self, operation: &'static str, seconds: f64) {
        self.operations
            .get_or_create(&OperationLabels { operation })
            .observe(seconds);
    }

    /// A segment was sealed in this time; its oldest record has this age.
    pub(super) fn sealed(&self, seal_s: f64, age_s: Option<f64>) {
        self.seal.observe(seal_s);
        if let Some(age_s) = age_s {
            self.end_to_end.observe(age_s.max(0.0));
        }
    }

    /// Kafka answered a commit after this time.
    pub(super) fn committed(&self, seconds: f64) {
        self.commit.observe(seconds);
    }
}
