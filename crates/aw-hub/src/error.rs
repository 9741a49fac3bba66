//! Why something could not be had from the Hub.

use std::io;
use std::path::PathBuf;

use crate::settings::SettingsError;

/// Why something could not be had from the Hub. No message holds a token or a signed address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// It was asked to stop. What was downloaded stays and is gone on with.
    #[error("the download was cancelled")]
    Cancelled,
    /// The settings do not do.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Offline, and something is not in the cache.
    #[error("offline, and not in the cache `{}`: {what}", cache.display())]
    Offline {
        /// What is missing.
        what: String,
        /// The cache.
        cache: PathBuf,
    },
    /// The server cannot be reached.
    #[error("`{host}` cannot be reached: {reason}")]
    Unreachable {
        /// The host.
        host: String,
        /// Why not.
        reason: String,
    },
    /// There is no such repository, revision or file, or it is not shown to this token.
    #[error("the Hub has no {what}{}", if *.with_token { "" } else { " that it shows without a token" })]
    NotFound {
        /// What was asked for.
        what: String,
        /// Whether a token was sent.
        with_token: bool,
    },
    /// The repository's owner has not granted access.
    #[error("the Hub does not give out {what}: {reason}")]
    Denied {
        /// What was asked for.
        what: String,
        /// What the Hub says.
        reason: String,
        /// Whether a token was sent.
        with_token: bool,
    },
    /// Too many requests, or the server is overloaded.
    #[error("`{host}` is busy (status {status}){}", wait.map(|seconds| format!(" and asks to wait {seconds} s")).unwrap_or_default())]
    Busy {
        /// The host.
        host: String,
        /// The status.
        status: u16,
        /// What it asks to wait, in seconds.
        wait: Option<u64>,
    },
    /// Another status than was to be expected.
    #[error("`{url}` answers with status {status}")]
    Status {
        /// The address without its query.
        url: String,
        /// The status.
        status: u16,
    },
    /// What is there is in the way: the repository, or a commit that was made meanwhile.
    #[error("the Hub refuses {what}, something else is there: {said}")]
    Conflict {
        /// What was to be done.
        what: String,
        /// What the Hub says, shortened.
        said: String,
    },
    /// The Hub does not take what was sent.
    #[error("the Hub refuses {what} with status {status}: {said}")]
    Refused {
        /// What was to be done.
        what: String,
        /// The status.
        status: u16,
        /// What the Hub says, shortened.
        said: String,
    },
    /// A file that was to be uploaded cannot be read, or changed.
    #[error("`{file}` cannot be uploaded: {reason}")]
    Source {
        /// Which file.
        file: String,
        /// Why not.
        reason: String,
    },
    /// A redirect that is not followed.
    #[error("`{url}` redirects {reason}")]
    Redirect {
        /// The address without its query.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The answer is not what it should be.
    #[error("`{url}` gives an unusable answer: {reason}")]
    Answer {
        /// The address without its query.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The answer is longer than any that is expected.
    #[error("`{url}` answers with more than {limit} bytes")]
    TooLong {
        /// The address without its query.
        url: String,
        /// What is accepted.
        limit: u64,
    },
    /// The bytes are not those the listing names.
    #[error("`{file}` arrives with another content than the Hub lists: expected {expected}, found {found}")]
    Content {
        /// The file.
        file: String,
        /// The listed hash.
        expected: String,
        /// The hash found.
        found: String,
    },
    /// What is in the cache is not what its name says.
    #[error("`{}` in the cache is damaged: expected {expected}, found {found}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The listed hash.
        expected: String,
        /// The hash found.
        found: String,
    },
    /// The download does not get on.
    #[error("`{file}` stops at byte {at} of {bytes}: {reason}")]
    Stalled {
        /// The file.
        file: String,
        /// Bytes there are.
        at: u64,
        /// Bytes there should be.
        bytes: u64,
        /// What the last try said.
        reason: String,
    },
    /// The disk does not cooperate.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Disk {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

impl HubError {
    /// What to do about it, where that can be told.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Cancelled => Some("run it again to go on where it stopped".into()),
            Self::Offline { .. } => {
                Some("go online once (unset `HF_HUB_OFFLINE` and `ALLOYWORKS_OFFLINE`, leave out `--offline`)".into())
            }
            Self::Unreachable { .. } => {
                Some("check the network and the proxy; `--offline` takes models from the cache alone".into())
            }
            Self::NotFound { with_token: false, .. } => {
                Some("check the name; for a private model put a token into `HF_TOKEN`, or log in with `hf auth login`".into())
            }
            Self::NotFound { .. } => Some("check the name and the revision, and that the token may read it".into()),
            Self::Denied { with_token: false, .. } => Some(
                "accept the model's terms on its page, then put a token into `HF_TOKEN`, or log in with `hf auth login`".into(),
            ),
            Self::Denied { .. } => Some("accept the model's terms on its page with the account the token belongs to".into()),
            Self::Busy { .. } => Some("run it again later; what was downloaded is kept".into()),
            Self::Content { .. } => {
                Some("nothing of it was kept; if it stays so, a proxy changes it or the repository is damaged".into())
            }
            Self::Damaged { .. } => Some("remove the file, and what its link leads to, and run it again".into()),
            Self::Stalled { .. } => Some("run it again to go on where it stopped".into()),
            _ => None,
        }
    }

    /// Whether the same request may do better.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Busy { .. } | Self::Stalled { .. } => true,
            Self::Status { status, .. } => *status >= 500,
            _ => false,
        }
    }
}
