//! Names and labels that would break generated code.

use std::collections::BTreeMap;

use codegen::model::{Cardinality, Field, Model, ObjectType, Scalar, camel, pascal, snake};

use super::compiles;
use crate::reference::{field, relation};

/// Reserved words of the four languages, and names that their files or libraries use.
const MEMBERS: &str = "abstract and as assert async await base become bool box break byte case catch char checked class clone const \
    constructor continue copy crate datetime decimal deconstruct def default del delegate dict do double dyn elif else enum equals \
    equalityContract eval event except explicit extern false field final finally fixed float fn for foreach from from_orm function gen \
    getHashCode getType global goto hasOwnProperty if impl implicit import in instanceof int interface internal is json lambda let list \
    lock long loop macro match memberwiseClone mod model_config model_dump model_fields model_rebuild model_validate move mut namespace \
    new none nonlocal not null object operator optional or out override params parse_obj pass printMembers priv private prototype pub \
    public raise raw readonly record ref require return sbyte schema schema_json sealed self short sizeof stackalloc static str \
    string struct super switch this throw toString trait true try type typeof uint ulong unchecked undefined unsafe unsized use \
    ushort using uuid validate value valueOf var virtual void volatile where while with yield z";

const TYPES: [&str; 40] = [
    "Any",
    "Array",
    "BaseModel",
    "Box",
    "Boolean",
    "ConfigDict",
    "Date",
    "DateTime",
    "Deserialize",
    "Enum",
    "Err",
    "False",
    "Field",
    "Function",
    "Guid",
    "IReadOnlyList",
    "Infinity",
    "JsonConverter",
    "JsonPropertyName",
    "List",
    "Map",
    "NaN",
    "None",
    "Number",
    "Object",
    "Ok",
    "Option",
    "Optional",
    "Promise",
    "Result",
    "Self",
    "Serialize",
    "Some",
    "String",
    "System",
    "True",
    "UUID",
    "Union",
    "Vec",
    "Z",
];

const LABELS: [&str; 14] = [
    "*/ } ; // </summary> <a>&amp;",
    "\"\"\" + __import__('os').system('false') + \"\"\"",
    "ends with a quote \"",
    "ends with two \"\"",
    "ends with three \"\"\"",
    "ends with a backslash \\",
    "\\\"\"\"\\",
    "line\nbreak\r\nand\rmore\u{2028}\u{2029}\u{85}\u{c}\u{b}x",
    "right to left \u{202e} and \u{2066}isolated\u{2069}",
    "nul \0 bell \u{7} byte order \u{feff} none \u{ffff} \u{fffe}",
    "{producer} {{ }} ${x} `y` #[x] %s",
    "é ü 漢字 🦀",
    "   ",
    "",
];

#[test]
fn reserved_words_compile() {
    compiles(&reserved_words());
}

/// Types and members of every name that has another use somewhere.
pub fn reserved_words() -> Model {
    let mut members: Vec<&str> = MEMBERS.split_whitespace().collect();
    // Names that are one in some language's case are a collision, which is another test.
    let mut seen = std::collections::BTreeSet::new();
    members.retain(|name| {
        [pascal(name), camel(name), snake(name)].into_iter().map(|name| seen.insert(name)).fold(true, |a, b| a | b)
    });
    let mut seen = std::collections::BTreeSet::new();
    members.retain(|name| seen.insert(snake(name)) && seen.insert(format!("P{}", pascal(name))));
    assert!(members.len() > 150, "{}", members.len());
    let mut model = Model { version: "1.0.0".into(), namespace: "class.Using.event".into(), ..Model::default() };
    for (at, name) in TYPES.iter().enumerate() {
        let scalars = Scalar::ALL.iter().enumerate().map(|(at, scalar)| field(&format!("scalar{at}"), *scalar));
        let fields = scalars
            .chain([
                Field { list: true, ..field("texts", Scalar::String) },
                Field { optional: true, ..field("maybe", Scalar::Uuid) },
            ])
            .chain([field(name, Scalar::String)])
            .collect();
        let other = TYPES[(at + 1) % TYPES.len()];
        let relations = vec![relation("one", other, Cardinality::One, None), relation("many", name, Cardinality::Many, None)];
        model.types.push(ObjectType { name: (*name).to_owned(), fields, relations, ..ObjectType::default() });
    }
    let every = |optional: bool, list: bool| -> Vec<Field> {
        let ranged = |(at, name): (usize, &&str)| Field { optional, list, ..field(name, Scalar::ALL[at % Scalar::ALL.len()]) };
        members.iter().enumerate().map(ranged).collect()
    };
    for (name, fields) in [("Plain", every(false, false)), ("Maybe", every(true, false)), ("Listed", every(false, true))] {
        model.types.push(ObjectType { name: name.to_owned(), fields, ..ObjectType::default() });
    }
    model
}

#[test]
fn labels_states_and_defaults_compile() {
    compiles(&labelled());
}

/// Labels, states and defaults that would end what they stand in.
pub fn labelled() -> Model {
    let mut model = Model { version: "1.0.0".into(), namespace: "A.B".into(), ..Model::default() };
    for (at, label) in LABELS.iter().enumerate() {
        let default = |name: &str, scalar, text: &str| Field { default: Some(text.to_owned()), ..field(name, scalar) };
        model.types.push(ObjectType {
            name: format!("Labelled{at}"),
            annotations: BTreeMap::from([("label".to_owned(), (*label).to_owned())]),
            fields: vec![
                default("text", Scalar::String, label),
                default("number", Scalar::Int, "-5"),
                default("wide", Scalar::Long, "9223372036854775807"),
                default("real", Scalar::Float, "1e300"),
                default("flag", Scalar::Bool, "true"),
                Field { default: Some("in-review".to_owned()), ..field("status", Scalar::String) },
            ],
            state_property: Some("status".to_owned()),
            states: ["draft", "in-review", "Self", "3D model", "a'b\"c\\d", "é1\u{202e}", "none", "None1", "mro"]
                .map(str::to_owned)
                .to_vec(),
            ..ObjectType::default()
        });
    }
    model
}
