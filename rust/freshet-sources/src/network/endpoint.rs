//! Where a source connects to and who it says it is, as the configuration has it.

use std::fmt;

use freshet_core::config::{ConfigError, Key, Kind, Located, Presence, Section};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use url::{Host, Url};

use super::address::AddressPolicy;

/// The schemes of HTTP.
pub(crate) const WEB: [&str; 2] = ["https", "http"];
/// The schemes of WebSocket.
pub(crate) const WEB_SOCKET: [&str; 2] = ["wss", "ws"];
/// The schemes of MQTT.
pub(crate) const MQTT: [&str; 2] = ["mqtts", "mqtt"];
/// What the producer calls itself.
pub(crate) const USER_AGENT: &str = concat!("freshet/", env!("CARGO_PKG_VERSION"));

/// `token`.
pub(crate) const TOKEN: Key = Key {
    name: "token",
    presence: Presence::Optional("none is sent"),
    meaning: "sent as `Authorization: Bearer …`; never to another server that this one redirects to",
    example: r#""secret""#,
    is_secret: true,
    ..Key::NEW
};

/// `query`.
pub(crate) const QUERY: Key = Key {
    name: "query",
    kind: Kind::TextTable,
    presence: Presence::Optional("that of `url` alone"),
    meaning: "parameters that are added to the query of `url`, such as an API key",
    example: r#"{ appid = "secret" }"#,
    is_secret: true,
    ..Key::NEW
};

/// `headers`.
pub(crate) const HEADERS: Key = Key {
    name: "headers",
    kind: Kind::TextTable,
    presence: Presence::Optional("none of one's own"),
    meaning: "headers of the request, such as that with an API key; never sent to another server that this one \
              redirects to",
    example: r#"{ X-Api-Key = "secret" }"#,
    is_secret: true,
    ..Key::NEW
};

/// `ca_file`.
pub(crate) const CA_FILE: Key = Key {
    name: "ca_file",
    kind: Kind::Path,
    presence: Presence::Optional("the system's authorities alone"),
    meaning: "PEM file with certificates of authorities that are trusted beside the system's",
    example: r#""authority.pem""#,
    ..Key::NEW
};

/// `allow_private`.
pub(crate) const ALLOW_PRIVATE: Key = Key {
    name: "allow_private",
    kind: Kind::Flag,
    presence: Presence::Default("false"),
    meaning: "whether the source may connect to addresses that are not public, such as those of this machine and its \
              network",
    example: "true",
    ..Key::NEW
};

/// Headers that belong to the connection: they are set as the protocol needs them.
const OF_THE_CONNECTION: [&str; 9] = [
    "accept-encoding",
    "connection",
    "content-length",
    "host",
    "last-event-id",
    "te",
    "transfer-encoding",
    "upgrade",
    "range",
];

/// Where a source connects to, and what it says there.
#[derive(Clone)]
pub(crate) struct Endpoint {
    /// Where.
    pub(crate) url: Url,
    /// What is sent with each request, to this server alone.
    pub(crate) headers: HeaderMap,
    /// Which addresses are allowed.
    pub(crate) policy: AddressPolicy,
    /// Authorities that are trusted beside the system's.
    pub(crate) authorities: Vec<CertificateDer<'static>>,
}

/// Neither queries nor headers: they may hold secrets.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint {{ url: {:?}, policy: {:?}, .. }}", shown(&self.url), self.policy)
    }
}

impl Endpoint {
    /// Reads `url`, `query`, `token`, `headers`, `ca_file` and `allow_private`.
    ///
    /// # Errors
    ///
    /// When one of them is wrong.
    pub(crate) fn read(section: &Section<'_>, schemes: [&str; 2]) -> Result<Self, ConfigError> {
        let policy = AddressPolicy { allow_private: section.flag("allow_private")? };
        let url = section.text("url")?;
        let mut parsed = check_url(&url.value, schemes).map_err(|reason| url.error(reason))?;
        check_host(&parsed, policy).map_err(|reason| url.error(reason))?;
        if let Some(query) = section.optional_text_table("query")? {
            parsed.query_pairs_mut().extend_pairs(query.value);
        }
        let headers = read_headers(section)?;
        // A server of the web may redirect to one that is encrypted.
        let may_need_authorities = parsed.scheme() != WEB_SOCKET[1];
        let authorities = read_authorities(section, may_need_authorities)?;
        Ok(Self { url: parsed, headers, policy, authorities })
    }
}

#[cfg(test)]
impl Endpoint {
    /// One that is known to be right.
    pub(crate) fn to(url: &str) -> Self {
        let policy = AddressPolicy { allow_private: false };
        Self {
            url: url.parse().unwrap(),
            headers: HeaderMap::new(),
            policy,
            authorities: Vec::new(),
        }
    }
}

/// A URL without what may be secret in it.
pub(crate) fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    shown.into()
}

/// Parses a URL that somebody has written. The reason why it is refused does not repeat it.
pub(super) fn check_url(text: &str, schemes: [&str; 2]) -> Result<Url, String> {
    let [usual, other] = schemes;
    let (behind, instead) = match schemes {
        MQTT => ("HOST", "`username` and `password`"),
        _ => ("HOST/PATH", "`token` or `headers`"),
    };
    let form = format!("write {usual}://{behind}");
    let url = Url::parse(text).map_err(|error| format!("is no URL: {error}; {form}"))?;
    if !schemes.contains(&url.scheme()) {
        let scheme = url.scheme();
        return Err(format!(
            "begins with {scheme}:, which this source does not speak; {form} or {other}://…"
        ));
    }
    // The parser would take the first part of the path for the host.
    let behind_scheme = text.trim_start().get(url.scheme().len()..).unwrap_or_default();
    if !behind_scheme.starts_with("://") || behind_scheme.starts_with(":///") {
        return Err(format!("has no host; {form}"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "holds a user name or password, which would show up in logs of others; use {instead}"
        ));
    }
    Ok(url)
}

/// Refuses a host that is an address and not allowed. Names are checked when they are resolved.
pub(super) fn check_host(url: &Url, policy: AddressPolicy) -> Result<(), String> {
    check_address(url.host().as_ref(), policy)
}

/// The same, of a host alone.
pub(super) fn check_address<S>(
    host: Option<&Host<S>>,
    policy: AddressPolicy,
) -> Result<(), String> {
    let address = match host {
        Some(Host::Ipv4(address)) => (*address).into(),
        Some(Host::Ipv6(address)) => (*address).into(),
        Some(Host::Domain(_)) => return Ok(()),
        None => return Err("has no host".to_owned()),
    };
    policy.check(address).map_err(|reason| reason.to_string())
}

fn read_headers(section: &Section<'_>) -> Result<HeaderMap, ConfigError> {
    let mut headers = HeaderMap::new();
    if let Some(pairs) = section.optional_text_table("headers")? {
        for (name, value) in &pairs.value {
            let (name, value) = header(name, value).map_err(|reason| pairs.error(reason))?;
            headers.append(name, value);
        }
    }
    if let Some(token) = section.optional_text("token")? {
        if headers.contains_key(AUTHORIZATION) {
            return Err(
                token.error("`headers` has an Authorization as well; leave one of them out")
            );
        }
        headers.insert(AUTHORIZATION, bearer(&token)?);
    }
    Ok(headers)
}

fn bearer(token: &Located<String>) -> Result<HeaderValue, ConfigError> {
    let value = secret_value(&format!("Bearer {}", token.value));
    value.ok_or_else(|| token.error("has characters that a header cannot have"))
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let known = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| format!("'{}' is no name of a header", name.escape_debug()))?;
    if OF_THE_CONNECTION.contains(&known.as_str()) || known.as_str().starts_with("sec-websocket-") {
        return Err(format!("{known} is set by the source itself; leave it out"));
    }
    let value = secret_value(value);
    let value = value.ok_or_else(|| format!("{known} has characters that a header cannot have"))?;
    Ok((known, value))
}

fn secret_value(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Reads `ca_file`.
pub(super) fn read_authorities(
    section: &Section<'_>,
    may_need_them: bool,
) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    if !may_need_them {
        section.refuse("ca_file", "has no effect: the `url` is not encrypted; leave it out")?;
        return Ok(Vec::new());
    }
    let Some(path) = section.optional_file_path("ca_file")? else { return Ok(Vec::new()) };
    let name = path.value.display();
    let unreadable = |error| path.error(format!("cannot read {name}: {error}"));
    let certificates = CertificateDer::pem_file_iter(&path.value).map_err(unreadable)?;
    let certificates: Vec<_> = certificates.collect::<Result<_, _>>().map_err(unreadable)?;
    if certificates.is_empty() {
        return Err(path.error(format!("{name} holds no certificate in PEM")));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_scheme_that_is_spoken_and_a_host() {
        for (text, reason) in [
            ("example.org/feed", "is no URL: relative URL without a base; write https://HOST/PATH"),
            ("https://", "is no URL: empty host; write https://HOST/PATH"),
            ("https:///feed", "has no host; write https://HOST/PATH"),
            ("http:feed", "has no host; write https://HOST/PATH"),
            (
                "https://a b/",
                "is no URL: invalid international domain name; write https://HOST/PATH",
            ),
            (
                "file:///etc/passwd",
                "begins with file:, which this source does not speak; write https://HOST/PATH or http://…",
            ),
            (
                "https://me:secret@example.org/",
                "holds a user name or password, which would show up in logs of others; use `token` or `headers`",
            ),
        ] {
            assert_eq!(check_url(text, WEB).unwrap_err(), reason, "{text}");
        }
        assert!(check_url("https://example.org/feed?key=1", WEB).is_ok());
        assert!(check_url("HTTP://example.org", WEB).is_ok());
        assert!(check_url("ws://example.org/", WEB).is_err());
        assert!(check_url("wss://example.org/", WEB_SOCKET).is_ok());
    }

    #[test]
    fn an_address_is_found_in_whatever_form_it_is_written() {
        let public_only = AddressPolicy { allow_private: false };
        for text in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.0.0.1/",
            "http://0177.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://１２７.0.0.1/",
        ] {
            let url = check_url(text, WEB).unwrap();
            assert!(check_host(&url, public_only).is_err(), "{text} is {url}");
            assert!(check_host(&url, AddressPolicy { allow_private: true }).is_ok());
        }
        assert!(check_host(&check_url("http://8.8.8.8/", WEB).unwrap(), public_only).is_ok());
    }

    #[test]
    fn what_may_be_secret_is_not_shown() {
        let url = check_url("https://example.org/feed?appid=secret#secret", WEB).unwrap();
        assert_eq!(shown(&url), "https://example.org/feed");
        let headers = [header("X-Api-Key", "secret").unwrap()].into_iter().collect();
        let policy = AddressPolicy { allow_private: false };
        let endpoint = Endpoint { url, headers, policy, authorities: Vec::new() };
        assert!(!format!("{endpoint:?} {:?}", endpoint.headers).contains("secret"));
    }

    #[test]
    fn a_header_that_cannot_be_sent_is_refused_without_its_value() {
        assert_eq!(header("X Key", "secret").unwrap_err(), "'X Key' is no name of a header");
        assert_eq!(
            header("X-Key", "secret\n").unwrap_err(),
            "x-key has characters that a header cannot have"
        );
        assert_eq!(
            header("Host", "example.org").unwrap_err(),
            "host is set by the source itself; leave it out"
        );
    }
}
