//! Refuses requests that a web page of another origin makes a browser send to a service without tokens.
//!
//! - `Host` must name the service: otherwise the page's name was rebound to this address.
//! - `Origin`, which browsers send with every write and every readable request to another origin, must be the service's
//!   own origin or one of CORS.
//! - Browsers send no `Origin` with the requests of an `<img>` or `<script>`, whose answers a page cannot read. They are
//!   refused where the browser names their site (Fetch Metadata), because even their number is work.
//!
//! A program that is not a browser sends none of these headers but `Host`. A service with tokens refuses only preflight requests
//! of unlisted origins: a page has no token.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ACCESS_CONTROL_REQUEST_METHOD, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN,
};
use actix_web::http::uri::Authority;
use actix_web::http::{Method, StatusCode, Uri};
use actix_web::middleware::Next;
use tracing::warn;

use super::Problem;
use super::own_hosts::OwnHosts;

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const DESTINATION: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Maximum length of a refused host or origin in the log and in the problem, in bytes.
const MAX_SHOWN: usize = 300;

/// Which requests of browsers a service answers.
#[derive(Debug, Clone)]
pub struct BrowserRules {
    /// The hosts of a service without tokens; `None` if tokens are demanded.
    own_hosts: Option<OwnHosts>,
    /// Origins that CORS allows; `*` for all.
    origins: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Foreign {
    Host(String),
    Origin(String),
}

impl BrowserRules {
    /// The rules of a service without tokens, or with them: then `own_hosts` is `None`.
    pub fn new(own_hosts: Option<OwnHosts>, origins: Vec<String>) -> Self {
        Self { own_hosts, origins }
    }

    fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Foreign> {
        let host = text(headers.get(HOST));
        let Some(own_hosts) = &self.own_hosts else {
            let is_preflight = method == Method::OPTIONS
                && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
                && headers.contains_key(ORIGIN);
            return if is_preflight {
                self.check_origin(host, headers)
            } else {
                Ok(())
            };
        };
        // An absolute target takes the place of `Host` (RFC 9112, 3.2.2).
        let target = uri.authority().map(Authority::as_str);
        // Browsers always send a host; HTTP/1.0 does not ask for one.
        for named in host.iter().copied().chain(target) {
            if !own_hosts.contains(named) {
                return Err(Foreign::Host(shown(named)));
            }
        }
        if headers.contains_key(ORIGIN) {
            self.check_origin(host, headers)
        } else {
            self.check_site(method, headers)
        }
    }

    /// Whether the page that sends the request is one of this host, or of an origin that CORS allows.
    fn check_origin(&self, host: Option<&str>, headers: &HeaderMap) -> Result<(), Foreign> {
        let origins = headers.get_all(ORIGIN);
        for origin in origins.map(|origin| text(Some(origin)).unwrap_or_default()) {
            let is_own = host.is_some_and(|host| is_same(origin, host));
            if !is_own && !self.allows(origin) {
                return Err(Foreign::Origin(shown(origin)));
            }
        }
        Ok(())
    }

    fn allows(&self, origin: &str) -> bool {
        let mut listed = self.origins.iter();
        listed.any(|listed| listed == "*" || listed == origin)
    }

    /// A request without an origin, on behalf of a page of another one. A person may follow a link to this service.
    fn check_site(&self, method: &Method, headers: &HeaderMap) -> Result<(), Foreign> {
        let site = text(headers.get(SITE)).unwrap_or_default();
        let is_followed = [Method::GET, Method::HEAD].contains(method)
            && text(headers.get(MODE)) == Some("navigate")
            && text(headers.get(DESTINATION)) == Some("document");
        if ["cross-site", "same-site"].contains(&site) && !is_followed && !self.allows("*") {
            return Err(Foreign::Origin(shown(site)));
        }
        Ok(())
    }
}

fn text(value: Option<&HeaderValue>) -> Option<&str> {
    // What is not text is neither a host nor an origin.
    value.map(|value| value.to_str().unwrap_or("?"))
}

fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN).collect()
}

/// Whether an origin is that of a page which the service at this host has sent. The scheme is not compared: a proxy may add
/// TLS.
fn is_same(origin: &str, host: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else {
        return false;
    };
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let host = host.strip_suffix(default_port).unwrap_or(host);
    authority.eq_ignore_ascii_case(host)
}

impl From<Foreign> for Problem {
    fn from(foreign: Foreign) -> Self {
        match foreign {
            Foreign::Host(host) => {
                warn!(
                    event = "request.foreign_host",
                    host, "request refused: its host is not one of this service"
                );
                let detail = format!(
                    "`{host}` does not name this service, which demands no token and could be reached by a web page in \
                     this way. Use an IP address or `localhost`, or list the name in QTASK_ALLOWED_HOSTS."
                );
                Self::new(StatusCode::FORBIDDEN, "foreign_host", detail)
            }
            Foreign::Origin(origin) => {
                warn!(
                    event = "request.foreign_origin",
                    origin, "request refused: it comes from a web page of another origin"
                );
                let detail = format!(
                    "Web pages of another origin (`{origin}`) may not use this service. List the origin in CORS_ORIGINS \
                     to allow it."
                );
                Self::new(StatusCode::FORBIDDEN, "foreign_origin", detail)
            }
        }
    }
}

type Answering<B> = Pin<Box<dyn Future<Output = Result<ServiceResponse<EitherBody<B>>, Error>>>>;

/// Middleware: refuses foreign requests before anything of them is read or done.
pub fn refuse<B: MessageBody + 'static>(
    rules: Rc<BrowserRules>,
) -> impl Fn(ServiceRequest, Next<B>) -> Answering<B> + Clone {
    move |request, next| {
        let rules = rules.clone();
        Box::pin(async move {
            let head = request.head();
            match rules.check(&head.method, &head.uri, &head.headers) {
                Ok(()) => Ok(next.call(request).await?.map_into_left_body()),
                Err(foreign) => Ok(request
                    .error_response(Problem::from(foreign))
                    .map_into_right_body()),
            }
        })
    }
}
