//! Fetches the files of a sink one after the other, and gives their rows to the auditor, on a thread that may block.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::app::audit::auditor::Auditor;
use crate::app::audit::listing::{Listed, list};
use crate::app::audit::request::{Against, Request, Values};
use crate::app::audit::source::Sources;
use crate::audit::codes::Code;
use crate::audit::foreign_file::{File, ForeignFile};
use crate::audit::report::{Finding, Report};
use crate::clock::Clock;
use crate::store::{Entry, StoreError};
use crate::task::error::AppError;
use crate::task::progress::{Progress, Unit};

/// The largest file that is read; it is held in memory.
const FILE_MAX_BYTES: u64 = 2 << 30;

/// A file and its bytes.
type Fetched = (Entry, Result<Option<Bytes>, StoreError>);

/// Audits the files.
///
/// # Errors
/// The files cannot be listed, there is nothing to compare them with, or a source that must be there is not.
pub async fn audit(request: Request, against: Against, progress: Arc<dyn Progress>) -> Result<Report, AppError> {
    let clock = Clock::start();
    // Listed before Kafka is asked for the ends of its logs, so that each row that is read was in Kafka.
    let listed = list(&request).await?;
    if listed.files.is_empty() {
        let what = format!("there are no Parquet files in `{}`", request.files.location());
        return Err(AppError::input(what).fix("name the bucket and the prefix, or the folder, that the sink writes to"));
    }
    let (sender, receiver) = mpsc::channel(1);
    let files = Arc::clone(&request.files);
    let entries = listed.files.clone();
    let fetching = async move {
        let mut fetched = futures::stream::iter(entries)
            .map(|entry| async { (files.get(&entry.key, FILE_MAX_BYTES).await, entry) })
            .buffered(2);
        while let Some((bytes, entry)) = fetched.next().await {
            if sender.send((entry, bytes)).await.is_err() {
                return;
            }
        }
    };
    let work = Work {
        request,
        against,
        listed,
        runtime: Handle::current(),
        progress,
    };
    let comparing = tokio::task::spawn_blocking(move || compare(&work, receiver));
    let (compared, ()) = futures::join!(comparing, fetching);
    let mut report = compared.map_err(|error| AppError::internal(error.to_string()))??;
    report.elapsed_s = clock.elapsed_s();
    Ok(report)
}

/// What the comparing thread needs.
struct Work {
    request: Request,
    against: Against,
    listed: Listed,
    runtime: Handle,
    progress: Arc<dyn Progress>,
}

fn compare(work: &Work, mut fetched: mpsc::Receiver<Fetched>) -> Result<Report, AppError> {
    let (request, progress) = (&work.request, work.progress.as_ref());
    let sources = Sources::open(&work.against, &request.topic, work.runtime.clone())?;
    let files = progress.begin("comparing files", Unit::Files);
    files.add_total(work.listed.files.len() as u64);
    let mut auditor = Auditor::new(sources, request, progress);
    auditor.sink.location = format!("{}{}", request.files.location(), request.prefix);
    auditor.sink.ignored = work.listed.ignored;
    while let Some((entry, bytes)) = fetched.blocking_recv() {
        let bytes = bytes.map_err(|error| error.to_string());
        let bytes = bytes.and_then(|bytes| bytes.ok_or_else(|| "it was deleted after it was listed".to_owned()));
        let why = match bytes {
            Ok(bytes) => file(&mut auditor, &entry, bytes)?,
            Err(why) => Some(why),
        };
        match why {
            None => auditor.sink.files += 1,
            Some(why) => {
                auditor.sink.unreadable += 1;
                auditor
                    .findings
                    .push(Finding::new(Code::UnreadableFile, why).in_object(&entry.key));
            }
        }
        auditor.sink.bytes += entry.bytes;
        files.advance(1);
    }
    drop(files);
    auditor.finish()
}

/// Gives the rows of a file to the auditor. Returns why it cannot be read, if it cannot; rows before that count.
fn file(auditor: &mut Auditor<'_>, entry: &Entry, bytes: Bytes) -> Result<Option<String>, AppError> {
    let request = auditor.request;
    let file = File {
        key: &entry.key,
        number: auditor.begin_file(&entry.key),
        bytes,
        topic: &request.topic,
        request: &request.columns,
    };
    let mut opened = match ForeignFile::open(&file) {
        Ok(opened) => opened,
        Err(error) => return Ok(Some(error.to_string())),
    };
    let mut compared = opened.compared();
    compared.value &= request.values == Values::Compared;
    auditor.file(compared, opened.counts_offsets());
    *auditor.sink.columns.entry(opened.describe()).or_default() += 1;
    let mut count = 0;
    let why = loop {
        match opened.next_rows() {
            Ok(Some(rows)) => {
                count += rows.len();
                auditor.rows(rows)?;
            }
            Ok(None) => break None,
            Err(error) => break Some(format!("{error}; {count} rows before that were compared")),
        }
    };
    let left_out = opened.left_out();
    auditor.sink.other_topics += left_out.other_topics;
    if left_out.without_place > 0 {
        let finding = Finding::new(Code::WithoutPlace, format!("{} rows", left_out.without_place));
        auditor.findings.push(finding.in_object(&entry.key));
    }
    Ok(why)
}
