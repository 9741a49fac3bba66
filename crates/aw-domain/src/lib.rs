//! The contract for domain authors: [`Domain`], [`StageType`], [`Stage`], [`Context`], [`Registry`].
//!
//! A domain brings a family of stage types: for each a name, a phase, a JSON Schema and an executor (or the statement that it
//! is declared only). The core knows chain, store and scheduling, and no domain; a domain knows its own files and no store, terminal or
//! network. Running lives in `aw-foundry`, the document in `aw-alloy`.
//!
//! ```
//! use aw_domain::{Domain, Registry, StageType};
//!
//! struct Pottery;
//! impl Domain for Pottery {
//!     fn id(&self) -> &str { "pottery" }
//!     fn version(&self) -> &str { "1" }
//!     fn type_byte(&self) -> u8 { 0xff }
//!     fn stage_types(&self) -> Vec<StageType> { Vec::new() }
//! }
//!
//! let mut registry = Registry::new();
//! registry.register(std::sync::Arc::new(Pottery), "docs")?;
//! assert!(registry.domain("Pottery").err().expect("lookup is exact").to_string().contains("`pottery`"));
//! # Ok::<(), aw_domain::RegistryError>(())
//! ```

mod context;
mod domain;
mod registry;
mod stage;

pub use aw_alloy::digest::{Digest, TreeRoot};
pub use aw_alloy::recipe::DerivedStage;
pub use aw_alloy::text::Problem;
pub use aw_alloy::tree::{Tree, TreeEntry, TreePath};
pub use context::{Context, OutputFile, Progress, Unit};
pub use domain::{Domain, FetchRequest, Objection, Remote, RootMember, Source, SourceRequest};
pub use registry::{Registry, RegistryError, StageLookup};
pub use stage::{
    Carry, Estimate, Executor, Failure, FileInput, Inputs, Output, Phase, PlanRequest, Reads, Stage, StageType, closed_schema,
    open_schema, schema_of,
};
