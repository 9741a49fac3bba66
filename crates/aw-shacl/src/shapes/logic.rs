//! Constraints that refer to other shapes.

use oxrdf::NamedNodeRef;

use super::reader::Reader;
use super::{Constraint, Make, Shape, ShapeId};
use crate::problem::{Problem, ProblemKind, Remark};
use crate::term::objects;
use crate::vocab;

/// Reads them for the current shape.
pub fn read(reader: &mut Reader<'_, '_>, found: &mut Vec<Constraint>, is_property: bool) {
    for value in reader.values(vocab::NOT) {
        found.extend(reader.shape(vocab::NOT, value).map(Constraint::Not));
    }
    let lists: [(NamedNodeRef<'_>, Make<Vec<ShapeId>>); 3] =
        [(vocab::AND, Constraint::And), (vocab::OR, Constraint::Or), (vocab::XONE, Constraint::Xone)];
    for (property, kind) in lists {
        for value in reader.values(property) {
            let Some(members) = reader.list(property, value) else { continue };
            found.push(kind(members.into_iter().filter_map(|member| reader.shape(property, member)).collect()));
        }
    }
    for value in reader.values(vocab::NODE) {
        if objects(reader.graph, value, vocab::PATH).next().is_some() {
            reader.ill_formed(vocab::NODE, Some(value), "the value must be a node shape; it has a sh:path");
        }
        found.extend(reader.shape(vocab::NODE, value).map(Constraint::Node));
    }
    for value in reader.values(vocab::PROPERTY) {
        if objects(reader.graph, value, vocab::PATH).next().is_none() {
            reader.ill_formed(vocab::PROPERTY, Some(value), "the value must be a property shape; it has no sh:path");
        }
        found.extend(reader.shape(vocab::PROPERTY, value).map(Constraint::Property));
    }
    qualified(reader, found, is_property);
    found.extend(super::parse::closed(reader));
}

fn qualified(reader: &mut Reader<'_, '_>, found: &mut Vec<Constraint>, is_property: bool) {
    let mut count = |property| {
        let value = reader.one(property)?;
        reader.integer(property, value)
    };
    let (min, max) = (count(vocab::QUALIFIED_MIN_COUNT), count(vocab::QUALIFIED_MAX_COUNT));
    let disjoint = reader.boolean(vocab::QUALIFIED_VALUE_SHAPES_DISJOINT);
    let values = reader.values(vocab::QUALIFIED_VALUE_SHAPE);
    if values.is_empty() {
        if min.is_some() || max.is_some() || disjoint {
            reader.remark("qualified counts without sh:qualifiedValueShape have no effect");
        }
        return;
    }
    if !is_property {
        reader.ill_formed(vocab::QUALIFIED_VALUE_SHAPE, None, "only property shapes have it; this shape has no sh:path");
        return;
    }
    let Some(shape) = reader.one(vocab::QUALIFIED_VALUE_SHAPE) else { return };
    let Some(shape) = reader.shape(vocab::QUALIFIED_VALUE_SHAPE, shape) else { return };
    if min.is_none() && max.is_none() {
        let message = "it counts nothing without sh:qualifiedMinCount or sh:qualifiedMaxCount";
        reader.ill_formed(vocab::QUALIFIED_VALUE_SHAPE, None, message);
    }
    // The shape itself stands for "find the siblings" until every shape was read.
    found.push(Constraint::Qualified { shape, min, max, siblings: if disjoint { vec![shape] } else { Vec::new() } });
}

/// References to siblings that may be kept, over all shapes: one parent with n disjoint shapes makes n * (n - 1).
const MOST_SIBLINGS: usize = 1 << 20;

/// Fills in the sibling shapes of disjoint qualified shapes (SHACL, section 4.7.3): the qualified value shapes of the property shapes
/// of every shape this one is a property shape of, without its own.
pub fn siblings(shapes: &mut [Shape], reader: &mut Reader<'_, '_>) {
    let mut parents = vec![Vec::new(); shapes.len()];
    for (parent, shape) in shapes.iter().enumerate() {
        for property in properties(shape) {
            parents[property].push(parent);
        }
    }
    let mut all = 0;
    for id in 0..shapes.len() {
        let disjoint = |c: &Constraint| matches!(c, Constraint::Qualified { siblings, .. } if !siblings.is_empty());
        let Some(at) = shapes[id].constraints.iter().position(disjoint) else { continue };
        let Constraint::Qualified { shape: own, .. } = shapes[id].constraints[at] else { continue };
        let mut found: Vec<_> = parents[id]
            .iter()
            .flat_map(|&parent| properties(&shapes[parent]))
            .filter_map(|property| qualified_shape(&shapes[property]))
            .filter(|&sibling| sibling != own)
            .collect();
        found.sort_unstable();
        found.dedup();
        all += found.len();
        let node = shapes[id].node.clone();
        if found.is_empty() {
            let message = "sh:qualifiedValueShapesDisjoint has no effect: there are no sibling shapes".into();
            reader.remarks.push(Remark { node, message });
        } else if all > MOST_SIBLINGS {
            let message = format!("disjoint qualified shapes have more than {MOST_SIBLINGS} siblings");
            let property = Some(vocab::QUALIFIED_VALUE_SHAPES_DISJOINT.into_owned());
            reader.problems.push(Problem { kind: ProblemKind::Limit, node: Some(node), property, value: None, message });
            return;
        }
        if let Constraint::Qualified { siblings, .. } = &mut shapes[id].constraints[at] {
            *siblings = found;
        }
    }
}

fn properties(shape: &Shape) -> impl Iterator<Item = ShapeId> + '_ {
    shape.constraints.iter().filter_map(|c| if let Constraint::Property(id) = c { Some(*id) } else { None })
}

/// A shape has at most one.
fn qualified_shape(shape: &Shape) -> Option<ShapeId> {
    shape.constraints.iter().find_map(|c| if let Constraint::Qualified { shape, .. } = c { Some(*shape) } else { None })
}
