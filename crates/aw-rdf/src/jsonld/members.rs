//! The members of an object (JSON-LD 1.1 API, section 5.1.2, steps 13 and 14).

use std::rc::Rc;

use super::context::{Context, direction};
use super::expand::{Draft, Scope};
use super::iri::{has_keyword_form, is_absolute, is_blank, is_keyword};
use super::json::{Member, Node, Value};
use super::object::{Id, Item, Literal, Object, Out, Scalar};
use super::term::{Container, Term};
use super::{Reader, Result, broken};

impl Reader<'_> {
    /// Expands the members of an object, then those below `@nest`.
    pub fn members<'a>(&mut self, scope: &Scope<'_, 'a>, members: &'a [Member], draft: &mut Draft<'a>) -> Result<()> {
        let mut nests = Vec::new();
        for member in members.iter().filter(|it| &*it.name != "@context") {
            let Some(name) = self.expand_iri(scope.active, &member.name, false, true, member.at)? else {
                let reason = if has_keyword_form(&member.name) {
                    "names like a keyword are reserved"
                } else {
                    "the context switches it off"
                };
                self.omit(&member.name, reason, member.at);
                continue;
            };
            if is_keyword(&name) {
                if &*name == "@nest" {
                    nests.push(member);
                } else {
                    self.keyword(scope, &name, member, draft)?;
                }
            } else if is_absolute(&name) || is_blank(&name) {
                self.property(scope, name, member, draft)?;
            } else {
                self.omit(&member.name, "no term of the context, and no absolute IRI", member.at);
            }
        }
        nests.sort_by(|a, b| a.name.cmp(&b.name));
        for nest in nests {
            let scoped = scope.active.term(&nest.name).and_then(|it| it.context);
            let active = match scoped {
                Some(local) => self.process(scope.active, local, true, true)?,
                None => scope.active.clone(),
            };
            for item in nest.node.items() {
                let Some(members) = item.members() else {
                    return broken("invalid @nest value", item.at, "expected an object");
                };
                for member in members {
                    if self.expand_iri(&active, &member.name, false, true, member.at)?.as_deref() == Some("@value") {
                        return broken("invalid @nest value", member.at, "expected an object without `@value`");
                    }
                }
                self.members(&Scope { active: &active, ..*scope }, members, draft)?;
            }
        }
        Ok(())
    }

    fn keyword<'a>(&mut self, scope: &Scope<'_, 'a>, name: &str, member: &'a Member, draft: &mut Draft<'a>) -> Result<()> {
        let (node, at) = (&member.node, member.at);
        if scope.property == Some("@reverse") {
            return broken(
                "invalid reverse property map",
                at,
                format!("`{}` in the value of `@reverse`; expected properties", member.name),
            );
        }
        let taken = match name {
            "@id" => !matches!(draft.object.id, Id::Absent),
            "@graph" => draft.object.graph.is_some(),
            "@value" => draft.value.is_some(),
            "@language" => draft.language.is_some(),
            "@direction" => draft.direction.is_some(),
            "@index" => draft.index,
            "@list" => draft.list.is_some(),
            "@set" => draft.set.is_some(),
            "@reverse" => draft.has_reverse,
            _ => false,
        };
        if taken {
            return broken("colliding keywords", at, format!("`{}` is `{name}` once more; expected it once", member.name));
        }
        match name {
            "@id" => {
                let Some(text) = node.text() else {
                    return broken("invalid @id value", node.at, "expected `@id` to be a string");
                };
                draft.object.id = self.expand_iri(scope.active, text, true, false, node.at)?.map_or(Id::Ignored, Id::Given);
            }
            "@type" => self.types(scope, node, draft)?,
            "@graph" => {
                draft.object.graph = Some(self.expand(scope.active, Some("@graph"), node, false)?.items());
            }
            "@included" => {
                let items = self.expand(scope.active, None, node, false)?.items();
                if !items.iter().all(|it| matches!(it, Item::Node(_)))
                    || (items.is_empty() && !matches!(node.value, Value::Array(_)))
                {
                    return broken("invalid @included value", node.at, "expected `@included` to hold node objects");
                }
                draft.has_included = true;
                draft.object.included.extend(items);
            }
            "@value" => {
                draft.value = Some(match &node.value {
                    _ if draft.json => Some(Scalar::Json(node)),
                    Value::Null => None,
                    Value::Text(text) => Some(Scalar::Text(text)),
                    Value::Number(number) => Some(Scalar::Number(number)),
                    Value::Bool(value) => Some(Scalar::Bool(*value)),
                    _ => {
                        return broken(
                            "invalid value object value",
                            node.at,
                            "expected `@value` to be a string, a number, true, false or null",
                        );
                    }
                });
            }
            "@language" => match node.text() {
                Some(text) => draft.language = Some(text.into()),
                None => return broken("invalid language-tagged string", node.at, "expected `@language` to be a string"),
            },
            "@direction" => {
                if node.is_null() {
                    return broken("invalid base direction", node.at, "expected `@direction` to be \"ltr\" or \"rtl\"");
                }
                draft.direction = Some(direction(node)?);
            }
            "@index" => {
                if node.text().is_none() {
                    return broken("invalid @index value", node.at, "expected `@index` to be a string");
                }
                draft.index = true;
            }
            "@list" => {
                if scope.property.is_some_and(|it| it != "@graph") {
                    draft.list = Some(self.list_items(scope, node)?);
                } else {
                    self.omit("@list", "a value that is no property's", at);
                }
            }
            "@set" => draft.set = Some(self.expand(scope.active, scope.property, node, false)?),
            "@reverse" => self.reverse_map(scope, node, draft)?,
            _ => self.omit(&member.name, "this keyword has no meaning here", at),
        }
        Ok(())
    }

    /// The items of `@list`; lists within it stay lists.
    fn list_items<'a>(&mut self, scope: &Scope<'_, 'a>, node: &'a Node) -> Result<Vec<Item<'a>>> {
        Ok(self.expand(scope.active, scope.property, node, false)?.items())
    }

    fn types<'a>(&mut self, scope: &Scope<'_, 'a>, node: &'a Node, draft: &mut Draft<'a>) -> Result<()> {
        draft.several_types |= matches!(node.value, Value::Array(_)) || draft.has_types;
        draft.has_types = true;
        for item in node.items() {
            let Some(text) = item.text() else {
                return broken("invalid type value", item.at, "expected `@type` to be a string or an array of strings");
            };
            match self.expand_iri(scope.types, text, true, true, item.at)? {
                Some(iri) => draft.object.types.push(iri),
                None => self.omit(text, "names like a keyword are reserved", item.at),
            }
        }
        Ok(())
    }

    fn reverse_map<'a>(&mut self, scope: &Scope<'_, 'a>, node: &'a Node, draft: &mut Draft<'a>) -> Result<()> {
        if node.members().is_none() {
            return broken("invalid @reverse value", node.at, "expected `@reverse` to be an object");
        }
        draft.has_reverse = true;
        let Out::One(Item::Node(found)) = self.expand(scope.active, Some("@reverse"), node, false)? else { return Ok(()) };
        draft.object.properties.extend(found.reverse);
        for (name, items) in found.properties {
            nodes_only(&items, node.at)?;
            draft.object.reverse.push((name, items));
        }
        Ok(())
    }

    fn property<'a>(&mut self, scope: &Scope<'_, 'a>, name: Rc<str>, member: &'a Member, draft: &mut Draft<'a>) -> Result<()> {
        let term = scope.active.term(&member.name).cloned();
        let container = term.as_ref().map(|it| it.container).unwrap_or_default();
        let (node, key) = (&member.node, &*member.name);
        let is_map = node.members().is_some();
        let expanded = if term.as_ref().is_some_and(|it| it.datatype.as_deref() == Some("@json")) {
            let value = Scalar::Json(node);
            let literal = Literal { at: node.at, value, datatype: Some("@json".into()), language: None, direction: false };
            Out::One(Item::Value(Box::new(literal)))
        } else if let (Some(term), Some(members)) = (&term, node.members().filter(|_| container.has(Container::LANGUAGE))) {
            Out::Many(self.language_map(scope, term, members)?)
        } else if let (Some(term), true) =
            (&term, is_map && container.has(Container::INDEX.and(Container::TYPE).and(Container::ID)))
        {
            Out::Many(self.index_map(scope, key, term, node.members().unwrap_or_default())?)
        } else {
            self.expand(scope.active, Some(key), node, false)?
        };
        let items = match expanded {
            Out::Null => return Ok(()),
            Out::One(list @ Item::List(_)) => vec![list],
            other if container.has(Container::LIST) => vec![Item::List(other.items())],
            other => other.items(),
        };
        let graphs = container.has(Container::GRAPH) && !container.has(Container::ID.and(Container::INDEX));
        let items = if graphs { items.into_iter().map(|item| graph_of(item, member.at)).collect() } else { items };
        if term.is_some_and(|it| it.reverse) {
            nodes_only(&items, member.at)?;
            draft.object.reverse.push((name, items));
        } else {
            draft.object.properties.push((name, items));
        }
        Ok(())
    }

    fn language_map<'a>(&mut self, scope: &Scope<'_, 'a>, term: &Term<'a>, members: &'a [Member]) -> Result<Vec<Item<'a>>> {
        let direction = term.direction.unwrap_or(scope.active.direction);
        let mut found = Vec::new();
        for member in members {
            let none = self.expand_iri(scope.active, &member.name, false, true, member.at)?.as_deref() == Some("@none");
            let language: Option<Rc<str>> = (!none).then(|| (*member.name).into());
            for item in member.node.items().iter().filter(|it| !it.is_null()) {
                let Some(text) = item.text() else {
                    return broken("invalid language map value", item.at, "expected strings in a language map");
                };
                let language = language.clone();
                let literal = Literal { at: item.at, value: Scalar::Text(text), datatype: None, language, direction };
                found.push(Item::Value(Box::new(literal)));
            }
        }
        Ok(found)
    }

    /// A map by index, identifier or type.
    fn index_map<'a>(
        &mut self,
        scope: &Scope<'_, 'a>,
        key: &str,
        term: &Term<'a>,
        members: &'a [Member],
    ) -> Result<Vec<Item<'a>>> {
        let container = term.container;
        let mut found = Vec::new();
        for member in members {
            let mut context: Rc<Context<'a>> = scope.active.clone();
            if container.has(Container::ID.and(Container::TYPE)) {
                context = context.previous.clone().unwrap_or(context);
            }
            if container.has(Container::TYPE)
                && let Some(local) = context.term(&member.name).and_then(|it| it.context)
            {
                context = self.process(&context, local, false, false)?;
            }
            let expanded = self.expand_iri(scope.active, &member.name, false, true, member.at)?;
            let none = expanded.as_deref() == Some("@none");
            for mut item in self.expand_each(&context, key, &member.node)? {
                if container.has(Container::GRAPH) && !item.is_graph() {
                    item = graph_of(item, member.at);
                }
                if let (Some(index), false) = (&term.index, none) {
                    self.property_index(scope, index, member, &mut item)?;
                } else if let (Item::Node(object), false) = (&mut item, none) {
                    if container.has(Container::ID) && matches!(object.id, Id::Absent) {
                        let id = self.expand_iri(scope.active, &member.name, true, false, member.at)?;
                        object.id = id.map_or(Id::Ignored, Id::Given);
                    } else if container.has(Container::TYPE)
                        && let Some(kind) = &expanded
                    {
                        object.types.insert(0, kind.clone());
                    }
                }
                found.push(item);
            }
        }
        Ok(found)
    }

    /// The items of a map's value, expanded as members of an array.
    fn expand_each<'a>(&mut self, context: &Rc<Context<'a>>, key: &str, node: &'a Node) -> Result<Vec<Item<'a>>> {
        let list = context.term(key).is_some_and(|it| it.container.has(Container::LIST));
        let mut found = Vec::new();
        for item in node.items() {
            match self.expand(context, Some(key), item, true)? {
                Out::Many(items) if list => found.push(Item::List(items)),
                other => found.extend(other.items()),
            }
        }
        Ok(found)
    }

    /// Says the index of a map's value as a property of it.
    fn property_index<'a>(&mut self, scope: &Scope<'_, 'a>, index: &str, member: &'a Member, item: &mut Item<'a>) -> Result<()> {
        let value = self.expand_value(scope.active, index, Scalar::Text(&member.name), member.at)?;
        let name = self.expand_iri(scope.active, index, false, true, member.at)?;
        match (item, name) {
            (Item::Node(object), Some(name)) => {
                object.properties.insert(0, (name, vec![value]));
                Ok(())
            }
            _ => broken(
                "invalid value object",
                member.at,
                format!("a value cannot have the property `{index}`; expected a node object"),
            ),
        }
    }
}

/// A graph object that holds one item.
fn graph_of(item: Item<'_>, at: usize) -> Item<'_> {
    Item::Node(Box::new(Object { at, graph: Some(vec![item]), ..Object::default() }))
}

fn nodes_only(items: &[Item<'_>], at: usize) -> Result<()> {
    if items.iter().all(|it| matches!(it, Item::Node(_))) {
        return Ok(());
    }
    broken("invalid reverse property value", at, "expected the values of a reverse property to be nodes")
}
