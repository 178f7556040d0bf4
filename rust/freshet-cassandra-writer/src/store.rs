//! Cassandra: connecting, creating what is missing, and writing one batch.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use freshet_core::config::{Cassandra, Consistency};
use freshet_core::wire::WindowMessage;
use freshet_service::{Backoff, Shutdown};
use openssl::ssl::{SslContext, SslContextBuilder, SslMethod, SslVerifyMode};
use scylla::SerializeRow;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::errors::{BadQuery, DbError, ExecutionError, RequestAttemptError};
use scylla::policies::load_balancing::DefaultPolicy;
use scylla::statement::batch::{Batch as Statements, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::statement::{self, unprepared::Statement};
use scylla::value::CqlTimestamp;
use thiserror::Error;

use crate::plan::{MAX_ROWS, Row};
use crate::schema;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const SCHEMA_TIMEOUT: Duration = Duration::from_mins(1);
const FIRST_DELAY: Duration = Duration::from_millis(500);
const MAX_DELAY: Duration = Duration::from_secs(10);

/// Why there can be no connection, however long one waits.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    #[error(
        "cannot use the certificate authority {path}; check ca_file in the [cassandra] section"
    )]
    Authority { path: String, source: openssl::error::ErrorStack },
    #[error(
        "no Cassandra node is in datacenter '{wanted}'; set local_datacenter in the [cassandra] \
         section to one of: {found}"
    )]
    Datacenter { wanted: String, found: String },
}

/// Why a batch was not written.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// Cassandra will never take these rows.
    Refused(String),
    /// Cassandra may take them later.
    Later(String),
}

/// The open connection and its prepared statements.
pub(crate) struct Store {
    session: Session,
    /// The batch of `n` window inserts, at index `n - 1`: they never change, only the values do.
    inserts: Vec<Statements>,
    insert_series: PreparedStatement,
    ttl: i32,
}

#[derive(SerializeRow)]
struct WindowValues<'a> {
    stream: &'a str,
    series: &'a str,
    metric: &'a str,
    window: &'a str,
    bucket: CqlTimestamp,
    start: CqlTimestamp,
    end_: CqlTimestamp,
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
    revision: i64,
    written: i64,
    ttl: i32,
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
        shutdown: &Shutdown,
    ) -> Result<Option<Self>, StoreError> {
        let tls = cassandra.ca_file.as_deref().map(tls_context).transpose()?;
        let mut backoff = Backoff::new(FIRST_DELAY, MAX_DELAY);
        while !shutdown.is_requested() {
            match connect(cassandra, tls.clone()).await {
                Ok(session) => {
                    check_datacenter(&session, &cassandra.local_datacenter)?;
                    match Self::prepare(session, cassandra).await {
                        Ok(store) => return Ok(Some(store)),
                        Err(error) => say_not_ready(&error),
                    }
                }
                Err(error) => say_not_ready(&error.into()),
            }
            backoff.wait(shutdown).await;
        }
        Ok(None)
    }

    async fn prepare(session: Session, cassandra: &Cassandra) -> anyhow::Result<Self> {
        create_missing(&session, cassandra).await?;
        let insert_window = prepare(&session, schema::insert_window(cassandra)).await?;
        let insert_series = prepare(&session, schema::insert_series(cassandra)).await?;
        let inserts = (1..=MAX_ROWS).map(|rows| batch_of(&insert_window, rows)).collect();
        Ok(Self { session, inserts, insert_series, ttl: schema::ttl_seconds(cassandra) })
    }

    /// Writes rows of one partition, at most [`MAX_ROWS`] of them.
    pub(crate) async fn write(&self, rows: &[Row]) -> Result<(), WriteError> {
        let Some(statements) = rows.len().checked_sub(1).and_then(|last| self.inserts.get(last))
        else {
            return Err(WriteError::Refused(format!("a batch of {} rows", rows.len())));
        };
        let values: Vec<WindowValues<'_>> = rows.iter().map(|row| self.values(row)).collect();
        self.session.batch(statements, values).await.map(drop).map_err(|error| judge(&error))
    }

    /// Notes when the series of `message` was last heard of.
    pub(crate) async fn write_series(&self, message: &WindowMessage) -> Result<(), WriteError> {
        let values = SeriesValues {
            stream: &message.stream,
            series: &message.series,
            metric: &message.metric,
            last_seen: CqlTimestamp(message.last_event),
            // The event's own time: a replay of old records does not set the clock back.
            written: message.last_event.saturating_mul(1_000),
            ttl: self.ttl,
        };
        self.session
            .execute_unpaged(&self.insert_series, values)
            .await
            .map(drop)
            .map_err(|error| judge(&error))
    }

    fn values<'a>(&self, row: &'a Row) -> WindowValues<'a> {
        let message = &row.message;
        WindowValues {
            stream: &message.stream,
            series: &message.series,
            metric: &message.metric,
            window: &message.window,
            bucket: CqlTimestamp(row.bucket),
            start: CqlTimestamp(message.start),
            end_: CqlTimestamp(message.end),
            count: i64::try_from(message.count).unwrap_or(i64::MAX),
            sum: message.sum,
            avg: message.avg,
            min: message.min,
            max: message.max,
            stddev: message.stddev,
            p50: message.p50,
            p95: message.p95,
            p99: message.p99,
            last_event: CqlTimestamp(message.last_event),
            revision: i64::try_from(message.revision).unwrap_or(i64::MAX),
            written: message.write_timestamp_micros(),
            ttl: self.ttl,
        }
    }
}

fn say_not_ready(error: &anyhow::Error) {
    tracing::warn!(reason = format!("{error:#}"), "Cassandra is not ready; trying again");
}

async fn connect(
    cassandra: &Cassandra,
    tls: Option<SslContext>,
) -> Result<Session, scylla::errors::NewSessionError> {
    let policy = DefaultPolicy::builder()
        .prefer_datacenter(cassandra.local_datacenter.clone())
        .token_aware(true)
        // Without effect on the LOCAL_ levels, which the driver keeps in their datacenter.
        .permit_dc_failover(true)
        .build();
    let profile = ExecutionProfile::builder()
        .consistency(consistency(cassandra.consistency))
        .request_timeout(Some(REQUEST_TIMEOUT))
        .load_balancing_policy(policy)
        .build();
    let mut builder = SessionBuilder::new()
        .known_nodes(&cassandra.contact_points)
        .default_execution_profile_handle(profile.into_handle())
        .schema_agreement_timeout(SCHEMA_TIMEOUT)
        .tls_context(tls);
    if let (Some(username), Some(password)) = (&cassandra.username, &cassandra.password) {
        builder = builder.user(username, password.expose());
    }
    builder.build().await
}

fn tls_context(authority: &Path) -> Result<SslContext, StoreError> {
    let build = || {
        let mut builder = SslContextBuilder::new(SslMethod::tls_client())?;
        builder.set_ca_file(authority)?;
        builder.set_verify(SslVerifyMode::PEER);
        Ok(builder.build())
    };
    build()
        .map_err(|source| StoreError::Authority { path: authority.display().to_string(), source })
}

/// Without this a wrong name would show as an endless "no node available".
fn check_datacenter(session: &Session, wanted: &str) -> Result<(), StoreError> {
    let state = session.get_cluster_state();
    let mut found: Vec<&str> =
        state.get_nodes_info().iter().filter_map(|node| node.datacenter.as_deref()).collect();
    if found.is_empty() || found.contains(&wanted) {
        return Ok(());
    }
    found.sort_unstable();
    found.dedup();
    Err(StoreError::Datacenter { wanted: wanted.to_owned(), found: found.join(", ") })
}

/// Looks first, because a user without the right to create may well be allowed to write.
async fn create_missing(session: &Session, cassandra: &Cassandra) -> anyhow::Result<()> {
    let existing = existing_tables(session, &cassandra.keyspace).await?;
    if existing.is_empty() {
        change_schema(session, schema::create_keyspace(cassandra)).await?;
    }
    for (table, create) in schema::tables(cassandra) {
        if !existing.contains(table) {
            change_schema(session, create).await?;
            tracing::info!(keyspace = cassandra.keyspace, table, "table created");
        }
    }
    session.await_schema_agreement().await?;
    Ok(())
}

async fn existing_tables(session: &Session, keyspace: &str) -> anyhow::Result<HashSet<String>> {
    let query = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?";
    let rows = session.query_unpaged(query, (keyspace,)).await?.into_rows_result()?;
    let mut tables = HashSet::new();
    for row in rows.rows::<(String,)>()? {
        tables.insert(row?.0);
    }
    Ok(tables)
}

async fn change_schema(session: &Session, cql: String) -> Result<(), ExecutionError> {
    let mut statement = Statement::new(cql);
    statement.set_request_timeout(Some(SCHEMA_TIMEOUT));
    statement.set_is_idempotent(true);
    session.query_unpaged(statement, ()).await.map(drop)
}

async fn prepare(
    session: &Session,
    cql: String,
) -> Result<PreparedStatement, scylla::errors::PrepareError> {
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

const fn consistency(configured: Consistency) -> statement::Consistency {
    match configured {
        Consistency::One => statement::Consistency::One,
        Consistency::LocalOne => statement::Consistency::LocalOne,
        Consistency::Two => statement::Consistency::Two,
        Consistency::Three => statement::Consistency::Three,
        Consistency::Quorum => statement::Consistency::Quorum,
        Consistency::LocalQuorum => statement::Consistency::LocalQuorum,
        Consistency::EachQuorum => statement::Consistency::EachQuorum,
        Consistency::All => statement::Consistency::All,
    }
}

/// Tells rows that can't be written from a server that can't write now. When in doubt it is the
/// server: a window must not be given up because of the state that Cassandra is in.
fn judge(error: &ExecutionError) -> WriteError {
    let refused = match error {
        ExecutionError::BadQuery(
            BadQuery::SerializationError(_) | BadQuery::ValuesTooLongForKey(..),
        )
        | ExecutionError::LastAttemptError(
            RequestAttemptError::SerializationError(_)
            | RequestAttemptError::CqlRequestSerialization(_),
        ) => true,
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(DbError::Invalid, text)) => {
            !blames_the_schema(text)
        }
        _ => false,
    };
    if refused {
        WriteError::Refused(error.to_string())
    } else {
        WriteError::Later(error.to_string())
    }
}

/// "Invalid" is also the answer to a good row when somebody has dropped the table.
fn blames_the_schema(text: &str) -> bool {
    let text = text.to_lowercase();
    text.contains("unconfigured table") || text.contains("keyspace") || text.contains("column")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(error: DbError, text: &str) -> ExecutionError {
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(error, text.to_owned()))
    }

    #[test]
    fn an_invalid_row_is_refused() {
        let error = answer(DbError::Invalid, "Key length of 70000 is longer than maximum of 65535");
        assert!(matches!(judge(&error), WriteError::Refused(_)));
    }

    #[test]
    fn a_dropped_table_and_an_overloaded_server_are_waited_for() {
        for error in [
            answer(DbError::Invalid, "unconfigured table windows"),
            answer(DbError::Invalid, "Keyspace 'freshet' does not exist"),
            answer(DbError::Overloaded, "busy"),
            answer(DbError::Unauthorized, "no modify permission"),
            ExecutionError::EmptyPlan,
            ExecutionError::RequestTimeout(REQUEST_TIMEOUT),
        ] {
            assert!(matches!(judge(&error), WriteError::Later(_)), "{error}");
        }
    }
}
