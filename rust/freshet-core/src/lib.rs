//! Freshet's pure core: what a record means, what a window holds and how the parts talk to each other.
//!
//! Nothing here does I/O beyond reading the configuration file, starts a thread or knows Java: the same code runs
//! inside Spark (through `freshet-jni`), in the producer, in the Cassandra writer and in tests.

#![forbid(unsafe_code)]

pub mod aggregate;
pub mod backoff;
pub mod bucket;
mod calendar;
pub mod config;
pub mod contiguous;
pub mod duration;
pub mod infer;
pub mod pattern;
pub mod record;
pub mod record_batch;
mod secret;
pub mod stopping;
mod text;
pub mod topics;
pub mod window;
pub mod window_version;
pub mod wire;
pub mod zone;
