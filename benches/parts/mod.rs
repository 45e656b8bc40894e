//! What is done to every record between file, Kafka, bucket and verifier, as functions over events in memory: the pure
//! core's work, for whatever measures it. Never a server, a file, a thread or a clock.

use std::error::Error;
use std::hint::black_box;
use std::ops::Range;

use bytes::Bytes;
use figment::Figment;
use figment::providers::{Format, Toml};
use kivend::config::DEFAULTS_TOML;
use kivend::event::event::{Form, LineReader};
use kivend::event::routing::{Census, Routing};
use kivend::kafka::partitioner;
use kivend::record::hash::Hash;
use kivend::record::position::{Epoch, FirstOffset, NextOffset, TopicPartition};
use kivend::record::record::{Record, Timestamp};
use kivend::segment::check::examine;
use kivend::segment::encode::encode;
use kivend::segment::footer::Footer;
use kivend::segment::projection::rules::{Projection, Rule};
use kivend::segment::rows::Rows;
use kivend::synthetic::{Naming, Shop};
use kivend::verify::tally::Tally;

/// Why a part could not do its work.
pub type Failure = Box<dyn Error>;

const SEED: u64 = 42;
/// 2026-02-01; a dozen records a millisecond, as a stream sends them.
const FIRST_MS: i64 = 1_770_000_000_000;
const RECORDS_PER_MS: i64 = 12;

/// Events of the made-up shop, and what the parts need besides them.
pub struct Material {
    lines: Vec<u8>,
    events: Vec<(Range<usize>, Option<Vec<u8>>)>,
    form: Form,
    routing: Routing,
    partition: TopicPartition,
    projection: Projection,
}

impl Material {
    /// The same events for the same number.
    pub fn new(records: u64) -> Result<Material, Failure> {
        let mut lines = Vec::new();
        let mut shop = Shop::new(records, SEED).named(Naming::Original);
        while shop.write_session(&mut lines).is_some() {}
        let rules: Vec<Rule> = Figment::from(Toml::string(DEFAULTS_TOML)).extract_inner("archive.projection")?;
        let form = Form {
            event_type_field: "event_type".into(),
            key_field: "customer_id".into(),
            time_field: "ts".into(),
            line_max_bytes: 1 << 20,
        };
        let events = events(&lines, &form)?;
        Ok(Material {
            lines,
            events,
            form,
            routing: Routing::new(routes(), "user-events"),
            partition: TopicPartition::new("user-events", 3),
            projection: Projection::new(rules)?,
        })
    }

    /// How many records every part works on.
    pub fn records(&self) -> u64 {
        self.events.len() as u64
    }

    /// Reads, checks and routes every line, and finds its partition.
    pub fn ingest_lines(&self) -> Result<(), Failure> {
        let mut reader = LineReader::new(&self.form);
        let mut census = Census::new(&self.routing);
        for (line, _) in &self.events {
            let event = reader.read(&self.lines[line.clone()])?;
            let topic = census.route(&event.event_type);
            let key = event.key.as_deref().map(str::as_bytes);
            black_box((topic, key.map(|key| partitioner::of_key(key, 6))));
        }
        Ok(())
    }

    /// Appends every record to an open segment: its encoding, its leaf, the tree, the columns.
    pub fn append(&self) -> Rows {
        let mut rows = Rows::new(&self.partition);
        for (offset, (line, key)) in (0..).zip(&self.events) {
            rows.push(&Record {
                offset,
                timestamp: Timestamp::create_ms(FIRST_MS + offset / RECORDS_PER_MS),
                key: key.as_deref(),
                value: Some(&self.lines[line.clone()]),
                headers: &[],
            });
        }
        black_box(rows.root());
        rows
    }

    /// Projects the values and writes the Parquet bytes.
    pub fn write(&self, rows: Rows) -> Result<Bytes, Failure> {
        let footer = Footer {
            topic_partition: self.partition.clone(),
            epoch: Epoch(0),
            first_offset: FirstOffset(0),
            next_offset: NextOffset(i64::try_from(rows.len())?),
            record_count: rows.len() as u64,
            records_root: rows.root(),
            previous: Hash::ZERO,
        };
        Ok(Bytes::from(encode(rows, &footer, &self.projection)?))
    }

    /// Reads every row back, recomputes root and typed columns, and counts the events.
    pub fn verify(&self, segment: Bytes) -> Result<(), Failure> {
        let mut tally = Tally::default();
        let examined = examine(segment, &self.partition, &mut |record, parse_error| {
            tally.add(record, parse_error);
        })?;
        let intact = examined.mismatch_count == 0 && examined.root == examined.footer.records_root;
        if intact && tally.ids.len() as u64 == self.records() {
            Ok(())
        } else {
            Err(format!("it does not read back: {:?}", examined.mismatches).into())
        }
    }
}

/// Where an event's line stands, and its key.
type Located = (Range<usize>, Option<Vec<u8>>);

fn events(lines: &[u8], form: &Form) -> Result<Vec<Located>, Failure> {
    let mut reader = LineReader::new(form);
    let mut events = Vec::new();
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', lines) {
        let key = reader.read(&lines[start..end])?.key.map(|key| key.as_bytes().to_vec());
        events.push((start..end, key));
        start = end + 1;
    }
    Ok(events)
}

fn routes() -> impl Iterator<Item = (&'static str, &'static str)> {
    let payments = ["payment_attempt", "payment_success", "payment_failure"];
    let orders = ["checkout", "order_completed"];
    let payments = payments.into_iter().map(|event_type| (event_type, "payments"));
    payments.chain(orders.into_iter().map(|event_type| (event_type, "orders")))
}
