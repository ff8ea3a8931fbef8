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

/// Whether tasks can be sent to workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum QueueStatus {
    /// The queue is reached. `queue_detail` says where one of its queues cannot be used.
    Connected,
    /// The queue is away.
    Disconnected,
    /// The broker is reached, and takes no messages now.
    Blocked,
}

/// What carries tasks to workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum QueueName {
    /// A broker.
    Rabbitmq,
    /// The database itself: no broker is configured.
    Postgresql,
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
    /// Whether tasks can be sent to workers. Without a broker, this is the database's status.
    pub queue_status: QueueStatus,
    /// What carries tasks to workers.
    pub queue: QueueName,
    /// Why the queue is not connected, which queue cannot be used and what to do, or which queue is used
    /// although it has other arguments than qtask declares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_detail: Option<String>,
    /// Of this answer.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: OffsetDateTime,
}
