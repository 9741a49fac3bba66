//! Python: the module is imported by its path, and has every type.

use std::io;
use std::path::PathBuf;

use crate::emit::Emitted;

use super::process::run;
use super::scratch::Scratch;
use super::{Finding, Smoke, Toolchain, findings, skipped};

/// Imports a module; every class must be there, and its annotations must mean something.
const SCRIPT: &str = include_str!("import.py");

/// The interpreter, or what to install. Whether it has Pydantic is seen when it is run.
pub(super) fn find(toolchain: &Toolchain) -> Result<PathBuf, &'static str> {
    let own = toolchain.python.clone().or_else(|| toolchain.tool("python/bin/python"));
    own.or_else(|| toolchain.program("python3")).ok_or(installed!("Python 3.9 or later with Pydantic 2.11"))
}

pub(super) fn smoke(toolchain: &Toolchain, emitted: &Emitted) -> io::Result<Smoke> {
    let python = match find(toolchain) {
        Ok(found) => found,
        Err(missing) => return Ok(skipped(missing)),
    };
    let scratch = Scratch::with(&toolchain.work, emitted)?;
    let classes: Vec<&str> =
        emitted.symbols.iter().filter(|symbol| !symbol.name.contains('.')).map(|symbol| symbol.name.as_str()).collect();
    std::fs::write(scratch.path().join("classes.json"), serde_json::to_vec(&classes)?)?;
    std::fs::write(scratch.path().join("import.py"), SCRIPT)?;
    let mut version = String::new();
    for file in &emitted.files {
        let arguments = ["-I", "-B", "import.py", &file.path, "classes.json"].map(Into::into);
        let environment = toolchain.environment.iter().cloned();
        let mut ended = run(&python, arguments, scratch.path(), environment, toolchain.limits)?;
        if !ended.success && ended.text.contains("ModuleNotFoundError: No module named 'pydantic'") {
            return Ok(skipped(installed!("Pydantic 2.11 (Python package `pydantic`)")));
        }
        if let Some(said) = ended.text.lines().find_map(|line| line.strip_prefix("imported with ")) {
            version = said.to_owned();
        } else {
            // A module may end the interpreter before it was looked at.
            ended.success = false;
        }
        let outcome = findings::outcome("python", version.clone(), &ended, finding);
        if !outcome.passed() {
            return Ok(outcome);
        }
    }
    Ok(Smoke::Passed { tool: "python".to_owned(), version })
}

/// `file:12: text`, as the script writes.
fn finding(line: &str) -> Option<Finding> {
    let (file, rest) = line.strip_prefix("finding ")?.split_once(':')?;
    let (line, message) = rest.split_once(": ")?;
    Some(Finding { file: file.to_owned(), line: line.parse().ok(), message: message.to_owned() })
}
