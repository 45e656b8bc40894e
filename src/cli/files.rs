//! `kivend files`: lists the segments that links name, one key per line.

use crate::app::files::{self, Files};
use crate::app::verify::absent;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::key_argument::{KeyArgument, read_keys};
use crate::cli::output::Output;
use crate::cli::place::{is_configured, no_archive, unknown_topic};
use crate::error::Exit;
use crate::store;
use crate::verify::given::Given;
use crate::verify::verdict::Verdict;

/// List the segments of the archive, for query tools
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Only segments that links name are part of the archive; the data folder may hold other files.
The exit code is the verdict on the links: 0 intact, 10 tampered, 11 incomplete, 12 unverifiable.

Examples:
  kivend files
  kivend files --topic payments --format json | jq -r '.files[].key'"
)]
pub struct Args {
    /// List only this topic
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// A public key of the archive from outside the bucket, or a file with one; may be repeated
    #[arg(long = "key", value_name = "PUBLIC|FILE")]
    keys: Vec<KeyArgument>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let settings = context.settings()?;
    let topic = args.topic.as_deref().map(|topic| settings.topic_name(topic));
    let given = Given::keys(&read_keys("--key", &args.keys)?);
    let files = context.runtime()?.block_on(async {
        let store = store::open(&settings.store).await?;
        if let Ok(false) = absent::has_objects(store.as_ref()).await {
            return Err(no_archive(&store.location(), &settings.store).await);
        }
        let listed = files::files(store, &given, topic.as_deref()).await?;
        match topic.as_deref() {
            Some(topic) if listed.chains == Verdict::Intact && !listed.topics.contains(topic) => {
                if is_configured(topic, &settings) {
                    let remark = format!("the archive has no segments of this topic yet: `{topic}`");
                    context.output().remark(&remark);
                    return Ok(listed);
                }
                let known: Vec<String> = listed.topics.iter().cloned().collect();
                Err(unknown_topic(topic, &known, &settings))
            }
            _ => Ok::<_, Failure>(listed),
        }
    })?;
    context.output().report(&files, text)?;
    Ok(judge(&files, context.output()))
}

fn text(files: &Files) -> String {
    files.files.iter().map(|file| format!("{}\n", file.key)).collect()
}

/// The list is exact only if the chains are intact.
fn judge(files: &Files, output: &Output) -> Exit {
    if files.chains != Verdict::Intact {
        output.remark(&format!(
            "the chains are {}, so the list may be wrong: `kivend verify` lists all findings",
            files.chains
        ));
    }
    files.chains.into()
}
