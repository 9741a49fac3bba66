//! Destroying takes naming.

use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;

use super::{Change, Class, Diff};

impl Diff {
    /// Refuses what destroys unless each item is named as its change's subject; returns the names that were used, sorted, as the
    /// manifest carries them.
    ///
    /// # Errors
    /// `E-DESTRUCTIVE` for each destructive change that is not named, `E-ALLOW-UNKNOWN` for each name that names no destructive change.
    pub fn permit<T: AsRef<str>>(&self, names: &[T]) -> Result<Vec<String>, Vec<Diagnostic>> {
        let named: BTreeSet<&str> = names.iter().map(AsRef::as_ref).collect();
        let destructive: Vec<&Change> = self.of_class(Class::Destructive).collect();
        let subjects: BTreeSet<&str> = destructive.iter().map(|change| change.subject.as_str()).collect();
        let mut refused: Vec<Diagnostic> = Vec::new();
        for change in destructive.iter().filter(|change| !named.contains(change.subject.as_str())) {
            let detail = if change.detail.is_empty() { String::new() } else { format!(" ({})", change.detail) };
            let message = format!(
                "{}{detail}: what used it is cut off; allow it by name (--allow-destructive '{}') or keep it",
                change.what.name(),
                change.subject
            );
            refused.push(Diagnostic::new("E-DESTRUCTIVE", &change.subject, message));
        }
        for name in named.iter().filter(|name| !subjects.contains(*name)) {
            let near = nearest(name, &subjects);
            let hint = near.map_or_else(|| "nothing is destroyed".to_owned(), |near| format!("expected one such as `{near}`"));
            let shown: String = name.chars().take(200).collect();
            refused.push(Diagnostic::new("E-ALLOW-UNKNOWN", shown, format!("it names no destructive change; {hint}")));
        }
        if refused.is_empty() {
            return Ok(named.into_iter().map(str::to_owned).collect());
        }
        crate::diagnostic::sort(&mut refused);
        Err(refused)
    }
}

/// The subject that shares the longest beginning with a name.
fn nearest<'a>(name: &str, subjects: &BTreeSet<&'a str>) -> Option<&'a str> {
    let shared = |subject: &str| subject.bytes().zip(name.bytes()).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count();
    subjects.iter().copied().max_by_key(|subject| (shared(subject), std::cmp::Reverse(subject.len())))
}
