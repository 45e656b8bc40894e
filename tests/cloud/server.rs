//! An S3 server that keeps objects in memory, and answers chosen requests with a chosen error. It also stands for the places
//! where credentials come from.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use kivend::clock::Clock;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// An answer in place of the server's own.
#[derive(Debug, Clone)]
pub struct Fault {
    pub method: &'static str,
    /// What the path contains.
    pub path: &'static str,
    pub status: u16,
    pub code: &'static str,
    /// How often it is given.
    pub times: usize,
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Request {
    /// In lower case, but for the first line.
    pub head: String,
    pub method: String,
    /// With the query.
    pub path: String,
    pub body: Vec<u8>,
}

type Answer = (u16, String, Vec<u8>);
type Elsewhere = dyn Fn(&Request) -> Option<Answer> + Send + Sync;

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    faults: Vec<Fault>,
    /// Only requests that are signed with this access key id are accepted.
    accepts: Option<String>,
    /// How often a token was called expired.
    expired: usize,
    /// How many seconds this server's clock is ahead; none if it does not look at the time of requests.
    ahead_s: Option<i64>,
    requests: Vec<Request>,
}

/// The server. Its threads end with the test's process.
#[derive(Clone)]
pub struct Server {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    elsewhere: Arc<Elsewhere>,
}

impl Server {
    pub fn start() -> Server {
        Server::with(None, |_| None)
    }

    /// A server with TLS, or whose answers `elsewhere` may give.
    pub fn with(
        tls: Option<Arc<ServerConfig>>,
        elsewhere: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server {
            address: listener.local_addr().unwrap(),
            state: Arc::default(),
            elsewhere: Arc::new(elsewhere),
        };
        let own = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (server, tls) = (own.clone(), tls.clone());
                // An error ends the connection; there is nothing else to do.
                std::thread::spawn(move || match tls {
                    Some(tls) => server.serve(StreamOwned::new(ServerConnection::new(tls).unwrap(), stream)),
                    None => server.serve(stream),
                });
            }
        });
        server
    }

    pub fn add(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    pub fn accept_only(&self, access_key_id: &str) {
        self.state().accepts = Some(access_key_id.to_owned());
    }

    /// Refuses requests whose time is more than a quarter of an hour from the server's, which is this much ahead.
    pub fn set_clock_ahead(&self, seconds: i64) {
        self.state().ahead_s = Some(seconds);
    }

    pub fn expired(&self) -> usize {
        self.state().expired
    }

    /// How often faults are still to be given.
    pub fn faults_left(&self) -> usize {
        self.state().faults.iter().map(|fault| fault.times).sum()
    }

    pub fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut stream: impl Read + Write) {
        while let Some(request) = read(&mut stream) {
            let (status, headers, body) = (self.elsewhere)(&request).unwrap_or_else(|| self.answer_in_time(&request));
            // An answer to HEAD has the length of the body that it does not have.
            let sent = if request.method == "HEAD" { &[][..] } else { &body[..] };
            let head = format!(
                "HTTP/1.1 {status} Told\r\n{headers}content-length: {}\r\n\r\n",
                body.len()
            );
            if stream
                .write_all(&[head.as_bytes(), sent].concat())
                .and_then(|()| stream.flush())
                .is_err()
            {
                return;
            }
        }
    }

    /// The answer, with the server's time if it has a clock of its own.
    fn answer_in_time(&self, request: &Request) -> Answer {
        let Some(ahead_s) = self.state().ahead_s else {
            return self.answer(request);
        };
        let here = Clock::start().wall() + SignedDuration::from_secs(ahead_s);
        let sent = request.head.lines().find_map(|line| line.strip_prefix("x-amz-date: "));
        let sent = sent.and_then(|sent| strtime::parse("%Y%m%dt%H%M%Sz", sent.trim()).ok()?.to_datetime().ok());
        let is_near = sent
            .and_then(|sent| TimeZone::UTC.to_timestamp(sent).ok())
            .is_some_and(|sent| sent.duration_since(here).abs() < SignedDuration::from_mins(15));
        let (status, headers, body) = if is_near {
            self.answer(request)
        } else {
            self.state().requests.push(request.clone());
            error(403, "RequestTimeTooSkewed")
        };
        let date = strtime::format("%a, %d %b %Y %H:%M:%S GMT", TimeZone::UTC.to_datetime(here)).unwrap();
        (status, format!("{headers}date: {date}\r\n"), body)
    }

    fn answer(&self, request: &Request) -> Answer {
        let mut state = self.state();
        state.requests.push(request.clone());
        let signer = request
            .head
            .split("credential=")
            .nth(1)
            .and_then(|rest| rest.split('/').next());
        let signer = signer.unwrap_or_default().to_owned();
        if state
            .accepts
            .as_ref()
            .is_some_and(|accepted| accepted.to_lowercase() != signer)
        {
            state.expired += 1;
            return error(400, "ExpiredToken");
        }
        let hit =
            |fault: &&mut Fault| fault.times > 0 && fault.method == request.method && request.path.contains(fault.path);
        if let Some(fault) = state.faults.iter_mut().find(hit) {
            fault.times -= 1;
            return error(fault.status, fault.code);
        }
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let key = decoded(path.trim_start_matches('/').split_once('/').map_or("", |(_, key)| key));
        let etag = "etag: \"1\"\r\n".to_owned();
        match (request.method.as_str(), key.is_empty()) {
            ("PUT", _) if state.objects.contains_key(&key) => error(412, "PreconditionFailed"),
            ("PUT", _) => {
                state.objects.insert(key, request.body.clone());
                (200, etag, Vec::new())
            }
            (_, true) if query.contains("list-type=2") => (200, String::new(), listing(&state.objects, query)),
            (_, true) => (200, String::new(), b"<VersioningConfiguration/>".to_vec()),
            _ => match state.objects.get(&key) {
                None => error(404, "NoSuchKey"),
                Some(object) => whole_or_end(object, &request.head, etag),
            },
        }
    }
}

fn whole_or_end(object: &[u8], head: &str, etag: String) -> Answer {
    let last = head.lines().find_map(|line| line.strip_prefix("range: bytes=-"));
    match last.and_then(|last| last.trim().parse::<usize>().ok()) {
        None => (200, etag, object.to_vec()),
        Some(last) => {
            let from = object.len().saturating_sub(last);
            let range = format!("content-range: bytes {from}-{}/{}\r\n", object.len() - 1, object.len());
            (206, etag + &range, object[from..].to_vec())
        }
    }
}

fn error(status: u16, code: &str) -> Answer {
    let body = format!("<Error><Code>{code}</Code><Message>told</Message></Error>");
    (
        status,
        "content-type: application/xml\r\n".to_owned(),
        body.into_bytes(),
    )
}

fn listing(objects: &BTreeMap<String, Vec<u8>>, query: &str) -> Vec<u8> {
    let parameter = |name: &str| {
        let found = query
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        decoded(found.unwrap_or_default())
    };
    let (prefix, after) = (parameter("prefix"), parameter("start-after"));
    let limit: usize = parameter("max-keys").parse().unwrap_or(1_000);
    let listed = objects
        .iter()
        .filter(|(key, _)| key.starts_with(&prefix) && **key > after);
    let mut listed: Vec<_> = listed.take(limit + 1).collect();
    let more = listed.len() > limit;
    listed.truncate(limit);
    let contents: String = listed
        .iter()
        .map(|(key, object)| format!("<Contents><Key>{key}</Key><Size>{}</Size></Contents>", object.len()))
        .collect();
    format!("<ListBucketResult><IsTruncated>{more}</IsTruncated>{contents}</ListBucketResult>").into_bytes()
}

fn read(stream: &mut impl Read) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 << 10];
    let mut more = |bytes: &mut Vec<u8>| match stream.read(&mut buffer) {
        Ok(count @ 1..) => {
            bytes.extend_from_slice(&buffer[..count]);
            Some(())
        }
        _ => None,
    };
    let length = loop {
        match bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(end) => break end + 4,
            None => more(&mut bytes)?,
        }
    };
    let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
    let (first, rest) = text.split_once("\r\n")?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let head = rest.to_lowercase();
    let announced = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let announced: usize = announced.map_or(0, |length| length.trim().parse().unwrap());
    while bytes.len() < length + announced {
        more(&mut bytes)?;
    }
    Some(Request {
        head,
        method,
        path,
        body: bytes[length..].to_vec(),
    })
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = std::str::from_utf8(after.get(..2).unwrap_or_default()).ok();
        match hex
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
            .filter(|_| first == b'%')
        {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// A proxy that connects as it is asked (CONNECT). Returns its address, and the lines that asked.
pub fn proxy() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let seen = Arc::clone(&asked);
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let seen = Arc::clone(&seen);
            std::thread::spawn(move || drop(connect(client, &seen)));
        }
    });
    (address, asked)
}

fn connect(mut client: TcpStream, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let Some(request) = read(&mut client) else {
        return Ok(());
    };
    let auth = request
        .head
        .lines()
        .find(|line| line.starts_with("proxy-authorization"))
        .unwrap_or_default();
    let asked = format!("{} {} {auth}", request.method, request.path);
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    let mut server = TcpStream::connect(&request.path)?;
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
    let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || drop(std::io::copy(&mut from_server, &mut to_client)));
    std::io::copy(&mut client, &mut server).map(drop)
}
