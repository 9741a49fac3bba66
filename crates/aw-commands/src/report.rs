//! What a surface says when something went wrong. Every library error becomes one of these, once.

mod convert;

use std::path::Path;

use aw_alloy::text::Problem;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::exit::ExitCode;

/// Something that went wrong, for people and for programs.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Stable name of what went wrong, such as `recipe-refused` or `stage-failed`.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// What went wrong: lower-case start, names in backticks.
    pub message: String,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What it followed from, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub causes: Vec<String>,
    /// What would put it right.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub hints: Vec<String>,
    /// The single problems, when there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub problems: Vec<Report>,
    /// The number the program ends with because of it.
    pub exit_code: ExitCode,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It stopped the command.
    Error,
    /// It did not stop the command.
    Warning,
}

/// Where something is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column in characters, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// The member, such as `stages[2].level`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
}

impl Report {
    /// An error with a stable code.
    pub fn new(exit_code: ExitCode, code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            severity: Severity::Error,
            message: message.into(),
            place: None,
            causes: Vec::new(),
            hints: Vec::new(),
            problems: Vec::new(),
            exit_code,
        }
    }

    /// An error with the sources it followed from.
    pub fn from_error(exit_code: ExitCode, code: &str, error: &dyn std::error::Error) -> Self {
        let message = error.to_string();
        let causes = std::iter::successors(error.source(), |cause| cause.source()).map(ToString::to_string);
        // Many errors already quote their source; saying it twice helps nobody.
        let causes = causes.filter(|cause| !message.contains(cause.as_str())).collect();
        Self { causes, ..Self::new(exit_code, code, message) }
    }

    /// The JSON Schema of a report.
    pub fn schema() -> Value {
        crate::registry::result_schema::<Self>()
    }

    /// A fault of this program.
    pub fn bug(message: impl std::fmt::Display) -> Self {
        Self::new(ExitCode::Bug, "bug", format!("this is a bug: {message}"))
    }

    /// Problems of a document, all of them, each with its place in `file`.
    pub fn problems(exit_code: ExitCode, code: &str, what: &str, file: Option<&Path>, problems: Vec<Problem>) -> Self {
        let count = problems.len();
        let message = format!("{what} {count} problem{}", if count == 1 { "" } else { "s" });
        let problems = problems.into_iter().map(|problem| Self::problem(exit_code, file, problem)).collect();
        Self { problems, ..Self::new(exit_code, code, message) }
    }

    fn problem(exit_code: ExitCode, file: Option<&Path>, problem: Problem) -> Self {
        let place = Place {
            file: file.map(|file| file.display().to_string()),
            line: problem.at.map(|at| at.line),
            column: problem.at.map(|at| at.column),
            member: Some(problem.path).filter(|path| !path.is_empty()),
        };
        let exit_code = if problem.code == "bug" { ExitCode::Bug } else { exit_code };
        let report = Self::new(exit_code, problem.code, problem.message).at(place);
        problem.hint.into_iter().fold(report, Self::hint)
    }

    /// Adds where it is.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Adds what would put it right.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds what would put it right, where that is known.
    #[must_use]
    pub fn hint_if<T: Into<String>>(self, hint: Option<T>) -> Self {
        hint.into_iter().fold(self, Self::hint)
    }
}

impl std::fmt::Display for Place {
    /// Writes `file:line:column`, as far as they are known; without a file, the member.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.file, &self.member) {
            (Some(file), _) => {
                f.write_str(file)?;
                let numbers = [self.line, self.column];
                numbers.iter().flatten().try_for_each(|number| write!(f, ":{number}"))
            }
            (None, Some(member)) => write!(f, "`{member}`"),
            (None, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_among_problems_says_so() {
        let problems = vec![Problem::new("bug", "", "x"), Problem::new("unknown-field", "a", "y").hint("z")];
        let report = Report::problems(ExitCode::Refused, "recipe-refused", "the recipe has", Some(Path::new("r.yaml")), problems);
        assert_eq!(report.message, "the recipe has 2 problems");
        assert_eq!((report.problems[0].exit_code, report.problems[1].exit_code), (ExitCode::Bug, ExitCode::Refused));
        assert_eq!(report.problems[1].hints, ["z"]);
    }
}
