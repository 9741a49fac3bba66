//! A file before it is written: everything of the model under its names in one language.
//!
//! Built-in renderers and templates read the same view.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::diagnostic::Diagnostic;
use crate::model::{Field, ObjectType};

use super::language::Language;
use super::names::{self, Scope};
use super::resolve::{MemberRef, Resolved, is_state};
use super::{Symbol, text};

/// The names of types and enumerations in a language.
#[derive(Debug)]
pub(super) struct Names<'m> {
    types: BTreeMap<&'m str, String>,
}

impl Names<'_> {
    /// The name of a type or enumeration; an undeclared one keeps its own.
    pub(super) fn of<'a>(&'a self, declared: &'a str) -> &'a str {
        self.types.get(declared).map_or(declared, String::as_str)
    }

    /// The name of the states of a type.
    pub(super) fn state(&self, object: &ObjectType) -> String {
        format!("{}State", self.of(&object.name))
    }

    /// The name of the states that a field holds, when it holds any.
    pub(super) fn state_of(&self, object: &ObjectType, field: &Field) -> Option<String> {
        is_state(object, field).then(|| self.state(object))
    }
}

/// A file of a language.
#[derive(Debug, Serialize)]
pub(super) struct View<'m> {
    /// The header, ending in a line feed.
    pub header: String,
    /// The namespace.
    pub namespace: &'m str,
    /// The version of the model.
    pub version: &'m str,
    /// The profile.
    pub profile: &'static str,
    /// The revision of the model, 1 or 2.
    pub revision: u8,
    /// What the language has to bring in for members of these types, by names of its own.
    pub uses: Vec<&'static str>,
    /// Enumerations, in the order of the file.
    pub enumerations: Vec<Values>,
    /// Types, in the order of the file.
    pub types: Vec<Type<'m>>,
    /// What is worth knowing about the names.
    #[serde(skip)]
    pub diagnostics: Vec<Diagnostic>,
    /// What the file declares.
    #[serde(skip)]
    pub symbols: Vec<Symbol>,
}

/// A closed set of values.
#[derive(Debug, Serialize)]
pub(super) struct Values {
    /// Its name in the language.
    pub name: String,
    /// Its label.
    pub label: String,
    /// The values, in model order.
    pub values: Vec<Variant>,
}

/// One value of a closed set.
#[derive(Debug, Serialize)]
pub(super) struct Variant {
    /// Its name in the language.
    pub name: String,
    /// What it is on the wire.
    pub value: String,
    /// That as a string literal of the language.
    pub literal: String,
}

/// A type.
#[derive(Debug, Serialize)]
pub(super) struct Type<'m> {
    /// Its name in the language.
    pub name: String,
    /// Its name in the model.
    pub declared: &'m str,
    /// Its label, one line, not escaped.
    pub label: String,
    /// What it inherits from.
    pub bases: Vec<Base>,
    /// Its fields, inherited ones first.
    pub fields: Vec<Cow<'m, Member>>,
    /// Its relations, inherited ones first.
    pub relations: Vec<Cow<'m, Member>>,
    /// The fields that its bases do not bring.
    pub own_fields: Vec<Cow<'m, Member>>,
    /// The relations that its bases do not bring.
    pub own_relations: Vec<Cow<'m, Member>>,
    /// Its states.
    pub states: Option<Values>,
}

/// A type that another inherits from.
#[derive(Debug, Serialize)]
pub(super) struct Base {
    /// Its name in the language.
    pub name: String,
    /// Its members that the inheriting type has otherwise.
    pub without: Vec<String>,
}

/// A field or relation.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Member {
    /// Its name in the language.
    pub name: String,
    /// Its name in the model.
    pub declared: String,
    /// Its type in the language.
    #[serde(rename = "type")]
    pub ty: String,
    /// The schema that tests it, in languages that have one.
    pub schema: String,
    /// What it is when absent, in languages that say so.
    pub default: Option<String>,
    /// Whether it may be absent.
    pub optional: bool,
    /// Whether it is a list.
    pub list: bool,
    /// Whether a base has a member of its name.
    pub hides: bool,
}

/// The members of all types, each made once and lent to every type that inherits it.
pub(super) struct Pool {
    fields: Vec<Vec<Member>>,
    relations: Vec<Vec<Member>>,
}

impl Pool {
    /// The members of a model in a language.
    pub(super) fn new<L: Language>(resolved: &Resolved<'_>, language: &L, names: &Names<'_>) -> Self {
        let mut fields = Vec::with_capacity(resolved.model.types.len());
        let mut relations = Vec::with_capacity(resolved.model.types.len());
        for (at, object) in resolved.model.types.iter().enumerate() {
            let inherited = |name: &str| {
                resolved.parents[at].iter().any(|parent| {
                    let members = &resolved.members[*parent];
                    members.fields.iter().any(|field| resolved.field(*field).name == name)
                        || members.relations.iter().any(|relation| resolved.relation(*relation).name == name)
                })
            };
            let field = |field: &Field| {
                let typed = language.field(names, object, field);
                Member {
                    name: language.member_name(&field.name),
                    declared: field.name.clone(),
                    ty: typed.ty,
                    schema: typed.schema,
                    default: typed.default,
                    optional: field.optional,
                    list: field.list,
                    hides: inherited(&field.name),
                }
            };
            fields.push(object.fields.iter().map(field).collect());
            let relation = |relation: &crate::model::Relation| {
                let typed = language.relation(names, relation);
                Member {
                    name: language.member_name(&relation.name),
                    declared: relation.name.clone(),
                    ty: typed.ty,
                    schema: typed.schema,
                    default: typed.default,
                    optional: false,
                    list: relation.cardinality == crate::model::Cardinality::Many,
                    hides: inherited(&relation.name),
                }
            };
            relations.push(object.relations.iter().map(relation).collect());
        }
        Self { fields, relations }
    }

    fn field(&self, member: MemberRef) -> &Member {
        &self.fields[member.owner][member.at]
    }

    fn relation(&self, member: MemberRef) -> &Member {
        &self.relations[member.owner][member.at]
    }
}

/// The names of a model's types in a language.
pub(super) fn names<'m, L: Language>(resolved: &Resolved<'m>, language: &L) -> Names<'m> {
    let declared = resolved.types.keys().chain(resolved.enumerations.keys());
    Names { types: declared.map(|name| (*name, language.type_name(name))).collect() }
}

impl<'m> View<'m> {
    /// The file of a model in a language.
    ///
    /// # Errors
    /// Names that collide, values that no name can be made of.
    pub(super) fn new<L: Language>(
        resolved: &Resolved<'m>,
        language: &L,
        names: &Names<'m>,
        pool: &'m Pool,
        header: String,
        profile: &'static str,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut builder = Builder { resolved, language, names, pool, errors: Vec::new(), notes: Vec::new(), symbols: Vec::new() };
        let mut scope = Scope::new(L::TARGET);
        let enumerations = builder.enumerations(&mut scope);
        let bases = language.bases(resolved);
        let order: Vec<usize> = if language.sorts_types() {
            resolved.by_name().collect()
        } else if resolved.model.is_first_revision() {
            (0..resolved.model.types.len()).collect()
        } else {
            resolved.parents_first.clone()
        };
        let types: Vec<Type<'m>> = order.into_iter().map(|at| builder.object(at, &bases[at], &mut scope)).collect();
        let mut errors = builder.errors;
        errors.extend(scope.into_errors());
        if let Some(message) = language.namespace(&resolved.model.namespace) {
            errors.push(Diagnostic::new("E-NAMESPACE", &resolved.model.namespace, message).for_target(L::TARGET.name()));
        }
        if !errors.is_empty() {
            crate::diagnostic::sort(&mut errors);
            return Err(errors);
        }
        Ok(Self {
            header,
            namespace: &resolved.model.namespace,
            version: &resolved.model.version,
            profile,
            revision: if resolved.model.is_first_revision() { 1 } else { 2 },
            uses: language.uses(&types),
            enumerations,
            types,
            diagnostics: builder.notes,
            symbols: builder.symbols,
        })
    }
}

struct Builder<'a, 'm, L: Language> {
    resolved: &'a Resolved<'m>,
    language: &'a L,
    names: &'a Names<'m>,
    pool: &'m Pool,
    errors: Vec<Diagnostic>,
    notes: Vec<Diagnostic>,
    symbols: Vec<Symbol>,
}

impl<'m, L: Language> Builder<'_, 'm, L> {
    fn enumerations(&mut self, scope: &mut Scope) -> Vec<Values> {
        let by_name: Vec<usize> = self.resolved.enumerations.values().copied().collect();
        let in_order: Vec<usize> = (0..by_name.len()).collect();
        let mut all = Vec::with_capacity(by_name.len());
        for at in if self.language.sorts_types() { by_name } else { in_order } {
            let one = &self.resolved.model.enumerations[at];
            let name = self.names.of(&one.name).to_owned();
            let source = format!("enumeration `{}`", one.name);
            scope.take(&name, &source);
            for (beside, what) in self.language.beside_enumeration(&name) {
                scope.take(&beside, &format!("{what} of {source}"));
            }
            self.note_name(&one.name, &one.name, &name);
            self.symbols.push(Symbol { subject: one.name.clone(), name: name.clone() });
            let label = one.annotations.get("label").map_or_else(String::new, |label| text::one_line(label));
            let label = if label.is_empty() { one.name.clone() } else { label };
            all.push(self.values(&one.name, name, label, &one.values));
        }
        all
    }

    fn values(&mut self, source: &str, name: String, label: String, values: &[String]) -> Values {
        let mut scope = Scope::new(L::TARGET);
        let mut variants = Vec::with_capacity(values.len());
        for value in values {
            if !names::has_words(value) {
                let message = format!("the value {value:?} has no ASCII letter or digit to make a name of; give it one");
                self.errors.push(Diagnostic::new("E-NAME-VALUE", source, message).for_target(L::TARGET.name()));
                continue;
            }
            let variant = self.language.variant_name(value);
            scope.take(&variant, &format!("{source}'s value {value:?}"));
            self.symbols.push(Symbol { subject: format!("{source}={value}"), name: format!("{name}.{variant}") });
            variants.push(Variant { name: variant, literal: self.language.literal(value), value: value.clone() });
        }
        self.errors.extend(scope.into_errors());
        Values { name, label, values: variants }
    }

    fn object(&mut self, at: usize, bases: &[usize], scope: &mut Scope) -> Type<'m> {
        let object = self.resolved.object(at);
        let name = self.names.of(&object.name).to_owned();
        let source = format!("type `{}`", object.name);
        scope.take(&name, &source);
        for (beside, what) in self.language.beside_type(&name) {
            scope.take(&beside, &format!("{what} of {source}"));
        }
        self.note_name(&object.name, &object.name, &name);
        self.symbols.push(Symbol { subject: object.name.clone(), name: name.clone() });
        let states = (object.state_property.is_some() && !object.states.is_empty()).then(|| {
            let states = self.names.state(object);
            scope.take(&states, &format!("the states of {source}"));
            self.symbols.push(Symbol { subject: format!("{}=", object.name), name: states.clone() });
            self.values(&object.name, states, text::label(object), &object.states)
        });
        let members = &self.resolved.members[at];
        let (fields, own_fields) = self.split(at, bases, &name, &members.fields, Pool::field);
        let (relations, own_relations) = self.split(at, bases, &name, &members.relations, Pool::relation);
        self.distinct(object, &fields, &relations);
        let own = |member: &MemberRef| member.owner == at;
        let own_names: Vec<&Cow<'m, Member>> = members
            .fields
            .iter()
            .zip(&fields)
            .filter(|(member, _)| own(member))
            .map(|(_, one)| one)
            .chain(members.relations.iter().zip(&relations).filter(|(member, _)| own(member)).map(|(_, one)| one))
            .collect();
        for member in own_names {
            let subject = format!("{}.{}", object.name, member.declared);
            self.symbols.push(Symbol { name: format!("{name}.{}", member.name), subject: subject.clone() });
            if member.name.ends_with('_') && !member.declared.ends_with(['_', '-']) || member.name.contains(['@', '#']) {
                self.notes.push(escaped(L::TARGET.name(), &subject, &member.declared, &member.name));
            }
        }
        let bases = self.bases(at, bases);
        Type {
            label: text::label(object),
            name,
            declared: &object.name,
            bases,
            fields,
            relations,
            own_fields,
            own_relations,
            states,
        }
    }

    /// All members of a type, and those its bases do not bring as it has them.
    fn split(
        &self,
        at: usize,
        bases: &[usize],
        name: &str,
        members: &[MemberRef],
        get: fn(&Pool, MemberRef) -> &Member,
    ) -> (Vec<Cow<'m, Member>>, Vec<Cow<'m, Member>>) {
        let lend = |member: MemberRef| {
            let pooled = get(self.pool, member);
            if self.language.clashes(&pooled.name, name) {
                Cow::Owned(Member { name: format!("{}_", pooled.name), ..pooled.clone() })
            } else {
                Cow::Borrowed(pooled)
            }
        };
        let replaced = &self.resolved.replaced[at];
        let own = |member: &&MemberRef| {
            member.owner == at || bases.is_empty() || replaced.contains(get(self.pool, **member).declared.as_str())
        };
        (members.iter().map(|member| lend(*member)).collect(), members.iter().filter(own).map(|member| lend(*member)).collect())
    }

    fn bases(&self, at: usize, bases: &[usize]) -> Vec<Base> {
        let replaced = &self.resolved.replaced[at];
        let base = |base: &usize| {
            let members = &self.resolved.members[*base];
            let fields = members.fields.iter().map(|member| self.pool.field(*member));
            let all = fields.chain(members.relations.iter().map(|member| self.pool.relation(*member)));
            let without =
                all.filter(|member| replaced.contains(member.declared.as_str())).map(|member| member.name.clone()).collect();
            Base { name: self.names.of(&self.resolved.object(*base).name).to_owned(), without }
        };
        bases.iter().map(base).collect()
    }

    /// No two members of one name.
    fn distinct(&mut self, object: &ObjectType, fields: &[Cow<'m, Member>], relations: &[Cow<'m, Member>]) {
        let mut all: Vec<&Member> = fields.iter().chain(relations).map(|member| &**member).collect();
        all.sort_by(|a, b| (&a.name, &a.declared).cmp(&(&b.name, &b.declared)));
        for pair in all.windows(2).filter(|pair| pair[0].name == pair[1].name) {
            let (first, second) = (&pair[0].declared, &pair[1].declared);
            let message = format!(
                "`{first}` and `{second}` of type `{}` are both `{}` in {}; rename one of them in the ontology",
                object.name,
                pair[0].name,
                L::TARGET
            );
            let subject = format!("{}.{second}", object.name);
            self.errors.push(Diagnostic::new("E-NAME-COLLISION", subject, message).for_target(L::TARGET.name()));
        }
    }

    fn note_name(&mut self, subject: &str, declared: &str, name: &str) {
        if declared != name {
            self.notes.push(escaped(L::TARGET.name(), subject, declared, name));
        }
    }
}

fn escaped(target: &str, subject: &str, declared: &str, name: &str) -> Diagnostic {
    let message = format!("`{declared}` has another use in {target}: it is called `{name}` there");
    Diagnostic::new("I-NAME-ESCAPED", subject, message).for_target(target)
}
