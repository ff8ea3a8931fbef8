//! Queues: how workers receive tasks.

pub mod amqp;
