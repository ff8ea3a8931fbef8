//! Says at start who may use the API.

use std::net::IpAddr;

use tracing::{info, warn};

use crate::domain::access::Access;

/// Logs who may use an API that listens on `address`.
pub fn log(access: &Access, address: IpAddr, cors_origins: &[String]) {
    if let Access::Tokens { .. } = access {
        info!(
            event = "api.tokens_demanded",
            "API demands a token of every request, except for probes and its description"
        );
        return;
    }
    if address.to_canonical().is_loopback() {
        info!(
            event = "api.open_on_loopback",
            "API demands no tokens: every program of this machine may read, submit, cancel and drain"
        );
    } else {
        warn!(
            event = "api.open_to_network",
            "API demands no tokens: everything that reaches it may read, submit, cancel and drain"
        );
    }
    if cors_origins.iter().any(|origin| origin == "*") {
        warn!(
            event = "api.open_to_web_pages",
            "API demands no tokens and CORS_ORIGINS allows every origin: any web page may use it"
        );
    }
}
