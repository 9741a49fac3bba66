//! `generate`: the contracts of every target.

use std::collections::BTreeMap;

use aw_alloy::recipe::Recipe;
use aw_domain::{Context, Estimate, Failure, Inputs, Output, PlanRequest, Problem, Reads, Stage};
use serde_json::{Map, Value, json};

use super::configurations::{Generate as Config, ProfileName};
use super::emission;
use super::{GENERATED, MODEL, SYMBOLS_FILE, TARGETS, config, model, planned_config, refused, written};
use crate::diagnostic;
use crate::emit::{Emitter, Options, Profile, Target};
use crate::forge::VERSION;

/// Writes the contracts.
pub(crate) struct Generate;

impl Stage for Generate {
    fn code_version(&self) -> u32 {
        2
    }

    fn reads(&self, stage: &Value, _: &Recipe) -> Result<Reads, Vec<Problem>> {
        let config: Config = config(stage)?;
        targets(&config)?;
        let mut problems = Vec::new();
        let files = emission::files(&config, &mut problems);
        let folders = vec![MODEL.to_owned()];
        if problems.is_empty() { Ok(Reads { folders, files, ..Reads::default() }) } else { Err(problems) }
    }

    fn plan(&self, request: &PlanRequest<'_>) -> Result<Estimate, Vec<Problem>> {
        let config: Config = config(request.config)?;
        let mut facts = request.facts.clone();
        facts[TARGETS] = targets(&config)?.iter().map(|target| target.name()).collect();
        Ok(Estimate { seconds: Some(1.0), memory_bytes: 256 << 20, facts, ..Estimate::default() })
    }

    fn run(&self, stage: &Value, inputs: &Inputs, context: &mut Context<'_>) -> Result<Output, Failure> {
        let config: Config = planned_config(stage)?;
        let targets = targets(&config).map_err(|_| Failure::new("bug", "this is a bug: a planned target is none"))?;
        let model = model(inputs)?;
        let profile = match config.profile {
            ProfileName::Wire => Profile::Wire,
            ProfileName::Plain => Profile::Plain,
        };
        let templates = emission::templates(&config, inputs)?;
        let bindings = emission::bindings(&config, inputs)?;
        let options = Options { profile, templates, bindings, ..Options::new(VERSION) };
        let emitter = Emitter::new(&model, &options).map_err(|found| refused(&found))?;
        let (mut writes, mut measured, mut diagnostics) = (Vec::new(), Map::new(), Vec::new());
        let mut symbols = BTreeMap::new();
        for target in targets {
            context.check_cancelled()?;
            let emitted = emitter.emit(target).map_err(|found| refused(&found))?;
            let bytes: usize = emitted.files.iter().map(|file| file.bytes.len()).sum();
            for file in &emitted.files {
                writes.push(written(context, &format!("{GENERATED}/{}/{}", target.name(), file.path), &file.bytes)?);
            }
            let said = json!({"files": emitted.files.len(), "bytes": bytes, "warnings": emitted.diagnostics.len()});
            measured.insert(target.name().to_owned(), said);
            diagnostics.extend(emitted.diagnostics);
            symbols.insert(target.name(), emitted.symbols);
        }
        diagnostic::sort(&mut diagnostics);
        let json = |value: Result<Vec<u8>, serde_json::Error>| value.map_err(|error| Failure::from_error("bug", &error));
        writes.push(written(context, "generated/diagnostics.json", &json(serde_json::to_vec_pretty(&diagnostics))?)?);
        writes.push(written(context, SYMBOLS_FILE, &json(serde_json::to_vec(&symbols))?)?);
        let measurements = json!({"profile": profile.name(), "targets": measured});
        Ok(Output { writes, replaces: vec![GENERATED.to_owned()], measurements, observations: json!({}), ..Output::default() })
    }
}

fn targets(config: &Config) -> Result<Vec<Target>, Vec<Problem>> {
    let Some(names) = &config.targets else {
        return Ok(Target::LANGUAGES.into_iter().chain(config.sql_bindings.is_some().then_some(Target::Sql)).collect());
    };
    let known: Vec<&str> = Target::ALL.iter().map(|target| target.name()).collect();
    let (mut targets, mut problems) = (Vec::new(), Vec::new());
    for (at, name) in names.iter().enumerate() {
        match Target::from_name(name) {
            Some(target) => targets.push(target),
            None => {
                let problem = Problem::new("target", format!("targets[{at}]"), format!("`{name}` is no target"));
                problems.push(problem.suggest(name, known.iter().copied()));
            }
        }
    }
    if names.is_empty() {
        problems.push(Problem::new("target", "targets", "no target is named").hint("leave `targets` out for every language"));
    }
    targets.sort();
    targets.dedup();
    if problems.is_empty() { Ok(targets) } else { Err(problems) }
}
