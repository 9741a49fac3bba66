//! Whether generated files compile, asked of the real compilers.
//!
//! # Source
//! Codegen, section 10.

/// What is missing and how to get it.
macro_rules! installed {
    ($what:literal) => {
        concat!($what, ": run `.ci/codegen-tools`, and name its folder in ALLOYWORKS_CODEGEN_TOOLS")
    };
}

mod csharp;
mod documents;
mod findings;
mod process;
mod python;
mod rust;
mod scratch;
mod typescript;

pub use process::Limits;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::emit::{Emitted, Target};

/// What became of compiling a target's files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Smoke {
    /// A compiler took them.
    Passed {
        /// Which one.
        tool: String,
        /// Its version, and that of the libraries the files use.
        version: String,
    },
    /// There was no compiler. It never counts as passed.
    Skipped {
        /// What to install.
        missing: String,
    },
    /// A compiler refused them.
    Failed {
        /// Which one.
        tool: String,
        /// What it said, in its order.
        findings: Vec<Finding>,
    },
}

impl Smoke {
    /// Whether a compiler took the files.
    pub fn passed(&self) -> bool {
        matches!(self, Self::Passed { .. })
    }
}

/// One thing a compiler said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Finding {
    /// The generated file; empty when the compiler named none.
    pub file: String,
    /// The line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// What it said.
    pub message: String,
}

/// Where compilers are, and what they may use.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// The folder with TypeScript, Zod, Pydantic and C#, as `.ci/codegen-tools` installs them.
    pub tools: Option<PathBuf>,
    /// A Python with Pydantic, instead of that in [`Toolchain::tools`].
    pub python: Option<PathBuf>,
    /// A folder whose `node_modules` has TypeScript and Zod, instead of that in [`Toolchain::tools`].
    pub node_modules: Option<PathBuf>,
    /// A C# compiler with the arguments of `csc`, and the folder of its reference assemblies, instead of those in
    /// [`Toolchain::tools`].
    pub csharp: Option<(PathBuf, PathBuf)>,
    /// Folders to look for `node`, `python3` and `cargo` in, in order.
    pub path: Vec<PathBuf>,
    /// Environment variables that compilers are started with; they get no others.
    pub environment: Vec<(OsString, OsString)>,
    /// Where files to compile, and libraries once compiled, may lie.
    pub work: PathBuf,
    /// How long a compiler may take and how much it may say.
    pub limits: Limits,
}

impl Toolchain {
    /// Compilers of a folder of tools and of `path`, working below `work`.
    pub fn new(tools: Option<PathBuf>, path: Vec<PathBuf>, work: PathBuf) -> Self {
        let (python, node_modules, csharp, environment) = (None, None, None, Vec::new());
        Self { tools, python, node_modules, csharp, path, environment, work, limits: Limits::default() }
    }

    /// Compiles the files of a target.
    ///
    /// # Errors
    /// The working folder cannot be written, or a compiler that is there cannot be started.
    pub fn smoke(&self, emitted: &Emitted) -> io::Result<Smoke> {
        match emitted.target {
            Target::Csharp => csharp::smoke(self, emitted),
            Target::Typescript => typescript::smoke(self, emitted),
            Target::Python => python::smoke(self, emitted),
            Target::Rust => rust::smoke(self, emitted),
            Target::Sql | Target::Bpmn | Target::Cacao | Target::JsonSchema | Target::Openapi => Ok(documents::smoke(emitted)),
        }
    }

    /// What has to be installed before files of a target can be compiled, as far as can be told without starting anything.
    pub fn missing(&self, target: Target) -> Option<&'static str> {
        match target {
            Target::Csharp => csharp::find(self).err(),
            Target::Typescript => typescript::find(self).err(),
            Target::Python => python::find(self).err(),
            Target::Rust => rust::find(self).err(),
            Target::Sql | Target::Bpmn | Target::Cacao | Target::JsonSchema | Target::Openapi => None,
        }
    }

    /// A program of [`Toolchain::path`].
    fn program(&self, name: &str) -> Option<PathBuf> {
        // A relative entry would depend on where the program was started.
        self.path.iter().filter(|folder| folder.is_absolute()).map(|folder| folder.join(name)).find(|path| path.is_file())
    }

    /// Something of the folder of tools, when it is there.
    fn tool(&self, place: &str) -> Option<PathBuf> {
        self.tools.as_ref().map(|tools| tools.join(place)).filter(|path| path.exists())
    }
}

fn skipped(missing: &str) -> Smoke {
    Smoke::Skipped { missing: missing.to_owned() }
}

/// A path as an argument; paths that are not UTF-8 go to compilers as they are.
fn with(prefix: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(prefix);
    argument.push(path);
    argument
}
