//! Where an artifact goes, as an address.

use std::fmt;
use std::path::PathBuf;

use aw_hub::RepositoryId;
use aw_remote::ObjectLocation;
use aw_remote::oci::Repository;

/// Where an artifact goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A folder of versions.
    Folder(PathBuf),
    /// A registry; the tag is the artifact's version where none is given.
    Registry {
        /// The repository.
        repository: Repository,
        /// The tag.
        tag: Option<String>,
    },
    /// A bucket, or a folder of one.
    Objects(ObjectLocation),
    /// A repository of the Hugging Face Hub.
    Hub(RepositoryId),
}

/// Why a text is no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no target: {reason}; expected a path, dir:PATH, oci://host/name[:tag], s3://bucket/prefix, gs://bucket/prefix, \
     az://container/prefix or hf://org/name"
)]
pub struct TargetError {
    /// As given, shortened and made printable, without what could be a password.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Target {
    /// Reads an address; what has no scheme is a path.
    ///
    /// # Errors
    /// [`TargetError`]; it shows nothing that stands before an `@` or behind a `?`.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let odd = |reason: &str| TargetError { text: shown(text), reason: reason.to_owned() };
        if let Some(path) = text.strip_prefix("dir:") {
            return if path.is_empty() { Err(odd("it names no folder")) } else { Ok(Self::Folder(PathBuf::from(path))) };
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return if text.is_empty() { Err(odd("it is empty")) } else { Ok(Self::Folder(PathBuf::from(text))) };
        };
        if rest.contains(['@', '?', '#']) {
            return Err(odd("credentials come from the environment, and an address holds none, nor a query"));
        }
        if ObjectLocation::is_meant(text) {
            let place = ObjectLocation::parse(text.trim_end_matches('/'));
            return place.map(Self::Objects).ok_or_else(|| odd("its bucket or its name is none"));
        }
        match scheme {
            "oci" => {
                let (repository, tag) = Repository::parse_tagged(text).map_err(|error| odd(error.reason))?;
                Ok(Self::Registry { repository, tag })
            }
            "hf" => {
                let id: RepositoryId = rest.parse().map_err(|_| odd("a repository is `owner/name`"))?;
                if rest.contains('/') { Ok(Self::Hub(id)) } else { Err(odd("a repository is `owner/name`")) }
            }
            _ => Err(odd("its scheme is not known")),
        }
    }
}

fn shown(text: &str) -> String {
    let text = text.split('?').next().unwrap_or_default();
    let text = match text.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", rest.rsplit('@').next().unwrap_or_default()),
        None => text.to_owned(),
    };
    text.escape_debug().take(200).collect()
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "dir:{}", path.display()),
            Self::Registry { repository, tag: None } => write!(f, "{repository}"),
            Self::Registry { repository, tag: Some(tag) } => write!(f, "{repository}:{tag}"),
            Self::Objects(location) => write!(f, "{location}"),
            Self::Hub(id) => write!(f, "hf://{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn targets_are_read_or_refused() {
        for (text, shown) in [
            ("out", "dir:out"),
            ("dir:/a b", "dir:/a b"),
            ("oci://localhost:5000/a/b:1.0", "oci://localhost:5000/a/b:1.0"),
            ("oci://ghcr.example/a", "oci://ghcr.example:443/a"),
            ("s3://bucket/models/", "s3://bucket/models"),
            ("gs://bucket", "gs://bucket"),
            ("az://container/x", "az://container/x"),
            ("hf://org/name", "hf://org/name"),
        ] {
            assert_eq!(Target::parse(text).unwrap().to_string(), shown, "{text}");
        }
        for bad in
            ["", "dir:", "ftp://h/x", "s3://", "s3://a/../b", "hf://name", "hf://a/b/c", "oci://h", "oci://h/a:b:c", "http://h/a"]
        {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
        let error = Target::parse("oci://user:secret@h/a?token=secret").unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
