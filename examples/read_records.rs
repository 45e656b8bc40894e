//! Reads the records of one topic from an archive in a folder, in the order of their offsets, and prints a line for each.
//!
//! ```sh
//! kivend demo --dir demo
//! cargo run --release --example read_records -- demo/archive payments
//! ```

use std::error::Error;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use kivend::reading::archive::Archive;
use kivend::record::position::TopicPartition;
use kivend::segment::decode::Segment;
use kivend::store::directory::DirectoryStore;
use kivend::verify::given::Given;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, topic] = &arguments[..] else {
        return Err("usage: read_records FOLDER TOPIC".into());
    };

    let store = Arc::new(DirectoryStore::open(Path::new(folder))?);
    // No public keys: those in the archive are trusted.
    let archive = Archive::open(store, &Given::default()).await?;
    let mut partitions = archive.partitions();
    partitions.retain(|partition| &*partition.topic == topic.as_str());

    let mut out = BufWriter::new(std::io::stdout().lock());
    for partition in &partitions {
        // The signed links of the partition, oldest first. A link over a range without records has no segment.
        for accepted in archive.chain(partition).await? {
            let link = &accepted.signed.link;
            if link.segment.is_some() {
                // Only bytes with the SHA-256 that the link signed are returned.
                let segment = Segment::open(archive.segment(link).await?)?;
                print(&mut out, partition, &segment)?;
            }
        }
    }
    out.flush()?;
    Ok(())
}

/// The record is lent to the closure, so that no record is copied.
fn print(out: &mut impl Write, partition: &TopicPartition, segment: &Segment) -> Result<(), Box<dyn Error>> {
    let mut written = Ok(());
    segment.for_each_record(|record| {
        let value = record.value.map(String::from_utf8_lossy);
        let value = value.as_deref().unwrap_or("(no value)");
        let line = writeln!(out, "{partition} {} {value}", record.offset);
        if written.is_ok() {
            written = line;
        }
    })?;
    Ok(written?)
}
