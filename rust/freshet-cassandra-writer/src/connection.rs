//! The connection to Cassandra: load balancing, encryption, the local datacenter.

use std::path::Path;
use std::time::Duration;

use freshet_core::config::{Cassandra, Consistency};
use openssl::ssl::{SslContext, SslContextBuilder, SslMethod, SslVerifyMode};
use openssl::x509::{GeneralNameRef, X509Ref, X509StoreContextRef, X509VerifyResult};
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::errors::NewSessionError;
use scylla::policies::load_balancing::DefaultPolicy;
use scylla::statement;
use thiserror::Error;

/// OpenSSL's number for a certificate that is not for the address (`X509_V_ERR_IP_ADDRESS_MISMATCH`).
const IP_ADDRESS_MISMATCH: i32 = 64;

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

/// The encryption that the configuration asks for; `None` for none.
pub(crate) fn tls_context(cassandra: &Cassandra) -> Result<Option<SslContext>, ConnectionError> {
    let Some(authority) = &cassandra.ca_file else { return Ok(None) };
    encrypted(authority, cassandra.server_name.clone()).map(Some)
}

fn encrypted(authority: &Path, server_name: Option<String>) -> Result<SslContext, ConnectionError> {
    let build = || {
        let mut builder = SslContextBuilder::new(SslMethod::tls_client())?;
        builder.set_ca_file(authority)?;
        match server_name {
            None => builder.set_verify(SslVerifyMode::PEER),
            Some(name) => builder
                .set_verify_callback(SslVerifyMode::PEER, move |is_right, found| {
                    is_right || has_name_instead(found, &name)
                }),
        }
        Ok(builder.build())
    };
    build().map_err(|source| ConnectionError::Authority {
        path: authority.display().to_string(),
        source,
    })
}

/// Whether all that was found wrong with a certificate is that it is not for the node's IP address, which the driver
/// asks for on every connection, while it is for this name.
fn has_name_instead(found: &mut X509StoreContextRef, name: &str) -> bool {
    let is_address = found.error().as_raw() == IP_ADDRESS_MISMATCH;
    let names = found.current_cert().and_then(X509Ref::subject_alt_names);
    let has_name = names.is_some_and(|names| {
        let mut names = names.iter().filter_map(GeneralNameRef::dnsname);
        names.any(|own| own.eq_ignore_ascii_case(name))
    });
    if is_address && has_name {
        found.set_error(X509VerifyResult::OK);
    }
    is_address && has_name
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
    use std::thread;

    use openssl::pkey::PKey;
    use openssl::ssl::{Ssl, SslAcceptor, SslStream};
    use openssl::x509::X509;
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

    use super::*;

    const NODE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn authority() -> CertifiedIssuer<'static, KeyPair> {
        let mut parameters = CertificateParams::new([]).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Else it would be called as those that it signs for, and they would look as if they had signed themselves.
        parameters.distinguished_name.push(DnType::CommonName, "authority");
        CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
    }

    /// Whether a client that trusts `trusted` connects to a node whose certificate `issuer` has signed for `names`.
    fn connects(
        (trusted, server_name): (&str, Option<&str>),
        issuer: &CertifiedIssuer<'static, KeyPair>,
        names: &[&str],
    ) -> bool {
        let file = std::env::temp_dir().join(format!("freshet-authority-{}", std::process::id()));
        std::fs::write(&file, trusted).unwrap();
        let context = encrypted(&file, server_name.map(str::to_owned)).unwrap();
        std::fs::remove_file(&file).unwrap();
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, issuer).unwrap();
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        let key = PKey::private_key_from_pem(key.serialize_pem().as_bytes()).unwrap();
        acceptor.set_private_key(&key).unwrap();
        acceptor.set_certificate(&X509::from_der(certificate.der()).unwrap()).unwrap();
        let acceptor = acceptor.build();
        let listener = TcpListener::bind((NODE, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let node = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            // A client that refuses the certificate goes away.
            let Ok(mut stream) = acceptor.accept(stream) else { return };
            drop(stream.write_all(b"here"));
        });
        // As the driver does it.
        let mut ssl = Ssl::new(&context).unwrap();
        ssl.param_mut().set_ip(NODE).unwrap();
        let mut stream = SslStream::new(ssl, TcpStream::connect(address).unwrap()).unwrap();
        let connected = stream.connect().is_ok() && {
            let mut said = [0; 4];
            stream.read_exact(&mut said).is_ok() && &said == b"here"
        };
        drop(stream);
        node.join().unwrap();
        connected
    }

    #[test]
    fn a_certificate_is_for_the_address_or_for_the_name_that_is_configured() {
        let (issuer, stranger) = (authority(), authority());
        let trusted = issuer.pem();
        let name = "cassandra.freshet.svc";
        let with = |server_name| (trusted.as_str(), server_name);
        for (wanted, client, issuer, names) in [
            (true, with(None), &issuer, &["127.0.0.1"][..]),
            (false, with(None), &issuer, &["127.0.0.2"]),
            (false, with(None), &issuer, &[name]),
            (true, with(Some(name)), &issuer, &[name]),
            (true, with(Some(name)), &issuer, &["other.example", "CASSANDRA.freshet.svc"]),
            (true, with(Some(name)), &issuer, &["127.0.0.1"]),
            (false, with(Some(name)), &issuer, &["other.example"]),
            (false, with(Some(name)), &issuer, &["127.0.0.2"]),
            // A name is no reason to trust anybody.
            (false, with(Some(name)), &stranger, &[name]),
        ] {
            assert_eq!(connects(client, issuer, names), wanted, "{:?} and {names:?}", client.1);
        }
    }
}
