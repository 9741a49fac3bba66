//! Who asks: user and password, or a token the registry's own issuer gives for them.

use zeroize::Zeroizing;

use super::reference::Repository;
use crate::net::{Ask, Client, Method, Secret, Url};

/// Longest answer of an issuer of tokens, in bytes.
const TOKEN_BYTES_MAX: u64 = 1 << 20;

/// A user and a password or token.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

impl Credentials {
    fn basic(&self) -> Zeroizing<String> {
        let pair = Zeroizing::new(format!("{}:{}", self.user, self.password.expose()));
        Zeroizing::new(format!("Basic {}", base64(pair.as_bytes())))
    }
}

/// What to send as `Authorization`, given what the registry wants.
///
/// # Errors
/// Why there is nothing to send.
pub(super) fn authorize(
    client: &Client,
    repository: &Repository,
    credentials: Option<&Credentials>,
    wanted: &str,
) -> Result<Zeroizing<String>, String> {
    let (scheme, rest) = wanted.split_once(' ').unwrap_or((wanted, ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return credentials.map(Credentials::basic).ok_or_else(|| "it wants a user and a password, and none is given".to_owned());
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err("it refuses, and wants neither a password nor a token".to_owned());
    }
    let parameter = |name: &str| parameters(rest).find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let realm = parameter("realm").and_then(Url::parse).ok_or("it wants a token and does not say from where")?;
    if !realm.origin.secure && !realm.origin.is_loopback() {
        return Err(format!("it wants a token from {}, which is asked without TLS", realm.origin));
    }
    let scope = format!("repository:{}:pull,push", repository.name);
    let scope = parameter("scope").unwrap_or(&scope);
    let mut url = realm;
    url.path.push(if url.path.contains('?') { '&' } else { '?' });
    url.path.push_str(&format!("scope={}", escape(scope)));
    if let Some(service) = parameter("service") {
        url.path.push_str(&format!("&service={}", escape(service)));
    }
    let ask = Ask { method: Method::GET, headers: Vec::new(), authorization: credentials.map(Credentials::basic), body: &[] };
    let answer = client.send(&url, &ask).map_err(|error| error.to_string())?;
    if answer.status != 200 {
        return Err(format!("no token: {}", answer.refusal()));
    }
    let bytes = answer.read(TOKEN_BYTES_MAX).map_err(|error| error.to_string())?;
    #[derive(serde::Deserialize)]
    struct Issued {
        token: Option<String>,
        access_token: Option<String>,
    }
    let issued: Issued = serde_json::from_slice(&bytes).map_err(|_| "what it gives as a token is none".to_owned())?;
    let token = issued.token.or(issued.access_token).and_then(Secret::new).ok_or("what it gives as a token is none")?;
    Ok(Zeroizing::new(format!("Bearer {}", token.expose())))
}

/// `name="value"` pairs, separated by commas. Values hold no escapes, as registries write none.
fn parameters(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.find(',').map_or((after, ""), |at| after.split_at(at)),
        };
        rest = after.trim_start_matches([',', ' ']);
        Some((name.trim_matches([' ', ',']), value))
    })
}

fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~:/,".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn base64(bytes: &[u8]) -> String {
    use base64ct::Encoding as _;
    base64ct::Base64::encode_string(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_read() {
        let text = r#"realm="https://auth.example/token",service="registry.example", scope="repository:a/b:pull,push",error=x"#;
        let found: Vec<_> = parameters(text).collect();
        assert_eq!(
            found,
            [
                ("realm", "https://auth.example/token"),
                ("service", "registry.example"),
                ("scope", "repository:a/b:pull,push"),
                ("error", "x")
            ]
        );
        assert_eq!(parameters("").count(), 0);
        assert_eq!(parameters("realm=\"open").count(), 0);
    }
}
