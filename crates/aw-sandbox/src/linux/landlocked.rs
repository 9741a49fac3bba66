//! The Landlock ruleset of a view.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, Scope,
    path_beneath_rules,
};

use crate::{Refusal, Step};

/// What every kernel with Landlock can refuse; a kernel that cannot refuse even this is refused itself. What the first version leaves
/// open (truncating by path, moving between folders, sockets, signals, devices) the list of system calls refuses.
const REQUIRED: ABI = ABI::V1;
/// What is refused too where the kernel can.
const WANTED: ABI = ABI::V6;

fn build(paths: &[PathBuf]) -> Result<Option<OwnedFd>, RulesetError> {
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(REQUIRED))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(WANTED))?
        .handle_access(AccessNet::from_all(WANTED))?
        .scope(Scope::from_all(WANTED))?
        .create()?
        .add_rules(path_beneath_rules(paths, AccessFs::from_read(REQUIRED)))?;
    Ok(ruleset.into())
}

/// Makes the ruleset that lets `paths` be read and nothing else.
pub(super) fn ruleset(paths: &[PathBuf]) -> Result<OwnedFd, Refusal> {
    let built = build(paths).map_err(|error| Refusal::new(Step::Landlock, error))?;
    built.ok_or_else(|| Refusal::new(Step::Landlock, "this kernel has no Landlock"))
}
