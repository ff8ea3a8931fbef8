//! The servers that an address names.

use std::fmt;
use std::net::IpAddr;

use rand::seq::SliceRandom;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, LoadBalanceHosts};

const STANDARD_PORT: u16 = 5432;

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    /// Where it listens: `hostaddr`, or else `host`.
    pub(super) host: Host,
    /// The name that its certificate must have.
    pub(super) name: String,
    pub(super) port: u16,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Tcp(host) => write!(f, "{host}:{}", self.port),
            Host::Unix(directory) => write!(f, "{}:{}", directory.display(), self.port),
        }
    }
}

/// The servers of the configuration in the order in which they are tried.
pub(super) fn servers(config: &Config) -> Result<Vec<Server>, String> {
    let (hosts, addresses, ports) = (
        config.get_hosts(),
        config.get_hostaddrs(),
        config.get_ports(),
    );
    let count = hosts.len().max(addresses.len());
    if count == 0 {
        return Err("the URL names no host".to_owned());
    }
    if !hosts.is_empty() && !addresses.is_empty() && hosts.len() != addresses.len() {
        return Err("the URL has a different number of host and hostaddr".to_owned());
    }
    if ports.len() > 1 && ports.len() != count {
        return Err("the URL has a different number of hosts and ports".to_owned());
    }
    let server = |index| {
        let named = hosts.get(index);
        let address = addresses
            .get(index)
            .map(|address: &IpAddr| Host::Tcp(address.to_string()));
        let host = address.or_else(|| named.cloned())?;
        let name = match (named, &host) {
            (Some(Host::Tcp(name)), _) | (_, Host::Tcp(name)) => name.clone(),
            (_, Host::Unix(_)) => String::new(),
        };
        let port = ports.get(index).or(ports.first()).copied();
        Some(Server {
            host,
            name,
            port: port.unwrap_or(STANDARD_PORT),
        })
    };
    let mut servers: Vec<_> = (0..count).filter_map(server).collect();
    if config.get_load_balance_hosts() == LoadBalanceHosts::Random {
        servers.shuffle(&mut rand::rng());
    }
    Ok(servers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(url: &str) -> Result<Vec<String>, String> {
        let servers = servers(&url.parse().unwrap())?;
        let shown = servers
            .iter()
            .map(|server| format!("{server} {}", server.name));
        Ok(shown.collect())
    }

    #[test]
    fn servers_are_tried_in_the_order_of_the_url() {
        let cases: [(&str, &[&str]); 6] = [
            ("postgresql://u@h/d", &["h:5432 h"]),
            ("postgresql://u@a,b:1/d", &["a:5432 a", "b:1 b"]),
            ("host=a,b port=7 user=u", &["a:7 a", "b:7 b"]),
            ("host=a hostaddr=127.0.0.2 user=u", &["127.0.0.2:5432 a"]),
            ("hostaddr=127.0.0.2 user=u", &["127.0.0.2:5432 127.0.0.2"]),
            ("host=/run/pg user=u", &["/run/pg:5432 "]),
        ];
        for (url, expected) in cases {
            assert_eq!(tried(url).unwrap(), expected, "{url}");
        }
        let mut shuffled = tried("host=a,b,c user=u load_balance_hosts=random").unwrap();
        shuffled.sort_unstable();
        assert_eq!(shuffled, ["a:5432 a", "b:5432 b", "c:5432 c"]);
    }

    #[test]
    fn lists_of_different_lengths_and_no_host_are_refused() {
        for (url, reason) in [
            ("host=a,b port=1,2,3 user=u", "different number"),
            ("host=a,b hostaddr=127.0.0.1 user=u", "different number"),
            ("user=u", "no host"),
        ] {
            assert!(tried(url).unwrap_err().contains(reason), "{url}");
        }
    }
}
