//! `sh:prefixes` (SHACL, section 5.2.1).

use std::collections::{BTreeMap, HashSet};

use oxrdf::TermRef;
use oxrdf::vocab::xsd;

use crate::shapes::Reader;
use crate::term::{literal, objects};
use crate::vocab;

/// The prefixes the current node declares through `sh:prefixes`, `sh:declare` and `owl:imports`.
pub fn prefixes(reader: &mut Reader<'_, '_>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut left = reader.values(vocab::PREFIXES);
    let mut seen = HashSet::new();
    while let Some(at) = left.pop() {
        if !seen.insert(at) {
            continue;
        }
        left.extend(objects(reader.graph, at, vocab::OWL_IMPORTS));
        for declaration in objects(reader.graph, at, vocab::DECLARE) {
            let value = |property, datatype: &[oxrdf::NamedNodeRef<'_>]| {
                let mut values = objects(reader.graph, declaration, property);
                let value = values.next().and_then(literal).filter(|l| datatype.contains(&l.datatype()));
                value.filter(|_| values.next().is_none()).map(|l| l.value().to_owned())
            };
            let prefix = value(vocab::PREFIX, &[xsd::STRING]);
            let namespace = value(vocab::NAMESPACE, &[xsd::ANY_URI, xsd::STRING]);
            let (Some(prefix), Some(namespace)) = (prefix, namespace) else {
                let message = "a prefix declaration has one sh:prefix (xsd:string) and one sh:namespace (xsd:anyURI)";
                reader.ill_formed(vocab::DECLARE, Some(declaration), message);
                continue;
            };
            if let Some(other) = found.insert(prefix.clone(), namespace.clone()).filter(|other| *other != namespace) {
                let message = format!("the prefix `{prefix}` is declared as <{other}> and as <{namespace}>");
                reader.ill_formed(vocab::PREFIXES, None::<TermRef<'_>>, message);
            }
        }
    }
    found
}
