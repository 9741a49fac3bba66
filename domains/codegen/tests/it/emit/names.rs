//! Names: a collision is an error that names both sources, and nothing is ever numbered.

use codegen::diagnostic::Diagnostic;
use codegen::emit::{Emitted, Options, Profile, Target, emit};
use codegen::model::{Cardinality, Enumeration, Model, ObjectType, Scalar};

use crate::reference::{field, relation};

fn object(name: &str) -> ObjectType {
    ObjectType { name: name.to_owned(), ..ObjectType::default() }
}

fn model(types: Vec<ObjectType>) -> Model {
    Model { version: "1.0.0".into(), namespace: "A".into(), types, ..Model::default() }
}

fn made(model: &Model, target: Target, profile: Profile) -> Result<Emitted, Vec<Diagnostic>> {
    emit(model, target, &Options { profile, ..Options::new("0.1.0") })
}

/// Which languages refuse a model, in the plain profile; each refusal names both sources.
fn refusing(model: &Model, sources: [&str; 2]) -> Vec<Target> {
    let refuses = |target: &Target| match made(model, *target, Profile::Plain) {
        Ok(_) => false,
        Err(errors) => {
            let found = errors.iter().find(|error| error.code == "E-NAME-COLLISION").unwrap_or_else(|| panic!("{errors:?}"));
            assert!(sources.iter().all(|source| found.message.contains(source)), "{found:?}");
            assert_eq!(found.target.as_deref(), Some(target.name()));
            true
        }
    };
    Target::LANGUAGES.into_iter().filter(refuses).collect()
}

const ALL: [Target; 4] = Target::LANGUAGES;

#[test]
fn two_members_of_one_name() {
    let two = |a: &str, b: &str| {
        let mut one = object("Thing");
        one.fields = vec![field(a, Scalar::String)];
        one.relations = vec![relation(b, "Thing", Cardinality::Many, None)];
        refusing(&model(vec![one]), [a, b])
    };
    assert_eq!(two("created-at", "created_at"), ALL);
    assert_eq!(two("createdAt", "created_at"), ALL, "pascal, camel and snake case all meet");
    assert_eq!(two("userID", "user_i_d"), ALL);
    assert_eq!(two("userId", "userID"), []);
    assert_eq!(two("wordCount", "wordcount"), []);
    assert_eq!(two("a_-b", "a-b"), [Target::Csharp, Target::Typescript]);
}

#[test]
fn an_inherited_member_of_one_name() {
    let (mut base, mut leaf) = (object("Base"), object("Leaf"));
    base.fields = vec![field("created-at", Scalar::String)];
    leaf.fields = vec![field("createdAt", Scalar::String)];
    leaf.extends = vec!["Base".to_owned()];
    assert_eq!(refusing(&model(vec![base, leaf]), ["created-at", "createdAt"]), ALL);
}

#[test]
fn a_type_and_what_stands_beside_another() {
    let mut stateful = object("Order");
    stateful.fields = vec![field("status", Scalar::String)];
    stateful.state_property = Some("status".to_owned());
    stateful.states = vec!["open".to_owned()];
    assert_eq!(refusing(&model(vec![object("OrderState"), stateful]), ["type `OrderState`", "the states of type `Order`"]), ALL);
    let named = |name: &str, sources| refusing(&model(vec![object("Order"), object(name)]), sources);
    assert_eq!(named("OrderSchema", ["type `OrderSchema`", "the schema of type `Order`"]), [Target::Typescript]);
    assert_eq!(named("IOrderProjection", ["type `IOrderProjection`", "the projection of type `Order`"]), [Target::Csharp]);
    let mut both = model(vec![object("Colour")]);
    both.enumerations = vec![Enumeration { name: "Colour".into(), values: vec!["red".into()], ..Enumeration::default() }];
    assert_eq!(refusing(&both, ["enumeration `Colour`", "type `Colour`"]), ALL);
}

#[test]
fn two_values_of_one_name() {
    let mut colours = model(vec![]);
    colours.enumerations =
        vec![Enumeration { name: "Colour".into(), values: vec!["dark-red".into(), "dark red".into()], ..Enumeration::default() }];
    assert_eq!(refusing(&colours, ["\"dark-red\"", "\"dark red\""]), ALL);
    colours.enumerations[0].values = vec!["é".into()];
    for target in ALL {
        assert_eq!(made(&colours, target, Profile::Wire).unwrap_err()[0].code, "E-NAME-VALUE");
    }
}

#[test]
fn reserved_words_are_escaped_and_said_to_be() {
    let mut one = object("Option");
    one.fields = ["type", "self", "class", "equals"].map(|name| field(name, Scalar::String)).to_vec();
    let model = model(vec![one]);
    let names = |target, profile| -> Vec<String> {
        made(&model, target, profile).unwrap().symbols.into_iter().map(|one| one.name).collect()
    };
    assert_eq!(
        names(Target::Rust, Profile::Wire),
        ["Option_", "Option_.r#type", "Option_.self_", "Option_.class", "Option_.equals"]
    );
    assert_eq!(names(Target::Python, Profile::Wire), ["Option", "Option.type", "Option.self", "Option.class_", "Option.equals"]);
    assert_eq!(names(Target::Csharp, Profile::Plain), ["Option", "Option.Type", "Option.Self", "Option.Class", "Option.Equals_"]);
    assert_eq!(
        names(Target::Typescript, Profile::Plain),
        ["Option", "Option.type", "Option.self", "Option.class", "Option.equals"]
    );
    let notes = made(&model, Target::Rust, Profile::Wire).unwrap().diagnostics;
    let subjects: Vec<&str> = notes.iter().filter(|one| one.code == "I-NAME-ESCAPED").map(|one| one.subject.as_str()).collect();
    assert_eq!(subjects, ["Option", "Option.self", "Option.type"]);
}

#[test]
fn a_namespace_hides_nothing_that_the_file_uses() {
    let mut one = model(vec![object("Thing")]);
    for (namespace, refused) in
        [("Acme.System.Contracts", true), ("Acme.Guid", true), ("System.Contracts", false), ("Acme.Thing", false)]
    {
        one.namespace = namespace.to_owned();
        let made = made(&one, Target::Csharp, Profile::Wire);
        assert_eq!(made.as_ref().err().map(|errors| errors[0].code.as_str()), refused.then_some("E-NAMESPACE"), "{namespace}");
        if let Some(checked) = made.ok().and_then(|emitted| crate::smoke::compiled(&emitted)) {
            assert!(checked.passed(), "{checked:?}");
        }
    }
}
