//! Checks the archive's identity, and whether the signing key on this machine may sign for it.

use crate::app::doctor::check::Check;
use crate::config::ArchiveSettings;
use crate::error::{Explain, Kind};
use crate::log::identity::Identity;
use crate::log::limits::IDENTITY_MAX_BYTES;
use crate::log::object_key::IDENTITY;
use crate::store::Store;
use crate::writing::key_source::{KeyPlace, KeySource};
use crate::writing::trust::WriterTrust;
use crate::writing::{log_start, writer_log};

const ARCHIVE: &str = "archive";
const KEYS: &str = "keys";

/// Checks the archive and the key; without a store, only the key.
pub async fn examine(store: Option<&dyn Store>, settings: &ArchiveSettings) -> Vec<Check> {
    let Some(store) = store else {
        return vec![
            Check::skipped(ARCHIVE, "the store could not be opened"),
            check_key(&settings.into(), &settings.name, None),
        ];
    };
    match store.get(IDENTITY, IDENTITY_MAX_BYTES).await {
        Ok(None) => vec![
            Check::ok(
                ARCHIVE,
                "there is no archive yet; `kivend init` or the first archiver creates it",
            ),
            check_key(&settings.into(), &settings.name, None),
        ],
        Ok(Some(object)) => match Identity::from_bytes(&object) {
            Ok(identity) => vec![
                check_name(&identity, &settings.name),
                check_key_of(store, &settings.into(), &identity, &object).await,
            ],
            Err(error) => {
                let remedy = "restore archive.json from a backup or an older version of the bucket; `kivend verify` lists all findings";
                vec![
                    Check::failed(ARCHIVE, error.to_string(), remedy),
                    Check::skipped(KEYS, "archive.json is not valid"),
                ]
            }
        },
        Err(error) => vec![
            Check::error(ARCHIVE, &error),
            Check::skipped(KEYS, "archive.json could not be read"),
        ],
    }
}

fn check_name(identity: &Identity, wanted: &str) -> Check {
    let (name, id) = (identity.archive(), identity.id());
    if name == wanted {
        return Check::ok(ARCHIVE, format!("{name}, id {id}, since {}", identity.created_at()));
    }
    let detail = format!("this prefix belongs to another archive: it is named {name}, configured is {wanted}");
    Check::failed(
        ARCHIVE,
        detail,
        "set archive.name to that name, or set store.prefix to a prefix without an archive",
    )
}

/// Checks that the key on this machine is in force.
async fn check_key_of(store: &dyn Store, source: &KeySource, identity: &Identity, object: &[u8]) -> Check {
    let first = match WriterTrust::of_identity(identity, object) {
        Ok(first) => first,
        Err(error) => return Check::failed(KEYS, error.to_string(), "`kivend verify` lists all findings"),
    };
    let own = source
        .read(identity.origin())
        .ok()
        .map(|own| own.verifying_key().clone());
    match log_start::read(store, first, own.as_ref()).await {
        Ok(trust) => check_key(source, identity.origin(), Some(&trust)),
        Err(error) => Check::error(KEYS, &error),
    }
}

/// Checks the key on this machine. `trust` is `None` if there is no archive yet.
fn check_key(source: &KeySource, name: &str, trust: Option<&WriterTrust>) -> Check {
    let shown = match source.place() {
        KeyPlace::File(file) => format!("{}, not readable by other users", file.display()),
        place => place.to_string(),
    };
    let key = match (source.read(name), trust) {
        (Ok(key), _) => key,
        (Err(error), None) if error.kind() == Kind::Input => {
            return Check::ok(
                KEYS,
                format!("there is no key yet; it will be created in {}", source.place()),
            );
        }
        (Err(error), _) => return Check::error(KEYS, &error),
    };
    let public = key.verifying_key();
    let Some(trust) = trust else {
        return Check::ok(KEYS, format!("{public} in {shown}; the new archive will use it"));
    };
    match writer_log::require_in_force(trust, public) {
        Err(error) => Check::error(KEYS, &error),
        Ok(()) => Check::ok(KEYS, format!("{public} in {shown}")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use bytes::Bytes;

    use super::super::Status;
    use super::*;
    use crate::log::identity::FirstKeys;
    use crate::log::signed_note::SigningKey;
    use crate::record::utc::UtcSeconds;
    use crate::store::memory::MemoryStore;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed("shop", &[seed; 32]).unwrap()
    }

    async fn statuses(made_by: Option<u8>, key_here: Option<(u8, u32)>, name: &str) -> (Status, Status) {
        let store = MemoryStore::new();
        if let Some(seed) = made_by {
            let now = UtcSeconds::from_unix(0);
            let key = key(seed);
            let keys = FirstKeys {
                signing: key.verifying_key(),
                change: &[],
            };
            let identity = Identity::new("shop", [1; 16], now, &keys).unwrap();
            store
                .create(IDENTITY, Bytes::from(identity.to_bytes().unwrap()))
                .await
                .unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("shop.key");
        if let Some((seed, mode)) = key_here {
            std::fs::write(&file, key(seed).to_secret_text()).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let checks = check_with(&store, &file, name).await;
        (checks[0].status, checks[1].status)
    }

    async fn check_with(store: &dyn Store, file: &Path, name: &str) -> Vec<Check> {
        let sources = crate::config::Sources {
            config_home: Some("/nowhere".into()),
            ..Default::default()
        };
        let mut settings = crate::config::load(&sources).unwrap().settings.archive;
        name.clone_into(&mut settings.name);
        settings.key_file = Some(file.to_owned());
        examine(Some(store), &settings).await
    }

    #[tokio::test]
    async fn an_archive_needs_its_own_key_readable_by_its_owner_only() {
        use Status::{Failed, Ok};
        assert_eq!(statuses(None, None, "shop").await, (Ok, Ok));
        assert_eq!(statuses(Some(1), Some((1, 0o600)), "shop").await, (Ok, Ok));
        assert_eq!(statuses(Some(1), None, "shop").await, (Ok, Failed));
        assert_eq!(statuses(Some(1), Some((2, 0o600)), "shop").await, (Ok, Failed));
        assert_eq!(statuses(Some(1), Some((1, 0o644)), "shop").await, (Ok, Failed));
        assert_eq!(statuses(Some(1), Some((1, 0o600)), "other").await, (Failed, Ok));
    }
}
