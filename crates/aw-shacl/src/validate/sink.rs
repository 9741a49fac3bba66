//! Where results go.

use oxrdf::{Literal, NamedNode, Term, TermRef};

use crate::limits::LimitError;
use crate::path::Path;
use crate::report::ValidationResult;
use crate::shapes::Shape;
use crate::term::text;

/// Bytes of a reason; what is longer is cut.
const REASON: usize = 1000;

/// Collects results, or only notices that there is one.
pub struct Sink {
    /// None: the first result is enough.
    results: Option<Vec<ValidationResult>>,
    full: bool,
    left: usize,
    limit: usize,
}

/// What a constraint found wrong.
pub struct Fault {
    pub path: Option<Path>,
    pub value: Option<Term>,
    pub component: NamedNode,
    pub source_constraint: Option<Term>,
    /// Instead of those of the shape, when not empty.
    pub messages: Vec<Literal>,
    pub reason: String,
    pub detail: Vec<ValidationResult>,
}

impl Sink {
    pub fn collect(limit: usize) -> Self {
        Self { results: Some(Vec::new()), full: false, left: limit, limit }
    }

    /// For asking whether there is any result.
    pub fn first() -> Self {
        Self { results: None, full: false, left: 1, limit: 1 }
    }

    /// A sink for details, which count too.
    pub fn below(&self) -> Self {
        Self { results: Some(Vec::new()), full: false, left: self.left, limit: self.limit }
    }

    /// Whether details and texts are of use.
    pub fn collects(&self) -> bool {
        self.results.is_some()
    }

    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Adds a result; `fault` is asked only when it is kept.
    pub fn add(&mut self, shape: &Shape, focus: TermRef<'_>, fault: impl FnOnce() -> Fault) -> Result<(), LimitError> {
        let Some(results) = &mut self.results else {
            self.full = true;
            return Ok(());
        };
        let mut fault = fault();
        if fault.reason.len() > REASON {
            fault.reason.truncate(fault.reason.floor_char_boundary(REASON));
            fault.reason.push_str("...");
        }
        let result = ValidationResult {
            focus_node: focus.into_owned(),
            path: fault.path,
            value: fault.value,
            severity: shape.severity.clone(),
            messages: if fault.messages.is_empty() { shape.messages.clone() } else { fault.messages },
            reason: fault.reason,
            source_shape: shape.node.clone(),
            source_constraint: fault.source_constraint,
            component: fault.component,
            detail: fault.detail,
        };
        let Some(left) = self.left.checked_sub(weight(&result)) else {
            return Err(LimitError { what: "results", limit: self.limit as u64, field: "results" });
        };
        self.left = left;
        results.push(result);
        Ok(())
    }

    pub fn into_results(self) -> Vec<ValidationResult> {
        self.results.unwrap_or_default()
    }
}

/// What a result counts: one, and one for each kilobyte of its texts, and what its details count.
fn weight(result: &ValidationResult) -> usize {
    let terms = [Some(&result.focus_node), result.value.as_ref()].into_iter().flatten();
    let terms: usize = terms.map(|term| text(term.as_ref()).map_or(0, str::len)).sum();
    let messages: usize = result.messages.iter().map(|message| message.value().len()).sum();
    1 + (terms + messages) / 1024 + result.detail.iter().map(weight).sum::<usize>()
}
