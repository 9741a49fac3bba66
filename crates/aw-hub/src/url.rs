//! The little of addresses that is needed: an origin, a path, and where a redirect leads.

use ureq::http::Uri;

/// An address of http or https without user and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) origin: Origin,
    /// Path and query; starts with `/`.
    pub(crate) path: String,
}

/// Whom an address leads to. Two addresses of one origin are the same server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) secure: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Origin {
    /// Whether what is said to it stays on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    fn prefix(&self) -> String {
        format!("{}://{}:{}", if self.secure { "https" } else { "http" }, self.host, self.port)
    }
}

impl Url {
    /// Reads an absolute address; `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // `http::Uri` knows no fragment, and a user in an address is a secret in an address.
        if text.contains(['#', '@', '\\']) {
            return None;
        }
        let uri: Uri = text.parse().ok()?;
        let secure = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let host = uri.host().filter(|host| !host.is_empty())?.to_ascii_lowercase();
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Some(Self { origin: Origin { secure, host, port }, path })
    }

    /// Where a `Location` or `Link` of an answer from here leads; `None` when that cannot be told.
    pub(crate) fn join(&self, location: &str) -> Option<Self> {
        let network_path = location.starts_with("//") || location.contains('\\');
        if location.starts_with('/') && !network_path && !location.contains('#') {
            return Self::parse(&format!("{}{location}", self.origin.prefix()));
        }
        Self::parse(location)
    }

    /// The whole address, to ask.
    pub(crate) fn text(&self) -> String {
        format!("{}{}", self.origin.prefix(), self.path)
    }

    /// The address as messages show it: without its query, which may hold a signature.
    pub(crate) fn shown(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        format!("{}{}", self.origin.prefix(), crate::names::shown(path))
    }
}

/// A text as one part of a path.
pub(crate) fn escape(text: &str) -> String {
    use std::fmt::Write as _;
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn redirects_lead_where_they_say_or_nowhere() {
        let here = Url::parse("https://hub.example/org/name/resolve/main/a?x=1").unwrap();
        assert_eq!(here.join("/api/b?y=2").unwrap().text(), "https://hub.example:443/api/b?y=2");
        assert_eq!(here.join("https://cdn.example:8443/c").unwrap().origin.port, 8443);
        assert!(here.join("https://HUB.example/c").unwrap().origin == here.origin, "case and default port do not matter");
        for bad in [
            "//cdn.example/x",
            "ftp://cdn.example/x",
            "file:///etc/passwd",
            "https://user:secret@cdn.example/",
            "b",
            "",
            "/\\evil",
            "/a#b",
        ] {
            assert!(here.join(bad).is_none(), "{bad}");
        }
        assert!(!here.shown().contains("x=1"));
    }

    #[test]
    fn names_are_escaped() {
        assert_eq!(escape("a b/ü?#%.json"), "a%20b%2F%C3%BC%3F%23%25.json");
    }
}
