//! Cassandra: connecting, creating what is missing, and writing one batch.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use freshet_core::config::Cassandra;
use freshet_core::window_version::{FIELDS, Value, WindowMessage};
use freshet_core::wire::ErrorKind;
use freshet_runtime::{Backoff, Health, Shutdown};
use scylla::SerializeRow;
use scylla::client::session::Session;
use scylla::cluster::metadata::ColumnType;
use scylla::errors::{BadQuery, DbError, ExecutionError, PrepareError, RequestAttemptError};
use scylla::serialize::SerializationError;
use scylla::serialize::value::SerializeValue;
use scylla::serialize::writers::{CellWriter, WrittenCellProof};
use scylla::statement::batch::{Batch as Statements, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::value::CqlTimestamp;
use thiserror::Error;
use tokio::sync::Mutex;

use crate::connection::{self, ConnectionError};
use crate::keyspace::{self, KeyspaceError};
use crate::plan::{MAX_ROWS, Row};
use crate::schema;

const FIRST_DELAY: Duration = Duration::from_millis(500);
const MAX_DELAY: Duration = Duration::from_secs(10);

/// How soon a keyspace that could not be repaired is looked at again.
const REPAIR_INTERVAL: Duration = Duration::from_secs(1);

/// What [`Health::wait_for`] says of Cassandra.
pub(crate) const CASSANDRA: &str = "cassandra";

/// Why there can be no store, however long one waits.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error(transparent)]
    Keyspace(KeyspaceError),
}

/// Why a batch was not written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum WriteError {
    /// Cassandra will never take these rows.
    Refused(String),
    /// Cassandra may take them later.
    Later(String),
}

/// The open connection and its prepared statements.
pub(crate) struct Store {
    session: Session,
    cassandra: Cassandra,
    prepared: RwLock<Arc<Prepared>>,
    /// When and why repairing the keyspace was in vain the last time. Held while it is repaired: once is enough.
    repairing: Mutex<Option<(Instant, String)>>,
    repaired: AtomicU64,
    window_columns: Vec<Option<usize>>,
    ttl: i32,
}

struct Prepared {
    /// The batch of `n` window inserts, at index `n - 1`: they never change, only the values do.
    inserts: Vec<Statements>,
    insert_series: PreparedStatement,
}

/// What a failed request is to be blamed on.
#[derive(Debug, PartialEq, Eq)]
enum Blame {
    /// They will never be taken.
    Rows,
    /// The keyspace, a table or a column is not there.
    Keyspace,
    /// The server, or the way to it.
    Moment,
}

#[derive(SerializeRow)]
struct SeriesValues<'a> {
    stream: &'a str,
    series: &'a str,
    metric: &'a str,
    last_seen: CqlTimestamp,
    written: i64,
    ttl: i32,
}

impl Store {
    /// Connects and creates the keyspace and tables that are missing, trying again until it works.
    /// `None` when the shutdown is requested before that.
    pub(crate) async fn open(
        cassandra: &Cassandra,
        health: &Health,
        shutdown: &Shutdown,
    ) -> Result<Option<Self>, StoreError> {
        let tls = connection::tls_context(cassandra)?;
        let mut backoff = Backoff::new(FIRST_DELAY, MAX_DELAY);
        while !shutdown.is_requested() {
            match connection::connect(cassandra, tls.clone()).await {
                Ok(session) => {
                    connection::check_datacenter(&session, &cassandra.local_datacenter)?;
                    match prepare_all(&session, cassandra).await {
                        Ok(prepared) => {
                            health.no_longer_waits_for(CASSANDRA);
                            return Ok(Some(Self::new(session, cassandra.clone(), prepared)));
                        }
                        Err(error @ KeyspaceError::Mismatch { .. }) => {
                            return Err(StoreError::Keyspace(error));
                        }
                        Err(KeyspaceError::Later(error)) => say_not_ready(health, &error),
                    }
                }
                Err(error) => say_not_ready(health, &error.into()),
            }
            shutdown.sleep(backoff.next_delay()).await;
        }
        Ok(None)
    }

    fn new(session: Session, cassandra: Cassandra, prepared: Prepared) -> Self {
        Self {
            ttl: schema::ttl_seconds(&cassandra),
            window_columns: window_columns(),
            session,
            cassandra,
            prepared: RwLock::new(Arc::new(prepared)),
            repairing: Mutex::default(),
            repaired: AtomicU64::new(0),
        }
    }

    /// How often what was missing in the keyspace has been created again: whoever remembers what the tables hold has to
    /// forget it when this changes.
    pub(crate) fn repaired(&self) -> u64 {
        self.repaired.load(Ordering::Relaxed)
    }

    /// Writes rows of one partition, at most [`MAX_ROWS`] of them.
    pub(crate) async fn write(&self, rows: &[Row]) -> Result<(), WriteError> {
        let prepared = self.prepared();
        let Some(statements) =
            rows.len().checked_sub(1).and_then(|last| prepared.inserts.get(last))
        else {
            return Err(WriteError::Refused(format!("a batch of {} rows", rows.len())));
        };
        let values: Vec<Vec<Cell<'_>>> = rows.iter().map(|row| self.values(row)).collect();
        match self.session.batch(statements, values).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.after(&error, &prepared).await),
        }
    }

    /// Notes when the series of `message` was last heard of.
    pub(crate) async fn write_series(&self, message: &WindowMessage) -> Result<(), WriteError> {
        let prepared = self.prepared();
        let values = SeriesValues {
            stream: message.stream(),
            series: message.series(),
            metric: message.metric(),
            last_seen: CqlTimestamp(message.last_event()),
            // The event's own time: a replay of old records does not set the clock back.
            written: message.last_event().saturating_mul(1_000),
            ttl: self.ttl,
        };
        match self.session.execute_unpaged(&prepared.insert_series, values).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.after(&error, &prepared).await),
        }
    }

    fn prepared(&self) -> Arc<Prepared> {
        Arc::clone(&self.prepared.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a failure means for the rows, after repairing what can be repaired.
    async fn after(&self, error: &ExecutionError, used: &Arc<Prepared>) -> WriteError {
        match judge(error) {
            Blame::Rows => WriteError::Refused(error.to_string()),
            Blame::Moment => WriteError::Later(error.to_string()),
            Blame::Keyspace => match self.repair(used).await {
                Ok(()) => WriteError::Later(error.to_string()),
                Err(reason) => WriteError::Later(reason),
            },
        }
    }

    /// Creates what somebody has dropped, as at the start, and prepares the statements anew. Fails with the reason.
    async fn repair(&self, used: &Arc<Prepared>) -> Result<(), String> {
        let mut failed = self.repairing.lock().await;
        if !Arc::ptr_eq(used, &self.prepared()) {
            // Another write has seen to it in the meantime.
            return Ok(());
        }
        if let Some((at, reason)) = &*failed
            && at.elapsed() < REPAIR_INTERVAL
        {
            return Err(reason.clone());
        }
        match prepare_all(&self.session, &self.cassandra).await {
            Ok(prepared) => {
                *self.prepared.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(prepared);
                self.repaired.fetch_add(1, Ordering::Relaxed);
                *failed = None;
                let keyspace = &self.cassandra.keyspace;
                tracing::warn!(keyspace, "something was missing in Cassandra; it is there again");
                Ok(())
            }
            Err(error) => {
                let keyspace = &self.cassandra.keyspace;
                let reason = format!("keyspace {keyspace} is not as it must be: {error}");
                *failed = Some((Instant::now(), reason.clone()));
                Err(reason)
            }
        }
    }

    /// The values of a row in the order of the statement's markers: the columns, the write timestamp, the TTL.
    fn values<'a>(&self, row: &'a Row) -> Vec<Cell<'a>> {
        let message = &row.message;
        let columns = self.window_columns.iter().map(|column| match column {
            None => Cell::Time(row.bucket),
            Some(field) => message.value(*field).map_or(Cell::Null, Cell::of),
        });
        columns
            .chain([Cell::BigInt(message.write_timestamp_micros()), Cell::Int(self.ttl)])
            .collect()
    }
}

/// A value of a statement.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cell<'a> {
    /// What is not known of this version must not stay there from an older one: it is written, as a null.
    Null,
    Text(&'a str),
    /// Epoch milliseconds.
    Time(i64),
    BigInt(i64),
    Int(i32),
    Double(f64),
    Boolean(bool),
}

impl<'a> Cell<'a> {
    fn of(value: &'a Value<'static>) -> Self {
        match value {
            Value::Text(text) => Self::Text(text),
            Value::Time(micros) => Self::Time(micros.div_euclid(1_000)),
            Value::Count(count) => Self::BigInt(i64::try_from(*count).unwrap_or(i64::MAX)),
            Value::Number(number) => Self::Double(*number),
            Value::Flag(flag) => Self::Boolean(*flag),
        }
    }
}

impl SerializeValue for Cell<'_> {
    fn serialize<'b>(
        &self,
        column_type: &ColumnType<'_>,
        writer: CellWriter<'b>,
    ) -> Result<WrittenCellProof<'b>, SerializationError> {
        match self {
            Self::Null => Ok(writer.set_null()),
            Self::Text(text) => text.serialize(column_type, writer),
            Self::Time(milliseconds) => CqlTimestamp(*milliseconds).serialize(column_type, writer),
            Self::BigInt(number) => number.serialize(column_type, writer),
            Self::Int(number) => number.serialize(column_type, writer),
            Self::Double(number) => number.serialize(column_type, writer),
            Self::Boolean(flag) => flag.serialize(column_type, writer),
        }
    }
}

/// For each column of the table `windows` the place among [`FIELDS`] of what it has; the bucket is no field.
fn window_columns() -> Vec<Option<usize>> {
    let field = |name| FIELDS.iter().position(|field| field.name == name);
    schema::WINDOWS.columns.iter().map(|column| field(column.name)).collect()
}

fn say_not_ready(health: &Health, error: &anyhow::Error) {
    let reason = format!("{error:#}");
    health.failed(ErrorKind::Cassandra, &reason);
    health.wait_for(CASSANDRA, &format!("Cassandra: {reason}"));
    tracing::warn!(reason, "Cassandra is not ready; trying again");
}

async fn prepare_all(session: &Session, cassandra: &Cassandra) -> Result<Prepared, KeyspaceError> {
    keyspace::complete(session, cassandra).await?;
    let prepared = |cql| async { prepare(session, cql).await.map_err(anyhow::Error::new) };
    let insert_window = prepared(schema::insert_window(cassandra)).await?;
    let insert_series = prepared(schema::insert_series(cassandra)).await?;
    let inserts = (1..=MAX_ROWS).map(|rows| batch_of(&insert_window, rows)).collect();
    Ok(Prepared { inserts, insert_series })
}

async fn prepare(session: &Session, cql: String) -> Result<PreparedStatement, PrepareError> {
    let mut statement = session.prepare(cql).await?;
    statement.set_is_idempotent(true);
    Ok(statement)
}

fn batch_of(statement: &PreparedStatement, rows: usize) -> Statements {
    let mut batch = Statements::new(BatchType::Unlogged);
    for _ in 0..rows {
        batch.append_statement(statement.clone());
    }
    batch.set_is_idempotent(true);
    batch
}

/// Tells rows that can't be written from a server that can't write now. When in doubt it is the
/// server: a window must not be given up because of the state that Cassandra is in.
fn judge(error: &ExecutionError) -> Blame {
    match error {
        ExecutionError::BadQuery(
            BadQuery::SerializationError(_) | BadQuery::ValuesTooLongForKey(..),
        )
        | ExecutionError::LastAttemptError(
            RequestAttemptError::SerializationError(_)
            | RequestAttemptError::CqlRequestSerialization(_),
        ) => Blame::Rows,
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(DbError::Invalid, text))
            if !blames_the_schema(text) =>
        {
            Blame::Rows
        }
        ExecutionError::LastAttemptError(
            RequestAttemptError::DbError(DbError::Invalid | DbError::Unprepared { .. }, _)
            | RequestAttemptError::RepreparedIdChanged { .. }
            | RequestAttemptError::RepreparedIdMissingInBatch,
        ) => Blame::Keyspace,
        _ => Blame::Moment,
    }
}

/// "Invalid" is also the answer to a good row when somebody has dropped the table. Versions word it differently.
fn blames_the_schema(text: &str) -> bool {
    let text = text.to_lowercase();
    ["table", "keyspace", "column", "does not exist"].iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(error: DbError, text: &str) -> ExecutionError {
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(error, text.to_owned()))
    }

    #[test]
    fn every_column_but_the_bucket_is_a_field() {
        let columns = window_columns();
        let without: Vec<_> = (columns.iter().zip(&schema::WINDOWS.columns))
            .filter(|(field, _)| field.is_none())
            .map(|(_, column)| column.name)
            .collect();
        assert_eq!(without, ["bucket"]);
        for (place, column) in columns.iter().zip(&schema::WINDOWS.columns) {
            assert!(place.is_none_or(|place| FIELDS[place].name == column.name), "{}", column.name);
        }
    }

    #[test]
    fn rows_a_keyspace_and_a_moment_can_be_bad() {
        let no_answer = ExecutionError::RequestTimeout(Duration::from_secs(10));
        for (error, verdict) in [
            (answer(DbError::Invalid, "Key length of 70000 is longer than 65535"), Blame::Rows),
            (answer(DbError::Invalid, "unconfigured table windows"), Blame::Keyspace),
            (answer(DbError::Invalid, "table windows does not exist"), Blame::Keyspace),
            (answer(DbError::Invalid, "Keyspace 'freshet' does not exist"), Blame::Keyspace),
            (answer(DbError::Invalid, "Undefined column name p99"), Blame::Keyspace),
            (answer(DbError::Overloaded, "busy"), Blame::Moment),
            (answer(DbError::Unauthorized, "no modify permission"), Blame::Moment),
            (ExecutionError::EmptyPlan, Blame::Moment),
            (no_answer, Blame::Moment),
        ] {
            assert_eq!(judge(&error), verdict, "{error}");
        }
    }
}
