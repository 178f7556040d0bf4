//! What every long-running program of Freshet that talks to Kafka shares: client settings, topics, dead letters, and
//! the reports to the topic `health`.

pub mod brokers;
pub mod dead_letters;
pub mod kafka;
pub mod reporter;
pub mod topics;
