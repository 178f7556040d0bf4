//! What has to be built before the services can start, one file per tool. Each is skipped when it is up to date.

mod cargo;
mod gradle;
mod npm;
mod stamp;

pub use stamp::{Stamp, StampError};

use crate::parts::Part;

/// The build steps; those that don't need each other run side by side.
pub fn all() -> Vec<Part> {
    vec![cargo::RUST, gradle::CLASSPATHS, gradle::SPARK_JAR, npm::PACKAGES, npm::DASHBOARD]
}

/// The build steps of the benchmark.
pub fn of_benchmark() -> Vec<Part> {
    vec![cargo::RUST, gradle::CLASSPATHS, gradle::BENCHMARK]
}

/// The build steps of the producer's benchmark.
pub fn of_producer_benchmark() -> Vec<Part> {
    vec![cargo::RUST, gradle::CLASSPATHS]
}
