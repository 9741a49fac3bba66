//! The model: what an ontology says, whatever it was written in.
//!
//! Front ends make a [`Model`], [`ModelDigest`] identifies it, emitters read it. The published model has types with fields, relations and
//! states, and processes. Ontologies in the wild also have superclasses, enumerations and values of several ranges; a model that uses
//! any of these is of the second revision (`"ir":"2"`), so that a model that uses none keeps its digest.

mod check;
mod digest;
mod names;
mod read;

pub use check::{INHERITANCE_MAX, NAME_MAX, check};
pub use digest::{ModelDigest, ir_json};
pub use names::{camel, is_member_name, is_namespace, is_type_name, local_name, member_name, pascal, snake};
pub use read::{ModelError, from_ir_json};

use std::collections::BTreeMap;

/// Everything an ontology says that contracts are made of.
///
/// # Source
/// Codegen, section 2. Where it was read from is carried beside it and is no part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    /// Semantic version of the ontology.
    pub version: String,
    /// Namespace of generated code, dotted.
    pub namespace: String,
    /// Types, in model order.
    pub types: Vec<ObjectType>,
    /// Closed sets of values, in model order. Second revision.
    pub enumerations: Vec<Enumeration>,
    /// Processes, in model order.
    pub processes: Vec<Process>,
}

/// A type of object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectType {
    /// Its name, `^[A-Z][A-Za-z0-9]*$`.
    pub name: String,
    /// Types whose members it has too, by name, in code point order. Second revision; no cycles.
    pub extends: Vec<String>,
    /// Its own fields, in model order.
    pub fields: Vec<Field>,
    /// Its own relations, in model order.
    pub relations: Vec<Relation>,
    /// Texts about it, by local name (`label`, `comment`, …).
    pub annotations: BTreeMap<String, String>,
    /// The string field that holds its state.
    pub state_property: Option<String>,
    /// The states, in declared order; empty without a state property.
    pub states: Vec<String>,
}

/// A value of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its declared name, `^[A-Za-z][A-Za-z0-9_-]*$`.
    pub name: String,
    /// What it holds.
    pub range: Range,
    /// Whether it may be absent.
    pub optional: bool,
    /// Whether it is a list; never both list and optional.
    pub list: bool,
    /// What it is when not given, as text.
    pub default: Option<String>,
}

/// A reference to other objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// Its declared name.
    pub name: String,
    /// The types it points to, by name, in code point order. One in the first revision.
    pub targets: Vec<String>,
    /// How many it points to.
    pub cardinality: Cardinality,
    /// The relation of the target that points back.
    pub inverse: Option<String>,
}

/// How many objects a relation points to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cardinality {
    /// At most one.
    #[default]
    One,
    /// Any number.
    Many,
}

impl Cardinality {
    /// Its name in models and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Many => "many",
        }
    }
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Range {
    /// A scalar; the only range of the first revision.
    Scalar(Scalar),
    /// One value of an enumeration, by its name.
    Enumeration(String),
    /// An object of a type, by its name. Only among the alternatives of [`Range::OneOf`]: else it is a relation.
    Type(String),
    /// One of several: at least two, sorted, different, none of them `OneOf`.
    OneOf(Vec<Range>),
}

/// A scalar type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scalar {
    /// Text.
    String,
    /// 32 bit signed integer.
    Int,
    /// 64 bit signed integer.
    Long,
    /// 64 bit floating point number.
    Float,
    /// True or false.
    Bool,
    /// An instant, RFC 3339 on the wire.
    Datetime,
    /// A UUID.
    Uuid,
    /// Any JSON value.
    Json,
}

impl Scalar {
    /// All of them, in the order of the specification.
    pub const ALL: [Self; 8] =
        [Self::String, Self::Int, Self::Long, Self::Float, Self::Bool, Self::Datetime, Self::Uuid, Self::Json];

    /// Its name in models.
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Datetime => "datetime",
            Self::Uuid => "uuid",
            Self::Json => "json",
        }
    }

    /// The scalar of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scalar| scalar.name() == name)
    }
}

/// A closed set of values, as named individuals or `owl:oneOf` give it. Second revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enumeration {
    /// Its name, of the form and in the name space of types.
    pub name: String,
    /// The values as they are on the wire, in model order, at least one, different.
    pub values: Vec<String>,
    /// Texts about it.
    pub annotations: BTreeMap<String, String>,
}

/// A process: what happens, in which order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its identity, an XML name.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// What starts it.
    pub trigger: Trigger,
    /// Its steps, at least one, in model order.
    pub steps: Vec<Step>,
}

/// What starts a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trigger {
    /// Its kind.
    pub kind: TriggerKind,
    /// The message or signal.
    pub subject: Option<String>,
    /// The schedule of a timer.
    pub schedule: Option<String>,
}

/// Declares an enum whose values have names in models, in the order of the specification.
macro_rules! named {
    ($(#[$about:meta])* $kind:ident { $($(#[$what:meta])* $value:ident = $name:literal,)+ }) => {
        $(#[$about])*
        pub enum $kind { $($(#[$what])* $value,)+ }

        impl $kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];

            /// Its name in models.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$value => $name,)+ }
            }

            /// The one of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.name() == name)
            }
        }
    };
}

named! {
    /// The kind of a trigger.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    TriggerKind {
        /// A message arrives.
        Message = "message",
        /// A schedule comes due.
        Timer = "timer",
        /// A signal is raised.
        Signal = "signal",
        /// A person starts it.
        Manual = "manual",
        /// Nothing starts it by itself.
        #[default]
        None = "none",
    }
}

named! {
    /// The kind of a step.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    StepKind {
        /// A service is called.
        Service = "service",
        /// An event is emitted.
        EmitEvent = "emit-event",
        /// A person does it.
        Manual = "manual",
        /// Waits for a time or a message.
        Wait = "wait",
        /// Chooses one of its followers.
        Decision = "decision",
        /// Starts all of its followers.
        Parallel = "parallel",
        /// Runs another process.
        Call = "call",
        /// Ends the process.
        End = "end",
    }
}

/// A step of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its name, unique in its process, an XML name, not `start`.
    pub name: String,
    /// What it does.
    pub kind: StepKind,
    /// Who does it.
    pub performer: Option<String>,
    /// The process a `call` runs.
    pub calls: Option<String>,
    /// The message or event.
    pub subject: Option<String>,
    /// How long a `wait` waits.
    pub timeout: Option<String>,
    /// When a `decision` takes its first follower.
    pub condition: Option<String>,
    /// The steps that follow, by name; empty means the one written after it.
    pub next: Vec<String>,
}

impl Model {
    /// Whether it uses nothing but the first revision.
    pub fn is_first_revision(&self) -> bool {
        self.enumerations.is_empty()
            && self.types.iter().all(|object| {
                object.extends.is_empty()
                    && object.fields.iter().all(|field| matches!(field.range, Range::Scalar(_)))
                    && object.relations.iter().all(|relation| relation.targets.len() == 1)
            })
    }

    /// The type of that name.
    pub fn object_type(&self, name: &str) -> Option<&ObjectType> {
        self.types.iter().find(|object| object.name == name)
    }
}

impl ObjectType {
    /// What people call it: the annotation `label`, else its name, with runs of control characters and white space as one space.
    pub fn label(&self) -> String {
        let text = self.annotations.get("label").map_or(self.name.as_str(), String::as_str);
        let blank = |c: char| c.is_control() || c.is_whitespace();
        let words: Vec<&str> = text.split(blank).filter(|word| !word.is_empty()).collect();
        if words.is_empty() { self.name.clone() } else { words.join(" ") }
    }
}
