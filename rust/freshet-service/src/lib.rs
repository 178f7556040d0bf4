//! What every long-running Freshet program shares.
//!
//! A program's `main` reads its arguments and hands over to [`service::run`], which sets up the
//! logs, loads the configuration, listens for signals and turns the outcome into an exit code.
//! The rest is a set of independent pieces: [`health`], [`kafka`], [`log_limit`], [`shutdown`] and
//! [`topics`].

pub mod health;
pub mod kafka;
pub mod log_limit;
pub mod logging;
pub mod service;
pub mod shutdown;
pub mod topics;

pub use freshet_core::backoff::Backoff;
pub use health::Health;
pub use service::Failure;
pub use shutdown::Shutdown;
