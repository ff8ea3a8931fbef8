//! Plain words for the errors of TLS connections.
//!
//! Reads the text of a `rustls` error, because libraries hand it on as text. The tests with real servers notice when a
//! new version words it otherwise.

/// Says why the other side and this one found no TLS connection; `None` for a text that is no error of TLS.
/// `trust_setting` names the setting for the authorities to trust.
pub fn explain(error: &str, trust_setting: &str) -> Option<String> {
    let certificate = error.split("invalid peer certificate: ").nth(1);
    if let Some(fault) = certificate {
        return Some(of_certificate(fault, trust_setting));
    }
    let alert = error.split("received fatal alert: ").nth(1);
    if let Some(alert) = alert {
        return Some(of_alert(alert));
    }
    let is_any = |texts: &[&str]| texts.iter().any(|text| error.contains(text));
    if is_any(&["received corrupt message", "peer sent excess record size"]) {
        return Some(format!(
            "the other side does not speak TLS on this port ({error})"
        ));
    }
    is_any(&["peer is incompatible", "peer misbehaved"]).then(|| {
        format!("the TLS of the other side is not compatible: TLS 1.2 or 1.3 is needed ({error})")
    })
}

fn of_certificate(fault: &str, trust_setting: &str) -> String {
    let begins = |text: &str| fault.starts_with(text);
    if begins("UnknownIssuer") {
        format!(
            "its certificate is from an authority that is not trusted here: name the authority's file in {trust_setting}"
        )
    } else if begins("BadSignature") {
        format!(
            "its certificate is from an authority that is not trusted here, although a trusted one has the same name: \
             name the authority's file in {trust_setting}"
        )
    } else if let Some(names) = fault.strip_prefix("certificate not valid for name ") {
        format!("its certificate is for another name: {names}")
    } else if begins("certificate expired") || begins("Expired") {
        format!("its certificate has expired ({fault})")
    } else if begins("certificate not valid yet") || begins("NotValidYet") {
        format!("its certificate is not valid yet: compare the clocks of both machines ({fault})")
    } else if fault.contains("CaUsedAsEndEntity") {
        "its certificate is that of an authority: a certificate for the server is needed".to_owned()
    } else {
        format!("its certificate is not valid ({fault})")
    }
}

fn of_alert(alert: &str) -> String {
    if alert.starts_with("CertificateRequired") {
        "it demands a client certificate".to_owned()
    } else if alert.starts_with("HandshakeFailure") {
        "it refused the TLS handshake; does it demand a client certificate?".to_owned()
    } else if alert.starts_with("UnknownCA") {
        "it does not trust the authority of the client certificate".to_owned()
    } else if [
        "BadCertificate",
        "CertificateUnknown",
        "UnsupportedCertificate",
    ]
    .iter()
    .any(|name| alert.starts_with(name))
    {
        format!("it refused the client certificate, or demands one ({alert})")
    } else if ["CertificateExpired", "CertificateRevoked", "AccessDenied"]
        .iter()
        .any(|name| alert.starts_with(name))
    {
        format!("it refused the client certificate ({alert})")
    } else if alert.starts_with("ProtocolVersion") {
        "it has no version of TLS in common: TLS 1.2 or 1.3 is needed".to_owned()
    } else {
        format!("it ended TLS with an error ({alert})")
    }
}

#[cfg(test)]
mod tests {
    use super::explain;

    #[test]
    fn errors_of_certificates_are_told_in_plain_words() {
        for (error, words) in [
            (
                "x: invalid peer certificate: UnknownIssuer",
                "an authority that is not trusted here: name the authority's file in CA",
            ),
            (
                "invalid peer certificate: certificate not valid for name \"a\"; certificate is only valid for DnsName(\"b\")",
                "for another name: \"a\"; certificate is only valid for DnsName(\"b\")",
            ),
            (
                "invalid peer certificate: certificate expired: verification time 2 (UNIX)",
                "has expired",
            ),
            ("invalid peer certificate: BadEncoding", "is not valid"),
            (
                "received fatal alert: CertificateRequired",
                "demands a client certificate",
            ),
            (
                "received corrupt message of type InvalidContentType",
                "does not speak TLS",
            ),
        ] {
            let told = explain(error, "CA").unwrap();
            assert!(told.contains(words), "{told}");
        }
        assert_eq!(explain("connection refused", "CA"), None);
    }
}
