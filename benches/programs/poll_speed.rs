//! Measures how fast the archiver's consumer delivers records when nothing is done with them: the upper bound for every
//! archiver.
//!
//! `deploy/local/cluster run cargo run --release --example poll_speed -- user-events`

use std::error::Error;
use std::time::Duration;

use kivend::clock::{Clock, random_bytes};
use kivend::config::{Sources, load};
use kivend::kafka::consumer::{Consumer, Polled};
use kivend::record::position::NextOffset;

fn main() -> Result<(), Box<dyn Error>> {
    let topic = std::env::args().nth(1).ok_or("usage: poll_speed TOPIC")?;
    let sources = Sources {
        environment: std::env::vars().collect(),
        config_home: Some(std::env::temp_dir()),
        ..Sources::default()
    };
    let mut settings = load(&sources)?.settings.kafka;
    settings.group_id = format!("poll-speed-{:x?}", random_bytes::<8>()?);
    let mut consumer = Consumer::subscribe(&settings, &[&topic])?;
    let clock = Clock::start();
    let (mut started_s, mut records, mut bytes, mut open) = (0.0, 0u64, 0usize, 0);
    loop {
        match consumer.poll(Duration::from_millis(200)) {
            Polled::Record { record, .. } => {
                records += 1;
                bytes += record.value.map_or(0, <[u8]>::len);
            }
            Polled::Assign(partitions) => {
                let low = |partition| Ok((consumer.cluster().watermarks(&partition)?.low, partition));
                let marks: Result<Vec<_>, Box<dyn Error>> = partitions.into_iter().map(low).collect();
                let positions: Vec<_> = marks?.into_iter().map(|(low, p)| (p, NextOffset(low))).collect();
                open = positions.len();
                started_s = clock.elapsed_s();
                consumer.start(&positions)?;
            }
            Polled::EndReached { .. } => open -= 1,
            Polled::Failed(error) => return Err(error.into()),
            _ => {}
        }
        if records > 0 && open == 0 {
            break;
        }
    }
    let elapsed_s = clock.elapsed_s() - started_s;
    let rate = records as f64 / elapsed_s;
    println!("{records} records, {bytes} bytes in {elapsed_s:.2} s: {rate:.0} records/s");
    Ok(())
}
