//! Validates the address of a broker.

use crate::config::invalid::{Invalid, require};

/// A broker is `host:port`, with an IPv6 address in brackets.
pub(super) fn check_broker(broker: &str) -> Result<(), Invalid> {
    let parts = broker.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let port = parts.map(|(_, port)| port.parse::<u16>());
    require(
        matches!(port, Some(Ok(1..))),
        "kafka.brokers",
        format!("a broker must be `host:port`, not `{broker}`"),
    )?;
    let host = parts.map_or("", |(host, _)| host);
    require(
        !has_bare_colons(host),
        "kafka.brokers",
        format!("an IPv6 address must be in brackets, such as [::1]:9092, not `{broker}`"),
    )
}

/// Whether the host is an IPv6 address without the brackets that separate it from a port.
fn has_bare_colons(host: &str) -> bool {
    host.contains(':') && !(host.starts_with('[') && host.ends_with(']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_has_a_host_and_a_port() {
        for fine in ["kafka-1:9092", "127.0.0.1:1", "[::1]:9092", "[fd00::7]:65535"] {
            assert_eq!(check_broker(fine), Ok(()), "{fine}");
        }
        for wrong in [
            "",
            "kafka",
            "kafka:",
            ":9092",
            "kafka:0",
            "kafka:65536",
            "::1",
            "::1:9092",
            "fd00::7:9092",
        ] {
            assert!(check_broker(wrong).is_err(), "{wrong}");
        }
        assert!(check_broker("::1:9092").unwrap_err().reason.contains("[::1]:9092"));
    }
}
