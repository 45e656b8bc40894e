//! Checks of the archive before the first record is read: without them, each partition would stop on its own later.

use crate::log::link;
use crate::log::object_key::{Key, Place};
use crate::reading::attempts::{self, Candidate};
use crate::store::Store;
use crate::task::error::AppError;
use crate::writing::trust::WriterTrust;

/// The objects to read until a valid link is found; invalid ones may sort before it.
const MAX_READ: usize = 100;

/// Refuses an archive that holds the records of another cluster: both may have topics of the same name. Two archivers
/// of different clusters that start an archive at the same time pass this check; the second link of a partition finds
/// them.
///
/// # Errors
/// `Config` if a link names another cluster; the store's errors.
pub async fn require_cluster(store: &dyn Store, trust: &WriterTrust, cluster_id: &str) -> Result<(), AppError> {
    let mut judged: Option<Place> = None;
    for entry in store.list("links/", None, MAX_READ).await? {
        let Ok(Key::Link(place, _)) = entry.key.parse() else {
            continue;
        };
        if judged.replace(place.clone()) == Some(place.clone()) {
            continue;
        }
        let key_of = |attempt| place.link(attempt);
        let open = |found: Candidate| link::open(&found.object, trust.keyring(), trust.archive_id(), &place).ok();
        // The one that counts: whoever may create objects can add another at a higher attempt, which is listed first.
        let signed = match attempts::lowest(store, key_of, open).await {
            Ok(Some(signed)) => signed,
            Ok(None) => continue,
            // The partition stops on its own, and the others go on.
            Err(error) if error.scope().spares_other_partitions() => continue,
            Err(error) => return Err(error.into()),
        };
        let archived = &signed.link.cluster_id;
        if archived == cluster_id {
            return Ok(());
        }
        return Err(AppError::config(format!(
            "the archive under this prefix holds the records of another cluster: `{archived}`, while the brokers are of `{cluster_id}`"
        ))
        .fix("set kafka.brokers to that cluster, or store.prefix to an unused prefix"));
    }
    Ok(())
}
