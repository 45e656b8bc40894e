//! What is refused at the start, rather than partition by partition when it is too late. Never writes.

use crate::log::link;
use crate::log::object_key::Key;
use crate::store::Store;
use crate::task::error::AppError;
use crate::writing::trust::WriterTrust;

/// So many objects are looked at for a valid link: junk may stand before it.
const LOOKED_AT: usize = 100;

/// Refuses an archive that holds the records of another cluster: two clusters may have topics of one name, and nothing
/// else would tell their records apart. Two that begin at the same moment are told apart at their first common partition.
///
/// # Errors
/// `Config` where a link names another cluster; the store's.
pub async fn must_be_of_cluster(store: &dyn Store, trust: &WriterTrust, cluster_id: &str) -> Result<(), AppError> {
    for entry in store.list("links/", None, LOOKED_AT).await? {
        let Ok(Key::Link(place, _)) = entry.key.parse() else {
            continue;
        };
        let Some(object) = store.get(&entry.key).await? else {
            continue;
        };
        let Ok(signed) = link::open(&object, &trust.keyring, &trust.archive_id, &place) else {
            continue;
        };
        let archived = &signed.link.cluster_id;
        if archived == cluster_id {
            return Ok(());
        }
        return Err(AppError::config(format!(
            "the archive under this prefix holds the records of another cluster archived=`{archived}` connected=`{cluster_id}`"
        ))
        .fix("set kafka.brokers to that cluster, or store.prefix to a prefix of your own"));
    }
    Ok(())
}
