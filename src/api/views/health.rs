//! How the service is.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::times::time;

/// How the service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Everything that it needs is there.
    Healthy,
    /// Something is away; the rest goes on.
    Degraded,
}

/// The answer of `GET /health`.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthView {
    /// The whole.
    pub status: Health,
    /// `connected`, `disconnected`, `not answering`, or what is wrong with the schema: `schema_missing`,
    /// `schema_outdated`, `schema_too_new`.
    #[schema(example = "connected")]
    pub database_status: &'static str,
    /// What is wrong with the database, and what to do about it; absent where nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_detail: Option<String>,
    /// `connected` (`postgresql` where there is no broker), or what is wrong.
    #[schema(example = "connected")]
    pub queue_status: String,
    /// Of this answer.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: OffsetDateTime,
}
