//! What a new version of an ontology changes, for whom, and which version step that demands.
//!
//! [`diff`] compares two models. Every difference is a [`Change`] with a class of the specification's table, and says who is cut off on the
//! wire: readers that still run the old contracts, or writers that do. The whole takes the worst class. [`Diff::version_step`] holds the
//! ontology's own version against the step that is demanded; [`Diff::permit`] refuses what destroys unless each item is named.

mod compare;
mod facts;
mod fields;
mod kind;
mod permit;
mod processes;
mod relations;
mod renames;
mod text;
mod types;
mod version;

use serde::{Deserialize, Serialize};

use crate::model::{Model, ModelDigest};

pub use facts::{Edge, Facts, FactsChange};
pub use kind::Kind;
pub use renames::Renames;

/// How much a change costs, least first.
///
/// # Source
/// Codegen, section 11.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Nothing that programs see.
    Cosmetic,
    /// Something more; what was there stays as it was.
    Additive,
    /// Programs have to be changed.
    Breaking,
    /// Something is gone, and with it what was said by it.
    Destructive,
}

impl Class {
    /// The version step a change of this class demands.
    pub const fn step(self) -> Step {
        match self {
            Self::Cosmetic => Step::Patch,
            Self::Additive => Step::Minor,
            Self::Breaking | Self::Destructive => Step::Major,
        }
    }

    /// Its name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cosmetic => "cosmetic",
            Self::Additive => "additive",
            Self::Breaking => "breaking",
            Self::Destructive => "destructive",
        }
    }
}

/// A step from one semantic version to a later one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// The version may stay.
    #[default]
    None,
    /// The third number, or a pre-release, moves.
    Patch,
    /// The second number moves.
    Minor,
    /// The first number moves.
    Major,
}

impl Step {
    /// Its name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        }
    }
}

/// For whom data still fits, among the generated contracts of the wire profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// Every language.
    All,
    /// Every language but TypeScript: Zod's schema asks for the member even where it may be null or empty.
    AllButTypescript,
    /// None that can be relied on.
    None,
}

/// One difference between two versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Change {
    /// How much it costs.
    pub class: Class,
    /// What kind of change it is.
    pub what: Kind,
    /// What is changed: `Type`, `Type.member`, `Type.member:Alternative`, `Type.property=state`, `Type:Superclass`, `Enumeration=value`,
    /// `Type@annotation`, `process/<id>` or `namespace`. This is also how a destructive change is named to allow it.
    pub subject: String,
    /// The version step it demands.
    pub step: Step,
    /// From what to what, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Whether readers that run the old contracts can read what new writers write.
    pub old_readers: Reach,
    /// Whether readers that run the new contracts can read what old writers wrote.
    pub old_writers: Reach,
    /// What goes with a type that is removed: its members, states and superclass edges. Naming the type names them all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<String>,
}

impl Change {
    fn new(what: Kind, subject: impl Into<String>, detail: impl Into<String>) -> Self {
        let class = what.class();
        Self {
            class,
            what,
            subject: subject.into(),
            step: class.step(),
            detail: detail.into(),
            old_readers: Reach::All,
            old_writers: Reach::All,
            with: Vec::new(),
        }
    }

    fn reach(mut self, old_readers: Reach, old_writers: Reach) -> Self {
        self.old_readers = old_readers;
        self.old_writers = old_writers;
        self
    }
}

/// A version of an ontology, as a comparison names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Side {
    /// Its version.
    pub version: String,
    /// Digest of its model, 64 hexadecimal digits.
    pub model_digest: String,
}

impl Side {
    fn of(model: &Model) -> Self {
        Self { version: model.version.clone(), model_digest: ModelDigest::of(model).to_string() }
    }
}

/// Everything that differs between two versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Diff {
    /// The version compared with.
    pub old: Side,
    /// The version compared.
    pub new: Side,
    /// The worst class; `null` when nothing differs.
    pub class: Option<Class>,
    /// The version step that is demanded.
    pub step: Step,
    /// The differences, worst class first, then by subject.
    pub changes: Vec<Change>,
    /// What the ontology no longer says, and says anew, by its own terms.
    pub facts: FactsChange,
    /// Files of the older artifact that the newer one does not have, with their target's folder in front.
    #[serde(default)]
    pub deletions: Vec<String>,
}

impl Diff {
    /// Changes of one class.
    pub fn of_class(&self, class: Class) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(move |change| change.class == class)
    }

    /// The whole as lines for people.
    pub fn text(&self) -> String {
        text::text(self)
    }

    /// What the ontologies themselves say, where their terms say more than the model keeps. Where one has no terms of its own (the YAML
    /// model), what the models say stays.
    #[must_use]
    pub fn with_facts(mut self, old: &Facts, new: &Facts) -> Self {
        if !old.is_empty() && !new.is_empty() {
            self.facts = FactsChange::between(old, new);
        }
        self
    }
}

/// Compares two checked models. `renames` says which names of the newer one were others before; a name that is not there is a removal
/// and an addition.
///
/// The result does not depend on anything but the arguments. Time grows with the size of the models, and with the depth of superclasses
/// for members that differ.
///
/// # Source
/// Codegen, section 11.
pub fn diff(old: &Model, new: &Model, renames: &Renames) -> Diff {
    let sides = (Side::of(old), Side::of(new));
    let facts = FactsChange::between(&Facts::of(old), &Facts::of(new));
    let mut changes = Vec::new();
    let old = renames.apply(old, new, &mut changes);
    compare::models(&old, new, &mut changes);
    changes.sort_by(|a, b| (b.class, &a.subject, a.what, &a.detail).cmp(&(a.class, &b.subject, b.what, &b.detail)));
    let class = changes.iter().map(|change| change.class).max();
    let step = class.map_or(Step::None, Class::step);
    Diff { old: sides.0, new: sides.1, class, step, changes, facts, deletions: Vec::new() }
}
