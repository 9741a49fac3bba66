//! A graph as the front ends read it: statements by subject, lists, texts in one language, and what became of each statement.

mod labels;
mod leftover;
mod lists;
mod statements;
pub(super) mod vocabulary;

pub(super) use labels::choose;
pub(super) use leftover::tell;
pub(super) use statements::{Fate, Node, Statement, Statements, Term};

/// An IRI as a message shows it: short, without characters that would break a line.
pub(super) fn shown(iri: &str) -> String {
    let mut text: String = iri.chars().take(300).flat_map(char::escape_debug).collect();
    if iri.chars().nth(300).is_some() {
        text.push('…');
    }
    format!("<{text}>")
}
