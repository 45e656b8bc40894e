//! The metrics of this process that every Prometheus client library has, from Linux's `/proc`; none on other systems.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// The unit of times in `/proc`, in ticks a second: what Linux shows to programs, whatever its own clock (`USER_HZ`).
const TICKS_PER_S: f64 = 100.0;

/// Reads `/proc/self` at each scrape.
#[derive(Debug)]
pub(super) struct ProcessMetrics;

impl Collector for ProcessMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        if let Some(seconds) = cpu_s() {
            let counter = ConstCounter::new(seconds);
            let help = "CPU time of this process in user and system mode";
            let name = "process_cpu_seconds";
            counter.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        let gauges: [(&str, &str, Option<f64>); 6] = [
            (
                "process_resident_memory_bytes",
                "Resident memory",
                status_bytes("VmRSS:"),
            ),
            (
                "process_virtual_memory_bytes",
                "Virtual memory",
                status_bytes("VmSize:"),
            ),
            (
                "process_start_time_seconds",
                "Start of this process in Unix time",
                start_time_s(),
            ),
            ("process_open_fds", "Open file descriptors", open_fds()),
            ("process_max_fds", "Limit of open file descriptors", max_fds()),
            (
                "process_threads",
                "Threads",
                status("Threads:").map(|threads| threads as f64),
            ),
        ];
        for (name, help, value) in gauges {
            if let Some(value) = value {
                let gauge = ConstGauge::new(value);
                gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
            }
        }
        Ok(())
    }
}

/// The fields of `/proc/self/stat` after the name, which may have blanks. The first is field 3 of proc_pid_stat(5).
fn stat() -> Option<Vec<f64>> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    Some(
        fields
            .split_whitespace()
            .map(|field| field.parse().unwrap_or(0.0))
            .collect(),
    )
}

fn cpu_s() -> Option<f64> {
    let stat = stat()?;
    Some((stat.get(11)? + stat.get(12)?) / TICKS_PER_S)
}

fn start_time_s() -> Option<f64> {
    let since_boot_s = stat()?.get(19)? / TICKS_PER_S;
    let system = fs::read_to_string("/proc/stat").ok()?;
    let boot_s: f64 = system
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .parse()
        .ok()?;
    Some(boot_s + since_boot_s)
}

fn status(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn status_bytes(name: &str) -> Option<f64> {
    Some(status(name)? as f64 * 1024.0)
}

fn open_fds() -> Option<f64> {
    // One is that of the folder itself.
    Some((fs::read_dir("/proc/self/fd").ok()?.count() as f64 - 1.0).max(0.0))
}

fn max_fds() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
