//! Property paths: read from a shapes graph, followed in a data graph, written as SPARQL and as RDF.

mod follow;
mod parse;
mod write;

use std::fmt;

use oxrdf::NamedNode;

pub use follow::follow;
pub use parse::parse;
pub use write::write;

/// A property path (SHACL, section 2.3.1). Its `Display` is the path in SPARQL syntax.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Path {
    /// Along one predicate.
    Predicate(NamedNode),
    /// Against a path.
    Inverse(Box<Path>),
    /// One path after another; at least two.
    Sequence(Vec<Path>),
    /// Any of the paths; at least two.
    Alternative(Vec<Path>),
    /// Any number of times, also none.
    ZeroOrMore(Box<Path>),
    /// At least once.
    OneOrMore(Box<Path>),
    /// Once or not at all.
    ZeroOrOne(Box<Path>),
}

impl Path {
    /// The predicate, when the path is nothing but one.
    pub fn predicate(&self) -> Option<&NamedNode> {
        if let Self::Predicate(predicate) = self { Some(predicate) } else { None }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, paths: &[Self], by: &str| {
            f.write_str("(")?;
            for (at, path) in paths.iter().enumerate() {
                write!(f, "{}{path}", if at == 0 { "" } else { by })?;
            }
            f.write_str(")")
        };
        // Every operand is in parentheses: `^(<a>*)` and `(^<a>)*` must not look alike.
        let operand = |f: &mut fmt::Formatter<'_>, path: &Self| {
            if matches!(path, Self::Predicate(_) | Self::Sequence(_) | Self::Alternative(_)) {
                write!(f, "{path}")
            } else {
                write!(f, "({path})")
            }
        };
        match self {
            Self::Predicate(predicate) => write!(f, "{predicate}"),
            Self::Inverse(path) => {
                f.write_str("^")?;
                operand(f, path)
            }
            Self::Sequence(paths) => joined(f, paths, "/"),
            Self::Alternative(paths) => joined(f, paths, "|"),
            Self::ZeroOrMore(path) => operand(f, path).and_then(|()| f.write_str("*")),
            Self::OneOrMore(path) => operand(f, path).and_then(|()| f.write_str("+")),
            Self::ZeroOrOne(path) => operand(f, path).and_then(|()| f.write_str("?")),
        }
    }
}
