//! One text of several languages.

use super::statements::Statement;

/// The one of several texts a model keeps: untagged before English before other languages by tag, then by text. Values that are no
/// literals are never chosen.
///
/// # Source
/// Codegen, section 3.
pub(crate) fn choose<'s, 'a>(texts: &'s [Statement<'a>]) -> Option<&'s Statement<'a>> {
    let rank = |statement: &&Statement<'a>| {
        let literal = statement.object.literal()?;
        let language = literal.language().unwrap_or("").to_ascii_lowercase();
        let place = match language.as_str() {
            "" => 0,
            "en" => 1,
            _ => 2,
        };
        Some((place, language, literal.value().to_owned(), literal.datatype().as_str().to_owned()))
    };
    texts.iter().filter(|statement| statement.object.literal().is_some()).min_by_key(rank)
}
