//! Asking: redirects, the token's way, what a status means, how much is read.

use std::io::Read;
use std::time::{Duration, Instant};

use aw_remote::net::{Exactly, io_reason, reason};
use ureq::http::{HeaderMap, Response};
use ureq::tls::{PemItem, RootCerts, TlsConfig};

use crate::error::HubError;
use crate::names::shown;
use crate::settings::{Patience, Settings, SettingsError, Token};
use crate::url::Url;

/// Redirects followed; the Hub needs two.
const HOPS_MAX: usize = 5;
/// Longest file of certificates, in bytes.
const AUTHORITIES_BYTES_MAX: u64 = 16 << 20;
/// How often a wait looks whether to stop.
const LOOK: Duration = Duration::from_millis(100);

/// Longest text of a refusal that is shown, in bytes.
const SAID_BYTES_MAX: u64 = 4096;

/// What is sent.
pub(crate) enum Body<'a> {
    /// Bytes in memory.
    Bytes(&'a [u8]),
    /// So many bytes of a stream.
    Stream {
        /// The stream.
        reader: &'a mut dyn Read,
        /// Bytes of it that are sent.
        length: u64,
    },
}

/// Says whether to stop.
pub(crate) type Stop<'a> = &'a (dyn Fn() -> bool + Sync);

pub(crate) struct Client {
    agent: ureq::Agent,
    endpoint: Url,
    token: Option<Token>,
    patience: Patience,
}

/// An answer with status 200 or 206.
pub(crate) struct Answer {
    /// Headers of the endpoint's own answer, before any redirect.
    pub(crate) first: HeaderMap,
    /// Headers of the last answer.
    pub(crate) last: HeaderMap,
    pub(crate) status: u16,
    pub(crate) url: Url,
    body: ureq::Body,
}

impl Client {
    pub(crate) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let endpoint = settings.endpoint()?;
        let mut tls = TlsConfig::builder();
        if let Some(path) = &settings.authorities {
            tls = tls.root_certs(authorities(path)?);
        }
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(64 << 10)
            .user_agent(concat!("alloyworks/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .timeout_resolve(Some(settings.patience.connect))
            .timeout_connect(Some(settings.patience.connect))
            .timeout_per_read(Some(settings.patience.silence))
            .timeout_per_write(Some(settings.patience.silence))
            .timeout_recv_response(Some(settings.patience.silence))
            .timeout_recv_body(Some(settings.patience.answer))
            .tls_config(tls.build());
        if !settings.proxy {
            config = config.proxy(None);
        }
        Ok(Self { agent: config.build().new_agent(), endpoint, token: settings.token.clone(), patience: settings.patience })
    }

    /// An address below the endpoint.
    pub(crate) fn address(&self, path: &str) -> Url {
        let below = self.endpoint.path.trim_end_matches('/');
        Url { origin: self.endpoint.origin.clone(), path: format!("{below}{path}") }
    }

    /// Whether an address is the endpoint's own.
    pub(crate) fn is_own(&self, url: &Url) -> bool {
        url.origin == self.endpoint.origin
    }

    /// Gets an address once, following redirects. `what` names the thing asked for.
    pub(crate) fn get_once(&self, url: &Url, range: Option<(u64, Option<u64>)>, what: &str) -> Result<Answer, HubError> {
        let mut url = url.clone();
        let mut first: Option<HeaderMap> = None;
        for _ in 0..=HOPS_MAX {
            let response = self.ask(&url, range)?;
            let (parts, body) = response.into_parts();
            let status = parts.status.as_u16();
            if (300..400).contains(&status) && status != 304 {
                let next = parts.headers.get("location").and_then(|location| location.to_str().ok());
                let refused = |reason| HubError::Redirect { url: url.shown(), reason };
                let next = next.and_then(|next| url.join(next)).ok_or_else(|| refused("nowhere that can be followed"))?;
                if url.origin.secure && !next.origin.secure {
                    return Err(refused("from https to http"));
                }
                first.get_or_insert(parts.headers);
                url = next;
                continue;
            }
            if status != 200 && status != 206 {
                return Err(self.refusal(&url, status, &parts.headers, what));
            }
            let first = first.unwrap_or_else(|| parts.headers.clone());
            return Ok(Answer { first, last: parts.headers, status, url, body });
        }
        Err(HubError::Redirect { url: url.shown(), reason: "too often" })
    }

    fn ask(&self, url: &Url, range: Option<(u64, Option<u64>)>) -> Result<Response<ureq::Body>, HubError> {
        let mut request = self.agent.get(url.text());
        if let Some((start, end)) = range {
            let end = end.map(|end| end.to_string()).unwrap_or_default();
            request = request.header("Range", format!("bytes={start}-{end}"));
        }
        // The token goes to the endpoint's own origin and nowhere else.
        if let Some(token) = self.token.as_ref().filter(|_| self.is_own(url)) {
            request = request.header("Authorization", token.header().as_str());
        }
        request.call().map_err(|error| HubError::Unreachable { host: url.origin.host.clone(), reason: reason(&error) })
    }

    /// Sends a body and follows no redirect; gives an answer of success. `what` names the thing it is for.
    pub(crate) fn send(
        &self,
        method: &str,
        url: &Url,
        headers: &[(&str, String)],
        body: Body<'_>,
        what: &str,
    ) -> Result<Answer, HubError> {
        let odd = |error: ureq::http::Error| HubError::Answer { url: url.shown(), reason: error.to_string() };
        let mut request = ureq::http::Request::builder().method(method).uri(url.text());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        if let Some(token) = self.token.as_ref().filter(|_| self.is_own(url)) {
            request = request.header("Authorization", token.header().as_str());
        }
        let response = match body {
            Body::Bytes(bytes) => self.agent.run(request.body(bytes).map_err(odd)?),
            Body::Stream { reader, length } => {
                let mut reader = Exactly::new(reader, length);
                let request = request.header("Content-Length", length);
                self.agent.run(request.body(ureq::SendBody::from_reader(&mut reader)).map_err(odd)?)
            }
        };
        let unreachable = |error: &ureq::Error| HubError::Unreachable { host: url.origin.host.clone(), reason: reason(error) };
        let (parts, body) = response.map_err(|error| unreachable(&error))?.into_parts();
        let status = parts.status.as_u16();
        if (200..300).contains(&status) {
            return Ok(Answer { first: parts.headers.clone(), last: parts.headers, status, url: url.clone(), body });
        }
        if matches!(status, 400 | 409 | 412 | 422) {
            let mut said = Vec::new();
            // A refusal whose text cannot be read is a refusal all the same.
            let _ = body.into_reader().take(SAID_BYTES_MAX).read_to_end(&mut said);
            let (what, said) = (what.to_owned(), shown(String::from_utf8_lossy(&said).trim()));
            return Err(match status {
                409 | 412 => HubError::Conflict { what, said },
                _ => HubError::Refused { what, status, said },
            });
        }
        Err(self.refusal(url, status, &parts.headers, what))
    }

    /// Posts a JSON document, patiently.
    pub(crate) fn post_json(
        &self,
        url: &Url,
        body: &serde_json::Value,
        media_type: &str,
        what: &str,
    ) -> Result<Answer, HubError> {
        let bytes = body.to_string();
        let headers = [("Content-Type", media_type.to_owned()), ("Accept", media_type.to_owned())];
        self.patiently(&|| false, || self.send("POST", url, &headers, Body::Bytes(bytes.as_bytes()), what))
    }

    /// What a status that is no success means.
    fn refusal(&self, url: &Url, status: u16, headers: &HeaderMap, what: &str) -> HubError {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(shown);
        let with_token = self.token.is_some() && self.is_own(url);
        let code = text("x-error-code").unwrap_or_default();
        match status {
            404 => HubError::NotFound { what: what.to_owned(), with_token },
            // The Hub answers 401 for what does not exist, so that nobody learns what does.
            401 if code == "RepoNotFound" => HubError::NotFound { what: what.to_owned(), with_token },
            401 | 403 => {
                let said = text("x-error-message").unwrap_or_else(|| format!("status {status}"));
                HubError::Denied { what: what.to_owned(), reason: said, with_token }
            }
            429 | 503 => HubError::Busy { host: url.origin.host.clone(), status, wait: wait(headers) },
            _ => HubError::Status { url: url.shown(), status },
        }
    }

    /// Tries until it comes out, as long as trying again may help and each failure is worth waiting for.
    pub(crate) fn patiently<T>(&self, stop: Stop<'_>, mut once: impl FnMut() -> Result<T, HubError>) -> Result<T, HubError> {
        let mut attempt = 1;
        loop {
            match once() {
                Err(error) if error.is_transient() && attempt < self.patience.attempts => {
                    self.pause(attempt, &error, stop).ok_or(error)??;
                    attempt += 1;
                }
                other => return other,
            }
        }
    }

    /// Waits before another try; `None` when the server asks for more than is waited.
    pub(crate) fn pause(&self, attempt: u32, error: &HubError, stop: Stop<'_>) -> Option<Result<(), HubError>> {
        let own = self.patience.pause.saturating_mul(1 << attempt.saturating_sub(1).min(10));
        let asked = match error {
            HubError::Busy { wait: Some(seconds), .. } => Duration::from_secs(*seconds),
            _ => Duration::ZERO,
        };
        if asked > self.patience.longest_pause {
            return None;
        }
        let until = Instant::now() + own.max(asked).min(self.patience.longest_pause);
        while Instant::now() < until {
            if stop() {
                return Some(Err(HubError::Cancelled));
            }
            std::thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
        }
        Some(if stop() { Err(HubError::Cancelled) } else { Ok(()) })
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.patience.attempts
    }
}

impl Answer {
    /// Reads a whole answer of at most `limit` bytes.
    pub(crate) fn whole(self, limit: u64) -> Result<Vec<u8>, HubError> {
        let unreachable =
            |error: std::io::Error| HubError::Unreachable { host: self.url.origin.host.clone(), reason: io_reason(&error) };
        let mut bytes = Vec::new();
        self.body.into_reader().take(limit + 1).read_to_end(&mut bytes).map_err(unreachable)?;
        if bytes.len() as u64 > limit {
            return Err(HubError::TooLong { url: self.url.shown(), limit });
        }
        Ok(bytes)
    }

    /// Reads a JSON answer of at most `limit` bytes.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(self, limit: u64) -> Result<T, HubError> {
        let url = self.url.shown();
        let bytes = self.whole(limit)?;
        serde_json::from_slice(&bytes)
            .map_err(|error| HubError::Answer { url, reason: format!("line {}, column {}", error.line(), error.column()) })
    }

    /// A header of the last answer.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.last.get(name).and_then(|value| value.to_str().ok())
    }

    /// A header of the endpoint's own answer.
    pub(crate) fn first_header(&self, name: &str) -> Option<&str> {
        self.first.get(name).and_then(|value| value.to_str().ok())
    }

    /// First byte, and bytes of the whole file, as the answer says; the start of a whole answer is 0.
    pub(crate) fn part(&self) -> Result<(u64, Option<u64>), HubError> {
        if self.status == 200 {
            return Ok((0, self.header("content-length").and_then(|length| length.parse().ok())));
        }
        let stated = self.header("content-range").unwrap_or_default();
        let part = stated.strip_prefix("bytes ").and_then(|rest| rest.split_once('/')).and_then(|(range, total)| {
            let start = range.split_once('-')?.0.parse().ok()?;
            Some((start, if total == "*" { None } else { Some(total.parse().ok()?) }))
        });
        let reason = || format!("status 206 with `Content-Range: {}`", shown(stated));
        part.ok_or_else(|| HubError::Answer { url: self.url.shown(), reason: reason() })
    }

    pub(crate) fn unusable(&self, reason: impl Into<String>) -> HubError {
        HubError::Answer { url: self.url.shown(), reason: reason.into() }
    }

    pub(crate) fn into_reader(self) -> impl Read {
        self.body.into_reader()
    }
}

/// What to wait in seconds, as the server says.
fn wait(headers: &HeaderMap) -> Option<u64> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(seconds) = text("retry-after").and_then(|text| text.parse().ok()) {
        return Some(seconds);
    }
    // `RateLimit: "api";r=0;t=55`: t is when the window ends.
    let window = text("ratelimit")?.split(';').find_map(|part| part.trim().strip_prefix("t="))?;
    window.parse().ok()
}

fn authorities(path: &std::path::Path) -> Result<RootCerts, SettingsError> {
    let refused = |reason: String| SettingsError::Authorities { path: path.to_owned(), reason };
    let file = std::fs::File::open(path).map_err(|error| refused(error.to_string()))?;
    let mut bytes = Vec::new();
    file.take(AUTHORITIES_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| refused(error.to_string()))?;
    if bytes.len() as u64 > AUTHORITIES_BYTES_MAX {
        return Err(refused(format!("it is longer than {AUTHORITIES_BYTES_MAX} bytes")));
    }
    let mut found = Vec::new();
    for item in ureq::tls::parse_pem(&bytes) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| refused(error.to_string()))? {
            found.push(certificate);
        }
    }
    if found.is_empty() {
        return Err(refused("it holds no certificate in PEM form".into()));
    }
    Ok(RootCerts::new_with_certs(&found))
}
