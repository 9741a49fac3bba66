//! Terms and their definition (JSON-LD 1.1 API, section 4.2).

use std::collections::HashMap;
use std::rc::Rc;

use super::context::{Context, colon, direction};
use super::iri::{has_keyword_form, is_absolute, is_blank, is_keyword};
use super::json::{NULL, Node, Value};
use super::{Reader, Result, broken};

/// What a term means.
#[derive(Clone, Debug, Default)]
pub struct Term<'a> {
    /// Its IRI, blank node or keyword; none where the term is switched off.
    pub iri: Option<Rc<str>>,
    /// Whether it is a property the other way round.
    pub reverse: bool,
    /// Whether it may stand before a colon.
    pub prefix: bool,
    /// Whether it may not be defined anew.
    pub protected: bool,
    /// `@type`: an IRI or one of `@id`, `@vocab`, `@json`, `@none`.
    pub datatype: Option<Rc<str>>,
    /// `@language`; some none for `null`.
    pub language: Option<Option<Rc<str>>>,
    /// `@direction`; some false for `null`.
    pub direction: Option<bool>,
    /// What its values are held in.
    pub container: Container,
    /// The context of its values.
    pub context: Option<&'a Node>,
    /// `@index`
    pub index: Option<Rc<str>>,
    /// `@nest`
    nest: Option<Rc<str>>,
}

impl Term<'_> {
    /// Whether both mean the same, protected or not.
    fn same(&self, other: &Self) -> bool {
        let contexts = match (self.context, other.context) {
            (Some(a), Some(b)) => a.same(b),
            (a, b) => a.is_none() && b.is_none(),
        };
        contexts
            && self.iri == other.iri
            && (self.reverse, self.prefix, self.container) == (other.reverse, other.prefix, other.container)
            && (&self.datatype, &self.language, self.direction) == (&other.datatype, &other.language, other.direction)
            && (&self.index, &self.nest) == (&other.index, &other.nest)
    }
}

/// The container mapping of a term: a set of keywords.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Container(u8);

impl Container {
    pub const LIST: Self = Self(1);
    pub const SET: Self = Self(2);
    pub const INDEX: Self = Self(4);
    pub const LANGUAGE: Self = Self(8);
    pub const ID: Self = Self(16);
    pub const TYPE: Self = Self(32);
    pub const GRAPH: Self = Self(64);

    const NAMES: [(&'static str, Self); 7] = [
        ("@list", Self::LIST),
        ("@set", Self::SET),
        ("@index", Self::INDEX),
        ("@language", Self::LANGUAGE),
        ("@id", Self::ID),
        ("@type", Self::TYPE),
        ("@graph", Self::GRAPH),
    ];

    /// Whether it has one of these keywords.
    pub fn has(self, any: Self) -> bool {
        self.0 & any.0 != 0
    }

    /// Both sets.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn of(node: &Node) -> Result<Self> {
        let invalid = || {
            broken(
                "invalid container mapping",
                node.at,
                "expected `@container` to be `@list`, `@set`, `@index`, `@language`, `@id`, `@type` or `@graph`, or an array of those that go together",
            )
        };
        let mut found = Self::default();
        for item in node.items() {
            let named = Self::NAMES.iter().find(|it| item.text() == Some(it.0));
            match named {
                Some((_, one)) if !found.has(*one) => found = found.and(*one),
                _ => return invalid(),
            }
        }
        let single = found.0.count_ones() == 1;
        let rest = Self(found.0 & !Self::SET.0);
        let with_set = found.has(Self::SET) && rest.0.count_ones() == 1 && !rest.has(Self::LIST);
        let graphs = rest == Self::GRAPH.and(Self::ID) || rest == Self::GRAPH.and(Self::INDEX);
        if single || with_set || graphs { Ok(found) } else { invalid() }
    }
}

/// A context whose terms are being defined.
pub struct Building<'b, 'a> {
    /// The context.
    pub context: &'b mut Context<'a>,
    /// The context definition.
    pub local: &'b HashMap<&'a str, &'a Node>,
    /// Terms done (true) and being done (false).
    pub defined: HashMap<&'a str, bool>,
    /// Whether terms are protected unless they say otherwise.
    pub protected: bool,
    /// Whether protected terms may be defined anew.
    pub override_protected: bool,
}

/// A term definition as it is written: an object, or a string or null in its short form.
struct Written<'a> {
    node: &'a Node,
    simple: bool,
}

impl<'a> Written<'a> {
    fn get(&self, name: &str) -> Option<&'a Node> {
        match &self.node.value {
            Value::Object(_) => self.node.get(name),
            Value::Null if name == "@id" => Some(&NULL),
            _ => Some(self.node).filter(|_| name == "@id"),
        }
    }
}

const MEMBERS: [&str; 11] =
    ["@id", "@reverse", "@container", "@context", "@direction", "@index", "@language", "@nest", "@prefix", "@protected", "@type"];

impl Reader<'_> {
    /// Create Term Definition.
    pub fn define_term<'a>(&mut self, building: &mut Building<'_, 'a>, name: &'a str, at: usize) -> Result<()> {
        match building.defined.get(name) {
            Some(true) => return Ok(()),
            Some(false) => {
                return broken("cyclic IRI mapping", at, format!("`{name}` is defined by itself; expected an IRI at one place"));
            }
            None => {}
        }
        if name.is_empty() {
            return broken("invalid term definition", at, "a term without a name");
        }
        self.step(1 + building.context.copies(), at)?;
        // Terms that are defined by one another are told one within the other.
        self.waiting += 1;
        if self.waiting > self.limits.nesting {
            return self.above("terms defined by one another", self.limits.nesting, at);
        }
        building.defined.insert(name, false);
        let node = building.local.get(name).copied().unwrap_or(&NULL);
        let defined = self.definition(building, name, node, at)?;
        if let Some(term) = defined {
            self.step(building.context.copies(), at)?;
            building.context.terms_mut().insert(name.into(), Rc::new(term));
        }
        building.defined.insert(name, true);
        self.waiting -= 1;
        Ok(())
    }

    /// A term's new definition; none where it is ignored.
    fn definition<'a>(
        &mut self,
        building: &mut Building<'_, 'a>,
        name: &'a str,
        node: &'a Node,
        at: usize,
    ) -> Result<Option<Term<'a>>> {
        if name == "@type" {
            let allowed = |members: &[super::json::Member]| {
                let container = |it: &Node| it.items().len() == 1 && it.items()[0].text() == Some("@set");
                !members.is_empty()
                    && members.iter().all(|it| match &*it.name {
                        "@container" => container(&it.node),
                        "@protected" => true,
                        _ => false,
                    })
            };
            if !node.members().is_some_and(allowed) {
                return broken(
                    "keyword redefinition",
                    at,
                    "`@type` may be given `\"@container\": \"@set\"` and `@protected`, nothing else",
                );
            }
        } else if is_keyword(name) {
            return broken("keyword redefinition", at, format!("`{name}` is a keyword; expected another name"));
        } else if has_keyword_form(name) {
            self.omit(name, "names like a keyword are reserved", at);
            return Ok(None);
        }
        let previous = building.context.term(name).cloned();
        if previous.is_some() {
            building.context.terms_mut().remove(name);
        }
        let written = match &node.value {
            Value::Null | Value::Text(_) => Written { node, simple: matches!(node.value, Value::Text(_)) },
            Value::Object(_) => Written { node, simple: false },
            _ => {
                return broken("invalid term definition", node.at, format!("expected `{name}` to be an IRI, an object or null"));
            }
        };
        let mut term = Term { protected: building.protected, ..Term::default() };
        match written.get("@protected").map(|it| (&it.value, it.at)) {
            None => {}
            Some((Value::Bool(value), _)) => term.protected = *value,
            Some((_, at)) => return broken("invalid @protected value", at, "expected `@protected` to be true or false"),
        }
        if let Some(datatype) = written.get("@type") {
            term.datatype = Some(self.type_mapping(building, datatype)?);
        }
        if let Some(reverse) = written.get("@reverse") {
            if !self.reverse(building, &written, reverse, &mut term)? {
                return Ok(None);
            }
        } else if !self.mapping(building, name, &written, &mut term, at)? || !self.details(building, name, &written, &mut term)? {
            return Ok(None);
        }
        if let Some(previous) = previous.filter(|it| it.protected && !building.override_protected) {
            if !term.same(&previous) {
                return broken(
                    "protected term redefinition",
                    at,
                    format!("`{name}` is protected and is given another meaning; expected another name"),
                );
            }
            return Ok(Some((*previous).clone()));
        }
        Ok(Some(term))
    }

    fn type_mapping<'a>(&mut self, building: &mut Building<'_, 'a>, node: &'a Node) -> Result<Rc<str>> {
        let invalid = |found: &str| {
            let expected = "expected an IRI, `@id`, `@vocab`, `@json` or `@none`";
            broken("invalid type mapping", node.at, format!("`@type`: `{found}`; {expected}"))
        };
        let Some(text) = node.text() else { return invalid("not a string") };
        match self.iri_while_building(building, text, node.at)? {
            Some(iri) if matches!(&*iri, "@id" | "@vocab" | "@json" | "@none") || is_absolute(&iri) => Ok(iri),
            _ => invalid(text),
        }
    }

    /// The `@reverse` of a definition; false where the term is ignored.
    fn reverse<'a>(
        &mut self,
        building: &mut Building<'_, 'a>,
        written: &Written<'a>,
        reverse: &'a Node,
        term: &mut Term<'a>,
    ) -> Result<bool> {
        if written.get("@id").is_some() || written.get("@nest").is_some() {
            return broken("invalid reverse property", reverse.at, "`@reverse` goes with neither `@id` nor `@nest`");
        }
        let Some(text) = reverse.text() else {
            return broken("invalid IRI mapping", reverse.at, "expected `@reverse` to be an IRI");
        };
        if has_keyword_form(text) {
            self.omit(text, "names like a keyword are reserved", reverse.at);
            return Ok(false);
        }
        match self.iri_while_building(building, text, reverse.at)? {
            Some(iri) if is_absolute(&iri) || is_blank(&iri) => term.iri = Some(iri),
            _ => return broken("invalid IRI mapping", reverse.at, format!("`@reverse`: `{text}` is no IRI")),
        }
        if let Some(container) = written.get("@container").filter(|it| !it.is_null()) {
            term.container = Container::of(container)?;
            if term.container != Container::SET && term.container != Container::INDEX {
                return broken(
                    "invalid reverse property",
                    container.at,
                    "expected the `@container` of a reverse property to be `@set` or `@index`",
                );
            }
        }
        term.reverse = true;
        Ok(true)
    }

    /// The IRI of a term; false where the term is ignored.
    fn mapping<'a>(
        &mut self,
        building: &mut Building<'_, 'a>,
        name: &'a str,
        written: &Written<'a>,
        term: &mut Term<'a>,
        at: usize,
    ) -> Result<bool> {
        let compact = name.char_indices().any(|(place, it)| it == ':' && place > 0 && place + 1 < name.len());
        match written.get("@id") {
            Some(id) if id.text() != Some(name) => {
                if id.is_null() {
                    return Ok(true);
                }
                let Some(text) = id.text() else {
                    return broken("invalid IRI mapping", id.at, format!("expected the `@id` of `{name}` to be an IRI or null"));
                };
                if !is_keyword(text) && has_keyword_form(text) {
                    self.omit(text, "names like a keyword are reserved", id.at);
                    return Ok(false);
                }
                let iri = match self.iri_while_building(building, text, id.at)? {
                    Some(iri) if is_keyword(&iri) || is_absolute(&iri) || is_blank(&iri) => iri,
                    _ => return broken("invalid IRI mapping", id.at, format!("`{text}` is no IRI")),
                };
                if &*iri == "@context" {
                    return broken("invalid keyword alias", id.at, "`@context` can have no other name");
                }
                if compact || name.contains('/') {
                    building.defined.insert(name, true);
                    let own = self.iri_while_building(building, name, at)?;
                    if own.as_ref() != Some(&iri) {
                        let message =
                            format!("`{name}` reads as the IRI {}, but is given {iri}", own.as_deref().unwrap_or("null"));
                        return broken("invalid IRI mapping", id.at, message);
                    }
                } else if written.simple {
                    let last = iri.chars().next_back();
                    term.prefix = is_blank(&iri) || last.is_some_and(|it| ":/?#[]@".contains(it));
                }
                term.iri = Some(iri);
            }
            _ if colon(name).is_some() => {
                let (prefix, suffix) = name.split_at(colon(name).unwrap_or_default());
                if let Some((prefix, _)) = building.local.get_key_value(prefix) {
                    self.define_term(building, prefix, at)?;
                }
                let before = building.context.term(prefix).and_then(|it| it.iri.clone());
                term.iri = Some(match before {
                    Some(before) => self.written(&[&before, &suffix[1..]], at)?,
                    None => self.written(&[name], at)?,
                });
            }
            _ if name.contains('/') => match self.expand_iri(building.context, name, false, true, at)? {
                Some(iri) if is_absolute(&iri) => term.iri = Some(iri),
                _ => return broken("invalid IRI mapping", at, format!("`{name}` is a relative IRI, and there is no `@vocab`")),
            },
            _ if name == "@type" => term.iri = Some("@type".into()),
            _ => match building.context.vocab.clone() {
                Some(vocab) => term.iri = Some(self.written(&[&vocab, name], at)?),
                None => {
                    return broken("invalid IRI mapping", at, format!("`{name}` has no `@id`, and there is no `@vocab`"));
                }
            },
        }
        Ok(true)
    }

    /// What else a definition says; false where the term is ignored.
    fn details<'a>(
        &mut self,
        building: &mut Building<'_, 'a>,
        name: &'a str,
        written: &Written<'a>,
        term: &mut Term<'a>,
    ) -> Result<bool> {
        if let Some(container) = written.get("@container") {
            term.container = Container::of(container)?;
            if term.container.has(Container::TYPE) {
                let datatype = term.datatype.get_or_insert_with(|| "@id".into());
                if !matches!(&**datatype, "@id" | "@vocab") {
                    let message = "expected the `@type` of a type map to be `@id` or `@vocab`";
                    return broken("invalid type mapping", container.at, message);
                }
            }
        }
        if let Some(index) = written.get("@index") {
            let expanded = match index.text() {
                Some(text) if term.container.has(Container::INDEX) => self.iri_while_building(building, text, index.at)?,
                _ => None,
            };
            if !expanded.is_some_and(|it| is_absolute(&it)) {
                let message = "expected `@index` to be a property, beside `\"@container\": \"@index\"`";
                return broken("invalid term definition", index.at, message);
            }
            term.index = index.text().map(Into::into);
        }
        if let Some(context) = written.get("@context") {
            let outer = Rc::new(building.context.clone());
            if let Err(error) = self.process(&outer, context, true, true) {
                return match error.fault {
                    crate::Fault::JsonLd { code, message } => {
                        broken("invalid scoped context", error.at, format!("in the context of `{name}`: {message} ({code})"))
                    }
                    _ => Err(error),
                };
            }
            term.context = Some(context);
        }
        if term.datatype.is_none() {
            if let Some(language) = written.get("@language") {
                term.language = match &language.value {
                    Value::Null => Some(None),
                    Value::Text(text) => Some(Some((**text).into())),
                    _ => {
                        return broken("invalid language mapping", language.at, "expected `@language` to be a tag or null");
                    }
                };
            }
            if let Some(node) = written.get("@direction") {
                term.direction = Some(direction(node)?);
            }
        }
        if let Some(nest) = written.get("@nest") {
            match nest.text() {
                Some(text) if text == "@nest" || !is_keyword(text) => term.nest = Some(text.into()),
                _ => return broken("invalid @nest value", nest.at, "expected `@nest` to be `@nest` or a term"),
            }
        }
        if let Some(prefix) = written.get("@prefix") {
            if name.contains(':') || name.contains('/') {
                return broken("invalid term definition", prefix.at, format!("`{name}` cannot be a prefix"));
            }
            let Value::Bool(value) = prefix.value else {
                return broken("invalid @prefix value", prefix.at, "expected `@prefix` to be true or false");
            };
            if value && term.iri.as_deref().is_some_and(is_keyword) {
                return broken(
                    "invalid term definition",
                    prefix.at,
                    format!("`{name}` means a keyword, which cannot be a prefix"),
                );
            }
            term.prefix = value;
        }
        if let Some(odd) = written.node.members().and_then(|it| it.iter().find(|it| !MEMBERS.contains(&&*it.name))) {
            let message = format!("`{}` in the definition of `{name}`; expected {}", odd.name, MEMBERS.join(", "));
            return broken("invalid term definition", odd.at, message);
        }
        Ok(true)
    }

    /// IRI Expansion while terms are being defined: those the value is made of come first.
    fn iri_while_building<'a>(&mut self, building: &mut Building<'_, 'a>, value: &str, at: usize) -> Result<Option<Rc<str>>> {
        if !is_keyword(value) && !has_keyword_form(value) {
            self.define_first(building, value, at)?;
            if building.context.term(value).is_none()
                && let Some(colon) = colon(value)
                && !value[colon + 1..].starts_with("//")
                && &value[..colon] != "_"
            {
                self.define_first(building, &value[..colon], at)?;
            }
        }
        self.expand_iri(building.context, value, false, true, at)
    }

    fn define_first<'a>(&mut self, building: &mut Building<'_, 'a>, name: &str, at: usize) -> Result<()> {
        match building.local.get_key_value(name) {
            Some((name, _)) if building.defined.get(name) != Some(&true) => self.define_term(building, name, at),
            _ => Ok(()),
        }
    }
}
