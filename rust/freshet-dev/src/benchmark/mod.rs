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

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// An enum whose variants have names, for the command line, the Java program and the report alike.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
        #[serde(rename_all = "lowercase")]
        #[value(rename_all = "lower")]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.pad(match self {
                    $(Self::$variant => $text,)+
                })
            }
        }
    };
}

named! {
    /// Who answers a query.
    Engine {
        /// The job's reader of records: Kafka's own consumer.
        Consumer = "consumer",
        /// The job's reader of whole batches, which are decompressed and walked in Rust.
        Raw = "raw",
        /// The part of it that is Java: the batches are brought to the native library, and left as they are.
        Batches = "batches",
        /// Spark's own operators.
        Plain = "plain",
        /// The Spark job with its native library.
        Native = "native",
    }
}

named! {
    /// What the batches of the topic are compressed with, by Kafka's names.
    Codec {
        /// Nothing.
        None = "none",
        /// Deflate, in members of gzip.
        Gzip = "gzip",
        /// Snappy, in the frames of xerial's library.
        Snappy = "snappy",
        /// LZ4, in frames.
        Lz4 = "lz4",
        /// Zstandard.
        Zstd = "zstd",
    }
}

named! {
    /// Which of its compilers the Java machine has.
    Compiler {
        /// The first one, and then the optimising one: what Java does by itself.
        Tiered = "tiered",
        /// The first one alone.
        C1 = "c1",
    }
}

impl Compiler {
    /// What Java is told.
    pub const fn options(self) -> &'static [&'static str] {
        match self {
            Self::Tiered => &[],
            // What Spark generates does not fit the small code cache that comes with the first compiler alone.
            Self::C1 => &["-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=240m"],
        }
    }
}

/// What reading costs, apart from everything else.
const READ_CASE: &str = "read";
/// What plain Spark alone does: nothing of the native job compares to it.
const PLAIN_CASES: [&str; 2] = ["source", "from_json"];
/// Cases with windows: name, and window in the notation of the configuration. The first is what the others of the
/// native job are compared with.
const WINDOW_CASES: [(&str, &str); 3] =
    [("tumbling_10s", "10s"), ("sliding_60s_10s", "60s/10s"), ("sliding_60s_1s", "60s/1s")];
