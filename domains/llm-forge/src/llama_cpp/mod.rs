//! The one adapter to llama.cpp: its programs are started as child processes, asked over loopback or read from their output.
//!
//! A GGUF file is judged by the program that people run it with. Nothing of llama.cpp is linked unless the feature `llama-cpp-linked` is
//! chosen: then [`Adapter`] asks the library instead, where no folder of programs is named.
//!
//! # Source
//! `tools/server/README.md` and `tools/perplexity/README.md` of llama.cpp.

mod adapter;
mod error;
mod likelihood;
mod line;
#[cfg(feature = "llama-cpp-linked")]
mod linked;
mod perplexity;
mod process;
mod server;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use aw_alloy::digest::{Digest, Hasher};
use serde::Serialize;

use crate::tools::Tools;

pub use adapter::{Adapter, Loaded};
pub use error::LlamaCppError;
pub use likelihood::TokenLikelihood;
pub use perplexity::{KlDivergence, Measured, Percentiles, TextSettings};
pub use server::{Completion, Server, ServerSettings, StopReason};

/// The programs that are used.
const SERVER: &str = "llama-server";
const PERPLEXITY: &str = "llama-perplexity";

/// How long a program may take to say its version.
const VERSION_TIME: Duration = Duration::from_secs(30);

/// What to do when the programs are not there.
pub const HINT: &str = "install llama.cpp (its release archives, or the package of your system) and put `llama-server` and \
                        `llama-perplexity` on PATH, or name their folder in ALLOYWORKS_LLAMA_CPP";

/// llama.cpp's programs on this machine.
#[derive(Clone, Debug)]
pub struct LlamaCpp {
    server: PathBuf,
    perplexity: PathBuf,
    environment: Vec<(std::ffi::OsString, std::ffi::OsString)>,
}

/// Which llama.cpp it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Version {
    /// What `llama-server --version` says, its first line without the word `version`; of the linked library its own version, that of its
    /// tensor library, and `linked`.
    pub version: String,
    /// SHA-256 of `llama-server`: a build from a source archive knows no build number. A linked library is part of the program, whose own
    /// hash every artifact holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
}

impl LlamaCpp {
    /// Finds the programs: in [`Tools::llama_cpp`] when that is set, else in [`Tools::path`].
    ///
    /// # Errors
    /// [`LlamaCppError::NotFound`] with what was looked for, where, and what to install.
    pub fn find(tools: &Tools) -> Result<Self, LlamaCppError> {
        let find = |program: &'static str| {
            let found = match &tools.llama_cpp {
                Some(folder) => std::path::absolute(folder).ok().and_then(|folder| Tools::find_in(program, [folder.as_path()])),
                None => tools.find(program),
            };
            found.ok_or_else(|| LlamaCppError::NotFound { program, folder: tools.llama_cpp.clone() })
        };
        Ok(Self { server: find(SERVER)?, perplexity: find(PERPLEXITY)?, environment: tools.environment.clone() })
    }

    /// Says which llama.cpp this is.
    ///
    /// # Errors
    /// When the program cannot be run or read, or says nothing of a version.
    pub fn version(&self) -> Result<Version, LlamaCppError> {
        let mut command = self.command(&self.server);
        command.arg("--version");
        let output = process::run(command, SERVER, VERSION_TIME, &|| false)?;
        let said = [&output.stdout, &output.stderr].into_iter().flat_map(|text| text.lines());
        let version = said.filter_map(|line| line.trim().strip_prefix("version:")).map(|rest| rest.trim().to_owned()).next();
        let version = version.ok_or_else(|| LlamaCppError::Output {
            program: SERVER,
            expected: "a line `version: …`".into(),
            got: error::shortened(&output.stderr),
        })?;
        let mut hasher = Hasher::new();
        std::fs::File::open(&self.server)
            .and_then(|mut file| std::io::copy(&mut file, &mut hasher))
            .map_err(|source| LlamaCppError::Start { program: SERVER, source })?;
        Ok(Version { version, sha256: Some(hasher.finish()) })
    }

    /// A command with nothing of this process's environment but what [`Tools::environment`] lists: llama.cpp reads settings from it.
    fn command(&self, program: &std::path::Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}
