//! `kivend audit`: compares Parquet that another sink wrote with the archive and with Kafka.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::ValueEnum;

use crate::app::audit::audit;
use crate::app::audit::request::{Against, Request, Values, Wanted};
use crate::app::verify::cluster::ClusterFacts;
use crate::app::verify::facts::KafkaFacts;
use crate::audit::columns;
use crate::audit::name_pattern::NamePattern;
use crate::audit::report::Report;
use crate::audit::tally::Window;
use crate::audit::text::render;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::key_argument::{KeyArgument, read_keys};
use crate::cli::output::{Output, coloured};
use crate::cli::when::When;
use crate::config::{Settings, StoreBackend, StoreSettings};
use crate::error::{Exit, Kind};
use crate::store;
use crate::verify::given::Given;

/// Compare Parquet that another sink wrote with the archive and with Kafka
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each offset is compared with the archive if it has it, else with Kafka.
Exit codes: 0 equal, 10 altered, 11 records missing or doubled, 12 not all could be compared.
Each finding has a code; docs/FINDINGS.md explains the codes, docs/AUDIT.md has a guide for each sink.

Examples:
  kivend audit --parquet s3://lake/warehouse/shop/events/data/ --topic user-events
  kivend audit --parquet './copy/*.parquet' --topic payments --offset-column meta.offset"
)]
pub struct Args {
    /// The files of the sink: s3://BUCKET/PREFIX, a folder, or one of them with a pattern of `*` and `?`
    #[arg(long, value_name = "PLACE")]
    parquet: Place,
    /// The topic
    #[arg(long, value_name = "TOPIC")]
    topic: String,
    /// The program that wrote the files [default: recognised by columns and names]
    #[arg(long, value_enum)]
    sink: Option<Sink>,
    /// The end of object names, if they say the topic, the partition or the first offset of a file, as in
    /// {topic}/partition={partition}/{topic}+{partition}+{offset}.*
    #[arg(long, value_name = "PATTERN")]
    name_pattern: Option<NamePattern>,
    /// The column with the topic; columns within columns are named with dots
    #[arg(long, value_name = "COLUMN")]
    topic_column: Option<String>,
    /// The column with the partition
    #[arg(long, value_name = "COLUMN")]
    partition_column: Option<String>,
    /// The column with the offset
    #[arg(long, value_name = "COLUMN")]
    offset_column: Option<String>,
    /// The column with the value as Kafka has it
    #[arg(long, value_name = "COLUMN", conflicts_with = "no_values")]
    value_column: Option<String>,
    /// The column with the record key as Kafka has it
    #[arg(long, value_name = "COLUMN")]
    key_column: Option<String>,
    /// The column with the record's time
    #[arg(long, value_name = "COLUMN")]
    timestamp_column: Option<String>,
    /// Do not compare values, only what is missing or doubled
    #[arg(long)]
    no_values: bool,
    /// Expect only records with this time or a later one in the sink
    #[arg(long, value_name = "WHEN")]
    since: Option<When>,
    /// Expect only records with an earlier time, and all of them: the sink is not behind
    #[arg(long, value_name = "WHEN")]
    until: Option<When>,
    /// What to compare with; what is named must be there [default: both, each if it is there]
    #[arg(long, value_enum, value_delimiter = ',')]
    against: Vec<Source>,
    /// A public key of the archive from outside the bucket, or a file with one; may be repeated
    #[arg(long = "key", value_name = "PUBLIC|FILE")]
    keys: Vec<KeyArgument>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Source {
    /// The archive of the settings
    Archive,
    /// Kafka, where it still holds the records
    Kafka,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sink {
    /// Iceberg's sink on Kafka Connect
    Iceberg,
    /// Confluent's S3 sink
    Confluent,
    /// Aiven's S3 sink
    Aiven,
    /// Spark's rows of its Kafka source
    Spark,
}

/// Where the files are.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Bucket {
        name: String,
        prefix: String,
        pattern: Option<String>,
    },
    Folder {
        path: PathBuf,
        pattern: Option<String>,
    },
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        let is_wild = text.contains(['*', '?']);
        let bucket = text.strip_prefix("s3://").or_else(|| text.strip_prefix("s3a://"));
        if let Some(bucket) = bucket {
            let (name, key) = bucket.split_once('/').unwrap_or((bucket, ""));
            let prefix = key.split(['*', '?']).next().unwrap_or_default();
            if name.is_empty() || name.contains(['*', '?']) {
                return Err("expected s3://BUCKET/PREFIX".to_owned());
            }
            return Ok(Place::Bucket {
                name: name.to_owned(),
                prefix: prefix.to_owned(),
                pattern: is_wild.then(|| key.to_owned()),
            });
        }
        if text.is_empty() || text.contains("://") {
            return Err("expected s3://BUCKET/PREFIX or a folder".to_owned());
        }
        if !is_wild {
            return Ok(Place::of_path(Path::new(text)));
        }
        let before = text.split(['*', '?']).next().unwrap_or_default();
        let folder = before.rfind('/').map_or("", |at| &text[..=at]);
        let path = if folder.is_empty() { "." } else { folder };
        Ok(Place::Folder {
            path: PathBuf::from(path),
            pattern: Some(text[folder.len()..].to_owned()),
        })
    }
}

impl Place {
    /// A folder, or a file in one.
    fn of_path(path: &Path) -> Place {
        let file = path.file_name().filter(|_| path.is_file());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        match file {
            Some(file) => Place::Folder {
                path: folder.unwrap_or(Path::new(".")).to_owned(),
                pattern: Some(file.to_string_lossy().into_owned()),
            },
            None => Place::Folder {
                path: path.to_owned(),
                pattern: None,
            },
        }
    }

    /// The store of the files, the start of their keys, and their pattern. A bucket is reached as that of the archive is.
    fn store(&self, settings: &Settings) -> Result<(StoreSettings, String, Option<String>), Failure> {
        match self {
            Place::Folder { path, .. } if !path.is_dir() => Err(Failure::new(
                Kind::Config,
                format!("the folder does not exist: `{}`", path.display()),
                "name the folder with the files of the sink, or s3://BUCKET/PREFIX",
            )),
            Place::Folder { path, pattern } => {
                let backend = StoreBackend::Directory(path.clone());
                let prefix = String::new();
                Ok((StoreSettings { backend, prefix }, String::new(), pattern.clone()))
            }
            Place::Bucket { name, prefix, pattern } => match &settings.store.backend {
                StoreBackend::S3(bucket) => {
                    let mut bucket = bucket.clone();
                    bucket.bucket.clone_from(name);
                    bucket.expected_owner = None;
                    let backend = StoreBackend::S3(bucket);
                    let root = String::new();
                    Ok((StoreSettings { backend, prefix: root }, prefix.clone(), pattern.clone()))
                }
                StoreBackend::Directory(_) => Err(Failure::new(
                    Kind::Config,
                    "the archive is in a folder, so the settings do not say how to reach a bucket",
                    "set store.endpoint, store.region and store.bucket instead of store.directory, or name a folder with a copy of the files",
                )),
            },
        }
    }
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let settings = context.settings()?;
    let (place, prefix, pattern) = args.parquet.store(&settings)?;
    let ms = |when: When| when.resolve(context.clock().wall()).as_millisecond();
    let progress = context.progress();
    let report = context.runtime()?.block_on(async {
        let request = Request {
            topic: settings.topic_name(&args.topic),
            files: store::open(&place).await?,
            prefix,
            pattern,
            columns: columns(args),
            values: if args.no_values {
                Values::LeftOut
            } else {
                Values::Compared
            },
            window: Window {
                since_ms: args.since.map(ms),
                until_ms: args.until.map(ms),
            },
        };
        let against = against(args, &settings, context.output()).await?;
        Ok::<_, Failure>(audit(request, against, progress).await?)
    })?;
    let output = context.output();
    output.report(&report, |report: &Report| coloured(&render(report), output))?;
    Ok(report.verdict.into())
}

fn columns(args: &Args) -> columns::Request {
    let value = args.value_column.clone();
    columns::Request {
        sink: args.sink.map(|sink| match sink {
            Sink::Iceberg => columns::Sink::Iceberg,
            Sink::Confluent => columns::Sink::Confluent,
            Sink::Aiven => columns::Sink::Aiven,
            Sink::Spark => columns::Sink::Spark,
        }),
        names: args.name_pattern.clone(),
        columns: [
            args.topic_column.clone(),
            args.partition_column.clone(),
            args.offset_column.clone(),
            value,
            args.key_column.clone(),
            args.timestamp_column.clone(),
        ],
    }
}

async fn against(args: &Args, settings: &Settings, output: &Output) -> Result<Against, Failure> {
    let given = Given::keys(&read_keys("--key", &args.keys)?);
    let archive = async { Ok::<_, Failure>((store::open(&settings.store).await?, given)) };
    let kafka = || -> Result<Arc<dyn KafkaFacts>, Failure> { Ok(Arc::new(ClusterFacts::connect(&settings.kafka)?)) };
    let (archive_wish, kafka_wish) = (Wish::of(Source::Archive, args), Wish::of(Source::Kafka, args));
    Ok(Against {
        archive: match archive_wish {
            Wish::No => Wanted::No,
            wish => wish.wanted("the archive", archive.await, output)?,
        },
        kafka: match kafka_wish {
            Wish::No => Wanted::No,
            wish => wish.wanted("Kafka", kafka(), output)?,
        },
    })
}

/// Whether the user wants a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    No,
    IfThere,
    Required,
}

impl Wish {
    fn of(source: Source, args: &Args) -> Wish {
        match (args.against.is_empty(), args.against.contains(&source)) {
            (true, _) => Wish::IfThere,
            (false, true) => Wish::Required,
            (false, false) => Wish::No,
        }
    }

    /// A source that cannot be reached with these settings is left out, unless the user named it.
    fn wanted<T>(self, name: &str, opened: Result<T, Failure>, output: &Output) -> Result<Wanted<T>, Failure> {
        match (self, opened) {
            (Wish::No, _) => Ok(Wanted::No),
            (Wish::Required, opened) => Ok(Wanted::Required(opened?)),
            (Wish::IfThere, Ok(source)) => Ok(Wanted::IfThere(source)),
            (Wish::IfThere, Err(_)) => {
                output.remark(&format!(
                    "not compared with {name}: the settings do not say how to reach it (`kivend doctor` checks them)"
                ));
                Ok(Wanted::No)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_bucket_or_a_folder_with_or_without_a_pattern() {
        let bucket = |prefix: &str, pattern: Option<&str>| Place::Bucket {
            name: "lake".to_owned(),
            prefix: prefix.to_owned(),
            pattern: pattern.map(str::to_owned),
        };
        let folder = |path: &str, pattern: Option<&str>| Place::Folder {
            path: PathBuf::from(path),
            pattern: pattern.map(str::to_owned),
        };
        for (text, place) in [
            ("s3://lake", bucket("", None)),
            ("s3://lake/a/b/", bucket("a/b/", None)),
            ("s3://lake/a/*/x?.parquet", bucket("a/", Some("a/*/x?.parquet"))),
            ("no/such", folder("no/such", None)),
            ("a/b*/c.parquet", folder("a/", Some("b*/c.parquet"))),
            ("*.parquet", folder(".", Some("*.parquet"))),
        ] {
            assert_eq!(text.parse::<Place>().unwrap(), place, "{text}");
        }
        for wrong in ["", "s3://", "s3://*/a", "https://lake/a"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }
}
