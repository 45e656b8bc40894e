//! A panic or an end of the encoder's thread, or a panic in a request's task, ends the archiver: never taken for work that
//! is slow. And partitions whose requests cannot succeed do not stop the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use kivend::archive::step::{Event, Look, Object, Slot, Ticket};
use kivend::archiver::background::{BackgroundExecutor, Encode, Tools};
use kivend::archiver::degradations::Degradations;
use kivend::archiver::executor::{Answer, Executor};
use kivend::archiver::misfits::Misfits;
use kivend::archiver::operation::Operation;
use kivend::archiver::requests::Creation;
use kivend::archiver::{Mode, Reloaded, run_with_encoder};
use kivend::clock::Clock;
use kivend::error::{Exit, Explain as _, Kind};
use kivend::log::object_key::{Attempt, Place};
use kivend::record::hash::Hash;
use kivend::record::position::{Epoch, FirstOffset, NextOffset, TopicPartition};
use kivend::segment::encode::Encoded;
use kivend::segment::footer::Footer;
use kivend::segment::projection::rules::Projection;
use kivend::segment::rows::Rows;
use kivend::store::memory::MemoryStore;
use kivend::store::retry::Backoff;
use kivend::store::{Creation as Created, Entry, Store, StoreError};
use kivend::task::panic::log_panics;
use kivend::task::stop::{Reason, Stop, stop};
use kivend::telemetry::Vitals;
use tokio::runtime::Runtime;

use crate::export::{ingest_file, shop};
use crate::fixture::{NoKafka, embedded_with};
use crate::simulation::setup::Setup;

const PATIENCE: Duration = Duration::from_secs(20);

/// A store whose creates panic, or fail for as long as anybody tries, below some keys.
#[derive(Debug)]
struct Broken {
    inner: MemoryStore,
    panics_below: Option<&'static str>,
    fails_below: Option<&'static str>,
    /// Whether what fails passes, or is a refusal of this one object.
    passes: bool,
    refused: AtomicUsize,
}

#[async_trait]
impl Store for Broken {
    fn location(&self) -> String {
        "broken".to_owned()
    }

    async fn create_hashed(&self, key: &str, bytes: Bytes, hash: &Hash) -> Result<Created, StoreError> {
        let is_below = |prefix: &Option<&str>| prefix.is_some_and(|prefix| key.starts_with(prefix));
        assert!(!is_below(&self.panics_below), "the disk caught fire");
        if is_below(&self.fails_below) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(if self.passes {
                StoreError::transient("the bucket is over its quota", "free some space")
            } else {
                StoreError::input("the store does not accept the object key", "shorten store.prefix").with("key", key)
            });
        }
        self.inner.create_hashed(key, bytes, hash).await
    }

    async fn get(&self, key: &str, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
        self.inner.get(key, max_bytes).await
    }

    async fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.inner.list(prefix, start_after, limit).await
    }
}

struct Scene {
    runtime: Runtime,
    store: Arc<Broken>,
    vitals: Vitals,
}

impl Scene {
    fn new(panics_below: Option<&'static str>, fails_below: Option<&'static str>) -> Scene {
        log_panics();
        Scene {
            runtime: Runtime::new().unwrap(),
            store: Arc::new(Broken {
                inner: Setup::shared().bucket(),
                panics_below,
                fails_below,
                passes: true,
                refused: AtomicUsize::new(0),
            }),
            vitals: vitals(),
        }
    }

    /// The store refuses objects below this prefix for good.
    fn refusing(below: &'static str) -> Scene {
        let mut scene = Scene::new(None, Some(below));
        Arc::get_mut(&mut scene.store).unwrap().passes = false;
        scene
    }

    fn executor(&self, encode: Encode) -> BackgroundExecutor {
        let tools = Tools {
            store: Arc::clone(&self.store) as Arc<dyn Store>,
            offsets: Arc::new(NoKafka),
            log: Setup::shared().log(),
            signer: Setup::shared().signer(),
            projections: Projection::none().into(),
            reloaded: Reloaded::default(),
            encode,
            misfits: Arc::new(Misfits::new(Arc::clone(&self.vitals.metrics))),
            degradations: Arc::new(Degradations::none(self.vitals.clone())),
            backoff: Backoff {
                attempts: u32::MAX,
                first_ms: 60_000,
                max_ms: 60_000,
                seed: 0,
            },
        };
        BackgroundExecutor::new(tools, self.runtime.handle().clone()).unwrap()
    }
}

fn vitals() -> Vitals {
    Vitals {
        metrics: Arc::default(),
        health: Arc::default(),
        clock: Clock::start(),
    }
}

fn ticket(slot: usize) -> Ticket {
    Ticket {
        slot: Slot(slot),
        turn: 1,
    }
}

fn segment_of(partition: i32) -> Creation {
    let place = Place {
        partition: TopicPartition::new("payments", partition),
        epoch: Epoch(0),
        first_offset: FirstOffset(0),
    };
    let bytes = Bytes::from_static(b"twelve bytes");
    let sha256 = Hash::of(&bytes);
    Creation {
        key: place.segment(Attempt::PLAIN),
        object: Object { bytes, sha256 },
        topic_id: None,
    }
}

fn rows() -> Box<(Rows, Footer)> {
    let partition = TopicPartition::new("payments", 0);
    let rows = Rows::new(&partition);
    let footer = Footer {
        records_root: rows.root(),
        topic_partition: partition,
        epoch: Epoch(0),
        first_offset: FirstOffset(0),
        next_offset: NextOffset(0),
        record_count: 0,
        previous: Hash::ZERO,
    };
    Box::new((rows, footer))
}

fn fatal(answer: Option<Answer>) -> String {
    let error = answer.expect("no answer").expect_err("no error");
    assert_eq!(error.kind(), Kind::Internal);
    assert_eq!(error.kind().exit(), Exit::Failed);
    error.to_string()
}

fn panics(_: Rows, _: &Footer, _: &Projection) -> Result<Encoded, kivend::segment::error::SegmentError> {
    panic!("out of paper")
}

#[test]
fn a_panic_of_the_encoder_is_a_fatal_answer_that_names_its_place() {
    let scene = Scene::new(None, None);
    let mut executor = scene.executor(panics);
    assert!(executor.encode((ticket(0), rows())).unwrap().is_none());
    let told = fatal(executor.wait_for_answer(PATIENCE));
    assert!(told.contains("encode a segment: out of paper"), "{told}");
    assert!(told.contains("tests/supervision.rs:"), "{told}");
    let here = fatal(Some(executor.encode_here((ticket(0), rows()))));
    assert!(here.contains("out of paper"), "{here}");
}

#[test]
fn a_panic_in_the_task_of_a_request_is_a_fatal_answer_that_names_its_place() {
    let scene = Scene::new(Some("data/"), None);
    let mut executor = scene.executor(Tools::ENCODE);
    executor.start(Operation::CreateSegment(ticket(0), segment_of(0), Look::Needed));
    let told = fatal(executor.wait_for_answer(PATIENCE));
    assert!(told.contains("create a segment: the disk caught fire"), "{told}");
    assert!(told.contains("tests/supervision.rs:"), "{told}");
}

#[test]
fn a_panic_in_a_task_beside_the_driver_is_a_fatal_answer_and_so_is_its_end() {
    let scene = Scene::new(None, None);
    let mut executor = scene.executor(Tools::ENCODE);
    let announcer = executor.announcer();
    announcer.supervise(scene.runtime.handle(), "sign checkpoints", async { panic!("no ink") });
    let told = fatal(executor.wait_for_answer(PATIENCE));
    assert!(told.contains("sign checkpoints: no ink"), "{told}");
    announcer.supervise(scene.runtime.handle(), "sign checkpoints", async {});
    let told = fatal(executor.wait_for_answer(PATIENCE));
    assert!(told.contains("sign checkpoints"), "{told}");
}

#[test]
fn forty_partitions_whose_segments_are_refused_do_not_stop_another_one() {
    let scene = Scene::new(None, Some("data/payments/1"));
    let mut executor = scene.executor(Tools::ENCODE);
    // Partitions 10 to 19 and 100 to 199 are refused; 2 is not.
    let stuck = (10..20).chain(100..130);
    for (slot, partition) in stuck.enumerate() {
        executor.start(Operation::CreateSegment(
            ticket(slot),
            segment_of(partition),
            Look::Needed,
        ));
    }
    crate::fixture::patience::until("all of them are refused once", || {
        scene.store.refused.load(Ordering::SeqCst) >= 40
    });
    executor.start(Operation::CreateSegment(ticket(99), segment_of(2), Look::Needed));
    let answer = executor.wait_for_answer(PATIENCE).expect("no answer").unwrap();
    assert!(
        matches!(answer[..], [Event::SegmentCreated(done)] if done == ticket(99)),
        "{answer:?}"
    );
}

#[test]
fn a_refusal_of_one_object_stops_its_partition_with_the_reason_and_the_remedy() {
    let scene = Scene::refusing("data/payments/1");
    let mut executor = scene.executor(Tools::ENCODE);
    executor.start(Operation::CreateSegment(ticket(0), segment_of(1), Look::Needed));
    let answer = executor.wait_for_answer(PATIENCE).expect("no answer").unwrap();
    let [Event::Refused(refused, why)] = &answer[..] else {
        panic!("{answer:?}")
    };
    assert_eq!(*refused, ticket(0));
    assert!(
        why.starts_with("cannot create a segment: the store does not accept"),
        "{why}"
    );
    assert!(why.ends_with("; shorten store.prefix"), "{why}");
    executor.start(Operation::CreateSegment(ticket(2), segment_of(2), Look::Needed));
    let answer = executor.wait_for_answer(PATIENCE).expect("no answer").unwrap();
    assert!(
        matches!(answer[..], [Event::SegmentCreated(done)] if done == ticket(2)),
        "{answer:?}"
    );
}

/// Without supervision this archiver would wait for its encoder and never end, not even when it is told to.
#[test]
fn an_archiver_whose_encoder_panics_ends_with_exit_code_1_and_is_not_alive() {
    let folder = tempfile::tempdir().unwrap();
    let kafka = embedded_with(&[]);
    let settings = shop(&kafka, folder.path());
    let events = folder.path().join("events.jsonl");
    std::fs::write(&events, "{\"event_type\":\"payment_attempt\",\"customer_id\":\"C1\"}\n").unwrap();
    ingest_file(&settings, &events);
    let vitals = vitals();
    let error = run_with_encoder(panics, &settings, Mode::Once, &vitals, &Stop::never()).unwrap_err();
    let told = error.to_string();
    assert!(
        told.contains("out of paper") && told.contains("tests/supervision.rs:"),
        "{told}"
    );
    assert_eq!(error.kind().exit(), Exit::Failed);
    assert_eq!(vitals.health.alive(vitals.clock.monotonic_ms()), Err(told));
}

/// Whether [`sticks`] was called.
static IS_ENCODING: AtomicBool = AtomicBool::new(false);

/// An encoder that never ends, as a store that never answers.
fn sticks(_: Rows, _: &Footer, _: &Projection) -> Result<Encoded, kivend::segment::error::SegmentError> {
    IS_ENCODING.store(true, Ordering::SeqCst);
    loop {
        std::thread::park();
    }
}

#[test]
fn a_stop_ends_in_its_time_though_a_seal_never_does_and_counts_what_it_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let kafka = embedded_with(&[]);
    let mut settings = shop(&kafka, folder.path());
    settings.archive.shutdown_timeout = Duration::from_secs(2);
    let events = folder.path().join("events.jsonl");
    std::fs::write(&events, "{\"event_type\":\"payment_attempt\",\"customer_id\":\"C1\"}\n").unwrap();
    ingest_file(&settings, &events);
    let (stopper, stop) = stop();
    let report = std::thread::scope(|scope| {
        let running = scope.spawn(|| run_with_encoder(sticks, &settings, Mode::Once, &vitals(), &stop));
        crate::fixture::patience::until("the segment is in the encoder", || IS_ENCODING.load(Ordering::SeqCst));
        stopper.request(Reason::Terminate);
        running.join().unwrap().unwrap()
    });
    assert_eq!((report.records, report.left_records), (0, 1));
    let again = kivend::archiver::run(&settings, Mode::Once, &vitals(), &Stop::never()).unwrap();
    assert_eq!((again.records, again.left_records), (1, 0));
}
