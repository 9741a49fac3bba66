//! What stands at the head of a source file.

use super::{Options, text};

/// A header that replaces the built-in one.
///
/// # Source
/// Codegen, section 9. It may name `{producer}`, `{forge_version}`, `{model_version}`, `{ontology}` and `{source_uri}`; `{{` and `}}` are
/// braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderTemplate {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(Variable),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variable {
    Producer,
    ForgeVersion,
    ModelVersion,
    Ontology,
    SourceUri,
}

impl Variable {
    const ALL: [(&'static str, Self); 5] = [
        ("producer", Self::Producer),
        ("forge_version", Self::ForgeVersion),
        ("model_version", Self::ModelVersion),
        ("ontology", Self::Ontology),
        ("source_uri", Self::SourceUri),
    ];
}

/// What is wrong with a header template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "header template, line {line}: {what}; known are {{producer}}, {{forge_version}}, {{model_version}}, {{ontology}} and {{source_uri}}, a brace itself is written twice"
)]
pub struct HeaderError {
    /// The line, from 1.
    pub line: usize,
    /// What was found there.
    pub what: String,
}

impl HeaderTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// An unknown variable, or a brace that is neither doubled nor part of a variable.
    pub fn parse(template: &str) -> Result<Self, HeaderError> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = template;
        let line = |rest: &str| template[..template.len() - rest.len()].matches('\n').count() + 1;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let from = &rest[at..];
            if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
                plain.push_str(&from[..1]);
                rest = after;
                continue;
            }
            let error = |what: String| HeaderError { line: line(from), what };
            let Some(named) = from.strip_prefix('{') else { return Err(error("a single `}`".to_owned())) };
            let Some(end) = named.find('}') else { return Err(error("a `{` that is not closed".to_owned())) };
            let name = &named[..end];
            let Some((_, variable)) = Variable::ALL.into_iter().find(|(known, _)| *known == name) else {
                return Err(error(format!("unknown variable `{{{name}}}`")));
            };
            parts.push(Part::Text(std::mem::take(&mut plain)));
            parts.push(Part::Variable(variable));
            rest = &named[end + 1..];
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        Ok(Self { parts })
    }

    fn fill(&self, meta: &Meta<'_>) -> String {
        let mut filled: String = self
            .parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.replace("\r\n", "\n"),
                Part::Variable(Variable::Producer) => text::harmless(&meta.options.producer),
                Part::Variable(Variable::ForgeVersion) => text::harmless(&meta.options.forge_version),
                Part::Variable(Variable::ModelVersion) => text::harmless(meta.model_version),
                Part::Variable(Variable::Ontology) => meta.ontology.clone(),
                Part::Variable(Variable::SourceUri) => text::harmless(&meta.options.source_uri),
            })
            .collect();
        filled.truncate(filled.trim_end_matches('\n').len());
        filled.push('\n');
        filled
    }
}

/// How a language writes a header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comment {
    /// The line before the meta lines.
    pub open: &'static str,
    /// What stands before each meta line.
    pub prefix: &'static str,
    /// The line after the meta lines; none when empty.
    pub close: &'static str,
}

/// What a header says.
#[derive(Debug)]
pub(super) struct Meta<'m> {
    options: &'m Options,
    model_version: &'m str,
    ontology: String,
}

impl<'m> Meta<'m> {
    pub(super) fn new(options: &'m Options, model_version: &'m str, ontology: String) -> Self {
        Self { options, model_version, ontology }
    }

    /// The ontology key.
    pub(super) fn ontology(&self) -> &str {
        &self.ontology
    }

    /// The meta lines.
    pub(super) fn lines(&self) -> [String; 4] {
        let line = text::harmless;
        [
            format!("Produced by {} {}.", line(&self.options.producer), line(&self.options.forge_version)),
            format!("model.version: {}", line(self.model_version)),
            format!("ontology: {}", self.ontology),
            "Generated file. Change the ontology and regenerate; edits are overwritten.".to_owned(),
        ]
    }

    /// The header as a language writes it, ending in a line feed.
    pub(super) fn header(&self, comment: Comment) -> String {
        if let Some(template) = &self.options.header {
            return template.fill(self);
        }
        let mut header = format!("{}\n", comment.open);
        for line in self.lines() {
            header.push_str(comment.prefix);
            header.push_str(&line);
            header.push('\n');
        }
        if !comment.close.is_empty() {
            header.push_str(comment.close);
            header.push('\n');
        }
        header
    }
}
