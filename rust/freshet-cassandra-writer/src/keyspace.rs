//! Makes the keyspace and its tables what the writer needs: at the start, and again when somebody has taken something
//! away.

use std::collections::HashMap;
use std::fmt;

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
    /// A table is another one than the writer's: nothing but a person can repair it.
    #[error(
        "table {keyspace}.{table} in Cassandra has {found}, but needs {wanted}; drop or rename the table, or set \
         another keyspace in the [cassandra] section"
    )]
    Mismatch { keyspace: String, table: &'static str, found: String, wanted: String },
    /// Cassandra cannot, or does not want to, now.
    #[error("{0:#}")]
    Later(#[from] anyhow::Error),
}

/// What there is.
#[derive(Debug, Default)]
struct Existing {
    /// Whether there is the keyspace: an administrator may have made an empty one.
    has_keyspace: bool,
    /// The columns of each table, with their types.
    tables: HashMap<String, HashMap<String, String>>,
}

/// Something that is missing in the keyspace.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Missing {
    Keyspace,
    Table(&'static Table),
    Column(&'static Table, &'static Column),
}

impl Missing {
    /// The statement that adds it.
    pub(crate) fn statement(&self, cassandra: &Cassandra) -> String {
        match self {
            Self::Keyspace => schema::create_keyspace(cassandra),
            Self::Table(table) => schema::create_table(cassandra, table),
            Self::Column(table, column) => schema::add_column(cassandra, table, column),
        }
    }

    /// Whether it is there.
    fn is_in(&self, existing: &Existing) -> bool {
        match self {
            Self::Keyspace => existing.has_keyspace,
            Self::Table(table) => existing.tables.contains_key(table.name),
            Self::Column(table, column) => existing
                .tables
                .get(table.name)
                .is_some_and(|columns| columns.contains_key(column.name)),
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keyspace => f.write_str("the keyspace"),
            Self::Table(table) => write!(f, "table {}", table.name),
            Self::Column(table, column) => {
                write!(f, "column {} of table {}", column.name, table.name)
            }
        }
    }
}

/// Adds what is missing of keyspace, tables and columns.
///
/// Looks first, because a user without the right to create may well be allowed to write.
pub(crate) async fn complete(
    session: &Session,
    cassandra: &Cassandra,
) -> Result<(), KeyspaceError> {
    for missing in missing(session, cassandra).await? {
        let statement = missing.statement(cassandra);
        tracing::info!(statement, "adding what is missing in Cassandra");
        if let Err(error) = change(session, statement.clone()).await {
            // Another writer may have been faster.
            if !missing.is_in(&existing(session, &cassandra.keyspace).await?) {
                let refused = format!(
                    "cannot add what is missing in Cassandra; grant the right to, or run it yourself: {statement}"
                );
                return Err(anyhow::Error::new(error).context(refused).into());
            }
        }
    }
    session.await_schema_agreement().await.context("the nodes disagree on the tables")?;
    Ok(())
}

/// What is missing, in the order in which it has to be added.
pub(crate) async fn missing(
    session: &Session,
    cassandra: &Cassandra,
) -> Result<Vec<Missing>, KeyspaceError> {
    let existing = existing(session, &cassandra.keyspace).await?;
    missing_in(&existing, &cassandra.keyspace)
}

fn missing_in(existing: &Existing, keyspace: &str) -> Result<Vec<Missing>, KeyspaceError> {
    let mut missing = Vec::new();
    if !existing.has_keyspace {
        missing.push(Missing::Keyspace);
    }
    for table in schema::tables() {
        match existing.tables.get(table.name) {
            None => missing.push(Missing::Table(table)),
            Some(columns) => {
                let lacking = missing_columns(keyspace, table, columns)?;
                missing.extend(lacking.into_iter().map(|column| Missing::Column(table, column)));
            }
        }
    }
    Ok(missing)
}

/// Which columns have to be added; a key can't be, and a column's type can't be changed.
fn missing_columns(
    keyspace: &str,
    table: &'static Table,
    found: &HashMap<String, String>,
) -> Result<Vec<&'static Column>, KeyspaceError> {
    let mut missing = Vec::new();
    for column in &table.columns {
        let mismatch = |found: String| KeyspaceError::Mismatch {
            keyspace: keyspace.to_owned(),
            table: table.name,
            found,
            wanted: format!("{} {}", column.name, column.cql_type),
        };
        match found.get(column.name) {
            Some(cql_type) if cql_type == column.cql_type => (),
            Some(cql_type) => return Err(mismatch(format!("{} {cql_type}", column.name))),
            None if column.key.is_some() => {
                return Err(mismatch(format!("no key {}", column.name)));
            }
            None => missing.push(column),
        }
    }
    Ok(missing)
}

async fn existing(session: &Session, keyspace: &str) -> anyhow::Result<Existing> {
    const KEYSPACE: &str =
        "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?";
    const COLUMNS: &str =
        "SELECT table_name, column_name, type FROM system_schema.columns WHERE keyspace_name = ?";
    let keyspaces = session.query_unpaged(KEYSPACE, (keyspace,)).await?.into_rows_result()?;
    let rows = session.query_unpaged(COLUMNS, (keyspace,)).await?.into_rows_result()?;
    let mut existing = Existing { has_keyspace: keyspaces.rows_num() > 0, ..Existing::default() };
    for row in rows.rows::<(String, String, String)>()? {
        let (table, column, cql_type) = row?;
        existing.tables.entry(table).or_default().insert(column, cql_type);
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
    use std::collections::BTreeMap;
    use std::path::Path;

    use freshet_core::config::Config;

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
    fn what_is_missing_is_added_in_the_order_in_which_it_is_needed() {
        let statements = |existing: &Existing| -> Vec<String> {
            let text = "[[stream]]\nname = 's'\nvalues = { v = 'v' }\nwindows = ['1m']\n";
            let config = Config::parse(text, Path::new("freshet.toml"), BTreeMap::new()).unwrap();
            let missing = missing_in(existing, "freshet").unwrap();
            let statement = |missing: &Missing| missing.statement(&config.cassandra);
            missing.iter().map(statement).map(|text| text[..30].to_owned()).collect()
        };
        let mut existing = Existing::default();
        let tables = ["CREATE TABLE IF NOT EXISTS fre"; 6];
        let all = [&["CREATE KEYSPACE IF NOT EXISTS "], tables.as_slice()].concat();
        assert_eq!(statements(&existing), all);
        existing.has_keyspace = true;
        assert_eq!(
            statements(&existing),
            tables,
            "whoever may use an empty keyspace need not have the right to create one"
        );
        existing.tables.insert("windows".to_owned(), columns(&schema::WINDOWS));
        existing.tables.get_mut("windows").unwrap().remove("partial");
        let upgrade = [&["ALTER TABLE freshet.windows AD"], &tables[1..]].concat();
        assert_eq!(statements(&existing), upgrade);
    }

    #[test]
    fn a_table_that_is_another_one_is_named_with_what_to_do() {
        let mut found = columns(&schema::WINDOWS);
        found.insert("count".to_owned(), "int".to_owned());
        assert_eq!(
            missing(&found).unwrap_err(),
            "table freshet.windows in Cassandra has count int, but needs count bigint; drop or rename the table, or \
             set another keyspace in the [cassandra] section"
        );
        found.remove("bucket");
        let error = missing(&found).unwrap_err();
        assert!(error.contains("has no key bucket, but needs bucket timestamp"), "{error}");
    }
}
