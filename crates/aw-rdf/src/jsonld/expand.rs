//! Expansion (JSON-LD 1.1 API, section 5): elements, arrays, node objects and values.

use std::rc::Rc;

use super::context::Context;
use super::json::{Member, Node, Value};
use super::object::{Id, Item, Literal, Object, Out, Scalar};
use super::term::Container;
use super::{Reader, Result, broken};

/// An object while its members are being expanded.
#[derive(Default)]
pub struct Draft<'a> {
    pub object: Object<'a>,
    /// `@value`; some none for `null`.
    pub value: Option<Option<Scalar<'a>>>,
    pub has_types: bool,
    /// Whether `@type` is an array.
    pub several_types: bool,
    pub language: Option<Rc<str>>,
    pub direction: Option<bool>,
    pub index: bool,
    pub list: Option<Vec<Item<'a>>>,
    pub set: Option<Out<'a>>,
    /// The last of its types as it is written, expanded: `@json` changes what `@value` may be.
    pub json: bool,
    pub has_reverse: bool,
    pub has_included: bool,
}

/// The contexts of an object: of its members, and of the terms that are its types.
pub struct Scope<'s, 'a> {
    pub active: &'s Rc<Context<'a>>,
    pub types: &'s Rc<Context<'a>>,
    pub property: Option<&'s str>,
}

impl Reader<'_> {
    /// Expands a whole document.
    pub fn expand_document<'a>(&mut self, context: &Rc<Context<'a>>, document: &'a Node) -> Result<Vec<Item<'a>>> {
        match self.expand(context, None, document, false)? {
            Out::One(Item::Node(object)) if object.graph.is_some() && object.is_bare() && matches!(object.id, Id::Absent) => {
                Ok(object.graph.unwrap_or_default())
            }
            other => Ok(other.items()),
        }
    }

    /// The Expansion Algorithm.
    pub fn expand<'a>(
        &mut self,
        active: &Rc<Context<'a>>,
        property: Option<&str>,
        element: &'a Node,
        from_map: bool,
    ) -> Result<Out<'a>> {
        let scoped = property.and_then(|it| active.term(it)).and_then(|it| it.context);
        match &element.value {
            Value::Null => Ok(Out::Null),
            Value::Array(items) => {
                let list = property.and_then(|it| active.term(it)).is_some_and(|it| it.container.has(Container::LIST));
                let mut found = Vec::new();
                for item in items {
                    match self.expand(active, property, item, from_map)? {
                        Out::Null => {}
                        Out::One(item) => found.push(item),
                        Out::Many(items) if list => found.push(Item::List(items)),
                        Out::Many(items) => found.extend(items),
                    }
                }
                Ok(Out::Many(found))
            }
            Value::Object(members) => self.expand_object(active, property, scoped, element, members, from_map),
            scalar => {
                let Some(property) = property.filter(|it| *it != "@graph") else {
                    self.omit(&element.canonical(), "a value that is no property's", element.at);
                    return Ok(Out::Null);
                };
                let scalar = match scalar {
                    Value::Text(text) => Scalar::Text(text),
                    Value::Number(number) => Scalar::Number(number),
                    Value::Bool(value) => Scalar::Bool(*value),
                    _ => Scalar::Json(element),
                };
                match scoped {
                    Some(local) => {
                        let active = self.process(active, local, true, true)?;
                        self.expand_value(&active, property, scalar, element.at).map(Out::One)
                    }
                    None => self.expand_value(active, property, scalar, element.at).map(Out::One),
                }
            }
        }
    }

    /// Value Expansion (section 5.3).
    pub fn expand_value<'a>(&mut self, active: &Context<'_>, property: &str, value: Scalar<'a>, at: usize) -> Result<Item<'a>> {
        let term = active.term(property);
        let datatype = term.and_then(|it| it.datatype.clone());
        if let (Scalar::Text(text), Some(kind @ ("@id" | "@vocab"))) = (value, datatype.as_deref()) {
            let id = self.expand_iri(active, text, true, kind == "@vocab", at)?.map_or(Id::Ignored, Id::Given);
            return Ok(Item::Node(Box::new(Object { at, id, ..Object::default() })));
        }
        let datatype = datatype.filter(|it| !matches!(&**it, "@id" | "@vocab" | "@none"));
        let plain = datatype.is_none() && matches!(value, Scalar::Text(_));
        let language = term.and_then(|it| it.language.clone()).unwrap_or_else(|| active.language.clone());
        let direction = plain && term.and_then(|it| it.direction).unwrap_or(active.direction);
        let language = language.filter(|_| plain);
        Ok(Item::Value(Box::new(Literal { at, value, datatype, language, direction })))
    }

    fn expand_object<'a>(
        &mut self,
        outer: &Rc<Context<'a>>,
        property: Option<&str>,
        scoped: Option<&'a Node>,
        element: &'a Node,
        members: &'a [Member],
        from_map: bool,
    ) -> Result<Out<'a>> {
        let mut active = outer.clone();
        if let (Some(previous), false) = (&outer.previous, from_map) {
            let mut keeps = false;
            for member in members {
                let name = self.expand_iri(&active, &member.name, false, true, member.at)?;
                keeps |= matches!(name.as_deref(), Some("@value")) || (members.len() == 1 && name.as_deref() == Some("@id"));
            }
            if !keeps {
                active = previous.clone();
            }
        }
        if let Some(local) = scoped {
            active = self.process(&active, local, true, true)?;
        }
        if let Some(local) = element.get("@context") {
            active = self.process(&active, local, true, false)?;
        }
        let types = active.clone();
        let mut typing = Vec::new();
        for member in members {
            if self.expand_iri(&active, &member.name, false, true, member.at)?.as_deref() == Some("@type") {
                typing.push(member);
            }
        }
        typing.sort_by(|a, b| a.name.cmp(&b.name));
        for member in &typing {
            let mut names: Vec<&str> = member.node.items().iter().filter_map(Node::text).collect();
            names.sort_unstable();
            for name in names {
                if let Some(local) = types.term(name).and_then(|it| it.context) {
                    active = self.process(&active, local, false, false)?;
                }
            }
        }
        let mut draft = Draft { object: Object { at: element.at, ..Object::default() }, ..Draft::default() };
        if let Some(last) = typing.first().and_then(|it| it.node.items().last())
            && let Some(text) = last.text()
        {
            draft.json = self.expand_iri(&active, text, false, true, last.at)?.as_deref() == Some("@json");
        }
        let scope = Scope { active: &active, types: &types, property };
        self.members(&scope, members, &mut draft)?;
        self.finish(draft, property, members)
    }

    /// What an object is once its members are known (section 5.1.2, steps 15 to 20).
    fn finish<'a>(&mut self, draft: Draft<'a>, property: Option<&str>, members: &[Member]) -> Result<Out<'a>> {
        let Draft { object, value, language, direction, list, set, .. } = draft;
        let at = object.at;
        let named = !matches!(object.id, Id::Absent);
        let beyond = named
            || !object.properties.is_empty()
            || draft.has_reverse
            || !object.reverse.is_empty()
            || object.graph.is_some()
            || draft.has_included;
        let stray = property.is_none_or(|it| it == "@graph");
        if let Some(value) = value {
            if beyond || list.is_some() || set.is_some() || (draft.has_types && (language.is_some() || direction.is_some())) {
                let message = "beside `@value`, expected `@type`, or `@language` and `@direction`, or `@index`";
                return broken("invalid value object", at, message);
            }
            let datatype = object.types.into_iter().next();
            let json = datatype.as_deref() == Some("@json");
            let Some(value) = value else { return Ok(Out::Null) };
            if language.is_some() && !matches!(value, Scalar::Text(_)) {
                return broken("invalid language-tagged value", at, "expected a value with a `@language` to be a string");
            }
            if let Some(it) = &datatype
                && !json
                && (draft.several_types || oxiri::Iri::parse(&**it).is_err())
            {
                return broken("invalid typed value", at, format!("`{it}` is no datatype; expected one IRI"));
            }
            if draft.has_types && datatype.is_none() {
                return broken("invalid typed value", at, "expected the `@type` of a value to be an IRI");
            }
            if stray {
                self.omit("@value", "a value that is no property's", at);
                return Ok(Out::Null);
            }
            let direction = direction == Some(true);
            return Ok(Out::One(Item::Value(Box::new(Literal { at, value, datatype, language, direction }))));
        }
        if list.is_some() || set.is_some() {
            if beyond || draft.has_types || (list.is_some() && set.is_some()) || language.is_some() || direction.is_some() {
                return broken("invalid set or list object", at, "beside `@set` or `@list`, expected nothing but `@index`");
            }
            return Ok(match (list, set) {
                (Some(_), _) if stray => Out::Null,
                (Some(items), _) => Out::One(Item::List(items)),
                (None, set) => set.unwrap_or(Out::Null),
            });
        }
        if !beyond && !draft.has_types && (language.is_some() || direction.is_some()) {
            self.omit("@language", "a language without a value", at);
            return Ok(Out::Null);
        }
        if stray && !draft.has_types && !beyond && !draft.index {
            return Ok(Out::Null);
        }
        let bare = object.is_bare() && object.graph.is_none() && !draft.has_types && !draft.has_reverse;
        if stray && named && bare && !draft.has_included && !draft.index {
            if members.len() == 1 {
                self.omit("@id", "a node of which nothing is said", at);
            }
            return Ok(Out::Null);
        }
        Ok(Out::One(Item::Node(Box::new(object))))
    }
}
