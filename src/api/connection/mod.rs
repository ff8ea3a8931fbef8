//! Connections of clients, from the accepted socket to the bytes that actix reads and writes.
//!
//! `timed_stream` disconnects clients that do not read, `http_socket` has TLS or plain TCP above it, `http_stream` adds a
//! body to the bare errors of actix (`bare`), and `accept` makes one from the other. `registry` counts connections
//! within their `limits`, and closes those that idle or stall: `state` is what it knows of each.

mod accept;
mod bare;
mod http_socket;
mod http_stream;
mod limits;
mod registry;
mod state;
mod timed_stream;

pub use accept::{Acceptor, MAX_REFUSALS};
pub use http_stream::HttpStream;
pub use limits::{ClientNetwork, ConnectionLimits};
pub use registry::{ConnectionRegistry, MAX_CLOSING};
pub use state::ConnectionState;
