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
    summary: "The folder of llama.cpp's programs (`llama-server`, `llama-perplexity`); without it they are looked for on `PATH`, and a \
              program with llama.cpp linked in uses that.",
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

/// Declares the variables of the code generator.
macro_rules! codegen_variables {
    ($($name:ident = $variable:literal: $summary:literal;)+) => {
        $(#[doc = $summary] pub const $name: Variable = Variable { name: $variable, summary: $summary };)+
        /// Those of the code generator.
        const CODEGEN: &[Variable] = &[$($name),+];
    };
}

codegen_variables! {
    FORGE_STORE = "FORGE_STORE": "The folder the code generator remembers in; `codegen` in the home folder without it.";
    FORGE_HTTP_BEARER = "FORGE_HTTP_BEARER": "The bearer token that sources behind HTTP are asked with.";
    FORGE_ALLOWED_ORIGINS = "FORGE_ALLOWED_ORIGINS": "Origins that sources may be read from and redirected to, separated by commas.";
    FORGE_ALLOWED_ROOTS = "FORGE_ALLOWED_ROOTS": "Folders that the service may read files from, separated by commas; without it, none.";
    FORGE_OUT_DIR = "FORGE_OUT_DIR": "The folder that `out` of a request to the service is below.";
    FORGE_PORT = "FORGE_PORT": "The port of the service, 8086 without it.";
    FORGE_DEFAULT_UPSTREAM = "FORGE_DEFAULT_UPSTREAM": "Where the service reads the ontology when a notification does not say.";
    FORGE_API_TOKENS = "FORGE_API_TOKENS": "Bearer tokens that may write through the service, separated by commas.";
    FORGE_SIGNING_KEY = "FORGE_SIGNING_KEY": "The file of the key that artifacts are signed with; the node's identity without it.";
    FORGE_OPEN_SNAPSHOTS = "FORGE_OPEN_SNAPSHOTS": "When set, the service gives ontology snapshots to everybody.";
    OCI_USERNAME = "FORGE_OCI_USERNAME": "Who artifacts are published to a registry as.";
    OCI_PASSWORD = "FORGE_OCI_PASSWORD": "The password or token for that.";
    WEBHOOK_HMAC_SECRET = "WEBHOOK_HMAC_SECRET": "Secrets that notifications are signed with, separated by commas while one is replaced.";
    WEBHOOK_SIGNATURE_HEADER = "WEBHOOK_SIGNATURE_HEADER": "The header of a notification's signature, `X-Hub-Signature-256` without it.";
    WEBHOOK_SIGNATURE_PREFIX = "WEBHOOK_SIGNATURE_PREFIX": "What stands before the signature's digits, `sha256=` without it.";
    WEBHOOK_MODE = "WEBHOOK_MODE": "`body-only` for senders that sign the body alone.";
    CODEGEN_TOOLS = "ALLOYWORKS_CODEGEN_TOOLS": "The folder of the compilers that generated files are tried with.";
    CARGO_HOME = "CARGO_HOME": "Where Cargo keeps its packages; handed on to it.";
    RUSTUP_HOME = "RUSTUP_HOME": "Where Rust's compilers are; handed on to Cargo.";
    LOG_LEVEL = "LOG_LEVEL": "What the service logs: `info`, or `error`.";
}

/// What programs that stages start are given of the environment.
pub const TOOLS: &[Variable] = &[PATH, LIBRARY_PATH, CUDA_DEVICES];

/// What models from the Hub are reached with.
#[cfg(feature = "hub")]
const HUB: &[(&str, &str)] = llm_forge::hub::VARIABLES;
#[cfg(not(feature = "hub"))]
const HUB: &[(&str, &str)] = &[];

/// What object stores are reached with, by how their names begin.
const STORES: &[(&str, &str)] = &[
    (
        "AWS_…",
        "What S3 is reached with, by its own tools' names: `AWS_ACCESS_KEY_ID`, `AWS_REGION`, `AWS_ENDPOINT_URL` and the others.",
    ),
    ("AZURE_…", "What Azure Blob Storage is reached with: `AZURE_STORAGE_CONNECTION_STRING` or the single settings."),
    ("GOOGLE_…", "What Google Cloud Storage is reached with: `GOOGLE_SERVICE_ACCOUNT` and the others."),
];

/// Every variable, for the reference: name and what it does.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    let own = ALL.iter().chain(if cfg!(feature = "codegen") { CODEGEN } else { &[] });
    let own = own.chain(if cfg!(feature = "ship") { SHIP } else { &[] });
    let stores = if cfg!(feature = "object-stores") { STORES } else { &[] };
    own.map(|variable| (variable.name, variable.summary)).chain(stores.iter().copied()).chain(HUB.iter().copied())
}

/// Who artifacts are shipped to a registry as.
pub const REGISTRY_USERNAME: Variable =
    Variable { name: "ALLOYWORKS_OCI_USERNAME", summary: "Who `ship` publishes to a registry as." };
/// The password for that.
pub const REGISTRY_PASSWORD: Variable =
    Variable { name: "ALLOYWORKS_OCI_PASSWORD", summary: "The password or token for that. It is never written anywhere." };
/// Those of the shipping door.
const SHIP: &[Variable] = &[REGISTRY_USERNAME, REGISTRY_PASSWORD];

/// What object stores are told: the variables of their own tools.
#[cfg(feature = "object-stores")]
pub(crate) fn of_stores() -> aw_remote::objects::Variables {
    let texts = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    aw_remote::objects::Variables::of(texts)
}

/// All of them but those of the Hub.
const ALL: &[Variable] = &[HOME_FOLDER, XDG_DATA_HOME, USER_HOME, NO_COLOR, LLAMA_CPP, PATH, LIBRARY_PATH, CUDA_DEVICES];

#[cfg(any(feature = "hub", feature = "ship"))]
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
