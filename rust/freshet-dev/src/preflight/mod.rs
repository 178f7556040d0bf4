//! What has to hold before anything is started, and the command that repairs it when it does not.

mod memory;
mod ports;
mod resources;
mod versions;

pub use ports::{free_ports, refuse_shared_ports};
pub use versions::java_program;

use std::fmt;

use crate::parts::Context;

/// The outcome of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was looked at, such as `port 9092 (kafka)`.
    pub subject: String,
    /// What was found, or what is wrong and how to repair it.
    pub verdict: Result<String, String>,
}

impl Check {
    fn new(subject: impl Into<String>, verdict: Result<String, String>) -> Self {
        Self { subject: subject.into(), verdict }
    }

    /// Whether it holds.
    pub fn is_ok(&self) -> bool {
        self.verdict.is_ok()
    }
}

impl fmt::Display for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Ok(found) => write!(formatter, "ok    {}: {found}", self.subject),
            Err(wrong) => write!(formatter, "FAIL  {}: {wrong}", self.subject),
        }
    }
}

/// All checks. `own_ports` says that this very stack is running, so that its ports are rightly taken.
pub fn all(context: &Context, own_ports: bool) -> Vec<Check> {
    let mut checks = versions::all(context);
    checks.extend(resources::all(context, own_ports));
    checks.extend(ports::all(context, own_ports));
    checks
}

/// The checks of the benchmark, whose ports are free ones anyway.
pub fn of_benchmark(context: &Context) -> Vec<Check> {
    let mut checks = versions::of_jvm(context);
    checks.extend(resources::of_benchmark(context));
    checks
}
