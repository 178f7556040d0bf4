//! HTTP requests, with every redirect checked as the first URL was.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode};
use url::Url;

use super::address::{self, Resolver};
use super::endpoint::{Endpoint, USER_AGENT, WEB, check_host, check_url, shown};
use super::text::causes;
use super::tls;
use crate::source::SourceError;

/// How long a connection may take.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a server may redirect.
const MAX_REDIRECTS: usize = 5;

/// Whether answers may be compressed: streams are not, since compression waits for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    /// With gzip.
    Allowed,
    /// Not at all.
    None,
}

/// A client of one server.
#[derive(Debug)]
pub(crate) struct Client {
    endpoint: Endpoint,
    http: reqwest::Client,
}

impl Client {
    /// # Errors
    ///
    /// When nobody is to be trusted with TLS.
    pub(crate) fn new(endpoint: Endpoint, compression: Compression) -> Result<Self, SourceError> {
        let tls = tls::client_config(&endpoint.authorities)?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.as_ref().clone())
            .dns_resolver(Resolver::shared(endpoint.policy))
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(USER_AGENT)
            .gzip(compression == Compression::Allowed)
            // What a proxy resolves nobody could check here.
            .no_proxy()
            // Each one is checked, in `get`.
            .redirect(Policy::none())
            .build()
            .map_err(|error| {
                SourceError::permanent(format!("cannot set up HTTP: {}", causes(&error)))
            })?;
        Ok(Self { endpoint, http })
    }

    /// Asks the server, and those that it redirects to. Returns as soon as the head of the answer is here.
    ///
    /// # Errors
    ///
    /// When there is no answer, or it redirects to where it must not.
    pub(crate) async fn get(&self, headers: &HeaderMap) -> Result<Response, SourceError> {
        let mut url = self.endpoint.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self.http.get(url.clone()).headers(headers.clone());
            if url.origin() == self.endpoint.url.origin() {
                request = request.headers(self.endpoint.headers.clone());
            }
            let response = request.send().await.map_err(|error| unreachable(&url, error))?;
            match self.redirection(&url, &response)? {
                None => return Ok(response),
                Some(next) => url = next,
            }
        }
        Err(SourceError::transient(format!(
            "the server redirects more than {MAX_REDIRECTS} times, at last to {}; check `url`",
            shown(&url)
        )))
    }

    /// Where the server redirects to.
    fn redirection(&self, url: &Url, response: &Response) -> Result<Option<Url>, SourceError> {
        use StatusCode as Is;
        let status = response.status();
        let moved = [
            Is::MOVED_PERMANENTLY,
            Is::FOUND,
            Is::SEE_OTHER,
            Is::TEMPORARY_REDIRECT,
            Is::PERMANENT_REDIRECT,
        ];
        if !moved.contains(&status) {
            return Ok(None);
        }
        let refused = |reason: String| {
            SourceError::transient(format!("the server redirects to a URL that {reason}"))
        };
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let next = location.and_then(|location| url.join(location).ok());
        let next = next.ok_or_else(|| refused("cannot be read; check `url`".to_owned()))?;
        let next = check_url(next.as_str(), WEB).map_err(refused)?;
        if url.scheme() == "https" && next.scheme() != "https" {
            return Err(refused(format!(
                "is not encrypted any more: {}; check `url`",
                shown(&next)
            )));
        }
        check_host(&next, self.endpoint.policy)
            .map_err(|reason| refused(format!("is refused: {reason}")))?;
        Ok(Some(next))
    }
}

fn unreachable(url: &Url, error: reqwest::Error) -> SourceError {
    let error = error.without_url();
    let url = shown(url);
    let advice = tls::advice(&error);
    address::unconnected(format!("no answer from {url}: {}{advice}", causes(&error)), &error)
}

/// What an answer means that is none of those that were hoped for. A server that refuses is not asked again before
/// `patience` has passed: sooner it will hardly change its mind.
pub(crate) fn refusal(
    url: &Url,
    status: StatusCode,
    headers: &HeaderMap,
    patience: Duration,
) -> SourceError {
    let advice = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "; check `token` and `headers`",
        StatusCode::NOT_FOUND | StatusCode::GONE => "; check `url`",
        StatusCode::TOO_MANY_REQUESTS => "; ask less often",
        status if status.is_redirection() => "; write the URL that it redirects to",
        _ => "",
    };
    let may_pass =
        [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    let refuses = status.is_client_error() || status.is_redirection();
    let refuses = refuses && !may_pass.contains(&status);
    let reason = format!("{} answers {status}{advice}", shown(url));
    match retry_after(headers, SystemTime::now()) {
        retry_after if !refuses => SourceError::Transient { reason, retry_after },
        retry_after => SourceError::refused(reason, retry_after.unwrap_or(patience)),
    }
}

/// How long the server wants to be left alone: seconds, or a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a redirect of a public server.
    fn redirected(from: &str, to: &str) -> Result<Option<Url>, SourceError> {
        let client = Client::new(Endpoint::to(from), Compression::None).unwrap();
        let response = axum::http::Response::builder().status(302).header(LOCATION, to);
        client.redirection(&from.parse().unwrap(), &response.body("").unwrap().into())
    }

    #[test]
    fn a_public_server_redirects_to_public_servers_only() {
        for to in [
            "http://127.0.0.1/",
            "http://169.254.169.254/latest/meta-data/",
            "//10.0.0.1/",
            "http://[::1]:9042/",
            "http://2130706433/",
        ] {
            let error = redirected("http://example.org/feed", to).unwrap_err().to_string();
            assert!(
                error.starts_with("the server redirects to a URL that is refused: "),
                "{error}"
            );
        }
        let next = redirected("http://example.org/feed", "https://www.example.org/feed").unwrap();
        assert_eq!(next.unwrap().as_str(), "https://www.example.org/feed");
        let next = redirected("https://example.org/a/b", "../c").unwrap();
        assert_eq!(next.unwrap().as_str(), "https://example.org/c");
    }

    #[test]
    fn what_is_encrypted_stays_so() {
        let error = redirected("https://example.org/feed", "http://example.org/feed?key=secret");
        assert_eq!(
            error.unwrap_err().to_string(),
            "the server redirects to a URL that is not encrypted any more: http://example.org/feed; check `url`"
        );
    }

    #[tokio::test]
    async fn a_name_is_checked_when_it_is_resolved() {
        let client = Client::new(Endpoint::to("http://localhost:9/"), Compression::None).unwrap();
        let error = client.get(&HeaderMap::new()).await.unwrap_err().to_string();
        assert!(error.contains("is not public"), "{error}");
    }

    fn asked(value: &'static str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
        // 1994-11-06 08:49:37 GMT.
        retry_after(&headers, SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777))
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(asked("120"), Some(Duration::from_mins(2)));
        assert_eq!(asked("Sun, 06 Nov 1994 08:50:37 GMT"), Some(Duration::from_mins(1)));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:00 GMT"), Some(Duration::ZERO));
        assert_eq!(asked("soon"), None);
        assert_eq!(asked("-1"), None);
    }
}
