//! `[dashboard]`: the web server.

use std::net::IpAddr;

use serde::Serialize;

use super::error::ConfigError;
use super::key::{Key, Kind, PORT, Presence, Table};
use super::section::Section;
use crate::secret::Secret;

/// An address that is posted to.
const URL: &str = "^https?://[^\\s/]+(/\\S*)?$";
const URL_FORM: &str =
    "an address begins with http:// or https://, names a host, and has no spaces";

/// `[dashboard]`.
pub(super) const TABLE: Table = Table {
    path: "dashboard",
    is_repeated: false,
    is_list: false,
    meaning: "the web server",
    keys: &[
        Key {
            name: "host",
            presence: Presence::Default("127.0.0.1"),
            meaning: "the address that it binds to; one that others than this machine reach needs a token",
            example: r#""0.0.0.0""#,
            ..Key::NEW
        },
        Key {
            name: "port",
            kind: PORT,
            presence: Presence::Default("3000"),
            meaning: "the port",
            example: "8080",
            ..Key::NEW
        },
        Key {
            name: "allowed_hosts",
            kind: Kind::Texts,
            presence: Presence::Default(""),
            meaning: "hosts that the dashboard answers to, besides `localhost`, loopback addresses and its own \
                      address; see [docs/dashboard.md](docs/dashboard.md)",
            example: r#"["wall.example.com"]"#,
            ..Key::NEW
        },
        Key {
            name: "token",
            presence: Presence::Optional("none"),
            meaning: "when set, the API asks for it",
            example: r#""secret""#,
            is_secret: true,
            ..Key::NEW
        },
        Key {
            name: "max_clients",
            kind: Kind::Integer(1, 100_000),
            presence: Presence::Default("100"),
            meaning: "how many clients may listen to events at once, half of them from one address",
            example: "1000",
            ..Key::NEW
        },
        Key {
            name: "embed_origins",
            kind: Kind::Texts,
            presence: Presence::Default(""),
            meaning: "origins whose pages may show `/embed` in a frame",
            example: r#"["https://wiki.example.com"]"#,
            ..Key::NEW
        },
        Key {
            name: "webhook_url",
            kind: Kind::Text(Some(URL)),
            presence: Presence::Optional("none"),
            meaning: "where alerts are sent as JSON; see [docs/dashboard.md](docs/dashboard.md)",
            example: r#""https://hooks.example.com/freshet""#,
            form: URL_FORM,
            // Such addresses often carry what lets their holder in.
            is_secret: true,
            ..Key::NEW
        },
        Key {
            name: "ntfy_url",
            kind: Kind::Text(Some(URL)),
            presence: Presence::Optional("none"),
            meaning: "a topic of [ntfy](https://ntfy.sh) that alerts are sent to",
            example: r#""https://ntfy.sh/freshet-of-mine""#,
            form: URL_FORM,
            is_secret: true,
            ..Key::NEW
        },
        Key {
            name: "anomalies",
            kind: Kind::Flag,
            presence: Presence::Default("true"),
            meaning: "whether windows far outside of their series' last day are marked",
            example: "false",
            ..Key::NEW
        },
    ],
};

/// Where the dashboard listens and who may ask.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dashboard {
    /// The address it binds to; this machine only by default.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Host names and addresses that it answers to, besides loopback names and its own address.
    pub allowed_hosts: Vec<String>,
    /// When set, the API asks for it.
    pub token: Option<Secret>,
    /// How many clients may listen to events at once.
    pub max_clients: u32,
    /// Origins whose pages may show a chart in a frame.
    pub embed_origins: Vec<String>,
    /// Where alerts are sent as JSON.
    pub webhook_url: Option<Secret>,
    /// The topic of ntfy that alerts are sent to.
    pub ntfy_url: Option<Secret>,
    /// Whether windows far outside of their series' last day are marked.
    pub anomalies: bool,
}

impl Dashboard {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let dashboard = Self {
            host: section.text("host")?.value,
            port: section.integer("port")?,
            allowed_hosts: read_allowed_hosts(section)?,
            token: read_token(section)?,
            max_clients: section.integer("max_clients")?,
            embed_origins: read_embed_origins(section)?,
            webhook_url: read_address(section, "webhook_url")?,
            ntfy_url: read_address(section, "ntfy_url")?,
            anomalies: section.flag("anomalies")?,
        };
        section.finish()?;
        Ok(dashboard)
    }
}

/// An empty token would let everybody in while looking like protection.
fn read_token(section: &Section<'_>) -> Result<Option<Secret>, ConfigError> {
    match section.optional_text("token")? {
        Some(found) if found.value.is_empty() => {
            Err(found.error("is empty: write a token, or leave the key out"))
        }
        found => Ok(found.map(|found| Secret::new(found.value))),
    }
}

fn read_allowed_hosts(section: &Section<'_>) -> Result<Vec<String>, ConfigError> {
    let found = section.texts("allowed_hosts")?;
    match found.value.iter().find(|host| !is_host(host)) {
        Some(host) => Err(found.error(format!(
            "'{host}' is not a host: write a name or an address, without scheme, port or wildcard"
        ))),
        None => Ok(found.value),
    }
}

fn read_address(section: &Section<'_>, key: &'static str) -> Result<Option<Secret>, ConfigError> {
    Ok(section.optional_text(key)?.map(|found| Secret::new(found.value)))
}

fn read_embed_origins(section: &Section<'_>) -> Result<Vec<String>, ConfigError> {
    let found = section.texts("embed_origins")?;
    match found.value.iter().find(|origin| !is_origin(origin)) {
        Some(origin) => Err(found.error(format!(
            "'{origin}' is not an origin: write scheme and host, and the port where there is one, such as \
             https://wiki.example.com"
        ))),
        None => Ok(found.value),
    }
}

/// Whether the text is an origin of web pages (RFC 6454), and nothing more, such as a path or a wildcard.
fn is_origin(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest else { return false };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let is_port = |port: &str| {
        port.bytes().all(|digit| digit.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|n| n > 0)
    };
    let is_bare_address = host.contains(':') && !host.starts_with('[');
    is_host(host) && !is_bare_address && port.is_none_or(is_port)
}

/// Whether the text is a host name or an IP address, and nothing more.
fn is_host(text: &str) -> bool {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse::<IpAddr>().is_ok() || is_name(text.strip_suffix('.').unwrap_or(text))
}

/// Labels of letters, digits, hyphens and underscores, joined by dots; a hyphen stands at neither end of a label.
fn is_name(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(legal)
    })
}
