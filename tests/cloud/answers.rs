//! What a cloud answers instead of doing as it is asked.

use super::server::{Fault, Server};
use super::shop::{Shop, ended};

fn fault(method: &'static str, path: &'static str, (status, code): (u16, &'static str), times: usize) -> Fault {
    Fault {
        method,
        path,
        status,
        code,
        times,
    }
}

#[test]
fn throttling_and_what_else_passes_is_waited_for() {
    let server = Server::start();
    let shop = Shop::at(&server);
    for answer in [
        (400, "ThrottlingException"),
        (400, "KMS.ThrottlingException"),
        (429, "TooManyRequestsException"),
        (503, "SlowDown"),
        (403, "RequestTimeTooSkewed"),
        (507, "XMinioStorageFull"),
    ] {
        server.add(fault("PUT", "/data/", answer, 1));
    }
    let (code, stderr) = ended(shop.kivend(&["archive"]));
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(server.faults_left(), 0);
    let (code, stderr) = ended(shop.kivend(&["verify", "--at-rest"]));
    assert_eq!(code, 0, "{stderr}");
}

#[test]
fn a_machine_whose_clock_is_off_archives_with_the_time_of_the_store() {
    let server = Server::start();
    let shop = Shop::at(&server);
    for hours in [-30, 30] {
        server.set_clock_ahead(hours * 3600);
        let (code, stderr) = ended(shop.kivend(&["archive"]));
        assert_eq!(code, 0, "{stderr}");
        shop.ingest_again();
    }
    let data = server.requests().into_iter();
    let data = data.filter(|request| request.method == "PUT" && request.path.contains("/data/"));
    assert!(data.count() >= 4, "both topics, both times");
}

#[test]
fn a_token_of_the_environment_that_has_expired_says_what_to_do() {
    let server = Server::start();
    let shop = Shop::at(&server);
    server.add(fault("PUT", "/data/", (400, "ExpiredToken"), usize::MAX / 2));
    let (code, stderr) = ended(shop.kivend(&["archive"]));
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("has expired") && stderr.contains("set new AWS_ACCESS_KEY_ID"),
        "{stderr}"
    );
}

#[test]
fn archived_storage_stops_one_partition_and_is_told_with_what_to_restore() {
    let server = Server::start();
    let shop = Shop::at(&server);
    assert_eq!(ended(shop.kivend(&["archive"])).0, 0);
    shop.ingest_again();
    server.add(fault(
        "GET",
        "/links/payments",
        (403, "InvalidObjectState"),
        usize::MAX / 2,
    ));
    let (code, stderr) = ended(shop.kivend(&["archive"]));
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("archived storage") && stderr.contains("restore-object"),
        "{stderr}"
    );
    let data = |topic: &str| {
        let created = server.requests().into_iter();
        created
            .filter(|request| request.method == "PUT" && request.path.contains(&format!("/data/{topic}")))
            .count()
    };
    assert_eq!(data("user-events"), 2, "the other topic is archived: {stderr}");
    assert_eq!(data("payments"), 1);
}

#[test]
fn an_unknown_refusal_stops_one_partition_and_the_others_are_archived() {
    let server = Server::start();
    let shop = Shop::at(&server);
    server.add(fault("PUT", "/data/payments", (418, "SomethingNew"), usize::MAX / 2));
    let (code, stderr) = ended(shop.kivend(&["archive"]));
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("SomethingNew") && stderr.contains("payments"),
        "{stderr}"
    );
    assert!(
        server
            .requests()
            .iter()
            .any(|request| request.path.contains("/links/user-events")),
        "the other topic is archived"
    );
}

#[test]
fn an_unknown_refusal_of_an_entry_of_the_log_keeps_no_partition_from_being_archived() {
    let server = Server::start();
    let shop = Shop::at(&server);
    assert_eq!(ended(shop.kivend(&["archive"])).0, 0);
    shop.ingest_again();
    server.add(fault("PUT", "/log/", (418, "SomethingNew"), 1));
    let (code, stderr) = ended(shop.kivend(&["archive"]));
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("SomethingNew") && stderr.contains("log/0000000002"),
        "{stderr}"
    );
    let links = server.requests().into_iter();
    let links = links.filter(|request| request.method == "PUT" && request.path.contains("/links/"));
    assert_eq!(links.count(), 4, "two of each topic: {stderr}");
    let (code, stderr) = ended(shop.kivend(&["archive"]));
    assert_eq!(code, 0, "{stderr}");
    let (code, stderr) = ended(shop.kivend(&["verify", "--at-rest"]));
    assert_eq!(code, 0, "{stderr}");
}
