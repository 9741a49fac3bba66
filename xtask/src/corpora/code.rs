//! The `code` domain: short functions of a small curly-brace language. Every name used is declared above its use.

use super::random::Random;

const VERBS: &[&str] = &["shift", "gather", "reduce", "clamp", "route", "blend", "probe", "drain", "align", "stage"];
const NOUNS: &[&str] = &["frame", "batch", "token", "cursor", "buffer", "slot", "window", "block"];
const NAMES: &[&str] = &["acc", "idx", "len", "mask", "step", "base", "cap", "pos", "row", "tmp", "low", "high"];
const CALLS: &[&str] = &["min", "max", "abs", "hash", "load", "size"];
/// Loop counters by depth.
const COUNTERS: [&str; 3] = ["i", "j", "k"];
const OPERATORS: &[&str] = &["+", "-", "*", "/", "%", "&", "^"];
const COMPARISONS: &[&str] = &["<", ">", "<=", ">=", "==", "!="];

/// One function of at least `target` characters' worth of statements, or a little more.
pub fn example(random: &mut Random, target: usize) -> String {
    let (first, second) = random.pick_two(NAMES);
    let mut writer = Writer { random, names: vec![first, second], text: String::new(), target };
    writer.function(first, second);
    writer.text
}

struct Writer<'a> {
    random: &'a mut Random,
    names: Vec<&'static str>,
    text: String,
    target: usize,
}

impl Writer<'_> {
    fn function(&mut self, first: &str, second: &str) {
        let name = format!("{}_{}", self.random.pick(VERBS), self.random.pick(NOUNS));
        self.text = format!("fn {name}({first}: u32, {second}: u32) -> u32 {{\n");
        while self.text.len() < self.target {
            self.statement(1);
        }
        let result = self.expression();
        self.line(1, &format!("return {result};"));
        self.text.push('}');
    }

    fn line(&mut self, depth: usize, text: &str) {
        for _ in 0..depth {
            self.text.push_str("    ");
        }
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn statement(&mut self, depth: usize) {
        // Deep or late statements open no further block, which bounds the length.
        let plain = depth == 3 || self.text.len() + 40 * depth > self.target;
        match self.random.below(if plain { 3 } else { 6 }) {
            0 => self.declare(depth),
            1 | 2 => self.assign(depth),
            3 => {
                let (left, right) = self.two_names();
                let comparison = self.random.pick(COMPARISONS);
                self.block(depth, &format!("if {left} {comparison} {right} {{"));
            }
            4 => {
                let (name, bound) = self.two_names();
                let comparison = self.random.pick(&["<", ">", "!="]);
                self.block(depth, &format!("while {name} {comparison} {bound} {{"));
            }
            _ => {
                let bound = self.term();
                self.block(depth, &format!("for {} in 0..{bound} {{", COUNTERS[depth - 1]));
            }
        }
    }

    fn declare(&mut self, depth: usize) {
        let name = self.random.pick(NAMES);
        if self.names.contains(&name) {
            return self.assign(depth);
        }
        let value = self.expression();
        self.line(depth, &format!("let mut {name} = {value};"));
        self.names.push(name);
    }

    fn assign(&mut self, depth: usize) {
        let (name, value) = (self.name(), self.expression());
        let operator = self.random.pick(&["=", "+=", "-=", "^="]);
        self.line(depth, &format!("{name} {operator} {value};"));
    }

    fn block(&mut self, depth: usize, head: &str) {
        self.line(depth, head);
        // A name declared inside a block, a loop's counter among them, ends with it.
        let outer = self.names.len();
        if head.starts_with("for ") {
            self.names.push(COUNTERS[depth - 1]);
        }
        for _ in 0..self.random.between(1, 2) {
            self.statement(depth + 1);
        }
        self.names.truncate(outer);
        self.line(depth, "}");
    }

    fn expression(&mut self) -> String {
        let left = self.term();
        match self.random.below(4) {
            0 => left,
            1 => format!("{}({left}, {})", self.random.pick(CALLS), self.name()),
            _ => format!("{left} {} {}", self.random.pick(OPERATORS), self.term()),
        }
    }

    fn term(&mut self) -> String {
        match self.random.below(5) {
            0 => self.random.pick(&["1", "2", "4", "8", "16", "32", "64"]).to_owned(),
            1 => {
                let (list, index) = self.two_names();
                format!("{list}[{index}]")
            }
            _ => self.name().to_owned(),
        }
    }

    fn two_names(&mut self) -> (&'static str, &'static str) {
        self.random.pick_two(&self.names)
    }

    fn name(&mut self) -> &'static str {
        self.random.pick(&self.names)
    }
}
