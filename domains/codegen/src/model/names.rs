//! Names: which are allowed, where they come from, and how each language writes them.
//!
//! # Source
//! Codegen, section 5. Everything here is ASCII, by code point.

/// The name at the end of an IRI: after the last `#`, else after the last `/`, without what comes before the last `__`.
pub fn member_name(iri: &str) -> &str {
    let name = local_name(iri);
    name.rfind("__").map_or(name, |at| &name[at + 2..])
}

/// What stands after the last `#` of an IRI, else after the last `/`.
pub fn local_name(iri: &str) -> &str {
    let cut = iri.rfind('#').or_else(|| iri.rfind('/'));
    cut.map_or(iri, |at| &iri[at + 1..])
}

/// Whether it may name a type: `^[A-Z][A-Za-z0-9]*$`.
pub fn is_type_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase()) && name.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Whether it may name a field or relation: `^[A-Za-z][A-Za-z0-9_-]*$`.
pub fn is_member_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// Whether it may be a namespace: identifiers joined by dots.
pub fn is_namespace(name: &str) -> bool {
    name.split('.').all(|part| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    })
}

/// Drops `_` and `-`; the first character and each after a dropped one are upper case, the rest stays.
pub fn pascal(name: &str) -> String {
    name.split(['_', '-']).map(|part| first(part, |c| c.to_ascii_uppercase())).collect()
}

/// Splits at `_` and `-`; the first part starts in lower case, each other in upper case, the rest stays.
pub fn camel(name: &str) -> String {
    let mut parts = name.split(['_', '-']);
    let head = parts.next().unwrap_or_default();
    let tail = parts.map(|part| first(part, |c| c.to_ascii_uppercase()));
    std::iter::once(first(head, |c| c.to_ascii_lowercase())).chain(tail).collect()
}

/// From left to right, an upper case character that is not the first gets a `_` before it unless there is one, and is made lower
/// case; `-` becomes `_`. `wordCount` gives `word_count`, `userID` gives `user_i_d`.
pub fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out.replace('-', "_")
}

fn first(part: &str, change: fn(char) -> char) -> String {
    let mut characters = part.chars();
    characters.next().map(change).into_iter().chain(characters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_those_of_the_specification() {
        assert_eq!(snake("wordCount"), "word_count");
        assert_eq!(snake("userID"), "user_i_d");
        assert_eq!(snake("a-B_C"), "a__b_c", "the dash becomes a line after the letters were split");
        assert_eq!(pascal("created-at_utc"), "CreatedAtUtc");
        assert_eq!(pascal("userID"), "UserID");
        assert_eq!(camel("Created_at-utc"), "createdAtUtc");
    }

    #[test]
    fn names_come_from_the_end_of_an_iri() {
        assert_eq!(member_name("http://example.org/a#Document__title"), "title");
        assert_eq!(member_name("http://example.org/a/title"), "title");
        assert_eq!(local_name("http://example.org/a/b#Document__title"), "Document__title");
        assert_eq!(member_name("urn:x#A__B__c"), "c");
    }
}
