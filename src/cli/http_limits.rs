//! Limits of the HTTP server: connections, requests in progress, times.

use std::net::IpAddr;
use std::time::Duration;

use clap::Args;
use ipnet::IpNet;

use crate::api::{ConnectionLimits, HttpLimits};
use crate::config::Checker;

/// Open files that are kept for other uses than connections of clients: the database, the broker, connections that
/// are being closed.
const RESERVED_FILES: usize = 384;
/// Default of the maximum number of connections, if the process may open so many files.
const DEFAULT_CONNECTIONS: usize = 10_000;
/// Maximum of every number of connections and requests.
const MOST: usize = 1_000_000;
/// Range of all timeouts.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_hours(1);

/// Limits of the HTTP server.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub struct HttpLimitArgs {
    /// Connections of clients; by default 10,000, or fewer if the process may open fewer files
    ///
    /// Beyond it, connections without a request in progress are closed, first those of the client that has the most.
    /// If there is none, a new connection gets 503 `too_many_connections`.
    #[arg(long, env = "QTASK_MAX_CONNECTIONS", value_name = "N")]
    max_connections: Option<String>,

    /// Connections from one address, or one /64 of IPv6
    #[arg(
        long,
        env = "QTASK_MAX_CONNECTIONS_PER_ADDRESS",
        value_name = "N",
        default_value = "1000"
    )]
    max_connections_per_address: String,

    /// Addresses and networks of proxies, separated by commas: exempt from the limit per address, and believed when
    /// they name the client's address (X-Forwarded-For)
    #[arg(
        long,
        env = "QTASK_TRUSTED_PROXIES",
        value_name = "NETWORKS",
        default_value = "127.0.0.1,::1"
    )]
    trusted_proxies: String,

    /// Requests in progress; beyond it, 503 `too_many_requests`
    #[arg(
        long,
        env = "QTASK_MAX_REQUESTS",
        value_name = "N",
        default_value = "1000"
    )]
    max_requests: String,

    /// Requests that wait for tasks (claims, reads with `wait`, event streams), counted apart; by default half of the
    /// connections
    #[arg(long, env = "QTASK_MAX_WAITING_REQUESTS", value_name = "N")]
    max_waiting_requests: Option<String>,

    /// Tasks that one token may submit per minute, without tokens one address; 0 for any number
    ///
    /// As many may be submitted at once after a minute without submissions. Beyond it, 429 `rate_limited`.
    #[arg(
        long,
        env = "QTASK_SUBMISSIONS_PER_MINUTE",
        value_name = "N",
        default_value = "0"
    )]
    submissions_per_minute: String,

    /// How long the head of a request may take, and a TLS handshake
    #[arg(
        long,
        env = "QTASK_HTTP_HEAD_TIMEOUT",
        value_name = "TIME",
        default_value = "10s"
    )]
    http_head_timeout: String,

    /// How long the body of a request may take
    #[arg(
        long,
        env = "QTASK_HTTP_BODY_TIMEOUT",
        value_name = "TIME",
        default_value = "30s"
    )]
    http_body_timeout: String,

    /// How long a connection may wait for its next request
    #[arg(
        long,
        env = "QTASK_HTTP_IDLE_TIMEOUT",
        value_name = "TIME",
        default_value = "75s"
    )]
    http_idle_timeout: String,

    /// How long a client may take nothing of an answer before its connection is closed
    #[arg(
        long,
        env = "QTASK_HTTP_WRITE_TIMEOUT",
        value_name = "TIME",
        default_value = "20s"
    )]
    http_write_timeout: String,
}

impl HttpLimitArgs {
    /// Validates the settings; `open_files` is how many files the process may open.
    pub fn check(&self, checker: &mut Checker, open_files: usize) -> HttpLimits {
        let available = open_files.saturating_sub(RESERVED_FILES).max(1);
        let max_connections = match given(self.max_connections.as_ref()) {
            None => available.min(DEFAULT_CONNECTIONS),
            Some(text) => {
                let wanted = checker.number("QTASK_MAX_CONNECTIONS", text, 1..=MOST);
                checker.require(
                    wanted <= available,
                    "QTASK_MAX_CONNECTIONS",
                    format_args!(
                        "the process may open {open_files} files, which are enough for {available} connections; \
                         raise that limit (ulimit -n, LimitNOFILE)"
                    ),
                );
                wanted
            }
        };
        let max_waiting_requests = match given(self.max_waiting_requests.as_ref()) {
            None => (max_connections / 2).max(1),
            Some(text) => checker.number("QTASK_MAX_WAITING_REQUESTS", text, 1..=MOST),
        };
        let mut time = |name, text: &str| checker.duration(name, text, SHORTEST..=LONGEST);
        let head_timeout = time("QTASK_HTTP_HEAD_TIMEOUT", &self.http_head_timeout);
        let idle_timeout = time("QTASK_HTTP_IDLE_TIMEOUT", &self.http_idle_timeout);
        let body_timeout = time("QTASK_HTTP_BODY_TIMEOUT", &self.http_body_timeout);
        let per_address = &self.max_connections_per_address;
        HttpLimits {
            connections: ConnectionLimits {
                max_connections,
                max_per_address: checker.number(
                    "QTASK_MAX_CONNECTIONS_PER_ADDRESS",
                    per_address,
                    1..=MOST,
                ),
                trusted_proxies: networks(checker, &self.trusted_proxies),
                head_timeout,
                idle_timeout,
            },
            max_requests: checker.number("QTASK_MAX_REQUESTS", &self.max_requests, 1..=MOST),
            max_waiting_requests,
            submissions_per_minute: checker.number(
                "QTASK_SUBMISSIONS_PER_MINUTE",
                &self.submissions_per_minute,
                0..=100_000_000,
            ),
            body_timeout,
            write_timeout: checker.duration(
                "QTASK_HTTP_WRITE_TIMEOUT",
                &self.http_write_timeout,
                Duration::from_secs(1)..=LONGEST,
            ),
        }
    }
}

/// An empty setting is one that is not given.
fn given(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

fn networks(checker: &mut Checker, list: &str) -> Vec<IpNet> {
    let items = list
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty());
    let mut networks = Vec::new();
    for item in items {
        let address = item.parse::<IpAddr>().map(IpNet::from);
        match address.or_else(|_| item.parse()) {
            Ok(network) => networks.push(network),
            Err(_) => checker.refuse(
                "QTASK_TRUSTED_PROXIES",
                format_args!(
                    "`{item}` is neither an address like 10.0.0.1 nor a network like 10.0.0.0/8"
                ),
            ),
        }
    }
    networks
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};

    use super::*;

    fn check(arguments: &[&str], open_files: usize) -> Result<HttpLimits, String> {
        let command = HttpLimitArgs::augment_args(Command::new("limits"));
        let given = ["limits"].iter().chain(arguments);
        let matches = command.try_get_matches_from(given).unwrap();
        let args = HttpLimitArgs::from_arg_matches(&matches).unwrap();
        let mut checker = Checker::default();
        let limits = args.check(&mut checker, open_files);
        checker.finish(limits).map_err(|error| error.to_string())
    }

    #[test]
    fn connections_fit_the_files_that_the_process_may_open() {
        let of = |open_files| {
            let limits = check(&[], open_files).unwrap();
            (
                limits.connections.max_connections,
                limits.max_waiting_requests,
            )
        };
        assert_eq!(of(1_024), (640, 320));
        assert_eq!(of(1 << 20), (10_000, 5_000));
        assert_eq!(of(100), (1, 1));
        let refused = check(&["--max-connections", "641"], 1_024).unwrap_err();
        assert!(refused.contains("enough for 640 connections"), "{refused}");
        assert!(check(&["--max-connections", "640"], 1_024).is_ok());
    }

    #[test]
    fn proxies_are_addresses_or_networks() {
        let limits = check(&["--trusted-proxies", "10.0.0.0/8, ::1"], 1_024).unwrap();
        let trusted = |address: &str| limits.connections.is_trusted(address.parse().unwrap());
        assert!(trusted("10.1.2.3") && trusted("::1"));
        assert!(!trusted("127.0.0.1"));
        assert!(check(&["--trusted-proxies", ""], 1_024).is_ok());
        let refused = check(&["--trusted-proxies", "proxy"], 1_024).unwrap_err();
        assert!(
            refused.contains("`proxy` is neither an address"),
            "{refused}"
        );
    }
}
