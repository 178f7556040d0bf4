//! Requests to a registry, at whichever of its addresses answers.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freshet_core::config::{SchemaRegistry, Secret};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use url::Url;

use super::Missing;

/// What the interface is asked for.
const ACCEPTED: &str = "application/vnd.schemaregistry.v1+json, application/json";

/// An answer may be no longer: schemas have some kilobytes.
const MOST_BYTES: u64 = 16 << 20;

/// The codes with which the registry says that it does not know a subject, a version or a schema.
const UNKNOWN: [u32; 3] = [40_401, 40_402, 40_403];

/// What is asked, and how.
pub(super) struct Client {
    agent: Agent,
    urls: Vec<Url>,
    /// The header `Authorization`.
    login: Option<String>,
    /// The address that has answered last.
    preferred: AtomicUsize,
}

/// What the registry says.
pub(super) enum Reply<T> {
    Found(T),
    /// It does not know what it was asked for.
    Unknown,
}

#[derive(Deserialize)]
struct Refusal {
    error_code: u32,
}

impl Client {
    /// A client of that registry; an error for addresses or an authority that are of no use.
    pub(super) fn new(settings: &SchemaRegistry) -> Result<Self, String> {
        let parse = |text: &String| Url::parse(text).map_err(|error| format!("{text}: {error}"));
        let urls: Vec<Url> = settings.urls.iter().map(parse).collect::<Result<_, _>>()?;
        // It is asked as it is named: no proxy, and no other address to which it might send the password.
        let mut agent = Agent::config_builder()
            .timeout_global(Some(settings.timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None);
        if urls.iter().any(|url| url.scheme() == "https") {
            agent = agent.tls_config(tls(settings.ca_file.as_deref())?);
        }
        let password = settings.password.as_ref().map(Secret::expose);
        let login = settings.username.as_ref().zip(password).map(|(username, password)| {
            format!("Basic {}", STANDARD.encode(format!("{username}:{password}")))
        });
        Ok(Self { agent: agent.build().new_agent(), urls, login, preferred: AtomicUsize::new(0) })
    }

    /// Asks for what lies at a path, given by its segments, with that query.
    pub(super) fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: Option<&str>,
    ) -> Result<Reply<T>, Missing> {
        let mut reasons = Vec::new();
        let preferred = self.preferred.load(Ordering::Relaxed);
        for step in 0..self.urls.len() {
            let index = (preferred + step) % self.urls.len();
            let url = &self.urls[index];
            match self.ask(&below(url, path, query)) {
                Ok(reply) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return Ok(reply);
                }
                Err(reason) => reasons.push(format!("{url} {reason}")),
            }
        }
        Err(Missing::NoAnswer(reasons.join("; ")))
    }

    fn ask<T: DeserializeOwned>(&self, url: &Url) -> Result<Reply<T>, String> {
        let mut request = self.agent.get(url.as_str()).header("Accept", ACCEPTED);
        if let Some(login) = &self.login {
            request = request.header("Authorization", login);
        }
        let mut answer = request.call().map_err(|error| format!("does not answer: {error}"))?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(MOST_BYTES).read_to_vec();
        let body = body.map_err(|error| format!("does not answer to its end: {error}"))?;
        match status {
            200 => serde_json::from_slice(&body).map(Reply::Found).map_err(|error| {
                format!("answers something else than a schema registry does ({error})")
            }),
            404 => match serde_json::from_slice::<Refusal>(&body) {
                Ok(Refusal { error_code }) if UNKNOWN.contains(&error_code) => Ok(Reply::Unknown),
                _ => Err("is no schema registry (status 404); correct url in [schema_registry]"
                    .to_owned()),
            },
            401 | 403 => Err(format!(
                "refuses the user (status {status}); correct username and password in [schema_registry]"
            )),
            300..=399 => Err(format!(
                "sends elsewhere (status {status}), which is not followed; correct url in [schema_registry]"
            )),
            _ => Err(format!("answers with status {status}")),
        }
    }
}

/// The address below a registry's own.
fn below(url: &Url, path: &[&str], query: Option<&str>) -> Url {
    let mut url = url.clone();
    // Configurations have addresses of HTTP only, which have segments.
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url.set_query(query);
    url
}

/// Trust in one authority, or in those of the system.
fn tls(ca_file: Option<&Path>) -> Result<TlsConfig, String> {
    let authorities = match ca_file {
        Some(file) => read_authorities(file)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    if authorities.is_empty() {
        return Err(match ca_file {
            Some(file) => format!("{} holds no certificate in PEM", file.display()),
            None => "this system has no certificates of authorities; install them (ca-certificates), or set ca_file in \
                     [schema_registry]"
                .to_owned(),
        });
    }
    let roots = authorities.iter().map(|one| Certificate::from_der(one).to_owned());
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::from(roots))
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build())
}

fn read_authorities(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let unreadable = |error| format!("cannot read {}: {error}", file.display());
    let found = CertificateDer::pem_file_iter(file).map_err(unreadable)?;
    found.collect::<Result<_, _>>().map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_appended_to_an_address_whatever_it_ends_in() {
        for (url, expected) in [
            ("http://a:8081", "http://a:8081/subjects/x%2Fy%20z/versions/1?deleted=true"),
            ("http://a:8081/", "http://a:8081/subjects/x%2Fy%20z/versions/1?deleted=true"),
            (
                "https://a/apis/ccompat/v7",
                "https://a/apis/ccompat/v7/subjects/x%2Fy%20z/versions/1?deleted=true",
            ),
        ] {
            let path = ["subjects", "x/y z", "versions", "1"];
            let found = below(&Url::parse(url).unwrap(), &path, Some("deleted=true"));
            assert_eq!(found.as_str(), expected);
        }
    }
}
