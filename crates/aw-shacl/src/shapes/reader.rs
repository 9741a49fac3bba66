//! Reads the parameters of one shape, and says what is wrong with each.

use oxrdf::vocab::xsd;
use oxrdf::{Graph, Literal, NamedNode, NamedNodeRef, TermRef};

use super::{Index, ShapeId};
use crate::limits::Limits;
use crate::list;
use crate::literal::is_well_formed;
use crate::problem::{Problem, ProblemKind, Remark};
use crate::regex::Compiler;
use crate::term::{iri, literal, objects, order};

/// What is known while shapes are read.
pub struct Reader<'g, 'r> {
    pub graph: &'g Graph,
    pub limits: &'r Limits,
    pub index: &'r Index<'g>,
    pub problems: Vec<Problem>,
    pub remarks: Vec<Remark>,
    pub regexes: Compiler,
    /// The shape being read.
    pub at: TermRef<'g>,
}

impl<'g> Reader<'g, '_> {
    /// Reports a problem of the current shape.
    pub fn problem(
        &mut self,
        kind: ProblemKind,
        property: NamedNodeRef<'_>,
        value: Option<TermRef<'_>>,
        message: impl Into<String>,
    ) {
        self.problems.push(Problem {
            kind,
            node: Some(self.at.into_owned()),
            property: Some(property.into_owned()),
            value: value.map(TermRef::into_owned),
            message: message.into(),
        });
    }

    /// Reports that the current shape breaks a syntax rule.
    pub fn ill_formed(&mut self, property: NamedNodeRef<'_>, value: Option<TermRef<'_>>, message: impl Into<String>) {
        self.problem(ProblemKind::IllFormed, property, value, message);
    }

    pub fn remark(&mut self, message: impl Into<String>) {
        self.remarks.push(Remark { node: self.at.into_owned(), message: message.into() });
    }

    /// All values, sorted.
    pub fn values(&self, property: NamedNodeRef<'_>) -> Vec<TermRef<'g>> {
        let mut values: Vec<_> = objects(self.graph, self.at, property).collect();
        values.sort_by(|&a, &b| order(a, b));
        values
    }

    /// The only value; several are a problem.
    pub fn one(&mut self, property: NamedNodeRef<'_>) -> Option<TermRef<'g>> {
        let values = self.values(property);
        if values.len() > 1 {
            self.ill_formed(property, None, format!("{} values; a shape has at most one", values.len()));
            return None;
        }
        values.first().copied()
    }

    pub fn iri(&mut self, property: NamedNodeRef<'_>, value: TermRef<'_>) -> Option<NamedNode> {
        let found = iri(value).map(NamedNodeRef::into_owned);
        if found.is_none() {
            self.ill_formed(property, Some(value), "the value must be an IRI");
        }
        found
    }

    pub fn literal(&mut self, property: NamedNodeRef<'_>, value: TermRef<'_>) -> Option<Literal> {
        let found = literal(value).map(|literal| literal.into_owned());
        if found.is_none() {
            self.ill_formed(property, Some(value), "the value must be a literal");
        }
        found
    }

    pub fn integer(&mut self, property: NamedNodeRef<'_>, value: TermRef<'_>) -> Option<i64> {
        let Some(found) = literal(value).filter(|l| l.datatype() == xsd::INTEGER && is_well_formed(*l)) else {
            self.ill_formed(property, Some(value), "the value must be an integer (xsd:integer)");
            return None;
        };
        let number = found.value().parse().ok();
        if number.is_none() {
            self.problem(ProblemKind::Limit, property, Some(value), "the number does not fit 64 bits");
        }
        number
    }

    /// `true` is on; `false` and `1` are off, the latter with a remark, because SHACL names the literal and not the value.
    pub fn boolean(&mut self, property: NamedNodeRef<'_>) -> bool {
        let Some(value) = self.one(property) else { return false };
        match literal(value).filter(|l| l.datatype() == xsd::BOOLEAN && is_well_formed(*l)) {
            None => {
                self.ill_formed(property, Some(value), "the value must be true or false (xsd:boolean)");
                false
            }
            Some(found) => {
                if found.value() == "1" {
                    self.remark(format!("{property} \"1\" has no effect; SHACL asks for the literal true"));
                }
                found.value() == "true"
            }
        }
    }

    pub fn string(&mut self, property: NamedNodeRef<'_>, value: TermRef<'_>) -> Option<String> {
        let found = literal(value).filter(|l| l.datatype() == xsd::STRING).map(|l| l.value().to_owned());
        if found.is_none() {
            self.ill_formed(property, Some(value), "the value must be a string (xsd:string)");
        }
        found
    }

    pub fn list(&mut self, property: NamedNodeRef<'_>, value: TermRef<'g>) -> Option<Vec<TermRef<'g>>> {
        match list::members(self.graph, value, self.limits.list_length) {
            Ok(members) => Some(members),
            Err(why) => {
                self.ill_formed(property, Some(value), why);
                None
            }
        }
    }

    /// The shape `value` is. Nodes that shapes refer to are shapes, so only a literal is none.
    pub fn shape(&mut self, property: NamedNodeRef<'_>, value: TermRef<'_>) -> Option<ShapeId> {
        let found = self.index.get(&value).copied();
        if found.is_none() {
            self.ill_formed(property, Some(value), "the value must be a shape: an IRI or a blank node");
        }
        found
    }
}
