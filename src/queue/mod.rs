//! Queues: how tasks travel to workers.

pub mod amqp;
