//! Measuring GGUF files through llama.cpp: the very file that ships, and the base made into the same tier.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aw_domain::{Context, Failure, Progress, Unit};
use aw_gguf::mix::FileType;
use serde_json::{Value, json};

use super::{BASE, FORGED};
use crate::checkpoint::Checkpoint;
use crate::evaluation::humaneval;
use crate::families::Model;
use crate::gguf::{GgufError, GgufModel, Importance, Naming};
use crate::llama_cpp::{Adapter, LlamaCppError, Loaded, ServerSettings, TextSettings};
use crate::stages::failed;
use crate::tools::Tools;

/// How long one measurement of a text may take.
const LIMIT: Duration = Duration::from_secs(24 * 3600);
/// Tokens of a chunk of a text for the divergence, at most: what llama.cpp's own figures are measured at.
const CHUNK: usize = 512;
/// Fewest scored tokens llama.cpp makes statistics of.
const SCORED_MIN: usize = 100;

/// The files of one tier and the program that runs them.
pub(super) struct Served {
    llama_cpp: Adapter,
    files: BTreeMap<&'static str, PathBuf>,
}

/// The tier of this name.
pub(super) fn tier(name: &str) -> Option<FileType> {
    FileType::all().find(|tier| tier.name() == name)
}

impl Served {
    /// Finds the forged model's file of a tier in the tree and makes the base's into `scratch`, by the same conversion
    /// with the importance matrix given.
    pub(super) fn new(
        tools: &Tools,
        tier: FileType,
        gguf: &Path,
        base: Option<(&Model, Naming, Option<&Importance>)>,
        context: &Context<'_>,
    ) -> Result<Served, Failure> {
        let llama_cpp = Adapter::find(tools).map_err(failed("llama-cpp"))?;
        let ending = format!("-{}.gguf", tier.name());
        let mut found = Vec::new();
        for entry in std::fs::read_dir(gguf).map_err(failed("read"))? {
            let path = entry.map_err(failed("read"))?.path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(&ending)) {
                found.push(path);
            }
        }
        let [forged] = found.as_slice() else {
            let message = format!("expected one file of tier {} in the tree, got {}", tier.name(), found.len());
            return Err(Failure::new("tier", message).with_hint("make it with a `quant` stage before this one"));
        };
        let mut files = BTreeMap::from([(FORGED, forged.clone())]);
        if let Some((base, naming, importance)) = base {
            let path = context.scratch().join(format!("base{ending}"));
            convert(base, tier, &path, (&naming, importance), context)?;
            files.insert(BASE, path);
        }
        Ok(Served { llama_cpp, files })
    }

    /// Which llama.cpp it is.
    pub(super) fn version(&self) -> Result<Value, Failure> {
        Ok(json!(self.llama_cpp.version().map_err(failed("llama-cpp"))?))
    }

    fn file(&self, variant: &str) -> Result<&Path, Failure> {
        let file = self.files.get(variant).map(PathBuf::as_path);
        file.ok_or_else(|| Failure::new("bug", format!("this is a bug: there is no file of `{variant}`")))
    }

    /// Serves a variant while `work` asks.
    fn serve<T>(
        &self,
        variant: &str,
        tokens: usize,
        context: &Context<'_>,
        work: impl FnOnce(&mut Loaded<'_, '_>) -> Result<T, LlamaCppError>,
    ) -> Result<T, Failure> {
        let cancelled = || context.is_cancelled();
        // One more than the longest, since a likelihood is read by generating a token.
        let settings = ServerSettings::new(tokens.max(64) + 8, context.threads());
        let served = self.llama_cpp.with(self.file(variant)?, &settings, &cancelled, work);
        context.check_cancelled()?;
        served.map_err(failed("llama-cpp"))
    }

    /// The summed log-likelihood, in nats, of each item's tokens from its place on.
    pub(super) fn likelihoods(
        &self,
        variant: &str,
        items: &[(Vec<u32>, usize)],
        context: &Context<'_>,
        report: &dyn Fn(u64, u64) -> ControlFlow<()>,
    ) -> Result<Vec<f64>, Failure> {
        let longest = items.iter().map(|(tokens, _)| tokens.len()).max().unwrap_or_default();
        self.serve(variant, longest, context, |loaded| {
            let mut found = Vec::with_capacity(items.len());
            for (tokens, from) in items {
                if report(found.len() as u64, items.len() as u64).is_break() {
                    return Err(LlamaCppError::Cancelled);
                }
                let likelihoods = loaded.log_likelihood(&tokens[..*from], &tokens[*from..])?;
                found.push(likelihoods.iter().map(|token| token.log_probability).sum());
            }
            Ok(found)
        })
    }

    /// What a variant writes to each prompt, cut where a function ends.
    pub(super) fn completions(
        &self,
        variant: &str,
        prompts: &[Vec<u32>],
        max_tokens: usize,
        context: &Context<'_>,
        report: &dyn Fn(u64, u64) -> ControlFlow<()>,
    ) -> Result<Vec<String>, Failure> {
        let longest = prompts.iter().map(Vec::len).max().unwrap_or_default() + max_tokens;
        self.serve(variant, longest, context, |loaded| {
            let mut found = Vec::with_capacity(prompts.len());
            for prompt in prompts {
                if report(found.len() as u64, prompts.len() as u64).is_break() {
                    return Err(LlamaCppError::Cancelled);
                }
                let completion = loaded.complete_tokens(prompt, max_tokens, &humaneval::STOP)?;
                found.push(humaneval::cut(&completion.text, &humaneval::STOP).to_owned());
            }
            Ok(found)
        })
    }

    /// How far a variant's predictions on a text are from the base's, as llama.cpp measures it: mean, and all it says. `tokens` is how
    /// many the text has.
    pub(super) fn divergence(
        &self,
        variant: &str,
        (text, tokens): (&str, usize),
        max_length: usize,
        context: &Context<'_>,
    ) -> Result<(f64, Value), Failure> {
        let settings = TextSettings {
            context: max_length.min(CHUNK),
            chunks: None,
            threads: context.threads(),
            gpu_layers: 0,
            limit: LIMIT,
        };
        let chunks = tokens / settings.context;
        let scored = chunks * (settings.context - 1 - settings.context / 2);
        if chunks < 2 || scored < SCORED_MIN {
            let message = format!(
                "llama.cpp measures divergence on at least two chunks of {} tokens and {SCORED_MIN} scored ones, and the examples have \
                 {tokens} tokens in all",
                settings.context
            );
            return Err(Failure::new("text-too-short", message).with_hint("take more examples, or a smaller `maxLength`"));
        }
        let cancelled = || context.is_cancelled();
        let files = [self.file(BASE)?, self.file(variant)?];
        let measured = self.llama_cpp.divergence(files, text, context.scratch(), &settings, &cancelled);
        context.check_cancelled()?;
        let measured = measured.map_err(failed("llama-cpp"))?;
        Ok((measured.mean.value, json!({"chunk": settings.context, "chunks": chunks, "llamaCpp": measured})))
    }
}

/// Bytes of the base's file of a tier, from the headers of the source: what measuring it beside the forged model's takes of the scratch
/// folder.
///
/// # Errors
/// When the base cannot be made into a GGUF file.
pub(super) fn base_bytes(source: &Path, tier: FileType, naming: &Naming) -> Result<u64, GgufError> {
    let path = source.join("config.json");
    let failed = |source| GgufError::Read { path: path.clone(), source };
    let text = std::fs::read(&path).map_err(failed)?;
    let config: Value = serde_json::from_slice(&text).map_err(|error| failed(error.into()))?;
    let architecture = config["model_type"].as_str().unwrap_or_default();
    let checkpoint = Checkpoint::open(source)?;
    let planned = GgufModel::plan(source, &config, &checkpoint, architecture, naming)?;
    Ok(planned.conversion(tier)?.bytes())
}

fn convert(
    base: &Model,
    tier: FileType,
    path: &Path,
    (naming, importance): (&Naming, Option<&Importance>),
    context: &Context<'_>,
) -> Result<(), Failure> {
    let architecture = base.config["model_type"].as_str().unwrap_or_default();
    let planned = GgufModel::plan(&base.folder, &base.config, &base.checkpoint, architecture, naming).map_err(failed("gguf"))?;
    let conversion = planned.conversion(tier).map_err(failed("gguf"))?;
    let report = |done: u64, total: u64| {
        let doing = format!("writing {} of `base`", tier.name());
        context.progress(Progress { doing, done, total: Some(total), unit: Unit::Bytes });
        if context.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let out = std::io::BufWriter::new(std::fs::File::create(path).map_err(failed("write"))?);
    let written = conversion.write(out, importance, context.threads(), &report);
    context.check_cancelled()?;
    let written = written.map_err(failed("gguf"))?;
    written.into_inner().map_err(|error| failed("write")(error.into_error()))?;
    Ok(())
}
