//! The requests on the wire and the handling of each response, with a scripted server in this process: a real one cannot
//! be told to lose a reply.

mod listings;
mod odd;
mod scripted;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use self::scripted::Reply::{Answer, Nothing};
use self::scripted::{OK, Reply, Script, coded, header, object, played, played_with, refusal, scripted};
use crate::config::{Encryption, ObjectSettings};
use crate::error::Kind;
use crate::record::hash::Hash;
use crate::store::removal::{Removal as _, Removed};
use crate::store::{Creation, Store};

#[tokio::test]
async fn a_create_is_one_put_with_the_condition_and_one_hash_for_checksum_and_signature() {
    let (store, seen) = scripted(&[OK]).await;
    assert_eq!(store.create("a/b=c", object()).await.unwrap(), Creation::Created);
    let seen = seen.lock().unwrap();
    let [(head, body_bytes)] = &seen[..] else {
        panic!("{seen:?}")
    };
    let hash = Hash::of(b"twelve bytes");
    assert!(head.starts_with("put /bucket/p/a/b%3dc"), "{head}");
    assert_eq!(*body_bytes, 12);
    assert_eq!(header(head, "if-none-match"), Some("*"));
    assert_eq!(header(head, "x-amz-content-sha256"), Some(hash.to_string().as_str()));
    assert_eq!(
        header(head, "x-amz-checksum-sha256"),
        Some(BASE64.encode(hash.0).to_lowercase().as_str())
    );
    for absent in [
        "x-amz-trailer",
        "transfer-encoding",
        "content-encoding",
        "x-amz-checksum-crc32",
        "expect",
    ] {
        assert_eq!(header(head, absent), None, "{head}");
    }
}

#[tokio::test]
async fn encryption_storage_class_tags_and_owner_are_sent_as_set() {
    let script = Script {
        replies: vec![OK],
        head: refusal(404),
    };
    let (store, seen) = played_with(script, |settings| {
        settings.objects = ObjectSettings {
            encryption: Some(Encryption::Kms {
                key_id: Some("alias/audit".to_owned()),
                bucket_key: true,
            }),
            storage_class: Some("GLACIER_IR".to_owned()),
            tags: vec![("team".to_owned(), "a b".to_owned())],
        };
        settings.expected_owner = Some("123456789012".to_owned());
    })
    .await;
    store.create("a", object()).await.unwrap();
    let _not_an_object = store.get("a", 1000).await;
    let seen = seen.lock().unwrap();
    let [(create, _), (get, _)] = &seen[..2] else {
        panic!("{seen:?}")
    };
    for (name, value) in [
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "alias/audit"),
        ("x-amz-server-side-encryption-bucket-key-enabled", "true"),
        ("x-amz-storage-class", "glacier_ir"),
        ("x-amz-tagging", "team=a%20b"),
        ("x-amz-expected-bucket-owner", "123456789012"),
    ] {
        assert_eq!(header(create, name), Some(value), "{create}");
    }
    assert_eq!(
        header(get, "x-amz-expected-bucket-owner"),
        Some("123456789012"),
        "{get}"
    );
    let signed = header(get, "authorization").unwrap();
    assert!(signed.contains("x-amz-expected-bucket-owner"), "{signed}");
}

#[tokio::test]
async fn a_lost_reply_followed_by_a_412_is_exists() {
    let (store, seen) = scripted(&[Nothing, refusal(412)]).await;
    assert_eq!(store.create("a", object()).await.unwrap(), Creation::Exists);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 2);
    assert!(
        seen.iter().all(|(head, _)| header(head, "if-none-match") == Some("*")),
        "{seen:?}"
    );
}

#[tokio::test]
async fn after_a_lost_reply_the_bytes_are_not_sent_again_if_the_object_exists() {
    for (head, created) in [
        (OK, Some(Creation::Exists)),
        (refusal(404), None),
        (Answer(200, "", ""), None),
    ] {
        let (store, seen) = played(Script {
            replies: vec![Nothing],
            head,
        })
        .await;
        assert_eq!(store.create("a", object()).await.ok(), created);
        assert_eq!(seen.lock().unwrap().len(), if created.is_some() { 1 } else { 3 });
    }
}

#[tokio::test]
async fn a_409_of_a_concurrent_create_is_retried() {
    let (store, _) = scripted(&[refusal(409), OK]).await;
    assert_eq!(store.create("a", object()).await.unwrap(), Creation::Created);
    let (store, _) = scripted(&[refusal(409), refusal(412)]).await;
    assert_eq!(store.create("a", object()).await.unwrap(), Creation::Exists);
}

#[tokio::test]
async fn a_failing_server_is_retried_as_often_as_set_and_then_a_transient_error() {
    for reply in [refusal(503), refusal(500), refusal(409), Nothing] {
        let (store, seen) = scripted(&[reply]).await;
        assert_eq!(store.create("a", object()).await.unwrap_err().kind(), Kind::Transient);
        assert_eq!(seen.lock().unwrap().len(), 3);
    }
}

#[tokio::test]
async fn throttling_under_any_status_and_what_passes_by_itself_is_retried() {
    for (status, code) in [
        (400, "ThrottlingException"),
        (400, "RequestLimitExceeded"),
        (400, "KMS.ThrottlingException"),
        (400, "RequestTimeout"),
        (403, "RequestTimeTooSkewed"),
        (409, "OperationAborted"),
        (429, "TooManyRequestsException"),
        (503, "SlowDown"),
        (507, "XMinioStorageFull"),
    ] {
        let (store, seen) = scripted(&[coded(status, code), OK]).await;
        assert_eq!(store.create("a", object()).await.unwrap(), Creation::Created, "{code}");
        assert_eq!(seen.lock().unwrap().len(), 2, "{code}");
    }
}

#[tokio::test]
async fn after_an_expired_token_the_request_is_repeated_with_credentials_that_are_loaded_anew() {
    for code in ["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"] {
        let (store, seen) = scripted(&[OK, coded(400, code), OK]).await;
        store.create("a", object()).await.unwrap();
        assert_eq!(store.create("b", object()).await.unwrap(), Creation::Created);
        let seen = seen.lock().unwrap();
        let keys: Vec<_> = seen
            .iter()
            .map(|(head, _)| head.split("credential=").nth(1).unwrap().split('/').next().unwrap())
            .collect();
        assert_eq!(keys, ["key-0", "key-0", "key-1"], "{code}");
    }
}

/// MinIO refuses to remove a locked object with the status that AWS has for throttling.
#[tokio::test]
async fn a_throttled_removal_is_not_taken_for_a_lock() {
    let unversioned = Answer(200, "content-length: 26\r\n", "<VersioningConfiguration/>");
    let removed = Answer(204, "", "");
    let (store, seen) = scripted(&[unversioned, coded(400, "ThrottlingException"), removed]).await;
    assert_eq!(store.remove("a").await.unwrap(), Removed::Gone);
    let deletes = seen
        .lock()
        .unwrap()
        .iter()
        .filter(|(head, _)| head.starts_with("delete "))
        .count();
    assert_eq!(deletes, 2);
}

#[tokio::test]
async fn archived_storage_is_not_retried_and_says_what_to_restore() {
    let (store, seen) = scripted(&[coded(403, "InvalidObjectState")]).await;
    let error = store.get("a", 1000).await.unwrap_err();
    assert!(error.to_string().contains("archived storage"), "{error}");
    assert!(error.to_string().contains("key `a`"), "{error}");
    assert!(error.remedy().contains("restore-object"), "{}", error.remedy());
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_refusal_is_not_retried() {
    for (status, kind) in [(403, Kind::Permission), (400, Kind::Config), (501, Kind::Config)] {
        let (store, seen) = scripted(&[refusal(status)]).await;
        assert_eq!(store.create("a", object()).await.unwrap_err().kind(), kind, "{status}");
        assert_eq!(seen.lock().unwrap().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_read_again() {
    let broken = Answer(200, "etag: \"1\"\r\ncontent-length: 12\r\n", "twel");
    let whole = Answer(200, "etag: \"1\"\r\ncontent-length: 12\r\n", "twelve bytes");
    let (store, _) = scripted(&[broken.clone(), whole]).await;
    assert_eq!(store.get("a", 1000).await.unwrap(), Some(object()));
    let (store, seen) = scripted(&[broken]).await;
    assert_eq!(store.get("a", 1000).await.unwrap_err().kind(), Kind::Transient);
    assert_eq!(seen.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn bytes_that_do_not_match_the_stored_checksum_are_corrupt() {
    let other =
        "etag: \"1\"\r\ncontent-length: 12\r\nx-amz-checksum-sha256: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\r\n";
    let (store, seen) = scripted(&[Answer(200, other, "twelve bytes")]).await;
    assert_eq!(store.get("a", 1000).await.unwrap_err().kind(), Kind::Corrupt);
    assert_eq!(
        header(&seen.lock().unwrap()[0].0, "x-amz-checksum-mode"),
        Some("enabled")
    );
    let of_parts = "etag: \"1\"\r\ncontent-length: 12\r\nx-amz-checksum-sha256: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=-2\r\n";
    let (store, _) = scripted(&[Answer(200, of_parts, "twelve bytes")]).await;
    assert_eq!(store.get("a", 1000).await.unwrap(), Some(object()));
}

#[tokio::test]
async fn an_object_above_the_limit_is_refused_by_its_announced_length() {
    for announced in ["13", "99999999999999"] {
        // The body never comes: whoever asked for it would wait.
        let headers: &'static str = format!("etag: \"1\"\r\ncontent-length: {announced}\r\n").leak();
        let (store, seen) = scripted(&[Answer(200, headers, "")]).await;
        let error = store.get("a", 12).await.unwrap_err();
        assert!(error.is_too_large(), "{error:?}");
        assert_eq!(seen.lock().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_body_without_an_announced_length_is_read_up_to_the_limit() {
    let reply = Answer(200, "etag: \"1\"\r\n", "twelve bytes");
    let (store, _) = scripted(std::slice::from_ref(&reply)).await;
    assert_eq!(store.get("a", 12).await.unwrap(), Some(object()));
    let (store, _) = scripted(&[reply]).await;
    assert!(store.get("a", 11).await.unwrap_err().is_too_large());
}

#[tokio::test]
async fn a_server_that_ignores_ranges_is_refused() {
    let whole = Answer(200, "etag: \"1\"\r\ncontent-length: 12\r\n", "twelve bytes");
    let (store, seen) = scripted(std::slice::from_ref(&whole)).await;
    assert_eq!(store.tail("a", 11).await.unwrap_err().kind(), Kind::Config);
    assert_eq!(header(&seen.lock().unwrap()[0].0, "range"), Some("bytes=-11"));
    let (store, _) = scripted(&[whole]).await;
    let tail = store.tail("a", 12).await.unwrap().unwrap();
    assert_eq!((tail.object_bytes, tail.end), (12, object()));
}

#[tokio::test]
async fn a_digest_is_computed_from_the_bytes_and_read_again_if_they_break_off() {
    let broken = Answer(200, "etag: \"1\"\r\ncontent-length: 12\r\n", "twel");
    let whole = Answer(200, "etag: \"1\"\r\ncontent-length: 12\r\n", "twelve bytes");
    let (store, seen) = scripted(&[broken, whole]).await;
    let digest = store.digest("a", 12).await.unwrap().unwrap();
    assert_eq!(digest.sha256, Some(Hash::of(b"twelve bytes")));
    assert_eq!(seen.lock().unwrap().len(), 2);
    let other =
        "etag: \"1\"\r\ncontent-length: 12\r\nx-amz-checksum-sha256: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\r\n";
    let (store, _) = scripted(&[Answer(200, other, "twelve bytes")]).await;
    assert_eq!(store.digest("a", 12).await.unwrap_err().kind(), Kind::Corrupt);
}

fn listing(body: &'static str) -> Reply {
    Answer(200, "", body)
}

#[tokio::test]
async fn a_listing_out_of_order_or_without_progress_is_refused() {
    for body in [
        "<ListBucketResult><Contents><Key>p/b</Key></Contents><Contents><Key>p/a</Key></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>elsewhere</Key></Contents></ListBucketResult>",
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>p/a</Key></Contents></ListBucketResult>",
    ] {
        let (store, _) = scripted(&[listing(body)]).await;
        assert_eq!(
            store.list("", None, 10).await.unwrap_err().kind(),
            Kind::Config,
            "{body}"
        );
    }
}

#[tokio::test]
async fn pages_shorter_than_asked_for_are_merged() {
    let first =
        "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>p/a</Key></Contents></ListBucketResult>";
    let second = "<ListBucketResult><Contents><Key>p/b</Key><Size>7</Size></Contents></ListBucketResult>";
    let (store, seen) = scripted(&[listing(first), listing(second)]).await;
    let entries = store.list("", None, 10).await.unwrap();
    assert_eq!(
        (entries[0].key.as_str(), entries[1].key.as_str(), entries[1].bytes),
        ("a", "b", 7)
    );
    assert!(seen.lock().unwrap()[1].0.contains("start-after=p%2fa"), "{seen:?}");
}

#[tokio::test]
async fn a_page_of_a_proxy_is_a_transient_error() {
    let (store, _) = scripted(&[Answer(200, "content-length: 8\r\n", "<html/>\n")]).await;
    assert_eq!(store.create("a", object()).await.unwrap_err().kind(), Kind::Transient);
    for max_bytes in [1000, 1] {
        assert_eq!(store.get("a", max_bytes).await.unwrap_err().kind(), Kind::Transient);
    }
    assert_eq!(store.list("", None, 10).await.unwrap_err().kind(), Kind::Transient);
}
