//! TLS to real servers whose certificates an authority of its own signed. The certificates are openssl's, made for each
//! test; the servers are the test's own and end with it.

mod certificates;
mod kafka;
mod store;
