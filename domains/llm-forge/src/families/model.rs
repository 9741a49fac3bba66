//! A model folder: config, family, geometry and checkpoint, held against each other.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use aw_alloy::text::{Limits, json};
use serde_json::Value;

use super::{Family, Geometry, ModelError, TensorProblem, family};
use crate::checkpoint::Checkpoint;

/// Longest `config.json` accepted, in bytes.
pub const MAX_CONFIG_BYTES: u64 = 4 << 20;

/// Most problems listed by [`ModelError::Tensors`].
const MAX_PROBLEMS: usize = 24;

/// A model folder whose tensors are exactly those its config declares.
#[derive(Debug)]
pub struct Model {
    /// Where it is.
    pub folder: PathBuf,
    /// Its weights, by their headers.
    pub checkpoint: Checkpoint,
    /// Its family.
    pub family: &'static dyn Family,
    /// What the config declares.
    pub geometry: Geometry,
    /// The config.
    pub config: Value,
    /// The config as it is written.
    pub config_text: String,
}

impl Model {
    /// Opens a model folder, reading its config, its index and its headers.
    ///
    /// # Errors
    /// When the config cannot be read, declares another architecture than `declared`, an unknown one or unsupported
    /// features, or when the checkpoint's tensors are not exactly those of the geometry. See [`ModelError`].
    pub fn open(folder: &Path, declared: Option<&str>) -> Result<Self, ModelError> {
        let path = folder.join("config.json");
        let config_text = read_config(&path)?;
        let config = parse_config(&config_text, &path)?;
        let found = model_type(&config, &path)?;
        if let Some(declared) = declared.filter(|declared| *declared != found) {
            return Err(ModelError::WrongArchitecture { path, declared: declared.to_owned(), found: found.to_owned() });
        }
        let refused = |source| ModelError::Family { path: path.clone(), source };
        let family = family(found).map_err(refused)?;
        let geometry = family.geometry(&config).map_err(refused)?;
        let checkpoint = Checkpoint::open(folder)?;
        check_tensors(folder, &checkpoint, family, &geometry)?;
        Ok(Self { folder: folder.to_owned(), checkpoint, family, geometry, config, config_text })
    }
}

fn read_config(path: &Path) -> Result<String, ModelError> {
    let failed = |source| ModelError::ConfigIo { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    if bytes > MAX_CONFIG_BYTES {
        return Err(ModelError::ConfigTooLong { path: path.to_owned(), bytes, limit: MAX_CONFIG_BYTES });
    }
    let mut text = String::new();
    file.by_ref().take(MAX_CONFIG_BYTES).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

fn parse_config(text: &str, path: &Path) -> Result<Value, ModelError> {
    let refused = |source| ModelError::ConfigSyntax { path: path.to_owned(), source };
    let node = json::parse(text.as_bytes(), &Limits::DOCUMENT).map_err(refused)?;
    Ok(node.to_serde())
}

fn model_type<'a>(config: &'a Value, path: &Path) -> Result<&'a str, ModelError> {
    let value = config.get("model_type");
    value.and_then(Value::as_str).ok_or_else(|| {
        let got = value.map_or("nothing".to_owned(), |value| format!("`{value}`"));
        ModelError::NoModelType { path: path.to_owned(), got }
    })
}

/// Holds every tensor against the geometry, both ways, and reports all that does not fit.
fn check_tensors(folder: &Path, checkpoint: &Checkpoint, family: &dyn Family, geometry: &Geometry) -> Result<(), ModelError> {
    let odd = checkpoint.tensors().iter().filter_map(|tensor| {
        let Some(expected) = family.role(&tensor.name).and_then(|role| geometry.shape(&role)) else {
            return Some(TensorProblem::Unexpected { tensor: tensor.name.clone() });
        };
        if expected != tensor.shape {
            let (tensor, got) = (tensor.name.clone(), tensor.shape.clone());
            return Some(TensorProblem::Shape { tensor, expected, got });
        }
        (!tensor.dtype.widens()).then(|| TensorProblem::Dtype { tensor: tensor.name.clone(), got: tensor.dtype })
    });
    let missing = geometry.roles().filter_map(|role| {
        let tensor = family.tensor_name(&role);
        let shape = checkpoint.get(&tensor).is_none().then(|| geometry.shape(&role))??;
        Some(TensorProblem::Missing { tensor, shape })
    });
    // One above the limit tells a full list from a cut one, and ends the walk: a hostile config could declare a hundred
    // million tensors.
    let mut problems: Vec<TensorProblem> = missing.take(MAX_PROBLEMS + 1).collect();
    problems.extend(odd.take(MAX_PROBLEMS + 1));
    if problems.is_empty() {
        return Ok(());
    }
    let more = problems.len() > MAX_PROBLEMS;
    problems.truncate(MAX_PROBLEMS);
    Err(ModelError::Tensors { folder: folder.to_owned(), problems, more })
}
