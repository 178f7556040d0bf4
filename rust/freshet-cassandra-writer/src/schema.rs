//! The keyspace and the tables, as CQL.

use std::sync::LazyLock;
use std::time::Duration;

use freshet_core::config::Cassandra;
use freshet_core::window_version::{FIELDS, Field, Key};

const HOUR: u64 = 3_600;

/// Time-window compaction does best with a few dozen windows over the life of a row.
const COMPACTION_WINDOWS: u64 = 30;

/// A table as the writer needs it. It may have more columns.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: Vec<Column>,
    /// What follows the columns, but for the TTL.
    settings: fn(&Cassandra) -> String,
}

/// A column with its type as `system_schema` spells it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) cql_type: &'static str,
    pub(crate) key: Option<Key>,
}

const fn key(name: &'static str, cql_type: &'static str, key: Key) -> Column {
    Column { name, cql_type, key: Some(key) }
}

const fn value(name: &'static str, cql_type: &'static str) -> Column {
    Column { name, cql_type, key: None }
}

/// The part of the key that is no field of a window: see [`crate::bucket`].
pub(crate) const BUCKET: Column = key("bucket", "timestamp", Key::Partition);

/// The table of the windows: the bucket, and the fields of a window that a table has.
pub(crate) static WINDOWS: LazyLock<Table> = LazyLock::new(|| Table {
    name: "windows",
    columns: window_columns(),
    settings: |cassandra| {
        format!(
            "CLUSTERING ORDER BY (\"start\" DESC) AND compaction = {{'class': \
             'TimeWindowCompactionStrategy', 'compaction_window_unit': 'HOURS', \
             'compaction_window_size': {}}} AND ",
            compaction_window_hours(cassandra.ttl)
        )
    },
});

/// The table of the series.
pub(crate) static SERIES: LazyLock<Table> = LazyLock::new(|| Table {
    name: "series",
    columns: vec![
        key("stream", "text", Key::Partition),
        key("series", "text", Key::Clustering),
        key("metric", "text", Key::Clustering),
        value("last_seen", "timestamp"),
    ],
    settings: |_| String::new(),
});

/// The table of what people and the dashboard note beside the charts. The dashboard writes it; its bucket has 30 days.
pub(crate) static ANNOTATIONS: LazyLock<Table> = LazyLock::new(|| Table {
    name: "annotations",
    columns: vec![
        BUCKET,
        key("at", "timestamp", Key::Clustering),
        key("id", "text", Key::Clustering),
        value("until", "timestamp"),
        value("kind", "text"),
        value("stream", "text"),
        value("text", "text"),
    ],
    settings: |_| String::new(),
});

/// The table of the alerts that are not as they should be, or were; all dashboards share it.
pub(crate) static ALERTS: LazyLock<Table> = LazyLock::new(|| Table {
    name: "alerts",
    columns: vec![
        key("stream", "text", Key::Partition),
        key("alert", "text", Key::Clustering),
        key("series", "text", Key::Clustering),
        key("metric", "text", Key::Clustering),
        value("state", "text"),
        value("since", "timestamp"),
        value("value", "double"),
        // Which dashboard tells people of the state, and the `since` of the state that they were told of last.
        value("told_by", "text"),
        value("told", "timestamp"),
    ],
    settings: |_| String::new(),
});

/// The table of the alerts that people want to hear nothing of for a while; all dashboards share it.
pub(crate) static SILENCES: LazyLock<Table> = LazyLock::new(|| Table {
    name: "silences",
    columns: vec![
        key("alert", "text", Key::Partition),
        key("stream", "text", Key::Clustering),
        key("series", "text", Key::Clustering),
        value("until", "timestamp"),
    ],
    settings: |_| String::new(),
});

/// The table of the dashboards that watch a stream's alerts: what one that is gone has left untold, another one tells.
pub(crate) static DASHBOARDS: LazyLock<Table> = LazyLock::new(|| Table {
    name: "dashboards",
    columns: vec![
        key("stream", "text", Key::Partition),
        key("dashboard", "text", Key::Clustering),
        value("seen", "timestamp"),
    ],
    settings: |_| String::new(),
});

/// All tables.
pub(crate) fn tables() -> [&'static Table; 6] {
    [&WINDOWS, &SERIES, &ANNOTATIONS, &ALERTS, &SILENCES, &DASHBOARDS]
}

fn window_columns() -> Vec<Column> {
    let fields: Vec<Column> = FIELDS.iter().filter(|field| field.in_table).map(column).collect();
    // The last column of the partition key.
    let place = fields.iter().position(|column| column.key == Some(Key::Clustering));
    let (before, from_clustering) = fields.split_at(place.unwrap_or_default());
    [before, &[BUCKET], from_clustering].concat()
}

fn column(field: &Field) -> Column {
    Column { name: field.name, cql_type: field.kind.cql_type(), key: field.key }
}

/// `("a", "b"), "c"`: the columns that place a row, and those that order it there.
fn primary_key(table: &Table) -> String {
    let names = |key: Key| {
        let columns = table.columns.iter().filter(|column| column.key == Some(key));
        columns.map(|column| quoted(column.name)).collect::<Vec<_>>().join(", ")
    };
    format!("({}), {}", names(Key::Partition), names(Key::Clustering))
}

/// The statement that creates the keyspace.
pub(crate) fn create_keyspace(cassandra: &Cassandra) -> String {
    format!(
        "CREATE KEYSPACE IF NOT EXISTS {} WITH replication = {}",
        cassandra.keyspace, cassandra.replication
    )
}

/// The statement that creates a table.
pub(crate) fn create_table(cassandra: &Cassandra, table: &Table) -> String {
    let columns: Vec<String> = table.columns.iter().map(declaration).collect();
    format!(
        "CREATE TABLE IF NOT EXISTS {}.{} ({}, PRIMARY KEY ({})) WITH {}default_time_to_live = {}",
        cassandra.keyspace,
        table.name,
        columns.join(", "),
        primary_key(table),
        (table.settings)(cassandra),
        ttl_seconds(cassandra),
    )
}

/// The statement that adds a column to a table of an earlier version.
pub(crate) fn add_column(cassandra: &Cassandra, table: &Table, column: &Column) -> String {
    format!("ALTER TABLE {}.{} ADD {}", cassandra.keyspace, table.name, declaration(column))
}

fn declaration(column: &Column) -> String {
    format!("{} {}", quoted(column.name), column.cql_type)
}

/// Inserts or updates a window; an older version than the stored one changes nothing.
pub(crate) fn insert_window(cassandra: &Cassandra) -> String {
    insert(cassandra, &WINDOWS)
}

/// Notes when a series was last heard of.
pub(crate) fn insert_series(cassandra: &Cassandra) -> String {
    insert(cassandra, &SERIES)
}

fn insert(cassandra: &Cassandra, table: &Table) -> String {
    let names: Vec<String> = table.columns.iter().map(|column| quoted(column.name)).collect();
    let markers: Vec<String> = names.iter().map(|name| format!(":{name}")).collect();
    format!(
        "INSERT INTO {}.{} ({}) VALUES ({}) USING TIMESTAMP :written AND TTL :ttl",
        cassandra.keyspace,
        table.name,
        names.join(", "),
        markers.join(", "),
    )
}

/// A column's name as CQL takes it, whichever words are CQL's own.
fn quoted(name: &str) -> String {
    format!("\"{name}\"")
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
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use freshet_core::config::Config;

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

    /// The table of the version before columns could be added to it, which fixtures and users have.
    #[test]
    fn a_table_of_an_earlier_version_is_a_beginning_of_this_one() {
        let earlier = "stream text, series text, metric text, window text, bucket timestamp, start timestamp, \
                       end timestamp, count bigint, sum double, avg double, min double, max double, stddev double, \
                       p50 double, p95 double, p99 double, last_event timestamp, revision bigint, partial boolean";
        let columns: Vec<String> = WINDOWS.columns.iter().map(declaration).collect();
        for column in earlier.split(", ") {
            let (name, cql_type) = column.split_once(' ').unwrap();
            let expected = format!("\"{name}\" {cql_type}");
            assert!(columns.contains(&expected), "{expected}");
        }
        let keys: Vec<_> = WINDOWS.columns.iter().filter(|column| column.key.is_some()).collect();
        assert_eq!(keys.len(), 6, "{keys:?}");
    }

    #[test]
    fn the_statements_are_made_of_the_columns() {
        let stream = "[[stream]]\nname = \"host\"\nvalues = { v = \"v\" }\nwindows = [\"1m\"]\n";
        let config = Config::parse(stream, Path::new("freshet.toml"), BTreeMap::new());
        let cassandra = config.unwrap().cassandra;
        assert_eq!(
            create_table(&cassandra, &SERIES),
            r#"CREATE TABLE IF NOT EXISTS freshet.series ("stream" text, "series" text, "metric" text, "#.to_owned()
                + r#""last_seen" timestamp, PRIMARY KEY (("stream"), "series", "metric")) "#
                + "WITH default_time_to_live = 2592000"
        );
        assert_eq!(
            create_table(&cassandra, &ANNOTATIONS),
            r#"CREATE TABLE IF NOT EXISTS freshet.annotations ("bucket" timestamp, "at" timestamp, "id" text, "#
                .to_owned()
                + r#""until" timestamp, "kind" text, "stream" text, "text" text, "#
                + r#"PRIMARY KEY (("bucket"), "at", "id")) WITH default_time_to_live = 2592000"#
        );
        let windows = create_table(&cassandra, &WINDOWS);
        assert!(windows.contains(r#""end" timestamp, "count" bigint,"#), "{windows}");
        assert!(
            windows.contains(
                r#", PRIMARY KEY (("stream", "series", "metric", "window", "bucket"), "start")"#
            ),
            "{windows}"
        );
        assert!(windows.contains("} AND default_time_to_live = "), "{windows}");
        let insert = insert_window(&cassandra);
        assert!(insert.contains(r#":"bucket", :"start", :"end", :"count""#), "{insert}");
        assert_eq!(
            add_column(&cassandra, &WINDOWS, &value("partial", "boolean")),
            r#"ALTER TABLE freshet.windows ADD "partial" boolean"#
        );
    }
}
