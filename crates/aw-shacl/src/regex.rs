//! Regular expressions of XPath and SPARQL (`fn:matches`), translated to those of the `regex` crate.
//!
//! Every construct is parsed and written anew, so that nothing means one thing there and another here: what the `regex` crate reads
//! differently is spelled out (`\w`, `\s`, `\i`, `\c`, class subtraction), what it cannot do (back references) and what XPath does not
//! have (`\b`, look-around, inline flags) is refused. Matching takes time linear in the text.

use std::collections::HashMap;

use regex::Regex;

use crate::limits::Limits;

const SPACE: &str = r"\t\n\r ";
const NAME_START: &str = r":_A-Za-z\u{C0}-\u{D6}\u{D8}-\u{F6}\u{F8}-\u{2FF}\u{370}-\u{37D}\u{37F}-\u{1FFF}\u{200C}\u{200D}\u{2070}-\u{218F}\u{2C00}-\u{2FEF}\u{3001}-\u{D7FF}\u{F900}-\u{FDCF}\u{FDF0}-\u{FFFD}\u{10000}-\u{EFFFF}";
const NAME_MORE: &str = r"\-.0-9\u{B7}\u{300}-\u{36F}\u{203F}\u{2040}";
/// What XPath's `\w` leaves out.
const NOT_WORD: &str = r"\p{P}\p{Z}\p{C}";
/// Groups within groups, and classes subtracted from classes.
const DEPTH: usize = 64;
/// The most a quantifier may count to.
const REPEAT: u32 = 1000;

/// Bytes that matching one expression may keep.
const CACHE: usize = 256 << 10;
/// Sizes that a compiled expression is tried with, so that it is known how large it is about.
const SIZES: [usize; 3] = [16 << 10, 128 << 10, 1 << 20];

/// Compiles patterns, the same one once.
pub struct Compiler {
    known: HashMap<(String, String), Regex>,
    left: usize,
}

impl Compiler {
    /// Compiles no more than `limits` allow in all.
    pub fn new(limits: &Limits) -> Self {
        Self { known: HashMap::new(), left: limits.regexes_bytes }
    }

    /// Compiles a pattern with XPath's flags.
    ///
    /// # Errors
    /// What is wrong with the pattern or the flags, or what of XPath is not supported, with the place counted in characters from 1.
    pub fn compile(&mut self, pattern: &str, flags: &str, limits: &Limits) -> Result<Regex, String> {
        let key = (pattern.to_owned(), flags.to_owned());
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let (regex, bytes) = compile(pattern, flags, limits)?;
        let too_many = || format!("the compiled patterns are larger than {} bytes together", limits.regexes_bytes);
        self.left = self.left.checked_sub(bytes + CACHE).ok_or_else(too_many)?;
        self.known.insert(key, regex.clone());
        Ok(regex)
    }
}

/// The compiled pattern, and how many bytes it has at most.
fn compile(pattern: &str, flags: &str, limits: &Limits) -> Result<(Regex, usize), String> {
    if pattern.len() > limits.text_bytes {
        return Err(format!("the pattern is longer than {} bytes", limits.text_bytes));
    }
    if let Some(flag) = flags.chars().find(|flag| !"ismxq".contains(*flag)) {
        return Err(format!("there is no flag `{flag}`; the flags are i, s, m, x and q"));
    }
    let has = |flag| flags.contains(flag);
    let text = if has('q') { regex::escape(pattern) } else { Translator::new(pattern, has('x')).translate()? };
    let mut builder = regex::RegexBuilder::new(&text);
    builder.case_insensitive(has('i')).dot_matches_new_line(has('s') && !has('q')).multi_line(has('m') && !has('q'));
    builder.dfa_size_limit(CACHE).nest_limit(250);
    for bytes in SIZES.into_iter().filter(|&bytes| bytes < limits.regex_bytes).chain([limits.regex_bytes]) {
        match builder.size_limit(bytes).build() {
            Ok(regex) => return Ok((regex, bytes)),
            Err(regex::Error::CompiledTooBig(_)) => (),
            Err(other) => return Err(format!("not a regular expression: {other}")),
        }
    }
    Err(format!("the compiled pattern is larger than {} bytes", limits.regex_bytes))
}

struct Translator {
    chars: Vec<(usize, char)>,
    at: usize,
    out: String,
}

impl Translator {
    fn new(pattern: &str, free_spacing: bool) -> Self {
        let mut chars = Vec::new();
        let (mut class, mut escaped) = (0_usize, false);
        for (at, c) in pattern.chars().enumerate() {
            // Flag x removes white space outside classes (XPath 3.0, section 5.6.2).
            if free_spacing && class == 0 && matches!(c, '\t' | '\n' | '\r' | ' ') {
                continue;
            }
            match c {
                '[' if !escaped => class += 1,
                ']' if !escaped => class = class.saturating_sub(1),
                _ => (),
            }
            escaped = c == '\\' && !escaped;
            chars.push((at + 1, c));
        }
        Self { chars, at: 0, out: String::new() }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).map(|&(_, c)| c)
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += usize::from(c.is_some());
        c
    }

    fn wrong<T>(&self, what: impl std::fmt::Display) -> Result<T, String> {
        let at = self.chars.get(self.at.saturating_sub(1)).map_or(0, |&(at, _)| at);
        Err(format!("at character {at}: {what}"))
    }

    fn literal(&mut self, c: char) {
        self.out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
    }

    fn translate(mut self) -> Result<String, String> {
        let mut depth = 0;
        // Whether a quantifier may follow.
        let mut atom = false;
        while let Some(c) = self.next() {
            let (before, mut now) = (atom, true);
            match c {
                '(' => {
                    depth += 1;
                    if depth > DEPTH {
                        return self.wrong(format_args!("groups are nested deeper than {DEPTH}"));
                    }
                    self.out.push('(');
                    if self.peek() == Some('?') {
                        self.next();
                        if self.next() != Some(':') {
                            return self.wrong("the only group that begins with `(?` is `(?:`");
                        }
                        self.out.push_str("?:");
                    }
                    now = false;
                }
                ')' if depth == 0 => return self.wrong("`)` without `(`"),
                ')' => {
                    depth -= 1;
                    self.out.push(')');
                }
                '|' | '^' | '$' => {
                    self.out.push(c);
                    now = false;
                }
                '.' => self.out.push('.'),
                '*' | '+' | '?' | '{' if !before => return self.wrong(format_args!("nothing before `{c}` to repeat")),
                '*' | '+' | '?' | '{' => {
                    self.quantifier(c)?;
                    now = false;
                }
                '[' => self.class(0)?,
                ']' | '}' => return self.wrong(format_args!("`{c}` must be written `\\{c}`")),
                '\\' => self.escape()?,
                _ => self.literal(c),
            }
            atom = now;
        }
        if depth > 0 {
            return self.wrong("`(` without `)`");
        }
        Ok(self.out)
    }

    fn quantifier(&mut self, first: char) -> Result<(), String> {
        if first == '{' {
            let mut text = String::new();
            loop {
                match self.next() {
                    Some('}') => break,
                    Some(c) if c.is_ascii_digit() || c == ',' => text.push(c),
                    _ => return self.wrong("a quantifier is `{n}`, `{n,}` or `{n,m}`"),
                }
            }
            let (low, high) = text.split_once(',').map_or((text.as_str(), None), |(low, high)| (low, Some(high)));
            let count = |text: &str| text.parse::<u32>().ok().filter(|&n| n <= REPEAT);
            let (Some(low), Some(high)) = (count(low), high.filter(|h| !h.is_empty()).map_or(Some(None), |h| count(h).map(Some)))
            else {
                return self.wrong(format_args!("a quantifier is `{{n}}`, `{{n,}}` or `{{n,m}}` with counts up to {REPEAT}"));
            };
            if high.is_some_and(|high| high < low) {
                return self.wrong("the quantifier's bounds are the wrong way round");
            }
            self.out.push_str(&format!("{{{text}}}"));
        } else {
            self.out.push(first);
        }
        if self.peek() == Some('?') {
            self.next();
            self.out.push('?');
        }
        Ok(())
    }

    /// An escape outside a class.
    fn escape(&mut self) -> Result<(), String> {
        match self.next() {
            None => self.wrong("the pattern ends with `\\`"),
            Some(c) => match class_escape(c) {
                Some((negated, inside)) => {
                    self.out.push_str(&format!("[{}{inside}]", if negated { "^" } else { "" }));
                    Ok(())
                }
                None if matches!(c, 'p' | 'P') => self.property(c),
                None => self.single(c),
            },
        }
    }

    /// `\n`, `\r`, `\t`, or a punctuation mark as itself.
    fn single(&mut self, c: char) -> Result<(), String> {
        match c {
            'n' | 'r' | 't' => self.out.push_str(&format!("\\{c}")),
            _ if c.is_ascii_punctuation() => self.literal(c),
            '1'..='9' => return self.wrong("back references are not supported: they cannot be matched in bounded time"),
            _ => return self.wrong(format_args!("XPath has no escape `\\{c}`")),
        }
        Ok(())
    }

    /// `\p{..}` or `\P{..}` of a general category.
    fn property(&mut self, c: char) -> Result<(), String> {
        let mut name = String::new();
        if self.next() != Some('{') {
            return self.wrong(format_args!("`\\{c}` needs a category in braces, as in `\\{c}{{Lu}}`"));
        }
        loop {
            match self.next() {
                Some('}') => break,
                Some(c) if c.is_ascii_alphanumeric() || c == '-' => name.push(c),
                _ => return self.wrong("a category's name is not ended by `}`"),
            }
        }
        if name.starts_with("Is") {
            return self.wrong(format_args!("Unicode blocks (`{name}`) are not supported; give the range of characters instead"));
        }
        let known = "L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po Z Zs Zl Zp S Sm Sc Sk So C Cc Cf Co Cn";
        if !known.split(' ').any(|category| category == name) {
            return self.wrong(format_args!("there is no category `{name}`"));
        }
        self.out.push_str(&format!("\\{c}{{{name}}}"));
        Ok(())
    }

    /// A class; its `[` was read. Written as a class of the `regex` crate, in which a class may hold classes.
    fn class(&mut self, depth: usize) -> Result<(), String> {
        if depth > DEPTH {
            return self.wrong(format_args!("classes are nested deeper than {DEPTH}"));
        }
        // `[^a-z-[x]]` is the negation first, then the subtraction: the negation stands on the inner class.
        self.out.push_str("[[");
        if self.peek() == Some('^') {
            self.next();
            self.out.push('^');
        }
        let mut empty = true;
        loop {
            let Some(c) = self.next() else { return self.wrong("`[` without `]`") };
            match c {
                ']' if empty => return self.wrong("a class must not be empty; `]` is written `\\]`"),
                ']' => break,
                '[' => return self.wrong("`[` within a class must be written `\\[`"),
                '-' if self.peek() == Some('[') && !empty => {
                    self.next();
                    self.out.push_str("]--");
                    self.class(depth + 1)?;
                    if self.next() != Some(']') {
                        return self.wrong("a class ends after what is subtracted from it");
                    }
                    self.out.push(']');
                    return Ok(());
                }
                '\\' => match self.next() {
                    Some(c @ ('p' | 'P')) => self.property(c)?,
                    Some(c) => match class_escape(c) {
                        Some((negated, inside)) => self.out.push_str(&format!("[{}{inside}]", if negated { "^" } else { "" })),
                        None => {
                            self.single(c)?;
                            self.range_end()?;
                        }
                    },
                    None => return self.wrong("the pattern ends with `\\`"),
                },
                '-' if !empty && self.peek() != Some(']') => {
                    return self.wrong("`-` within a class must be first, last or written `\\-`");
                }
                c => {
                    self.class_char(c);
                    if c != '-' {
                        self.range_end()?;
                    }
                }
            }
            empty = false;
        }
        self.out.push_str("]]");
        Ok(())
    }

    fn class_char(&mut self, c: char) {
        if c.is_ascii_punctuation() {
            self.out.push('\\');
        }
        self.out.push(c);
    }

    /// The other end of a range, when there is one.
    fn range_end(&mut self) -> Result<(), String> {
        let after = self.chars.get(self.at + 1).map(|&(_, c)| c);
        if self.peek() != Some('-') || matches!(after, None | Some(']' | '[')) {
            return Ok(());
        }
        self.next();
        self.out.push('-');
        match self.next() {
            Some('\\') => match self.next() {
                Some(c) if class_escape(c).is_none() && !matches!(c, 'p' | 'P') => self.single(c),
                _ => self.wrong("a range ends with a single character"),
            },
            Some(c) => {
                self.class_char(c);
                Ok(())
            }
            None => self.wrong("`[` without `]`"),
        }
    }
}

/// Multi-character escapes: whether negated, and the inside of a class.
fn class_escape(c: char) -> Option<(bool, String)> {
    let inside = match c.to_ascii_lowercase() {
        's' => SPACE.to_owned(),
        'd' => r"\p{Nd}".to_owned(),
        'w' => return Some((c == 'w', NOT_WORD.to_owned())),
        'i' => NAME_START.to_owned(),
        'c' => format!("{NAME_START}{NAME_MORE}"),
        _ => return None,
    };
    Some((c.is_ascii_uppercase(), inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, flags: &str, yes: &[&str], no: &[&str]) {
        let (regex, _) = compile(pattern, flags, &Limits::default()).unwrap_or_else(|why| panic!("{pattern}: {why}"));
        for text in yes {
            assert!(regex.is_match(text), "{pattern:?} {flags:?} matches {text:?}");
        }
        for text in no {
            assert!(!regex.is_match(text), "{pattern:?} {flags:?} does not match {text:?}");
        }
    }

    fn refuse(pattern: &str, flags: &str, because: &str) {
        let why = compile(pattern, flags, &Limits::default()).unwrap_err();
        assert!(why.contains(because), "{pattern}: {why}");
    }

    #[test]
    fn what_reads_alike_stays() {
        check("^[A-Z]{2,3}?(?:-\\d+)*$", "", &["AB", "ABC-1-2"], &["A", "ABCD", "AB-"]);
        check("a.c", "", &["abc"], &["a\nc"]);
        check("a.c", "s", &["a\nc"], &[]);
        check("^b$", "m", &["a\nb\nc"], &[]);
        check("^b$", "", &["b"], &["b\n", "a\nb"]);
        check("STRASSE", "i", &["strasse"], &[]);
        check("^[^\\/]+\\/[^\\/]+$", "", &["text/plain"], &["text"]);
    }

    #[test]
    fn what_differs_is_translated() {
        check("^\\w$", "", &["a", "é", "+", "\u{301}"], &["_", " ", "-"]);
        check("^\\s$", "", &[" ", "\t"], &["\u{a0}", "\u{b}"]);
        check("^\\i\\c*$", "", &["a:b-c", "_1"], &["1a", "-"]);
        check("^[a-z-[aeiou]]+$", "", &["xyz"], &["xay"]);
        check("^[^a-z-[A-Z]]$", "", &["1"], &["a", "A"]);
        check("^[a&&b~~c]+$", "", &["a&b~c"], &["d"]);
        check("^[-+]$", "", &["-", "+"], &["a"]);
        check("^[\\d\\-.]+$", "", &["1-2.3"], &["a"]);
        check("^[\\S]+$", "", &["ab"], &["a b"]);
        check("^[\\W]+$", "", &["_"], &["a"]);
        check("a b [c d]", "x", &["ab ", "abc"], &["a b c"]);
        check("a.b[", "q", &["xa.b[x"], &["axb["]);
        check("A.B", "iq", &["a.b"], &["axb"]);
        check("^\\p{Lu}\\P{Lu}$", "", &["Ab"], &["AB"]);
    }

    #[test]
    fn many_large_patterns_are_refused_and_the_same_one_is_compiled_once() {
        let limits = Limits { regexes_bytes: 10 << 20, ..Limits::default() };
        let mut compiler = Compiler::new(&limits);
        let count = (0..100).take_while(|n| compiler.compile(&format!("(a{{100}}){{{n}}}"), "", &limits).is_ok()).count();
        assert!((5..40).contains(&count), "{count}");
        assert!((0..100).all(|_| compiler.compile("(a{100}){3}", "", &limits).is_ok()));
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_place() {
        refuse("(a)\\1", "", "at character 5: back references");
        refuse("\\bword\\b", "", "no escape `\\b`");
        refuse("(?i)a", "", "at character 3");
        refuse("(?=a)", "", "(?:");
        refuse("\\p{IsBasicLatin}", "", "blocks");
        refuse("\\p{Greek}", "", "no category");
        refuse("a**", "", "nothing before `*`");
        refuse("a{,3}", "", "quantifier");
        refuse("a{5,3}", "", "wrong way round");
        refuse("a{100000}", "", "up to 1000");
        refuse("[[:alpha:]]", "", "must be written");
        refuse("[]", "", "empty");
        refuse("(a", "", "without");
        refuse("a)", "", "without");
        refuse("a", "g", "no flag `g`");
        refuse("((a{1000}){1000}){1000}", "", "larger than");
        refuse(&"(".repeat(100), "", "deeper");
        refuse(&"a".repeat(1 << 17), "", "longer");
    }
}
