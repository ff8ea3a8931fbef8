//! Connections of clients, from the accepted socket to the bytes that actix reads and writes.
//!
//! `timed_stream` disconnects clients that do not read, `http_socket` has TLS or plain TCP above it, `http_stream` adds a
//! body to the bare errors of actix (`bare`), and `accept` makes one from the other.

mod accept;
mod bare;
mod http_socket;
mod http_stream;
mod timed_stream;

pub use accept::Acceptor;
