//! `--print-schema`: what the writer needs in Cassandra, as statements for whoever is allowed to run them.

use std::io::{self, Write};

use anyhow::Context;
use freshet_core::config::Cassandra;
use freshet_runtime::Failure;

use crate::keyspace::{self, KeyspaceError, Missing};
use crate::{connection, schema};

/// Prints the whole schema, and then what of it the cluster lacks; both may be given to `cqlsh`.
///
/// The first part needs no cluster. When the cluster cannot be asked, this fails after it.
pub(crate) async fn print(cassandra: &Cassandra) -> Result<(), Failure> {
    write(&whole(cassandra)).map_err(Failure::runtime)?;
    let missing = ask(cassandra).await?;
    write(&lacking(cassandra, &missing)).map_err(Failure::runtime)
}

fn write(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}

/// The statements for a cluster that has nothing.
fn whole(cassandra: &Cassandra) -> String {
    let tables = schema::tables().map(|table| schema::create_table(cassandra, table));
    let statements = [schema::create_keyspace(cassandra)].into_iter().chain(tables);
    let statements: Vec<String> = statements.map(|statement| statement + ";\n").collect();
    statements.concat()
}

async fn ask(cassandra: &Cassandra) -> Result<Vec<Missing>, Failure> {
    let nodes = cassandra.contact_points.join(", ");
    let tls = connection::tls_context(cassandra);
    let session = connection::connect(cassandra, tls.map_err(Failure::usage)?)
        .await
        .with_context(|| format!("cannot ask {nodes} what it lacks of this"))
        .map_err(Failure::runtime)?;
    connection::check_datacenter(&session, &cassandra.local_datacenter).map_err(Failure::usage)?;
    keyspace::missing(&session, cassandra).await.map_err(|error| match error {
        error @ KeyspaceError::Mismatch { .. } => Failure::usage(error),
        KeyspaceError::Later(error) => Failure::runtime(error),
    })
}

/// What is to be added. Tables and the keyspace are in the first part already.
fn lacking(cassandra: &Cassandra, missing: &[Missing]) -> String {
    if missing.is_empty() {
        return "-- The cluster has all of it.\n".to_owned();
    }
    let statements: Vec<String> = missing.iter().map(|missing| match missing {
        Missing::Keyspace | Missing::Table(_) => {
            format!("-- The cluster lacks {missing}: see above.\n")
        }
        Missing::Column(..) => format!(
            "-- The cluster lacks {missing}. The writer adds it when it starts, if it may:\n{};\n",
            missing.statement(cassandra)
        ),
    }).collect();
    statements.concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use freshet_core::config::Config;

    use super::*;

    #[test]
    fn the_whole_schema_is_printed_and_what_is_lacking_is_named() {
        let text = "[[stream]]\nname = 's'\nvalues = { v = 'v' }\nwindows = ['1m']\n";
        let config = Config::parse(text, Path::new("freshet.toml"), BTreeMap::new()).unwrap();
        let cassandra = &config.cassandra;
        let whole = whole(cassandra);
        let begins: Vec<&str> = whole.lines().map(|line| &line[..27]).collect();
        let tables = ["CREATE TABLE IF NOT EXISTS "; 6];
        assert_eq!(begins, [&["CREATE KEYSPACE IF NOT EXIS"], tables.as_slice()].concat());
        assert!(whole.lines().all(|line| line.ends_with(';')), "{whole}");

        assert_eq!(lacking(cassandra, &[]), "-- The cluster has all of it.\n");
        let column =
            schema::WINDOWS.columns.iter().find(|column| column.name == "partial").unwrap();
        let missing = [Missing::Table(&schema::SERIES), Missing::Column(&schema::WINDOWS, column)];
        assert_eq!(
            lacking(cassandra, &missing),
            "-- The cluster lacks table series: see above.\n\
             -- The cluster lacks column partial of table windows. The writer adds it when it starts, if it may:\n\
             ALTER TABLE freshet.windows ADD \"partial\" boolean;\n"
        );
    }
}
