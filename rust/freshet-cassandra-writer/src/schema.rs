//! The keyspace and the tables, as CQL.

use std::time::Duration;

use freshet_core::config::Cassandra;

const HOUR: u64 = 3_600;

/// Time-window compaction does best with a few dozen windows over the life of a row.
const COMPACTION_WINDOWS: u64 = 30;

/// The table of the windows.
pub(crate) const WINDOWS: &str = "windows";

/// The table of the series.
pub(crate) const SERIES: &str = "series";

/// The statement that creates the keyspace.
pub(crate) fn create_keyspace(cassandra: &Cassandra) -> String {
    format!(
        "CREATE KEYSPACE IF NOT EXISTS {} WITH replication = {}",
        cassandra.keyspace, cassandra.replication
    )
}

/// The name and the creating statement of each table.
pub(crate) fn tables(cassandra: &Cassandra) -> [(&'static str, String); 2] {
    [(WINDOWS, create_windows(cassandra)), (SERIES, create_series(cassandra))]
}

fn create_windows(cassandra: &Cassandra) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {}.{WINDOWS} (\
         stream text, series text, metric text, window text, bucket timestamp, start timestamp, \
         \"end\" timestamp, count bigint, sum double, avg double, min double, max double, \
         stddev double, p50 double, p95 double, p99 double, last_event timestamp, \
         revision bigint, \
         PRIMARY KEY ((stream, series, metric, window, bucket), start)) \
         WITH CLUSTERING ORDER BY (start DESC) \
         AND compaction = {{'class': 'TimeWindowCompactionStrategy', \
         'compaction_window_unit': 'HOURS', 'compaction_window_size': {}}} \
         AND default_time_to_live = {}",
        cassandra.keyspace,
        compaction_window_hours(cassandra.ttl),
        ttl_seconds(cassandra),
    )
}

fn create_series(cassandra: &Cassandra) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {}.{SERIES} (\
         stream text, series text, metric text, last_seen timestamp, \
         PRIMARY KEY ((stream), series, metric)) \
         WITH default_time_to_live = {}",
        cassandra.keyspace,
        ttl_seconds(cassandra),
    )
}

/// Inserts or updates a window; an older version than the stored one changes nothing.
pub(crate) fn insert_window(cassandra: &Cassandra) -> String {
    format!(
        "INSERT INTO {}.{WINDOWS} (stream, series, metric, window, bucket, start, \"end\", count, \
         sum, avg, min, max, stddev, p50, p95, p99, last_event, revision) \
         VALUES (:stream, :series, :metric, :window, :bucket, :start, :end_, :count, \
         :sum, :avg, :min, :max, :stddev, :p50, :p95, :p99, :last_event, :revision) \
         USING TIMESTAMP :written AND TTL :ttl",
        cassandra.keyspace
    )
}

/// Notes when a series was last heard of.
pub(crate) fn insert_series(cassandra: &Cassandra) -> String {
    format!(
        "INSERT INTO {}.{SERIES} (stream, series, metric, last_seen) \
         VALUES (:stream, :series, :metric, :last_seen) USING TIMESTAMP :written AND TTL :ttl",
        cassandra.keyspace
    )
}

/// The configured TTL in Cassandra's unit; 0 keeps rows for ever.
pub(crate) fn ttl_seconds(cassandra: &Cassandra) -> i32 {
    // A part of a second must not turn into "for ever".
    let seconds = cassandra.ttl.as_secs() + u64::from(cassandra.ttl.subsec_nanos() > 0);
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

fn compaction_window_hours(ttl: Duration) -> u64 {
    let hours = ttl.as_secs().div_ceil(HOUR);
    if hours == 0 { 24 } else { hours.div_ceil(COMPACTION_WINDOWS) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_is_covered_by_some_thirty_compaction_windows() {
        let days = |days: u64| Duration::from_secs(days * 24 * HOUR);
        assert_eq!(compaction_window_hours(days(30)), 24);
        assert_eq!(compaction_window_hours(days(365)), 292);
        assert_eq!(compaction_window_hours(Duration::from_mins(10)), 1);
    }

    #[test]
    fn rows_that_are_kept_for_ever_are_compacted_by_the_day() {
        assert_eq!(compaction_window_hours(Duration::ZERO), 24);
    }
}
