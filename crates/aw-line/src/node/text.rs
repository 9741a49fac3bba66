//! TOML text as a tree with positions, so that it is checked the way every other document is.

use std::collections::BTreeMap;

use aw_alloy::text::{Mark, Node, Number, Object, Problem, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Deepest nesting that is walked; the file's tables go three deep.
const DEPTH_MAX: u32 = 32;

/// Where lines begin, to turn offsets into places.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl Lines<'_> {
    fn mark(&self, offset: usize) -> Mark {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let column = self.text[self.starts[line]..offset].chars().count() + 1;
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Mark { line: number(line + 1), column: number(column) }
    }
}

/// A text that was read: its tree, and where each key's name stands, by the key's path.
pub(super) struct Read {
    pub(super) node: Node,
    pub(super) names: BTreeMap<String, Mark>,
}

struct Reader<'a> {
    lines: Lines<'a>,
    names: BTreeMap<String, Mark>,
    problems: Vec<Problem>,
}

/// Reads TOML text.
///
/// # Errors
/// Every place where the text is not TOML, or holds what no key takes.
pub(super) fn tree(bytes: &[u8]) -> Result<Read, Vec<Problem>> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let message = format!("the file is not UTF-8 text: byte {} is not part of a character", error.valid_up_to());
        vec![Problem::new("syntax", "", message)]
    })?;
    let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let lines = Lines { text, starts };
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let problem = |error: &toml::de::Error| {
            let problem = Problem::new("syntax", "", error.message().replace('\n', ", "));
            match error.span() {
                Some(span) => problem.at(lines.mark(span.start)),
                None => problem,
            }
        };
        return Err(errors.iter().map(problem).collect());
    }
    let mut reader = Reader { lines, names: BTreeMap::new(), problems: Vec::new() };
    let object = reader.members(table.get_ref(), "", 0);
    if !reader.problems.is_empty() {
        return Err(reader.problems);
    }
    Ok(Read { node: Node::new(Value::Object(object), reader.lines.mark(0)), names: reader.names })
}

impl Reader<'_> {
    fn members(&mut self, table: &DeTable<'_>, path: &str, depth: u32) -> Object {
        let mut pairs: Vec<(&Spanned<_>, &Spanned<DeValue<'_>>)> = table.iter().collect();
        pairs.sort_by_key(|(name, _)| name.span().start);
        let mut object = Object::new();
        for (name, value) in pairs {
            let text = name.get_ref().to_string();
            let path = if path.is_empty() { text.clone() } else { format!("{path}.{text}") };
            self.names.insert(path.clone(), self.lines.mark(name.span().start));
            let value = self.node(value, &path, depth + 1);
            object.insert(text, value);
        }
        object
    }

    fn node(&mut self, value: &Spanned<DeValue<'_>>, path: &str, depth: u32) -> Node {
        let at = self.lines.mark(value.span().start);
        let read = match value.get_ref() {
            _ if depth > DEPTH_MAX => Err(format!("the value lies more than {DEPTH_MAX} tables deep")),
            DeValue::String(text) => Ok(Value::String(text.to_string())),
            DeValue::Boolean(value) => Ok(Value::Bool(*value)),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(value) => Ok(Number::from_lexeme(&value.to_string()).map_or(Value::Null, Value::Number)),
                Err(_) => Err(format!("`{}` is out of range", number.as_str())),
            },
            DeValue::Float(number) => match number.as_str().parse::<f64>().ok().and_then(Number::from_f64) {
                Some(number) => Ok(Value::Number(number)),
                None => Err(format!("`{}` is no finite number", number.as_str())),
            },
            DeValue::Datetime(time) => Err(format!("`{time}` is a date or time, which no key takes; a text stands in quotes")),
            DeValue::Array(items) => {
                let items = items.iter().enumerate();
                Ok(Value::Array(items.map(|(index, item)| self.node(item, &format!("{path}[{index}]"), depth + 1)).collect()))
            }
            DeValue::Table(table) => Ok(Value::Object(self.members(table, path, depth))),
        };
        let value = read.unwrap_or_else(|message| {
            self.problems.push(Problem::new("value", path, message).at(at));
            Value::Null
        });
        Node::new(value, at)
    }
}
