//! The kinds of errors that components count.

use super::Component;
use crate::text::declare_names;

declare_names! {
    /// A key of `errors` in a health report. The producer also counts errors of Kafka under librdkafka's own names.
    pub enum ErrorKind as "kind of error" {
        /// A source failed to give its records.
        Source = "source",
        /// Records for which the stop has left no time.
        NoTimeToSend = "no_time_to_send",
        /// A record that was not delivered for a reason that librdkafka has no name for.
        OtherDelivery = "other",
        /// Records that were rejected, as `rejected` says.
        Rejected = "rejected",
        /// The query has failed and was started again, as `restarts` says.
        QueryFailed = "query_failed",
        /// No answer from Cassandra, or one that it cannot write now.
        Cassandra = "cassandra",
        /// Offsets could not be committed.
        Commit = "commit",
        /// Messages could not be read from Kafka.
        Consume = "consume",
        /// Partitions could not be taken over.
        Assignment = "assignment",
        /// A dead letter was not taken by Kafka.
        DeadLetters = "dead_letters",
        /// Window messages that cannot be stored: they have become dead letters.
        Unwritable = "unwritable",
        /// A write that has ended without a result, because of a fault in the writer.
        Job = "job",
        /// Records could not be read from Kafka.
        KafkaRead = "kafka_read",
        /// Windows could not be read from Cassandra.
        CassandraRead = "cassandra_read",
        /// Messages or rows that are no windows.
        InvalidWindow = "invalid_window",
        /// Messages of the topic `health` that are no reports.
        InvalidHealth = "invalid_health",
        /// A client of the event stream was cut off, since it did not take in the events in time.
        SlowClient = "slow_client",
        /// The component's own health could not be reported.
        HealthReport = "health_report",
        /// An alert could not be compared, stored or sent.
        Alert = "alert",
        /// Something that has happened could not be marked on the time axis.
        Annotation = "annotation",
        /// Parts of the stack that have died and were started again.
        Restart = "restart",
    }
}

impl ErrorKind {
    /// The component that counts it.
    pub const fn component(self) -> Component {
        match self {
            Self::Source | Self::NoTimeToSend | Self::OtherDelivery => Component::Producer,
            Self::Rejected | Self::QueryFailed => Component::SparkJob,
            Self::Cassandra
            | Self::Commit
            | Self::Consume
            | Self::Assignment
            | Self::DeadLetters
            | Self::Unwritable
            | Self::Job => Component::CassandraWriter,
            Self::KafkaRead
            | Self::CassandraRead
            | Self::InvalidWindow
            | Self::InvalidHealth
            | Self::SlowClient
            | Self::HealthReport
            | Self::Alert
            | Self::Annotation => Component::Dashboard,
            Self::Restart => Component::Stack,
        }
    }
}
