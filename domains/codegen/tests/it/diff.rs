//! Comparison of two versions: every kind of change, version steps, what is allowed by name.

use std::collections::{BTreeMap, BTreeSet};

use codegen::diff::{Class, Kind, Reach, Renames, Step, diff};
use codegen::model::{
    Cardinality, Enumeration, Field, Model, ObjectType, Process, Range, Relation, Scalar, Step as ProcessStep, StepKind, Trigger,
    TriggerKind,
};

use crate::reference::{self, field, relation};
use Reach::{All, AllButTypescript as NotTs, None as Nobody};

/// The reference model with something of everything.
fn base() -> Model {
    let mut model = reference::model();
    let step = |name: &str, kind| ProcessStep {
        name: name.to_owned(),
        kind,
        performer: None,
        calls: None,
        subject: None,
        timeout: None,
        condition: None,
        next: Vec::new(),
    };
    model.processes = vec![Process {
        id: "review".to_owned(),
        name: "Review".to_owned(),
        trigger: Trigger { kind: TriggerKind::Manual, ..Trigger::default() },
        steps: vec![step("read", StepKind::Manual), step("done", StepKind::End)],
    }];
    model.enumerations =
        vec![Enumeration { name: "Colour".to_owned(), values: words("red green blue"), ..Enumeration::default() }];
    let article = ObjectType {
        name: "Article".to_owned(),
        extends: words("Document Reviewed"),
        fields: vec![
            field("status", Scalar::String),
            Field { optional: true, default: Some("3".to_owned()), ..field("pages", Scalar::Int) },
            Field {
                range: Range::OneOf(vec![Range::Scalar(Scalar::String), Range::Enumeration("Colour".to_owned())]),
                ..field("ink", Scalar::String)
            },
        ],
        relations: vec![Relation { targets: words("Document User"), ..relation("about", "User", Cardinality::Many, None) }],
        state_property: Some("status".to_owned()),
        states: words("draft final"),
        ..ObjectType::default()
    };
    let reviewed = ObjectType {
        name: "Reviewed".to_owned(),
        fields: vec![field("reviewer", Scalar::String), Field { list: true, ..field("remarks", Scalar::String) }],
        ..ObjectType::default()
    };
    let tagged = ObjectType {
        name: "Tagged".to_owned(),
        fields: vec![Field { optional: true, ..field("tag", Scalar::String) }],
        ..ObjectType::default()
    };
    model.types.extend([article, reviewed, tagged]);
    model
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn object<'m>(model: &'m mut Model, name: &str) -> &'m mut ObjectType {
    model.types.iter_mut().find(|object| object.name == name).unwrap()
}

fn member<'m>(model: &'m mut Model, object_name: &str, name: &str) -> &'m mut Field {
    object(model, object_name).fields.iter_mut().find(|field| field.name == name).unwrap()
}

type Case = (fn(&mut Model), &'static [(Kind, &'static str, Reach, Reach)]);

/// One change each, and everything that is to be said of it.
const CASES: &[Case] = &[
    // Cosmetic.
    (
        |m| drop(object(m, "User").annotations.insert("label".into(), "Person".into())),
        &[(Kind::AnnotationChanged, "User@label", All, All)],
    ),
    (
        |m| drop(object(m, "User").annotations.insert("comment".into(), "One".into())),
        &[(Kind::AnnotationChanged, "User@comment", All, All)],
    ),
    (|m| m.types.swap(0, 1), &[(Kind::TypeOrder, "types", All, All)]),
    (|m| object(m, "Document").relations[0].inverse = None, &[(Kind::InverseChanged, "Document.author", All, All)]),
    (|m| object(m, "Article").states.reverse(), &[(Kind::StateOrder, "Article.status", All, All)]),
    (|m| m.enumerations[0].values.reverse(), &[(Kind::ValueOrder, "Colour", All, All)]),
    (|m| m.processes[0].name = "Look again".into(), &[(Kind::ProcessName, "process/review", All, All)]),
    (
        |m| {
            let moved = object(m, "Article").fields.remove(1);
            object(m, "Document").fields.push(moved);
        },
        &[(Kind::OptionalFieldAdded, "Document.pages", All, NotTs), (Kind::MemberMoved, "Article.pages", All, All)],
    ),
    (
        |m| object(m, "Article").fields.push(Field { list: true, ..field("remarks", Scalar::String) }),
        &[(Kind::MemberMoved, "Article.remarks", All, All)],
    ),
    // Additive.
    (|m| m.types.push(ObjectType { name: "Folder".into(), ..ObjectType::default() }), &[(Kind::TypeAdded, "Folder", All, All)]),
    (
        |m| object(m, "User").fields.insert(0, Field { optional: true, ..field("nick", Scalar::String) }),
        &[(Kind::OptionalFieldAdded, "User.nick", All, NotTs)],
    ),
    (
        |m| object(m, "User").fields.push(Field { list: true, ..field("tags", Scalar::String) }),
        &[(Kind::ListAdded, "User.tags", All, NotTs)],
    ),
    (
        |m| object(m, "User").relations.push(relation("friends", "User", Cardinality::Many, None)),
        &[(Kind::RelationManyAdded, "User.friends", All, All)],
    ),
    (
        |m| m.processes.push(Process { id: "other".into(), ..m.processes[0].clone() }),
        &[(Kind::ProcessAdded, "process/other", All, All)],
    ),
    (
        |m| m.enumerations.push(Enumeration { name: "Size".into(), values: words("s m"), ..Enumeration::default() }),
        &[(Kind::EnumerationAdded, "Size", All, All)],
    ),
    (|m| member(m, "User", "handle").default = Some("anon".into()), &[(Kind::DefaultAdded, "User.handle", All, All)]),
    (|m| object(m, "User").extends.push("Tagged".into()), &[(Kind::SuperclassAdded, "User:Tagged", All, All)]),
    // Breaking.
    (|m| object(m, "User").fields.push(field("age", Scalar::Int)), &[(Kind::RequiredFieldAdded, "User.age", All, Nobody)]),
    (|m| member(m, "Document", "body").optional = false, &[(Kind::FieldRequired, "Document.body", All, Nobody)]),
    (|m| member(m, "Document", "title").optional = true, &[(Kind::FieldOptional, "Document.title", Nobody, All)]),
    (
        |m| object(m, "User").relations.push(relation("boss", "User", Cardinality::One, None)),
        &[(Kind::RelationOneAdded, "User.boss", All, All)],
    ),
    (|m| object(m, "Article").states.push("lost".into()), &[(Kind::StateAdded, "Article.status=lost", Nobody, All)]),
    (
        |m| {
            object(m, "User").state_property = Some("handle".into());
            object(m, "User").states = words("on off");
        },
        &[(Kind::StatePropertySet, "User.handle", All, Nobody)],
    ),
    (
        |m| member(m, "Document", "wordCount").range = Range::Scalar(Scalar::Long),
        &[(Kind::IntWidened, "Document.wordCount", Nobody, All)],
    ),
    (
        |m| object(m, "Document").relations[0].cardinality = Cardinality::Many,
        &[(Kind::CardinalityChanged, "Document.author", Nobody, Nobody)],
    ),
    (|m| member(m, "Document", "title").list = true, &[(Kind::ListChanged, "Document.title", Nobody, Nobody)]),
    (|m| object(m, "Document").fields.swap(0, 1), &[(Kind::FieldOrder, "Document", All, All)]),
    (
        |m| {
            object(m, "Article").fields[2].range =
                Range::OneOf(vec![Range::Scalar(Scalar::Int), Range::Scalar(Scalar::String), Range::Enumeration("Colour".into())])
        },
        &[(Kind::RangeAdded, "Article.ink:int", Nobody, All)],
    ),
    (
        |m| object(m, "Article").relations[0].targets.push("Tagged".into()),
        &[(Kind::TargetAdded, "Article.about:Tagged", Nobody, All)],
    ),
    (|m| m.enumerations[0].values.push("black".into()), &[(Kind::ValueAdded, "Colour=black", Nobody, All)]),
    (|m| member(m, "Article", "pages").default = Some("4".into()), &[(Kind::DefaultChanged, "Article.pages", All, All)]),
    (|m| member(m, "Article", "pages").default = None, &[(Kind::DefaultRemoved, "Article.pages", All, Nobody)]),
    (|m| object(m, "User").extends.push("Reviewed".into()), &[(Kind::SuperclassRequires, "User:Reviewed", All, Nobody)]),
    (|m| m.processes[0].steps[0].timeout = Some("PT1H".into()), &[(Kind::ProcessChanged, "process/review", All, All)]),
    (|m| m.processes[0].trigger.kind = TriggerKind::Signal, &[(Kind::ProcessChanged, "process/review", All, All)]),
    // Destructive.
    (
        |m| {
            m.types.retain(|object| object.name != "Tagged");
        },
        &[(Kind::TypeRemoved, "Tagged", Nobody, Nobody)],
    ),
    (|m| drop(object(m, "User").fields.remove(1)), &[(Kind::FieldRemoved, "User.handle", Nobody, All)]),
    (|m| drop(object(m, "Document").fields.remove(2)), &[(Kind::FieldRemoved, "Document.body", NotTs, All)]),
    (|m| drop(object(m, "Article").relations.remove(0)), &[(Kind::RelationRemoved, "Article.about", All, All)]),
    (|m| drop(object(m, "Article").states.remove(0)), &[(Kind::StateRemoved, "Article.status=draft", All, Nobody)]),
    (
        |m| {
            object(m, "Article").state_property = None;
            object(m, "Article").states.clear();
        },
        &[(Kind::StateRemoved, "Article.status=draft", Nobody, All), (Kind::StateRemoved, "Article.status=final", Nobody, All)],
    ),
    (|m| m.processes.clear(), &[(Kind::ProcessRemoved, "process/review", All, All)]),
    (
        |m| member(m, "User", "createdAt").range = Range::Scalar(Scalar::String),
        &[(Kind::ScalarChanged, "User.createdAt", Nobody, All)],
    ),
    (
        |m| member(m, "User", "handle").range = Range::Scalar(Scalar::Bool),
        &[(Kind::ScalarChanged, "User.handle", Nobody, Nobody)],
    ),
    (
        |m| member(m, "Document", "title").range = Range::Scalar(Scalar::Uuid),
        &[(Kind::ScalarChanged, "Document.title", All, Nobody)],
    ),
    (
        |m| {
            drop(object(m, "Document").fields.remove(1));
            object(m, "Document").relations.push(relation("title", "User", Cardinality::One, None));
        },
        &[(Kind::MemberKindChanged, "Document.title", Nobody, Nobody)],
    ),
    (
        |m| object(m, "Article").fields[2].range = Range::Scalar(Scalar::String),
        &[(Kind::RangeRemoved, "Article.ink:Colour", All, Nobody)],
    ),
    (
        |m| object(m, "Article").relations[0].targets.retain(|t| t != "User"),
        &[(Kind::TargetRemoved, "Article.about:User", All, Nobody)],
    ),
    (|m| object(m, "Article").extends.retain(|t| t != "Reviewed"), &[(Kind::SuperclassRemoved, "Article:Reviewed", Nobody, All)]),
    (|m| drop(m.enumerations[0].values.remove(0)), &[(Kind::ValueRemoved, "Colour=red", All, Nobody)]),
    (
        |m| {
            m.enumerations.clear();
            object(m, "Article").fields[2].range = Range::Scalar(Scalar::String);
        },
        &[(Kind::RangeRemoved, "Article.ink:Colour", All, Nobody), (Kind::EnumerationRemoved, "Colour", Nobody, Nobody)],
    ),
    (
        |m| {
            m.types.retain(|object| object.name != "Tagged");
            m.enumerations.push(Enumeration { name: "Tagged".into(), values: words("x"), ..Enumeration::default() });
        },
        &[(Kind::TypeKindChanged, "Tagged", Nobody, Nobody)],
    ),
    (|m| m.namespace = "Other".into(), &[(Kind::NamespaceChanged, "namespace", All, All)]),
];

/// Kinds that the cases above cannot show alone.
const ELSEWHERE: &[Kind] = &[Kind::RelationOrder, Kind::SuperclassRestated, Kind::TypeRenamed, Kind::MemberRenamed];

#[test]
fn every_kind_of_change_has_its_class_and_its_reach() {
    let mut shown: BTreeSet<Kind> = ELSEWHERE.iter().copied().collect();
    for (number, (change, expected)) in CASES.iter().enumerate() {
        let (old, mut new) = (base(), base());
        change(&mut new);
        let found = diff(&old, &new, &Renames::default());
        let said: Vec<_> = found.changes.iter().map(|c| (c.what, c.subject.as_str(), c.old_readers, c.old_writers)).collect();
        assert_eq!(said, *expected, "case {number}");
        assert_eq!(found.class, expected.iter().map(|(kind, ..)| kind.class()).max());
        assert_eq!(found.step, found.class.unwrap().step());
        assert!(found.changes.iter().all(|c| c.class == c.what.class() && c.step == c.class.step()));
        assert!(
            found.changes.iter().all(|c| found.text().contains(&format!("{} {}", c.what.name(), c.subject))),
            "{}",
            found.text()
        );
        shown.extend(found.changes.iter().map(|change| change.what));
        let back: codegen::diff::Diff = serde_json::from_slice(&serde_json::to_vec(&found).unwrap()).unwrap();
        assert_eq!(back, found);
    }
    let missing: Vec<_> = Kind::ALL.iter().filter(|kind| !shown.contains(kind)).collect();
    assert!(missing.is_empty(), "no case shows {missing:?}");
}

#[test]
fn the_classes_are_those_of_the_table() {
    // Codegen, section 11, row by row.
    let rows: [(Class, Step, &[Kind]); 4] = [
        (Class::Cosmetic, Step::Patch, &[Kind::AnnotationChanged]),
        (
            Class::Additive,
            Step::Minor,
            &[Kind::TypeAdded, Kind::OptionalFieldAdded, Kind::ListAdded, Kind::RelationManyAdded, Kind::ProcessAdded],
        ),
        (
            Class::Breaking,
            Step::Major,
            &[
                Kind::RequiredFieldAdded,
                Kind::FieldRequired,
                Kind::RelationOneAdded,
                Kind::StateAdded,
                Kind::IntWidened,
                Kind::CardinalityChanged,
                Kind::FieldOrder,
                Kind::FieldOptional,
            ],
        ),
        (
            Class::Destructive,
            Step::Major,
            &[
                Kind::TypeRemoved,
                Kind::FieldRemoved,
                Kind::RelationRemoved,
                Kind::StateRemoved,
                Kind::ProcessRemoved,
                Kind::ScalarChanged,
                Kind::NamespaceChanged,
            ],
        ),
    ];
    for (class, step, kinds) in rows {
        assert!(kinds.iter().all(|kind| kind.class() == class && kind.class().step() == step), "{class:?}");
    }
}

#[test]
fn nothing_differs_from_itself() {
    let found = diff(&base(), &base(), &Renames::default());
    assert_eq!((found.class, found.step, found.changes.len()), (None, Step::None, 0));
    assert!(found.version_step().is_empty());
    assert_eq!(found.permit::<&str>(&[]), Ok(vec![]));
}

#[test]
fn relations_may_come_in_another_order() {
    let mut old = base();
    object(&mut old, "User").relations.push(relation("friends", "User", Cardinality::Many, None));
    let mut new = old.clone();
    object(&mut new, "User").relations.reverse();
    let found = diff(&old, &new, &Renames::default());
    assert_eq!((found.changes[0].what, found.changes.len()), (Kind::RelationOrder, 1));
}

#[test]
fn an_edge_that_follows_from_others_is_no_loss() {
    let mut old = base();
    object(&mut old, "Reviewed").extends.push("Tagged".to_owned());
    let mut new = old.clone();
    object(&mut new, "Article").extends.push("Tagged".to_owned());
    for (from, to) in [(&old, &new), (&new, &old)] {
        let found = diff(from, to, &Renames::default());
        assert_eq!((found.changes[0].what, found.changes.len()), (Kind::SuperclassRestated, 1));
        let facts = if std::ptr::eq(from, &raw const old) { found.facts.added } else { found.facts.removed };
        assert_eq!(
            facts.superclasses,
            BTreeSet::from([("Article".to_owned(), "Tagged".to_owned())]),
            "and it is listed all the same"
        );
    }
}

#[test]
fn a_rename_is_one_when_the_ontology_says_so() {
    let (old, mut new) = (base(), base());
    for object in &mut new.types {
        for name in object.extends.iter_mut().chain(object.relations.iter_mut().flat_map(|relation| &mut relation.targets)) {
            if name == "Document" {
                "Paper".clone_into(name);
            }
        }
        object.extends.sort();
        object.relations.iter_mut().for_each(|relation| relation.targets.sort());
    }
    object(&mut new, "Document").name = "Paper".to_owned();
    "heading".clone_into(&mut member(&mut new, "Paper", "title").name);
    object(&mut new, "Paper").relations[0].name = "writer".to_owned();
    "condition".clone_into(&mut member(&mut new, "Article", "status").name);
    object(&mut new, "Article").state_property = Some("condition".to_owned());

    let silent = diff(&old, &new, &Renames::default());
    assert_eq!(silent.class, Some(Class::Destructive));
    let types = BTreeMap::from([("Paper".to_owned(), "Document".to_owned())]);
    let member_name = |object: &str, is: &str, was: &str| ((object.to_owned(), is.to_owned()), was.to_owned());
    let members = BTreeMap::from([
        member_name("Paper", "heading", "title"),
        member_name("Paper", "writer", "author"),
        member_name("Article", "condition", "status"),
    ]);
    let renames = Renames { types, members };
    let said = diff(&old, &new, &renames);
    let changes: Vec<_> = said.changes.iter().map(|change| (change.what, change.subject.as_str())).collect();
    assert_eq!(
        changes,
        [
            (Kind::MemberRenamed, "Article.condition"),
            (Kind::TypeRenamed, "Paper"),
            (Kind::MemberRenamed, "Paper.heading"),
            (Kind::MemberRenamed, "Paper.writer"),
        ]
    );
    assert_eq!((said.class, said.step), (Some(Class::Breaking), Step::Major));
    assert!(said.facts.removed.types.contains("Document"), "by its own terms the name is gone");
    // The ontology goes on saying it; a version later it means nothing.
    assert_eq!(diff(&new, &new, &renames).class, None);
}

#[test]
fn a_rename_that_cannot_be_is_a_removal_and_an_addition() {
    let (old, mut new) = (base(), base());
    new.types.push(ObjectType { name: "Copy".to_owned(), ..ObjectType::default() });
    // The old name is still there, and another never was.
    let renames = |was: &str| Renames { types: BTreeMap::from([("Copy".to_owned(), was.to_owned())]), ..Renames::default() };
    for was in ["Tagged", "Nowhere"] {
        let found = diff(&old, &new, &renames(was));
        assert_eq!(found.changes.iter().map(|change| change.what).collect::<Vec<_>>(), [Kind::TypeAdded]);
    }
}

#[test]
fn versions_move_as_far_as_changes_demand() {
    let changed = |kind: Option<Step>, old: &str, new: &str| {
        let (mut before, mut after) = (base(), base());
        before.version = old.to_owned();
        after.version = new.to_owned();
        match kind {
            None | Some(Step::None) => {}
            Some(Step::Patch) => object(&mut after, "User").annotations.clear(),
            Some(Step::Minor) => after.types.push(ObjectType { name: "More".to_owned(), ..ObjectType::default() }),
            Some(Step::Major) => drop(object(&mut after, "User").fields.remove(0)),
        }
        diff(&before, &after, &Renames::default()).version_step()
    };
    let fine = [
        (None, "1.0.0", "1.0.0"),
        (None, "1.0.0", "2.0.0"),
        (Some(Step::Patch), "1.0.0", "1.0.1"),
        (Some(Step::Patch), "1.0.0-rc.1", "1.0.0"),
        (Some(Step::Minor), "1.0.9", "1.1.0"),
        (Some(Step::Major), "1.9.0", "2.0.0"),
        (Some(Step::Major), "0.9.0", "1.0.0"),
    ];
    for (kind, old, new) in fine {
        assert_eq!(changed(kind, old, new), [], "{kind:?} {old} {new}");
    }
    let wrong = [
        (None, "1.0.1", "1.0.0", "expected 1.0.1 or later"),
        (Some(Step::Patch), "1.0.0", "1.0.0", "expected 1.0.1 or later"),
        (Some(Step::Patch), "1.0.0", "1.0.0+build", "expected 1.0.1 or later"),
        (Some(Step::Minor), "1.0.0", "1.0.1", "additive"),
        (Some(Step::Minor), "1.0.0", "1.0.1", "expected 1.1.0 or later"),
        (Some(Step::Major), "1.0.0", "1.1.0", "field-removed of `User.id`"),
        (Some(Step::Major), "0.1.0", "0.2.0", "expected 1.0.0 or later"),
        (Some(Step::Major), "2.0.0", "1.0.0", "goes back"),
    ];
    for (kind, old, new, said) in wrong {
        let found = changed(kind, old, new);
        assert_eq!((found.len(), found[0].code.as_str()), (1, "E-VERSION-STEP"), "{kind:?} {old} {new}");
        assert!(said == "additive" || found[0].message.contains(said), "{}", found[0].message);
    }
    let found = changed(None, "30.0", "one");
    assert_eq!(found.iter().map(|diagnostic| diagnostic.code.as_str()).collect::<Vec<_>>(), ["E-VERSION", "E-VERSION"]);
    assert!(found[0].message.contains("`30.0`"), "{}", found[0].message);
}

#[test]
fn destroying_takes_naming_each_item() {
    let (old, mut new) = (base(), base());
    object(&mut new, "User").fields.remove(1);
    new.types.retain(|object| object.name != "Tagged");
    let found = diff(&old, &new, &Renames::default());
    let codes = |names: &[&str]| -> Vec<(String, String)> {
        let refused = found.permit(names).unwrap_err();
        refused.into_iter().map(|diagnostic| (diagnostic.code, diagnostic.subject)).collect()
    };
    let pair = |code: &str, subject: &str| (code.to_owned(), subject.to_owned());
    assert_eq!(codes(&[]), [pair("E-DESTRUCTIVE", "Tagged"), pair("E-DESTRUCTIVE", "User.handle")]);
    assert_eq!(codes(&["Tagged"]), [pair("E-DESTRUCTIVE", "User.handle")]);
    assert_eq!(codes(&["Tagged", "User.handle", "User.id"]), [pair("E-ALLOW-UNKNOWN", "User.id")]);
    assert_eq!(codes(&["Tagged", "User"]), [pair("E-ALLOW-UNKNOWN", "User"), pair("E-DESTRUCTIVE", "User.handle")]);
    assert_eq!(found.permit(&["User.handle", "Tagged", "Tagged"]), Ok(words("Tagged User.handle")));
    let removed = found.changes.iter().find(|change| change.subject == "Tagged").unwrap();
    assert_eq!(removed.with, ["Tagged.tag"], "what goes with a type is said");
    let nothing = diff(&old, &old, &Renames::default()).permit(&["User"]).unwrap_err();
    assert!(nothing[0].message.contains("nothing is destroyed"), "{}", nothing[0].message);
}

#[test]
fn circles_of_superclasses_end() {
    let mut old = base();
    object(&mut old, "User").extends.push("Document".to_owned());
    object(&mut old, "Document").extends.push("User".to_owned());
    let mut new = old.clone();
    object(&mut new, "User").fields.remove(0);
    let found = diff(&old, &new, &Renames::default());
    assert_eq!(found.changes[0].what, Kind::MemberMoved, "the other type of the circle has it");
}
