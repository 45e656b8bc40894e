//! A running archiver, watched through its log and its metrics.

use std::fs::File;
use std::process::{Child, Stdio};

use super::shop::{Shop, terminate};
use crate::fixture::patience::until;

/// A running archiver whose log can be read.
pub struct Daemon<'s> {
    child: Child,
    shop: &'s Shop,
}

impl Daemon<'_> {
    pub fn start(shop: &Shop) -> Daemon<'_> {
        Daemon::start_with(shop, &["--set", "archive.seal_max_idle=1s"])
    }

    pub fn start_with<'s>(shop: &'s Shop, arguments: &[&str]) -> Daemon<'s> {
        let log = File::create(shop.folder().join("daemon.log")).unwrap();
        let mut command = shop.archiver(arguments);
        command.env("KIVEND_TELEMETRY__LISTEN", "127.0.0.1:0");
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Daemon { child, shop }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.shop.folder().join("daemon.log")).unwrap()
    }

    pub fn says(&self, what: &str) {
        until(what, || self.log().contains(what));
    }

    /// The response of `/metrics`.
    pub fn metrics(&self) -> String {
        self.get("/metrics").1
    }

    /// The status and the response of a path.
    pub fn get(&self, path: &str) -> (u16, String) {
        use std::io::{Read as _, Write as _};
        let log = self.log();
        let (_, rest) = log.split_once("127.0.0.1:").unwrap();
        let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let mut stream = std::net::TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())
            .unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        let status = page.split(' ').nth(1).unwrap().parse().unwrap();
        (status, page)
    }

    pub fn finish(mut self) -> Option<i32> {
        terminate(&mut self.child);
        self.child.wait().unwrap().code()
    }
}
