//! Something wrong with a document, as data.

use std::fmt;

use super::{Mark, names};

/// Describes one thing that is wrong with a document. Checks return all of them at once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// A stable code, such as `unknown-field`.
    pub code: &'static str,
    /// The member concerned, such as `stages[2].level`; empty for the document itself.
    pub path: String,
    /// Where it is in the text, when the document came from one.
    pub at: Option<Mark>,
    /// What is wrong: lower-case start, names in backticks, no final stop.
    pub message: String,
    /// How to put it right, where that can be told.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem at a member, without place or remedy yet.
    pub fn new(code: &'static str, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, path: path.into(), at: None, message: message.into(), hint: None }
    }

    /// Adds the place in the text, when it is known.
    #[must_use]
    pub fn at(mut self, at: Mark) -> Self {
        self.at = at.known();
        self
    }

    /// Adds the remedy.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the remedy for a name that is none of `accepted`: the likeliest of them and the list.
    #[must_use]
    pub fn suggest<'a>(self, found: &str, accepted: impl IntoIterator<Item = &'a str>) -> Self {
        let accepted: Vec<&str> = accepted.into_iter().collect();
        let list = names::list(&accepted, "and");
        match names::suggest(found, accepted.iter().copied()) {
            Some(name) => self.hint(format!("did you mean `{name}`? accepted are {list}")),
            None => self.hint(format!("accepted are {list}")),
        }
    }
}

impl fmt::Display for Problem {
    /// Writes place, path and message on one line and the hint on a second: a list of problems reads well as is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = self.at {
            write!(f, "{at}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "`{}`: ", self.path)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Appends the step into member `name` to a path. Names that would not read back are put in quotes.
pub(crate) fn push_member(path: &mut String, name: &str) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'$');
    if name.is_empty() || !name.bytes().all(plain) {
        path.push_str(&format!("[{name:?}]"));
        return;
    }
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(name);
}

/// Appends the step into element `position` to a path.
pub(crate) fn push_item(path: &mut String, position: usize) {
    path.push_str(&format!("[{position}]"));
}
