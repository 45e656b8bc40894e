//! Writes a valid chain of many links quickly, as an archiver writes it for a partition in a year, to measure what a long
//! chain costs to verify and to start from.
//!
//! `long_chain TOPIC LINKS` archives the records of partition 0 of a topic in LINKS segments of equal size, signed with the
//! archive's own key. For measurements only: unlike the archiver it creates objects concurrently and in any order, so a
//! crash leaves an invalid archive.

use std::env::args;
use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use kivend::archive::author::Author;
use kivend::clock::Clock;
use kivend::config::{Settings, Sources, load};
use kivend::kafka::reader::Reader;
use kivend::log::link::{Link, LinkType, SealReason, SegmentRef, SignedLink};
use kivend::log::object_key::{Attempt, Place};
use kivend::log::signer::Signer;
use kivend::record::hash::Hash;
use kivend::record::position::{Epoch, FirstOffset, Height, NextOffset, TopicPartition};
use kivend::record::utc::UtcSeconds;
use kivend::segment::encode::encode;
use kivend::segment::footer::Footer;
use kivend::segment::projection::rules::Projection;
use kivend::segment::rows::Rows;
use kivend::store::error::StoreError;
use kivend::store::{self, Creation, Store};
use kivend::writing::init::{NewArchive, open_or_make};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

type Failure = Box<dyn Error + Send + Sync>;

const CREATES_AT_ONCE: usize = 32;

fn main() -> Result<(), Failure> {
    let mut arguments = args().skip(1);
    let usage = "usage: long_chain TOPIC LINKS";
    let topic = arguments.next().ok_or(usage)?;
    let links: i64 = arguments.next().ok_or(usage)?.parse()?;
    let settings = load(&Sources::of_process(None, Vec::new()))?.settings;
    let partition = TopicPartition::new(&settings.topic_name(&topic), 0);
    let reader = Reader::connect(&settings.kafka)?;
    let records = reader.cluster().watermarks(&partition)?.high;
    let each = usize::try_from(records / links.max(1))?.max(1);
    let mut chain = Chain::begin(&settings, &partition, reader.cluster().cluster_id()?)?;
    let mut rows = Rows::new(&partition);
    reader.read_range(&partition, 0, records, |record| {
        rows.push(record);
        if rows.len() == each {
            chain.seal(std::mem::replace(&mut rows, Rows::new(&partition)))?;
        }
        Ok::<(), Failure>(())
    })?;
    if !rows.is_empty() {
        chain.seal(rows)?;
    }
    println!("{{\"links\":{},\"records\":{}}}", chain.height, chain.next_offset);
    chain.creates.finish()
}

/// The chain that was written so far.
struct Chain {
    author: Author,
    signer: Arc<dyn Signer>,
    partition: TopicPartition,
    projection: Projection,
    sealed_at: UtcSeconds,
    head: Option<SignedLink>,
    height: u64,
    next_offset: i64,
    creates: Creates,
}

impl Chain {
    fn begin(settings: &Settings, partition: &TopicPartition, cluster_id: String) -> Result<Chain, Failure> {
        let runtime = Runtime::new()?;
        let store = runtime.block_on(store::open(&settings.store))?;
        let archive = &settings.archive;
        let source = archive.into();
        let defaults = NewArchive::default();
        let own = runtime.block_on(open_or_make(store.as_ref(), &archive.name, &source, &defaults))?;
        Ok(Chain {
            author: Author {
                archive_id: own.trust.archive_id().to_owned(),
                identity: own.trust.identity(),
                cluster_id,
                sealed_by: "long_chain".to_owned(),
                signer: own.signer.verifying_key().id(),
                keyring: own.trust.keyring().clone(),
                checkpoint: own.checkpoint,
            },
            signer: own.signer,
            partition: partition.clone(),
            projection: Projection::new(Vec::new())?,
            sealed_at: Clock::start().utc_seconds(),
            head: None,
            height: 0,
            next_offset: 0,
            creates: Creates {
                runtime,
                store,
                running: JoinSet::new(),
                room: Arc::new(Semaphore::new(CREATES_AT_ONCE)),
            },
        })
    }

    fn seal(&mut self, rows: Rows) -> Result<(), Failure> {
        let place = Place {
            partition: self.partition.clone(),
            epoch: Epoch(0),
            first_offset: FirstOffset(self.next_offset),
        };
        let genesis = self.author.genesis(&self.partition);
        let footer = Footer {
            topic_partition: self.partition.clone(),
            epoch: place.epoch,
            first_offset: place.first_offset,
            next_offset: NextOffset(rows.last_offset().ok_or("no records")? + 1),
            record_count: rows.len() as u64,
            records_root: rows.root(),
            previous: self.head.as_ref().map_or(genesis, |head| head.hash),
        };
        let mut link = self.link(&rows, &footer);
        let segment = Bytes::from(encode(rows, &footer, &self.projection)?);
        let key = place.segment(Attempt::PLAIN).to_string();
        link.segment = Some(SegmentRef {
            key: key.clone(),
            bytes: segment.len() as u64,
            sha256: Hash::of(&segment),
        });
        let sealed = link.seal(self.signer.as_ref())?;
        self.creates.begin(key, segment)?;
        self.creates
            .begin(place.link(Attempt::PLAIN).to_string(), Bytes::from(sealed.object))?;
        self.head = Some(SignedLink {
            link,
            hash: sealed.hash,
            signer: self.signer.verifying_key().id(),
        });
        self.height += 1;
        self.next_offset = footer.next_offset.0;
        Ok(())
    }

    /// The link without its segment. The log of a measurement has no absent offsets.
    fn link(&self, rows: &Rows, footer: &Footer) -> Link {
        Link {
            r#type: LinkType::V1,
            archive_id: self.author.archive_id.clone(),
            cluster_id: self.author.cluster_id.clone(),
            topic: self.partition.topic.to_string(),
            topic_id: None,
            partition: self.partition.partition,
            epoch: footer.epoch,
            height: Height(self.height),
            first_offset: footer.first_offset,
            next_offset: footer.next_offset,
            record_count: footer.record_count,
            encoding: 1,
            leader_epoch: None,
            absent: Vec::new(),
            lost: None,
            min_timestamp_ms: rows.min_timestamp_ms(),
            max_timestamp_ms: rows.max_timestamp_ms(),
            records_root: footer.records_root,
            segment: None,
            rejected: Vec::new(),
            checkpoint: self.author.checkpoint,
            sealed_at: self.sealed_at,
            seal_reason: SealReason::Records,
            next_epoch_at: None,
            sealed_by: self.author.sealed_by.clone(),
            previous: footer.previous,
        }
    }
}

/// Objects that are being created.
struct Creates {
    runtime: Runtime,
    store: Arc<dyn Store>,
    running: JoinSet<Result<Creation, StoreError>>,
    room: Arc<Semaphore>,
}

impl Creates {
    /// Waits only while [`CREATES_AT_ONCE`] creates run.
    fn begin(&mut self, key: String, bytes: Bytes) -> Result<(), Failure> {
        let permit = self.runtime.block_on(Arc::clone(&self.room).acquire_owned())?;
        let store = Arc::clone(&self.store);
        let create = async move {
            let _room = permit;
            store.create(&key, bytes).await
        };
        self.running.spawn_on(create, self.runtime.handle());
        while let Some(done) = self.running.try_join_next() {
            demand_new(done?)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), Failure> {
        while let Some(done) = self.runtime.block_on(self.running.join_next()) {
            demand_new(done?)?;
        }
        Ok(())
    }
}

fn demand_new(done: Result<Creation, StoreError>) -> Result<(), Failure> {
    match done? {
        Creation::Created => Ok(()),
        Creation::Exists => Err("an object exists already: choose another store.prefix".into()),
    }
}
