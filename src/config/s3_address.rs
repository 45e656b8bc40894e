//! Validates the address of a bucket: its server, its name, and whether the two fit together in a URL.

use std::net::IpAddr;

use crate::config::invalid::{Invalid, require};

const BUCKET: &str = "store.bucket";
const ENDPOINT: &str = "store.endpoint";

/// Checks the endpoint, which may be empty, and the name of the bucket.
pub(super) fn check(endpoint: &str, bucket: &str, path_style: bool) -> Result<(), Invalid> {
    require(!bucket.is_empty(), BUCKET, "must not be empty")?;
    // An access point is named by its ARN, which has colons and a slash.
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    require(
        bucket.starts_with("arn:") || bucket.chars().all(is_name),
        BUCKET,
        format!(
            "`{bucket}` is not a bucket's name, which has only letters, digits, dots, hyphens and underscores; a folder in it is store.prefix, its server is store.endpoint"
        ),
    )?;
    let authority = endpoint.split("://").nth(1).unwrap_or_default();
    let authority = authority.split('/').next().unwrap_or_default();
    let is_bare = !authority.starts_with('[') && authority.matches(':').count() > 1;
    require(
        !is_bare,
        ENDPOINT,
        format!("an IPv6 address must be in brackets, such as http://[::1]:9000, not `{endpoint}`"),
    )?;
    require(
        path_style || !is_address(authority),
        "store.path_style",
        format!("must be true for a server that is named by its address, as `{endpoint}` is"),
    )
}

/// Whether the host is an IP address, before which no bucket's name can stand.
fn is_address(authority: &str) -> bool {
    if authority.starts_with('[') {
        return true;
    }
    let host = authority.split(':').next().unwrap_or_default();
    host.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_a_name_and_not_a_url_or_a_path() {
        for fine in [
            "kivend",
            "shop-audit.eu_1",
            "OldBucket",
            "arn:aws:s3:eu-west-1:1:accesspoint/audit",
        ] {
            assert_eq!(check("", fine, false), Ok(()), "{fine}");
        }
        for wrong in ["", "s3://audit", "audit/shop", "my bucket", "audit:9000", "büro"] {
            assert_eq!(check("", wrong, false).unwrap_err().key, BUCKET, "{wrong}");
        }
    }

    #[test]
    fn an_ipv6_address_is_in_brackets_and_needs_path_style() {
        for fine in [
            "http://[::1]:9000",
            "https://[fd00::7]",
            "http://127.0.0.1:9000",
            "https://minio:9000/x",
        ] {
            assert_eq!(check(fine, "audit", true), Ok(()), "{fine}");
        }
        assert_eq!(check("http://::1:9000", "audit", true).unwrap_err().key, ENDPOINT);
        for address in ["http://[::1]:9000", "http://127.0.0.1:9000"] {
            assert_eq!(check(address, "audit", false).unwrap_err().key, "store.path_style");
        }
        assert_eq!(check("https://minio:9000", "audit", false), Ok(()));
    }
}
