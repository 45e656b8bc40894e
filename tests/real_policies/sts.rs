//! Gets credentials that a policy restricts from the server's token service: AssumeRole with the policy in the request,
//! signed with AWS Signature Version 4 here, because no client of that service is among the dependencies.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use aws_sdk_s3::config::Credentials;
use kivend::clock::Clock;
use kivend::record::hash::Hash;

use crate::fixture::servers::variable;

const BLOCK: usize = 64;

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = if key.len() > BLOCK {
        Hash::of(key).0.to_vec()
    } else {
        key.to_vec()
    };
    block.resize(BLOCK, 0);
    let pad = |byte: u8| block.iter().map(move |key| key ^ byte);
    let inner: Vec<u8> = pad(0x36).chain(message.iter().copied()).collect();
    let outer: Vec<u8> = pad(0x5c).chain(Hash::of(&inner).0).collect();
    Hash::of(&outer).0.to_vec()
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let of_byte = |byte| {
        if plain(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(of_byte).collect()
}

/// Credentials with the rights of this policy. The error is the server's refusal of the policy.
pub fn assume(policy: &str) -> Result<Credentials, String> {
    let endpoint = variable("KIVEND_STORE__ENDPOINT");
    let host = endpoint.trim_start_matches("http://");
    let body = format!(
        "Action=AssumeRole&Version=2011-06-15&DurationSeconds=900&Policy={}",
        encoded(policy)
    );
    let now = Clock::start().wall().strftime("%Y%m%dT%H%M%SZ").to_string();
    let (day, region) = (&now[..8], variable("KIVEND_STORE__REGION"));
    let scope = format!("{day}/{region}/sts/aws4_request");
    let signed = "content-type;host;x-amz-date";
    let media = "application/x-www-form-urlencoded";
    let payload = Hash::of(body.as_bytes());
    let canonical = format!("POST\n/\n\ncontent-type:{media}\nhost:{host}\nx-amz-date:{now}\n\n{signed}\n{payload}");
    let to_sign = format!("AWS4-HMAC-SHA256\n{now}\n{scope}\n{}", Hash::of(canonical.as_bytes()));
    let secret = format!("AWS4{}", variable("AWS_SECRET_ACCESS_KEY")).into_bytes();
    let parts = [day, &region, "sts", "aws4_request", &to_sign];
    let signature = parts.iter().fold(secret, |key, part| hmac(&key, part.as_bytes()));
    let signature: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}",
        variable("AWS_ACCESS_KEY_ID")
    );
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: {media}\r\nX-Amz-Date: {now}\r\nAuthorization: {authorization}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(host).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let element = |name: &str| {
        let (_, rest) = answer.split_once(&format!("<{name}>"))?;
        Some(rest.split_once('<')?.0.to_owned())
    };
    let credentials = (|| {
        let (id, secret) = (element("AccessKeyId")?, element("SecretAccessKey")?);
        Some(Credentials::new(id, secret, element("SessionToken"), None, "tests"))
    })();
    credentials.ok_or(answer)
}
