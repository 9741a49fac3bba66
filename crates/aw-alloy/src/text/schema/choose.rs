//! Which of several alternatives a value was most likely meant to be.
//!
//! A validator says of `anyOf` and `oneOf` only that nothing fits and lists the errors of every branch. Schemas
//! generated from Rust types use these keywords for four things that call for four different messages: optional
//! values, enumerations, tagged enumerations with data, and untagged ones.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value as Json;

use super::explain::types;

type Errors = [ValidationError<'static>];

/// What to tell about a value that fits no branch.
pub(super) enum Choice<'a> {
    /// This branch was meant; these are its errors.
    Branch(&'a Errors),
    /// The branches accept these values.
    Values(Vec<Json>),
    /// The branches accept these types.
    Types(Vec<&'static str>),
    /// Member `name` tells the branches apart and has none of `options`.
    Tag { name: String, options: Vec<Json> },
    /// Each branch asks for another member and none is there.
    OneMember(Vec<String>),
    /// Every branch misses the same member; these are the errors that say so.
    SameMember(Vec<&'a ValidationError<'static>>),
}

/// Chooses what to tell. `here` is the path of the value, `instance` the value.
pub(super) fn among<'a>(context: &'a [Vec<ValidationError<'static>>], here: &str, instance: &Json) -> Choice<'a> {
    let branches: Vec<&Errors> = context.iter().map(Vec::as_slice).collect();
    if let Some(options) = all_values(&branches, here, instance) {
        return Choice::Values(options);
    }
    let meant: Vec<&Errors> = branches.iter().copied().filter(|errors| !wrong_type(errors, here)).collect();
    match meant.as_slice() {
        [] => Choice::Types(all_types(&branches, here)),
        [only] => Choice::Branch(only),
        several => tagged(several, here).unwrap_or_else(|| closest(several, here)),
    }
}

fn is_at(error: &ValidationError<'_>, here: &str) -> bool {
    error.instance_path().as_str() == here
}

fn wrong_type(errors: &Errors, here: &str) -> bool {
    errors.iter().any(|error| match error.kind() {
        Kind::Type { .. } => is_at(error, here),
        // An optional enumeration nests one level deeper.
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            is_at(error, here) && context.iter().all(|errors| wrong_type(errors, here))
        }
        _ => false,
    })
}

fn all_types(branches: &[&Errors], here: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    for error in branches.iter().flat_map(|errors| errors.iter()).filter(|error| is_at(error, here)) {
        let more = match error.kind() {
            Kind::Type { kind } => types(kind),
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                all_types(&context.iter().map(Vec::as_slice).collect::<Vec<_>>(), here)
            }
            _ => continue,
        };
        for kind in more {
            if !found.contains(&kind) {
                found.push(kind);
            }
        }
    }
    // An optional value is first of all a value.
    found.sort_by_key(|kind| *kind == "null");
    found
}

/// Returns the values the branches accept when every branch that takes values of this type lists its values.
fn all_values(branches: &[&Errors], here: &str, instance: &Json) -> Option<Vec<Json>> {
    let mut options = Vec::new();
    for errors in branches {
        match values(errors, here, instance) {
            Some(more) => options.extend(more.into_iter().filter(|option| !option.is_null())),
            None if wrong_type(errors, here) => {}
            None => return None,
        }
    }
    // A value of another type than every option is a matter of types.
    options.iter().any(|option| std::mem::discriminant(option) == std::mem::discriminant(instance)).then_some(options)
}

fn values(errors: &Errors, here: &str, instance: &Json) -> Option<Vec<Json>> {
    errors.iter().filter(|error| is_at(error, here)).find_map(|error| match error.kind() {
        Kind::Enum { options } => options.as_array().cloned(),
        Kind::Constant { expected_value } => Some(vec![Json::clone(expected_value)]),
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            all_values(&context.iter().map(Vec::as_slice).collect::<Vec<_>>(), here, instance)
        }
        _ => None,
    })
}

/// Recognises branches told apart by the value of one member.
fn tagged<'a>(branches: &[&'a Errors], here: &str) -> Option<Choice<'a>> {
    let name = branches.iter().find_map(|errors| errors.iter().find_map(|error| tag_of(error, here)))?.0;
    let mut options = Vec::new();
    let mut untouched = Vec::new();
    for errors in branches {
        match errors.iter().filter_map(|error| tag_of(error, here)).find(|(other, _)| *other == name) {
            Some((_, more)) => options.extend(more),
            None => untouched.push(*errors),
        }
    }
    match untouched.as_slice() {
        [] => Some(Choice::Tag { name, options }),
        [only] => Some(Choice::Branch(only)),
        several => Some(closest(several, here)),
    }
}

/// Returns the member, one level below `here`, that an error wants to be constant, and the values it wants.
fn tag_of(error: &ValidationError<'_>, here: &str) -> Option<(String, Vec<Json>)> {
    let (parent, _) = error.instance_path().as_str().rsplit_once('/')?;
    let name = error.instance_path().segments().last()?.to_string();
    let options = match error.kind() {
        Kind::Constant { expected_value } => vec![Json::clone(expected_value)],
        Kind::Enum { options } => options.as_array()?.clone(),
        _ => return None,
    };
    (parent == here).then_some((name, options))
}

/// Picks the branch with the fewest complaints about which members there are, then the fewest in all.
fn closest<'a>(branches: &[&'a Errors], here: &str) -> Choice<'a> {
    let missing: Vec<_> = branches.iter().filter_map(|errors| missing_member(errors, here)).collect();
    if missing.len() == branches.len() {
        let mut names: Vec<String> = missing.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.dedup();
        return if names.len() == 1 {
            Choice::SameMember(missing.into_iter().map(|(_, error)| error).collect())
        } else {
            Choice::OneMember(names)
        };
    }
    let shape = |errors: &&&Errors| (errors.iter().filter(|error| is_at(error, here)).count(), errors.len());
    Choice::Branch(branches.iter().min_by_key(shape).copied().unwrap_or_default())
}

fn missing_member<'a>(errors: &'a Errors, here: &str) -> Option<(&'a str, &'a ValidationError<'static>)> {
    errors.iter().find_map(|error| match error.kind() {
        Kind::Required { property } if is_at(error, here) => Some((property.as_str()?, error)),
        _ => None,
    })
}
