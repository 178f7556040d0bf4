//! The components of a pipeline, as they call themselves in health reports.

use crate::text::{declare_names, serde_as_text};

declare_names! {
    /// A program that reports its health.
    pub enum Component as "component" {
        /// Sends live sources to Kafka.
        Producer = "freshet-producer",
        /// Runs the streaming queries, and reports each stream by itself.
        SparkJob = "spark-job",
        /// Stores the windows in Cassandra.
        CassandraWriter = "freshet-cassandra-writer",
        /// Serves the page and its API.
        Dashboard = "dashboard",
        /// Runs the embedded stack of `./freshet up`, and reports of the whole of it.
        Stack = "freshet-dev",
    }
}

serde_as_text!(Component);
