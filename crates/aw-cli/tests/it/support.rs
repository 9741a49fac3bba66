//! A home folder, a small recipe on the tiny model, and the program to run on them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_alloyworks");

/// A folder with a recipe, its corpora and its model, and a home for the program.
pub struct Bench {
    pub folder: TempDir,
}

/// How the program ended and what it said.
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Standard output as one JSON document.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }

    /// Standard output as lines of JSON.
    pub fn events(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
    }

    /// Fails with all that was said unless the program ended with `code`.
    #[track_caller]
    pub fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }
}

/// Text in which some experts matter more than others; nothing of it needs to make sense.
fn corpus(words: &[&str], examples: usize) -> String {
    let example = |index: usize| {
        let text: Vec<&str> = (0..24).map(|at| words[(index * 7 + at * at) % words.len()]).collect();
        format!("{}\n", serde_json::json!({"text": text.join(" ")}))
    };
    (0..examples).map(example).collect()
}

fn sha256(bytes: &[u8]) -> String {
    aw_alloy::digest::Digest::of(bytes).hex()
}

/// The tiny model of the repository.
fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes/tiny-moe/model")
}

impl Bench {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("model")).unwrap();
        for entry in fs::read_dir(model()).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), folder.path().join("model").join(entry.file_name())).unwrap();
        }
        let bench = Self { folder };
        let code =
            bench.write("code.jsonl", &corpus(&["def", "return", "(x)", "+", "for", "in", "range", "if", "else:", "0"], 12));
        let prose =
            bench.write("prose.jsonl", &corpus(&["the", "river", "went", "slowly", "and", "she", "saw", "a", "light"], 12));
        bench.write("recipe.yaml", &recipe(&code, &prose));
        bench
    }

    /// Writes a file into the folder and gives its SHA-256.
    pub fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.folder.path().join(name), text).unwrap();
        sha256(text.as_bytes())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The program, run in the folder, with a home of its own and nothing of the user's surroundings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_at("home", arguments)
    }

    pub fn command_at(&self, home: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("ALLOYWORKS_HOME", self.path(home))
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        run(self.command(arguments))
    }
}

pub fn run(mut command: Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A recipe with every stage type of the language-model forge, small enough to run in a second or two.
pub fn recipe(code: &str, prose: &str) -> String {
    format!(
        "name: tiny-test
version: 1.2.3
userSummary: A model for tests.
domains: [llm-forge]
source: {{ baseModel: model, architecture: olmoe }}
calibrationCorpora:
  - {{ id: code, path: code.jsonl, sha256: {code} }}
evaluationCorpora:
  - {{ id: prose, path: prose.jsonl, sha256: {prose} }}
stages:
  - {{ type: expert-activation-profile, calibrationCorpus: code, maxLength: 128 }}
  - {{ type: expert-prune, strategy: calibration-aware-activation-count, calibrationCorpus: code, keepExpertsPerLayer: 8 }}
  - type: eval
    maxLength: 128
    benchmarks:
      - name: perplexity
        subset: prose
        regression: {{ maxPercent: 10000, maxAbsolute: 100000, reason: nonsense may be predicted badly }}
    controls: [{{ name: by chance, strategy: random, seed: 7 }}]
  - {{ type: package, format: safetensors }}
limitations: [It exists for tests.]
"
    )
}

/// A run that finished once, shared by every test that only looks at it.
pub fn finished() -> &'static (Bench, Ran) {
    static FINISHED: OnceLock<(Bench, Ran)> = OnceLock::new();
    FINISHED.get_or_init(|| {
        let bench = Bench::new();
        let ran = bench.run(&["run", "recipe.yaml", "--out", "made", "--threads", "1"]).ends(0);
        (bench, ran)
    })
}
