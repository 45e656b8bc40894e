//! Verifies an archive in a folder and prints the verdict and the findings, as `kivend verify --offline` does.
//!
//! ```sh
//! kivend demo --dir demo
//! cargo run --release --example verify_an_archive -- demo/archive [PUBLIC_KEY]
//! ```
//!
//! Without a public key, the key in the archive itself is trusted: this shows that the archive is consistent, not who
//! signed it.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use kivend::app::verify::{Request, verify};
use kivend::store::directory::DirectoryStore;
use kivend::task::progress::Silent;
use kivend::verify::given::Given;
use kivend::verify::verdict::Verdict;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: verify_an_archive FOLDER [PUBLIC_KEY]")?;
    let keys = arguments.map(|key| key.parse()).collect::<Result<Vec<_>, _>>()?;

    let store = Arc::new(DirectoryStore::open(Path::new(&folder))?);
    // The default reads every row of every segment. `None`: no Kafka to compare with.
    let request = Request {
        given: Given::keys(&keys),
        ..Request::default()
    };
    let report = verify(store, None, request, Arc::new(Silent)).await?;

    println!("{}", report.summary);
    for finding in &report.findings {
        let object = finding.object.as_deref().unwrap_or("the archive");
        println!(
            "{}: {} ({object}): {}",
            finding.code.id(),
            finding.code.meaning(),
            finding.detail
        );
    }
    // `summary` is a sentence for people; programs compare `verdict`.
    Ok(match report.verdict {
        Verdict::Intact => ExitCode::SUCCESS,
        Verdict::Tampered | Verdict::Incomplete | Verdict::Unverifiable => ExitCode::FAILURE,
    })
}
