//! Why a family or a model was refused.

use std::fmt;
use std::io;
use std::path::PathBuf;

use aw_alloy::text::SyntaxError;

use crate::checkpoint::{CheckpointError, Dtype};

/// One thing in a `config.json` that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigProblem {
    /// A field the geometry needs is absent.
    Missing {
        /// Field name.
        field: &'static str,
        /// What it should hold.
        expected: String,
    },
    /// A field holds a value of the wrong kind or outside its bounds.
    Value {
        /// Field name.
        field: String,
        /// What it should hold.
        expected: String,
        /// What it holds, as JSON.
        got: String,
    },
    /// A field asks for something this family's implementation does not do.
    Unsupported {
        /// Field name.
        field: String,
        /// What it holds, as JSON.
        got: String,
        /// What is supported.
        supported: String,
    },
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { field, expected } => {
                write!(f, "`{field}` is missing; expected {expected}")
            }
            Self::Value { field, expected, got } => write!(f, "`{field}`: expected {expected}, got `{got}`"),
            Self::Unsupported { field, got, supported } => {
                write!(f, "`{field}`: `{got}` is not supported; supported: {supported}")
            }
        }
    }
}

/// Why a family could not be found or could not read a config.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FamilyError {
    /// No family is registered under this name.
    #[error("unknown architecture `{architecture}`; registered: {}", names(.registered))]
    Unknown {
        /// The name asked for.
        architecture: String,
        /// The names registered.
        registered: Vec<&'static str>,
    },
    /// The config cannot be used; every problem found is listed.
    #[error("the config of a `{architecture}` model cannot be used: {}", list(.problems))]
    Config {
        /// The family that read it.
        architecture: &'static str,
        /// All problems, in reading order.
        problems: Vec<ConfigProblem>,
    },
}

/// One tensor that does not fit the geometry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TensorProblem {
    /// The config asks for a tensor the checkpoint does not hold.
    Missing {
        /// Its name.
        tensor: String,
        /// The shape it should have, where the config says.
        shape: Option<Vec<u64>>,
    },
    /// The checkpoint holds a tensor the config has no place for.
    Unexpected {
        /// Its name.
        tensor: String,
    },
    /// A tensor has another shape than the geometry says.
    Shape {
        /// Its name.
        tensor: String,
        /// The shape it should have.
        expected: Vec<u64>,
        /// The shape it has.
        got: Vec<u64>,
    },
    /// A tensor has an element type nothing here computes with.
    Dtype {
        /// Its name.
        tensor: String,
        /// Its type.
        got: Dtype,
    },
}

impl fmt::Display for TensorProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { tensor, shape: Some(shape) } => write!(f, "`{tensor}` of shape {shape:?} is missing"),
            Self::Missing { tensor, shape: None } => write!(f, "`{tensor}` is missing"),
            Self::Unexpected { tensor } => write!(f, "`{tensor}` has no place in this model"),
            Self::Shape { tensor, expected, got } => write!(f, "`{tensor}`: expected shape {expected:?}, got {got:?}"),
            Self::Dtype { tensor, got } => {
                write!(f, "`{tensor}`: expected F32, F16 or BF16, got {got}")
            }
        }
    }
}

/// Why a model folder could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// `config.json` could not be read.
    #[error("cannot read `{path}`: {source}", path = path.display())]
    ConfigIo {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// `config.json` is longer than any config is.
    #[error("`{path}` has {bytes} bytes, expected at most {limit}", path = path.display())]
    ConfigTooLong {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// `config.json` is not strict JSON.
    #[error("`{path}`: {source}", path = path.display())]
    ConfigSyntax {
        /// The file.
        path: PathBuf,
        /// Place and reason.
        source: SyntaxError,
    },
    /// `config.json` does not name its architecture.
    #[error("`{path}`: expected `model_type` to name the architecture, got {got}", path = path.display())]
    NoModelType {
        /// The file.
        path: PathBuf,
        /// What stands there, as JSON, or `nothing`.
        got: String,
    },
    /// The recipe declares another architecture than the config.
    #[error("the recipe declares architecture `{declared}`, but `{path}` says `{found}`", path = path.display())]
    WrongArchitecture {
        /// The config file.
        path: PathBuf,
        /// What the recipe declares.
        declared: String,
        /// What the config says.
        found: String,
    },
    /// The family is unknown or refuses the config.
    #[error("`{path}`: {source}", path = path.display())]
    Family {
        /// The config file.
        path: PathBuf,
        /// What is wrong.
        source: FamilyError,
    },
    /// The checkpoint cannot be opened.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Expert tensors do not fit the config and the family's layout; problems are listed together.
    #[error("the tensors in `{folder}` do not fit its config: {}{}", list(.problems), if *.more { "\n  and more" } else { "" }, folder = folder.display())]
    Tensors {
        /// The model folder.
        folder: PathBuf,
        /// The problems: missing, unexpected and odd-shaped tensors.
        problems: Vec<TensorProblem>,
        /// Whether the list was cut at its limit.
        more: bool,
    },
}

/// Why a model that can be opened, and so pruned, cannot be run by the forward pass.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotRunnable {
    /// The family has no forward pass.
    #[error(
        "architecture `{architecture}` has no forward pass here, so it can be neither profiled nor evaluated as safetensors; with \
         one: {}\nhint: prune it by `router-gate-l2`, `random` or an importance file made elsewhere",
        names(.with)
    )]
    NoForward {
        /// The architecture.
        architecture: &'static str,
        /// Architectures that have a forward pass.
        with: Vec<&'static str>,
    },
    /// The config asks for something the forward pass does not do.
    #[error("`{path}`: {source}", path = path.display())]
    Config {
        /// The config file.
        path: PathBuf,
        /// What is wrong.
        source: FamilyError,
    },
    /// Tensors do not fit the geometry the config declares; problems are listed together.
    #[error("the tensors in `{folder}` do not fit its config: {}{}", list(.problems), if *.more { "\n  and more" } else { "" }, folder = folder.display())]
    Tensors {
        /// The model folder.
        folder: PathBuf,
        /// The problems: missing, unexpected and odd-shaped tensors.
        problems: Vec<TensorProblem>,
        /// Whether the list was cut at its limit.
        more: bool,
    },
}

fn names(list: &[&str]) -> String {
    list.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn list<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(|item| format!("\n  {item}")).collect()
}
