//! Listings that no S3 server should send, and that proxies and odd servers send all the same.

use super::scripted::Reply::{self, Answer};
use super::scripted::scripted;
use crate::error::Kind;
use crate::store::Store;

fn page_of_keys(body: &'static str) -> Reply {
    Answer(200, "content-type: application/xml\r\n", body)
}

const VERSIONED: Reply = Answer(
    200,
    "",
    "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
);

/// Without an announced length, only the end of the document shows that the listing is whole.
#[tokio::test]
async fn a_listing_that_breaks_off_is_no_shorter_listing() {
    for cut in [
        "",
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>p/a</Key></Contents>",
        "<ListBucketResult><Contents><Key>p/a</Key></Contents><Contents><Ke",
        "<ListBucketResult><Contents><Key>p/a</Key></Contents><Contents><Key>p/b",
        "<ListBucketResult",
    ] {
        let (store, _) = scripted(&[page_of_keys(cut)]).await;
        assert_eq!(
            store.list("", None, 10).await.unwrap_err().kind(),
            Kind::Transient,
            "{cut}"
        );
    }
    let of_versions = "<ListVersionsResult><Version><Key>p/a</Key><VersionId>1</VersionId></Version>";
    let (store, _) = scripted(&[VERSIONED, page_of_keys(of_versions)]).await;
    assert_eq!(store.versions("").await.unwrap_err().kind(), Kind::Transient);
}

#[tokio::test]
async fn an_error_in_a_200_is_no_empty_listing() {
    let (store, _) = scripted(&[page_of_keys("<Error><Code>InternalError</Code></Error>")]).await;
    assert_eq!(store.list("", None, 10).await.unwrap_err().kind(), Kind::Transient);
}

/// As a store gives it whose objects were deleted in great numbers.
#[tokio::test]
async fn a_page_without_keys_leads_on_by_its_token() {
    let empty = "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t 1</NextContinuationToken></ListBucketResult>";
    let last = "<ListBucketResult><Contents><Key>p/b</Key></Contents></ListBucketResult>";
    let (store, seen) = scripted(&[page_of_keys(empty), page_of_keys(last)]).await;
    let entries = store.list("", None, 10).await.unwrap();
    assert_eq!(
        entries.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(),
        ["b"]
    );
    assert!(
        seen.lock().unwrap()[1].0.contains("continuation-token=t%201"),
        "{seen:?}"
    );
    let (store, seen) = scripted(&[page_of_keys(empty)]).await;
    let error = store.list("", None, 10).await.unwrap_err();
    assert!(error.to_string().contains("does not say where"), "{error}");
    assert_eq!(
        seen.lock().unwrap().len(),
        2,
        "a token that is repeated ends the listing"
    );
}

#[tokio::test]
async fn keys_that_pages_repeat_are_listed_once() {
    let first = "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>p/a</Key></Contents>\
                 <Contents><Key>p/a</Key></Contents></ListBucketResult>";
    let second =
        "<ListBucketResult><Contents><Key>p/a</Key></Contents><Contents><Key>p/b</Key></Contents></ListBucketResult>";
    let (store, _) = scripted(&[page_of_keys(first), page_of_keys(second)]).await;
    let entries = store.list("", None, 10).await.unwrap();
    assert_eq!(
        entries.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(),
        ["a", "b"]
    );
}

#[tokio::test]
async fn odd_keys_are_listed_as_they_are() {
    let body = "<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                <EncodingType>url</EncodingType>\
                <Contents><Key>p/%00%1B</Key></Contents><Contents><Key>p/a%2Bb+c&amp;d</Key></Contents>\
                <Contents><Key>p/%C3%BC</Key></Contents></ListBucketResult>";
    let (store, _) = scripted(&[page_of_keys(body)]).await;
    let entries = store.list("", None, 10).await.unwrap();
    let keys: Vec<_> = entries.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys, ["\0\u{1b}", "a+b c&d", "\u{fc}"]);
}

#[tokio::test]
async fn versions_without_an_end_are_refused() {
    let round = "<ListVersionsResult><IsTruncated>true</IsTruncated><NextKeyMarker>p/a</NextKeyMarker>\
                 <Version><Key>p/a</Key><VersionId>1</VersionId></Version></ListVersionsResult>";
    let other =
        "<ListVersionsResult><IsTruncated>true</IsTruncated><NextKeyMarker>p/b</NextKeyMarker></ListVersionsResult>";
    let nowhere = "<ListVersionsResult><IsTruncated>true</IsTruncated></ListVersionsResult>";
    for pages in [
        vec![round],
        vec![round, other, round],
        vec![nowhere],
        vec![round, nowhere],
    ] {
        let replies: Vec<_> = std::iter::once(VERSIONED)
            .chain(pages.into_iter().map(page_of_keys))
            .collect();
        let (store, seen) = scripted(&replies).await;
        let error = store.versions("").await.unwrap_err();
        assert!(error.to_string().contains("does not say where"), "{error}");
        assert!(seen.lock().unwrap().len() <= 4);
    }
}
