//! The model read back from its JSON.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{
    Cardinality, Enumeration, Field, Model, ObjectType, Process, Range, Relation, Scalar, Step, StepKind, Trigger, TriggerKind,
};

/// Why a document is not a model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// It has another form.
    #[error("the model's JSON has another form: {0}")]
    Form(#[from] serde_json::Error),
    /// It is of a revision that is not known here.
    #[error("the model is of revision `{0}`; 1 and 2 are known here")]
    Revision(String),
    /// A name stands for nothing.
    #[error("`{found}` is no {what}; expected one of {expected}")]
    Name {
        /// What it was to be.
        what: &'static str,
        /// What stands there.
        found: String,
        /// What could stand there.
        expected: String,
    },
}

/// Reads what [`ir_json`](super::ir_json) wrote. The model is not [checked](super::check).
///
/// # Errors
/// [`ModelError`]; a missing or unknown member is one.
pub fn from_ir_json(json: &Value) -> Result<Model, ModelError> {
    let json = JsonModel::deserialize(json)?;
    if !matches!(json.ir.as_str(), "1" | "2") {
        return Err(ModelError::Revision(json.ir));
    }
    let enumerations =
        json.enumerations.into_iter().map(|it| Enumeration { name: it.name, values: it.values, annotations: it.annotations });
    Ok(Model {
        version: json.version,
        namespace: json.namespace,
        types: json.types.into_iter().map(object_type).collect::<Result<_, _>>()?,
        enumerations: enumerations.collect(),
        processes: json.processes.into_iter().map(process).collect::<Result<_, _>>()?,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonModel {
    ir: String,
    version: String,
    namespace: String,
    types: Vec<JsonType>,
    #[serde(default)]
    enumerations: Vec<JsonEnumeration>,
    processes: Vec<JsonProcess>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonType {
    name: String,
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    extends: Vec<String>,
    fields: Vec<JsonField>,
    relations: Vec<JsonRelation>,
    state_property: Option<String>,
    states: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonField {
    name: String,
    r#type: JsonRange,
    optional: bool,
    list: bool,
    default: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum JsonRange {
    Scalar(String),
    Enumeration(JsonEnumerationName),
    Type(JsonTypeName),
    OneOf(JsonOneOf<JsonRange>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonEnumerationName {
    enumeration: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonTypeName {
    r#type: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct JsonOneOf<T> {
    one_of: Vec<T>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonRelation {
    name: String,
    target: JsonTargets,
    cardinality: String,
    inverse: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum JsonTargets {
    One(String),
    Several(JsonOneOf<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonEnumeration {
    name: String,
    values: Vec<String>,
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonProcess {
    id: String,
    name: String,
    trigger: JsonTrigger,
    steps: Vec<JsonStep>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonTrigger {
    kind: String,
    subject: Option<String>,
    schedule: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonStep {
    name: String,
    kind: String,
    performer: Option<String>,
    calls: Option<String>,
    subject: Option<String>,
    timeout: Option<String>,
    condition: Option<String>,
    next: Vec<String>,
}

fn object_type(json: JsonType) -> Result<ObjectType, ModelError> {
    Ok(ObjectType {
        name: json.name,
        extends: json.extends,
        fields: json.fields.into_iter().map(field).collect::<Result<_, _>>()?,
        relations: json.relations.into_iter().map(relation).collect::<Result<_, _>>()?,
        annotations: json.annotations,
        state_property: json.state_property,
        states: json.states,
    })
}

fn field(json: JsonField) -> Result<Field, ModelError> {
    let JsonField { name, r#type, optional, list, default } = json;
    Ok(Field { name, range: range(r#type)?, optional, list, default })
}

fn range(json: JsonRange) -> Result<Range, ModelError> {
    Ok(match json {
        JsonRange::Scalar(name) => {
            Range::Scalar(named("scalar", &name, Scalar::from_name, Scalar::ALL.iter().map(|it| it.name()))?)
        }
        JsonRange::Enumeration(it) => Range::Enumeration(it.enumeration),
        JsonRange::Type(it) => Range::Type(it.r#type),
        JsonRange::OneOf(it) => Range::OneOf(it.one_of.into_iter().map(range).collect::<Result<_, _>>()?),
    })
}

fn relation(json: JsonRelation) -> Result<Relation, ModelError> {
    let all = [Cardinality::One, Cardinality::Many];
    let of = |name: &str| all.into_iter().find(|it| it.name() == name);
    let targets = match json.target {
        JsonTargets::One(target) => vec![target],
        JsonTargets::Several(targets) => targets.one_of,
    };
    let cardinality = named("cardinality", &json.cardinality, of, all.iter().map(|it| it.name()))?;
    Ok(Relation { name: json.name, targets, cardinality, inverse: json.inverse })
}

fn process(json: JsonProcess) -> Result<Process, ModelError> {
    let JsonTrigger { kind, subject, schedule } = json.trigger;
    let kind = named("kind of trigger", &kind, TriggerKind::from_name, TriggerKind::ALL.iter().map(|it| it.name()))?;
    let steps = json.steps.into_iter().map(step).collect::<Result<_, _>>()?;
    Ok(Process { id: json.id, name: json.name, trigger: Trigger { kind, subject, schedule }, steps })
}

fn step(json: JsonStep) -> Result<Step, ModelError> {
    let JsonStep { name, kind, performer, calls, subject, timeout, condition, next } = json;
    let kind = named("kind of step", &kind, StepKind::from_name, StepKind::ALL.iter().map(|it| it.name()))?;
    Ok(Step { name, kind, performer, calls, subject, timeout, condition, next })
}

fn named<T>(
    what: &'static str,
    name: &str,
    of: impl Fn(&str) -> Option<T>,
    all: impl Iterator<Item = &'static str>,
) -> Result<T, ModelError> {
    let expected = || all.collect::<Vec<_>>().join(", ");
    of(name).ok_or_else(|| ModelError::Name { what, found: name.to_owned(), expected: expected() })
}
