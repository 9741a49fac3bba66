//! `smoke-compile`: whether generated files compile.

use std::collections::BTreeMap;
use std::sync::Arc;

use aw_alloy::recipe::Recipe;
use aw_domain::{Context, Estimate, Failure, Inputs, Output, PlanRequest, Problem, Reads, Stage};
use serde_json::{Map, Value, json};

use super::configurations::SmokeCompile as Config;
use super::{GENERATED, SYMBOLS_FILE, TARGETS, config, planned_config, written};
use crate::emit::{Emitted, File, Symbol, Target};
use crate::smoke::{Smoke, Toolchain};

/// Compiles what was generated.
pub(crate) struct SmokeCompile {
    pub(crate) toolchain: Arc<Toolchain>,
}

impl Stage for SmokeCompile {
    fn code_version(&self) -> u32 {
        2
    }

    fn reads(&self, stage: &Value, _: &Recipe) -> Result<Reads, Vec<Problem>> {
        let config: Config = config(stage)?;
        let known: Vec<&str> = Target::ALL.iter().map(|target| target.name()).collect();
        let wrong = config.allow_unverified.iter().enumerate().filter(|(_, name)| Target::from_name(name).is_none());
        let problems: Vec<Problem> = wrong
            .map(|(at, name)| {
                let problem = Problem::new("target", format!("allowUnverified[{at}]"), format!("`{name}` is no target"));
                problem.suggest(name, known.iter().copied())
            })
            .collect();
        let folders = vec![GENERATED.to_owned()];
        if problems.is_empty() { Ok(Reads { folders, ..Reads::default() }) } else { Err(problems) }
    }

    fn plan(&self, request: &PlanRequest<'_>) -> Result<Estimate, Vec<Problem>> {
        let config: Config = config(request.config)?;
        let planned = request.facts[TARGETS].as_array().into_iter().flatten().filter_map(Value::as_str);
        let problems: Vec<Problem> = planned
            .filter(|name| !config.allow_unverified.iter().any(|allowed| allowed == name))
            .filter_map(|name| Some((name, self.toolchain.missing(Target::from_name(name)?)?)))
            .map(|(name, missing)| {
                let message = format!("{name}: there is no compiler to try it with: {missing}");
                Problem::new("compiler", "", message).hint("install it, or name the target in `allowUnverified`")
            })
            .collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Estimate { seconds: Some(60.0), memory_bytes: 2 << 30, facts: request.facts.clone(), ..Estimate::default() })
    }

    fn run(&self, stage: &Value, inputs: &Inputs, context: &mut Context<'_>) -> Result<Output, Failure> {
        let config: Config = planned_config(stage)?;
        let folder = inputs.folders.get(GENERATED).ok_or_else(|| nothing("nothing was generated"))?;
        let mut symbols = symbols(folder)?;
        let toolchain = Toolchain { work: context.scratch().to_owned(), ..Toolchain::clone(&self.toolchain) };
        let (mut measured, mut versions) = (Map::new(), Map::new());
        let mut writes = Vec::new();
        for target in Target::ALL {
            context.check_cancelled()?;
            let files = files(inputs, folder, target)?;
            if files.is_empty() {
                continue;
            }
            let symbols =
                symbols.remove(target.name()).ok_or_else(|| nothing(&format!("nobody wrote down the names of {target}")))?;
            let emitted = Emitted { target, files, diagnostics: Vec::new(), symbols };
            let smoke = toolchain.smoke(&emitted).map_err(|error| Failure::from_error("compiler", &error))?;
            match &smoke {
                Smoke::Passed { tool, version } => {
                    measured.insert(target.name().to_owned(), json!({"state": "passed", "tool": tool}));
                    versions.insert(target.name().to_owned(), json!(version));
                }
                Smoke::Skipped { .. } if config.allow_unverified.iter().any(|name| name == target.name()) => {
                    measured.insert(target.name().to_owned(), json!({"state": "skipped"}));
                }
                Smoke::Skipped { missing } => {
                    let message = format!("{target}: there is no compiler to try it with: {missing}");
                    return Err(
                        Failure::new("compiler", message).with_hint("install it, or name the target in `allowUnverified`")
                    );
                }
                Smoke::Failed { tool, findings } => {
                    let mut failure = Failure::new("compile", format!("{target}: {tool} refused what was generated"));
                    failure.causes = findings.iter().take(50).map(|it| format!("{}: {}", it.file, it.message)).collect();
                    return Err(failure);
                }
            }
        }
        if measured.is_empty() {
            return Err(nothing("nothing was generated that a compiler could be tried with"));
        }
        let bytes = serde_json::to_vec_pretty(&measured).map_err(|error| Failure::from_error("bug", &error))?;
        writes.push(written(context, "smoke/smoke.json", &bytes)?);
        Ok(Output {
            writes,
            measurements: json!({"targets": measured}),
            observations: json!({"versions": versions}),
            ..Output::default()
        })
    }
}

fn nothing(message: &str) -> Failure {
    Failure::new("generated", message).with_hint("put a `generate` before it")
}

/// The names that compilers look for, as `generate` wrote them down.
fn symbols(folder: &std::path::Path) -> Result<BTreeMap<String, Vec<Symbol>>, Failure> {
    let path = folder.join(SYMBOLS_FILE.trim_start_matches("generated/"));
    let bytes = crate::delivery::disk::read(&path, crate::delivery::FILE_BYTES_MAX);
    let bytes = bytes.map_err(|error| Failure::from_error("generated", &error))?;
    let bytes = bytes.ok_or_else(|| nothing(&format!("there is no `{}`", path.display())))?;
    serde_json::from_slice(&bytes).map_err(|error| nothing(&format!("`{}`: {error}", path.display())))
}

/// The files of a target in the tree.
fn files(inputs: &Inputs, folder: &std::path::Path, target: Target) -> Result<Vec<File>, Failure> {
    let below = format!("{GENERATED}/{}/", target.name());
    let paths = inputs.entries.iter().filter_map(|entry| entry.path.as_str().strip_prefix(&below));
    let read = |path: &str| {
        let at = folder.join(target.name()).join(path);
        let bytes = crate::delivery::disk::read(&at, crate::delivery::FILE_BYTES_MAX);
        let bytes = bytes.map_err(|error| Failure::from_error("generated", &error))?;
        let bytes = bytes.ok_or_else(|| nothing(&format!("`{}` is gone", at.display())))?;
        Ok(File { path: path.to_owned(), bytes })
    };
    paths.map(read).collect()
}
