//! The hosts that name this service in the `Host` header of a request.
//!
//! A web page reaches a service on a private address by DNS rebinding: its own name resolves to that address after the
//! page has loaded, and the browser takes both for one origin. Such a request names the page's host. An IP address cannot
//! be rebound.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::domain::checks::is_host_name;

/// The host of every machine's loopback interface (RFC 6761).
const LOCALHOST: &str = "localhost";

/// The hosts of a service without tokens.
#[derive(Debug, Clone)]
pub struct OwnHosts {
    names: HashSet<String>,
    /// Whether names without a dot, such as those of containers, are its own.
    allows_single_labels: bool,
}

impl OwnHosts {
    /// The hosts of a service that listens on `address`; `names` are configured in addition.
    pub fn new(address: IpAddr, names: &[String]) -> Self {
        let mut names: HashSet<String> = names.iter().map(|name| normal(name)).collect();
        names.insert(LOCALHOST.to_owned());
        let allows_single_labels = !address.to_canonical().is_loopback();
        if allows_single_labels && let Ok(own) = nix::unistd::gethostname() {
            names.insert(normal(&own.to_string_lossy()));
        }
        Self {
            names,
            allows_single_labels,
        }
    }

    /// Whether a `Host` header names this service, on any port: a forwarded port differs from that of the listener.
    pub fn contains(&self, authority: &str) -> bool {
        match host(authority) {
            None => false,
            Some(Host::Address) => true,
            Some(Host::Name(name)) => {
                // A name that ends with a dot is never looked up in a search domain: without another dot, it is
                // that of a top-level domain.
                self.names.contains(&normal(name))
                    || (self.allows_single_labels && !name.contains('.'))
            }
        }
    }
}

/// A name for comparisons: in lower case, without the dot of the root.
fn normal(name: &str) -> String {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.to_ascii_lowercase()
}

enum Host<'a> {
    Address,
    Name(&'a str),
}

/// The host of `host[:port]`; `None` if the text is anything else, such as an authority with a user.
fn host(authority: &str) -> Option<Host<'_>> {
    let is_port = |text: &str| {
        text.strip_prefix(':')
            .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let is_address = address.parse::<Ipv6Addr>().is_ok();
        return (is_address && (port.is_empty() || is_port(port))).then_some(Host::Address);
    }
    let (name, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
    if !port.is_empty() && !is_port(port) {
        return None;
    }
    if name.parse::<Ipv4Addr>().is_ok() {
        return Some(Host::Address);
    }
    is_host_name(name).then_some(Host::Name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(address: [u8; 4]) -> OwnHosts {
        let names = ["qtask.example.org".to_owned(), "Proxy".to_owned()];
        OwnHosts::new(address.into(), &names)
    }

    #[test]
    fn loopback_is_named_by_localhost_addresses_and_configured_names() {
        let own = own([127, 0, 0, 1]);
        for host in [
            "localhost",
            "LOCALHOST:8001",
            "localhost.:80",
            "localhost:",
            "127.0.0.1:8001",
            "127.8.9.10",
            "10.0.0.7:8001",
            "[::1]:8001",
            "[::1]",
            "[::ffff:127.0.0.1]:1",
            "qtask.example.org",
            "QTASK.example.org.:443",
            "proxy:8000",
        ] {
            assert!(own.contains(host), "{host}");
        }
    }

    #[test]
    fn names_of_others_and_malformed_hosts_are_foreign() {
        for address in [[127, 0, 0, 1], [0, 0, 0, 0]] {
            let own = own(address);
            for host in [
                "",
                ":8001",
                ".",
                "evil.example",
                "evil.example.",
                "localhost.evil.example",
                "127.0.0.1.evil.example",
                "sub.qtask.example.org",
                "ai.",
                "localhost..",
                "localhost@evil.example",
                "evil.example@localhost",
                "localhost:80:80",
                "localhost:http",
                "localhost/",
                "localhost, evil.example",
                "local host",
                "[::1",
                "[::1]x",
                "[evil.example]",
                "::1",
                "%6cocalhost",
                "l\u{f6}calhost",
            ] {
                assert!(!own.contains(host), "{host}");
            }
        }
    }

    #[test]
    fn a_name_without_a_dot_names_a_service_on_other_addresses_only() {
        assert!(own([0, 0, 0, 0]).contains("api:8000"));
        assert!(own([192, 168, 0, 1]).contains("qtask_api_1"));
        assert!(!own([127, 0, 0, 1]).contains("api:8000"));
    }
}
