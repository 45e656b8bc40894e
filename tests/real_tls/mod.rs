//! TLS to real servers whose certificates a private authority signed. Each test creates its certificates with openssl,
//! and starts and stops its own servers.

mod certificates;
mod kafka;
mod store;
mod witness;
