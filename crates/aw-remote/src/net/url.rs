//! The little of addresses that is needed: an origin, a path, and where a redirect leads.

use std::fmt;
use std::net::IpAddr;

use ureq::http::Uri;

/// An address of http or https without user and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Whom it leads to.
    pub origin: Origin,
    /// Path and query; starts with `/`.
    pub path: String,
}

/// Whom an address leads to. Two addresses of one origin are the same server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Whether it is spoken to in TLS.
    pub secure: bool,
    /// Its name or address, in lower case; an address of version 6 stands in brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl Origin {
    /// The address, when the host is one.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    /// Whether what is said to it stays on this machine.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.address().is_some_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}:{}", if self.secure { "https" } else { "http" }, self.host, self.port)
    }
}

impl Url {
    /// Reads an absolute address; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        // `http::Uri` knows no fragment, other programs take `\\` for `/`, and a user in an address is a secret in an address.
        let authority = text.split_once("://")?.1.split(['/', '?']).next()?;
        if text.contains(['#', '\\']) || authority.contains('@') {
            return None;
        }
        let uri: Uri = text.parse().ok()?;
        let secure = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let host = uri.host().filter(|host| !host.is_empty())?.to_ascii_lowercase();
        let port = match uri.authority()?.as_str().rsplit_once(':') {
            // A port that is no number would be taken for none.
            Some((_, digits)) if !digits.contains(']') => uri.port_u16().filter(|port| *port > 0)?,
            _ => {
                if secure {
                    443
                } else {
                    80
                }
            }
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Some(Self { origin: Origin { secure, host, port }, path })
    }

    /// Where a `Location` of an answer from here leads; `None` when that cannot be told.
    pub fn join(&self, location: &str) -> Option<Self> {
        // A fragment is for whoever shows the answer.
        let location = location.split('#').next()?;
        if location.contains('\\') || location.starts_with("//") {
            return None;
        }
        if location.starts_with('/') {
            return Self::parse(&format!("{}{location}", self.origin));
        }
        let scheme = location.split_once(':').is_some_and(|(scheme, _)| !scheme.contains(['/', '?', '#']));
        if scheme {
            return Self::parse(location);
        }
        let below = !location.is_empty() && !location.split('?').next()?.split('/').any(|part| part == "." || part == "..");
        let folder = self.path.split('?').next()?.rsplit_once('/')?.0;
        if below { Self::parse(&format!("{}{folder}/{location}", self.origin)) } else { None }
    }

    /// The whole address, to ask.
    pub fn text(&self) -> String {
        format!("{}{}", self.origin, self.path)
    }

    /// The address as messages show it: without its query, which may hold a signature.
    pub fn shown(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        let path: String = path.chars().take(300).collect();
        format!("{}{}", self.origin, path.escape_debug())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_are_read_or_refused() {
        let url = Url::parse("https://Host.example/a/b?x=1@2").unwrap();
        assert_eq!(
            (url.text().as_str(), url.shown().as_str()),
            ("https://host.example:443/a/b?x=1@2", "https://host.example:443/a/b")
        );
        assert!(Url::parse("https://h.example/@scope/a.ttl").is_some() && Url::parse("https://h.example?x=@").is_some());
        assert_eq!(Url::parse("http://[::1]:8080").unwrap().origin.address(), Some("::1".parse().unwrap()));
        assert!(Url::parse("http://[::1]").unwrap().origin.is_loopback());
        for bad in [
            "",
            "a",
            "/a",
            "ftp://h/",
            "file:///etc/passwd",
            "https://u:p@h/",
            "https://h:99999/",
            "https://h:0/",
            "https://h:/",
            "http://h/a#b",
            "http://h\\@evil/",
            "http://a@b/?x",
            "http://h/a?x#b",
            "http://a@b?x/",
            "https:///x",
        ] {
            assert!(Url::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn redirects_lead_where_they_say_or_nowhere() {
        let here = Url::parse("https://h.example/dir/file?x=1").unwrap();
        assert_eq!(here.join("/api/b?y=2").unwrap().text(), "https://h.example:443/api/b?y=2");
        assert_eq!(here.join("other.ttl").unwrap().text(), "https://h.example:443/dir/other.ttl");
        assert_eq!(here.join("/a#part").unwrap().path, "/a");
        assert_eq!(here.join("https://cdn.example:8443/c").unwrap().origin.port, 8443);
        assert!(here.join("https://H.example/c").unwrap().origin == here.origin, "case and default port do not matter");
        for bad in [
            "//cdn.example/x",
            "ftp://h/x",
            "file:///etc/passwd",
            "https://u:s@h/",
            "",
            "/\\evil",
            "../x",
            "a/../../b",
            "javascript:1",
        ] {
            assert!(here.join(bad).is_none(), "{bad}");
        }
    }
}
