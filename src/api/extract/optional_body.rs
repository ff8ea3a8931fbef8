//! Optional JSON bodies.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use super::json_body::JsonBody;
use crate::api::Problem;
use crate::api::request_limits::has_body;

/// A JSON body that may be missing or null.
pub struct OptionalBody<T> {
    /// The parsed value; the default if the body is missing.
    pub value: T,
}

impl<T: DeserializeOwned + Default + 'static> FromRequest for OptionalBody<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if !has_body(request) {
            return Box::pin(async {
                Ok(Self {
                    value: T::default(),
                })
            });
        }
        let body = JsonBody::<Option<T>>::from_request(request, payload);
        Box::pin(async move {
            let JsonBody { value, .. } = body.await?;
            Ok(Self {
                value: value.unwrap_or_default(),
            })
        })
    }
}
