//! The addresses that webhooks may call.
//!
//! The service runs inside a network that its clients may not reach. A URL that a client chooses must not give access
//! to it (server-side request forgery): by default only public addresses are called.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};
use url::{Host, Url};

/// The addresses that may be called in addition to public ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebhookTargets {
    any: bool,
    hosts: Vec<String>,
    networks: Vec<IpNet>,
}

/// An item that names neither hosts nor networks.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not `public`, `all`, a host, an address, or a network like 10.0.0.0/8")]
pub struct InvalidTarget(String);

impl FromStr for WebhookTargets {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        let mut targets = Self::default();
        for item in text.split(',').map(str::trim) {
            match item.to_ascii_lowercase().as_str() {
                "" | "public" => {}
                "all" => targets.any = true,
                name => targets.add(name)?,
            }
        }
        Ok(targets)
    }
}

impl WebhookTargets {
    /// Whether the address, resolved from this host, may be called.
    pub fn allows(&self, host: &str, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.any
            || is_public(address)
            || self
                .hosts
                .iter()
                .any(|known| known.eq_ignore_ascii_case(host))
            || self
                .networks
                .iter()
                .any(|network| network.contains(&address))
    }

    /// The error of a URL whose host is an address that may not be called. Host names are resolved and checked at the
    /// call.
    pub fn refusal(&self, url: &Url) -> Option<String> {
        let address = match url.host()? {
            Host::Ipv4(address) => IpAddr::V4(address),
            Host::Ipv6(address) => IpAddr::V6(address),
            Host::Domain(_) => return None,
        };
        let allowed = self.allows(url.host_str().unwrap_or_default(), address);
        (!allowed).then(|| format!("must be a public address, which {address} is not"))
    }

    fn add(&mut self, name: &str) -> Result<(), InvalidTarget> {
        if let Ok(network) = name.parse::<IpNet>() {
            self.networks.push(network);
        } else if let Ok(address) = name.parse::<IpAddr>() {
            self.networks.push(address.into());
        } else if !name.contains('/') && matches!(Host::parse(name), Ok(Host::Domain(_))) {
            self.hosts.push(name.to_owned());
        } else {
            return Err(InvalidTarget(name.to_owned()));
        }
        Ok(())
    }
}

impl fmt::Display for WebhookTargets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.any {
            return f.write_str("all");
        }
        let networks = self.networks.iter().map(ToString::to_string);
        let all: Vec<String> = self.hosts.iter().cloned().chain(networks).collect();
        f.write_str(&all.join(","))
    }
}

/// The receiver of a call, by which concurrent calls are limited: the host, and the port unless it is the default of
/// the scheme. `None` if the text is not a URL with a host.
pub fn receiver(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let host = url.host_str()?;
    // The trailing dot of the DNS root does not change the name.
    let host = host.strip_suffix('.').unwrap_or(host);
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

const SPECIAL_V4: [Ipv4Net; 15] = [
    // "This network", loopback, link-local.
    v4([0, 0, 0, 0], 8),
    v4([127, 0, 0, 0], 8),
    v4([169, 254, 0, 0], 16),
    // Private, carrier-grade NAT (RFC 6598).
    v4([10, 0, 0, 0], 8),
    v4([172, 16, 0, 0], 12),
    v4([192, 168, 0, 0], 16),
    v4([100, 64, 0, 0], 10),
    // Protocol assignments, 6to4 relays, benchmarking.
    v4([192, 0, 0, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([198, 18, 0, 0], 15),
    // Documentation.
    v4([192, 0, 2, 0], 24),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    // Multicast, reserved including broadcast.
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
];

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

/// Whether an address is public, according to IANA's registries of special-purpose addresses (RFC 6890 and its
/// updates).
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !SPECIAL_V4.iter().any(|network| network.contains(&address))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // An IPv4 address embedded for NAT64 (RFC 6052).
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            is_public_v4(Ipv4Addr::new(a, b, c, d))
        }
        // Protocol assignments with Teredo, documentation, 6to4, documentation.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // All assigned global unicast addresses are in 2000::/3; loopback, mapped, unique-local, link-local and
        // multicast addresses are not.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> bool {
        !WebhookTargets::default().allows("host", text.parse().unwrap())
    }

    #[test]
    fn nothing_but_the_public_internet_is_called() {
        let inside = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for address in inside {
            assert!(refused(address), "{address}");
        }
        let outside = [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "64:ff9b::101:101",
        ];
        for address in outside {
            assert!(!refused(address), "{address}");
        }
    }

    #[test]
    fn a_deployment_can_name_what_else_may_be_called() {
        let targets: WebhookTargets = "hooks.internal, 10.0.0.0/8, fd00::/8, 127.0.0.1"
            .parse()
            .unwrap();
        let allows = |host: &str, address: &str| targets.allows(host, address.parse().unwrap());
        assert!(
            allows("x", "10.9.9.9") && allows("x", "::ffff:10.1.1.1") && allows("x", "fd00::1")
        );
        assert!(allows("x", "127.0.0.1") && !allows("x", "127.0.0.2"));
        assert!(allows("Hooks.Internal", "192.168.1.1") && !allows("x", "192.168.1.1"));
        let all: WebhookTargets = "all".parse().unwrap();
        assert!(all.allows("x", "127.0.0.1".parse().unwrap()));
        assert_eq!("public".parse(), Ok(WebhookTargets::default()));
        assert!("10.0.0.0/40".parse::<WebhookTargets>().is_err());
        assert!("http://host/".parse::<WebhookTargets>().is_err());
    }

    #[test]
    fn a_receiver_is_the_host_that_the_parser_sees_however_it_is_written() {
        for url in [
            "http://dead/",
            "http://DEAD:80/x?y",
            "http://dead\\@host/",
            "http:\\\\dead\\@host/",
            "http:dead",
            "http://dead./",
            "http://us\ner@dead/",
            "http://d%65ad/#@host",
        ] {
            assert_eq!(receiver(url).as_deref(), Some("dead"), "{url}");
        }
        assert_eq!(receiver("http://[::1]:81/").as_deref(), Some("[::1]:81"));
        assert_eq!(receiver("http://0x7f.1/").as_deref(), Some("127.0.0.1"));
        assert_eq!(receiver("host"), None);
    }

    #[test]
    fn an_address_in_a_url_is_known_in_every_spelling() {
        let refusal = |url: &str| WebhookTargets::default().refusal(&Url::parse(url).unwrap());
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]:80/",
            "http://0177.0.0.1/",
        ] {
            assert!(refusal(url).is_some(), "{url}");
        }
        assert_eq!(refusal("http://localhost/"), None);
        assert_eq!(refusal("https://1.1.1.1/"), None);
    }
}
