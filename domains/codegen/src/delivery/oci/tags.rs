//! The tag of an artifact, and the artifact of a tag.

use crate::delivery::ArtifactName;

/// The tag of an artifact: its name without what tags do not hold. `+` of a forge's version is `_`, which no semantic version has.
pub(super) fn tag(name: &ArtifactName) -> String {
    format!("{}-forge.{}.{}", name.key(), name.forge().replace('+', "_"), name.profile())
}

/// The artifact of a tag; `None` when it is none of ours.
pub(super) fn name(tag: &str) -> Option<ArtifactName> {
    let (key, rest) = tag.split_once("-forge.")?;
    let (forge, profile) = rest.rsplit_once('.')?;
    ArtifactName::new(key, &forge.replace('_', "+"), profile).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn tags_and_names_are_one_to_one() {
        for text in ["ontology@d761e55d728951e1+forge.0.1.0.wire", "ontology@d761e55d728951e1+forge.1.0.0-rc.1+b.5.plain"] {
            let artifact: ArtifactName = text.parse().unwrap();
            let tag = tag(&artifact);
            assert!(tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)), "{tag}");
            assert_eq!(name(&tag), Some(artifact));
        }
        assert_eq!(name("latest"), None);
    }
}
