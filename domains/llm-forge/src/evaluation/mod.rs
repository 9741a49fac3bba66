//! What a model is measured by, and how sure a difference is.

pub mod bootstrap;
