//! How many requests to the store the archiver's operations take where nothing is contested: a bucket is paid by the request.

use std::sync::Arc;

use bytes::Bytes;
use kivend::archive::step::{Event, Look, Object, Slot, Ticket};
use kivend::archiver::backends::Backends;
use kivend::archiver::requests;
use kivend::log::object_key::Attempt;
use kivend::log::signer::Signer;
use kivend::record::hash::Hash;
use kivend::record::position::{Height, TopicPartition};
use kivend::store::Entry;
use kivend::store::faulty::{Call, Fault, FaultyStore, Operation};
use kivend::writing::log_start;
use kivend::writing::trust::WriterTrust;
use kivend::writing::writer_log::WriterLog;
use tokio::runtime::Runtime;

use crate::fixture::{Archive, NoKafka, Stale};

const TICKET: Ticket = Ticket { slot: Slot(0), turn: 1 };

struct Counted {
    archive: Archive,
    store: FaultyStore,
    log: WriterLog,
    signer: Arc<dyn Signer>,
    runtime: Runtime,
}

impl Counted {
    fn open() -> Counted {
        Counted::failing(|_| None)
    }

    fn failing(plan: impl Fn(&Call) -> Option<Fault> + Send + Sync + 'static) -> Counted {
        let archive = Archive::usual();
        let runtime = Runtime::new().unwrap();
        let identity = archive.store.bytes("archive.json").unwrap();
        let first = WriterTrust::of_identity(&archive.identity, &identity).unwrap();
        let trust = runtime.block_on(log_start::read(&archive.store, first, None)).unwrap();
        let log = WriterLog::new(trust, archive.key.verifying_key());
        Counted {
            store: FaultyStore::new(Arc::new(archive.store.clone()), plan),
            log,
            signer: Arc::new(archive.key.clone()),
            runtime,
            archive,
        }
    }

    /// The operations, and the keys or prefixes that they name, up to their first slash.
    fn requests<T>(&self, work: impl AsyncFnOnce(Backends<'_>) -> T) -> (T, Vec<(Operation, String)>) {
        let before = self.store.calls().len();
        let backends = Backends {
            store: &self.store,
            offsets: &NoKafka,
            log: &self.log,
            signer: &self.signer,
        };
        let done = self.runtime.block_on(work(backends));
        let calls = self.store.calls().split_off(before);
        let folder = |key: &str| key.split('/').next().unwrap_or_default().to_owned();
        let mut requests: Vec<_> = calls
            .iter()
            .map(|(call, _)| (call.operation, folder(&call.key)))
            .collect();
        requests.sort_by_key(|(operation, folder)| (format!("{operation:?}"), folder.clone()));
        (done, requests)
    }
}

fn named(requests: &[(Operation, &str)]) -> Vec<(Operation, String)> {
    requests
        .iter()
        .map(|(operation, key)| (*operation, (*key).to_owned()))
        .collect()
}

#[test]
fn a_seal_takes_two_creates_and_the_listing_of_the_log_that_the_format_demands() {
    let counted = Counted::open();
    let link = counted.archive.next_link(&TopicPartition::new("payments", 0), 999);
    let bytes = Bytes::from_static(b"a segment");
    let segment = requests::Creation {
        key: link.place().segment(Attempt::PLAIN),
        object: Object {
            sha256: Hash::of(&bytes),
            bytes,
        },
        topic_id: None,
    };
    let (created, requests) =
        counted.requests(async |backends| requests::create_segment(backends, TICKET, &segment, Look::Spared).await);
    assert_eq!(created.unwrap(), Event::SegmentCreated(TICKET));
    assert_eq!(requests, named(&[(Operation::Create, "data")]));

    let sealed = link.seal(&counted.archive.key).unwrap();
    let creation = requests::Creation {
        key: link.place().link(Attempt::PLAIN),
        object: Object {
            bytes: sealed.object.into(),
            sha256: sealed.hash,
        },
        topic_id: None,
    };
    let (created, requests) =
        counted.requests(async |backends| requests::create_link(backends, TICKET, &creation).await);
    assert_eq!(created.unwrap(), Event::LinkCreated(TICKET, sealed.hash));
    assert_eq!(
        requests,
        named(&[(Operation::Create, "links"), (Operation::List, "log")])
    );
}

#[test]
fn a_partition_without_links_is_begun_with_four_requests() {
    let counted = Counted::open();
    let partition = TopicPartition::new("new", 0);
    let (loaded, requests) = counted.requests(async |backends| requests::load_head(backends, &partition).await);
    assert!(loaded.unwrap().head.is_none());
    let expected = [
        (Operation::Get, "links"),
        (Operation::List, "data"),
        (Operation::List, "links"),
        (Operation::List, "log"),
    ];
    assert_eq!(requests, named(&expected));
}

#[test]
fn partitions_that_are_begun_at_the_same_time_share_listings_of_the_log() {
    let counted = Counted::failing(|call| (call.key == "log/").then_some(Fault::DelayMs(50)));
    let (_, requests) = counted.requests(async |backends| {
        let names: Vec<_> = (0..50).map(|number| TopicPartition::new("new", number)).collect();
        let loads = names.iter().map(|partition| requests::load_head(backends, partition));
        futures::future::try_join_all(loads).await.unwrap()
    });
    let of_log = requests.iter().filter(|(_, folder)| folder == "log").count();
    assert!(of_log <= 10, "{of_log}");
}

#[test]
fn links_that_a_listing_lacks_are_found_by_their_keys() {
    let counted = Counted::open();
    let stale = Stale {
        bucket: counted.archive.store.clone(),
        take_out: |_: &str, _: usize, listed: &mut Vec<Entry>| listed.retain(|entry| !entry.key.starts_with("links/")),
    };
    let backends = Backends {
        store: &stale,
        offsets: &NoKafka,
        log: &counted.log,
        signer: &counted.signer,
    };
    let partition = TopicPartition::new("payments", 0);
    let loaded = counted.runtime.block_on(requests::load_head(backends, &partition));
    let head = loaded.unwrap().head.unwrap();
    assert_eq!(head.link.height, Height(3));
}
