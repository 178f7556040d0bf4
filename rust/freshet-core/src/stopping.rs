//! How long each program may take to end after it was asked to: the one place that both a program, which gives up what
//! it still does after this time, and whoever stops it, who must not kill it earlier, take the numbers from.

use std::time::Duration;

/// What a program needs beside the waits below: the last log lines, threads that end, memory that is given back.
const MARGIN: Duration = Duration::from_secs(2);

/// How long the last health report of a program may take to be delivered.
pub const LAST_REPORT: Duration = Duration::from_secs(1);

/// How long records that the producer has read already wait for a place in Kafka's queue.
pub const PRODUCER_LAST_RECORDS: Duration = Duration::from_secs(5);

/// How long the producer waits for Kafka to take what is queued, or to commit the last transaction of a source.
pub const PRODUCER_FLUSH: Duration = Duration::from_secs(15);

/// How long the producer waits for servers to take the acknowledgement of what Kafka has taken.
pub const PRODUCER_ACKNOWLEDGEMENTS: Duration = Duration::from_secs(2);

/// How long a program waits for calls that cannot be interrupted, such as those of librdkafka; then it ends without
/// their answers.
pub const BLOCKING_CALLS: Duration = Duration::from_secs(1);

/// How long the Cassandra writer waits for the writes under way; it commits its offsets and leaves its group after.
pub const WRITER_DRAIN: Duration = Duration::from_secs(10);

/// How long a running micro-batch of the Spark job may take to end (`spark.sql.streaming.stopTimeout`).
pub const SPARK_BATCH: Duration = Duration::from_secs(4);

/// How long the Spark job may take to send its last reports and to end Spark itself, after its queries.
const SPARK_CLOSE: Duration = Duration::from_secs(6);

/// How long the dashboard waits for its connections; it has the number from here.
pub const DASHBOARD_CLOSE: Duration = Duration::from_millis(4_500);

/// How long the whole producer takes at most.
pub const PRODUCER: Duration = sum(&[
    PRODUCER_LAST_RECORDS,
    PRODUCER_FLUSH,
    PRODUCER_ACKNOWLEDGEMENTS,
    LAST_REPORT,
    BLOCKING_CALLS,
    MARGIN,
]);

/// How long the whole Cassandra writer takes at most.
pub const WRITER: Duration = sum(&[WRITER_DRAIN, LAST_REPORT, BLOCKING_CALLS, MARGIN, MARGIN]);

/// How long the whole Spark job takes at most.
pub const SPARK_JOB: Duration = sum(&[SPARK_BATCH, SPARK_CLOSE, MARGIN]);

/// How long the whole dashboard takes at most.
pub const DASHBOARD: Duration = sum(&[DASHBOARD_CLOSE, MARGIN]);

const fn sum(waits: &[Duration]) -> Duration {
    let mut total = Duration::ZERO;
    let mut index = 0;
    while index < waits.len() {
        total = total.saturating_add(waits[index]);
        index += 1;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_has_time_for_all_that_it_waits_for_one_after_the_other() {
        let sending = PRODUCER_LAST_RECORDS + PRODUCER_FLUSH + PRODUCER_ACKNOWLEDGEMENTS;
        assert!(PRODUCER > sending + LAST_REPORT + BLOCKING_CALLS);
        assert!(WRITER > WRITER_DRAIN + LAST_REPORT + BLOCKING_CALLS);
        assert!(SPARK_JOB > SPARK_BATCH);
        assert!(DASHBOARD > DASHBOARD_CLOSE);
    }
}
