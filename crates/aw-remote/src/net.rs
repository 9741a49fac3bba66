//! HTTP, as little of it as sources, registries and stores need: where a request may go, how long it may take, how much is read.
//!
//! Redirects are followed here and not by the HTTP library, and names are resolved here too: every hop's origin is held against the
//! allow-list, and every address that is connected to is one that was looked at.

mod exactly;
mod guard;
mod url;

use std::io::{Read, Write};
use std::time::Duration;

use ureq::SendBody;
use ureq::config::ConfigBuilder;
pub use ureq::http::Method;
use ureq::http::{HeaderMap, Request};
use ureq::typestate::AgentScope;
use ureq::unversioned::transport::DefaultConnector;
use zeroize::Zeroizing;

pub use exactly::Exactly;
pub use guard::{Network, NetworkError};
pub use url::{Origin, Url};

/// How long a request may take, answer included.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a stream may stand still, where the whole may take any time.
const SILENCE: Duration = Duration::from_secs(60);
/// Redirects followed.
const HOPS_MAX: usize = 5;

type Builder = ConfigBuilder<AgentScope>;

/// A secret that is sent and never shown; wiped from memory when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret; `None` when it is empty or could not stand in a header.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = Zeroizing::new(text.into());
        let usable = !text.is_empty() && text.bytes().all(|byte| (0x21..0x7f).contains(&byte));
        usable.then_some(Self(text))
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// Sends requests within a [`Network`].
#[derive(Clone, Debug)]
pub struct Client {
    agent: ureq::Agent,
    network: Network,
}

/// An answer: its last hop, and the body unread.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Where it came from, after redirects.
    pub url: Url,
    body: ureq::Body,
}

/// A request, without its address.
#[derive(Clone)]
pub struct Ask<'a> {
    /// The method.
    pub method: Method,
    /// Headers, without `Authorization`.
    pub headers: Vec<(&'static str, String)>,
    /// Goes to the first origin alone, never along a redirect elsewhere.
    pub authorization: Option<Zeroizing<String>>,
    /// The body; none when it is empty.
    pub body: &'a [u8],
}

impl Ask<'_> {
    /// A request to read.
    pub fn get() -> Self {
        Self { method: Method::GET, headers: Vec::new(), authorization: None, body: &[] }
    }
}

impl Client {
    /// A client for short requests: each is over within half a minute, answer included.
    pub fn new(network: Network) -> Self {
        Self::with(network, |config| config.timeout_global(Some(PATIENCE)))
    }

    /// A client for streams: a request may take any time, as long as it does not stand still.
    pub fn streaming(network: Network) -> Self {
        Self::with(network, |config| {
            config
                .timeout_resolve(Some(PATIENCE))
                .timeout_connect(Some(PATIENCE))
                .timeout_per_read(Some(SILENCE))
                .timeout_per_write(Some(SILENCE))
                .timeout_recv_response(Some(2 * SILENCE))
        })
    }

    fn with(network: Network, patience: impl FnOnce(Builder) -> Builder) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(64 << 10)
            .user_agent(concat!("alloyworks/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            // A proxy would resolve names out of sight.
            .proxy(None);
        let agent =
            ureq::Agent::with_parts(patience(config).build(), DefaultConnector::default(), guard::Guarded::new(network.clone()));
        Self { agent, network }
    }

    /// Sends a request, following redirects of those that may be repeated.
    ///
    /// # Errors
    /// [`NetworkError`]. A status that is no success is an answer.
    pub fn send(&self, url: &Url, ask: &Ask<'_>) -> Result<Answer, NetworkError> {
        let mut here = url.clone();
        let repeatable = ask.method == Method::GET || ask.method == Method::HEAD;
        for _ in 0..=HOPS_MAX {
            self.network.permits(&url.origin, &here.origin)?;
            let mut request = Request::builder().method(ask.method.clone()).uri(here.text());
            for (name, value) in &ask.headers {
                request = request.header(*name, value.as_str());
            }
            if let Some(authorization) = ask.authorization.as_ref().filter(|_| here.origin == url.origin) {
                request = request.header("Authorization", authorization.as_str());
            }
            let failed = |reason: String| NetworkError::Failed { url: here.shown(), reason };
            let answer = if ask.body.is_empty() && repeatable {
                self.agent.run(request.body(()).map_err(|error| failed(error.to_string()))?)
            } else {
                self.agent.run(request.body(ask.body).map_err(|error| failed(error.to_string()))?)
            };
            let (parts, body) = answer.map_err(|error| failed(reason(&error)))?.into_parts();
            let status = parts.status.as_u16();
            if !(repeatable && matches!(status, 301 | 302 | 303 | 307 | 308)) {
                return Ok(Answer { status, headers: parts.headers, url: here, body });
            }
            let refused = |reason: &str| NetworkError::Redirect { url: here.shown(), reason: reason.to_owned() };
            let location = parts.headers.get("location").and_then(|location| location.to_str().ok());
            let next =
                location.and_then(|location| here.join(location)).ok_or_else(|| refused("nowhere that can be followed"))?;
            if here.origin.secure && !next.origin.secure {
                return Err(refused("from https to http"));
            }
            here = next;
        }
        Err(NetworkError::Redirect { url: url.shown(), reason: format!("more than {HOPS_MAX} times") })
    }
}

impl Client {
    /// Sends `length` bytes of a stream, to the address itself and along no redirect.
    ///
    /// # Errors
    /// [`NetworkError`]; also when the stream has fewer bytes.
    pub fn send_stream(&self, url: &Url, ask: &Ask<'_>, stream: &mut dyn Read, length: u64) -> Result<Answer, NetworkError> {
        self.network.permits(&url.origin, &url.origin)?;
        let failed = |reason: String| NetworkError::Failed { url: url.shown(), reason };
        let mut request = Request::builder().method(ask.method.clone()).uri(url.text()).header("Content-Length", length);
        for (name, value) in &ask.headers {
            request = request.header(*name, value.as_str());
        }
        if let Some(authorization) = &ask.authorization {
            request = request.header("Authorization", authorization.as_str());
        }
        let mut stream = Exactly::new(stream, length);
        let request = request.body(SendBody::from_reader(&mut stream)).map_err(|error| failed(error.to_string()))?;
        let (parts, body) = self.agent.run(request).map_err(|error| failed(reason(&error)))?.into_parts();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, url: url.clone(), body })
    }
}

#[cfg(feature = "object-stores")]
impl Client {
    /// Sends a request as it is and reads the whole answer, whatever its status. Redirects are not followed.
    ///
    /// # Errors
    /// [`NetworkError`].
    pub fn raw(&self, request: Request<Vec<u8>>, limit: u64) -> Result<(ureq::http::response::Parts, Vec<u8>), NetworkError> {
        let text = request.uri().to_string();
        let bad = || NetworkError::Url { text: text.split('?').next().unwrap_or_default().chars().take(200).collect() };
        let url = Url::parse(&text).ok_or_else(bad)?;
        self.network.permits(&url.origin, &url.origin)?;
        let failed = |reason: String| NetworkError::Failed { url: url.shown(), reason };
        let answer = if request.body().is_empty() && !matches!(*request.method(), Method::PUT | Method::POST) {
            self.agent.run(request.map(|_| ()))
        } else {
            self.agent.run(request)
        };
        let (parts, body) = answer.map_err(|error| failed(reason(&error)))?.into_parts();
        let bytes = Answer { status: 0, headers: HeaderMap::new(), url: url.clone(), body }.read(limit)?;
        Ok((parts, bytes))
    }
}

impl Answer {
    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Reads the whole body, at most `limit` bytes.
    ///
    /// # Errors
    /// [`NetworkError`].
    pub fn read(self, limit: u64) -> Result<Vec<u8>, NetworkError> {
        let (body, url) = (self.body, self.url.shown());
        let failed = |reason: String| NetworkError::Failed { url: url.clone(), reason };
        let mut bytes = Vec::new();
        body.into_reader().take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| failed(io_reason(&error)))?;
        if bytes.len() as u64 > limit {
            return Err(NetworkError::TooLong { url, limit });
        }
        Ok(bytes)
    }

    /// Writes the body away, at most `limit` bytes, and says how many there were.
    ///
    /// # Errors
    /// [`NetworkError`] of the connection, or of a body that is longer; [`std::io::Error`] of the place it is written to comes as
    /// [`NetworkError::Failed`] too.
    pub fn copy(self, limit: u64, into: &mut dyn Write) -> Result<u64, NetworkError> {
        let (body, url) = (self.body, self.url.shown());
        let failed = |error: std::io::Error| NetworkError::Failed { url: url.clone(), reason: io_reason(&error) };
        let bytes = std::io::copy(&mut body.into_reader().take(limit.saturating_add(1)), into).map_err(failed)?;
        if bytes > limit { Err(NetworkError::TooLong { url, limit }) } else { Ok(bytes) }
    }

    /// What the server says for a refusal: the status and the first 200 characters.
    pub fn refusal(self) -> NetworkError {
        let (status, url) = (self.status, self.url.shown());
        let mut bytes = Vec::new();
        // A refusal whose text cannot be read is a refusal all the same.
        let _ = self.body.into_reader().take(4096).read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes);
        let said: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
        NetworkError::Status { url, status, said: said.trim().to_owned() }
    }
}

/// What went wrong, without any address: one may hold a secret.
pub fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => io_reason(error),
        ureq::Error::Timeout(what) => format!("nothing arrived in time ({what})"),
        ureq::Error::HostNotFound => "its name is not known here".to_owned(),
        ureq::Error::Tls(reason) => format!("TLS: {reason}"),
        ureq::Error::Rustls(error) => format!("TLS: {error}"),
        ureq::Error::Protocol(error) => format!("it does not speak HTTP: {error}"),
        ureq::Error::ConnectProxyFailed(_) => "the proxy refuses the connection".to_owned(),
        ureq::Error::InvalidProxyUrl => "the proxy's address is none".to_owned(),
        ureq::Error::LargeResponseHeader(..) => "its answer's headers are too long".to_owned(),
        ureq::Error::Other(error) => error.to_string(),
        _ => "the connection failed".to_owned(),
    }
}

/// What went wrong while a body was read or written.
pub fn io_reason(error: &std::io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
        Some(inner) => reason(inner),
        None => error.to_string(),
    }
}
