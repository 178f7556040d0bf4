//! Sources that are opened as the producer opens them, and servers for them.

// Each test program needs a part of it, and lints take it for no test.
#![allow(dead_code, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use freshet_core::config::ConfigError;
use freshet_runtime::Shutdown;
use freshet_sources::{
    Batch, Context, Cursor, Source, SourceConfig, SourceError, SourceStatus, parse,
};
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

/// Nothing here takes so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for something that comes soon.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("nothing has come")
}

/// Waits until something is so.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    let reached = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(reached).await;
}

/// A port of this machine, and its URL.
pub(crate) async fn listen() -> (tokio::net::TcpListener, SocketAddr) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Serves HTTP until the test ends.
pub(crate) async fn serve(router: axum::Router) -> SocketAddr {
    let (listener, address) = listen().await;
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

/// Who a server says it is, and the file that vouches for it.
pub(crate) struct Identity {
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) ca_file: tempfile::NamedTempFile,
}

impl Identity {
    /// Of `localhost`, signed by nobody else.
    pub(crate) fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let ca_file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(ca_file.path(), made.cert.pem()).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        Self { acceptor: TlsAcceptor::from(Arc::new(server)), ca_file }
    }

    /// The lines of a source that trusts it.
    pub(crate) fn lines(&self) -> String {
        format!("ca_file = \"{}\"\n", self.ca_file.path().display())
    }
}

/// Reads the settings of a source, of which these are the lines.
pub(crate) fn read(lines: &str) -> Result<SourceConfig, ConfigError> {
    read_with(lines, &[])
}

/// The same, with variables of the environment.
pub(crate) fn read_with(
    lines: &str,
    variables: &[(&str, &str)],
) -> Result<SourceConfig, ConfigError> {
    let text = format!(
        "[[stream]]\nname = \"s\"\nvalues = {{ v = \"v\" }}\nwindows = [\"10s\"]\n\n[[source]]\nname = \"feed\"\n\
         stream = \"s\"\n{lines}\n"
    );
    let variables: BTreeMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let loaded = parse(&text, Path::new("freshet.toml"), variables)?;
    Ok(loaded.source_settings.into_iter().next().unwrap())
}

/// A source that is open.
pub(crate) struct Opened {
    pub(crate) source: Box<dyn Source>,
    pub(crate) status: Arc<SourceStatus>,
    pub(crate) cursor: Option<Cursor>,
}

fn context() -> Context {
    let status = Arc::new(SourceStatus::new("feed"));
    Context { name: "feed".to_owned(), status, shutdown: Shutdown::new() }
}

/// Opens a source.
pub(crate) fn open(lines: &str, cursor: Option<&Cursor>) -> Opened {
    let context = context();
    let status = Arc::clone(&context.status);
    let source = read(lines).unwrap().open.open(context, cursor).unwrap().source;
    Opened { source, status, cursor: cursor.cloned() }
}

/// What `--check` does.
pub(crate) async fn check(lines: &str) -> Result<(), SourceError> {
    soon(read(lines).unwrap().open.check(&context())).await
}

impl Opened {
    /// The next batch, or why there is none.
    pub(crate) async fn try_next(&mut self) -> Result<Batch, SourceError> {
        let batch = soon(self.source.next()).await?.expect("the source has ended");
        self.status.heard();
        self.cursor = batch.cursor.clone().or(self.cursor.take());
        Ok(batch)
    }

    /// The messages of the next batch as texts.
    pub(crate) async fn next(&mut self) -> Vec<String> {
        texts(&self.try_next().await.unwrap())
    }

    /// The next messages, so many, however they are batched, and asking again after failures.
    pub(crate) async fn messages(&mut self, count: usize) -> Vec<String> {
        let mut messages = Vec::new();
        while messages.len() < count {
            match self.try_next().await {
                Ok(batch) => messages.extend(texts(&batch)),
                Err(error @ SourceError::Permanent(_)) => panic!("{error}"),
                Err(error) => self.status.reconnecting(&error.to_string()),
            }
        }
        messages
    }

    /// Why there is no next batch, and how long to wait.
    pub(crate) async fn failure(&mut self) -> (String, Option<Duration>) {
        match self.try_next().await.unwrap_err() {
            SourceError::Transient { reason, retry_after }
            | SourceError::Refused { reason, retry_after } => {
                self.status.reconnecting(&reason);
                (reason, retry_after)
            }
            error @ SourceError::Permanent(_) => panic!("{error}"),
        }
    }
}

fn texts(batch: &Batch) -> Vec<String> {
    let text =
        |message: &freshet_sources::Message| String::from_utf8(message.payload.clone()).unwrap();
    batch.messages.iter().map(text).collect()
}
