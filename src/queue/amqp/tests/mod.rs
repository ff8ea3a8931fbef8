//! Tests against a real broker (`RABBITMQ_URL`, else guest at 127.0.0.1:5672), through a proxy
//! that can fail where the network is to fail, and on a broker of their own where it is to stop.

mod broker_faults;
mod consuming;
mod network_faults;
mod node;
mod proxy;
mod publishing;
mod support;
