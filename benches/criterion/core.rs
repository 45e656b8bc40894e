//! How long a record of the pure core takes: `cargo run --release --manifest-path benches/criterion/Cargo.toml -- --bench`. For whoever
//! changes it, on a quiet machine; what is held to a limit are instructions (`../instructions.rs`). Never a server.

#[path = "../parts/mod.rs"]
mod parts;

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kivend::record::hash::Hash;

use parts::Material;

/// A segment of the default size holds somewhat more.
const RECORDS: u64 = 20_000;

fn records(criterion: &mut Criterion) {
    let material = Material::new(RECORDS).unwrap();
    let segment = material.write(material.append()).unwrap();
    let mut group = criterion.benchmark_group("record");
    group
        .throughput(Throughput::Elements(material.records()))
        .sample_size(20);
    group.bench_function("ingest_line", |bench| bench.iter(|| material.ingest_lines().unwrap()));
    group.bench_function("append", |bench| bench.iter(|| material.append()));
    group.bench_function("write", |bench| {
        bench.iter_batched(
            || material.append(),
            |rows| material.write(rows).unwrap(),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("verify", |bench| {
        bench.iter(|| material.verify(segment.clone()).unwrap())
    });
    group.finish();
}

/// What hashing alone takes: the floor of `append` and `verify`.
fn hashing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sha256");
    for bytes in [64, 400, 4_096] {
        group.throughput(Throughput::Bytes(bytes));
        let message = vec![7u8; bytes as usize];
        group.bench_function(BenchmarkId::from_parameter(bytes), |bench| {
            bench.iter(|| Hash::of(black_box(&message)))
        });
    }
    group.finish();
}

criterion_group!(core, records, hashing);
criterion_main!(core);
