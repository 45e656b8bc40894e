//! Audits of what other sinks wrote. The samples are what Spark and Iceberg's sink wrote of one topic, with planted faults:
//! `make_samples.py` made them, `expected.json` names every fault.

mod files;
mod real;
mod samples;

use std::sync::Arc;

use kivend::app::audit::audit;
use kivend::app::audit::request::{Against, Request, Values, Wanted};
use kivend::app::verify::facts::KafkaFacts;
use kivend::audit::codes::Code;
use kivend::audit::columns;
use kivend::audit::report::Report;
use kivend::audit::tally::Window;
use kivend::store::Store;
use kivend::store::memory::MemoryStore;
use kivend::task::progress::Silent;
use kivend::verify::given::Given;

use crate::fixture::{Archive, Broker};

/// An audit of all files in a store.
fn request(topic: &str, files: MemoryStore) -> Request {
    Request {
        topic: topic.to_owned(),
        files: Arc::new(files),
        prefix: String::new(),
        pattern: None,
        columns: columns::Request::default(),
        values: Values::Compared,
        window: Window::default(),
    }
}

fn of_kafka(broker: &Arc<Broker>) -> Against {
    Against {
        archive: Wanted::No,
        kafka: Wanted::Required(Arc::clone(broker) as Arc<dyn KafkaFacts>),
    }
}

fn of_archive(archive: &Archive) -> Against {
    Against {
        archive: Wanted::Required((Arc::new(archive.store.clone()) as Arc<dyn Store>, Given::default())),
        kafka: Wanted::No,
    }
}

fn audited(request: Request, against: Against) -> Report {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(audit(request, against, Arc::new(Silent))).unwrap()
}

/// Partition and offset of everything that was found with this code.
fn places(report: &Report, code: Code) -> Vec<(i32, i64)> {
    let of_code = report.findings.iter().filter(|finding| finding.code == code);
    let places = of_code.flat_map(|finding| {
        let (first, next) = finding.offsets.unwrap();
        (first..next).map(|offset| (finding.partition.unwrap(), offset))
    });
    places.collect()
}

/// The codes of all findings, each once.
fn codes(report: &Report) -> Vec<Code> {
    let mut codes: Vec<Code> = report.findings.iter().map(|finding| finding.code).collect();
    codes.dedup();
    codes
}
