//! The base's tier, made as the forged model's was: of the same types, and weighed by an importance matrix where that one was.

use std::fs::File;
use std::io::BufReader;
use std::ops::ControlFlow;

use aw_alloy::recipe::Recipe;
use aw_domain::{Context, Failure, FileInput, Inputs, Problem, Progress, Unit};
use aw_gguf::Limits;
use aw_gguf::imatrix::ImportanceMatrix;

use super::EvalConfig;
use crate::corpus::Corpus;
use crate::families::Model;
use crate::forward::Options;
use crate::forward::kernels::Precision;
use crate::gguf::Importance;
use crate::profile::{Pass, Settings, measure};
use crate::stages::facts::Facts;
use crate::stages::profile::IMATRIX;
use crate::stages::{IMPORTANCE, corpora, failed};
use crate::tokenizer::Tokenizer;

/// The folder of the tree that says how the forged model's matrix was made.
pub(super) fn folder(corpus: &str) -> String {
    format!("{IMPORTANCE}/{corpus}")
}

/// The corpus the base is calibrated on. Its name differs from an evaluation corpus's of the same id.
pub(super) fn corpus(recipe: &Recipe, id: &str) -> Result<FileInput, Problem> {
    let file = corpora::find(recipe, corpora::CALIBRATION, id, "importanceMatrix")?;
    Ok(FileInput { name: name(id), ..file })
}

fn name(id: &str) -> String {
    format!("calibration/{id}")
}

/// What stands against measuring the base's tier beside the forged model's.
pub(super) fn problems(eval: &EvalConfig, facts: &Facts) -> Vec<Problem> {
    let Some(tier) = &eval.tier else { return Vec::new() };
    let Some(made_with) = facts.tiers.get(tier) else {
        let made: Vec<&str> = facts.tiers.keys().map(String::as_str).collect();
        let problem =
            Problem::new("tier-missing", "tier", format!("no `quant` stage before this one makes {tier} of this model"));
        return vec![match made.is_empty() {
            true => problem.hint(format!("put a `quant` stage with `quantTypes: [{tier}]` before it")),
            false => problem.hint(format!("those that are made: {}", made.join(", "))),
        }];
    };
    let problem = |message: String, hint: String| vec![Problem::new("unlike-base", "importanceMatrix", message).hint(hint)];
    match (made_with, &eval.importance_matrix) {
        _ if !eval.compare_to_base => Vec::new(),
        (made_with, stated) if made_with == stated => Vec::new(),
        (Some(corpus), _) => problem(
            format!(
                "{tier} is made with the importance matrix of `{corpus}`; the base has to be made with one of the same corpus"
            ),
            format!("set `importanceMatrix: {corpus}`; the base is then calibrated as the forged model was"),
        ),
        (None, _) => problem(
            format!("{tier} is made without an importance matrix, and so has the base to be"),
            "remove `importanceMatrix`, or set it in the `quant` stage too".to_owned(),
        ),
    }
}

/// Bytes that calibrating the base takes beside a forward pass.
pub(super) fn memory_bytes(facts: &Facts) -> u64 {
    let columns = (facts.layers * facts.source_experts * 3 * facts.hidden) as u64;
    columns * 16 + (Options::WAVE_TOKENS * facts.hidden * size_of::<f32>() * 8) as u64
}

/// Calibrates the base on the corpus the forged model's matrix is of, on as many examples of the same length, in f32.
pub(super) fn importance(
    base: &Model,
    tokenizer: &Tokenizer,
    id: &str,
    inputs: &Inputs,
    context: &Context<'_>,
) -> Result<Importance, Failure> {
    let made = inputs.folders[&folder(id)].join(IMATRIX);
    let open = |path| File::open(path).and_then(|file| file.metadata().map(|found| (file, found.len())));
    let (file, bytes) = match open(&made) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let message = format!("the profile of `{id}` gathered no importance matrix");
            return Err(Failure::new("importance-matrix", message)
                .with_hint("set `importanceMatrix: true` on its `expert-activation-profile`"));
        }
        opened => opened.map_err(failed("read"))?,
    };
    let made = ImportanceMatrix::read(BufReader::new(file), bytes, Limits::default()).map_err(failed("importance-matrix"))?;
    let settings = Settings {
        max_length: made.chunk_size as usize,
        max_examples: Some(made.chunk_count.into()),
        pass: Pass { inputs: true, precision: Precision::F32 },
    };
    let corpus = Corpus::open(&inputs.files[&name(id)]).map_err(failed("corpus"))?;
    let report = |done: u64, total: u64| {
        context.progress(Progress {
            doing: format!("calibrating `base` on `{id}`"),
            done,
            total: Some(total),
            unit: Unit::Steps,
        });
        if context.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let profile = measure(base, &corpus, tokenizer, settings, Options::with_threads(context.threads()), &report);
    context.check_cancelled()?;
    let profile = profile.map_err(failed("profile"))?;
    let squares = profile.inputs.ok_or_else(|| Failure::new("bug", "this is a bug: the pass watched no inputs"))?;
    let matrix = squares.to_matrix(corpus.label(), profile.examples, settings.max_length).map_err(failed("importance-matrix"))?;
    let path = context.scratch().join("base-imatrix.gguf");
    let out = File::create(&path).map_err(failed("write"))?;
    matrix.write(out).map_err(failed("importance-matrix"))?;
    Importance::open(&path).map_err(failed("importance-matrix"))
}
