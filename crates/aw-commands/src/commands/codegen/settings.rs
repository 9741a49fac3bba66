//! The forge of a home folder, as variables and the command line set it up.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aw_alloy::keys::SecretKey;
use codegen::delivery::oci::{Credentials, Registry, Repository};
use codegen::delivery::{ArtifactStore, Directory};
use codegen::forge::{Forge, Settings};
use codegen::net::{Network, Secret};
use codegen::smoke::Toolchain;
use codegen::source::{ObjectLocation, Sources};

use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::identity;
use crate::report::Report;
use crate::variables::{self, Variable};

/// A text variable; one that is no UTF-8 is refused.
pub(super) fn text(variable: Variable) -> Result<Option<String>, Report> {
    let value = variable.value().map(std::ffi::OsString::into_string).transpose();
    value.map_err(|_| Report::new(ExitCode::Usage, "variable", format!("`{}` is not UTF-8", variable.name)))
}

/// The parts of a variable that holds a list, separated by commas.
pub(super) fn list(variable: Variable) -> Result<Option<Vec<String>>, Report> {
    let parts = |text: String| text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect();
    Ok(text(variable)?.map(parts))
}

/// Where the forge remembers: `FORGE_STORE`, else a folder of the home folder.
pub(super) fn store(environment: &Environment) -> PathBuf {
    variables::FORGE_STORE.value().map_or_else(|| environment.home().join("codegen"), PathBuf::from)
}

/// What the person who started the program may read: every file, and the origins that are listed, or any public one when none is.
pub(super) fn sources(roots: Option<Vec<PathBuf>>) -> Result<Sources, Report> {
    #[cfg(feature = "object-stores")]
    let others = roots.is_some();
    let allowed = text(variables::FORGE_ALLOWED_ORIGINS)?.map(|text| Network::origins(&text)).transpose();
    let allowed = allowed.map_err(|error| Report::from_error(ExitCode::Usage, "variable", &error))?;
    let network = Network { allowed, ..Network::default() };
    let bearer = text(variables::FORGE_HTTP_BEARER)?.and_then(Secret::new);
    Ok(Sources {
        roots,
        network,
        bearer,
        #[cfg(feature = "object-stores")]
        // Where others name the sources, only stores that somebody set up are asked.
        object_stores: Some(variables::of_stores()).filter(|stores| !others || !stores.is_empty()),
    })
}

/// The compilers of this machine, working below a folder.
pub(crate) fn toolchain(work: PathBuf) -> Toolchain {
    let path = variables::PATH.value().map(|folders| std::env::split_paths(&folders).collect()).unwrap_or_default();
    let tools = variables::CODEGEN_TOOLS.value().map(PathBuf::from);
    let mut toolchain = Toolchain::new(tools, path, work);
    let handed_on = [variables::PATH, variables::USER_HOME, variables::CARGO_HOME, variables::RUSTUP_HOME];
    toolchain.environment =
        handed_on.into_iter().filter_map(|variable| variable.value().map(|value| (variable.name.into(), value))).collect();
    toolchain
}

/// The key artifacts are signed with: that of `FORGE_SIGNING_KEY`, else the node's identity, which is made when there is none.
pub(super) fn signing_key(environment: &Environment) -> Result<SecretKey, Report> {
    match variables::FORGE_SIGNING_KEY.value().map(PathBuf::from) {
        Some(path) => identity::load(&path)?.ok_or_else(|| {
            let message = format!("there is no key `{}`, which `{}` names", path.display(), variables::FORGE_SIGNING_KEY.name);
            Report::new(ExitCode::Environment, "signing-key", message)
        }),
        None => Ok(identity::load_or_create(&environment.identity_file())?),
    }
}

/// Where artifacts go: a folder, a bucket, or a registry as `oci://host/name`, which is asked without TLS on this machine alone.
pub(super) fn artifacts(environment: &Environment, to: Option<&str>) -> Result<Arc<dyn ArtifactStore + Send + Sync>, Report> {
    let Some(to) = to else { return Ok(Arc::new(Directory::new(store(environment).join("artifacts")))) };
    if !to.contains("://") {
        return Ok(Arc::new(Directory::new(super::support::folder(Path::new(to))?)));
    }
    if ObjectLocation::is_meant(to) {
        return bucket(to);
    }
    let host = to.strip_prefix("oci://").and_then(|rest| rest.split(['/', ':']).next()).unwrap_or_default();
    let here = matches!(host, "localhost" | "127.0.0.1");
    let repository = Repository::parse(to, here).map_err(|error| Report::from_error(ExitCode::Usage, "store", &error))?;
    let (user, password) = (text(variables::OCI_USERNAME)?, text(variables::OCI_PASSWORD)?.and_then(Secret::new));
    let credentials = user.zip(password).map(|(user, password)| Credentials { user, password });
    Ok(Arc::new(Registry::new(repository, credentials)))
}

#[cfg(feature = "object-stores")]
fn bucket(to: &str) -> Result<Arc<dyn ArtifactStore + Send + Sync>, Report> {
    let opened = codegen::delivery::Objects::open(to, &variables::of_stores());
    Ok(Arc::new(opened.map_err(|error| Report::from_error(ExitCode::Usage, "store", &error))?))
}

#[cfg(not(feature = "object-stores"))]
fn bucket(_: &str) -> Result<Arc<dyn ArtifactStore + Send + Sync>, Report> {
    let message = "this program was built without object stores; build it with the feature `object-stores`";
    Err(Report::new(ExitCode::Usage, "store", message))
}

/// The forge of this home folder, for whoever started the program. It signs only when `signs` says so.
pub(super) fn forge(environment: &Environment, to: Option<&str>, signs: bool) -> Result<Forge, Report> {
    Ok(Forge::new(Settings {
        store: store(environment),
        out_root: None,
        sources: sources(None)?,
        toolchain: toolchain(store(environment).join("smoke")),
        artifacts: artifacts(environment, to)?,
        signing_key: if signs { Some(Arc::new(signing_key(environment)?)) } else { None },
        upstream: None,
    }))
}
