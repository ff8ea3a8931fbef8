//! The documentation at `/docs/guide/`: the files of the crate `guide`, for everybody, as `/docs` is.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderMap,
    IF_NONE_MATCH, LOCATION, VARY, X_FRAME_OPTIONS,
};
use actix_web::web::{Bytes, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};
use guide::File;

use super::{Problem, routes};

/// The path of the first page.
const ROOT: &str = "/docs/guide/";
/// Names change with the content of these files.
const FOR_A_YEAR: &str = "public, max-age=31536000, immutable";
/// The other files are compared by their `ETag` each time.
const COMPARED: &str = "no-cache";

/// Configures the paths; before those of the Swagger UI, which takes everything below `/docs/`.
pub fn configure(config: &mut ServiceConfig) {
    config.route("/docs/guide", web::get().to(to_root));
    config.route("/docs/guide/{path:.*}", web::get().to(file));
}

/// Relative links need the `/` at the end.
async fn to_root() -> HttpResponse {
    let location = (LOCATION, ROOT);
    HttpResponse::SeeOther().insert_header(location).finish()
}

async fn file(request: HttpRequest, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    let Some(file) = guide::find(&path) else {
        return routes::not_found(request).await;
    };
    let is_compressed = accepts_gzip(request.headers());
    let tag = tag(file, is_compressed);
    let is_known = names_tag(request.headers(), &tag);
    let mut response = HttpResponse::build(if is_known {
        StatusCode::NOT_MODIFIED
    } else {
        StatusCode::OK
    });
    let cached = if file.is_immutable {
        FOR_A_YEAR
    } else {
        COMPARED
    };
    response
        .insert_header((ETAG, tag))
        .insert_header((VARY, ACCEPT_ENCODING.as_str()))
        .insert_header((CACHE_CONTROL, cached));
    if let Some(policy) = file.policy {
        response.insert_header((CONTENT_SECURITY_POLICY, policy));
        // Without scripts, pages show their table of contents in a frame.
        response.insert_header((X_FRAME_OPTIONS, "SAMEORIGIN"));
    }
    if is_known {
        return Ok(response.finish());
    }
    response.content_type(file.content_type);
    if is_compressed {
        response.insert_header((CONTENT_ENCODING, "gzip"));
        return Ok(response.body(Bytes::from_static(file.compressed)));
    }
    let content = file.content().map_err(|_| Problem::internal_error())?;
    Ok(response.body(content))
}

/// The two encodings of a file differ, and so do their tags.
fn tag(file: &File, is_compressed: bool) -> String {
    let encoding = if is_compressed { "-gzip" } else { "" };
    format!("\"{}{encoding}\"", file.digest)
}

fn names_tag(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(IF_NONE_MATCH);
    let mut tags = values
        .filter_map(|it| it.to_str().ok())
        .flat_map(|it| it.split(','));
    tags.any(|it| it.trim().trim_start_matches("W/") == tag || it.trim() == "*")
}

/// Whether `Accept-Encoding` names gzip, not with the quality 0 (RFC 9110, section 12.5.3).
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING);
    let mut codings = values
        .filter_map(|it| it.to_str().ok())
        .flat_map(|it| it.split(','));
    codings.any(|coding| {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let quality = parameters.trim().strip_prefix("q=").unwrap_or("1");
        name.trim().eq_ignore_ascii_case("gzip") && quality.parse::<f32>().is_ok_and(|it| it > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn gzip_is_sent_to_clients_that_accept_it() {
        let accepts = |value: &str| {
            let request = TestRequest::get().insert_header((ACCEPT_ENCODING, value));
            accepts_gzip(request.to_http_request().headers())
        };
        for value in ["gzip", "deflate, GZIP;q=0.5", "br;q=1, gzip"] {
            assert!(accepts(value), "{value}");
        }
        for value in ["", "identity", "gzip;q=0", "br", "gzip;q=x", "xgzip"] {
            assert!(!accepts(value), "{value}");
        }
        assert!(!accepts_gzip(
            TestRequest::get().to_http_request().headers()
        ));
    }

    #[test]
    fn a_file_that_the_client_has_is_recognised_by_its_tag() {
        let names = |value: &str| {
            let request = TestRequest::get().insert_header((IF_NONE_MATCH, value));
            names_tag(request.to_http_request().headers(), "\"a\"")
        };
        for value in ["\"a\"", "\"b\", \"a\"", "W/\"a\"", "*"] {
            assert!(names(value), "{value}");
        }
        for value in ["\"b\"", "a", ""] {
            assert!(!names(value), "{value}");
        }
    }
}
