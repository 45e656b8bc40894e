//! Why no broker answers. librdkafka only says that a request timed out, so the addresses are tried again.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use crate::clock::Clock;

/// How long all addresses together may take.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// The addresses, each with what happens to a connection to it: `kafka-1:9092 (connection refused), …`.
pub(super) fn described(brokers: &str) -> String {
    let clock = Clock::start();
    let asked: Vec<(&str, Receiver<String>)> = brokers.split(',').map(|broker| (broker, probe(broker))).collect();
    let described = asked.into_iter().map(|(broker, answer)| {
        let left = PATIENCE.saturating_sub(Duration::from_millis(clock.monotonic_ms()));
        let what = answer.recv_timeout(left);
        format!("{broker} ({})", what.as_deref().unwrap_or("no connection in time"))
    });
    described.collect::<Vec<_>>().join(", ")
}

/// Connects in a thread of its own, because looking up a name has no time limit. The thread ends by itself.
fn probe(broker: &str) -> Receiver<String> {
    let (told, answer) = mpsc::sync_channel(1);
    let address = broker.to_owned();
    let probing = move || {
        // The receiver is gone if this took too long.
        let _ = told.send(outcome(&address));
    };
    // Without a thread the channel is closed, which reads like no connection in time.
    drop(thread::Builder::new().name("probe-broker".to_owned()).spawn(probing));
    answer
}

fn outcome(address: &str) -> String {
    let found: Vec<SocketAddr> = match address.to_socket_addrs() {
        Ok(found) => found.collect(),
        Err(_) => return "the name is not known".to_owned(),
    };
    let mut last = "the name has no address".to_owned();
    for address in found {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(_) => return "accepts connections, but does not answer as a Kafka broker".to_owned(),
            Err(error) => last = reason(&error),
        }
    }
    last
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        std::io::ErrorKind::TimedOut => "no connection in time".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn each_address_is_told_with_what_is_wrong_with_it() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").unwrap();
        let [silent_at, closed_at] = [&silent, &closed].map(|listener| listener.local_addr().unwrap());
        drop(closed);
        assert_eq!(
            described(&format!("{silent_at},{closed_at},nowhere.invalid:9092")),
            format!(
                "{silent_at} (accepts connections, but does not answer as a Kafka broker), \
                 {closed_at} (connection refused), nowhere.invalid:9092 (the name is not known)"
            )
        );
    }
}
