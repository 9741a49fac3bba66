//! Whether the ontology's version moved as far as its changes demand.

use semver::Version;

use crate::diagnostic::Diagnostic;

use super::{Diff, Step};

impl Diff {
    /// Holds the step between the two versions against the one that is demanded. A version that moves further than it must is fine.
    ///
    /// Diagnostics: `E-VERSION-STEP` when it moved too little or backwards, `E-VERSION` when one of them is no semantic version.
    pub fn version_step(&self) -> Vec<Diagnostic> {
        let read = |text: &str| Version::parse(text).map_err(|error| not_semantic(text, &error));
        let (old, new) = match (read(&self.old.version), read(&self.new.version)) {
            (Ok(old), Ok(new)) => (old, new),
            (old, new) => return old.err().into_iter().chain(new.err()).collect(),
        };
        if new.cmp_precedence(&old).is_lt() {
            let message = format!("the version goes back from {old} to {new}; expected {}", wanted(&old, self.step));
            return vec![Diagnostic::new("E-VERSION-STEP", "version", message)];
        }
        let step = step(&old, &new);
        if step >= self.step {
            return Vec::new();
        }
        let worst = self.changes.iter().find(|change| change.step == self.step);
        let because = worst.map_or(String::new(), |change| format!(" ({} of `{}`)", change.what.name(), change.subject));
        let message = format!(
            "{old} to {new} is a {} step, but what changed demands a {} one{because}; expected {}",
            if step == Step::None { "missing" } else { step.name() },
            self.step.name(),
            wanted(&old, self.step),
        );
        vec![Diagnostic::new("E-VERSION-STEP", "version", message)]
    }
}

fn not_semantic(text: &str, error: &semver::Error) -> Diagnostic {
    let shown: String = text.chars().take(80).collect();
    let message = format!("`{shown}` is no semantic version ({error}); expected three numbers such as 1.4.0");
    Diagnostic::new("E-VERSION", "version", message)
}

/// How far a version moved. Build metadata is no part of it.
fn step(old: &Version, new: &Version) -> Step {
    if new.major > old.major {
        Step::Major
    } else if new.minor > old.minor {
        Step::Minor
    } else if new.cmp_precedence(old).is_gt() {
        Step::Patch
    } else {
        Step::None
    }
}

fn wanted(old: &Version, step: Step) -> String {
    match step {
        Step::None => format!("{old} or later"),
        Step::Patch => format!("{}.{}.{} or later", old.major, old.minor, old.patch.saturating_add(1)),
        Step::Minor => format!("{}.{}.0 or later", old.major, old.minor.saturating_add(1)),
        Step::Major => format!("{}.0.0 or later", old.major.saturating_add(1)),
    }
}
