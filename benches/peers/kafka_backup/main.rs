//! `kafka-backup-peer CONFIG.json`: one backup or one restore by kafka-backup-core, as its `mode` says. Prints what was restored
//! and how long the work took as one line of JSON.

use std::time::Instant;

use kafka_backup_core::backup::BackupEngine;
use kafka_backup_core::config::{Config, Mode};
use kafka_backup_core::restore::engine::RestoreEngine;
use serde_json::json;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let begun = Instant::now();
    let path = std::env::args()
        .nth(1)
        .ok_or_else(|| anyhow::anyhow!("usage: kafka-backup-peer CONFIG.json"))?;
    let config: Config = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    let (records, errors) = if config.mode == Mode::Restore {
        let report = RestoreEngine::new(config)?.run().await?;
        (Some(report.records_restored), report.errors)
    } else {
        BackupEngine::new(config).await?.run().await?;
        (None, Vec::new())
    };
    let elapsed_s = begun.elapsed().as_secs_f64();
    println!(
        "{}",
        json!({ "records": records, "errors": errors, "elapsed_s": elapsed_s })
    );
    Ok(())
}
