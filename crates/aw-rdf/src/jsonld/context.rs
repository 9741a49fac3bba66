//! Contexts and their processing (JSON-LD 1.1 API, section 4.1).

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::iri::{is_absolute, is_blank, is_keyword, resolve};
use super::json::{Node, Value};
use super::term::{Building, Term};
use super::{Error, Reader, Result, broken};
use crate::problem::Fault;

/// An active context.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// What relative IRIs are resolved against.
    pub base: Option<Rc<str>>,
    /// The base IRI of the document.
    pub original_base: Option<Rc<str>>,
    /// What stands before terms that are not defined.
    pub vocab: Option<Rc<str>>,
    /// The language of strings without one.
    pub language: Option<Rc<str>>,
    /// Whether strings without a direction have one.
    pub direction: bool,
    /// Its terms; shared until one is defined.
    pub terms: Rc<HashMap<Rc<str>, Rc<Term<'a>>>>,
    /// The context to go back to in the next node object.
    pub previous: Option<Rc<Self>>,
}

/// Members of a context that are no terms.
const RESERVED: [&str; 8] = ["@base", "@direction", "@import", "@language", "@propagate", "@protected", "@version", "@vocab"];

impl<'a> Context<'a> {
    /// The context a document begins with.
    pub fn initial(base: Option<&str>) -> Self {
        let base: Option<Rc<str>> = base.map(Into::into);
        let original_base = base.clone();
        Self { base, original_base, vocab: None, language: None, direction: false, terms: Rc::default(), previous: None }
    }

    /// The definition of a term.
    pub fn term(&self, name: &str) -> Option<&Rc<Term<'a>>> {
        self.terms.get(name)
    }

    /// Its terms, to be changed; whether they are shared, and are copied therefore, is told first by [`Self::copies`].
    pub fn terms_mut(&mut self) -> &mut HashMap<Rc<str>, Rc<Term<'a>>> {
        Rc::make_mut(&mut self.terms)
    }

    /// How many terms are copied at the next change.
    pub fn copies(&self) -> usize {
        if Rc::strong_count(&self.terms) > 1 { self.terms.len() } else { 0 }
    }

    /// The terms that may be prefixes, with absolute IRIs.
    pub fn prefixes(&self) -> BTreeMap<String, String> {
        let mut prefixes = BTreeMap::new();
        #[expect(clippy::iter_over_hash_type, reason = "goes into a sorted map")]
        for (name, term) in &*self.terms {
            if let (true, Some(iri)) = (term.prefix, &term.iri)
                && is_absolute(iri)
            {
                prefixes.insert(name.to_string(), iri.to_string());
            }
        }
        prefixes
    }
}

impl Reader<'_> {
    /// Context Processing: the active context after a local one.
    pub fn process<'a>(
        &mut self,
        active: &Rc<Context<'a>>,
        local: &'a Node,
        propagate: bool,
        override_protected: bool,
    ) -> Result<Rc<Context<'a>>> {
        self.step(1 + local.items().len(), local.at)?;
        let mut result = (**active).clone();
        let propagate = match local.get("@propagate").map(|it| &it.value) {
            Some(Value::Bool(value)) => *value,
            _ => propagate,
        };
        if !propagate && result.previous.is_none() {
            result.previous = Some(active.clone());
        }
        for context in local.items() {
            match &context.value {
                Value::Null => {
                    let mut terms = result.terms.values();
                    if !override_protected && terms.any(|it| it.protected) {
                        return broken(
                            "invalid context nullification",
                            context.at,
                            "`null` would take away protected terms; expected a context that keeps them",
                        );
                    }
                    let mut fresh = Context::initial(result.original_base.as_deref());
                    if !propagate {
                        fresh.previous = result.previous.take();
                    }
                    result = fresh;
                }
                Value::Text(iri) => return Err(remote(&result, iri, context.at)),
                Value::Object(_) => self.define(&mut result, context, override_protected)?,
                _ => return broken("invalid local context", context.at, "expected a context to be an object or null"),
            }
        }
        Ok(Rc::new(result))
    }

    /// One context definition.
    fn define<'a>(&mut self, result: &mut Context<'a>, context: &'a Node, override_protected: bool) -> Result<()> {
        let Some(members) = context.members() else { return Ok(()) };
        let local: HashMap<&'a str, &'a Node> = members.iter().map(|it| (&*it.name, &it.node)).collect();
        if let Some(version) = local.get("@version")
            && !matches!(&version.value, Value::Number(it) if it.parse() == Ok(1.1))
        {
            return broken("invalid @version value", version.at, "expected `@version` to be 1.1");
        }
        if let Some(import) = local.get("@import") {
            let Some(iri) = import.text() else {
                return broken("invalid @import value", import.at, "expected `@import` to be a string");
            };
            return Err(remote(result, iri, import.at));
        }
        self.base(result, local.get("@base").copied())?;
        if let Some(vocab) = local.get("@vocab") {
            result.vocab = match &vocab.value {
                Value::Null => None,
                Value::Text(text) => match self.expand_iri(result, text, true, true, vocab.at)? {
                    Some(iri) if !is_keyword(&iri) => Some(iri),
                    _ => return broken("invalid vocab mapping", vocab.at, format!("`@vocab`: `{text}` is no IRI")),
                },
                _ => return broken("invalid vocab mapping", vocab.at, "expected `@vocab` to be an IRI or null"),
            };
        }
        if let Some(language) = local.get("@language") {
            result.language = match &language.value {
                Value::Null => None,
                Value::Text(text) => Some((**text).into()),
                _ => {
                    return broken("invalid default language", language.at, "expected `@language` to be a language tag or null");
                }
            };
        }
        if let Some(node) = local.get("@direction") {
            result.direction = direction(node)?;
        }
        if let Some(propagate) = local.get("@propagate")
            && !matches!(propagate.value, Value::Bool(_))
        {
            return broken("invalid @propagate value", propagate.at, "expected `@propagate` to be true or false");
        }
        let protected = match local.get("@protected").map(|it| (&it.value, it.at)) {
            None => false,
            Some((Value::Bool(value), _)) => *value,
            Some((_, at)) => return broken("invalid @protected value", at, "expected `@protected` to be true or false"),
        };
        let mut building = Building { context: result, local: &local, defined: HashMap::new(), protected, override_protected };
        for member in members.iter().filter(|it| !RESERVED.contains(&&*it.name)) {
            self.define_term(&mut building, &member.name, member.at)?;
        }
        Ok(())
    }

    fn base<'a>(&mut self, result: &mut Context<'a>, base: Option<&'a Node>) -> Result<()> {
        let Some(base) = base else { return Ok(()) };
        result.base = match &base.value {
            Value::Null => None,
            Value::Text(text) if is_absolute(text) => Some(self.written(&[text], base.at)?),
            Value::Text(text) => match &result.base {
                Some(before) => Some(self.written(&[&resolve(before, text)], base.at)?),
                None => {
                    return broken(
                        "invalid base IRI",
                        base.at,
                        format!("`{text}` is relative, and the document has no base IRI; expected an absolute IRI"),
                    );
                }
            },
            _ => return broken("invalid base IRI", base.at, "expected `@base` to be an IRI or null"),
        };
        Ok(())
    }

    /// IRI Expansion (section 5.2), outside the definition of terms.
    pub fn expand_iri(
        &mut self,
        context: &Context<'_>,
        value: &str,
        document_relative: bool,
        vocab: bool,
        at: usize,
    ) -> Result<Option<Rc<str>>> {
        if is_keyword(value) {
            return Ok(Some(value.into()));
        }
        if super::iri::has_keyword_form(value) {
            return Ok(None);
        }
        if let Some(term) = context.term(value)
            && (vocab || term.iri.as_deref().is_some_and(is_keyword))
        {
            return Ok(term.iri.clone());
        }
        if let Some(colon) = colon(value) {
            let (prefix, suffix) = (&value[..colon], &value[colon + 1..]);
            if prefix == "_" || suffix.starts_with("//") {
                return Ok(Some(self.written(&[value], at)?));
            }
            if let Some(term) = context.term(prefix).filter(|it| it.prefix)
                && let Some(iri) = &term.iri
            {
                return Ok(Some(self.written(&[iri, suffix], at)?));
            }
            if is_absolute(value) {
                return Ok(Some(self.written(&[value], at)?));
            }
        }
        match (&context.vocab, &context.base) {
            (Some(before), _) if vocab => Ok(Some(self.written(&[before, value], at)?)),
            (_, Some(base)) if document_relative => {
                let parts = base.len() + value.len();
                if parts > 2 * self.limits.iri {
                    return self.above("bytes of an IRI", self.limits.iri, at);
                }
                Ok(Some(self.written(&[&resolve(base, value)], at)?))
            }
            _ => Ok(Some(self.written(&[value], at)?)),
        }
    }
}

/// The first colon behind the first character.
pub fn colon(value: &str) -> Option<usize> {
    value.bytes().skip(1).position(|it| it == b':').map(|it| it + 1)
}

/// Whether a direction is set.
pub fn direction(node: &Node) -> Result<bool> {
    match &node.value {
        Value::Null => Ok(false),
        Value::Text(text) if matches!(&**text, "ltr" | "rtl") => Ok(true),
        _ => broken("invalid base direction", node.at, "expected `@direction` to be \"ltr\", \"rtl\" or null"),
    }
}

fn remote(context: &Context<'_>, iri: &str, at: usize) -> Error {
    let iri = match &context.base {
        Some(base) if !is_absolute(iri) && !is_blank(iri) => resolve(base, iri),
        _ => iri.to_owned(),
    };
    Error { at, fault: Fault::RemoteContext { iri } }
}
