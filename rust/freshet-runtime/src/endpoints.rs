//! What a program answers over HTTP: `/live`, `/ready` and `/metrics`.
//!
//! It answers until its process ends, so that a program that drains can be watched: then `/ready` says that it is asked
//! to stop. Nothing here waits for its connections at the end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::registry::Registry;
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::{Health, Shutdown, exposition};

/// So many connections at once; the next ones wait.
const MAX_CONNECTIONS: usize = 32;
/// How long a connection may take for the head of a request, and may be idle.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may last: a client that does not read its answers gives its place back.
const MAX_AGE: Duration = Duration::from_mins(5);
/// After an error such as too many open files.
const PAUSE: Duration = Duration::from_secs(1);
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// What the answers are made of.
#[derive(Debug)]
pub struct Endpoints {
    /// How the program is.
    pub health: Arc<Health>,
    /// What it counts.
    pub registry: Registry,
    /// Whether it is asked to stop.
    pub shutdown: Shutdown,
}

/// The answer of `/ready`.
#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    state: Option<String>,
    waiting_for: Vec<String>,
}

impl Endpoints {
    /// Answers at the address from now on, until the process ends; gives back where that is. An address that is taken
    /// is no reason to end: it is a warning, and a notice in the health reports.
    pub async fn serve(self, address: &str) -> Option<SocketAddr> {
        let bound = match TcpListener::bind(address).await {
            Ok(listener) => listener.local_addr().map(|at| (listener, at)),
            Err(error) => Err(error),
        };
        match bound {
            Ok((listener, at)) => {
                tracing::info!(address = %at, "answering to /live, /ready and /metrics");
                tokio::spawn(accept(listener, Arc::new(self)));
                Some(at)
            }
            Err(error) => {
                let notice = format!(
                    "no metrics at {address}: {error}; set metrics_address to a free port, or to \"\" for none"
                );
                tracing::warn!("{notice}");
                self.health.notice(&notice);
                None
            }
        }
    }

    fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut response =
                response(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match path {
            "/live" => response(StatusCode::OK, TEXT, "alive\n"),
            "/ready" => self.ready(),
            "/metrics" => {
                response(StatusCode::OK, exposition::CONTENT_TYPE, exposition::text(&self.registry))
            }
            _ => response(StatusCode::NOT_FOUND, TEXT, "there are: /live, /ready, /metrics\n"),
        }
    }

    fn ready(&self) -> Response<Full<Bytes>> {
        let mut readiness = self.health.readiness();
        if self.shutdown.is_requested() {
            readiness.waiting_for.push("its end: it was asked to stop".to_owned());
        }
        let ready = Readiness {
            ready: readiness.waiting_for.is_empty(),
            state: readiness.state.map(|state| state.name().to_owned()),
            waiting_for: readiness.waiting_for,
        };
        let status = if ready.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        response(status, JSON, serde_json::to_string(&ready).unwrap_or_default())
    }
}

fn response(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn accept(listener: TcpListener, endpoints: Arc<Endpoints>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let endpoints = Arc::clone(&endpoints);
                tokio::spawn(async move {
                    // Who asks goes away as it likes.
                    drop(tokio::time::timeout(MAX_AGE, converse(stream, endpoints)).await);
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "a connection for metrics was not accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, endpoints: Arc<Endpoints>) -> hyper::Result<()> {
    let answer = service_fn(move |request: Request<Incoming>| {
        let response = endpoints.answer(request.method(), request.uri().path());
        async move { Ok::<_, Infallible>(response) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), answer)
        .await
}

#[cfg(test)]
#[path = "endpoints_tests.rs"]
mod tests;
