//! Runs the real program: corpora and a recipe in, an artifact out, figures read from its results.

use std::ffi::OsStr;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::figures::Figures;
use super::others;
use super::texts::{Corpora, Training, of_seed};
use crate::corpora::{Domain, STANDARD_EXAMPLES, sha256};

/// Examples in each corpus.
pub const EXAMPLES: u64 = STANDARD_EXAMPLES;
/// Experts a layer of the base has.
pub const EXPERTS: u64 = 16;
/// Experts a layer keeps.
pub const KEEP: u64 = 8;
/// Seeds of the random controls: one draw can be lucky.
pub const RANDOM_SEEDS: RangeInclusive<u64> = 1..=5;

/// Everything made on the way. Removed at the start, so that nothing measured by an older program is found in a store.
const FOLDER: &str = "target/claim";
/// The model, from a recipe's folder below [`FOLDER`].
const MODEL: &str = "../../../recipes/tiny-moe/model";
/// The program that the build leaves.
const PROGRAM: &str = "target/release/alloyworks";
/// Ranks experts by how many tokens they were given.
const BY_COUNT: &str = "calibration-aware-activation-count";
/// Tokens after which an example is cut.
const LENGTH_MAX: u64 = 256;
const ROUTER_L2: &str = "router L2";
const REAP: &str = "REAP";

/// What is needed to forge one text after another.
pub struct Forge {
    program: PathBuf,
    folder: PathBuf,
    training: Training,
}

impl Forge {
    /// Builds the program unless one is given, makes the training corpora again, and empties the work folder.
    ///
    /// # Errors
    /// When the program cannot be built or is not there, the training corpora are not the recorded ones, or the folder cannot be emptied.
    pub fn prepare(root: &Path, program: Option<&Path>) -> Result<Self, String> {
        let program = match program {
            Some(program) => program.to_path_buf(),
            None => build(root)?,
        };
        let program = fs::canonicalize(&program).map_err(|e| format!("claim: no program at `{}`: {e}", program.display()))?;
        let training = Training::again(root)?;
        let folder = root.join(FOLDER);
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|e| format!("claim: cannot empty `{}`: {e}", folder.display()))?;
        }
        Ok(Self { program, folder, training })
    }

    /// Makes the corpora of a seed and forges the model for each text.
    ///
    /// # Errors
    /// When corpora overlap or cannot be written, the program fails, or its results lack a figure.
    pub fn seed(&self, seed: u64) -> Result<Vec<Figures>, String> {
        let folder = self.folder.join(format!("seed-{seed}"));
        fs::create_dir_all(&folder).map_err(|e| format!("claim: cannot make `{}`: {e}", folder.display()))?;
        let corpora = of_seed(seed, EXAMPLES);
        for corpus in &corpora {
            self.training.check_apart(corpus)?;
            write(&folder.join(calibration_file(corpus.domain)), &corpus.calibration)?;
            write(&folder.join(evaluation_file(corpus.domain)), &corpus.evaluation)?;
        }
        Domain::ALL.into_iter().map(|domain| self.text(&folder, seed, domain, &corpora)).collect()
    }

    fn text(&self, folder: &Path, seed: u64, domain: Domain, corpora: &[Corpora]) -> Result<Figures, String> {
        let recipe = recipe(seed, domain, corpora);
        let (file, artifact) = (folder.join(format!("{}.json", domain.name())), folder.join(domain.name()));
        write(&file, &format!("{recipe:#}\n"))?;
        let home = self.folder.join("home");
        self.alloyworks(&[OsStr::new("run"), file.as_ref(), "--out".as_ref(), artifact.as_ref()], &home)?;
        self.alloyworks(&[OsStr::new("verify"), artifact.as_ref()], &home)?;
        let document = artifact.join(format!("{}.alloy.json", name(seed, domain)));
        let text = fs::read(&document).map_err(|e| format!("claim: cannot read `{}`: {e}", document.display()))?;
        let document_of = |e| format!("claim: `{}` is not JSON: {e}", document.display());
        let read = figures(seed, domain, &serde_json::from_slice(&text).map_err(document_of)?);
        read.map_err(|e| format!("claim: `{}`: {e}", document.display()))
    }

    fn alloyworks(&self, arguments: &[&OsStr], home: &Path) -> Result<(), String> {
        let mut command = Command::new(&self.program);
        command.args(arguments).arg("--home").arg(home).arg("--quiet");
        let shown = format!("{} {:?}", self.program.display(), arguments);
        let Output { status, stdout, stderr } =
            command.output().map_err(|e| format!("claim: cannot start `{}`: {e}", self.program.display()))?;
        if status.success() {
            return Ok(());
        }
        let said = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        Err(format!("claim: {shown}: {status}\n{said}"))
    }
}

fn build(root: &Path) -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["build", "--release", "--locked", "--package", "aw-cli", "--target-dir", "target"];
    let status = Command::new(cargo).args(arguments).current_dir(root).status();
    match status {
        Ok(status) if status.success() => Ok(root.join(PROGRAM)),
        Ok(status) => Err(format!("claim: cargo {}: {status}", arguments.join(" "))),
        Err(e) => Err(format!("claim: cannot start cargo: {e}")),
    }
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|e| format!("claim: cannot write `{}`: {e}", path.display()))
}

fn calibration_file(domain: Domain) -> String {
    format!("calibration-{}.jsonl", domain.name())
}

fn evaluation_file(domain: Domain) -> String {
    format!("evaluation-{}.jsonl", domain.name())
}

fn name(seed: u64, domain: Domain) -> String {
    format!("claim-{}-{KEEP}-seed-{seed}", domain.name())
}

fn random(seed: u64) -> String {
    format!("random {seed}")
}

/// The demo's recipe for another text: the same stages, with every other text as a wrong corpus and more random draws.
fn recipe(seed: u64, domain: Domain, corpora: &[Corpora]) -> Value {
    let reference = |domain: Domain, path: String, text: &str| json!({"id": domain.name(), "path": path, "sha256": sha256(text)});
    let calibration = corpora.iter().map(|c| reference(c.domain, calibration_file(c.domain), &c.calibration));
    let evaluation = corpora.iter().filter(|c| c.domain == domain);
    let evaluation = evaluation.map(|c| reference(c.domain, evaluation_file(c.domain), &c.evaluation));
    json!({
        "name": name(seed, domain),
        "version": "1.0.0",
        "license": "apache-2.0",
        "domains": ["llm-forge"],
        "source": {"baseModel": MODEL, "architecture": "olmoe", "isMoE": true, "totalExperts": EXPERTS},
        "calibrationCorpora": calibration.collect::<Value>(),
        "evaluationCorpora": evaluation.collect::<Value>(),
        "stages": stages(domain),
    })
}

fn stages(domain: Domain) -> Vec<Value> {
    let profile =
        |on: Domain| json!({"type": "expert-activation-profile", "calibrationCorpus": on.name(), "maxLength": LENGTH_MAX});
    let mut matching = profile(domain);
    matching["coverage"] = json!({"minTokensPerExpert": 10, "allowedShareBelow": 0.5});
    let prune = json!({
        "type": "expert-prune",
        "strategy": BY_COUNT,
        "calibrationCorpus": domain.name(),
        "keepExpertsPerLayer": KEEP,
        "originalExpertsPerLayer": EXPERTS,
    });
    let eval = json!({
        "type": "eval",
        "maxLength": LENGTH_MAX,
        "benchmarks": [{"name": "perplexity", "subset": domain.name()}],
        "compareToBase": true,
        "controls": controls(domain),
    });
    let mut stages = vec![matching];
    stages.extend(others(domain).map(profile));
    stages.extend([prune, eval, json!({"type": "package", "format": "safetensors"})]);
    stages
}

fn controls(domain: Domain) -> Vec<Value> {
    let reap = json!({"name": REAP, "strategy": "reap", "calibrationCorpus": domain.name()});
    let mut controls = vec![json!({"name": ROUTER_L2, "strategy": "router-gate-l2"}), reap];
    controls.extend(
        others(domain).map(|other| json!({"name": other.name(), "strategy": BY_COUNT, "calibrationCorpus": other.name()})),
    );
    controls.extend(RANDOM_SEEDS.map(|seed| json!({"name": random(seed), "strategy": "random", "seed": seed})));
    controls
}

/// Reads the figures from an artifact's document.
fn figures(seed: u64, domain: Domain, document: &Value) -> Result<Figures, String> {
    let benchmarks = document["results"]["benchmarks"].as_array().map_or(&[][..], Vec::as_slice);
    let [benchmark] = benchmarks else {
        return Err(format!("expected one benchmark in `results.benchmarks`, got {}", benchmarks.len()));
    };
    if benchmark["subset"] != domain.name() || benchmark["metric"] != "perplexity" {
        return Err(format!(
            "expected `perplexity` on `{}`, got {} on {}",
            domain.name(),
            benchmark["metric"],
            benchmark["subset"]
        ));
    }
    let metric = |name: &str| {
        let value = &benchmark["metrics"][name];
        value.as_f64().ok_or_else(|| format!("expected a number at `results.benchmarks[0].metrics.{name}`, got {value}"))
    };
    Ok(Figures {
        seed,
        domain,
        base: metric("base")?,
        matching: metric("forged")?,
        reap: metric(REAP)?,
        router_l2: metric(ROUTER_L2)?,
        mismatched: others(domain).map(|other| Ok((other, metric(other.name())?))).collect::<Result<_, String>>()?,
        random: RANDOM_SEEDS.map(|seed| metric(&random(seed))).collect::<Result<_, String>>()?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use aw_alloy::text::{Limits, json, yaml};

    /// The claim is about the recipe people are shown: its stages for code are the demo's, but for notes and more controls.
    #[test]
    fn the_stages_for_code_are_those_of_the_demo() {
        let demo = fs::read_to_string(crate::root().join("recipes/tiny-moe/compact.yaml")).unwrap();
        let demo = json::compact(&yaml::parse(&demo, &Limits::DOCUMENT).unwrap());
        let demo: Value = serde_json::from_str(&demo).unwrap();
        let ours = stages(Domain::Code);
        for kind in ["expert-activation-profile", "expert-prune", "package"] {
            let of_kind = |stages: &[Value]| {
                let mut stage = stages.iter().find(|stage| stage["type"] == kind).unwrap().clone();
                stage.as_object_mut().unwrap().remove("notes");
                stage
            };
            assert_eq!(of_kind(&ours), of_kind(demo["stages"].as_array().unwrap()), "{kind}");
        }
        let eval = |stages: &[Value]| stages.iter().find(|stage| stage["type"] == "eval").unwrap().clone();
        let (ours, theirs) = (eval(&ours), eval(demo["stages"].as_array().unwrap()));
        assert_eq!((&ours["maxLength"], &ours["compareToBase"]), (&theirs["maxLength"], &theirs["compareToBase"]));
        assert!(ours["controls"].as_array().unwrap().contains(&theirs["controls"][0]), "router L2");
    }

    #[test]
    fn every_control_that_needs_a_profile_has_one() {
        for domain in Domain::ALL {
            let stages = stages(domain);
            let profiled: Vec<&Value> =
                stages.iter().filter(|s| s["type"] == "expert-activation-profile").map(|s| &s["calibrationCorpus"]).collect();
            assert_eq!(profiled.len(), 3);
            for control in controls(domain).iter().filter(|control| control["strategy"] == BY_COUNT) {
                assert!(profiled.contains(&&control["calibrationCorpus"]) && control["calibrationCorpus"] != domain.name());
            }
        }
    }

    fn document() -> Value {
        let metrics = json!({
            "base": 2.0, "forged": 2.5, "REAP": 2.25, "router L2": 3.0, "code": 4.0, "arithmetic": 5.0,
            "random 1": 6.0, "random 2": 7.0, "random 3": 8.0, "random 4": 9.0, "random 5": 10.0,
        });
        json!({"results": {"benchmarks": [{"name": "perplexity", "subset": "prose", "metric": "perplexity", "metrics": metrics}]}})
    }

    #[test]
    fn every_figure_is_read_from_its_own_place() {
        let read = figures(3, Domain::Prose, &document()).unwrap();
        let expected = Figures {
            seed: 3,
            domain: Domain::Prose,
            base: 2.0,
            matching: 2.5,
            reap: 2.25,
            router_l2: 3.0,
            mismatched: vec![(Domain::Code, 4.0), (Domain::Arithmetic, 5.0)],
            random: vec![6.0, 7.0, 8.0, 9.0, 10.0],
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn a_document_without_a_figure_is_refused_and_none_is_made_up() {
        for name in ["base", "forged", "REAP", "router L2", "code", "arithmetic", "random 5"] {
            let mut lacking = document();
            lacking["results"]["benchmarks"][0]["metrics"].as_object_mut().unwrap().remove(name);
            let said = figures(0, Domain::Prose, &lacking).unwrap_err();
            assert!(said.contains(&format!("metrics.{name}`, got null")), "{said}");
        }
        assert!(figures(0, Domain::Code, &document()).unwrap_err().contains("expected `perplexity` on `code`"));
        assert!(figures(0, Domain::Code, &json!({})).unwrap_err().contains("expected one benchmark"));
    }
}
