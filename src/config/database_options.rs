//! The connection parameters that tokio-postgres does not read as libpq does: TLS and the kind of session.

use std::path::PathBuf;

use crate::store::{
    ClientCertificate, SessionKind, TlsMode, TlsNegotiation, TlsPolicy, TrustedRoots,
};
use crate::tls::MinVersion;

/// The values as given; blank ones count as absent.
#[derive(Debug, Default)]
pub struct Options {
    mode: Option<TlsMode>,
    roots: Option<TrustedRoots>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    negotiation: TlsNegotiation,
    min_version: MinVersion,
    session: SessionKind,
}

/// Whether a parameter is one of these.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is, and was noted.
    Yes,
    /// It is another one.
    No,
}

const MODES: [(&str, TlsMode); 6] = [
    ("disable", TlsMode::Disable),
    ("allow", TlsMode::Allow),
    ("prefer", TlsMode::Prefer),
    ("require", TlsMode::Require),
    ("verify-ca", TlsMode::VerifyCa),
    ("verify-full", TlsMode::VerifyFull),
];

/// The values of other programs: PostgreSQL drivers of Python, JavaScript and Java.
const OTHER_MODES: [(&str, TlsMode); 4] = [
    ("false", TlsMode::Disable),
    ("0", TlsMode::Disable),
    ("true", TlsMode::VerifyFull),
    ("1", TlsMode::VerifyFull),
];

const NEGOTIATIONS: [(&str, TlsNegotiation); 2] = [
    ("postgres", TlsNegotiation::Postgres),
    ("direct", TlsNegotiation::Direct),
];

/// The library has no version below 1.2, so that a lower limit changes nothing.
const VERSIONS: [(&str, MinVersion); 4] = [
    ("tlsv1", MinVersion::Tls12),
    ("tlsv1.1", MinVersion::Tls12),
    ("tlsv1.2", MinVersion::Tls12),
    ("tlsv1.3", MinVersion::Tls13),
];

const SESSIONS: [(&str, SessionKind); 6] = [
    ("any", SessionKind::Any),
    ("read-write", SessionKind::ReadWrite),
    ("read-only", SessionKind::ReadOnly),
    ("primary", SessionKind::Primary),
    ("standby", SessionKind::Standby),
    ("prefer-standby", SessionKind::PreferStandby),
];

impl Options {
    /// Notes a parameter if it is one of these.
    ///
    /// # Errors
    /// When the value is not one of those that are allowed, or the parameter is not supported.
    pub fn take(&mut self, name: &str, value: &str) -> Result<Taken, String> {
        let path = || (!value.is_empty()).then(|| PathBuf::from(value));
        match name {
            "sslmode" => self.mode = one_of(name, value, &MODES, &[])?,
            "ssl" => self.mode = one_of(name, value, &MODES, &OTHER_MODES)?,
            "sslrootcert" => {
                self.roots = path().map(|path| match value {
                    "system" => TrustedRoots::Public,
                    _ => TrustedRoots::File(path),
                });
            }
            "sslcert" => self.certificate = path(),
            "sslkey" => self.key = path(),
            "sslnegotiation" => {
                self.negotiation = one_of(name, value, &NEGOTIATIONS, &[])?.unwrap_or_default();
            }
            "ssl_min_protocol_version" => {
                self.min_version = one_of(name, value, &VERSIONS, &[])?.unwrap_or_default();
            }
            "target_session_attrs" => {
                self.session = one_of(name, value, &SESSIONS, &[])?.unwrap_or_default();
            }
            "sslpassword" => {
                return Err(
                    "sslpassword is not supported: decrypt the key with `openssl pkey`, and name the result in sslkey"
                        .to_owned(),
                );
            }
            "sslcrl" | "sslcrldir" => {
                return Err(format!(
                    "{name} is not supported: revocation lists are not read"
                ));
            }
            _ => return Ok(Taken::No),
        }
        Ok(Taken::Yes)
    }

    /// The policy and the kind of session.
    ///
    /// # Errors
    /// When parameters contradict each other.
    pub fn finish(self) -> Result<(TlsPolicy, SessionKind), String> {
        let is_system = self.roots == Some(TrustedRoots::Public);
        // The default of libpq with the public authorities: every owner of a domain has a certificate of theirs.
        let default_mode = if is_system {
            TlsMode::VerifyFull
        } else {
            TlsMode::default()
        };
        let mode = self.mode.unwrap_or(default_mode);
        if is_system && mode != TlsMode::VerifyFull {
            return Err(format!(
                "sslmode={mode} is too weak for sslrootcert=system, whose authorities issue certificates for any domain: verify-full is needed"
            ));
        }
        if self.negotiation == TlsNegotiation::Direct && mode < TlsMode::Require {
            return Err(format!(
                "sslmode={mode} is too weak for sslnegotiation=direct: require or a stricter mode is needed"
            ));
        }
        let client_certificate = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key }),
            (None, None) => None,
            _ => return Err("sslcert and sslkey are needed together".to_owned()),
        };
        let policy = TlsPolicy {
            mode,
            roots: self.roots,
            client_certificate,
            negotiation: self.negotiation,
            min_version: self.min_version,
        };
        Ok((policy, self.session))
    }
}

fn one_of<T: Copy>(
    name: &str,
    value: &str,
    known: &[(&str, T)],
    synonyms: &[(&str, T)],
) -> Result<Option<T>, String> {
    let lower = value.to_ascii_lowercase();
    if lower.is_empty() {
        return Ok(None);
    }
    let found = known
        .iter()
        .chain(synonyms)
        .find(|(text, _)| *text == lower);
    if let Some((_, meant)) = found {
        return Ok(Some(*meant));
    }
    let known: Vec<_> = known.iter().map(|(text, _)| *text).collect();
    Err(format!(
        "{name}=`{value}` is not one of {}",
        known.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(parameters: &[(&str, &str)]) -> Result<(TlsPolicy, SessionKind), String> {
        let mut options = Options::default();
        for (name, value) in parameters {
            assert_eq!(options.take(name, value)?, Taken::Yes, "{name}");
        }
        options.finish()
    }

    #[test]
    fn modes_have_the_names_of_libpq_and_asyncpg() {
        for (parameters, mode) in [
            (&[][..], TlsMode::Prefer),
            (&[("sslmode", "")], TlsMode::Prefer),
            (&[("sslmode", "disable")], TlsMode::Disable),
            (&[("sslmode", "allow")], TlsMode::Allow),
            (&[("sslmode", "verify-ca")], TlsMode::VerifyCa),
            (&[("ssl", "verify-full")], TlsMode::VerifyFull),
            (&[("ssl", "false")], TlsMode::Disable),
            (&[("ssl", "true")], TlsMode::VerifyFull),
            (&[("sslrootcert", "system")], TlsMode::VerifyFull),
            (&[("sslrootcert", "/ca.pem")], TlsMode::Prefer),
            (
                &[("sslmode", "disable"), ("ssl", "require")],
                TlsMode::Require,
            ),
        ] {
            assert_eq!(policy(parameters).unwrap().0.mode, mode, "{parameters:?}");
        }
    }

    #[test]
    fn contradictions_and_unknown_values_are_named() {
        for (parameters, part) in [
            (
                &[("sslmode", "full")][..],
                "sslmode=`full` is not one of disable, allow, prefer, require, verify-ca, verify-full",
            ),
            (&[("sslmode", "true")], "is not one of"),
            (
                &[("sslrootcert", "system"), ("sslmode", "require")],
                "sslmode=require is too weak for sslrootcert=system",
            ),
            (
                &[("sslnegotiation", "direct")],
                "sslmode=prefer is too weak for sslnegotiation=direct",
            ),
            (
                &[("sslcert", "/c.pem")],
                "sslcert and sslkey are needed together",
            ),
            (&[("sslpassword", "sesame")], "sslpassword is not supported"),
            (&[("sslcrl", "/crl")], "sslcrl is not supported"),
            (
                &[("target_session_attrs", "writer")],
                "not one of any, read-write, read-only, primary, standby, prefer-standby",
            ),
            (&[("ssl_min_protocol_version", "SSLv3")], "TLSv1.3"),
        ] {
            let refused = policy(parameters).unwrap_err();
            assert!(
                refused.to_lowercase().contains(&part.to_lowercase()),
                "{refused}"
            );
            assert!(!refused.contains("sesame"), "{refused}");
        }
    }

    #[test]
    fn the_other_parameters_are_noted() {
        let (policy, session) = policy(&[
            ("sslmode", "require"),
            ("sslcert", "/c.pem"),
            ("sslkey", "/k.pem"),
            ("sslnegotiation", "direct"),
            ("ssl_min_protocol_version", "TLSv1.3"),
            ("target_session_attrs", "read-write"),
        ])
        .unwrap();
        let files = policy.client_certificate.unwrap();
        assert_eq!(
            (files.certificate, files.key),
            ("/c.pem".into(), "/k.pem".into())
        );
        assert_eq!(policy.negotiation, TlsNegotiation::Direct);
        assert_eq!(policy.min_version, MinVersion::Tls13);
        assert_eq!(session, SessionKind::ReadWrite);
        let mut options = Options::default();
        assert_eq!(options.take("application_name", "x"), Ok(Taken::No));
    }
}
