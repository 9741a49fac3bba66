//! Finds a recipe's model on disk and says what stages may want to know of it, reading configs and headers only.

use std::collections::BTreeSet;
use std::path::Path;

use aw_alloy::digest::TreeRoot;
use aw_domain::{Problem, Source, SourceRequest, TreePath};

use crate::checkpoint::INDEX_FILE;
use crate::families::{Model, ModelError, Part, family};
use crate::prune::{PrunePlan, companion_files};
use crate::stages::MODEL;
use crate::stages::facts::Facts;
use crate::tokenizer::Tokenizer;

/// Finds the source.
pub(crate) fn find(request: &SourceRequest<'_>) -> Result<Source, Vec<Problem>> {
    let stated = &request.recipe.root().source;
    let folder = request.recipe_folder.join(&stated.base_model);
    if !folder.is_dir() {
        let message = format!("`{}` is not a folder: models are read from disk, nothing is downloaded", folder.display());
        let hint = "give the path of a folder with `config.json` and safetensors, relative to the recipe";
        return Err(vec![Problem::new("source-missing", "source.baseModel", message).hint(hint)]);
    }
    family(&stated.architecture).map_err(|error| vec![problem("unknown-family", "source.architecture", &error)])?;
    let model = Model::open(&folder, Some(&stated.architecture)).map_err(|error| {
        let path = if matches!(error, ModelError::WrongArchitecture { .. }) { "source.architecture" } else { "source.baseModel" };
        vec![problem("source-refused", path, &error)]
    })?;
    let mut problems = check_statements(request, &model);
    let pinned_root = pinned(request, &mut problems);
    let files = files(&model).map_err(|problem| vec![problem])?;
    if !problems.is_empty() {
        return Err(problems);
    }
    let facts = facts(&model).to_value();
    Ok(Source { folder, files, placed_under: MODEL, pinned_root, facts })
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
        source_measured: BTreeSet::new(),
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
