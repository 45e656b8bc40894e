//! Finds connections in plaintext to another machine, which need an explicit setting. Decides by names alone: it does not
//! resolve them.

use std::net::IpAddr;

use crate::config::properties::Properties;

/// The first broker on another machine, if the connection is not encrypted.
pub(super) fn plaintext_broker<'b>(brokers: &'b [String], properties: &'b Properties) -> Option<&'b str> {
    let protocol = properties.get("security.protocol").unwrap_or("plaintext");
    if protocol.eq_ignore_ascii_case("ssl") || protocol.eq_ignore_ascii_case("sasl_ssl") {
        return None;
    }
    // librdkafka's names for the list of brokers override `kafka.brokers`.
    let named = ["bootstrap.servers", "metadata.broker.list"];
    let others = named
        .iter()
        .filter_map(|name| properties.get(name))
        .flat_map(|list| list.split(','));
    brokers.iter().map(String::as_str).chain(others).find(|broker| {
        let host = broker.trim().rsplit_once(':').map_or(broker.trim(), |(host, _)| host);
        !is_local(host)
    })
}

/// Whether the endpoint is on another machine and not encrypted.
pub(super) fn is_plaintext_endpoint(endpoint: &str) -> bool {
    let Some(rest) = endpoint.strip_prefix("http://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    !is_local(host)
}

/// Whether `host` is a name or address of this machine.
fn is_local(host: &str) -> bool {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        // RFC 6761: names below `localhost` stay on the machine.
        Err(_) => {
            let name = bare.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_and_addresses_are_local() {
        for local in [
            "localhost",
            "LOCALHOST.",
            "kafka.localhost",
            "127.0.0.1",
            "127.8.8.8",
            "::1",
            "[::1]",
        ] {
            assert!(is_local(local), "{local}");
        }
        for far in [
            "",
            "localhost.example",
            "notlocalhost",
            "10.0.0.1",
            "0.0.0.0",
            "kafka-1",
            "127.0.0.1.example",
            "::",
        ] {
            assert!(!is_local(far), "{far}");
        }
        for far in [
            "http://minio:9000",
            "http://10.0.0.7",
            "http://[fe80::1]:9000/",
            "http://localhost@evil",
        ] {
            assert!(is_plaintext_endpoint(far), "{far}");
        }
        for fine in [
            "",
            "https://minio:9000",
            "http://localhost:9000",
            "http://[::1]:9000",
            "http://127.0.0.1/x",
        ] {
            assert!(!is_plaintext_endpoint(fine), "{fine}");
        }
    }

    #[test]
    fn encrypted_brokers_may_be_anywhere() {
        let brokers = ["localhost:9092".to_owned(), "kafka-2:9092".to_owned()];
        let by = |protocol: &str| -> Properties {
            [("security.protocol".to_owned(), protocol.to_owned())]
                .into_iter()
                .collect()
        };
        assert_eq!(plaintext_broker(&brokers, &Properties::default()), Some("kafka-2:9092"));
        assert_eq!(plaintext_broker(&brokers, &by("SASL_PLAINTEXT")), Some("kafka-2:9092"));
        assert_eq!(plaintext_broker(&brokers, &by("sasl_ssl")), None);
        assert_eq!(plaintext_broker(&brokers, &by("SSL")), None);
        assert_eq!(plaintext_broker(&brokers[..1], &Properties::default()), None);
    }
}
