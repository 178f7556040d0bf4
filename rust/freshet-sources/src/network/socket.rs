//! WebSocket connections, with the same checks as those of HTTP.

use std::io;

use reqwest::header::{HeaderValue, USER_AGENT};
use rustls::pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio::time::timeout;
pub(crate) use tokio_tungstenite::tungstenite::Error as WebSocketError;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};
use url::Url;

use super::address::{PATIENCE, unconnected};
use super::client::{CONNECT_TIMEOUT, refusal};
use super::endpoint::{self, Endpoint, shown};
use super::server::connect_tcp;
use super::text::causes;
use super::tls;
use crate::source::SourceError;

/// A connection.
pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Connects, and shakes hands.
///
/// # Errors
///
/// When there is no server, or it has something else in mind.
pub(crate) async fn connect(
    endpoint: &Endpoint,
    limits: WebSocketConfig,
) -> Result<Socket, SourceError> {
    let url = shown(&endpoint.url);
    let connecting = timeout(CONNECT_TIMEOUT, open(endpoint)).await;
    let stream = match connecting {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            let reason = format!("no connection to {url}: {error}");
            return Err(unconnected(reason, &error));
        }
        Err(_) => {
            return Err(SourceError::transient(format!(
                "no connection to {url} within {} s",
                CONNECT_TIMEOUT.as_secs()
            )));
        }
    };
    let shaking = shake_hands(endpoint, stream, limits);
    match timeout(CONNECT_TIMEOUT, shaking).await {
        Ok(outcome) => outcome,
        Err(_) => Err(SourceError::transient(format!(
            "{url} does not answer within {} s",
            CONNECT_TIMEOUT.as_secs()
        ))),
    }
}

async fn open(endpoint: &Endpoint) -> io::Result<TcpStream> {
    let port = endpoint.url.port_or_known_default().unwrap_or_default();
    match endpoint.url.host() {
        Some(host) => connect_tcp(&host, port, endpoint.policy).await,
        None => Err(io::Error::other("the URL has no host")),
    }
}

async fn shake_hands(
    endpoint: &Endpoint,
    stream: TcpStream,
    limits: WebSocketConfig,
) -> Result<Socket, SourceError> {
    let failed = |error: WebSocketError| failure(&endpoint.url, &error);
    let mut request = endpoint.url.as_str().into_client_request().map_err(failed)?;
    let headers = request.headers_mut();
    headers.insert(USER_AGENT, HeaderValue::from_static(endpoint::USER_AGENT));
    headers.extend(endpoint.headers.clone());
    let connector = connector(&endpoint.url, &endpoint.authorities)?;
    let shaken = client_async_tls_with_config(request, stream, Some(limits), Some(connector));
    Ok(shaken.await.map_err(failed)?.0)
}

fn connector(url: &Url, authorities: &[CertificateDer<'static>]) -> Result<Connector, SourceError> {
    match url.scheme() {
        "wss" => Ok(Connector::Rustls(tls::client_config(authorities)?)),
        _ => Ok(Connector::Plain),
    }
}

fn failure(url: &Url, error: &WebSocketError) -> SourceError {
    if let WebSocketError::Http(response) = error {
        return refusal(url, response.status(), response.headers(), PATIENCE);
    }
    let (url, advice) = (shown(url), tls::advice(error));
    SourceError::transient(format!("no WebSocket to {url}: {}{advice}", causes(error)))
}
