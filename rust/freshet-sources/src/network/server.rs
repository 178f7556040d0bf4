//! Servers that are connected to by TCP, with TLS or without, for protocols that bring their own language.

use std::io;

use freshet_core::config::{ConfigError, Section};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Host;

use super::address::AddressPolicy;
use super::endpoint::{check_address, check_url, read_authorities};
use super::text::causes;
use super::tls;

/// What is said and heard.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for T {}

/// Where to connect to.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// As it was written, for people. There are no secrets in it.
    pub(crate) url: String,
    /// The host.
    pub(crate) host: Host,
    /// The port.
    pub(crate) port: u16,
    /// Whether it is spoken to with TLS.
    is_encrypted: bool,
    policy: AddressPolicy,
    /// Authorities that are trusted beside the system's.
    authorities: Vec<CertificateDer<'static>>,
}

impl Server {
    /// Reads `url`, `ca_file` and `allow_private`. The first of the schemes stands for TLS; each has its port.
    ///
    /// # Errors
    ///
    /// When one of them is wrong.
    pub(crate) fn read(
        section: &Section<'_>,
        schemes: [&str; 2],
        ports: [u16; 2],
    ) -> Result<Self, ConfigError> {
        let policy = AddressPolicy { allow_private: section.flag("allow_private")? };
        let url = section.text("url")?;
        let server =
            Self::parse(&url.value, schemes, ports, policy).map_err(|reason| url.error(reason))?;
        Ok(Self { authorities: read_authorities(section, server.is_encrypted)?, ..server })
    }

    fn parse(
        text: &str,
        schemes: [&str; 2],
        ports: [u16; 2],
        policy: AddressPolicy,
    ) -> Result<Self, String> {
        let url = check_url(text, schemes)?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err("has more than a host and a port; leave that out".to_owned());
        }
        let name = url.host_str().unwrap_or_default();
        if name.is_empty() {
            return Err(format!("has no host; write {}://HOST", schemes[0]));
        }
        // Of schemes that it does not know the parser takes every host for a name.
        let host =
            Host::parse(name).map_err(|error| format!("has a host that is none: {error}"))?;
        check_address(Some(&host), policy)?;
        let is_encrypted = url.scheme() == schemes[0];
        let port = url.port().unwrap_or(ports[usize::from(!is_encrypted)]);
        let url = format!("{}://{host}:{port}", url.scheme());
        Ok(Self { url, host, port, is_encrypted, policy, authorities: Vec::new() })
    }

    /// Connects. Whoever calls it bounds the time.
    ///
    /// # Errors
    ///
    /// When there is no server, or it is not the one that it should be.
    pub(crate) async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let stream = connect_tcp(&self.host, self.port, self.policy).await?;
        if !self.is_encrypted {
            return Ok(Box::new(stream));
        }
        let config = tls::client_config(&self.authorities).map_err(io::Error::other)?;
        let name = self.host.to_string();
        // Brackets belong to URLs.
        let name = name.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(name).map_err(io::Error::other)?;
        Ok(Box::new(TlsConnector::from(config).connect(name, stream).await?))
    }

    /// Why there is no connection, with what would help.
    pub(crate) fn reason(error: &io::Error) -> String {
        format!("{}{}", causes(error), tls::advice(error))
    }
}

/// Connects to a host, if its address is allowed.
///
/// # Errors
///
/// When none of its addresses is allowed, or nobody listens there.
pub(super) async fn connect_tcp<S: AsRef<str>>(
    host: &Host<S>,
    port: u16,
    policy: AddressPolicy,
) -> io::Result<TcpStream> {
    let stream = match host {
        Host::Domain(name) => {
            TcpStream::connect(policy.resolve(name.as_ref(), port).await?.as_slice()).await?
        }
        // Checked when it was read.
        Host::Ipv4(address) => TcpStream::connect((*address, port)).await?,
        Host::Ipv6(address) => TcpStream::connect((*address, port)).await?,
    };
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::MQTT;

    const PUBLIC_ONLY: AddressPolicy = AddressPolicy { allow_private: false };

    fn parse(text: &str) -> Result<Server, String> {
        Server::parse(text, MQTT, [8883, 1883], PUBLIC_ONLY)
    }

    #[test]
    fn a_url_is_a_scheme_a_host_and_perhaps_a_port() {
        assert_eq!(
            parse("mqtt://broker.example.org").unwrap().url,
            "mqtt://broker.example.org:1883"
        );
        assert_eq!(parse("mqtts://8.8.8.8/").unwrap().url, "mqtts://8.8.8.8:8883");
        assert_eq!(parse("mqtt://[2606:4700::1111]:1884").unwrap().port, 1884);
        for (text, reason) in [
            ("broker.example.org", "is no URL: relative URL without a base; write mqtts://HOST"),
            ("mqtt://", "has no host; write mqtts://HOST"),
            ("mqtt:///home", "has no host; write mqtts://HOST"),
            (
                "https://example.org/",
                "begins with https:, which this source does not speak; write mqtts://HOST or mqtt://…",
            ),
            ("mqtt://example.org/home/#", "has more than a host and a port; leave that out"),
            ("mqtt://example.org?key=secret", "has more than a host and a port; leave that out"),
            (
                "mqtt://me:secret@example.org",
                "holds a user name or password, which would show up in logs of others; use `username` and `password`",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err(), reason, "{text}");
        }
    }

    #[test]
    fn an_address_is_found_in_whatever_form_it_is_written() {
        for text in ["mqtt://127.0.0.1", "mqtt://127.1", "mqtts://0x7f.0.0.1:1", "mqtt://[::1]"] {
            let reason = parse(text).unwrap_err();
            assert!(reason.contains("is not public"), "{text}: {reason}");
        }
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_refused_when_it_is_connected_to() {
        let error = parse("mqtt://localhost").unwrap().connect().await.err().unwrap();
        assert!(error.to_string().starts_with("localhost: "), "{error}");
    }
}
