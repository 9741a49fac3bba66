//! A look over Turtle without building anything: what reading it would cost, and where its subjects stand.
//!
//! The scan knows only where tokens end. It sees the tokens that oxttl sees up to the first thing that is no Turtle, and stops there.

use std::collections::HashMap;

use oxiri::Iri;

use crate::problem::{Fault, Place, Problem};
use crate::{Limits, Places};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// `<…>`; the range is without the brackets.
    Iri,
    /// A literal's text; the range is without the quotes.
    Text,
    /// `(` or `[`.
    Open,
    /// `)` or `]`.
    Close,
    /// `,`
    Comma,
    /// `;` or another sign that stands alone.
    Sign,
    /// The full stop at the end of a statement.
    Stop,
    /// Anything else up to the next white space or sign: prefixed names, keywords, numbers, labels, language tags.
    Word,
}

#[derive(Clone, Copy, Debug)]
struct Token {
    kind: Kind,
    start: usize,
    end: usize,
}

/// Cuts a text into tokens; ends early at what cannot be Turtle.
struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Tokens<'_> {
    fn token(&mut self, kind: Kind, start: usize, end: usize, next: usize) -> Option<Token> {
        self.at = next;
        Some(Token { kind, start, end })
    }

    fn iri(&mut self) -> Option<Token> {
        let start = self.at + 1;
        let length = self.bytes[start..].iter().position(|it| matches!(it, b'>' | b'<' | b'"' | 0..=b' '))?;
        let end = start + length;
        if self.bytes[end] != b'>' {
            return None;
        }
        self.token(Kind::Iri, start, end, end + 1)
    }

    fn text(&mut self, quote: u8) -> Option<Token> {
        let long = self.bytes[self.at..].starts_with(&[quote; 3]);
        let start = self.at + if long { 3 } else { 1 };
        let mut at = start;
        loop {
            match *self.bytes.get(at)? {
                b'\\' => at += 2,
                b'\n' | b'\r' if !long => return None,
                it if it == quote && !long => return self.token(Kind::Text, start, at, at + 1),
                it if it == quote && self.bytes[at..].starts_with(&[quote; 3]) => {
                    return self.token(Kind::Text, start, at, at + 3);
                }
                _ => at += 1,
            }
        }
    }

    fn word(&mut self) -> Option<Token> {
        let start = self.at;
        let mut at = start;
        while let Some(byte) = self.bytes.get(at) {
            match byte {
                b'\\' => at += 2,
                0..=b' ' | b'<' | b'>' | b'"' | b'\'' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b',' | b';' | b'#' => break,
                // A full stop within a word goes on only before what may follow one in a name or number.
                b'.' if !self.goes_on(at) => break,
                _ => at += 1,
            }
        }
        let end = at.min(self.bytes.len());
        // A control character, which is no Turtle.
        if end == start {
            return None;
        }
        self.token(Kind::Word, start, end, end)
    }

    /// Whether a name or number goes on behind a full stop.
    fn goes_on(&self, stop: usize) -> bool {
        let next = self.bytes[stop..].iter().find(|it| **it != b'.');
        next.is_some_and(|it| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'-' | b':' | b'%' | b'\\' | 0x80..))
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            let at = self.at;
            match *self.bytes.get(at)? {
                b' ' | b'\t' | b'\r' | b'\n' => self.at += 1,
                b'#' => {
                    self.at += self.bytes[at..].iter().position(|it| matches!(it, b'\n' | b'\r')).unwrap_or(self.bytes.len() - at)
                }
                b'<' => return self.iri(),
                quote @ (b'"' | b'\'') => return self.text(quote),
                b'(' | b'[' => return self.token(Kind::Open, at, at + 1, at + 1),
                b')' | b']' => return self.token(Kind::Close, at, at + 1, at + 1),
                b'.' if !self.bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => {
                    return self.token(Kind::Stop, at, at + 1, at + 1);
                }
                b',' => return self.token(Kind::Comma, at, at + 1, at + 1),
                b';' | b'>' | b'{' | b'}' => return self.token(Kind::Sign, at, at + 1, at + 1),
                _ => return self.word(),
            }
        }
    }
}

/// What a directive at the start of a statement declares.
enum Declares {
    Base,
    Prefix,
}

/// Whether a word begins a directive, and whether one in SPARQL's style, which has no full stop.
fn directive(word: &str) -> Option<(Declares, bool)> {
    match word {
        "@base" => Some((Declares::Base, false)),
        "@prefix" => Some((Declares::Prefix, false)),
        _ if word.eq_ignore_ascii_case("base") => Some((Declares::Base, true)),
        _ if word.eq_ignore_ascii_case("prefix") => Some((Declares::Prefix, true)),
        _ => None,
    }
}

fn is_absolute(iri: &str) -> bool {
    let scheme = iri.split([':', '/', '?', '#']).next().unwrap_or_default();
    iri.len() > scheme.len() && iri.as_bytes()[scheme.len()] == b':' && scheme.starts_with(|it: char| it.is_ascii_alphabetic())
}

/// Bytes of the IRIs the text writes out in full once they are resolved, at most: base IRIs and prefixes may grow with each other.
///
/// # Errors
/// When the text is nested too deep, a literal or an IRI is too long, or there are too many statements: each full stop but those of
/// directives and each comma stands for one at least. Building a graph costs more than finding that out here.
pub fn cost(text: &str, base: usize, limits: &Limits) -> Result<usize, Problem> {
    let above = |at: usize, what, limit| Err(Problem::at(Place::of(text, at), Fault::Limit { what, limit }));
    let (mut depth, mut total, mut base) = (0usize, 0usize, base);
    let mut declares = None;
    let (mut ends, mut directives) = (0usize, 0usize);
    for token in (Tokens { bytes: text.as_bytes(), at: 0 }) {
        let length = token.end - token.start;
        match token.kind {
            Kind::Open => {
                depth += 1;
                if depth > limits.nesting {
                    return above(token.start, "nested brackets", limits.nesting);
                }
            }
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Text if length > limits.literal => return above(token.start, "bytes of a literal", limits.literal),
            Kind::Word if length > limits.iri => return above(token.start, "bytes of a name", limits.iri),
            Kind::Iri => {
                let iri = &text[token.start..token.end];
                let resolved = if is_absolute(iri) { length } else { base + length };
                if resolved > limits.iri {
                    return above(token.start, "bytes of an IRI", limits.iri);
                }
                if matches!(declares, Some(Declares::Base)) {
                    base = resolved;
                }
                total = total.saturating_add(resolved);
                if total > limits.text {
                    return above(token.start, "bytes of all terms, written out", limits.text);
                }
                declares = None;
            }
            Kind::Word => {
                if let Some((what, _)) = directive(&text[token.start..token.end]) {
                    declares = Some(what);
                    directives += 1;
                }
            }
            Kind::Comma | Kind::Stop => {
                ends += 1;
                if ends > limits.triples.saturating_add(directives) {
                    return above(token.start, "statements", limits.triples);
                }
            }
            Kind::Text | Kind::Sign => {}
        }
    }
    Ok(total)
}

/// Notes where wanted subjects of statements are first written.
pub fn subjects(text: &str, base: Option<&str>, places: &mut Places<'_>) {
    let mut base = base.and_then(|it| Iri::parse(it.to_owned()).ok());
    let mut prefixes: HashMap<&str, String> = HashMap::new();
    let (mut depth, mut fresh) = (0usize, true);
    let mut declares: Option<(Declares, bool)> = None;
    let mut prefix = "";
    let resolve = |base: &Option<Iri<String>>, iri: &str| match base {
        Some(base) => base.resolve(iri).ok().map(Iri::into_inner),
        None => Some(iri.to_owned()),
    };
    for token in (Tokens { bytes: text.as_bytes(), at: 0 }) {
        if places.all_found() {
            return;
        }
        let written = &text[token.start..token.end];
        let begins = std::mem::replace(&mut fresh, false);
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Stop if depth == 0 => fresh = true,
            Kind::Word if begins => match directive(written) {
                Some(found) => declares = Some(found),
                None => {
                    let Some((name, local)) = written.split_once(':') else { continue };
                    let Some(namespace) = prefixes.get(name) else { continue };
                    places.found(format!("{namespace}{}", local.replace('\\', "")), token.start);
                }
            },
            Kind::Word if declares.is_some() => prefix = written.trim_end_matches(':'),
            Kind::Iri => {
                let resolved = resolve(&base, written);
                match (declares.take(), resolved) {
                    (Some((Declares::Base, style)), Some(iri)) => {
                        base = Iri::parse(iri).ok();
                        fresh = style;
                    }
                    (Some((Declares::Prefix, style)), Some(iri)) => {
                        prefixes.insert(prefix, iri);
                        fresh = style;
                    }
                    (None, Some(iri)) if begins => places.found(iri, token.start - 1),
                    _ => {}
                }
            }
            _ => {}
        }
    }
}
