//! Reading the cosignatures of witnesses, the newest checkpoint first, until older ones can add nothing.

use futures::{StreamExt as _, stream};

use crate::log::checkpoint::{Checkpoint, CheckpointRef};
use crate::log::object_key::Key;
use crate::reading::bucket::Bucket;
use crate::record::hash::Hash;
use crate::verify::cosigned::{Cosigned, StoredLine};
use crate::verify::log_walk::LogWalk;

/// Cosignatures of one checkpoint that are read at the same time.
const AHEAD: usize = 32;
/// The most objects that are read. It bounds the work that planted objects cause.
const MOST: usize = 10_000;

/// Reads the listed cosignatures, ascending by the number of the checkpoint, and adds them.
pub async fn read(bucket: &Bucket, listed: &[(u64, Hash)], walk: &LogWalk, cosigned: &mut Cosigned<'_>) {
    let mut read = 0;
    for of_number in listed.chunk_by(|a, b| a.0 == b.0).rev() {
        let Some((number, _)) = of_number.first() else { continue };
        let Some(head) = head_of(walk, *number) else { continue };
        if cosigned.is_complete() || read >= MOST {
            return;
        }
        let of_number = &of_number[..of_number.len().min(MOST - read)];
        read += of_number.len();
        let lines: Vec<StoredLine> = stream::iter(of_number.to_vec())
            .map(|(number, named)| async move {
                let key = Key::Cosignature(number, named).to_string();
                let object = bucket.get_listed(&key).await.ok()?;
                Some(StoredLine { key, named, object })
            })
            .buffered(AHEAD)
            .filter_map(|line| async move { line })
            .collect()
            .await;
        cosigned.stored(&head, &lines);
    }
}

/// What witnesses cosigned at this number.
fn head_of(walk: &LogWalk, number: u64) -> Option<Checkpoint> {
    let root = walk.root(number)?;
    let origin = walk.history().keyring().origin();
    Some(Checkpoint::of(origin, CheckpointRef { number, root }))
}
