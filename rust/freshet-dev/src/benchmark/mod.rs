//! The benchmark apart from running it: its cases, its configuration, what its Java program reports, and the figures
//! that come of it.

mod configuration;
mod event;
mod producer;
mod report;
mod selection;

pub use configuration::{configuration, producer_configuration};
pub use event::{Event, Latency, Measurement, Results};
pub use producer::{ProducerReport, ProducerRun, Usage};
pub use report::Report;
pub use selection::{Selection, queries};

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who answers a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Spark's own operators.
    Plain,
    /// The Spark job with its native library.
    Native,
}

impl fmt::Display for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Plain => "plain",
            Self::Native => "native",
        })
    }
}

/// What plain Spark alone does: nothing of the native job compares to it.
const PLAIN_CASES: [&str; 2] = ["source", "from_json"];
/// Cases with windows: name, and window in the notation of the configuration. The first is what the others of the
/// native job are compared with.
const WINDOW_CASES: [(&str, &str); 3] =
    [("tumbling_10s", "10s"), ("sliding_60s_10s", "60s/10s"), ("sliding_60s_1s", "60s/1s")];
