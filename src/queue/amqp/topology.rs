//! The queues: names, arguments, and the broker's errors when they do not match.

use amqprs::channel::QueueDeclareArguments;
use amqprs::{FieldName, FieldTable, FieldValue};
use tracing::info;

use super::broker_parts::MAX_SHORT_STRING;
use super::config::{AmqpConfig, QueueType};
use super::connection::{Link, LinkChannel};
use super::error::{LinkError, QueueError};

/// The highest priority of a message; `RabbitMQ` keeps one internal queue for each priority.
pub(super) const MAX_PRIORITY: u8 = 10;

const NOT_FOUND: u16 = 404;
const ACCESS_REFUSED: u16 = 403;
const RESOURCE_LOCKED: u16 = 405;
const PRECONDITION_FAILED: u16 = 406;
/// Properties that a task queue must not have, as the error of a refused declaration names them.
const UNFIT: [&str; 3] = ["durable", "auto_delete", "exclusive"];

/// The queue of a backend: `base` for the built-in `simulator`, else `<base>.<backend>`.
pub fn queue_name(base: &str, backend: &str) -> String {
    if backend == "simulator" {
        base.to_owned()
    } else {
        format!("{base}.{backend}")
    }
}

/// Declares the queue on `channel`. A refusal closes the channel.
pub(super) async fn declare(
    link: &Link,
    channel: &LinkChannel,
    config: &AmqpConfig,
    queue: &str,
) -> Result<(), QueueError> {
    check_length(queue)?;
    let mut arguments = QueueDeclareArguments::durable_client_named(queue);
    arguments.arguments(queue_arguments(config.queue_type));
    declare_with(link, channel, queue, arguments).await?;
    info!(event = "amqp.queue_declared", queue, "queue declared");
    Ok(())
}

/// Number of messages ready in the queue, or `None` if there is no such queue (which closes the
/// channel).
pub(super) async fn depth(
    link: &Link,
    channel: &LinkChannel,
    queue: &str,
) -> Result<Option<u32>, QueueError> {
    check_length(queue)?;
    let mut arguments = QueueDeclareArguments::new(queue);
    arguments.passive(true);
    match declare_with(link, channel, queue, arguments).await {
        Ok(messages) => Ok(messages),
        Err(QueueError::Link(LinkError::ChannelClosed {
            code: NOT_FOUND, ..
        })) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn declare_with(
    link: &Link,
    channel: &LinkChannel,
    queue: &str,
    arguments: QueueDeclareArguments,
) -> Result<Option<u32>, QueueError> {
    let broker = channel.channel.clone();
    let request = async move { broker.queue_declare(arguments).await };
    match link.request("queue.declare", request).await {
        Ok(answer) => Ok(answer.map(|(_, messages, _)| messages)),
        Err(error) => Err(refusal(queue, channel.explain(error))),
    }
}

fn refusal(queue: &str, error: LinkError) -> QueueError {
    let queue = queue.to_owned();
    match error {
        LinkError::ChannelClosed {
            code: PRECONDITION_FAILED,
            text: detail,
        } if is_fit(&detail) => QueueError::OtherArguments { queue, detail },
        LinkError::ChannelClosed {
            code: PRECONDITION_FAILED | RESOURCE_LOCKED,
            text: detail,
        } => QueueError::Unusable { queue, detail },
        LinkError::ChannelClosed {
            code: ACCESS_REFUSED,
            text: detail,
        } => QueueError::Denied { queue, detail },
        other => QueueError::Link(other),
    }
}

/// Whether a queue whose declaration was refused with this error text can still hold messages for tasks.
/// The broker compares durability, auto-delete and exclusivity before the arguments.
fn is_fit(detail: &str) -> bool {
    let argument = detail
        .split_once("inequivalent arg '")
        .and_then(|(_, rest)| rest.split_once('\''))
        .map(|(argument, _)| argument);
    argument.is_some_and(|argument| !UNFIT.contains(&argument))
}

fn check_length(queue: &str) -> Result<(), QueueError> {
    if queue.len() > MAX_SHORT_STRING {
        return Err(QueueError::NameTooLong {
            queue: queue.to_owned(),
        });
    }
    Ok(())
}

/// The type is always given, so that a virtual host's default type cannot change it.
///
/// Quorum queues get no `x-delivery-limit`: `RabbitMQ` 3 reads a negative limit as 0 (drop at the
/// first return), `RabbitMQ` 4 as none. An argument that depends on the broker's version would
/// make an existing queue's declaration fail after an upgrade. `RabbitMQ` 4's default limit of 20 returns
/// then drops a hint, which the sweep publishes again.
fn queue_arguments(queue_type: QueueType) -> FieldTable {
    let mut table = FieldTable::new();
    match queue_type {
        QueueType::Classic => {
            insert(&mut table, "x-queue-type", text("classic"));
            insert(&mut table, "x-queue-version", Some(FieldValue::I(2)));
            let priorities = FieldValue::I(i32::from(MAX_PRIORITY));
            insert(&mut table, "x-max-priority", Some(priorities));
        }
        QueueType::Quorum => insert(&mut table, "x-queue-type", text("quorum")),
    }
    table
}

fn text(value: &str) -> Option<FieldValue> {
    value.try_into().ok().map(FieldValue::S)
}

fn insert(table: &mut FieldTable, key: &str, value: Option<FieldValue>) {
    if let (Ok(key), Some(value)) = (FieldName::try_from(key), value) {
        table.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simulator_has_the_base_queue_and_others_a_suffix() {
        assert_eq!(queue_name("quantum_tasks", "simulator"), "quantum_tasks");
        assert_eq!(queue_name("quantum_tasks", "aer"), "quantum_tasks.aer");
    }

    #[test]
    fn a_durable_queue_with_other_arguments_is_fit_and_others_are_not() {
        let words = |arg: &str| {
            format!(
                "PRECONDITION_FAILED - inequivalent arg '{arg}' for queue 'q' in vhost '/': received x but current is y"
            )
        };
        assert!(is_fit(&words("x-max-priority")) && is_fit(&words("x-queue-type")));
        assert!(!is_fit(&words("durable")) && !is_fit(&words("auto_delete")));
        assert!(!is_fit(
            "PRECONDITION_FAILED - invalid arg 'x-max-priority'"
        ));
    }

    #[test]
    fn only_classic_queues_ask_for_priorities() {
        let classic = queue_arguments(QueueType::Classic).to_string();
        assert!(classic.contains("x-max-priority") && classic.contains("x-queue-version"));
        let quorum = queue_arguments(QueueType::Quorum).to_string();
        assert!(quorum.contains("quorum") && !quorum.contains("x-max-priority"));
    }
}
