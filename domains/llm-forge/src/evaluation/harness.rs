//! lm-evaluation-harness, where it is installed: tasks are handed over to its program, results read strictly from its files.
//!
//! # Source
//! lm-evaluation-harness 0.4.13: `results_<time>.json` with `results.<task>.<metric>,<filter>`, `n-samples.<task>.effective` and
//! `versions.<task>`, and `samples_<task>_<time>.jsonl` beside it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use aw_alloy::digest::{Digest, Hasher};
use serde_json::{Map, Value, json};

use super::registry::HarnessTask;
use super::score::{OutOfRange, ScoreResult};
use crate::tools::Tools;

/// Its program.
const PROGRAM: &str = "lm_eval";
/// Largest results file that is read, in bytes.
const MAX_RESULTS_BYTES: u64 = 64 << 20;
/// How often a run is looked at.
const POLL: Duration = Duration::from_millis(100);
/// What to do when it is not there.
pub const HINT: &str = "install lm-evaluation-harness (`pip install lm-eval[hf,ifeval,math]`) and put `lm_eval` on PATH";

/// Why a task has no score.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HarnessError {
    /// It is not installed.
    #[error("`{PROGRAM}` is not on PATH\nhint: {HINT}")]
    NotFound,
    /// It could not be started, or its files not be read.
    #[error("{doing}: {source}")]
    Io {
        /// What was done.
        doing: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It failed.
    #[error("`{PROGRAM}` ended with {status}: {said}")]
    Failed {
        /// How it ended.
        status: String,
        /// The end of what it wrote.
        said: String,
    },
    /// Its files are not what they are documented to be.
    #[error("`{file}` of `{PROGRAM}`: expected {expected}")]
    Unexpected {
        /// The file.
        file: String,
        /// What should stand there.
        expected: String,
    },
    /// A score outside its scale.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// The caller wanted to stop.
    #[error("cancelled")]
    Cancelled,
}

/// The harness on this machine.
#[derive(Clone, Debug)]
pub struct Harness {
    program: PathBuf,
    tasks: Option<PathBuf>,
    environment: Vec<(std::ffi::OsString, std::ffi::OsString)>,
}

/// A file of samples the harness wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its hash.
    pub sha256: Digest,
}

/// What the harness says of one task.
#[derive(Clone, Debug)]
pub struct Scored {
    /// The score.
    pub score: ScoreResult,
    /// Its answers, problem by problem; one file a subtask.
    pub samples: Vec<SampleFile>,
}

impl Harness {
    /// Finds the program.
    ///
    /// # Errors
    /// [`HarnessError::NotFound`] with what to install.
    pub fn find(tools: &Tools) -> Result<Harness, HarnessError> {
        let program = tools.find(PROGRAM).ok_or(HarnessError::NotFound)?;
        Ok(Harness { program, tasks: None, environment: tools.environment.clone() })
    }

    /// Takes the tasks defined in a folder besides its own.
    #[must_use]
    pub fn with_tasks(self, folder: &Path) -> Harness {
        Harness { tasks: Some(folder.to_owned()), ..self }
    }

    /// Runs one task on a safetensors model folder with the task's own shots and no example limit, greedily, one example at a time, and
    /// reads the score. `out` must be an empty folder.
    ///
    /// # Errors
    /// When the program fails or its files are not as documented.
    pub fn run(
        &self,
        (name, task): (&str, HarnessTask),
        model: &Path,
        out: &Path,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Scored, HarnessError> {
        let io = |doing: &str| {
            let doing = doing.to_owned();
            move |source| HarnessError::Io { doing, source }
        };
        let said = out.join("said.txt");
        let log = std::fs::File::create(&said).map_err(io("making a log"))?;
        let again = log.try_clone().map_err(io("making a log"))?;
        let results = out.join("results");
        let mut command = Command::new(&self.program);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env("TOKENIZERS_PARALLELISM", "false");
        command.args(["--model", "hf", "--tasks", task.task, "--batch_size", "1", "--log_samples", "--seed", "0"]);
        let mut arguments = std::ffi::OsString::from("dtype=float32,pretrained=");
        arguments.push(model);
        command.arg("--model_args").arg(arguments).arg("--output_path").arg(&results);
        if let Some(tasks) = &self.tasks {
            command.arg("--include_path").arg(tasks);
        }
        let mut child =
            command.stdin(Stdio::null()).stdout(log).stderr(again).spawn().map_err(io("starting lm-evaluation-harness"))?;
        let status = loop {
            if let Some(status) = child.try_wait().map_err(io("waiting for lm-evaluation-harness"))? {
                break status;
            }
            if cancelled() {
                // It is waited for whether or not it could be killed.
                let _ = child.kill();
                let _ = child.wait();
                return Err(HarnessError::Cancelled);
            }
            std::thread::sleep(POLL);
        };
        if !status.success() {
            let text = std::fs::read(&said).unwrap_or_default();
            let text = String::from_utf8_lossy(&text[text.len().saturating_sub(2000)..]).trim().to_owned();
            return Err(HarnessError::Failed { status: status.to_string(), said: text });
        }
        read(&results, (name, task))
    }
}

/// Files below a folder whose names begin and end so.
fn files(folder: &Path, begin: &str, end: &str) -> Result<Vec<PathBuf>, HarnessError> {
    let io = |source| HarnessError::Io { doing: format!("listing `{}`", folder.display()), source };
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).map_err(io)? {
            let path = entry.map_err(io)?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if path.is_dir() {
                open.push(path);
            } else if name.starts_with(begin) && name.ends_with(end) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Reads the score of a task from the folder a run of the harness wrote.
///
/// # Errors
/// When there is not exactly one results file, a member of it is missing or of another type, samples are missing, or the score is out
/// of its range.
pub fn read(folder: &Path, (name, task): (&str, HarnessTask)) -> Result<Scored, HarnessError> {
    let found = files(folder, "results_", ".json")?;
    let [file] = found.as_slice() else {
        let expected = format!("exactly one `results_*.json`, got {}", found.len());
        return Err(HarnessError::Unexpected { file: folder.display().to_string(), expected });
    };
    let io = |path: &Path, source| HarnessError::Io { doing: format!("reading `{}`", path.display()), source };
    let label = file.display().to_string();
    let unexpected = |expected: String| HarnessError::Unexpected { file: label.clone(), expected };
    if file.metadata().map_err(|source| io(file, source))?.len() > MAX_RESULTS_BYTES {
        return Err(unexpected(format!("at most {MAX_RESULTS_BYTES} bytes")));
    }
    let text = std::fs::read(file).map_err(|source| io(file, source))?;
    let results: Value = serde_json::from_slice(&text).map_err(|error| unexpected(format!("JSON ({error})")))?;
    let raw = results["results"][task.task][task.key].as_f64();
    let raw = raw.ok_or_else(|| unexpected(format!("a number in `results.{}.{}`", task.task, task.key)))?;
    let total = total(&results, task.task).ok_or_else(|| unexpected(format!("a count in `n-samples` of `{}`", task.task)))?;
    let mut samples = Vec::new();
    for path in files(folder, &format!("samples_{}", task.task), ".jsonl")? {
        let mut hasher = Hasher::new();
        std::fs::File::open(&path)
            .and_then(|mut file| std::io::copy(&mut file, &mut hasher))
            .map_err(|source| io(&path, source))?;
        samples.push(SampleFile { path, sha256: hasher.finish() });
    }
    if samples.is_empty() {
        return Err(unexpected(format!("files `samples_{}*.jsonl` beside it", task.task)));
    }
    let mut extras = Map::new();
    extras.insert("task".into(), json!(task.task));
    extras.insert("metricKey".into(), json!(task.key));
    extras.insert("rawScore".into(), json!(raw));
    for (member, at) in [("taskVersion", &results["versions"][task.task]), ("harnessVersion", &results["lm_eval_version"])] {
        if !at.is_null() {
            extras.insert(member.into(), at.clone());
        }
    }
    let score = ScoreResult {
        benchmark_name: name.into(),
        pass_at_1: task.scale.normalise(raw)?,
        passed: None,
        total: Some(total),
        metric: task.key.into(),
        extras,
        samples_path: None,
    };
    Ok(Scored { score, samples })
}

/// Examples of a task, or of the tasks of a group together.
fn total(results: &Value, task: &str) -> Option<u64> {
    let effective = |task: &str| results["n-samples"][task]["effective"].as_u64();
    if let Some(total) = effective(task) {
        return Some(total);
    }
    let below = results["group_subtasks"][task].as_array()?;
    below.iter().map(|task| effective(task.as_str()?)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::score::Scale;

    const TASK: HarnessTask = HarnessTask { task: "tiny", key: "acc,none", scale: Scale::Fraction };

    fn folder(results: &Value, samples: bool) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("model");
        std::fs::create_dir(&below).unwrap();
        std::fs::write(below.join("results_2026-11-21T16-00-00.json"), results.to_string()).unwrap();
        if samples {
            std::fs::write(below.join("samples_tiny_2026-11-21T16-00-00.jsonl"), "{}\n").unwrap();
        }
        folder
    }

    #[test]
    fn results_are_read_strictly() {
        let good = json!({"results": {"tiny": {"alias": "tiny", "acc,none": 0.25}}, "n-samples": {"tiny": {"original": 8, "effective": 8}}, "versions": {"tiny": 1}});
        let scored = read(folder(&good, true).path(), ("named", TASK)).unwrap();
        assert_eq!((scored.score.pass_at_1, scored.score.total, scored.samples.len()), (0.25, Some(8), 1));
        let error = |results: &Value, samples| read(folder(results, samples).path(), ("named", TASK)).unwrap_err().to_string();
        assert!(error(&good, false).contains("samples_tiny"));
        for (pointer, value, word) in [
            ("/results/tiny/acc,none", json!("0.25"), "a number in `results.tiny.acc,none`"),
            ("/results/tiny/acc,none", json!(25.0), "scale is 0 to 1"),
            ("/n-samples/tiny/effective", Value::Null, "a count in `n-samples`"),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).unwrap() = value;
            assert!(error(&bad, true).contains(word), "{}", error(&bad, true));
        }
    }

    #[test]
    fn absent_it_says_what_to_install() {
        let error = Harness::find(&Tools::default()).unwrap_err().to_string();
        assert!(error.contains("pip install lm-eval"), "{error}");
    }
}
