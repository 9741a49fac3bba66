//! The forge as a service: signed notifications in, jobs, generation and ingestion over HTTP.
//!
//! Everything that writes needs a token, every error is a problem document (RFC 9457), and what a request may read and write is bounded by the
//! settings. [`crate::forge`] does the work; nothing here knows how contracts are made. Who may ask and what was asked before is told
//! without any server.
//!
//! # Source
//! Codegen, section 12.

mod deliveries;
#[cfg(feature = "service")]
mod http;
#[cfg(feature = "service")]
mod jobs;
pub mod webhook;

#[cfg(feature = "service")]
pub use http::{Level, Log, ServeError, Settings, Stop, deliveries_file, header_name, jobs_folder, serve, stop};
#[cfg(feature = "service")]
pub use jobs::{Job, JobError, JobState, Jobs, Outcome, Task};

use subtle::ConstantTimeEq as _;

use crate::net::Secret;

/// Whether an `Authorization` header carries one of the tokens. The time it takes depends on the lengths and the number of tokens alone.
pub fn bearer_is_known(header: Option<&str>, tokens: &[Secret]) -> bool {
    let Some((scheme, token)) = header.and_then(|header| header.split_once(' ')) else { return false };
    if !scheme.eq_ignore_ascii_case("bearer") {
        return false;
    }
    let token = token.trim();
    let mut known = subtle::Choice::from(0);
    for other in tokens {
        known |= token.as_bytes().ct_eq(other.expose().as_bytes());
    }
    known.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn tokens_are_known_or_not() {
        let tokens = ["one", "another"].map(|text| Secret::new(text).unwrap());
        assert!(bearer_is_known(Some("Bearer one"), &tokens) && bearer_is_known(Some("bearer another"), &tokens));
        for header in [
            None,
            Some(""),
            Some("one"),
            Some("Basic one"),
            Some("Bearer on"),
            Some("Bearer onee"),
            Some("Bearer "),
            Some("Bearer"),
        ] {
            assert!(!bearer_is_known(header, &tokens), "{header:?}");
        }
        assert!(!bearer_is_known(Some("Bearer one"), &[]), "without tokens nobody may");
        assert_eq!(format!("{:?}", tokens[0]), "Secret(…)");
    }
}
