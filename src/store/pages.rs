//! A listing page by page, to its end.

use crate::store::contract::{Entry, Store};
use crate::store::error::StoreError;

/// Keys in a full page: the most that S3 lists at once.
pub const PAGE: usize = 1000;

/// The pages of one listing, in the order of the keys.
pub struct Pages<'a> {
    store: &'a dyn Store,
    prefix: String,
    after: Option<String>,
    has_ended: bool,
}

impl<'a> Pages<'a> {
    /// The keys that begin with `prefix` and are greater than `after`.
    #[must_use]
    pub fn new(store: &'a dyn Store, prefix: &str, after: Option<&str>) -> Pages<'a> {
        Pages {
            store,
            prefix: prefix.to_owned(),
            after: after.map(str::to_owned),
            has_ended: false,
        }
    }

    /// The next page, or `None` after the last. A page is never empty.
    ///
    /// # Errors
    /// Those of [`Store::list`].
    pub async fn next(&mut self) -> Result<Option<Vec<Entry>>, StoreError> {
        if self.has_ended {
            return Ok(None);
        }
        let page = self.store.list(&self.prefix, self.after.as_deref(), PAGE).await?;
        self.has_ended = page.len() < PAGE;
        if let Some(last) = page.last() {
            self.after = Some(last.key.clone());
        }
        Ok((!page.is_empty()).then_some(page))
    }
}

/// All objects whose keys begin with `prefix` and are greater than `after`, ascending.
///
/// # Errors
/// Those of [`Store::list`].
pub async fn entries(store: &dyn Store, prefix: &str, after: Option<&str>) -> Result<Vec<Entry>, StoreError> {
    let mut pages = Pages::new(store, prefix, after);
    let mut entries = Vec::new();
    while let Some(page) = pages.next().await? {
        entries.extend(page);
    }
    Ok(entries)
}

/// All keys that begin with `prefix` and are greater than `after`, ascending.
///
/// # Errors
/// Those of [`Store::list`].
pub async fn keys(store: &dyn Store, prefix: &str, after: Option<&str>) -> Result<Vec<String>, StoreError> {
    let entries = entries(store, prefix, after).await?;
    Ok(entries.into_iter().map(|entry| entry.key).collect())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::store::memory::MemoryStore;

    #[tokio::test]
    async fn a_listing_of_more_than_a_page_is_read_to_its_end() {
        for count in [0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE] {
            let store = MemoryStore::new();
            for number in 0..count {
                store.create(&format!("a/{number:05}"), Bytes::new()).await.unwrap();
            }
            store.create("b", Bytes::new()).await.unwrap();
            assert_eq!(keys(&store, "a/", None).await.unwrap().len(), count);
            let later = keys(&store, "a/", Some("a/00000")).await.unwrap();
            assert_eq!(later.len(), count.saturating_sub(1));
            assert!(later.is_sorted());
        }
    }
}
