//! What the door of this node is: its key, its recipes, and the credentials that the environment has.

use std::path::Path;

use aw_alloy::Moment;
use aw_alloy::artifact::Artifact;
use aw_alloy::keys::{PublicKey, SecretKey};
use aw_line::Root;
use aw_line::node::NodeFile;
use aw_ship::{Bundle, Credentials, Provenance, ShipError, Target};
use aw_store::entities::EntitiesError;

use crate::commands::data_support::open;
use crate::commands::line_root;
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::identity;
use crate::report::{Place, Report};
use crate::variables::{self, Variable};

impl From<ShipError> for Report {
    fn from(error: ShipError) -> Self {
        match error {
            ShipError::Verify(error) => error.into(),
            ShipError::Evidence(error) => error.into(),
            ShipError::Line(error) => line_root::line(error),
            error => {
                let (exit, code) = match &error {
                    ShipError::Bundle { .. } => (ExitCode::Refused, "bundle"),
                    ShipError::Target(_) => (ExitCode::Usage, "target"),
                    ShipError::Changed { .. } => (ExitCode::Refused, "changed"),
                    ShipError::Taken { .. } => (ExitCode::Refused, "taken"),
                    ShipError::ReadBack { .. } => (ExitCode::Environment, "read-back"),
                    ShipError::Remote { .. } => (ExitCode::Environment, "target"),
                    ShipError::Busy { .. } => (ExitCode::Refused, "busy"),
                    ShipError::Cancelled => (ExitCode::Cancelled, "cancelled"),
                    _ => (ExitCode::Environment, "disk"),
                };
                Self::new(exit, code, error.to_string())
            }
        }
    }
}

/// A bundle that is meant, by name; one of many may be none.
pub(super) type Meant = (String, Result<Bundle, ShipError>);

/// The bundles that are meant: a part of a root, all of them, or a folder.
pub(super) fn bundles(part: Option<&Path>, root: Option<&Path>, all: bool) -> Result<Vec<Meant>, Report> {
    let usage = |message: &str| Err(Report::new(ExitCode::Usage, "parameters", message));
    match (part, root, all) {
        (Some(folder), None, false) if folder.symlink_metadata().is_err() => {
            let message = format!("there is no folder `{}`", folder.display());
            let report = Report::new(ExitCode::Usage, "not-found", message);
            Err(report.hint("a finished part of a line is named with its root: `--root FOLDER`"))
        }
        (Some(folder), None, false) => Ok(vec![(folder.display().to_string(), Bundle::of_folder(folder))]),
        (Some(part), Some(root), false) => {
            let Some(part) = part.to_str() else { return usage("a part's name is UTF-8") };
            let (root, node) = line(root)?;
            Ok(vec![(part.to_owned(), Bundle::of_part(&root, &node, part))])
        }
        (None, Some(root), true) => {
            let (root, node) = line(root)?;
            let names = Bundle::finished(&root)?.into_iter().map(|name| name.to_string());
            Ok(names.map(|name| (name.clone(), Bundle::of_part(&root, &node, &name))).collect())
        }
        (Some(_), _, true) => usage("`--all` means every finished part of the root; name no part with it"),
        (None, _, true) => usage("`--all` needs the root whose finished parts are meant"),
        (None, _, false) => usage("name an artifact's folder, or a finished part and its `--root`; `--all` means every part"),
    }
}

/// A line whose node ships, and what the node says of itself.
fn line(root: &Path) -> Result<(Root, NodeFile), Report> {
    let root = line_root::open(Some(root))?;
    let node = line_root::node_file(&root)?;
    if !node.ships() {
        let message =
            format!("the node `{}` does not ship: `{}` gives it other roles", node.node.name, root.node_file().display());
        let hint = "ship from a node of that role, whose root has the finished part; or add `ship` to `roles` there";
        return Err(Report::new(ExitCode::Refused, "not-a-door", message).hint(hint));
    }
    Ok((root, node))
}

/// Where things go, with what the environment has for it.
pub(super) fn publishers(to: &[String], private: bool, replace: bool) -> Result<Vec<Box<dyn aw_ship::Publisher>>, Report> {
    let mut targets = Vec::new();
    for (index, text) in to.iter().enumerate() {
        let place = Place { member: Some(format!("to[{index}]")), ..Place::default() };
        let target = Target::parse(text).map_err(|error| Report::from(ShipError::from(error)).at(place.clone()))?;
        if targets.contains(&target) {
            return Err(Report::new(ExitCode::Usage, "target", format!("`{target}` is named twice")).at(place));
        }
        targets.push(target);
    }
    let credentials = credentials(&targets, private, replace)?;
    targets.iter().map(|target| Ok(aw_ship::publisher(target, &credentials)?)).collect()
}

/// Credentials of the targets' kinds alone, from this process's environment alone.
fn credentials(targets: &[Target], private: bool, replace: bool) -> Result<Credentials, Report> {
    let mut credentials = Credentials { hub_private: private, hub_replace: replace, ..Credentials::default() };
    if targets.iter().any(|target| matches!(target, Target::Registry { .. })) {
        let user = text(variables::REGISTRY_USERNAME)?;
        let password = text(variables::REGISTRY_PASSWORD)?;
        credentials.registry = match (user, password) {
            (Some(user), Some(password)) => {
                let unusable = || {
                    let message = format!("`{}` cannot stand in a header; it is not shown", variables::REGISTRY_PASSWORD.name);
                    Report::new(ExitCode::Usage, "variable", message)
                };
                let password = aw_remote::net::Secret::new(password).ok_or_else(unusable)?;
                Some(aw_remote::oci::Credentials { user, password })
            }
            (None, None) => None,
            _ => {
                let (user, password) = (variables::REGISTRY_USERNAME.name, variables::REGISTRY_PASSWORD.name);
                let message = format!("one of `{user}` and `{password}` is set without the other");
                return Err(Report::new(ExitCode::Usage, "variable", message));
            }
        };
    }
    #[cfg(feature = "object-stores")]
    if targets.iter().any(|target| matches!(target, Target::Objects(_))) {
        credentials.stores = variables::of_stores();
    }
    if targets.iter().any(|target| matches!(target, Target::Hub(_))) {
        let settings = aw_hub::Settings::from_variables(&variables::value_of);
        credentials.hub = Some(settings.map_err(|error| Report::from_error(ExitCode::Usage, "variable", &error))?);
    }
    Ok(credentials)
}

fn text(variable: Variable) -> Result<Option<String>, Report> {
    let value = variable.value().map(std::ffi::OsString::into_string).transpose();
    value.map_err(|_| Report::new(ExitCode::Usage, "variable", format!("`{}` is not UTF-8", variable.name)))
}

/// The key receipts and approvals are signed with.
pub(super) fn key(environment: &Environment) -> Result<SecretKey, Report> {
    Ok(identity::load_or_create(&environment.identity_file())?)
}

/// Keys that may approve: this node's own, and those that are named.
pub(super) fn approvers(key: &SecretKey, named: &[String]) -> Result<Vec<PublicKey>, Report> {
    let mut approvers = crate::commands::judge::trusted_keys(named, "approver")?;
    approvers.push(key.public());
    Ok(approvers)
}

/// Whether the recipe that an artifact names is among the entities.
pub(super) fn resolve(environment: &Environment, artifact: &Artifact) -> Result<Provenance, String> {
    let (Some(id), Some(version)) = (artifact.text("recipeId"), artifact.text("recipeVersion")) else {
        return Ok(Provenance::Missing { reason: "the artifact names no recipe and version".to_owned() });
    };
    let entities = open(environment).map_err(|report| report.message)?;
    match entities.resolve_recipe(id, version) {
        Ok(found) => Ok(Provenance::Resolves { digest: found.digest }),
        Err(error @ (EntitiesError::NotFound { .. } | EntitiesError::Deleted { .. } | EntitiesError::NoVersion { .. })) => {
            Ok(Provenance::Missing { reason: format!("{error}; `data import` the recipe, and ship again") })
        }
        Err(error) => Err(error.to_string()),
    }
}

/// What time it is, to the second.
pub(super) fn now() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Moment::from_unix(i64::try_from(since.as_secs()).unwrap_or(i64::MAX), 0).to_string()
}
