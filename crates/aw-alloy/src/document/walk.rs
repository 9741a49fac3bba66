//! Goes through a document's tree and knows at every value how it got there.

use crate::text::{Node, Value, push_item, push_member};

/// Longer names are cut in paths: a path is for people, and there may be as many as there are problems.
const NAME_MAX: usize = 200;

/// One step down the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// Into a member.
    Member(&'a str),
    /// Into an element.
    Item(usize),
}

/// The steps to a value.
pub(crate) type Steps<'a> = [Step<'a>];

/// Visits every member and element below `node`; where `visit` says false, nothing below.
pub(crate) fn walk<'a>(node: &'a Node, steps: &mut Vec<Step<'a>>, visit: &mut dyn FnMut(&Steps<'a>, &'a Node) -> bool) {
    let mut down = |step: Step<'a>, node: &'a Node| {
        steps.push(step);
        if visit(steps, node) {
            walk(node, steps, visit);
        }
        steps.pop();
    };
    match &node.value {
        Value::Array(items) => items.iter().enumerate().for_each(|(position, item)| down(Step::Item(position), item)),
        Value::Object(object) => object.iter().for_each(|member| down(Step::Member(&member.name), &member.value)),
        _ => {}
    }
}

/// The steps as problems write them: `stages[2].level`.
pub(crate) fn path(steps: &Steps<'_>) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Member(name) => match name.char_indices().nth(NAME_MAX) {
                Some((end, _)) => push_member(&mut path, &format!("{}…", &name[..end])),
                None => push_member(&mut path, name),
            },
            Step::Item(position) => push_item(&mut path, *position),
        }
    }
    path
}

/// The name of the member a value is; `None` for elements.
pub(crate) fn name<'a>(steps: &Steps<'a>) -> Option<&'a str> {
    match steps.last() {
        Some(Step::Member(name)) => Some(name),
        _ => None,
    }
}
