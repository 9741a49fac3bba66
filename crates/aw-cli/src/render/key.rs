//! How keys look. Only their public halves get here.

use aw_commands::{KeyImportResult, KeyListResult, KeyPurpose, KeyResult, KeyRotateResult, KeyState, KeyView, words};

use crate::page::{Page, Style};

pub(crate) fn list(result: &KeyListResult, page: &mut Page) {
    if result.keys.is_empty() {
        page.line("there are no keys yet; the first `run` makes this node's identity, `key create` a signing key");
    } else {
        let rows: Vec<Vec<String>> = result.keys.iter().map(row).collect();
        page.table(&["name", "key id", "algorithm", "for", "state", "until", "owner"], &rows);
    }
    for stray in &result.strays {
        page.marked(Style::Warn, "belongs to no key: ", &format!("`{}`; it never signed anything", stray.display()));
    }
}

fn row(key: &KeyView) -> Vec<String> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let purpose = purpose(key.purpose).to_owned();
    vec![
        text(&key.name),
        key.key_id.clone(),
        key.algorithm.clone(),
        purpose,
        state(key.state).to_owned(),
        text(&key.expires_at),
        text(&key.owner),
    ]
}

pub(crate) fn one(result: &KeyResult, page: &mut Page) {
    key(&result.key, page);
    match &result.public_key_pem {
        Some(pem) => {
            page.gap();
            page.raw(pem);
        }
        None => page.pairs(&[("public key", result.key.public_key.clone())]),
    }
}

pub(crate) fn rotated(result: &KeyRotateResult, page: &mut Page) {
    key(&result.old, page);
    key(&result.new, page);
    page.gap();
    page.line("others learn of the new key by the registry: `alloyworks key registry`");
}

pub(crate) fn imported(result: &KeyImportResult, page: &mut Page) {
    let changed = format!("{} of which more is known now", words::count(result.changed, "key"));
    page.line(&format!(
        "{} added, {changed}, {} of which nothing new was said",
        words::count(result.added, "key"),
        words::count(result.unchanged, "key")
    ));
}

fn key(key: &KeyView, page: &mut Page) {
    page.heading(key.name.as_deref().unwrap_or("a key of others"));
    let mut pairs = vec![
        ("key id", key.key_id.clone()),
        ("algorithm", key.algorithm.clone()),
        ("for", purpose(key.purpose).to_owned()),
        ("state", state(key.state).to_owned()),
    ];
    let more = [
        ("owner", &key.owner),
        ("from", &key.registered_at),
        ("until", &key.expires_at),
        ("superseded by", &key.superseded_by),
        ("since", &key.superseded_at),
        ("revoked at", &key.revoked_at),
        ("because", &key.revocation_reason),
        ("as of", &key.as_of),
    ];
    pairs.extend(more.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    page.pairs(&pairs);
}

fn purpose(purpose: KeyPurpose) -> &'static str {
    match purpose {
        KeyPurpose::Identity => "links and seals",
        KeyPurpose::Signing => "signing for others",
        KeyPurpose::Imported => "checking others",
    }
}

fn state(state: KeyState) -> &'static str {
    match state {
        KeyState::Current => "current",
        KeyState::Early => "not yet",
        KeyState::Expired => "expired",
        KeyState::Superseded => "superseded",
        KeyState::Revoked => "REVOKED",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{from_value, json};

    #[test]
    fn a_revoked_key_stands_out_and_its_public_half_can_be_copied() {
        let key = json!({
            "name": "release", "keyId": "0123456789abcdef", "algorithm": "ES256", "purpose": "signing", "state": "revoked",
            "owner": "potters", "registeredAt": "2026-01-01T00:00:00Z", "expiresAt": "2026-04-01T00:00:00Z",
            "revokedAt": "2026-02-01T00:00:00Z", "revocationReason": "lost\u{1b}[2J", "supersededBy": null, "supersededAt": null,
            "asOf": null, "publicKey": "AAAA",
        });
        let mut page = Page::new(false);
        one(&from_value(json!({"key": key, "publicKeyPem": "-----BEGIN PUBLIC KEY-----\nAAAA\n"})).unwrap(), &mut page);
        let text = page.into_text();
        assert!(text.contains("REVOKED") && text.contains("lost\\u{1b}[2J"), "{text}");
        assert!(text.ends_with("\n-----BEGIN PUBLIC KEY-----\nAAAA\n"), "{text}");
        let mut page = Page::new(false);
        list(&from_value(json!({"keys": [key], "strays": ["/x"]})).unwrap(), &mut page);
        let text = page.into_text();
        assert!(text.contains("release  0123456789abcdef  ES256      signing for others  REVOKED"), "{text}");
        assert!(text.contains("belongs to no key: `/x`"), "{text}");
    }
}
