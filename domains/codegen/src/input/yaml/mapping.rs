//! A mapping of which every key is asked for by name, so that none is overlooked.

use aw_alloy::text::{Node, Object, Problem, Value};

use super::Reading;

/// A mapping that is being read.
pub(super) struct Mapping<'a> {
    node: &'a Node,
    object: &'a Object,
    what: &'static str,
    known: Vec<&'static str>,
}

impl<'a> Mapping<'a> {
    /// The mapping `node` is; else a fault.
    pub(super) fn of(node: &'a Node, what: &'static str, reading: &mut Reading) -> Option<Self> {
        match node.as_object() {
            Some(object) => Some(Self { node, object, what, known: Vec::new() }),
            None => {
                reading.fault("E-YAML-KIND", node, format!("{what} is {}, expected a mapping", node.value.kind()));
                None
            }
        }
    }

    /// The value of a key that is there and not null.
    pub(super) fn get(&mut self, key: &'static str) -> Option<&'a Node> {
        self.known.push(key);
        self.object.get(key).filter(|node| !node.is_null())
    }

    /// Where the mapping starts.
    pub(super) fn node(&self) -> &'a Node {
        self.node
    }

    /// A text; nothing when the key is not there.
    pub(super) fn text(&mut self, key: &'static str, reading: &mut Reading) -> Option<String> {
        let node = self.get(key)?;
        text(node, key, reading)
    }

    /// A text that has to be there.
    pub(super) fn required_text(&mut self, key: &'static str, reading: &mut Reading) -> String {
        match self.get(key) {
            Some(node) => text(node, key, reading).unwrap_or_default(),
            None => {
                let message = format!("`{key}` is missing in {}; expected a text", self.what);
                reading.fault("E-YAML-MISSING", self.node, message);
                String::new()
            }
        }
    }

    /// A boolean; false when the key is not there.
    pub(super) fn flag(&mut self, key: &'static str, reading: &mut Reading) -> bool {
        let Some(node) = self.get(key) else { return false };
        node.as_bool().unwrap_or_else(|| {
            reading.fault("E-YAML-KIND", node, format!("`{key}` is {}, expected true or false without quotes", shown(node)));
            false
        })
    }

    /// The elements of a sequence; none when the key is not there.
    pub(super) fn items(&mut self, key: &'static str, reading: &mut Reading) -> &'a [Node] {
        let Some(node) = self.get(key) else { return &[] };
        node.as_array().unwrap_or_else(|| {
            reading.fault("E-YAML-KIND", node, format!("`{key}` is {}, expected a sequence", shown(node)));
            &[]
        })
    }

    /// The texts of a sequence.
    pub(super) fn texts(&mut self, key: &'static str, reading: &mut Reading) -> Vec<String> {
        self.items(key, reading).iter().filter_map(|item| text(item, key, reading)).collect()
    }

    /// Tells of every key nobody asked for.
    pub(super) fn finish(self, reading: &mut Reading) {
        for member in self.object.iter().filter(|member| !self.known.contains(&member.name.as_str())) {
            let name: String = member.name.chars().take(80).collect();
            let problem = Problem::new("unknown-key", "", "").suggest(&name, self.known.iter().copied());
            let message = format!("`{name}` is no key of {}; {}", self.what, problem.hint.unwrap_or_default());
            let at = Node { value: Value::Null, at: member.name_at };
            reading.fault("E-YAML-KEY", &at, message);
        }
    }
}

/// The text a value is.
pub(super) fn text(node: &Node, key: &str, reading: &mut Reading) -> Option<String> {
    if let Some(text) = node.as_str() {
        return Some(text.to_owned());
    }
    let quotes = if matches!(node.value, Value::Number(_) | Value::Bool(_)) { "; put it in quotes" } else { "" };
    reading.fault("E-YAML-KIND", node, format!("`{key}` is {}, expected a text{quotes}", shown(node)));
    None
}

/// A value as a message shows it.
fn shown(node: &Node) -> String {
    match &node.value {
        Value::String(text) => format!("the text `{}`", text.chars().take(80).collect::<String>()),
        Value::Number(number) => format!("the number `{}`", number.lexeme()),
        _ => node.value.kind().to_owned(),
    }
}
