//! `kivend files`: the segments that links own, one key a line, for tools that want an exact list.

use crate::app::files::{self, Files};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::error::Exit;
use crate::log::signed_note::VerifyingKey;
use crate::store;
use crate::verify::verdict::Verdict;

/// List the segments that links own, for tools that want an exact list
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kivend files
  kivend files --topic payments --format json | jq -r '.files[].key'")]
pub struct Args {
    /// Only this topic
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// A public key of the archive, got from elsewhere than the bucket; may be repeated
    #[arg(long = "key", value_name = "PUBLIC")]
    keys: Vec<VerifyingKey>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let settings = context.settings()?;
    let topic = args.topic.as_deref().map(|topic| settings.topic_name(topic));
    let files = context.runtime()?.block_on(async {
        let store = store::open(&settings.store).await?;
        Ok::<_, Failure>(files::files(store, &args.keys, topic.as_deref()).await?)
    })?;
    context.output().report(&files, text)?;
    Ok(judge(&files, context.output()))
}

fn text(files: &Files) -> String {
    files.files.iter().map(|file| format!("{}\n", file.key)).collect()
}

/// A list of a broken chain is no exact list.
fn judge(files: &Files, output: &Output) -> Exit {
    if files.chains != Verdict::Intact {
        output.remark(&format!("the chains are {}: `kivend verify` says why", files.chains));
    }
    files.chains.into()
}
