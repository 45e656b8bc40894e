//! The variables that Kubernetes sets in every pod for each Service of its namespace. Those of a Service whose name begins with
//! `kivend` look like settings.

/// Whether Kubernetes sets such a variable for a Service: `<NAME>_SERVICE_HOST`, `<NAME>_SERVICE_PORT`,
/// `<NAME>_SERVICE_PORT_<PORT NAME>`, `<NAME>_PORT` with a URL, and `<NAME>_PORT_<number>_<protocol>` with what follows.
/// Settings of tables have two underscores in their variables, which these have not.
pub(super) fn is_service_variable(name: &str, value: &str) -> bool {
    let Some(rest) = name.strip_prefix("KIVEND").filter(|rest| !rest.contains("__")) else {
        return false;
    };
    rest.ends_with("_SERVICE_HOST")
        || rest.ends_with("_SERVICE_PORT")
        || rest.contains("_SERVICE_PORT_")
        || (rest.ends_with("_PORT") && value.contains("://"))
        || rest
            .match_indices("_PORT_")
            .any(|(at, found)| is_port(&rest[at + found.len()..]))
}

/// `9000_TCP`, or with `_PROTO`, `_PORT` or `_ADDR` after it.
fn is_port(text: &str) -> bool {
    let mut parts = text.split('_');
    let number = parts.next().is_some_and(|part| part.parse::<u16>().is_ok());
    let protocol = parts.next().is_some_and(|part| matches!(part, "TCP" | "UDP" | "SCTP"));
    let what = parts
        .next()
        .is_none_or(|part| matches!(part, "PROTO" | "PORT" | "ADDR"));
    number && protocol && what && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_a_service_are_told_from_settings() {
        for (name, value) in [
            ("KIVEND_SERVICE_HOST", "10.0.0.7"),
            ("KIVEND_SERVICE_PORT", "9464"),
            ("KIVEND_SERVICE_PORT_METRICS", "9464"),
            ("KIVEND_PORT", "tcp://10.0.0.7:9464"),
            ("KIVEND_PORT_9464_TCP", "tcp://10.0.0.7:9464"),
            ("KIVEND_PORT_9464_TCP_PROTO", "tcp"),
            ("KIVEND_PORT_9464_TCP_PORT", "9464"),
            ("KIVEND_PORT_9000_UDP_ADDR", "10.0.0.7"),
            ("KIVEND_ARCHIVER_METRICS_SERVICE_HOST", "10.0.0.7"),
            ("KIVEND_ARCHIVER_PORT", "tcp://10.0.0.7:9464"),
            ("KIVEND_ARCHIVER_PORT_9464_TCP_ADDR", "10.0.0.7"),
        ] {
            assert!(is_service_variable(name, value), "{name}");
        }
        for (name, value) in [
            ("KIVEND_PORT", "9464"),
            ("KIVEND_TOPIC_PREFIX", "tcp://"),
            ("KIVEND_TELEMETRY__PORT", "tcp://10.0.0.7:9464"),
            ("KIVEND_STORE__SERVICE_HOST", "10.0.0.7"),
            ("KIVEND_PORT_9464_HTTP", "x"),
            ("KIVEND_PORT_9464_TCP_NAME", "x"),
            ("OTHER_SERVICE_HOST", "10.0.0.7"),
        ] {
            assert!(!is_service_variable(name, value), "{name}");
        }
    }
}
