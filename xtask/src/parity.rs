//! `cargo xtask parity`: compares this repository's forward pass and prune with transformers, and its GGUF files with llama.cpp's, on
//! checkpoints made for the occasion.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names the Python that has the reference.
const PYTHON: &str = "ALLOYWORKS_PYTHON";
const PACKAGES: &str = "torch transformers safetensors numpy sentencepiece";
/// Names the folder of llama.cpp's programs; its converter lies in `source` beside it.
const LLAMA_CPP: &str = "ALLOYWORKS_LLAMA_CPP";
/// Fails, saying what is missing, unless the reference can be imported in a version whose layouts are known.
const PROBE: &str = "import numpy, safetensors, sentencepiece, torch, transformers
major = int(transformers.__version__.split('.')[0])
assert major == 5, f'expected transformers 5, got {transformers.__version__}'";

/// Arguments of `cargo xtask parity`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Seed of the checkpoints; another seed is another set of weights and sequences.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the goldens anew as well; `git diff` then says whether the reference still says the same.
    #[arg(long)]
    goldens: bool,
}

/// Runs `xtask/parity/parity.py`, `layouts.py` and `gguf.py`, and `make_goldens.py` before them when asked. Without llama.cpp's converter
/// the last is left out, which it says.
///
/// # Errors
/// When no Python with the reference is found (saying what to install), or when a comparison failed.
pub fn run(arguments: &Arguments, root: &Path) -> Result<(), String> {
    let python = std::env::var_os(PYTHON).unwrap_or_else(|| "python3".into());
    probe(&python)?;
    if arguments.goldens {
        script(&python, root, "make_goldens.py", &[])?;
    }
    let seed = arguments.seed.to_string();
    script(&python, root, "parity.py", &["--seed", &seed])?;
    script(&python, root, "layouts.py", &["--seed", &seed])?;
    let named = std::env::var_os(LLAMA_CPP).and_then(|programs| Some(PathBuf::from(programs).parent()?.to_path_buf()));
    let llama_cpp = named.unwrap_or_else(|| root.join("target/llama.cpp"));
    if !llama_cpp.join("source/convert_hf_to_gguf.py").is_file() {
        eprintln!(
            "skipped: GGUF files against llama.cpp's: no converter in `{}`; `make llama-cpp` puts it there",
            llama_cpp.display()
        );
        return Ok(());
    }
    script(&python, root, "gguf.py", &["--llama-cpp", &llama_cpp.to_string_lossy()])
}

fn script(python: &OsString, root: &Path, name: &str, arguments: &[&str]) -> Result<(), String> {
    let path = root.join("xtask/parity").join(name);
    match Command::new(python).arg(path).args(arguments).current_dir(root).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(format!("parity: `{name}` failed; the differences are above")),
        Err(e) => Err(format!("parity: cannot start `{}`: {e}", python.display())),
    }
}

fn probe(python: &OsString) -> Result<(), String> {
    let hint = format!(
        "hint: python3 -m venv .venv && .venv/bin/pip install {} && {PYTHON}=.venv/bin/python cargo xtask parity",
        PACKAGES.replace("transformers", "'transformers>=5,<6'")
    );
    match Command::new(python).args(["-c", PROBE]).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().last().unwrap_or("nothing");
            Err(format!("parity: `{}` lacks the reference ({PACKAGES}): {last}\n\n{hint}", python.display()))
        }
        Err(e) => Err(format!(
            "parity: cannot start `{}` (set {PYTHON} to a Python that has {PACKAGES}): {e}\n\n{hint}",
            python.display()
        )),
    }
}
