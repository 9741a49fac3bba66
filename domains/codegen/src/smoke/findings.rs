//! What compilers say, with its place.

use super::process::Ended;
use super::{Finding, Smoke};

/// As many findings as are kept; the count of the others is said.
const KEPT: usize = 100;

/// The outcome of a compiler, whose errors `find` takes from its text.
pub(super) fn outcome(tool: &str, version: String, ended: &Ended, find: fn(&str) -> Option<Finding>) -> Smoke {
    if ended.success {
        return Smoke::Passed { tool: tool.to_owned(), version };
    }
    let mut findings: Vec<Finding> = ended.text.lines().filter_map(find).collect();
    let more = findings.len().saturating_sub(KEPT);
    findings.truncate(KEPT);
    if more > 0 {
        findings.push(unplaced(format!("and {more} more")));
    }
    if findings.is_empty() {
        let from = ended.text.len().saturating_sub(4000);
        let tail: String = ended.text.chars().skip(ended.text[..ended.text.floor_char_boundary(from)].chars().count()).collect();
        findings.push(unplaced(if tail.trim().is_empty() { format!("{tool} failed and said nothing") } else { tail }));
    }
    findings.extend(ended.cut.clone().map(unplaced));
    Smoke::Failed { tool: tool.to_owned(), findings }
}

fn unplaced(message: String) -> Finding {
    Finding { file: String::new(), line: None, message }
}

fn name(path: &str) -> String {
    path.rsplit(['/', '\\']).next().unwrap_or(path).to_owned()
}

/// `file(12,3): error CODE: text`, as tsc and csc write.
pub(super) fn parenthesised(line: &str) -> Option<Finding> {
    let (place, message) = line.split_once("): error ")?;
    let (file, at) = place.rsplit_once('(')?;
    let row = at.split(',').next()?.parse().ok();
    Some(Finding { file: name(file), line: row, message: message.to_owned() })
}

/// `file:12:3: error: text`, as cargo writes in its short format.
pub(super) fn colons(line: &str) -> Option<Finding> {
    let (place, message) = line.split_once(": error")?;
    let mut parts = place.rsplitn(3, ':');
    let (_, row, file) = (parts.next()?, parts.next()?, parts.next()?);
    let message = message.trim_start_matches(':').trim();
    Some(Finding { file: name(file), line: row.parse().ok(), message: message.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found() {
        let found = parenthesised("/a b/x.g.cs(11,40): error CS0246: The type 'Gid' (…) could not be found").unwrap();
        assert_eq!((found.file.as_str(), found.line), ("x.g.cs", Some(11)));
        assert_eq!(found.message, "CS0246: The type 'Gid' (…) could not be found");
        let found = colons("src/x.g.rs:3:9: error[E0412]: cannot find type `X`").unwrap();
        assert_eq!(
            (found.file.as_str(), found.line, found.message.as_str()),
            ("x.g.rs", Some(3), "[E0412]: cannot find type `X`")
        );
        assert!(parenthesised("x.cs(1,2): warning CS1: w").is_none());
        assert!(colons("error: could not compile `smoke`").is_none());
    }

    #[test]
    fn what_is_not_understood_is_shown() {
        let ended = Ended { success: false, text: "it broke".to_owned(), cut: None };
        let Smoke::Failed { findings, .. } = outcome("tsc", String::new(), &ended, parenthesised) else { panic!("failed") };
        assert_eq!(findings[0].message, "it broke");
    }
}
