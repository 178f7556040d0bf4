//! What every long-running program of Freshet that talks to Kafka shares: client settings, topics, and the reports to
//! the topic `health`.

pub mod brokers;
pub mod kafka;
pub mod reporter;
pub mod topics;
