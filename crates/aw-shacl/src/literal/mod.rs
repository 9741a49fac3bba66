//! Literals: whether a lexical form is one of its datatype, and which of two values is less.

mod compare;
mod lexical;
mod number;

pub use compare::compare;
pub use lexical::is_well_formed;
