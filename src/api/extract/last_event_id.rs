//! The event after which a stream resumes.

use actix_web::HttpRequest;

use super::query;
use crate::api::Problem;
use crate::domain::last_event_id::{BadEventId, LastEventId};

/// The last event that the client has received: the `Last-Event-ID` header, or the parameter `last_event_id`.
pub fn last_event_id(request: &HttpRequest) -> Result<LastEventId, Problem> {
    let mut id = String::new();
    let mut errors = query::read(request.query_string(), |name, value| match name {
        "last_event_id" => {
            value.clone_into(&mut id);
            Ok(())
        }
        _ => Err("is not known here: use last_event_id".to_owned()),
    });
    if let Some(header) = request.headers().get("last-event-id") {
        header.to_str().unwrap_or("?").trim().clone_into(&mut id);
    }
    let seen = id.parse().unwrap_or_else(|error: BadEventId| {
        errors.insert("last_event_id".to_owned(), error.to_string());
        LastEventId::default()
    });
    query::accept(seen, errors)
}
