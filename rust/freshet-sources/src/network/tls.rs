//! TLS with rustls and ring. Whom to trust comes from the system, and from the source's `ca_file`.

use std::error::Error;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use crate::source::SourceError;

/// The settings of TLS that trust the system's authorities and these.
///
/// # Errors
///
/// When there is nobody to be trusted.
pub(super) fn client_config(
    own: &[CertificateDer<'static>],
) -> Result<Arc<ClientConfig>, SourceError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    // Systems have authorities that are too old for today's checks; the others count.
    roots.add_parsable_certificates(system.certs);
    for certificate in own {
        roots.add(certificate.clone()).map_err(|error| {
            SourceError::permanent(format!("a certificate in `ca_file` cannot be used: {error}"))
        })?;
    }
    if roots.is_empty() {
        return Err(SourceError::permanent(
            "this system has no certificates of authorities; install them (ca-certificates), or set `ca_file`",
        ));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SourceError::permanent(format!("cannot set up TLS: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// What helps against a certificate that is not trusted.
pub(super) fn advice(error: &(dyn Error + 'static)) -> &'static str {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
            return "; set `ca_file` if an authority of your own has signed the server's certificate";
        }
        next = match error.downcast_ref::<std::io::Error>() {
            // It passes over its inner error.
            Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    ""
}
