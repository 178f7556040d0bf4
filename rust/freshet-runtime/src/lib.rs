//! What every program of Freshet shares, whether or not it talks to Kafka.
//!
//! A service's `main` reads its arguments and hands over to [`service::run`], which sets up the logs, loads the
//! configuration, listens for signals and turns the outcome into an exit code. The rest is a set of independent
//! pieces.

pub mod clock;
pub mod endpoints;
pub mod exposition;
pub mod health;
pub mod log_limit;
pub mod logging;
mod memory;
pub mod metrics;
pub mod readiness;
pub mod service;
pub mod shutdown;

pub use freshet_core::backoff::Backoff;
pub use health::Health;
pub use service::Failure;
pub use shutdown::Shutdown;
