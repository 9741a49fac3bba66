//! Where requests may go.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::{Origin, Url};

/// Which origins may be asked, and whether addresses inside may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Origins that may be asked and redirected to. `None`: any may be asked, and redirects lead within one origin.
    pub allowed: Option<Vec<Origin>>,
    /// Whether redirects may lead to other origins where there is no list. For content that is held against its sum.
    pub elsewhere: bool,
    /// Whether names may lead to addresses that are not public: loopback, private networks, link-local. An allowed origin that is itself
    /// such an address, or `localhost`, was named by someone who meant it.
    pub private: bool,
    /// Whether `http` is fine beyond loopback.
    pub plain: bool,
}

/// Why a request led to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// The address is none.
    #[error("`{text}` is no address: expected `http://` or `https://`, a host, and no user, password or fragment")]
    Url {
        /// As given, shortened, without its query.
        text: String,
    },
    /// The origin is not on the allow-list.
    #[error("{origin} is not an allowed origin; allowed: {allowed}")]
    NotAllowed {
        /// Which.
        origin: String,
        /// Those that are.
        allowed: String,
    },
    /// `http` where what is read could be changed on its way.
    #[error("{origin} is asked without TLS; expected https, or leave to use http")]
    Plain {
        /// Which.
        origin: String,
    },
    /// A redirect that is not followed.
    #[error("{url} redirects: {reason}")]
    Redirect {
        /// From where.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The request failed.
    #[error("{url}: {reason}")]
    Failed {
        /// Which address.
        url: String,
        /// What happened.
        reason: String,
    },
    /// The server refused.
    #[error("{url} answers {status}: {said}")]
    Status {
        /// Which address.
        url: String,
        /// With which status.
        status: u16,
        /// The first 200 characters of what it says.
        said: String,
    },
    /// The answer is too long.
    #[error("{url} has more than {limit} bytes, the most that is read")]
    TooLong {
        /// Which address.
        url: String,
        /// The limit.
        limit: u64,
    },
}

impl Network {
    /// Origins of a list such as `https://a.example, http://localhost:8080`.
    ///
    /// # Errors
    /// [`NetworkError::Url`] for one that is none, or has a path.
    pub fn origins(text: &str) -> Result<Vec<Origin>, NetworkError> {
        let parts = text.split([',', ' ']).map(str::trim).filter(|part| !part.is_empty());
        let origin = |part: &str| match Url::parse(part) {
            Some(url) if url.path == "/" => Ok(url.origin),
            _ => Err(NetworkError::Url { text: part.chars().take(200).collect() }),
        };
        parts.map(origin).collect()
    }

    /// Whether a request that was meant for one origin may go to another.
    ///
    /// # Errors
    /// [`NetworkError::NotAllowed`], [`NetworkError::Redirect`] or [`NetworkError::Plain`].
    pub fn permits(&self, meant: &Origin, here: &Origin) -> Result<(), NetworkError> {
        match &self.allowed {
            Some(allowed) if !allowed.contains(here) => {
                let names: Vec<String> = allowed.iter().map(ToString::to_string).collect();
                let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                return Err(NetworkError::NotAllowed { origin: here.to_string(), allowed: names });
            }
            None if meant != here && !self.elsewhere => {
                return Err(NetworkError::Redirect {
                    url: meant.to_string(),
                    reason: format!("to {here}; without a list of allowed origins a redirect leads within one"),
                });
            }
            _ => {}
        }
        if !here.secure && !self.plain && !here.is_loopback() {
            return Err(NetworkError::Plain { origin: here.to_string() });
        }
        Ok(())
    }

    /// Whether an origin may have an address.
    fn reaches(&self, origin: &Origin, address: IpAddr) -> bool {
        let named = |origin: &Origin| origin.host == "localhost" || origin.address().is_some();
        self.private
            || is_public(address)
            || (named(origin) && self.allowed.as_ref().is_some_and(|allowed| allowed.contains(origin)))
    }
}

/// Resolves names to addresses that may be reached, so that what was checked is what is connected to.
#[derive(Debug)]
pub(super) struct Guarded {
    network: Network,
    inner: DefaultResolver,
}

impl Guarded {
    pub(super) fn new(network: Network) -> Self {
        Self { network, inner: DefaultResolver::default() }
    }
}

impl Resolver for Guarded {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        let refused = |reason: String| ureq::Error::Io(std::io::Error::new(std::io::ErrorKind::PermissionDenied, reason));
        let url = Url::parse(&uri.to_string()).ok_or_else(|| refused("its address cannot be read".to_owned()))?;
        match found.iter().find(|socket| !self.network.reaches(&url.origin, socket.ip())) {
            Some(socket) => Err(refused(format!("it is at {}, which is not a public address", socket.ip()))),
            None => Ok(found),
        }
    }
}

/// Whether an address is one of the Internet's, as far as that can be told by itself.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19)))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // Addresses that hold one of version 4: mapped, translated (64:ff9b::/96), 6to4 (2002::/16).
    if let Some(inner) = address.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    let inner = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inner(high, low),
        [0x2002, high, low, ..] => inner(high, low),
        // Global unicast is 2000::/3; of it, documentation, Teredo, benchmarking and other special blocks of 2001::/23 are not.
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_inside_are_known() {
        for inside in [
            "127.0.0.1",
            "127.8.8.8",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
            "::127.0.0.1",
            "100::1",
            "64:ff9b:1::1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for outside in
            ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
        {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn hops_stay_where_they_may() {
        let origin = |text: &str| Url::parse(text).unwrap().origin;
        let (a, b, inside) = (origin("https://a.example"), origin("https://b.example"), origin("http://127.0.0.1:8080"));
        let any = Network::default();
        assert!(any.permits(&a, &a).is_ok());
        assert!(matches!(any.permits(&a, &b), Err(NetworkError::Redirect { .. })));
        let listed = Network { allowed: Some(vec![a.clone(), inside.clone()]), ..Network::default() };
        assert!(listed.permits(&a, &inside).is_ok());
        assert!(matches!(listed.permits(&a, &b), Err(NetworkError::NotAllowed { .. })));
        let plain = origin("http://a.example");
        assert!(matches!(any.permits(&plain, &plain), Err(NetworkError::Plain { .. })));
        assert!(Network { plain: true, ..Network::default() }.permits(&plain, &plain).is_ok());
        // An address that was listed may be reached; a name that leads there may not.
        let loopback: IpAddr = "127.0.0.1".parse().unwrap();
        assert!(listed.reaches(&inside, loopback) && !listed.reaches(&a, loopback) && !any.reaches(&inside, loopback));
        assert!(Network { private: true, ..Network::default() }.reaches(&a, loopback));
    }

    #[test]
    fn lists_of_origins_are_read_whole() {
        let list = Network::origins("https://a.example, http://localhost:8086").unwrap();
        assert_eq!(list.iter().map(ToString::to_string).collect::<Vec<_>>(), ["https://a.example:443", "http://localhost:8086"]);
        for bad in ["a.example", "https://a.example/path", "ftp://a.example", "https://user@a.example", "*"] {
            assert!(Network::origins(bad).is_err(), "{bad}");
        }
    }
}
