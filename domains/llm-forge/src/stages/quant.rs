//! `quant`: the model as GGUF files, one a tier, each loaded by llama.cpp and made to generate and to answer before it counts.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use aw_alloy::recipe::Recipe;
use aw_domain::{Context, Estimate, Failure, Inputs, Output, PlanRequest, Problem, Progress, Reads, Stage, TreeEntry, Unit};
use aw_gguf::mix::FileType;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::facts::Facts;
use super::smoke::{Smoke, try_out};
use super::{GGUF, IMPORTANCE, MODEL, config, failed, path, planned_config};
use crate::checkpoint::Checkpoint;
use crate::gguf::{Conversion, GgufError, GgufModel, Importance, MEMORY_BYTES, Naming, architecture_of};
use crate::llama_cpp::Adapter;
use crate::ranking;
use crate::source::label;
use crate::tokenizer::Tokenizer;
use crate::tools::Tools;

/// Configuration of `quant`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct QuantConfig {
    /// Format of the files.
    #[allow(dead_code, reason = "there is one; the schema holds recipes to it")]
    format: QuantFormat,
    /// Tiers, one file each.
    #[schemars(length(min = 1))]
    quant_types: Vec<String>,
    /// The corpus whose importance matrix weighs the columns, by its id in `calibrationCorpora`; profiled with `importanceMatrix: true`.
    importance_matrix: Option<String>,
    /// The model's name in the files and their names; the source's when it is left out.
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,95}$"))]
    model_name: Option<String>,
    /// llama.cpp's name of how the tokenizer splits text, where it cannot be found out.
    pre_tokenizer: Option<String>,
    /// What the files are for, in words.
    #[serde(default)]
    #[allow(dead_code, reason = "the artifact keeps it")]
    device_targets: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum QuantFormat {
    /// llama.cpp's.
    Gguf,
}

impl QuantConfig {
    /// The tiers, or what is wrong with them.
    fn tiers(&self) -> Result<Vec<FileType>, Vec<Problem>> {
        let known: Vec<&'static str> = FileType::all().map(FileType::name).collect();
        let (mut tiers, mut problems) = (Vec::new(), Vec::new());
        for (index, name) in self.quant_types.iter().enumerate() {
            let place = format!("quantTypes[{index}]");
            match FileType::all().find(|tier| tier.name() == name) {
                Some(tier) if tiers.contains(&tier) => {
                    problems.push(Problem::new("repeated", place, format!("`{name}` is made twice")));
                }
                Some(tier) => tiers.push(tier),
                None => problems.push(
                    Problem::new("unknown-tier", place, format!("`{name}` is no tier this program makes"))
                        .suggest(name, known.iter().copied())
                        .hint(format!("those it makes: {}", known.join(", "))),
                ),
            }
        }
        if problems.is_empty() { Ok(tiers) } else { Err(problems) }
    }

    fn naming(&self, source: &str) -> Naming {
        let name = self.model_name.clone().unwrap_or_else(|| label(source));
        Naming { name, pre_tokenizer: self.pre_tokenizer.clone() }
    }
}

/// Writes the tiers.
pub(crate) struct Quant {
    /// Where llama.cpp is.
    pub(crate) tools: Arc<Tools>,
}

/// Memory llama.cpp takes beside the mapped file to load it and answer with a short context, roughly.
const LLAMA_CPP_BYTES: u64 = 512 << 20;
/// How an importance matrix is had.
const GATHER: &str = "set `importanceMatrix: true` on its `expert-activation-profile`, or remove this one";
/// Added to the code version where llama.cpp is linked, which tries less of a tier than its programs.
const LINKED: u32 = 1 << 16;

impl Stage for Quant {
    fn code_version(&self) -> u32 {
        const VERSION: u32 = 2;
        if Adapter::links(&self.tools) { VERSION + LINKED } else { VERSION }
    }

    fn reads(&self, stage: &Value, _: &Recipe) -> Result<Reads, Vec<Problem>> {
        let quant: QuantConfig = config(stage)?;
        quant.tiers()?;
        let mut folders = vec![MODEL.to_owned()];
        folders.extend(quant.importance_matrix.iter().map(|corpus| format!("{IMPORTANCE}/{corpus}")));
        Ok(Reads { folders, ..Reads::default() })
    }

    fn plan(&self, request: &PlanRequest<'_>) -> Result<Estimate, Vec<Problem>> {
        let quant: QuantConfig = config(request.config)?;
        let mut facts = Facts::read(request.facts)?;
        let tiers = quant.tiers()?;
        let mut problems = Vec::new();
        if let Err(error) = Adapter::find(&self.tools) {
            problems.push(problem("llama-cpp-missing", "", &error));
        }
        if let Some(corpus) = &quant.importance_matrix {
            let unmeasured = ranking::check_measured(&facts.measured, corpus, "importanceMatrix");
            let ungathered = !facts.matrices.contains(corpus);
            problems.extend(unmeasured.or_else(|| {
                ungathered.then(|| {
                    let message = format!("the profile of `{corpus}` gathers no importance matrix");
                    Problem::new("no-importance-matrix", "importanceMatrix", message).hint(GATHER)
                })
            }));
        }
        let foreseen = foresee(request.source, &facts, &quant, &tiers);
        problems.extend(foreseen.as_ref().err().map(|error| problem("gguf", "", error)));
        let (true, Ok((sizes, said))) = (problems.is_empty(), foreseen) else { return Err(problems) };
        facts.tiers = tiers.iter().map(|tier| (tier.name().to_owned(), quant.importance_matrix.clone())).collect();
        let bytes_in = facts.weight_bytes() * tiers.len() as u64;
        let bytes_out: u64 = sizes.iter().sum();
        let made = tiers.iter().zip(&sizes).map(|(tier, bytes)| format!("{}: {} bytes", tier.name(), bytes));
        let notes = made.chain(said).collect();
        Ok(Estimate {
            bytes_in,
            bytes_out,
            memory_bytes: (MEMORY_BYTES + (96 << 20)).max(LLAMA_CPP_BYTES),
            seconds: Some(bytes_in as f64 / 2e8 + bytes_out as f64 / 1e9),
            heavy: true,
            notes,
            facts: facts.to_value(),
        })
    }

    fn run(&self, stage: &Value, inputs: &Inputs, context: &mut Context<'_>) -> Result<Output, Failure> {
        let quant: QuantConfig = planned_config(stage)?;
        let tiers = quant.tiers().map_err(|problems| Failure::new("bug", format!("this is a bug: {problems:?}")))?;
        let llama_cpp = Adapter::find(&self.tools).map_err(failed("llama-cpp"))?;
        let folder = &inputs.folders[MODEL];
        let model = Folder::open(folder).map_err(failed("gguf"))?;
        let naming = quant.naming(&inputs.source_label);
        let planned = model.plan(&naming).map_err(failed("gguf"))?;
        let importance = importance(&quant, inputs)?;
        let mut conversions = Vec::with_capacity(tiers.len());
        for tier in tiers {
            conversions.push((tier, planned.conversion(tier).map_err(failed("gguf"))?));
        }
        let all: u64 = conversions.iter().map(|(_, conversion)| conversion.bytes()).sum();
        let tokenizer = Tokenizer::from_file(&folder.join("tokenizer.json"), usize::MAX).ok();
        let (mut writes, mut made, mut before) = (Vec::new(), BTreeMap::new(), 0);
        let clock = std::time::Instant::now();
        for (tier, conversion) in &conversions {
            let file = path(format!("{GGUF}/{}", planned.file_name(*tier)))?;
            let out = context.create(&file).map_err(failed("write"))?;
            let report = |done: u64, _: u64| {
                let doing = format!("writing {}", tier.name());
                context.progress(Progress { doing, done: before + done, total: Some(all), unit: Unit::Bytes });
                if context.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let written = conversion.write(out, importance.as_ref(), context.threads(), &report);
            context.check_cancelled()?;
            let entry = written.map_err(failed("gguf"))?.finish().map_err(failed("write"))?;
            before += entry.bytes;
            let smoke = try_out(&llama_cpp, &context.out().join(&entry.path), *tier, tokenizer.as_ref(), context)?;
            made.insert(tier.name(), tier_record(&entry, conversion, planned.parameters(), &smoke));
            writes.push(entry);
        }
        let version = llama_cpp.version().map_err(failed("llama-cpp"))?;
        Ok(Output {
            replaces: vec![GGUF.into()],
            writes,
            // Without a `tokenizer.json` there is nothing to hold llama.cpp's tokens against.
            measurements: json!({
                "tool": crate::TOOL,
                "tiers": made,
                "tokensCompared": tokenizer.is_some(),
                "notes": planned.notes(),
            }),
            observations: json!({"seconds": clock.elapsed().as_secs_f64(), "llamaCpp": version}),
            ..Output::default()
        })
    }
}

fn problem(code: &'static str, at: &str, error: &dyn std::error::Error) -> Problem {
    let text = error.to_string();
    match text.split_once("\nhint: ") {
        Some((message, hint)) => Problem::new(code, at, message).hint(hint),
        None => Problem::new(code, at, text),
    }
}

/// A model folder as far as a conversion needs it: no forward pass.
struct Folder<'a> {
    folder: &'a Path,
    config: Value,
    checkpoint: Checkpoint,
}

impl<'a> Folder<'a> {
    fn open(folder: &'a Path) -> Result<Self, GgufError> {
        let path = folder.join("config.json");
        let failed = |source| GgufError::Read { path: path.clone(), source };
        let text = std::fs::read(&path).map_err(failed)?;
        let config: Value = serde_json::from_slice(&text).map_err(|error| failed(error.into()))?;
        Ok(Self { folder, config, checkpoint: Checkpoint::open(folder)? })
    }

    fn plan(&self, naming: &Naming) -> Result<GgufModel<'_>, GgufError> {
        GgufModel::plan(self.folder, &self.config, &self.checkpoint, architecture_of(&self.config), naming)
    }
}

/// Bytes of each tier, to the byte but for the names of what is not known yet, and what there is to say of the files: the source's with
/// as many experts as remain.
fn foresee(source: &Path, facts: &Facts, quant: &QuantConfig, tiers: &[FileType]) -> Result<(Vec<u64>, Vec<String>), GgufError> {
    let source = Folder::open(source)?;
    let planned = source.plan(&quant.naming("model"))?.with_experts(facts.experts as u64);
    let sizes =
        tiers.iter().map(|tier| planned.conversion(*tier).map(|conversion| conversion.bytes())).collect::<Result<_, _>>()?;
    Ok((sizes, planned.notes().to_vec()))
}

fn importance(quant: &QuantConfig, inputs: &Inputs) -> Result<Option<Importance>, Failure> {
    let Some(corpus) = &quant.importance_matrix else { return Ok(None) };
    let file = inputs.folders[&format!("{IMPORTANCE}/{corpus}")].join("imatrix.gguf");
    if !file.is_file() {
        let message = format!("the profile of `{corpus}` gathered no importance matrix");
        return Err(Failure::new("importance-matrix", message).with_hint(GATHER));
    }
    Importance::open(&file).map(Some).map_err(failed("importance-matrix"))
}

/// Memory devices are sold with, in GB.
const DEVICES_GB: [u32; 16] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 80, 96, 128, 192];

/// What a tier came to. A device fits it that has a sixth more memory than the file takes, for the context and buffers.
fn tier_record(entry: &TreeEntry, conversion: &Conversion<'_>, parameters: u64, smoke: &Smoke) -> Value {
    let gigabytes = entry.bytes as f64 / 1e9;
    let fits = DEVICES_GB.into_iter().find(|device| gigabytes * 7.0 / 6.0 <= f64::from(*device));
    let mut types: BTreeMap<&'static str, u64> = BTreeMap::new();
    for (_, tensor_type) in conversion.types() {
        *types.entry(tensor_type.name()).or_default() += 1;
    }
    json!({
        "file": entry.path,
        "bytes": entry.bytes,
        "sha256": entry.digest,
        "sizeGb": super::prune::round(gigabytes, 3),
        "fitsVramGb": fits,
        "bitsPerWeight": super::prune::round(entry.bytes as f64 * 8.0 / parameters.max(1) as f64, 3),
        "tensorTypes": types,
        "smoke": smoke,
    })
}
