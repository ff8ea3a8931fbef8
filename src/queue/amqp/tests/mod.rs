//! Tests against a real broker (`RABBITMQ_URL`, else guest at 127.0.0.1:5672): through a proxy
//! that fails for network faults, and on a private broker for tests that stop it.

mod broker_faults;
mod consuming;
mod network_faults;
mod node;
mod proxy;
mod publishing;
mod support;
