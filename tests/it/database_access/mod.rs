//! How processes reach PostgreSQL and RabbitMQ: addresses, passwords, refusals, the number of connections.

mod parts;
