//! What is odd in a document and legal all the same: reported, never changed.
//!
//! Published documents disagree with one another and with the schema they were written against. A tolerant reader takes them as they
//! are; whoever relies on one should know. Every remark has a code, a path and, where it is known, a place in the text.

mod claims;
mod spelling;
mod stages;

use super::Document;
use crate::text::{Node, Problem};

/// A document that is odd all over gets no longer list than this, which bounds the memory a look takes.
const REMARKS_MAX: usize = 1000;

/// Says what is odd in a document, in the order of the text. Nothing of it is a violation: those are found by
/// [`validate`](super::validate).
///
/// # Source
/// The alloy format, section 13.
pub fn peculiarities(document: &Document) -> Vec<Problem> {
    let mut remarks = Remarks(Vec::new());
    spelling::look(document, &mut remarks);
    stages::look(document, &mut remarks);
    claims::look(document, &mut remarks);
    let mut remarks = remarks.0;
    remarks.sort_by_key(|remark| remark.at);
    if remarks.len() > REMARKS_MAX {
        remarks.truncate(REMARKS_MAX);
        remarks.push(Problem::new("more-remarks", "", format!("there are more remarks than the {REMARKS_MAX} listed")));
    }
    remarks
}

/// The remarks so far.
struct Remarks(Vec<Problem>);

impl Remarks {
    /// Adds a remark on `node`, which stands at `path`.
    fn add(&mut self, code: &'static str, path: impl Into<String>, node: &Node, message: impl Into<String>) {
        if self.0.len() <= REMARKS_MAX {
            self.0.push(Problem::new(code, path, message).at(node.at));
        }
    }

    fn is_full(&self) -> bool {
        self.0.len() > REMARKS_MAX
    }
}

/// The items of an array member.
fn items<'a>(node: Option<&'a Node>, name: &str) -> &'a [Node] {
    node.and_then(|node| node.get(name)).and_then(Node::as_array).unwrap_or_default()
}

/// A text member.
fn text<'a>(node: &'a Node, name: &str) -> Option<&'a str> {
    node.get(name).and_then(Node::as_str)
}
