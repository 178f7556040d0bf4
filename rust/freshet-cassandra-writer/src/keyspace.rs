//! Makes the keyspace and its tables what the writer needs: at the start, and again when somebody has taken something away.

use std::collections::HashMap;

use anyhow::Context;
use freshet_core::config::Cassandra;
use scylla::client::session::Session;
use scylla::errors::ExecutionError;
use scylla::statement::unprepared::Statement;
use thiserror::Error;

use crate::connection::SCHEMA_TIMEOUT;
use crate::schema::{self, Column, Table};

/// Why a keyspace cannot be completed.
#[derive(Debug, Error)]
pub(crate) enum KeyspaceError {
    /// A table is another one than the writer's: nothing but a person can mend it.
    #[error(
        "table {keyspace}.{table} in Cassandra has {found}, but needs {wanted}; drop or rename the table, or set another \
         keyspace in the [cassandra] section"
    )]
    Mismatch { keyspace: String, table: &'static str, found: String, wanted: String },
    /// Cassandra cannot, or does not want to, now.
    #[error("{0:#}")]
    Later(#[from] anyhow::Error),
}

/// The columns of each table that there is, with their types.
type Existing = HashMap<String, HashMap<String, String>>;

/// Creates the keyspace, tables and columns that are missing.
///
/// Looks first, because a user without the right to create may well be allowed to write.
pub(crate) async fn complete(
    session: &Session,
    cassandra: &Cassandra,
) -> Result<(), KeyspaceError> {
    let existing = existing(session, &cassandra.keyspace).await?;
    if existing.is_empty() {
        let create = schema::create_keyspace(cassandra);
        change(session, create).await.context("cannot create the keyspace")?;
    }
    for table in &schema::TABLES {
        match existing.get(table.name) {
            None => create_table(session, cassandra, table).await?,
            Some(columns) => add_columns(session, cassandra, table, columns).await?,
        }
    }
    session.await_schema_agreement().await.context("the nodes disagree on the tables")?;
    Ok(())
}

async fn create_table(
    session: &Session,
    cassandra: &Cassandra,
    table: &Table,
) -> Result<(), KeyspaceError> {
    let create = schema::create_table(cassandra, table);
    let refused = || format!("cannot create table {}.{}", cassandra.keyspace, table.name);
    change(session, create).await.with_context(refused)?;
    tracing::info!(keyspace = cassandra.keyspace, table = table.name, "table created");
    Ok(())
}

async fn add_columns(
    session: &Session,
    cassandra: &Cassandra,
    table: &Table,
    found: &HashMap<String, String>,
) -> Result<(), KeyspaceError> {
    for column in missing_columns(&cassandra.keyspace, table, found)? {
        let add = schema::add_column(cassandra, table, column);
        if let Err(error) = change(session, add.clone()).await {
            // Another writer may have been faster.
            let now = existing(session, &cassandra.keyspace).await?;
            if !now.get(table.name).is_some_and(|columns| columns.contains_key(column.name)) {
                let refused =
                    format!("cannot add a column; grant ALTER, or run it yourself: {add}");
                return Err(anyhow::Error::new(error).context(refused).into());
            }
        }
        let (table, column) = (table.name, column.name);
        tracing::info!(keyspace = cassandra.keyspace, table, column, "column added");
    }
    Ok(())
}

/// Which columns have to be added; a key can't be, and a column's type can't be changed.
fn missing_columns<'a>(
    keyspace: &str,
    table: &'a Table,
    found: &HashMap<String, String>,
) -> Result<Vec<&'a Column>, KeyspaceError> {
    let mut missing = Vec::new();
    for column in table.columns {
        let mismatch = |found: String| KeyspaceError::Mismatch {
            keyspace: keyspace.to_owned(),
            table: table.name,
            found,
            wanted: format!("{} {}", column.name, column.cql_type),
        };
        match found.get(column.name) {
            Some(cql_type) if cql_type == column.cql_type => (),
            Some(cql_type) => return Err(mismatch(format!("{} {cql_type}", column.name))),
            None if column.is_key => return Err(mismatch(format!("no key {}", column.name))),
            None => missing.push(column),
        }
    }
    Ok(missing)
}

async fn existing(session: &Session, keyspace: &str) -> anyhow::Result<Existing> {
    const QUERY: &str =
        "SELECT table_name, column_name, type FROM system_schema.columns WHERE keyspace_name = ?";
    let rows = session.query_unpaged(QUERY, (keyspace,)).await?.into_rows_result()?;
    let mut existing = Existing::new();
    for row in rows.rows::<(String, String, String)>()? {
        let (table, column, cql_type) = row?;
        existing.entry(table).or_default().insert(column, cql_type);
    }
    Ok(existing)
}

async fn change(session: &Session, cql: String) -> Result<(), ExecutionError> {
    let mut statement = Statement::new(cql);
    statement.set_request_timeout(Some(SCHEMA_TIMEOUT));
    statement.set_is_idempotent(true);
    session.query_unpaged(statement, ()).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(table: &Table) -> HashMap<String, String> {
        let columns = table.columns.iter();
        columns.map(|column| (column.name.to_owned(), column.cql_type.to_owned())).collect()
    }

    fn missing(found: &HashMap<String, String>) -> Result<Vec<&'static str>, String> {
        missing_columns("freshet", &schema::WINDOWS, found)
            .map(|columns| columns.iter().map(|column| column.name).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_table_of_an_earlier_version_gets_the_columns_that_it_lacks() {
        let mut found = columns(&schema::WINDOWS);
        assert_eq!(missing(&found), Ok(vec![]));
        found.remove("partial");
        found.remove("p99");
        found.insert("note".to_owned(), "text".to_owned());
        assert_eq!(missing(&found), Ok(vec!["p99", "partial"]));
    }

    #[test]
    fn a_table_that_is_another_one_is_named_with_what_to_do() {
        let mut found = columns(&schema::WINDOWS);
        found.insert("count".to_owned(), "int".to_owned());
        assert_eq!(
            missing(&found).unwrap_err(),
            "table freshet.windows in Cassandra has count int, but needs count bigint; drop or rename the table, or set \
             another keyspace in the [cassandra] section"
        );
        found.remove("bucket");
        let error = missing(&found).unwrap_err();
        assert!(error.contains("has no key bucket, but needs bucket timestamp"), "{error}");
    }
}
