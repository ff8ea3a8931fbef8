//! Health of the service.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::times::time;

/// Health of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// All dependencies are available.
    Healthy,
    /// A dependency is unavailable; functions that do not need it work.
    Degraded,
}

/// Whether tasks can be dispatched to workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum QueueStatus {
    /// The broker is connected. If one of its queues has an error, `queue_detail` names it.
    Connected,
    /// The broker is not connected.
    Disconnected,
    /// The broker is connected and accepts no messages at present.
    Blocked,
}

/// The queue that carries tasks to workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum QueueName {
    /// The broker RabbitMQ.
    Rabbitmq,
    /// The database, because no broker is configured.
    Postgresql,
}

/// The response of `GET /health`.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthView {
    /// Health of the service as a whole.
    pub status: Health,
    /// `connected`, `disconnected`, `not answering`, or an error of the schema: `schema_missing`, `schema_outdated`,
    /// `schema_too_new`.
    #[schema(example = "connected")]
    pub database_status: &'static str,
    /// The error of the database and how to resolve it, or how its schema differs from the version of this process, which may
    /// serve it; absent if there is neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_detail: Option<String>,
    /// Whether tasks can be dispatched to workers. Without a broker, this is the database's status.
    pub queue_status: QueueStatus,
    /// The queue that carries tasks to workers.
    pub queue: QueueName,
    /// Why the broker is not connected, which queue has an error and how to resolve it, or which queue is used although
    /// its arguments differ from those that qtask declares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_detail: Option<String>,
    /// The paused backends, at most 100 of them; absent if there are none. A pause does not degrade the service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paused_backends: Vec<String>,
    /// The version of the service.
    #[schema(example = "0.1.0")]
    pub version: &'static str,
    /// The commit that the service was built from; absent if it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<&'static str>,
    /// The time of this response.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: OffsetDateTime,
}
