//! Notifications of change: are they what a holder of the secret sent, now, and for the first time?
//!
//! # Source
//! Codegen, section 12.

use aw_alloy::digest::from_hex;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use crate::net::Secret;

pub use super::deliveries::{MEMORY_SECONDS, Memory, MemoryError};

/// How far the sender's clock may be off, in seconds.
pub const WINDOW_SECONDS: u64 = 300;
/// Longest notification, in bytes.
pub const BODY_BYTES_MAX: usize = 64 << 10;

/// What a signature covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// `<timestamp>.<delivery>.` and the body.
    #[default]
    Dated,
    /// The body alone, for older senders. Nothing tells then whether a notification was sent before.
    BodyOnly,
}

/// How notifications are checked.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What signatures cover.
    pub mode: Mode,
    /// What stands before the digits of a signature.
    pub prefix: String,
    /// Secrets that count, two while one follows another.
    pub secrets: Vec<Secret>,
}

/// A notification as it arrived. Headers are absent where the sender sent none.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// The signature header, `X-Hub-Signature-256` unless configured otherwise.
    pub signature: Option<&'a str>,
    /// `X-Forge-Timestamp`: seconds since 1970.
    pub timestamp: Option<&'a str>,
    /// `X-Forge-Delivery`: a UUID.
    pub delivery: Option<&'a str>,
    /// The bytes of the body.
    pub body: &'a [u8],
}

/// What a notification turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// News.
    Event(Event),
    /// A delivery that was accepted before.
    Duplicate,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// What happened: `ontology.changed`.
    pub event: String,
    /// The ontology's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The source's validator. It is not asked with: what was generated last decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Where the ontology can be read, on an allowed origin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_url: Option<String>,
}

/// Why a notification is refused, with the status of the answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No secret is configured: nobody can be told from anybody.
    #[error("no secret is configured; notifications are refused until one is")]
    NoSecret,
    /// A header is missing or is not what it should be.
    #[error("{header}: expected {expected}")]
    Header {
        /// Which header.
        header: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// The signature is not one of a holder of the secret.
    #[error("the signature does not fit")]
    Signature,
    /// It was sent too long ago, or will be.
    #[error("the timestamp is more than {WINDOW_SECONDS} seconds off")]
    Window,
    /// The body is too long.
    #[error("the body has more than {BODY_BYTES_MAX} bytes")]
    TooLong,
    /// The body is no notification.
    #[error("the body is no notification: {0}")]
    Body(String),
    /// Too many deliveries are remembered to tell whether this one was.
    #[error("too many deliveries within {MEMORY_SECONDS} seconds")]
    Busy,
}

impl Refused {
    /// The status of the answer.
    pub const fn status(&self) -> u16 {
        match self {
            Self::NoSecret => 500,
            Self::Header { .. } | Self::Signature | Self::Window => 401,
            Self::TooLong => 413,
            Self::Body(_) => 422,
            Self::Busy => 503,
        }
    }
}

impl Rules {
    /// Checks a notification at `now`, in seconds since 1970: length, signature in constant time, window, repetition, and only then the
    /// body. It counts as accepted once it is [remembered](Self::remember).
    ///
    /// # Errors
    /// [`Refused`].
    pub fn accept(&self, delivery: &Delivery<'_>, now: u64, memory: &mut Memory) -> Result<Accepted, Refused> {
        if self.secrets.is_empty() {
            return Err(Refused::NoSecret);
        }
        if delivery.body.len() > BODY_BYTES_MAX {
            return Err(Refused::TooLong);
        }
        let odd = |header, expected| Refused::Header { header, expected };
        let digits = delivery.signature.and_then(|text| text.strip_prefix(self.prefix.as_str()));
        let signature = digits.filter(|digits| digits.len() == 64).and_then(from_hex);
        let signature = signature.ok_or_else(|| odd("the signature", "its prefix and 64 lower-case hexadecimal digits"))?;
        let dated = match self.mode {
            Mode::BodyOnly => None,
            Mode::Dated => {
                let text = delivery.timestamp.filter(|text| text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_digit()));
                let seconds: u64 =
                    text.and_then(|text| text.parse().ok()).ok_or_else(|| odd("X-Forge-Timestamp", "seconds since 1970"))?;
                let id = delivery.delivery.filter(|text| is_uuid(text)).ok_or_else(|| odd("X-Forge-Delivery", "a UUID"))?;
                Some((text.unwrap_or_default(), seconds, id))
            }
        };
        let mut fits = subtle::Choice::from(0);
        for secret in &self.secrets {
            let head = dated.map(|(text, _, id)| format!("{text}.{id}.")).unwrap_or_default();
            fits |= mac(secret, head.as_bytes(), delivery.body).ct_eq(signature.as_slice());
        }
        if !bool::from(fits) {
            return Err(Refused::Signature);
        }
        if let Some((_, seconds, id)) = dated {
            if seconds.abs_diff(now) > WINDOW_SECONDS {
                return Err(Refused::Window);
            }
            if !memory.is_new(id, now)? {
                return Ok(Accepted::Duplicate);
            }
        }
        Ok(Accepted::Event(read(delivery.body)?))
    }

    /// Remembers an accepted delivery, once what it asks for cannot be lost any more: its repetition is a duplicate from then on.
    ///
    /// # Errors
    /// When it could not be written down; it is remembered until the service ends all the same.
    pub fn remember(&self, delivery: &Delivery<'_>, now: u64, memory: &mut Memory) -> Result<(), MemoryError> {
        match (self.mode, delivery.delivery) {
            (Mode::Dated, Some(id)) => memory.remember(id, now),
            _ => Ok(()),
        }
    }

    /// The signature header of a notification, as a sender makes it; `dated` is its timestamp and delivery.
    pub fn sign(&self, secret: &Secret, dated: Option<(u64, &str)>, body: &[u8]) -> String {
        let head = dated.map(|(seconds, id)| format!("{seconds}.{id}.")).unwrap_or_default();
        format!("{}{}", self.prefix, aw_alloy::digest::to_hex(&mac(secret, head.as_bytes(), body)))
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self { mode: Mode::default(), prefix: "sha256=".to_owned(), secrets: Vec::new() }
    }
}

fn mac(secret: &Secret, head: &[u8], body: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(head);
    mac.update(body);
    mac.finalize().into_bytes().into()
}

fn read(body: &[u8]) -> Result<Event, Refused> {
    let event: Event = serde_json::from_slice(body).map_err(|error| Refused::Body(error.to_string()))?;
    if event.event != "ontology.changed" {
        let shown: String = event.event.escape_debug().take(80).collect();
        return Err(Refused::Body(format!("event `{shown}`; expected `ontology.changed`")));
    }
    Ok(event)
}

pub(super) fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
