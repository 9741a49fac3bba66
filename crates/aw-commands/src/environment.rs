//! What commands work with: the home folder, the domains, and how heavy stages are started.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use aw_alloy::digest::Hasher;
use aw_domain::Registry;
use aw_foundry::WorkerCommand;
use aw_store::Store;
use serde_json::{Value, json};

use crate::exit::ExitCode;
use crate::keys::Keyring;
use crate::report::Report;
use crate::{machine, variables};

/// What the surface knows of its surroundings.
pub struct Settings {
    /// The home folder, when it was named.
    pub home: Option<PathBuf>,
    /// Gives the domains, once, when a command asks for them: not every command needs them, and each waits for what it gets.
    pub registry: DomainSource,
    /// The program itself: it is hashed into every artifact, and started as the process of heavy stages.
    pub program: Option<PathBuf>,
    /// What to give the program so that it serves one stage; `None` runs heavy stages in this process.
    pub worker_arguments: Option<Vec<String>>,
}

/// Gives the domains.
pub type DomainSource = Box<dyn FnOnce() -> Registry + Send + Sync>;

/// What commands work with.
pub struct Environment {
    home: PathBuf,
    registry: LazyLock<Registry, DomainSource>,
    program: Option<PathBuf>,
    worker_arguments: Option<Vec<String>>,
}

/// Why there is no home folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// Nothing says where it is.
    #[error("there is no home folder: neither `ALLOYWORKS_HOME` nor `XDG_DATA_HOME` nor `HOME` is set")]
    NoHome,
    /// A variable that must hold an absolute path holds another.
    #[error("`{variable}` is `{}`, expected an absolute path", value.display())]
    NotAbsolute {
        /// The variable.
        variable: &'static str,
        /// What it holds.
        value: PathBuf,
    },
}

impl From<EnvironmentError> for Report {
    fn from(error: EnvironmentError) -> Self {
        Self::from_error(ExitCode::Environment, "home", &error).hint("name a folder with `--home`")
    }
}

impl Environment {
    /// Takes the settings. Makes nothing on disk.
    ///
    /// # Errors
    /// [`EnvironmentError`] when there is no home folder.
    pub fn new(settings: Settings) -> Result<Self, EnvironmentError> {
        let home = match settings.home {
            Some(home) => home,
            None => default_home(|variable| variable.value().map(PathBuf::from))?,
        };
        let registry = LazyLock::new(settings.registry);
        Ok(Self { home, registry, program: settings.program, worker_arguments: settings.worker_arguments })
    }

    /// The home folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The domains.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The program itself.
    #[cfg(feature = "line")]
    pub(crate) fn program(&self) -> Option<&Path> {
        self.program.as_deref()
    }

    /// The file of the identity key.
    pub(crate) fn identity_file(&self) -> PathBuf {
        self.home.join("keys/identity.ed25519")
    }

    /// The signing keys.
    pub(crate) fn keyring(&self) -> Keyring {
        Keyring::new(&self.home)
    }

    pub(crate) fn store(&self) -> Result<Store, Report> {
        Ok(Store::open(&self.home)?)
    }

    pub(crate) fn worker(&self) -> Option<WorkerCommand> {
        let (program, arguments) = (self.program.clone()?, self.worker_arguments.clone()?);
        Some(WorkerCommand { program, arguments })
    }

    /// What makes the artifacts: the `code` member of their `integrity`.
    pub(crate) fn code(&self) -> Result<Value, Report> {
        let mut code = json!({"runner": "alloyworks", "version": env!("CARGO_PKG_VERSION")});
        if let Some(program) = &self.program {
            let mut hasher = Hasher::new();
            let copied = std::fs::File::open(program).and_then(|mut file| std::io::copy(&mut file, &mut hasher));
            if let Err(error) = copied {
                let message = format!("the program itself (`{}`) cannot be read: {error}", program.display());
                return Err(Report::new(ExitCode::Environment, "program", message));
            }
            code["binaryHash"] = json!(hasher.finish());
        }
        Ok(code)
    }
}

/// Threads to use: what was asked for, or as many as the machine gives this process.
pub(crate) fn threads(asked: Option<u32>) -> usize {
    asked.map_or_else(machine::threads, |threads| threads as usize)
}

fn default_home(value: impl Fn(&variables::Variable) -> Option<PathBuf>) -> Result<PathBuf, EnvironmentError> {
    if let Some(home) = value(&variables::HOME_FOLDER) {
        return Ok(home);
    }
    for (variable, below) in [(&variables::XDG_DATA_HOME, "alloyworks"), (&variables::USER_HOME, ".local/share/alloyworks")] {
        if let Some(folder) = value(variable) {
            if !folder.is_absolute() {
                return Err(EnvironmentError::NotAbsolute { variable: variable.name, value: folder });
            }
            return Ok(folder.join(below));
        }
    }
    Err(EnvironmentError::NoHome)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn home(set: &[(&str, &str)]) -> Result<PathBuf, EnvironmentError> {
        default_home(|variable| set.iter().find(|(name, _)| *name == variable.name).map(|(_, value)| PathBuf::from(value)))
    }

    #[test]
    fn the_nearer_variable_wins_and_none_is_loud() {
        assert_eq!(home(&[("HOME", "/u"), ("XDG_DATA_HOME", "/x"), ("ALLOYWORKS_HOME", "h")]).unwrap(), Path::new("h"));
        assert_eq!(home(&[("HOME", "/u"), ("XDG_DATA_HOME", "/x")]).unwrap(), Path::new("/x/alloyworks"));
        assert_eq!(home(&[("HOME", "/u")]).unwrap(), Path::new("/u/.local/share/alloyworks"));
        assert_eq!(home(&[]), Err(EnvironmentError::NoHome));
        assert!(matches!(home(&[("HOME", "u")]), Err(EnvironmentError::NotAbsolute { variable: "HOME", .. })));
    }
}
