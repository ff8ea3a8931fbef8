//! How processes reach PostgreSQL and RabbitMQ: addresses, passwords, refusals, the number of connections.

mod connections;
mod grants;
mod parts;
mod pooler;
mod refusals;
mod resolver;
