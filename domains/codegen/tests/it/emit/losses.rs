//! What a target does not say is reported: all of it, and nothing that is said.

use codegen::emit::{Options, Profile, Target, emit};
use codegen::model::{Cardinality, Field, Model, Scalar};

use crate::reference::{self, field, relation};
use crate::smoke;

/// Code and subject of everything a target reports.
fn reported(model: &Model, target: Target, profile: Profile) -> Vec<String> {
    let emitted = emit(model, target, &Options { profile, ..Options::new("0.1.0") }).unwrap();
    assert!(emitted.diagnostics.iter().all(|one| one.target.as_deref() == Some(target.name())));
    emitted.diagnostics.iter().map(|one| format!("{} {}", one.code, one.subject)).collect()
}

fn model() -> Model {
    let mut model = reference::model();
    let user = &mut model.types[0];
    user.annotations.insert("comment".to_owned(), "Who uses it.".to_owned());
    user.fields.push(Field { default: Some("5".to_owned()), ..field("level", Scalar::Int) });
    user.fields.push(field("visits", Scalar::Long));
    user.relations.push(relation("friend", "User", Cardinality::One, None));
    model
}

#[test]
fn each_target_reports_what_it_loses() {
    let lost = |target, profile| reported(&model(), target, profile);
    let [comment, author, level] = ["W-NOT-EMITTED User", "W-NOT-EMITTED Document.author", "W-NOT-EMITTED User.level"];
    for profile in Profile::ALL {
        // Relations of both types stand in the interface alone.
        assert_eq!(lost(Target::Csharp, profile), ["W-NOT-EMITTED Document", author, comment, comment, level]);
        assert_eq!(lost(Target::Python, profile), [author, comment]);
        assert_eq!(lost(Target::Rust, profile), [author, comment, level]);
        let visits = "W-LONG-53BIT User.visits";
        // Labels, and relations in schemas.
        let document = "W-NOT-EMITTED Document";
        assert_eq!(lost(Target::Typescript, profile), [document, document, author, comment, comment, level, visits]);
        assert_eq!(lost(Target::JsonSchema, profile), [author]);
    }
}

#[test]
fn unions_are_lost_where_there_are_none() {
    let model = smoke::second::model();
    let lost = |target| reported(&model, target, Profile::Wire);
    for target in [Target::Csharp, Target::Rust] {
        let lost = lost(target);
        for subject in ["Leaf.several", "Leaf.any", "Leaf.either", "Other.some", "Zed.all"] {
            assert!(lost.contains(&format!("W-NOT-EMITTED {subject}")), "{target} {subject}: {lost:?}");
        }
    }
    for target in [Target::Typescript, Target::Python] {
        assert!(!lost(target).iter().any(|one| one.ends_with(".several")), "{target}");
    }
    // Both superclasses of Leaf have a member `left`, of different types.
    assert!(lost(Target::Python).contains(&"W-NOT-EMITTED Leaf.left".to_owned()));
}
