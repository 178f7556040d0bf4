//! The connection to Cassandra: load balancing, encryption, the local datacenter.

use std::path::Path;
use std::time::Duration;

use freshet_core::config::{Cassandra, Consistency};
use openssl::ssl::{SslContext, SslContextBuilder, SslMethod, SslVerifyMode};
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::errors::NewSessionError;
use scylla::policies::load_balancing::DefaultPolicy;
use scylla::statement;
use thiserror::Error;

pub(crate) const SCHEMA_TIMEOUT: Duration = Duration::from_mins(1);

/// Why there can be no connection, however long one waits.
#[derive(Debug, Error)]
pub(crate) enum ConnectionError {
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

pub(crate) async fn connect(
    cassandra: &Cassandra,
    tls: Option<SslContext>,
) -> Result<Session, NewSessionError> {
    let policy = DefaultPolicy::builder()
        .prefer_datacenter(cassandra.local_datacenter.clone())
        .token_aware(true)
        // Without effect on the LOCAL_ levels, which the driver keeps in their datacenter.
        .permit_dc_failover(true)
        .build();
    let profile = ExecutionProfile::builder()
        .consistency(consistency(cassandra.consistency))
        .request_timeout(Some(cassandra.request_timeout))
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

pub(crate) fn tls_context(authority: &Path) -> Result<SslContext, ConnectionError> {
    let build = || {
        let mut builder = SslContextBuilder::new(SslMethod::tls_client())?;
        builder.set_ca_file(authority)?;
        builder.set_verify(SslVerifyMode::PEER);
        Ok(builder.build())
    };
    build().map_err(|source| ConnectionError::Authority {
        path: authority.display().to_string(),
        source,
    })
}

/// Without this a wrong name would show as an endless "no node available".
pub(crate) fn check_datacenter(session: &Session, wanted: &str) -> Result<(), ConnectionError> {
    let state = session.get_cluster_state();
    let mut found: Vec<&str> =
        state.get_nodes_info().iter().filter_map(|node| node.datacenter.as_deref()).collect();
    if found.is_empty() || found.contains(&wanted) {
        return Ok(());
    }
    found.sort_unstable();
    found.dedup();
    Err(ConnectionError::Datacenter { wanted: wanted.to_owned(), found: found.join(", ") })
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
