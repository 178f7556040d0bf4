//! The tests' own Cassandra client.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use libtest_mimic::Failed;
use scylla::DeserializeRow;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::value::CqlTimestamp;
use tokio::runtime::Runtime;

use crate::expectation::{Key, Row, Rows};
use crate::stack::TestStack;
use crate::waiting::{LIMIT, until};

const QUERY: &str = "SELECT stream, series, metric, window, start, \"end\", count, sum, avg, min, max, stddev, \
                     p50, p95, p99, last_event, first, last FROM freshet.windows";

#[derive(DeserializeRow)]
struct Stored {
    stream: String,
    series: String,
    metric: String,
    window: String,
    start: CqlTimestamp,
    #[scylla(rename = "end")]
    end: CqlTimestamp,
    count: i64,
    sum: f64,
    avg: f64,
    min: f64,
    max: f64,
    stddev: f64,
    p50: f64,
    p95: f64,
    p99: f64,
    last_event: CqlTimestamp,
    first: f64,
    last: f64,
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().unwrap())
}

/// Who is connected to a node, and how.
#[derive(Debug, DeserializeRow)]
pub(crate) struct Client {
    pub(crate) username: String,
    pub(crate) driver_name: Option<String>,
    pub(crate) ssl_enabled: bool,
}

/// A connection to one stack's store.
pub(crate) struct Store(Session);

impl Store {
    /// Connects; a store that has just been started again may need some time.
    pub(crate) fn connect(stack: &TestStack) -> Result<Self, Failed> {
        until(LIMIT, || {
            let builder = SessionBuilder::new().known_node(stack.cassandra());
            Ok(Self(runtime().block_on(builder.build())?))
        })
    }

    /// Connects as the user that a Cassandra with passwords makes itself, some time after it answers.
    pub(crate) fn connect_as_first_user(stack: &TestStack) -> Result<Self, Failed> {
        until(LIMIT * 3, || {
            let builder = SessionBuilder::new()
                .known_nodes(stack.cassandra_nodes())
                .user("cassandra", "cassandra");
            Ok(Self(runtime().block_on(builder.build())?))
        })
    }

    /// Of each series of a stream the time of the newest reading that a stored window has.
    pub(crate) fn newest(&self, stream: &str) -> Result<BTreeMap<String, i64>, Failed> {
        const QUERY: &str = "SELECT stream, series, last_event FROM freshet.windows";
        let result = runtime().block_on(self.0.query_unpaged(QUERY, ()))?.into_rows_result()?;
        let mut newest = BTreeMap::new();
        for row in result.rows::<(String, String, CqlTimestamp)>()? {
            let (of, series, at) = row?;
            if of == stream {
                let known = newest.entry(series).or_insert(at.0);
                *known = at.0.max(*known);
            }
        }
        Ok(newest)
    }

    /// The clients of the node that happens to answer.
    pub(crate) fn clients(&self) -> Result<Vec<Client>, Failed> {
        const QUERY: &str = "SELECT username, driver_name, ssl_enabled FROM system_views.clients";
        let result = runtime().block_on(self.0.query_unpaged(QUERY, ()))?.into_rows_result()?;
        Ok(result.rows::<Client>()?.collect::<Result<_, _>>()?)
    }

    /// The tables of a keyspace, in their order.
    pub(crate) fn tables(&self, keyspace: &str) -> Result<Vec<String>, Failed> {
        const QUERY: &str = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?";
        let found = runtime().block_on(self.0.query_unpaged(QUERY, (keyspace,)))?;
        let rows = found.into_rows_result()?;
        let mut names =
            rows.rows::<(String,)>()?.map(|row| Ok(row?.0)).collect::<Result<Vec<_>, Failed>>()?;
        names.sort_unstable();
        Ok(names)
    }

    /// The stored alerts that fire, by `alert series metric`: since when, and the `since` that was told last.
    pub(crate) fn firing(&self) -> Result<BTreeMap<String, (i64, Option<i64>)>, Failed> {
        const QUERY: &str = "SELECT alert, series, metric, state, since, told FROM freshet.alerts";
        let result = runtime().block_on(self.0.query_unpaged(QUERY, ()))?.into_rows_result()?;
        let mut firing = BTreeMap::new();
        for row in
            result.rows::<(String, String, String, String, CqlTimestamp, Option<CqlTimestamp>)>()?
        {
            let (alert, series, metric, state, since, told) = row?;
            if state == "firing" {
                firing.insert(
                    format!("{alert} {series} {metric}"),
                    (since.0, told.map(|told| told.0)),
                );
            }
        }
        Ok(firing)
    }

    /// Runs a statement.
    pub(crate) fn execute(&self, statement: &str) -> Result<(), Failed> {
        runtime().block_on(self.0.query_unpaged(statement, ()))?;
        Ok(())
    }

    /// All rows of a stream.
    pub(crate) fn rows(&self, stream: &str) -> Result<Rows, Failed> {
        let result = runtime().block_on(self.0.query_unpaged(QUERY, ()))?.into_rows_result()?;
        let mut rows = Rows::new();
        for stored in result.rows::<Stored>()? {
            let stored = stored?;
            if stored.stream == stream {
                let (key, row) = split(stored);
                rows.insert(key, row);
            }
        }
        Ok(rows)
    }
}

fn split(stored: Stored) -> (Key, Row) {
    let key = Key {
        series: stored.series,
        metric: stored.metric,
        window: stored.window,
        start: stored.start.0,
    };
    let row = Row {
        end: stored.end.0,
        count: stored.count,
        sum: stored.sum,
        avg: stored.avg,
        min: stored.min,
        max: stored.max,
        stddev: stored.stddev,
        percentiles: [stored.p50, stored.p95, stored.p99],
        last_event: stored.last_event.0,
        ends: [stored.first, stored.last],
    };
    (key, row)
}
