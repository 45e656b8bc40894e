//! Credentials from where people have them: a profile with SSO, a program, a web identity, a container, an instance.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::server::{Request, Server};
use super::shop::{Shop, ended};

const END: &str = "2099-01-01T00:00:00Z";

fn json(id: &str) -> String {
    format!(
        "{{\"Code\":\"Success\",\"Type\":\"AWS-HMAC\",\"AccessKeyId\":\"{id}\",\"SecretAccessKey\":\"secret\",\
         \"Token\":\"token\",\"Expiration\":\"{END}\"}}"
    )
}

/// The places in the network where credentials come from.
fn sources(request: &Request) -> Option<(u16, String, Vec<u8>)> {
    let path = request.path.as_str();
    let body = match (request.method.as_str(), path) {
        ("GET", "/container") => json("of-container"),
        ("PUT", "/latest/api/token") => "imds-token".to_owned(),
        // Without the token of version 2 the instance tells nothing.
        ("GET", _)
            if path.starts_with("/latest/") && !request.head.contains("x-aws-ec2-metadata-token: imds-token") =>
        {
            return Some((401, String::new(), Vec::new()));
        }
        ("GET", "/latest/meta-data/iam/security-credentials/") => "role".to_owned(),
        ("GET", "/latest/meta-data/iam/security-credentials/role") => json("of-instance"),
        ("GET", _) if path.starts_with("/federation/credentials") => {
            "{\"roleCredentials\":{\"accessKeyId\":\"of-sso\",\"secretAccessKey\":\"secret\",\
             \"sessionToken\":\"token\",\"expiration\":4070908800000}}"
                .to_owned()
        }
        ("POST", "/") => format!(
            "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>of-web-identity</AccessKeyId>\
             <SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken><Expiration>{END}</Expiration>\
             </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
        ),
        _ => return None,
    };
    let headers = match path {
        "/latest/api/token" => "x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n",
        _ => "",
    };
    Some((200, headers.to_owned(), body.into_bytes()))
}

struct Scene {
    server: Server,
    shop: Shop,
}

impl Scene {
    fn new() -> Scene {
        let server = Server::with(None, sources);
        let shop = Shop::at(&server);
        Scene { server, shop }
    }

    /// Runs the command, which must be signed with these credentials alone.
    fn works_as(&self, id: &str, command: Command) {
        self.server.accept_only(id);
        let (code, stderr) = ended(command);
        assert_eq!(code, 0, "{id}: {stderr}");
        assert_eq!(self.server.expired(), 0, "{id}");
    }

    fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }
}

#[test]
fn credentials_are_found_where_people_have_them() {
    let scene = Scene::new();
    let archive = ["archive"];
    let mut container = scene.shop.bare(&archive);
    container.env(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        format!("{}/container", scene.url()),
    );
    scene.works_as("of-container", container);

    let verify = ["files"];
    let mut instance = scene.shop.bare(&verify);
    instance
        .env_remove("AWS_EC2_METADATA_DISABLED")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", scene.url());
    scene.works_as("of-instance", instance);

    let token = scene.shop.path().join("token");
    std::fs::write(&token, "web token").unwrap();
    let mut web = scene.shop.bare(&verify);
    web.env("AWS_WEB_IDENTITY_TOKEN_FILE", &token)
        .env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/archiver")
        .env("AWS_ENDPOINT_URL_STS", scene.url());
    scene.works_as("of-web-identity", web);

    let cache = scene.shop.path().join(".aws/sso/cache");
    std::fs::create_dir_all(&cache).unwrap();
    // The name is the SHA-1 of the session's name, `shop`.
    std::fs::write(
        cache.join("5042d146667518a1a5017644946b8650aafca44c.json"),
        format!("{{\"accessToken\":\"signed-in\",\"expiresAt\":\"{END}\",\"region\":\"us-east-1\",\"startUrl\":\"https://shop\"}}"),
    )
    .unwrap();
    let mut sso = scene.shop.with_files(
        &verify,
        "[profile people]\nsso_session = shop\nsso_account_id = 123456789012\nsso_role_name = archiver\n\
         [sso-session shop]\nsso_region = us-east-1\nsso_start_url = https://shop\n",
    );
    sso.env("AWS_PROFILE", "people")
        .env("AWS_ENDPOINT_URL_SSO", scene.url());
    scene.works_as("of-sso", sso);
}

/// The program prints other credentials each time; the server accepts those of its second run.
#[test]
fn an_expired_token_of_a_program_is_replaced_by_the_next_one_and_the_request_is_repeated() {
    let scene = Scene::new();
    let (program, count) = (scene.shop.path().join("credentials"), scene.shop.path().join("count"));
    let script = format!(
        "#!/bin/sh\necho x >> '{0}'\nid=$(wc -l < '{0}')\n\
         echo \"{{\\\"Version\\\":1,\\\"AccessKeyId\\\":\\\"run-$((id))\\\",\\\"SecretAccessKey\\\":\\\"s\\\",\\\"SessionToken\\\":\\\"t\\\",\\\"Expiration\\\":\\\"{END}\\\"}}\"\n",
        count.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = format!("[default]\ncredential_process = {}\n", program.display());
    scene.server.accept_only("run-2");
    let (code, stderr) = ended(scene.shop.with_files(&["archive"], &config));
    assert_eq!(code, 0, "{stderr}");
    assert!(scene.server.expired() >= 1);
    assert_eq!(
        std::fs::read_to_string(count).unwrap().lines().count(),
        2,
        "loaded once more, whoever asks"
    );
}

#[test]
fn a_source_of_credentials_that_fails_is_told_with_its_reason() {
    let scene = Scene::new();
    let failing = "[default]\ncredential_process = sh -c \"echo no token >&2; exit 3\"\n";
    let (code, stderr) = ended(scene.shop.with_files(&["files"], failing));
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("no credentials can be loaded")
            && stderr.contains("no token")
            && stderr.contains("credential_process"),
        "{stderr}"
    );
    let signed_out = "[default]\nsso_session = shop\nsso_account_id = 123456789012\nsso_role_name = archiver\n\
                      [sso-session shop]\nsso_region = us-east-1\nsso_start_url = https://shop\n";
    let (code, stderr) = ended(scene.shop.with_files(&["files"], signed_out));
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("aws sso login"), "{stderr}");
    let (code, stderr) = ended(scene.shop.bare(&["files"]));
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("no AWS credentials are found"), "{stderr}");
    assert!(!stderr.contains('\u{fffd}'), "{stderr}");
}
