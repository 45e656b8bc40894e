//! A proxy between an archiver and its store that simulates a bad network: slow, with cut or stalled connections, or
//! with errors in place of the store's answers.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::fixture::servers::variable;
use crate::simulation::dice::Dice;

/// What the proxy does with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Passes them on.
    Fair,
    /// Passes them on late and in pieces.
    Slow,
    /// Cuts most connections in the middle of a request or an answer.
    Cutting,
    /// Holds requests until the weather changes, and then passes them on even if their sender is gone.
    Holding,
    /// Answers writes itself with this status and S3 error code.
    Refusing(u16, &'static str),
}

/// The proxy. Its threads end with the test's process.
pub struct Proxy {
    address: SocketAddr,
    sky: Arc<Sky>,
}

struct Sky {
    weather: Mutex<Weather>,
    dice: Mutex<Dice>,
    /// How many requests were disturbed.
    harmed: AtomicUsize,
    server: String,
}

impl Proxy {
    /// Starts a proxy for the cluster's store.
    pub fn start(dice: Dice) -> Proxy {
        let endpoint = variable("KIVEND_STORE__ENDPOINT");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let sky = Arc::new(Sky {
            weather: Mutex::new(Weather::Fair),
            dice: Mutex::new(dice),
            harmed: AtomicUsize::new(0),
            server: endpoint.trim_start_matches("http://").to_owned(),
        });
        let over = Arc::clone(&sky);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let sky = Arc::clone(&over);
                // An error ends both sides of the connection; there is nothing else to do.
                std::thread::spawn(move || drop(sky.carry(client)));
            }
        });
        Proxy { address, sky }
    }

    /// Points a program at the proxy.
    pub fn lead(&self, command: &mut Command) {
        let endpoint = format!("http://{}", self.address);
        command
            .env("KIVEND_STORE__ENDPOINT", &endpoint)
            .env("AWS_ENDPOINT_URL", endpoint);
    }

    pub fn change(&self, weather: Weather) {
        *lock(&self.sky.weather) = weather;
    }

    pub fn harmed(&self) -> usize {
        self.sky.harmed.load(Ordering::Relaxed)
    }
}

impl Sky {
    fn weather(&self) -> Weather {
        *lock(&self.weather)
    }

    fn carry(self: Arc<Sky>, client: TcpStream) -> std::io::Result<()> {
        let server = TcpStream::connect(&self.server)?;
        let (from_server, to_client) = (server.try_clone()?, client.try_clone()?);
        let back = Arc::clone(&self);
        std::thread::spawn(move || drop(back.pass(from_server, to_client, Direction::ToClient)));
        self.pass(client, server, Direction::ToServer)
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream, direction: Direction) -> std::io::Result<()> {
        let mut buffer = vec![0; 16 << 10];
        loop {
            let count = from.read(&mut buffer)?;
            let bytes = &buffer[..count];
            let passes = match (self.weather(), direction) {
                (Weather::Refusing(status, code), Direction::ToServer) if bytes.starts_with(b"PUT ") => {
                    self.harmed.fetch_add(1, Ordering::Relaxed);
                    refuse(&mut from, bytes, status, code)?;
                    0
                }
                _ => self.disturb(bytes, direction),
            };
            to.write_all(&bytes[..passes])?;
            if passes < count || count == 0 {
                let _gone = from.shutdown(Shutdown::Both);
                return to.shutdown(Shutdown::Both);
            }
        }
    }

    /// Applies the weather; returns how many of the bytes pass before the connection is cut.
    fn disturb(&self, bytes: &[u8], direction: Direction) -> usize {
        match self.weather() {
            Weather::Fair | Weather::Refusing(..) => bytes.len(),
            Weather::Slow => {
                let pause_ms = lock(&self.dice).below(300) as u64;
                self.harmed.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(pause_ms));
                bytes.len()
            }
            Weather::Cutting => {
                let mut dice = lock(&self.dice);
                if dice.permille(800) {
                    return bytes.len();
                }
                self.harmed.fetch_add(1, Ordering::Relaxed);
                dice.below(bytes.len())
            }
            Weather::Holding => {
                if direction == Direction::ToServer {
                    self.harmed.fetch_add(1, Ordering::Relaxed);
                }
                while self.weather() == Weather::Holding {
                    std::thread::sleep(Duration::from_millis(20));
                }
                bytes.len()
            }
        }
    }
}

/// Reads the whole request and answers it as S3 does.
fn refuse(client: &mut TcpStream, beginning: &[u8], status: u16, code: &str) -> std::io::Result<()> {
    let mut request = beginning.to_vec();
    let mut buffer = [0; 16 << 10];
    while wanted(&request).is_none_or(|wanted| request.len() < wanted) {
        match client.read(&mut buffer)? {
            0 => return Ok(()),
            count => request.extend_from_slice(&buffer[..count]),
        }
    }
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>weather</Message></Error>"
    );
    let length = body.len();
    write!(
        client,
        "HTTP/1.1 {status} Refused\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// The length of the request, once its head has arrived.
fn wanted(request: &[u8]) -> Option<usize> {
    let head = String::from_utf8_lossy(request).to_ascii_lowercase();
    let (head, _) = head.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    Some(head.len() + 4 + length.map_or(0, |length| length.trim().parse::<usize>().unwrap()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToServer,
    ToClient,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
