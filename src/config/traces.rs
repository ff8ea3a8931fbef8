//! Settings of traces: the variables that `OpenTelemetry` specifies for every program.
//!
//! They have no flags, as in other programs: one environment configures all services of a host or a pod.

use std::time::Duration;

use percent_encoding::percent_decode_str;
use url::Url;

use super::Checker;
use crate::tls::ClientFiles;
use crate::traces::{TraceHeaders, TraceSampler, TraceSettings};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const TRACES_HEADERS: &str = "OTEL_EXPORTER_OTLP_TRACES_HEADERS";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
const TRACES_PROTOCOL: &str = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL";
const TIMEOUT: &str = "OTEL_EXPORTER_OTLP_TIMEOUT";
const TRACES_TIMEOUT: &str = "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT";
const EXPORTER: &str = "OTEL_TRACES_EXPORTER";
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const SAMPLER_ARG: &str = "OTEL_TRACES_SAMPLER_ARG";
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
const RESOURCE_ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
const DELAY: &str = "OTEL_BSP_SCHEDULE_DELAY";
const MAX_QUEUED: &str = "OTEL_BSP_MAX_QUEUE_SIZE";
const MAX_BATCH: &str = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE";
const DISABLED: &str = "OTEL_SDK_DISABLED";

/// All variables that are read.
pub const VARIABLES: [&str; 17] = [
    ENDPOINT,
    TRACES_ENDPOINT,
    HEADERS,
    TRACES_HEADERS,
    PROTOCOL,
    TRACES_PROTOCOL,
    TIMEOUT,
    TRACES_TIMEOUT,
    EXPORTER,
    SAMPLER,
    SAMPLER_ARG,
    SERVICE_NAME,
    RESOURCE_ATTRIBUTES,
    DELAY,
    MAX_QUEUED,
    MAX_BATCH,
    DISABLED,
];

/// The only protocol that is supported.
const HTTP_PROTOBUF: &str = "http/protobuf";
/// The path of spans below [`ENDPOINT`].
const PATH: &str = "v1/traces";
const SAMPLERS: &str = "always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio";

/// The variables of this process.
pub fn of_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Validates the settings; `None` if no traces are exported. `service_name` is the default name of the service; an empty variable
/// counts as none.
pub fn check(
    checker: &mut Checker,
    service_name: &str,
    trusted: &ClientFiles,
    variable: impl Fn(&str) -> Option<String>,
) -> Option<TraceSettings> {
    let environment = Environment(&variable);
    if environment.is_disabled(checker) {
        return None;
    }
    let endpoint = environment.endpoint(checker)?;
    let attributes = environment.attributes(checker);
    let of_attributes = attributes.iter().find(|(name, _)| name == "service.name");
    let service_name = environment
        .get(SERVICE_NAME)
        .or_else(|| of_attributes.map(|(_, value)| value.clone()))
        .unwrap_or_else(|| service_name.to_owned());
    environment.check_protocol(checker);
    let max_queued = environment.number(checker, MAX_QUEUED, 2048);
    Some(TraceSettings {
        endpoint,
        headers: environment.headers(checker),
        timeout: environment.milliseconds(checker, &[TRACES_TIMEOUT, TIMEOUT], 10_000),
        service_name,
        attributes,
        sampler: environment.sampler(checker),
        max_queued,
        max_batch: environment.number(checker, MAX_BATCH, 512).min(max_queued),
        delay: environment.milliseconds(checker, &[DELAY], 5_000),
        trusted: trusted.clone(),
    })
}

/// Reads a variable.
struct Environment<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Environment<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let value = (self.0)(name)?.trim().to_owned();
        (!value.is_empty()).then_some(value)
    }

    /// The first of these variables that is set.
    fn first(&self, names: &[&'static str]) -> Option<(&'static str, String)> {
        names.iter().find_map(|name| Some((*name, self.get(name)?)))
    }

    fn is_disabled(&self, checker: &mut Checker) -> bool {
        let disabled = self.get(DISABLED);
        if disabled.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return true;
        }
        match self.get(EXPORTER).as_deref() {
            Some("none") => true,
            None | Some("otlp") => false,
            Some(other) => {
                let problem = format_args!("`{other}` is not supported: use otlp or none");
                checker.refuse(EXPORTER, problem);
                true
            }
        }
    }

    fn endpoint(&self, checker: &mut Checker) -> Option<Url> {
        let (name, text) = self.first(&[TRACES_ENDPOINT, ENDPOINT])?;
        let url = Url::parse(&text);
        let Some(mut url) = url
            .ok()
            .filter(|it| matches!(it.scheme(), "http" | "https"))
        else {
            // The text is not shown: it may contain a password.
            checker.refuse(name, "not a URL that begins with http:// or https://");
            return None;
        };
        if name == ENDPOINT {
            let path = format!("{}/{PATH}", url.path().trim_end_matches('/'));
            url.set_path(&path);
        }
        Some(url)
    }

    fn check_protocol(&self, checker: &mut Checker) {
        if let Some((name, protocol)) = self.first(&[TRACES_PROTOCOL, PROTOCOL]) {
            checker.require(
                protocol == HTTP_PROTOBUF,
                name,
                format_args!(
                    "`{protocol}` is not supported: use {HTTP_PROTOBUF}, and the collector's port for it (4318 as a rule)"
                ),
            );
        }
    }

    fn headers(&self, checker: &mut Checker) -> TraceHeaders {
        let mut headers = TraceHeaders::default();
        let Some((setting, text)) = self.first(&[TRACES_HEADERS, HEADERS]) else {
            return headers;
        };
        for (name, value) in pairs(checker, setting, &text) {
            if let Err(error) = headers.add(&name, &value) {
                checker.refuse(setting, error);
            }
        }
        headers
    }

    fn attributes(&self, checker: &mut Checker) -> Vec<(String, String)> {
        let text = self.get(RESOURCE_ATTRIBUTES).unwrap_or_default();
        pairs(checker, RESOURCE_ATTRIBUTES, &text)
    }

    fn sampler(&self, checker: &mut Checker) -> TraceSampler {
        match self.get(SAMPLER).as_deref() {
            None | Some("parentbased_always_on") => TraceSampler::ParentBasedAlwaysOn,
            Some("parentbased_always_off") => TraceSampler::ParentBasedAlwaysOff,
            Some("parentbased_traceidratio") => TraceSampler::ParentBasedRatio(self.ratio(checker)),
            Some("always_on") => TraceSampler::AlwaysOn,
            Some("always_off") => TraceSampler::AlwaysOff,
            Some("traceidratio") => TraceSampler::Ratio(self.ratio(checker)),
            Some(other) => {
                checker.refuse(SAMPLER, format_args!("`{other}` is not one of {SAMPLERS}"));
                TraceSampler::ParentBasedAlwaysOn
            }
        }
    }

    fn ratio(&self, checker: &mut Checker) -> f64 {
        let Some(text) = self.get(SAMPLER_ARG) else {
            return 1.0;
        };
        match text.parse() {
            Ok(ratio) if (0.0..=1.0).contains(&ratio) => ratio,
            _ => {
                checker.refuse(
                    SAMPLER_ARG,
                    format_args!("`{text}` is not a number from 0 to 1"),
                );
                1.0
            }
        }
    }

    fn number(&self, checker: &mut Checker, name: &str, default: usize) -> usize {
        self.get(name)
            .map_or(default, |text| checker.number(name, &text, 1..=1_000_000))
    }

    fn milliseconds(
        &self,
        checker: &mut Checker,
        names: &[&'static str],
        default: u64,
    ) -> Duration {
        let milliseconds = self.first(names).map_or(default, |(name, text)| {
            checker.number(name, &text, 1..=3_600_000)
        });
        Duration::from_millis(milliseconds)
    }
}

/// Parses `name=value,name=value`, with percent-encoded values.
fn pairs(checker: &mut Checker, setting: &str, text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for part in super::list(text) {
        let pair = part.split_once('=').and_then(|(name, value)| {
            let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
            let name = name.trim();
            (!name.is_empty()).then(|| (name.to_owned(), value.into_owned()))
        });
        match pair {
            Some(pair) => pairs.push(pair),
            // The part is not shown: it may contain a secret.
            None => checker.refuse(
                setting,
                "must be a list like name=value,name=value, with other characters percent-encoded",
            ),
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(variables: &[(&str, &str)]) -> Result<Option<TraceSettings>, String> {
        let mut checker = Checker::default();
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let settings = check(
            &mut checker,
            "qtask-serve",
            &ClientFiles::default(),
            variable,
        );
        checker.finish(settings).map_err(|error| error.to_string())
    }

    fn exporting(variables: &[(&str, &str)]) -> TraceSettings {
        let all = [&[(ENDPOINT, "http://collector:4318")], variables].concat();
        checked(&all).unwrap().unwrap()
    }

    #[test]
    fn nothing_is_exported_without_an_endpoint_or_if_it_is_switched_off() {
        for variables in [
            &[][..],
            &[(ENDPOINT, " ")],
            &[(PROTOCOL, "grpc"), (SAMPLER, "often")],
            &[(ENDPOINT, "http://h"), (DISABLED, "TRUE")],
            &[(ENDPOINT, "http://h"), (EXPORTER, "none")],
        ] {
            assert!(checked(variables).unwrap().is_none(), "{variables:?}");
        }
        assert!(
            checked(&[(ENDPOINT, "http://h"), (DISABLED, "1")])
                .unwrap()
                .is_some()
        );
    }

    #[test]
    fn spans_have_a_path_below_the_common_endpoint_and_their_own_endpoint_as_it_is() {
        for (name, url, expected) in [
            (ENDPOINT, "http://h:4318", "http://h:4318/v1/traces"),
            (ENDPOINT, "https://h/otlp/", "https://h/otlp/v1/traces"),
            (TRACES_ENDPOINT, "http://h:4318", "http://h:4318/"),
            (TRACES_ENDPOINT, "http://h/spans", "http://h/spans"),
        ] {
            let settings = checked(&[(name, url)]).unwrap().unwrap();
            assert_eq!(settings.endpoint.as_str(), expected);
        }
        let both = exporting(&[(TRACES_ENDPOINT, "http://other/")]);
        assert_eq!(both.endpoint.as_str(), "http://other/");
    }

    #[test]
    fn defaults_are_those_of_the_specification() {
        let settings = exporting(&[]);
        assert_eq!(settings.service_name, "qtask-serve");
        assert_eq!(settings.sampler, TraceSampler::ParentBasedAlwaysOn);
        assert_eq!((settings.max_queued, settings.max_batch), (2048, 512));
        assert_eq!(settings.delay, Duration::from_secs(5));
        assert_eq!(settings.timeout, Duration::from_secs(10));
    }

    #[test]
    fn the_name_of_the_service_may_come_from_its_attributes() {
        let attributes = (RESOURCE_ATTRIBUTES, "service.name=other, deployment=a%20b");
        let settings = exporting(&[attributes]);
        assert_eq!(settings.service_name, "other");
        let deployment = ("deployment".to_owned(), "a b".to_owned());
        assert!(settings.attributes.contains(&deployment));
        assert_eq!(
            exporting(&[attributes, (SERVICE_NAME, "first")]).service_name,
            "first"
        );
    }

    #[test]
    fn headers_are_decoded_and_never_shown() {
        let secret = (HEADERS, "Authorization=Bearer%20sesame,x-tenant = 7");
        let settings = exporting(&[secret]);
        assert_eq!(settings.headers.get("authorization"), Some("Bearer sesame"));
        assert_eq!(settings.headers.get("x-tenant"), Some("7"));
        assert!(!format!("{settings:?}{:?}", settings.headers).contains("sesame"));
        let own = exporting(&[secret, (TRACES_HEADERS, "a=b")]).headers;
        assert_eq!((own.get("a"), own.get("x-tenant")), (Some("b"), None));
    }

    #[test]
    fn a_sampler_may_have_an_argument() {
        let ratio = exporting(&[(SAMPLER, "traceidratio"), (SAMPLER_ARG, "0.25")]);
        assert_eq!(ratio.sampler, TraceSampler::Ratio(0.25));
        let all = exporting(&[(SAMPLER, "parentbased_traceidratio")]);
        assert_eq!(all.sampler, TraceSampler::ParentBasedRatio(1.0));
    }

    #[test]
    fn what_cannot_be_used_is_named_without_secrets() {
        for (name, value) in [
            (ENDPOINT, "collector:4318"),
            (ENDPOINT, "unix:///sesame"),
            (TRACES_ENDPOINT, "sesame"),
            (PROTOCOL, "grpc"),
            (TRACES_PROTOCOL, "http/json"),
            (HEADERS, "sesame"),
            (HEADERS, "a b=sesame"),
            (HEADERS, "a=sesame%0A"),
            (RESOURCE_ATTRIBUTES, "=sesame"),
            (SAMPLER, "often"),
            (EXPORTER, "zipkin"),
            (TIMEOUT, "10s"),
            (MAX_QUEUED, "0"),
            (DELAY, "-1"),
        ] {
            let error = checked(&[(ENDPOINT, "http://h"), (name, value)]);
            let error = if name == ENDPOINT {
                checked(&[(name, value)])
            } else {
                error
            };
            let error = error.unwrap_err();
            assert!(error.contains(name) && !error.contains("sesame"), "{error}");
        }
        let ratio = [
            (ENDPOINT, "http://h"),
            (SAMPLER, "traceidratio"),
            (SAMPLER_ARG, "2"),
        ];
        assert!(checked(&ratio).unwrap_err().contains(SAMPLER_ARG));
    }
}
