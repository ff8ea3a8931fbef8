//! Settings of the listening address, and of the browsers that may use it.

use std::net::{IpAddr, Ipv4Addr};

use clap::Args;

use super::Checker;
use crate::domain::access::Access;
use crate::domain::checks::is_host_name;

/// Settings of the address of `qtask serve`.
#[derive(Debug, Clone, Args)]
pub struct ListenArgs {
    /// The address to listen on. By default 127.0.0.1, or 0.0.0.0 with tokens or --open
    #[arg(long, env = "HOST", value_name = "ADDRESS")]
    pub host: Option<String>,

    /// Serve everything that reaches the address, if no tokens are demanded: read, submit, cancel, drain
    #[arg(
        long,
        env = "QTASK_OPEN",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        default_value = "false"
    )]
    pub open: bool,
}

impl ListenArgs {
    /// Validates the settings, and returns the address to listen on.
    pub fn check(&self, checker: &mut Checker, access: &Access) -> IpAddr {
        let may_be_reached = self.open || matches!(access, Access::Tokens { .. });
        let default = if may_be_reached {
            Ipv4Addr::UNSPECIFIED
        } else {
            Ipv4Addr::LOCALHOST
        };
        let Some(host) = &self.host else {
            return default.into();
        };
        let address = checker.address("HOST", host);
        checker.require(
            may_be_reached || address.to_canonical().is_loopback(),
            "HOST",
            format_args!(
                "`{host}` is reached by others, and the service demands no tokens: set QTASK_ADMIN_TOKEN, use \
                 127.0.0.1, or --open to serve everything that reaches it"
            ),
        );
        address
    }
}

/// Settings of requests from browsers.
#[derive(Debug, Clone, Args)]
pub struct BrowserArgs {
    /// Origins of other web pages that may use the API, separated by commas, or *; none by default
    #[arg(
        long,
        env = "CORS_ORIGINS",
        value_name = "ORIGINS",
        default_value = "",
        hide_default_value = true
    )]
    pub cors_origins: String,

    /// Names by which requests may address a service without tokens, separated by commas, beside localhost and
    /// IP addresses: those of a proxy, or of a container
    #[arg(
        long,
        env = "QTASK_ALLOWED_HOSTS",
        value_name = "NAMES",
        default_value = "",
        hide_default_value = true
    )]
    pub allowed_hosts: String,
}

/// The validated settings of requests from browsers.
#[derive(Debug, Clone)]
pub struct BrowserSettings {
    /// Origins that CORS allows; `*` for all.
    pub cors_origins: Vec<String>,
    /// Further names of a service without tokens.
    pub allowed_hosts: Vec<String>,
}

impl BrowserArgs {
    /// Validates the settings.
    pub fn check(&self, checker: &mut Checker) -> BrowserSettings {
        let cors_origins: Vec<String> = super::list(&self.cors_origins).collect();
        for origin in cors_origins.iter().filter(|origin| !is_origin(origin)) {
            checker.refuse(
                "CORS_ORIGINS",
                format_args!("`{origin}` is neither an origin like https://example.org nor *"),
            );
        }
        let allowed_hosts: Vec<String> = super::list(&self.allowed_hosts).collect();
        for name in allowed_hosts.iter().filter(|name| !is_host_name(name)) {
            checker.refuse(
                "QTASK_ALLOWED_HOSTS",
                format_args!(
                    "`{name}` is not the name of a host like qtask.example.org, without a port"
                ),
            );
        }
        BrowserSettings {
            cors_origins,
            allowed_hosts,
        }
    }
}

/// Whether a browser could send exactly this text as `Origin`; anything else would never match.
fn is_origin(text: &str) -> bool {
    let parsed = url::Url::parse(text).map(|url| url.origin());
    text == "*"
        || parsed.is_ok_and(|origin| origin.is_tuple() && origin.ascii_serialization() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(host: Option<&str>, open: bool) -> Result<String, String> {
        checked_with(&Access::Open, host, open)
    }

    fn checked_with(access: &Access, host: Option<&str>, open: bool) -> Result<String, String> {
        let mut checker = Checker::default();
        let arguments = ListenArgs {
            host: host.map(str::to_owned),
            open,
        };
        let address = arguments.check(&mut checker, access);
        let finished = checker.finish(address.to_string());
        finished.map_err(|refused| refused.to_string())
    }

    #[test]
    fn a_service_without_tokens_listens_on_loopback_unless_it_is_open() {
        assert_eq!(checked(None, false).unwrap(), "127.0.0.1");
        assert_eq!(checked(None, true).unwrap(), "0.0.0.0");
        for loopback in ["localhost", "127.0.0.2", "::1", "::ffff:127.0.0.1"] {
            assert!(checked(Some(loopback), false).is_ok(), "{loopback}");
        }
        for wide in ["0.0.0.0", "::", "192.168.0.1"] {
            let refused = checked(Some(wide), false).unwrap_err();
            assert!(refused.contains("--open"), "{refused}");
            assert_eq!(checked(Some(wide), true).unwrap(), wide);
        }
    }

    #[test]
    fn a_service_with_tokens_listens_everywhere_unless_told_otherwise() {
        let tokens = Access::Tokens { admin: None };
        assert_eq!(checked_with(&tokens, None, false).unwrap(), "0.0.0.0");
        for host in ["127.0.0.1", "192.168.0.1"] {
            assert_eq!(checked_with(&tokens, Some(host), false).unwrap(), host);
        }
    }
}
