//! Finds a recipe's model and says what stages may want to know of it, reading configs and headers only.
//!
//! A source with a `revision` is a model on the Hugging Face Hub; one without is a folder, relative to the recipe. Neither is ever taken
//! for the other: whether a folder of that name happens to exist changes nothing.

#[cfg(feature = "hub")]
pub(crate) mod hub;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use aw_alloy::digest::TreeRoot;
use aw_domain::{Problem, Source, SourceRequest, TreePath};

use crate::checkpoint::INDEX_FILE;
use crate::families::{Model, ModelError, Part, family};
use crate::prune::{PrunePlan, companion_files};
use crate::stages::MODEL;
use crate::stages::facts::Facts;
use crate::tokenizer::Tokenizer;

/// What reaches the Hub.
#[cfg(feature = "hub")]
pub(crate) type HubAccess<'a> = Option<&'a hub::Access>;
/// What would reach the Hub, in a build that cannot.
#[cfg(not(feature = "hub"))]
pub(crate) type HubAccess<'a> = Option<&'a std::convert::Infallible>;

/// Finds the source.
pub(crate) fn find(request: &SourceRequest<'_>, hub: HubAccess<'_>) -> Result<Source, Vec<Problem>> {
    let stated = &request.recipe.root().source;
    if let Some(revision) = &stated.revision {
        return match hub {
            #[cfg(feature = "hub")]
            Some(access) => hub::find(request, revision, access),
            #[cfg(not(feature = "hub"))]
            Some(never) => match *never {},
            None => {
                let message = format!("revision `{revision}` names a model on the Hub, which this program was built without");
                let hint = "download it and leave `revision` out, or use a build with the feature `hub`";
                Err(vec![Problem::new("source-unsupported", "source.revision", message).hint(hint)])
            }
        };
    }
    let folder = request.recipe_folder.join(&stated.base_model);
    if !folder.is_dir() {
        let message = format!("`{}` is not a folder", folder.display());
        let hint = "give the path of a folder with `config.json` and safetensors, relative to the recipe; for a model on the Hub add \
                    `revision` with its commit (`revision: main` is refused with the commit to write)";
        return Err(vec![Problem::new("source-missing", "source.baseModel", message).hint(hint)]);
    }
    let Looked { files, pinned_root, facts } = look(request, &folder)?;
    Ok(Source { folder, files, placed_under: MODEL, pinned_root, facts, remote: None })
}

/// What a look at a model folder gives.
struct Looked {
    files: Vec<TreePath>,
    pinned_root: Option<TreeRoot>,
    facts: serde_json::Value,
}

/// Opens a model folder and holds it against what the recipe says.
fn look(request: &SourceRequest<'_>, folder: &Path) -> Result<Looked, Vec<Problem>> {
    let stated = &request.recipe.root().source;
    family(&stated.architecture).map_err(|error| vec![problem("unknown-family", "source.architecture", &error)])?;
    let model = Model::open(folder, Some(&stated.architecture)).map_err(|error| {
        let path = if matches!(error, ModelError::WrongArchitecture { .. }) { "source.architecture" } else { "source.baseModel" };
        vec![problem("source-refused", path, &error)]
    })?;
    let mut problems = check_statements(request, &model);
    let pinned_root = pinned(request, &mut problems);
    let files = files(&model).map_err(|problem| vec![problem])?;
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Looked { files, pinned_root, facts: facts(&model).to_value() })
}

/// Turns a library error into a problem; its remedy, where it has one, stands on a line of its own.
fn problem(code: &'static str, path: &str, error: &dyn std::error::Error) -> Problem {
    let text = error.to_string();
    match text.split_once("\nhint: ") {
        Some((message, hint)) => Problem::new(code, path, message).hint(hint),
        None => Problem::new(code, path, text),
    }
}

/// What the recipe says of the model must be so.
fn check_statements(request: &SourceRequest<'_>, model: &Model) -> Vec<Problem> {
    let more = &request.recipe.root().source.more;
    let mut problems = Vec::new();
    let mut number = |field: &str, found: usize| {
        if let Some(stated) = more.get(field).filter(|stated| stated.as_u64() != Some(found as u64)) {
            let message = format!("the recipe says {stated}, the model has {found}");
            problems.push(Problem::new("source-differs", format!("source.{field}"), message));
        }
    };
    number("totalExperts", model.experts.experts);
    number("numExpertsPerLayer", model.experts.experts);
    number("numActivatedExperts", model.experts.top_k);
    number("numLayers", model.experts.layers);
    if more.get("isMoE") == Some(&serde_json::Value::Bool(false)) {
        problems.push(Problem::new("source-differs", "source.isMoE", "the recipe says `false`, the model routes to experts"));
    }
    let known = [
        "totalExperts",
        "numExpertsPerLayer",
        "numActivatedExperts",
        "numLayers",
        "isMoE",
        "root",
        "contextLength",
        "license",
        "totalParamsB",
        "activeParamsB",
    ];
    for name in more.keys().filter(|name| !known.contains(&name.as_str())) {
        problems.push(
            Problem::new("field/unknown", format!("source.{name}"), format!("unknown field `{name}`")).suggest(name, known),
        );
    }
    problems
}

fn pinned(request: &SourceRequest<'_>, problems: &mut Vec<Problem>) -> Option<TreeRoot> {
    let stated = request.recipe.root().source.more.get("root")?;
    match stated.as_str().map(str::parse) {
        Some(Ok(root)) => Some(root),
        Some(Err(error)) => {
            problems.push(Problem::new("source-root", "source.root", format!("the pinned root is not a digest: {error}")));
            None
        }
        None => {
            problems.push(Problem::new("source-root", "source.root", "the pinned root is not a string"));
            None
        }
    }
}

/// The files that are part of the model: weights, index, config and what goes along with them.
fn files(model: &Model) -> Result<Vec<TreePath>, Problem> {
    let mut names: BTreeSet<String> = model.checkpoint.shards().iter().map(|shard| shard.name.clone()).collect();
    names.insert("config.json".into());
    if model.folder.join(INDEX_FILE).is_file() {
        names.insert(INDEX_FILE.into());
    }
    let beside = companion_files(model).map_err(|error| problem("source-refused", "source.baseModel", &error))?;
    names.extend(beside);
    let path = |name: String| TreePath::new(name).map_err(|error| problem("source-refused", "source.baseModel", &error));
    names.into_iter().map(path).collect()
}

fn facts(model: &Model) -> Facts {
    let experts = &model.experts;
    let (mut expert_bytes, mut other_bytes) = (0, 0);
    for tensor in model.checkpoint.tensors() {
        let sliced = model.rule(&tensor.name).is_some_and(|rule| rule.part != Part::Shared);
        *(if sliced { &mut expert_bytes } else { &mut other_bytes }) += tensor.len;
    }
    let runnable = model.runnable();
    Facts {
        architecture: model.family.architecture().into(),
        layout: model.family.layout().id.into(),
        layers: experts.layers,
        sparse_layers: experts.sparse_layers().count(),
        unmeasured_layers: experts.sparse_layers().filter(|layer| *layer >= experts.layers).collect(),
        hidden: experts.hidden,
        vocab: model.vocab().unwrap_or_default(),
        max_positions: runnable.as_ref().map(|model| model.geometry.max_positions).unwrap_or_default(),
        experts: experts.experts,
        source_experts: experts.experts,
        top_k: experts.top_k,
        groups: experts.groups,
        expert_bytes,
        other_bytes,
        active_parameters: PrunePlan::active_parameters(model),
        forward_problem: runnable.err().map(|error| error.to_string()),
        tokenizer_problem: tokenizer_problem(model),
        measured: BTreeSet::new(),
        matrices: BTreeSet::new(),
        source_measured: BTreeSet::new(),
        tiers: BTreeMap::new(),
    }
}

fn tokenizer_problem(model: &Model) -> Option<String> {
    Tokenizer::open(model).err().map(|error| error.to_string())
}

/// The label of a source in files people read: the last part of its path, never a machine path.
pub(crate) fn label(stated: &str) -> String {
    let name = Path::new(stated).file_name().map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| stated.to_owned())
}
