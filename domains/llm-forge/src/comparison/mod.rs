//! Ways of choosing experts, held against each other on the unmodified base.
//!
//! A criterion gives every expert a score; a budget says how many experts stay. What a choice costs is measured by masking the experts
//! it drops, which scores as the checkpoint cut to it does, and needs none to be written.

mod budget;
mod convergence;
mod result;

pub(crate) use budget::values;
pub use budget::{Allocation, BudgetError, choose, keep_for_ratio, overlap};
pub use convergence::{Convergence, ConvergencePoint, converge, rank_correlation};
pub use result::{Choice, Figure, Measured, mean_over, table_cell};
