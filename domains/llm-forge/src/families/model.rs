//! A model folder: config, family, experts and checkpoint, held against each other.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use aw_alloy::text::{Limits, json};
use serde_json::Value;

use super::{
    ConfigProblem, ExpertGeometry, FAMILIES, Family, FamilyError, Forward, Found, Geometry, ModelError, NotRunnable, Rule, check,
    find,
};
use crate::checkpoint::{Checkpoint, TensorInfo};

/// Longest `config.json` accepted, in bytes.
pub const MAX_CONFIG_BYTES: u64 = 4 << 20;

/// A model folder whose experts are exactly those its config declares.
///
/// That is what a prune needs. Whether the forward pass can run it too, [`Model::runnable`] says.
#[derive(Debug)]
pub struct Model {
    /// Where it is.
    pub folder: PathBuf,
    /// Its weights, by their headers.
    pub checkpoint: Checkpoint,
    /// Its family.
    pub family: &'static dyn Family,
    /// Its layers and their experts.
    pub experts: ExpertGeometry,
    /// The config.
    pub config: Value,
    /// The config as it is written.
    pub config_text: String,
    geometry: Result<Geometry, NotRunnable>,
}

/// A model the forward pass can run: its tensors are exactly those of its geometry.
#[derive(Clone, Copy, Debug)]
pub struct Runnable<'m> {
    /// The weights.
    pub checkpoint: &'m Checkpoint,
    /// What the config declares.
    pub geometry: &'m Geometry,
    /// What the tensors are.
    pub forward: &'static dyn Forward,
}

impl Model {
    /// Opens a model folder of a registered family, reading its config, its index and its headers.
    ///
    /// # Errors
    /// When the config cannot be read, declares another architecture than `declared` or an unknown one, or when the checkpoint's
    /// expert tensors are not exactly those of the config. See [`ModelError`].
    pub fn open(folder: &Path, declared: Option<&str>) -> Result<Self, ModelError> {
        Self::open_among(&FAMILIES, folder, declared)
    }

    /// Opens a model folder of one of `families`.
    ///
    /// # Errors
    /// As [`Model::open`].
    pub fn open_among(families: &[&'static dyn Family], folder: &Path, declared: Option<&str>) -> Result<Self, ModelError> {
        let path = folder.join("config.json");
        let config_text = read_config(&path)?;
        let config = parse_config(&config_text, &path)?;
        let family = choose(families, &config, &path, declared)?;
        let refused = |source| ModelError::Family { path: path.clone(), source };
        let mut experts = family.experts(&config).map_err(refused)?;
        let checkpoint = Checkpoint::open(folder)?;
        check::extend_by_next_token_layers(&checkpoint, family, &mut experts);
        let problems = check::experts(&checkpoint, family, &experts);
        if let Some((problems, more)) = check::cut(problems) {
            return Err(ModelError::Tensors { folder: folder.to_owned(), problems, more });
        }
        let geometry = geometry((families, family), folder, &config, &experts, &checkpoint);
        Ok(Self { folder: folder.to_owned(), checkpoint, family, experts, config, config_text, geometry })
    }

    /// Says whether the forward pass can run the model.
    ///
    /// # Errors
    /// When its family has no forward pass, its config asks for something the forward pass does not do, or its tensors are not
    /// exactly those of the geometry.
    pub fn runnable(&self) -> Result<Runnable<'_>, NotRunnable> {
        let geometry = self.geometry.as_ref().map_err(Clone::clone)?;
        let forward = self.family.forward().expect("a geometry was read by the family's forward pass");
        Ok(Runnable { checkpoint: &self.checkpoint, geometry, forward })
    }

    /// Says what the family's layout makes of a tensor.
    #[must_use]
    pub fn find(&self, tensor: &str) -> Found {
        self.family.layout().find(tensor, self.experts.layers, self.experts.next_token_layers)
    }

    /// Returns the rule of a tensor that belongs to a layer with experts.
    #[must_use]
    pub fn rule(&self, tensor: &str) -> Option<&'static Rule> {
        match self.find(tensor) {
            Found::Rule { layer, rule, .. } if self.experts.sparse.get(layer) == Some(&true) => Some(rule),
            _ => None,
        }
    }

    /// Returns the router of a layer with experts.
    #[must_use]
    pub fn router(&self, layer: usize) -> Option<&TensorInfo> {
        let layout = self.family.layout();
        let name = check::name(&self.checkpoint, layout, &self.experts, layer, layout.router()?, 0);
        self.checkpoint.get(&name)
    }

    /// Returns how many parameters a tensor holds.
    #[must_use]
    pub fn parameters(&self, tensor: &TensorInfo) -> u64 {
        let elements = tensor.len / tensor.dtype.size_bytes() as u64;
        elements * self.rule(&tensor.name).map_or(1, |rule| rule.parameters)
    }

    /// Returns the size of the vocabulary, where the config declares one.
    #[must_use]
    pub fn vocab(&self) -> Option<usize> {
        let text = self.config.get("text_config").and_then(|text| text.get("vocab_size"));
        text.or_else(|| self.config.get("vocab_size")).and_then(Value::as_u64).and_then(|vocab| usize::try_from(vocab).ok())
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

/// Finds the family by the config's `model_type`, or, for a model of several parts, by that of its text model.
fn choose(
    families: &[&'static dyn Family],
    config: &Value,
    path: &Path,
    declared: Option<&str>,
) -> Result<&'static dyn Family, ModelError> {
    let whole = model_type(config, path)?;
    let text = config.get("text_config").and_then(|text| text.get("model_type")).and_then(Value::as_str);
    let known = |name: &&str| find(families, name).is_ok();
    let found = [Some(whole), text].into_iter().flatten().find(known).unwrap_or(whole);
    if let Some(declared) = declared.filter(|declared| *declared != found) {
        return Err(ModelError::WrongArchitecture {
            path: path.to_owned(),
            declared: declared.to_owned(),
            found: found.to_owned(),
        });
    }
    find(families, found).map_err(|source| ModelError::Family { path: path.to_owned(), source })
}

fn model_type<'a>(config: &'a Value, path: &Path) -> Result<&'a str, ModelError> {
    let value = config.get("model_type");
    value.and_then(Value::as_str).ok_or_else(|| {
        let got = value.map_or("nothing".to_owned(), |value| format!("`{value}`"));
        ModelError::NoModelType { path: path.to_owned(), got }
    })
}

/// Says whether what the forward pass read is what the prune read: kept experts of the one are masked in the other.
fn agree(geometry: &Geometry, experts: &ExpertGeometry) -> bool {
    let (layers, sparse) = (experts.layers, &experts.sparse);
    (geometry.layers, geometry.hidden, geometry.experts, geometry.top_k)
        == (layers, experts.hidden, experts.experts, experts.top_k)
        && sparse.get(..layers) == Some(geometry.sparse.as_slice())
}

/// Reads the geometry of the forward pass and holds every tensor against it.
fn geometry(
    (families, family): (&[&'static dyn Family], &'static dyn Family),
    folder: &Path,
    config: &Value,
    experts: &ExpertGeometry,
    checkpoint: &Checkpoint,
) -> Result<Geometry, NotRunnable> {
    let Some(forward) = family.forward() else {
        let with = families.iter().filter(|family| family.forward().is_some()).map(|family| family.architecture()).collect();
        return Err(NotRunnable::NoForward { architecture: family.architecture(), with });
    };
    let refused = |source: FamilyError| NotRunnable::Config { path: folder.join("config.json"), source };
    let geometry = forward.geometry(config).map_err(refused)?;
    if !agree(&geometry, experts) {
        let problem = ConfigProblem::Unsupported {
            field: "text_config".to_owned(),
            got: "other layers or experts than at the top level".to_owned(),
            supported: "one description of the decoder".to_owned(),
        };
        return Err(refused(FamilyError::Config { architecture: family.architecture(), problems: vec![problem] }));
    }
    match check::cut(check::all(checkpoint, forward, &geometry)) {
        None => Ok(geometry),
        Some((problems, more)) => Err(NotRunnable::Tensors { folder: folder.to_owned(), problems, more }),
    }
}
