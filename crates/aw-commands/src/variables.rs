//! Every environment variable the program reads. Nothing else reads any.

use std::ffi::OsString;

/// One environment variable.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
}

/// The home folder, when `--home` does not name one.
pub const HOME_FOLDER: Variable =
    Variable { name: "ALLOYWORKS_HOME", summary: "The home folder: store and keys. `--home` wins over it." };
/// Where the home folder is made when nothing names one.
pub const XDG_DATA_HOME: Variable = Variable {
    name: "XDG_DATA_HOME",
    summary: "When set, the home folder is `alloyworks` in it, unless `ALLOYWORKS_HOME` names another.",
};
/// Where the home folder is made when `XDG_DATA_HOME` is not set.
pub const USER_HOME: Variable =
    Variable { name: "HOME", summary: "When nothing else names one, the home folder is `.local/share/alloyworks` in it." };
/// Turns colours off.
pub const NO_COLOR: Variable = Variable { name: "NO_COLOR", summary: "When set to anything, `--color auto` means no colours." };

/// The folder of llama.cpp's programs.
pub const LLAMA_CPP: Variable = Variable {
    name: "ALLOYWORKS_LLAMA_CPP",
    summary: "The folder of llama.cpp's programs (`llama-server`, `llama-perplexity`); without it they are looked for on `PATH`.",
};
/// Where programs of others are looked for.
pub const PATH: Variable =
    Variable { name: "PATH", summary: "Where programs that stages start are looked for; handed on to them." };
/// Where the libraries of those programs are.
pub const LIBRARY_PATH: Variable =
    Variable { name: "LD_LIBRARY_PATH", summary: "Where libraries of those programs are; handed on to them." };
/// Which accelerators those programs may use.
pub const CUDA_DEVICES: Variable =
    Variable { name: "CUDA_VISIBLE_DEVICES", summary: "Which accelerators those programs may use; handed on to them." };

/// What programs that stages start are given of the environment.
pub const TOOLS: &[Variable] = &[PATH, LIBRARY_PATH, CUDA_DEVICES];

/// What models from the Hub are reached with.
#[cfg(feature = "hub")]
const HUB: &[(&str, &str)] = llm_forge::hub::VARIABLES;
#[cfg(not(feature = "hub"))]
const HUB: &[(&str, &str)] = &[];

/// Every variable, for the reference: name and what it does.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALL.iter().map(|variable| (variable.name, variable.summary)).chain(HUB.iter().copied())
}

/// All of them but those of the Hub.
const ALL: &[Variable] = &[HOME_FOLDER, XDG_DATA_HOME, USER_HOME, NO_COLOR, LLAMA_CPP, PATH, LIBRARY_PATH, CUDA_DEVICES];

#[cfg(feature = "hub")]
/// The value of a variable by its name, for libraries that say which they ask for; `None` when it is not set or empty.
pub(crate) fn value_of(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

impl Variable {
    /// Its value; `None` when it is not set or empty.
    pub fn value(&self) -> Option<OsString> {
        std::env::var_os(self.name).filter(|value| !value.is_empty())
    }
}
