//! Source files of the reference model and of models that try to break them.

mod documents;
mod headers;
mod losses;
mod names;
mod vectors;
