//! Why a TLS session was not opened, in words for operators.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error};
use time::OffsetDateTime;

/// What is wrong with a TLS session. The text names no host: any client may see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsFaultKind {
    /// No authority that the client trusts issued the certificate.
    #[error("the server's certificate is not issued by a trusted authority")]
    UnknownAuthority,
    /// The certificate has ended.
    #[error("the server's certificate has expired")]
    Expired,
    /// The certificate has not begun.
    #[error("the server's certificate is not yet valid")]
    NotYetValid,
    /// The certificate does not name the server.
    #[error("the server's certificate is for another name")]
    WrongName,
    /// The certificate has another defect.
    #[error("the server's certificate is not valid")]
    UnusableCertificate,
    /// The client has presented no certificate.
    #[error("the server demands a client certificate")]
    ClientCertificateDemanded,
    /// The client has presented a certificate that the server does not accept.
    #[error("the server refuses the client certificate")]
    ClientCertificateRefused,
    /// The server ended the handshake for another reason.
    #[error("the server refused the TLS handshake")]
    Refused,
    /// The handshake failed for another reason.
    #[error("the TLS handshake failed")]
    Handshake,
}

/// Why a TLS session with a server was not opened. Its text has no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFault {
    /// What is wrong.
    pub kind: TlsFaultKind,
    /// The names, times or protocol messages; may be empty.
    pub detail: String,
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, detail } = self;
        match detail.as_str() {
            "" => write!(f, "{kind}"),
            detail => write!(f, "{kind} ({detail})"),
        }
    }
}

impl StdError for TlsFault {}

impl From<&Error> for TlsFault {
    fn from(error: &Error) -> Self {
        let (kind, detail) = match error {
            Error::InvalidCertificate(problem) => of_certificate(problem),
            Error::AlertReceived(alert) => of_alert(*alert),
            other => (TlsFaultKind::Handshake, other.to_string()),
        };
        Self { kind, detail }
    }
}

impl TlsFault {
    /// The fault of a handshake that ended with this error.
    pub fn of_handshake(error: &io::Error) -> Self {
        Self::among_causes(error).unwrap_or_else(|| Self {
            kind: TlsFaultKind::Handshake,
            detail: error.to_string(),
        })
    }

    /// Finds a fault, or an error of rustls, among the causes of another error.
    pub fn among_causes(error: &(dyn StdError + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(fault) = error.downcast_ref::<Self>() {
                return Some(fault.clone());
            }
            if let Some(found) = error.downcast_ref::<Error>() {
                return Some(found.into());
            }
            let wrapped = error.downcast_ref::<io::Error>();
            next = match wrapped.and_then(io::Error::get_ref) {
                // `source` of an I/O error passes over the error that it wraps.
                Some(inner) => Some(inner),
                None => error.source(),
            };
        }
        None
    }
}

fn of_certificate(problem: &CertificateError) -> (TlsFaultKind, String) {
    match problem {
        CertificateError::UnknownIssuer => (TlsFaultKind::UnknownAuthority, String::new()),
        CertificateError::BadSignature => (
            TlsFaultKind::UnknownAuthority,
            "its signature is not by the authority that it names".to_owned(),
        ),
        CertificateError::ExpiredContext { time, not_after } => (
            TlsFaultKind::Expired,
            format!("at {}; it is {}", Date(*not_after), Date(*time)),
        ),
        CertificateError::NotValidYetContext { time, not_before } => (
            TlsFaultKind::NotYetValid,
            format!("but from {}; it is {}", Date(*not_before), Date(*time)),
        ),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let presented = match presented.as_slice() {
                [] => "no name (a common name does not count)".to_owned(),
                names => names
                    .iter()
                    .map(|name| bare_name(name))
                    .collect::<Vec<_>>()
                    .join(", "),
            };
            let expected = expected.to_str();
            (
                TlsFaultKind::WrongName,
                format!("it is for {presented}, not for {expected}"),
            )
        }
        other => (TlsFaultKind::UnusableCertificate, other.to_string()),
    }
}

/// The name in a text such as `DnsName("localhost")`.
fn bare_name(presented: &str) -> &str {
    let inside = presented
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'));
    inside.map_or(presented, |name| name.trim_matches('"'))
}

fn of_alert(alert: AlertDescription) -> (TlsFaultKind, String) {
    let kind = match alert {
        AlertDescription::CertificateRequired => TlsFaultKind::ClientCertificateDemanded,
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA => TlsFaultKind::ClientCertificateRefused,
        _ => TlsFaultKind::Refused,
    };
    (kind, format!("alert {alert:?}"))
}

struct Date(UnixTime);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = i64::try_from(self.0.as_secs()).ok();
        match seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok()) {
            Some(time) => {
                let (date, hour, minute) = (time.date(), time.hour(), time.minute());
                write!(f, "{date} {hour:02}:{minute:02} UTC")
            }
            None => write!(f, "{} s after 1970", self.0.as_secs()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_found_below_errors_of_input_and_output() {
        let error = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let wrapped = io::Error::new(io::ErrorKind::InvalidData, error);
        let wrapped = io::Error::other(wrapped);
        let fault = TlsFault::among_causes(&wrapped).unwrap();
        assert_eq!(
            fault.to_string(),
            "the server's certificate is not issued by a trusted authority"
        );
        assert_eq!(TlsFault::among_causes(&io::Error::other("no TLS")), None);
    }

    #[test]
    fn names_are_shown_bare() {
        for (presented, name) in [
            (r#"DnsName("localhost")"#, "localhost"),
            ("IpAddress(127.0.0.1)", "127.0.0.1"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(bare_name(presented), name);
        }
    }

    #[test]
    fn dates_are_shown() {
        let time = |seconds| UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let problem = CertificateError::ExpiredContext {
            time: time(1_800_000_000),
            not_after: time(1_609_459_200),
        };
        let fault = TlsFault::from(&Error::InvalidCertificate(problem));
        assert_eq!(
            fault.to_string(),
            "the server's certificate has expired (at 2021-01-01 00:00 UTC; it is 2027-01-15 08:00 UTC)"
        );
    }
}
