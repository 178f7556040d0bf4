//! What sources share that connect to a URL: which addresses are allowed, who they say they are, and how failures are
//! told.

mod address;
mod client;
mod endpoint;
mod server;
mod socket;
mod text;
mod tls;

pub(crate) use address::{PATIENCE, unconnected};
pub(crate) use client::{CONNECT_TIMEOUT, Client, Compression, refusal};
pub(crate) use endpoint::{
    ALLOW_PRIVATE, CA_FILE, Endpoint, HEADERS, MQTT, QUERY, TOKEN, WEB, WEB_SOCKET, shown,
};
pub(crate) use server::{Server, Stream};
pub(crate) use socket::{Socket, WebSocketError, connect};
pub(crate) use text::{causes, one_line};
