//! The rows: what is compared, how it is run, and what is concluded from the runs.

mod codegen;
mod convert;
mod line;
mod plan;
mod profile;
mod prune;
mod rerun;
mod seal;
mod verify;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::contest::{self, Contender, Sample, last_json};
use crate::error::{At, BenchError};
use crate::process::Ended;
use crate::report::Section;

/// Threads everyone gets.
const THREADS: usize = 2;

/// What rows work with.
pub struct Bench {
    /// The repository's root.
    pub root: PathBuf,
    /// A folder for models and outputs.
    pub work: PathBuf,
    /// The `alloyworks` program.
    pub program: PathBuf,
    /// This program.
    pub own: PathBuf,
    /// A Python with torch, transformers and safetensors.
    pub python: Option<PathBuf>,
    /// A folder with `schemaorg-30.0.ttl` and `spdx-3.0.1-model.ttl`.
    pub ontologies: Option<PathBuf>,
    /// Rounds of every contest; each row has its own number otherwise.
    pub runs: Option<usize>,
    /// How long to wait before each run for the rest of the machine to be quiet.
    pub patience: Duration,
}

/// Keeps one run.
pub type Keep<'a> = &'a mut dyn FnMut(&Sample) -> Result<(), BenchError>;

/// One row.
pub struct Row {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its contenders, in the order of the table.
    pub contenders: &'static [&'static str],
    /// Takes the figures.
    pub run: fn(&Bench, Keep<'_>) -> Result<(), BenchError>,
    /// Concludes from them.
    pub section: fn(&[Sample]) -> Section,
}

/// Every row.
pub const ROWS: [Row; 9] =
    [prune::ROW, profile::ROW, convert::ROW, plan::ROW, rerun::ROW, verify::ROW, seal::ROW, codegen::ROW, line::ROW];

impl Bench {
    fn contest(&self, row: &Row, contenders: &[Contender<'_>], rounds: usize, keep: Keep<'_>) -> Result<(), BenchError> {
        contest::run(row.name, contenders, self.runs.unwrap_or(rounds), self.patience, keep)
    }

    /// An empty folder for a row's outputs.
    fn scratch(&self, row: &str) -> Result<PathBuf, BenchError> {
        let folder = self.work.join(row);
        remove(&folder)?;
        fs::create_dir_all(&folder).at("make", &folder)?;
        Ok(folder)
    }

    /// A script of this crate.
    fn script(&self, python: &Path, name: &str) -> Command {
        let mut command = Command::new(python);
        command.arg(self.root.join("benches/python").join(name));
        command
    }

    fn job(&self, name: &str) -> Command {
        let mut command = Command::new(&self.own);
        command.args(["job", name]);
        command
    }

    fn alloyworks(&self, home: &Path, verb: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--json").arg("--home").arg(home).arg(verb);
        command
    }

    /// `alloyworks run`, with everyone's number of threads.
    fn alloyworks_run(&self, home: &Path, recipe: &Path, out: &Path) -> Command {
        let mut command = self.alloyworks(home, "run");
        command.arg(recipe).arg("--out").arg(out).args(["--threads", &THREADS.to_string()]);
        command
    }
}

/// What a run said of its stages.
fn stages(ended: &Ended) -> Result<Value, BenchError> {
    let result = last_json(ended)?;
    match (result["event"].as_str(), result["stages"].as_array()) {
        (Some("result"), Some(stages)) => {
            let stage = |stage: &Value| json!({"stage": stage["stage"], "cached": stage["cached"], "seconds": stage["seconds"]});
            Ok(json!({"stages": stages.iter().map(stage).collect::<Vec<_>>()}))
        }
        _ => Err(BenchError::Answer {
            command: "alloyworks run".into(),
            expected: "a `result` with its stages as the last line",
            got: result.to_string().chars().take(200).collect(),
        }),
    }
}

/// Nothing to read.
fn silent(_: &Ended) -> Result<Value, BenchError> {
    Ok(Value::Null)
}

/// Hashes every safetensors file of a folder with OpenSSL, so many at once: reading and hashing the bytes, and nothing else.
fn openssl(folder: &Path, at_once: usize) -> Command {
    let mut command = Command::new("sh");
    let script = r#"find "$0" -name '*.safetensors' -print0 | xargs -0 -n 1 -P "$1" openssl dgst -sha256"#;
    command.args(["-c", script]).arg(folder).arg(at_once.to_string());
    command
}

/// Reads every file of a folder, so that its bytes are in the page cache: the system may have let go of them meanwhile.
fn warm(folder: &Path) -> Result<(), BenchError> {
    for entry in fs::read_dir(folder).at("list", folder)? {
        let path = entry.at("list", folder)?.path();
        if path.is_file() {
            let mut file = fs::File::open(&path).at("open", &path)?;
            std::io::copy(&mut file, &mut std::io::sink()).at("read", &path)?;
        }
    }
    Ok(())
}

fn remove(folder: &Path) -> Result<(), BenchError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).at("remove", folder),
        _ => Ok(()),
    }
}

fn write(path: &Path, text: &str) -> Result<(), BenchError> {
    fs::write(path, text).at("write", path)
}

/// A recipe that prunes by the router's norms, which needs no corpus.
fn prune_recipe(model: &Path, keep: usize, more: &str) -> String {
    format!(
        "name: bench\nversion: 1.0.0\nuserSummary: A measurement.\ndomains: [llm-forge]\n\
         source: {{ baseModel: {}, architecture: qwen3_moe }}\n\
         stages:\n  - {{ type: expert-prune, strategy: router-gate-l2, keepExpertsPerLayer: {keep}{more} }}\n  \
         - {{ type: package, format: safetensors }}\n\
         limitations: [It is random.]\n",
        json!(model)
    )
}
