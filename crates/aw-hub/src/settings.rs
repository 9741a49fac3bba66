//! What the Hub is reached with: endpoint, token, cache, offline mode. Taken from the variables the Hub's own clients read.

use std::ffi::OsString;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::url::Url;

/// Where the Hub is when nothing names another endpoint.
const ENDPOINT: &str = "https://huggingface.co";
/// Longest token file, in bytes.
const TOKEN_BYTES_MAX: u64 = 4096;

/// Every environment variable [`Settings::from_variables`] asks for, with what it does.
pub const VARIABLES: &[(&str, &str)] = &[
    ("HF_ENDPOINT", "The Hub's address, when it is not the public one."),
    ("HF_TOKEN", "The token the Hub is asked with; without it the token file is looked for. It is never written anywhere."),
    ("HF_TOKEN_PATH", "The file of the token; `token` in `HF_HOME` when not set."),
    ("HF_HOME", "The folder of the Hub's clients; `huggingface` in `XDG_CACHE_HOME` or in `~/.cache` when not set."),
    ("HF_HUB_CACHE", "Where models from the Hub rest; `hub` in `HF_HOME` when not set."),
    ("XDG_CACHE_HOME", "Where `huggingface` is made when `HF_HOME` is not set."),
    ("HF_HUB_OFFLINE", "When `1`, `true`, `yes` or `on`, nothing is asked of the Hub: models come from the cache alone."),
    ("ALLOYWORKS_OFFLINE", "As `HF_HUB_OFFLINE`."),
    ("SSL_CERT_FILE", "A file of certificates (PEM) to trust in place of the built-in ones, for a proxy that has its own."),
];

/// A secret that shows itself to nobody.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// Takes a token.
    ///
    /// # Errors
    /// [`SettingsError::Token`] when it cannot be part of a header; the text is not repeated.
    pub fn new(text: &str) -> Result<Self, SettingsError> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SettingsError::Token);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    pub(crate) fn header(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("Bearer {}", self.0.as_str()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// How long to wait, and how often to try again.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// To connect.
    pub connect: Duration,
    /// For the next bytes of an answer.
    pub silence: Duration,
    /// For one answer's body as a whole; a download goes on with another request.
    pub answer: Duration,
    /// Before the first repetition; doubled for each further one.
    pub pause: Duration,
    /// Longest that the server may ask to wait before the same request again.
    pub longest_pause: Duration,
    /// Requests in a row that bring nothing before it is given up.
    pub attempts: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            silence: Duration::from_secs(30),
            answer: Duration::from_secs(600),
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(120),
            attempts: 5,
        }
    }
}

/// What the Hub is reached with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server's address.
    pub endpoint: String,
    /// What it is asked with.
    pub token: Option<Token>,
    /// Where files rest, in the layout of the Hub's own clients.
    pub cache: PathBuf,
    /// Whether nothing may be asked.
    pub offline: bool,
    /// Certificates to trust in place of the built-in ones.
    pub authorities: Option<PathBuf>,
    /// Whether the proxy that the environment names is used (`HTTPS_PROXY`, `NO_PROXY`, …).
    pub proxy: bool,
    /// How long to wait.
    pub patience: Patience,
}

/// Why the Hub cannot be reached as it is set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// No folder for the cache.
    #[error("there is no folder for models from the Hub: none of `HF_HUB_CACHE`, `HF_HOME`, `XDG_CACHE_HOME` and `HOME` is set")]
    NoCache,
    /// The endpoint is no address.
    #[error("`HF_ENDPOINT` is not an `https://` address without user, query and fragment")]
    Endpoint,
    /// The token would travel in the clear.
    #[error("`HF_ENDPOINT` is not `https://`, the token would travel in the clear; unset the token, or use https")]
    TokenInTheClear,
    /// The token is no token. It is not shown.
    #[error("the Hub's token holds other characters than visible ASCII, or nothing; it is not shown here")]
    Token,
    /// The token file cannot be read.
    #[error("the token file `{}` cannot be read: {reason}", path.display())]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The file of certificates cannot be used.
    #[error("`SSL_CERT_FILE` (`{}`) cannot be used: {reason}", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

impl Settings {
    /// Takes the settings from variables, as the Hub's own clients do.
    ///
    /// # Errors
    /// [`SettingsError`] naming the variable.
    pub fn from_variables(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, SettingsError> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let folder = |name: &str| variable(name).map(PathBuf::from);
        let hub_home = folder("HF_HOME").or_else(|| {
            let caches = folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")));
            caches.map(|caches| caches.join("huggingface"))
        });
        let cache = folder("HF_HUB_CACHE").or_else(|| hub_home.as_ref().map(|home| home.join("hub")));
        let token = match variable("HF_TOKEN") {
            Some(text) => Some(Token::new(&text.to_string_lossy())?),
            None => match folder("HF_TOKEN_PATH").or_else(|| hub_home.as_ref().map(|home| home.join("token"))) {
                Some(path) => read_token(&path)?,
                None => None,
            },
        };
        let yes = |name: &str| {
            let text = variable(name).map(|text| text.to_string_lossy().to_ascii_lowercase());
            text.is_some_and(|text| ["1", "on", "yes", "true"].contains(&text.as_str()))
        };
        Ok(Self {
            endpoint: variable("HF_ENDPOINT").map_or_else(|| ENDPOINT.into(), |text| text.to_string_lossy().into_owned()),
            token,
            cache: cache.ok_or(SettingsError::NoCache)?,
            offline: yes("HF_HUB_OFFLINE") || yes("ALLOYWORKS_OFFLINE"),
            authorities: folder("SSL_CERT_FILE"),
            proxy: true,
            patience: Patience::default(),
        })
    }

    /// The endpoint's address, checked.
    pub(crate) fn endpoint(&self) -> Result<Url, SettingsError> {
        let url = Url::parse(self.endpoint.trim_end_matches('/')).filter(|url| !url.path.contains('?'));
        let url = url.ok_or(SettingsError::Endpoint)?;
        if self.token.is_some() && !url.origin.secure && !url.origin.is_loopback() {
            return Err(SettingsError::TokenInTheClear);
        }
        Ok(url)
    }
}

/// Reads a token file; absent or empty, there is no token.
fn read_token(path: &Path) -> Result<Option<Token>, SettingsError> {
    let refused = |reason: String| SettingsError::TokenFile { path: path.to_owned(), reason };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refused(error.to_string())),
    };
    let mut text = Zeroizing::new(String::new());
    file.take(TOKEN_BYTES_MAX + 1).read_to_string(&mut text).map_err(|error| refused(error.to_string()))?;
    if text.len() as u64 > TOKEN_BYTES_MAX {
        return Err(refused(format!("it is longer than {TOKEN_BYTES_MAX} bytes")));
    }
    if text.trim().is_empty() { Ok(None) } else { Token::new(&text).map(Some) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn settings(set: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::from_variables(&|name| set.iter().find(|(set, _)| *set == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn the_cache_is_where_the_hubs_own_clients_have_it() {
        let cache = |set: &[(&str, &str)]| settings(set).unwrap().cache;
        assert_eq!(cache(&[("HOME", "/u")]), Path::new("/u/.cache/huggingface/hub"));
        assert_eq!(cache(&[("HOME", "/u"), ("XDG_CACHE_HOME", "/x")]), Path::new("/x/huggingface/hub"));
        assert_eq!(cache(&[("HOME", "/u"), ("HF_HOME", "/h")]), Path::new("/h/hub"));
        assert_eq!(cache(&[("HF_HOME", "/h"), ("HF_HUB_CACHE", "/c")]), Path::new("/c"));
        assert_eq!(settings(&[]).unwrap_err(), SettingsError::NoCache);
    }

    #[test]
    fn a_token_is_shown_by_nothing() {
        let set = [("HOME", "/nowhere"), ("HF_TOKEN", "hf_secret\n")];
        let found = settings(&set).unwrap();
        assert_eq!(found.token.as_ref().unwrap().header().as_str(), "Bearer hf_secret");
        assert!(!format!("{found:?}").contains("secret"));
        let error = settings(&[("HOME", "/nowhere"), ("HF_TOKEN", "hf_sec\u{e9}ret")]).unwrap_err();
        assert!(!error.to_string().contains("hf_"), "{error}");
    }

    #[test]
    fn a_token_file_is_read_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        assert!(settings(&[("HF_HOME", home)]).unwrap().token.is_none());
        std::fs::write(folder.path().join("token"), "hf_file\n").unwrap();
        assert_eq!(settings(&[("HF_HOME", home)]).unwrap().token.unwrap().header().as_str(), "Bearer hf_file");
        std::fs::write(folder.path().join("token"), "a".repeat(5000)).unwrap();
        assert!(matches!(settings(&[("HF_HOME", home)]), Err(SettingsError::TokenFile { .. })));
    }

    #[test]
    fn a_token_never_travels_in_the_clear() {
        let base = [("HOME", "/nowhere"), ("HF_TOKEN", "hf_x")];
        let with = |endpoint: &'static str| settings(&[base[0], base[1], ("HF_ENDPOINT", endpoint)]).unwrap().endpoint();
        assert!(with("https://hub.example/").is_ok());
        assert!(with("http://127.0.0.1:8080").is_ok());
        assert_eq!(with("http://hub.example"), Err(SettingsError::TokenInTheClear));
        assert!(matches!(with("hub.example"), Err(SettingsError::Endpoint)));
        assert!(matches!(with("https://me:secret@hub.example"), Err(SettingsError::Endpoint)));
    }

    #[test]
    fn offline_is_said_in_the_usual_ways() {
        for (name, value, offline) in [
            ("HF_HUB_OFFLINE", "1", true),
            ("ALLOYWORKS_OFFLINE", "TRUE", true),
            ("HF_HUB_OFFLINE", "0", false),
            ("X", "1", false),
        ] {
            assert_eq!(settings(&[("HOME", "/nowhere"), (name, value)]).unwrap().offline, offline, "{name}={value}");
        }
    }
}
