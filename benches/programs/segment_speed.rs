//! Measures how fast segments are encoded and read, and how small they are: `segment_speed FILE.jsonl[.gz] [ROUNDS [COPIES]]`.
//!
//! Events go to six partitions by a hash of their customer, segments are sealed at 16 MiB of values. Prints microseconds of
//! one core per record for push, project, encode, decode and examine, and the stored size against the value bytes.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io::Read;

use bytes::Bytes;
use kivend::record::hash::Hash;
use kivend::record::position::{Epoch, FirstOffset, NextOffset, TopicPartition};
use kivend::record::record::{Record, Timestamp};
use kivend::segment::check::examine;
use kivend::segment::decode::Segment;
use kivend::segment::encode::encode;
use kivend::segment::footer::Footer;
use kivend::segment::projection::cell::Projector;
use kivend::segment::projection::rules::{ColumnType, Projection, Rule};
use kivend::segment::rows::Rows;

const PARTITIONS: usize = 6;
const SEAL_BYTES: u64 = 16 << 20;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let path = args
        .next()
        .ok_or("usage: segment_speed FILE.jsonl[.gz] [ROUNDS [COPIES]]")?;
    let rounds: usize = args.next().map_or(Ok(3), |text| text.parse())?;
    let copies: usize = args.next().map_or(Ok(4), |text| text.parse())?;
    let text = read(&path)?;
    let events = route(&text);
    for _ in 0..rounds {
        round(&events, copies)?;
    }
    Ok(())
}

fn read(path: &str) -> Result<Vec<u8>, Failure> {
    let file = std::fs::File::open(path)?;
    let mut text = Vec::new();
    if path.ends_with(".gz") {
        flate2::read::MultiGzDecoder::new(file).read_to_end(&mut text)?;
    } else {
        std::io::BufReader::new(file).read_to_end(&mut text)?;
    }
    Ok(text)
}

struct Event<'a> {
    key: &'a [u8],
    value: &'a [u8],
    ms: i64,
}

/// The events of each partition, with times as a producer that replays a file sets them.
fn route(text: &[u8]) -> Vec<Vec<Event<'_>>> {
    let mut partitions: Vec<Vec<Event<'_>>> = (0..PARTITIONS).map(|_| Vec::new()).collect();
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    for (index, value) in text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .enumerate()
    {
        let key = customer(value);
        let partition = hasher.hash_one(key) as usize % PARTITIONS;
        // A dozen records a millisecond.
        let ms = 1_770_000_000_000 + index as i64 / 12;
        partitions[partition].push(Event { key, value, ms });
    }
    partitions
}

fn customer(value: &[u8]) -> &[u8] {
    let name = b"\"customer_id\": \"";
    let start = value
        .windows(name.len())
        .position(|window| window == name)
        .map_or(0, |at| at + name.len());
    let rest = &value[start..];
    &rest[..rest.iter().position(|byte| *byte == b'"').unwrap_or(0)]
}

#[derive(Default)]
struct Spent {
    push: f64,
    project: f64,
    encode: f64,
    decode: f64,
    examine: f64,
}

fn round(events: &[Vec<Event<'_>>], copies: usize) -> Result<(), Failure> {
    let projection = shop()?;
    let mut spent = Spent::default();
    let (mut records, mut value_bytes, mut stored_bytes, mut segments) = (0u64, 0u64, 0u64, 0u64);
    for (index, events) in events.iter().enumerate() {
        let partition = TopicPartition::new("user-events", i32::try_from(index)?);
        let mut rest: Box<dyn Iterator<Item = (usize, &Event<'_>)>> =
            Box::new((0..copies).flat_map(|_| events).enumerate());
        loop {
            let start = cpu();
            let mut rows = Rows::new(&partition);
            for (offset, event) in rest.by_ref() {
                rows.push(&Record {
                    offset: offset as i64,
                    timestamp: Timestamp::create_ms(event.ms),
                    key: Some(event.key),
                    value: Some(event.value),
                    headers: &[],
                });
                if rows.value_bytes() >= SEAL_BYTES {
                    break;
                }
            }
            spent.push += cpu() - start;
            if rows.is_empty() {
                break;
            }
            records += rows.len() as u64;
            value_bytes += rows.value_bytes();
            let footer = Footer {
                topic_partition: partition.clone(),
                epoch: Epoch(0),
                first_offset: FirstOffset(rows.first_offset().ok_or("empty")?),
                next_offset: NextOffset(rows.last_offset().ok_or("empty")? + 1),
                record_count: rows.len() as u64,
                records_root: rows.root(),
                previous: Hash::ZERO,
            };
            let start = cpu();
            let bytes = Bytes::from(encode(rows, &footer, &projection)?);
            spent.encode += cpu() - start;
            stored_bytes += bytes.len() as u64;
            segments += 1;
            if let Ok(path) = std::env::var("SEGMENT_OUT") {
                std::fs::write(format!("{path}/{index}-{segments}.parquet"), &bytes)?;
            }
            read_back(bytes, &partition, &mut spent)?;
        }
        let mut projector = Projector::new(&projection);
        let start = cpu();
        for event in events {
            projector.project(Some(event.value), |_, cell| {
                std::hint::black_box(cell);
            });
        }
        spent.project += (cpu() - start) * copies as f64;
    }
    let each = |seconds: f64| seconds * 1e6 / records as f64;
    println!(
        "{records} records, {segments} segments, {:.2} % stored; µs each: push {:.3} project {:.3} encode {:.3} decode {:.3} examine {:.3}",
        stored_bytes as f64 * 100.0 / value_bytes as f64,
        each(spent.push),
        each(spent.project),
        each(spent.encode),
        each(spent.decode),
        each(spent.examine),
    );
    Ok(())
}

fn read_back(bytes: Bytes, partition: &TopicPartition, spent: &mut Spent) -> Result<(), Failure> {
    let start = cpu();
    let segment = Segment::open(bytes.clone())?;
    let mut length = 0;
    segment.for_each_record(|record| length += record.value.map_or(0, <[u8]>::len))?;
    spent.decode += cpu() - start;
    let start = cpu();
    let examined = examine(bytes, partition, &mut |_, _| {})?;
    spent.examine += cpu() - start;
    if examined.root != examined.footer.records_root || examined.mismatch_count > 0 {
        return Err(format!("it does not read back: {:?}", examined.mismatches).into());
    }
    Ok(())
}

fn shop() -> Result<Projection, Failure> {
    let string = ColumnType::String;
    Ok(Projection::new(vec![
        Rule::new("event_id", "/event_id", string),
        Rule::new("event_ts", "/ts", ColumnType::TimestampUs),
        Rule::new("event_type", "/event_type", string),
        Rule::new("customer_id", "/customer_id", string),
        Rule::new("session_id", "/session_id", string),
        Rule::new("product_id", "/product_id", string),
        Rule::new(
            "cart_value",
            "/cart_value",
            ColumnType::Decimal {
                precision: 18,
                scale: 2,
            },
        ),
        Rule::new("payment_id", "/payment_id", string),
        Rule::new("order_id", "/order_id", string),
    ])?)
}

/// CPU seconds of this thread. Wall time depends on what else the machine does.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|nanos| nanos.parse::<f64>().ok())
        .unwrap_or(f64::NAN)
        / 1e9
}
