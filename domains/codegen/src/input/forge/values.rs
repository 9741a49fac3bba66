//! What terms of the forge vocabulary say, whichever of its IRIs they are written with.

use super::super::graph::Reading;
use super::super::rdf::vocabulary::{FORGE, XSD_BOOLEAN};
use super::super::rdf::{Node, Statement, Term};

/// The statements with a term of the forge vocabulary.
pub(super) fn said<'a>(subject: Node<'a>, name: &str, reading: &Reading<'a>) -> Vec<Statement<'a>> {
    FORGE.iter().flat_map(|base| reading.statements.said(subject, &format!("{base}{name}"))).copied().collect()
}

/// The one value of a term; nothing, and a fault, when there are several that differ.
pub(super) fn one<'a>(subject: Node<'a>, pointer: &str, name: &str, reading: &mut Reading<'a>) -> Option<Term<'a>> {
    let values = said(subject, name, reading);
    values.iter().for_each(|it| reading.statements.map(it));
    let first = values.first()?.object;
    if values.iter().any(|it| it.object != first) {
        reading.tell("E-TERM", pointer, format!("f:{name} has {} values, expected at most one", values.len()));
        return None;
    }
    Some(first)
}

/// The text of a term.
pub(super) fn text<'a>(subject: Node<'a>, pointer: &str, name: &str, reading: &mut Reading<'a>) -> Option<String> {
    match one(subject, pointer, name, reading)? {
        Term::Literal(literal) => Some(literal.value().to_owned()),
        Term::Node(_) => {
            reading.tell("E-TERM", pointer, format!("f:{name} is no literal, expected a text"));
            None
        }
    }
}

/// Whether a term is true; it is not when it is not there.
pub(super) fn flag<'a>(subject: Node<'a>, pointer: &str, name: &str, reading: &mut Reading<'a>) -> bool {
    let Some(value) = one(subject, pointer, name, reading) else { return false };
    let literal = value.literal().filter(|literal| literal.datatype().as_str() == XSD_BOOLEAN);
    match literal.map(|literal| literal.value()) {
        Some("true" | "1") => true,
        Some("false" | "0") => false,
        _ => {
            reading.tell("E-TERM", pointer, format!("f:{name} is no xsd:boolean, expected true or false without quotes"));
            false
        }
    }
}

/// The texts of a term that is a list of them.
pub(super) fn texts<'a>(subject: Node<'a>, pointer: &str, name: &str, reading: &mut Reading<'a>) -> Option<Vec<String>> {
    let head = one(subject, pointer, name, reading)?;
    let statements = reading.statements;
    let list = match statements.list(head) {
        Ok(list) => list,
        Err(fault) => {
            reading.tell("E-LIST", pointer, format!("f:{name}: {fault}"));
            return None;
        }
    };
    list.parts.iter().for_each(|it| statements.map(it));
    let texts: Option<Vec<String>> = list.elements.iter().map(|it| Some(it.literal()?.value().to_owned())).collect();
    if texts.is_none() {
        reading.tell("E-LIST", pointer, format!("f:{name} lists something else than texts"));
    }
    texts
}

/// Puts items in a stated order, then the rest in the order they are in: items are found by name, and each name has to be there once.
pub(super) fn arrange<T>(
    items: Vec<T>,
    order: Option<&[String]>,
    name_of: impl Fn(&T) -> &str,
    pointer: &str,
    term: &str,
    reading: &mut Reading<'_>,
) -> Vec<T> {
    let Some(order) = order else { return items };
    let mut places = std::collections::HashMap::new();
    for (place, name) in order.iter().enumerate() {
        if places.insert(name.as_str(), place).is_some() {
            reading.tell("E-ORDER", pointer, format!("f:{term} names `{}` more than once", name.escape_debug()));
        }
    }
    let mut absent = places.clone();
    let mut placed: Vec<(usize, T)> = Vec::with_capacity(items.len());
    for item in items {
        let name = name_of(&item);
        absent.remove(name);
        placed.push((places.get(name).copied().unwrap_or(usize::MAX), item));
    }
    let mut absent: Vec<(usize, &str)> = absent.into_iter().map(|(name, place)| (place, name)).collect();
    absent.sort_unstable();
    for (_, name) in absent.into_iter().take(20) {
        let name: String = name.chars().take(200).collect();
        reading.tell("E-ORDER", pointer, format!("f:{term} names `{}`, which is not there", name.escape_debug()));
    }
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, item)| item).collect()
}
