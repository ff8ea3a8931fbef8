//! Who the service must be, who the client is, and where the client's secrets may go.

use std::path::PathBuf;

use clap::Args;
use clap::builder::FalseyValueParser;
use url::{Host, Url};

use super::address;
use super::error::ClientError;
use crate::domain::trace_context::{TRACEPARENT_VARIABLE, TRACESTATE_VARIABLE, TraceContext};
use crate::tls::ClientFiles;

/// TLS and the token
#[derive(Debug, Clone, Default, Args)]
pub struct ServiceAccessArgs {
    /// A file with the token to send, if it is not in the variable `QTASK_TOKEN`
    #[arg(long, env = "QTASK_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// A PEM file of certificate authorities that are trusted beside the public ones
    #[arg(long, env = "QTASK_CA_FILE", value_name = "FILE")]
    ca_file: Option<String>,

    /// A PEM file with a certificate to present to the service, if it or its proxy demands one
    #[arg(long, env = "QTASK_CLIENT_CERT_FILE", value_name = "FILE")]
    client_cert_file: Option<String>,

    /// A PEM file with the private key of that certificate
    #[arg(long, env = "QTASK_CLIENT_KEY_FILE", value_name = "FILE")]
    client_key_file: Option<String>,

    /// Send a token or a password over plain http to another machine, readable for all in between
    #[arg(long, env = "QTASK_INSECURE", value_parser = FalseyValueParser::new())]
    insecure: bool,
}

/// What a client presents and trusts.
#[derive(Debug, Default)]
pub struct ServiceAccess {
    /// The token, sent with every request and never shown.
    pub token: Option<String>,
    /// Whether secrets may be sent over plain http to another machine.
    pub allow_plain_secrets: bool,
    /// The files of TLS.
    pub files: ClientFiles,
    /// The trace of the program that runs this command.
    pub trace: Option<TraceContext>,
}

impl ServiceAccessArgs {
    /// Reads the token, and checks that both files of the client's certificate are named.
    pub fn check(&self) -> Result<ServiceAccess, ClientError> {
        let named = |file: &Option<String>| {
            let named = file.as_ref().filter(|file| !file.is_empty());
            named.map(PathBuf::from)
        };
        let identity = match (named(&self.client_cert_file), named(&self.client_key_file)) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => {
                return Err(ClientError::Usage(
                    "QTASK_CLIENT_CERT_FILE and QTASK_CLIENT_KEY_FILE belong together: set both or none".to_owned(),
                ));
            }
        };
        Ok(ServiceAccess {
            token: self.token()?,
            allow_plain_secrets: self.insecure,
            files: ClientFiles {
                additional_authorities: named(&self.ca_file),
                only_authorities: None,
                identity,
            },
            trace: trace_of_environment(),
        })
    }

    /// The token of the variable or the file.
    fn token(&self) -> Result<Option<String>, ClientError> {
        let given = std::env::var("QTASK_TOKEN").ok();
        let given = given.filter(|token| !token.trim().is_empty());
        let file = self.token_file.as_ref();
        match (given, file.filter(|path| !path.as_os_str().is_empty())) {
            (Some(_), Some(_)) => Err(ClientError::Usage(
                "QTASK_TOKEN and QTASK_TOKEN_FILE (--token-file) are both set: remove one of them"
                    .to_owned(),
            )),
            (given, None) => Ok(given.map(|token| token.trim().to_owned())),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| ClientError::Usage(format!("{}: {error}", path.display())))?;
                match text.trim() {
                    "" => Err(ClientError::Usage(format!("{} is empty", path.display()))),
                    token => Ok(Some(token.to_owned())),
                }
            }
        }
    }
}

/// The trace that the variables `TRACEPARENT` and `TRACESTATE` name.
fn trace_of_environment() -> Option<TraceContext> {
    let state = std::env::var(TRACESTATE_VARIABLE).ok();
    TraceContext::parse(&std::env::var(TRACEPARENT_VARIABLE).ok()?, state.as_deref())
}

impl ServiceAccess {
    /// Refuses to send a secret in clear to another machine, before anything is sent.
    pub fn check_secrets(&self, base: &Url) -> Result<(), ClientError> {
        let secret = if self.token.is_some() {
            "The token"
        } else if base.password().is_some() {
            "The password"
        } else {
            return Ok(());
        };
        if base.scheme() == "https" || is_this_machine(base) || self.allow_plain_secrets {
            return Ok(());
        }
        Err(ClientError::Usage(format!(
            "{secret} is not sent: {} is another machine, and everybody in between could read it. Use https://, or \
             --insecure (QTASK_INSECURE=true) where the network is trusted",
            address::shown(base)
        )))
    }
}

/// Whether connections to this host never leave the machine.
pub fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        // Linux connects to this machine where no address is specified.
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
        Some(Host::Ipv6(address)) => address.is_loopback() || address.is_unspecified(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_token(insecure: bool) -> ServiceAccess {
        ServiceAccess {
            token: Some("sesame".to_owned()),
            allow_plain_secrets: insecure,
            ..ServiceAccess::default()
        }
    }

    #[test]
    fn a_token_goes_in_clear_to_this_machine_only() {
        for (url, is_sent) in [
            ("https://qtask.example", true),
            ("http://localhost:8000", true),
            ("http://127.0.0.9:8000", true),
            ("http://[::1]:8000", true),
            ("http://0.0.0.0:8000", true),
            ("http://qtask.example", false),
            ("http://localhost.example", false),
            ("http://a.localhost", false),
            ("http://10.0.0.1", false),
            ("http://127.0.0.1.example", false),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(
                with_token(false).check_secrets(&url).is_ok(),
                is_sent,
                "{url}"
            );
            assert!(with_token(true).check_secrets(&url).is_ok());
            assert!(ServiceAccess::default().check_secrets(&url).is_ok());
        }
    }

    #[test]
    fn a_password_is_refused_like_a_token_and_not_shown() {
        let url = Url::parse("http://user:sesame@qtask.example").unwrap();
        let error = ServiceAccess::default().check_secrets(&url).unwrap_err();
        assert_eq!(error.code(), 2);
        assert!(error.to_string().contains("--insecure"), "{error}");
        assert!(!error.to_string().contains("sesame"), "{error}");
    }
}
