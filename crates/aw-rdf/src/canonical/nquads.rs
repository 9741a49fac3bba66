//! Canonical N-Quads (RDFC-1.0, section 5): one way to write each statement.

use std::collections::HashMap;
use std::fmt::Write;

use oxrdf::{BlankNodeRef, GraphNameRef, LiteralRef, NamedNodeRef, NamedOrBlankNodeRef, QuadRef, TermRef, vocab::xsd};

use super::issuer::Blank;

/// Writes a literal in the canonical form of N-Triples and N-Quads.
pub fn write_literal(literal: LiteralRef<'_>, out: &mut String) {
    out.push('"');
    for character in literal.value().chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' | '\u{7f}' => {
                let _ = write!(out, "\\u{:04X}", u32::from(character));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    if let Some(language) = literal.language() {
        out.push('@');
        out.push_str(language);
    } else if literal.datatype() != xsd::STRING {
        out.push_str("^^");
        write_iri(literal.datatype(), out);
    }
}

/// Writes a statement on a line of its own, its blank nodes under the names they have.
pub fn write_quad(quad: QuadRef<'_>, out: &mut String) {
    let blank = |node: BlankNodeRef<'_>, out: &mut String| {
        out.push_str("_:");
        out.push_str(node.as_str());
    };
    match quad.subject {
        NamedOrBlankNodeRef::NamedNode(node) => write_iri(node, out),
        NamedOrBlankNodeRef::BlankNode(node) => blank(node, out),
    }
    out.push(' ');
    write_iri(quad.predicate, out);
    out.push(' ');
    match quad.object {
        TermRef::NamedNode(node) => write_iri(node, out),
        TermRef::BlankNode(node) => blank(node, out),
        TermRef::Literal(literal) => write_literal(literal, out),
    }
    match quad.graph_name {
        GraphNameRef::NamedNode(node) => {
            out.push(' ');
            write_iri(node, out);
        }
        GraphNameRef::BlankNode(node) => {
            out.push(' ');
            blank(node, out);
        }
        GraphNameRef::DefaultGraph => {}
    }
    out.push_str(" .\n");
}

fn write_iri(node: NamedNodeRef<'_>, out: &mut String) {
    out.push('<');
    out.push_str(node.as_str());
    out.push('>');
}

/// A subject, object or graph name.
#[derive(Clone, Debug)]
pub enum Component {
    /// As it is written.
    Fixed(String),
    /// A blank node.
    Blank(Blank),
    /// The default graph.
    Nothing,
}

impl Component {
    /// The blank node it is.
    pub fn blank(&self) -> Option<Blank> {
        match self {
            Self::Blank(blank) => Some(*blank),
            _ => None,
        }
    }
}

/// One statement.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Subject, object and graph name, with the letter RDFC-1.0 has for the position of each.
    pub components: [(char, Component); 3],
    /// With its brackets.
    pub predicate: String,
}

impl Statement {
    /// Writes the statement; blank nodes are written as they are called.
    pub fn write<'n>(&self, call: impl Fn(Blank) -> &'n str, out: &mut String) {
        let component = |component: &Component, out: &mut String| match component {
            Component::Fixed(text) => out.push_str(text),
            Component::Blank(blank) => {
                out.push_str("_:");
                out.push_str(call(*blank));
            }
            Component::Nothing => {}
        };
        let [(_, subject), (_, object), (_, graph)] = &self.components;
        component(subject, out);
        out.push(' ');
        out.push_str(&self.predicate);
        out.push(' ');
        component(object, out);
        if !matches!(graph, Component::Nothing) {
            out.push(' ');
            component(graph, out);
        }
        out.push_str(" .\n");
    }
}

/// The statements of a dataset: those with blank nodes taken apart, the others as finished lines.
#[derive(Debug, Default)]
pub struct Statements {
    finished: Vec<String>,
    /// Those with blank nodes.
    pub open: Vec<Statement>,
    /// By blank node, which of `open` mention it.
    pub of_blank: Vec<Vec<usize>>,
    names: Vec<String>,
}

impl Statements {
    /// Takes a dataset apart. Blank nodes are counted in the order of their names, so that the work is the same each time.
    pub fn of<'a>(quads: impl Iterator<Item = QuadRef<'a>>) -> Self {
        let mut statements = Self::default();
        let mut open = Vec::new();
        let mut names = Vec::new();
        for quad in quads {
            let blanks = blanks(quad);
            if blanks.iter().all(Option::is_none) {
                let mut line = String::new();
                write_quad(quad, &mut line);
                statements.finished.push(line);
            } else {
                names.extend(blanks.into_iter().flatten().map(BlankNodeRef::as_str));
                open.push(quad);
            }
        }
        names.sort_unstable();
        names.dedup();
        let numbers: HashMap<&str, Blank> = names.iter().zip(0..).map(|(name, number)| (*name, number)).collect();
        statements.of_blank = vec![Vec::new(); names.len()];
        for quad in open {
            statements.add(quad, &numbers);
        }
        statements.names = names.into_iter().map(str::to_owned).collect();
        statements
    }

    fn add(&mut self, quad: QuadRef<'_>, numbers: &HashMap<&str, Blank>) {
        let written = |write: &dyn Fn(&mut String)| {
            let mut text = String::new();
            write(&mut text);
            text
        };
        let iri = |node: NamedNodeRef<'_>| Component::Fixed(written(&|out| write_iri(node, out)));
        let blank = |node: BlankNodeRef<'_>| Component::Blank(numbers[node.as_str()]);
        let subject = match quad.subject {
            NamedOrBlankNodeRef::NamedNode(node) => iri(node),
            NamedOrBlankNodeRef::BlankNode(node) => blank(node),
        };
        let object = match quad.object {
            TermRef::NamedNode(node) => iri(node),
            TermRef::BlankNode(node) => blank(node),
            TermRef::Literal(literal) => Component::Fixed(written(&|out| write_literal(literal, out))),
        };
        let graph = match quad.graph_name {
            GraphNameRef::NamedNode(node) => iri(node),
            GraphNameRef::BlankNode(node) => blank(node),
            GraphNameRef::DefaultGraph => Component::Nothing,
        };
        let components = [('s', subject), ('o', object), ('g', graph)];
        let number = self.open.len();
        for blank in components.iter().filter_map(|(_, it)| it.blank()) {
            let mentions = &mut self.of_blank[blank as usize];
            if mentions.last() != Some(&number) {
                mentions.push(number);
            }
        }
        self.open.push(Statement { components, predicate: written(&|out| write_iri(quad.predicate, out)) });
    }

    /// The names blank nodes have in the dataset, by number.
    pub fn blank_names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Every statement as a line, in no order; blank nodes are written as they are called.
    pub fn lines<'s>(&'s self, call: impl Fn(Blank) -> &'s str + Copy) -> impl Iterator<Item = String> {
        let open = self.open.iter().map(move |statement| {
            let mut line = String::new();
            statement.write(call, &mut line);
            line
        });
        self.finished.iter().cloned().chain(open)
    }
}

fn blanks(quad: QuadRef<'_>) -> [Option<BlankNodeRef<'_>>; 3] {
    let subject = match quad.subject {
        NamedOrBlankNodeRef::BlankNode(node) => Some(node),
        NamedOrBlankNodeRef::NamedNode(_) => None,
    };
    let object = match quad.object {
        TermRef::BlankNode(node) => Some(node),
        _ => None,
    };
    let graph = match quad.graph_name {
        GraphNameRef::BlankNode(node) => Some(node),
        _ => None,
    };
    [subject, object, graph]
}
